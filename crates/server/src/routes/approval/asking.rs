//! Asking, waiting for the answer, and giving more time.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use hyperion_api::Problem;
use hyperion_api::approval::{Approval as Wire, Extend, NewApproval};
use hyperion_engine::approval::{self, Wanted};
use hyperion_engine::{Cx, Error, repo};
use hyperion_model::approval::{Approval, Risk, Status};
use hyperion_model::{Actor, ApprovalId, Name, Subject};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::{again, view};
use crate::Server;
use crate::answer::{Answer, Refusal, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to};

/// The longest that an answer is held back until something is decided.
const WAIT_MAX_MS: u64 = 60_000;
/// How long after a commit is looked, so that many commits are one look.
const LOOK_AFTER: Duration = Duration::from_millis(5);
/// How much more time is given where nothing is said.
const EXTEND_BY_SEC: u64 = 3600;

/// How long the answer may be held back until something is decided.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    wait_ms: Option<u64>,
}

/// Asks, or gives the approval that stands.
pub(super) async fn ask(
    State(server): State<Server>,
    caller: Caller,
    Json(wish): Json<NewApproval>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let wanted = wanted(cx, caller.actor(), wish)?;
        view(cx, &approval::ask(cx, caller.actor(), wanted)?)
    })
    .await
}

fn wanted(cx: &Cx, actor: &Actor, wish: NewApproval) -> Result<Wanted, Error> {
    let NewApproval {
        key,
        action,
        summary,
        details,
        risk,
        diff,
        ttl_sec,
        repo,
        place,
    } = wish;
    let invalid =
        |field: &str, why: String| Problem::new("input.invalid", format!("{field}: {why}"));
    let name = |field: &str, text: String| {
        Name::new(text).map_err(|error| invalid(field, error.to_string()))
    };
    let risks = [Risk::Low, Risk::Medium, Risk::High, Risk::Critical];
    let risk = match risk.as_deref() {
        None => Risk::Medium,
        Some(text) => *risks
            .iter()
            .find(|risk| risk.name() == text)
            .ok_or_else(|| {
                invalid(
                    "risk",
                    format!("{text:?} is none; give low, medium, high or critical"),
                )
            })?,
    };
    let repo = match repo {
        Some(name) => Some(repo::find(cx, &name, None)?.id),
        None => None,
    };
    let key = name("key", key)?;
    let lineage = approval::of_person(actor, repo);
    let level = approval::level_for(risk);
    Ok(Wanted {
        lineage,
        action: name("action", action)?,
        summary,
        details,
        diff,
        risk,
        risk_reasons: vec![format!(
            "{} says that the risk is {}",
            actor.id(),
            risk.name()
        )],
        level,
        about: repo.map_or_else(
            || Subject::Approval(ApprovalId::derive(lineage, key.as_str(), 1)),
            Subject::Repo,
        ),
        key,
        request: None,
        repo,
        ttl: ttl_sec.map(Duration::from_secs),
        place,
        rule: Some(format!(
            "what is said to be of {} risk asks {}",
            risk.name(),
            level.name()
        )),
        undo: None,
    })
}

/// Gives more time to decide.
pub(super) async fn extend(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(Extend { by_sec }): Json<Extend>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find_to::<Approval>("extend", cx, &id, ApprovalId::new)?;
        let by = Duration::from_secs(by_sec.unwrap_or(EXTEND_BY_SEC));
        approval::extend(cx, caller.actor(), found.id, by)?;
        again(cx, found.id)
    })
    .await
}

/// Waits until an approval is decided, at most so long as the call says.
pub(super) async fn until_decided(server: &Server, id: &str, wait: Wait) -> Result<(), Refusal> {
    let Some(wait_ms) = wait.wait_ms else {
        return Ok(());
    };
    if wait_ms > WAIT_MAX_MS {
        let detail = format!("wait_ms is {wait_ms}; give at most {WAIT_MAX_MS}, and call again");
        return Err(Problem::new("input.invalid", detail).into());
    }
    let until = Instant::now() + Duration::from_millis(wait_ms);
    let mut commits = server.cx().store.subscribe();
    loop {
        commits.borrow_and_update();
        let (asked, id) = (server.clone(), id.to_owned());
        let look = move || -> Result<bool, Error> {
            let found = find::<Approval>(asked.cx(), &id, ApprovalId::new)?;
            Ok(found.status == Status::Pending)
        };
        let is_pending = match tokio::task::spawn_blocking(look).await {
            Ok(found) => found?,
            Err(_) => return Err(Problem::new("internal", "the call ended unexpectedly").into()),
        };
        if !is_pending || !matches!(timeout_at(until, commits.changed()).await, Ok(Ok(()))) {
            return Ok(());
        }
        sleep(LOOK_AFTER).await;
    }
}
