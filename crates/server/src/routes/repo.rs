//! Repositories.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::repo::{
    AgreeToCheck, ChangeRepo, Check, RegisterRepo, RemoteBranch, RemoteTrouble, Repo as Wire,
    TriedCheck, TryChecks,
};
use hyperion_api::{List, Problem};
use hyperion_engine::{Cx, Error, queue, remote, repo, run};
use hyperion_identity::Need;
use hyperion_model::repo::{Cause, Repo, Status, Tracked};
use hyperion_model::{Digest, Name};
use hyperion_store::Filter;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::table::Routes;

/// How long a check is tried, in seconds, and at most.
const TRIED_SEC: u64 = 10;
const TRIED_SEC_MAX: u64 = 120;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {
    #[serde(default)]
    all: bool,
}

pub(super) fn routes() -> Routes {
    Routes::about("repositories")
        .get("/api/repos", Need::VIEWER, "Lists repositories", list)
        .post(
            "/api/repos",
            Need::ADMIN,
            "Registers a repository",
            register,
        )
        .get(
            "/api/repos/{repo}",
            Need::VIEWER,
            "Shows a repository",
            show,
        )
        .patch(
            "/api/repos/{repo}",
            Need::ADMIN,
            "Changes what is known of a repository",
            change,
        )
        .post(
            "/api/repos/{repo}/forget",
            Need::ADMIN,
            "Forgets a repository",
            forget,
        )
        .post(
            "/api/repos/{repo}/push",
            Need::ADMIN,
            "Pushes what landed",
            push,
        )
        .post(
            "/api/repos/{repo}/checks/{check}/agree",
            Need::ADMIN,
            "Lets a check have what it asks for",
            agree,
        )
        .post(
            "/api/repos/{repo}/try-checks",
            Need::ADMIN,
            "Tries the checks of a repository",
            try_checks,
        )
}

async fn list(State(server): State<Server>, Query(All { all }): Query<All>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let rows = cx.store.list::<Repo>(&Filter::default().limit(1000))?.rows;
        let shown = rows
            .iter()
            .filter(|repo| all || repo.status == Status::Active);
        Ok(List::whole(
            shown.map(|repo| view(cx, repo, false)).collect(),
        ))
    })
    .await
}

async fn register(
    State(server): State<Server>,
    caller: Caller,
    Json(wanted): Json<RegisterRepo>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let (repo, created) = repo::register(server.cx(), caller.actor(), &wanted)?;
        Ok(view(server.cx(), &repo, created))
    })
    .await
}

async fn show(State(server): State<Server>, Path(wanted): Path<String>) -> Answer<Wire> {
    blocking(server, move |server| {
        let repo = repo::find(server.cx(), &wanted, None)?;
        Ok(view(server.cx(), &repo, false))
    })
    .await
}

async fn change(
    State(server): State<Server>,
    caller: Caller,
    Path(wanted): Path<String>,
    Json(change): Json<ChangeRepo>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let repo = repo::find(cx, &wanted, None)?;
        let repo = repo::change(cx, caller.actor(), &repo, &change)?;
        Ok(view(cx, &repo, false))
    })
    .await
}

async fn forget(
    State(server): State<Server>,
    caller: Caller,
    Path(wanted): Path<String>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let repo = repo::find(cx, &wanted, None)?;
        let repo = repo::forget(cx, caller.actor(), &repo)?;
        Ok(view(cx, &repo, false))
    })
    .await
}

async fn push(
    State(server): State<Server>,
    caller: Caller,
    Path(wanted): Path<String>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let repo = repo::find(cx, &wanted, None)?;
        let repo = repo::push(cx, caller.actor(), &repo)?;
        Ok(view(cx, &repo, false))
    })
    .await
}

async fn agree(
    State(server): State<Server>,
    caller: Caller,
    Path((wanted, check)): Path<(String, String)>,
    Json(wish): Json<AgreeToCheck>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let repo = repo::find(cx, &wanted, None)?;
        let digest = wish.digest.as_deref().map(str::parse::<Digest>);
        let digest = digest
            .transpose()
            .map_err(|error| Problem::new("input.invalid", format!("the digest: {error}")))?;
        let looked_at = repo::LookedAt {
            check: &check,
            branch: wish.branch.as_deref(),
            digest,
        };
        let repo = repo::agree_to_check(cx, caller.actor(), &repo, looked_at, wish.agreed)?;
        Ok(view(cx, &repo, false))
    })
    .await
}

async fn try_checks(
    State(server): State<Server>,
    Path(wanted): Path<String>,
    Json(TryChecks { seconds }): Json<TryChecks>,
) -> Answer<List<TriedCheck>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let repo = repo::find(cx, &wanted, None)?;
        let seconds = seconds.unwrap_or(TRIED_SEC);
        if !(1..=TRIED_SEC_MAX).contains(&seconds) {
            let detail = format!("seconds is {seconds}; give 1 to {TRIED_SEC_MAX}");
            return Err(Problem::new("input.invalid", detail).into());
        }
        let tried = run::try_checks(cx, &repo, Duration::from_secs(seconds))?;
        Ok(List::whole(tried))
    })
    .await
}

fn view(cx: &Cx, repo: &Repo, created: bool) -> Wire {
    Wire {
        id: repo.id.to_string(),
        name: repo.name.to_string(),
        path: repo.path.clone(),
        branch: repo.branch.to_string(),
        status: repo.status.name().to_owned(),
        registered_at: repo.registered_at.to_string(),
        // What cannot be read now is no reason to hide the repository.
        checks: checks(cx, repo).ok(),
        remote: repo.remote.as_ref().map(|remote| remote.name.to_string()),
        push: repo.remote.as_ref().is_some_and(|remote| remote.push),
        branches: repo
            .branches
            .iter()
            .map(|(name, tracked)| branch(cx, name, tracked))
            .collect(),
        // One that cannot be read now has its own findings.
        behind: queue::behind(cx, repo).unwrap_or_default(),
        created,
    }
}

fn branch(cx: &Cx, name: &Name, tracked: &Tracked) -> RemoteBranch {
    let trouble = tracked.trouble.as_ref().map(|trouble| RemoteTrouble {
        cause: trouble.cause.name().to_owned(),
        reason: cx.redactor.redact(trouble.reason.as_str()).into_owned(),
        tries: trouble.tries,
        next_try_at: remote::next_try(trouble, cx.now())
            .filter(|_| trouble.cause != Cause::Conflict)
            .map(|at| at.to_string()),
    });
    RemoteBranch {
        branch: name.to_string(),
        waits: tracked.wanted.is_some(),
        landings: tracked.landings,
        pushed: tracked.pushed.as_ref().map(ToString::to_string),
        pushed_at: tracked.pushed_at.map(|at| at.to_string()),
        trouble,
    }
}

fn checks(cx: &Cx, known: &Repo) -> Result<Vec<Check>, Error> {
    let opened = cx.repos.open(cx, known.id)?;
    let tip = opened.tip(&known.branch)?;
    let (file, _) = opened.file_and_rules(cx, &tip)?;
    Ok(file
        .checks
        .into_iter()
        .map(|(name, check)| {
            let digest = check.digest();
            let asks = check.asks_beyond(&cx.settings);
            Check {
                name,
                sandbox: check
                    .sandbox
                    .map(|level| repo::level_name(level).to_owned()),
                network: check
                    .network
                    .map(|network| repo::network_name(network).to_owned()),
                timeout_sec: check.timeout_sec,
                agreed: !asks.is_empty() && opened.repo.agrees_to(digest),
                asks,
                digest: digest.to_string(),
                command: check.run,
            }
        })
        .collect())
}

/// Gives the name of a repository.
pub(super) fn name(cx: &Cx, id: hyperion_model::RepoId) -> Result<String, Error> {
    Ok(cx
        .store
        .get::<Repo>(id)?
        .map(|repo| repo.name.to_string())
        .unwrap_or_default())
}
