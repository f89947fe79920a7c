//! Changing what is known of a repository: its name, place, branch and remote; forgetting it; pushing by a person's wish.

use std::path::Path;

use hyperion_api::Problem;
use hyperion_api::repo::ChangeRepo;
use hyperion_git::{RefName, UserRepo};
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::{self, Remote, Repo};
use hyperion_model::request::Request;
use hyperion_model::{Actor, Command, Digest, Name, ShortText};
use hyperion_store::Filter;

use super::register::{all, canonical_path, same, taken};
use crate::error::git_id;
use crate::{Cx, Error};

/// How many landings are looked for in a folder that a repository is said to be in now.
const LANDINGS_LOOKED_FOR: u32 = 20;

/// The remote that is meant where none is named.
const ORIGIN: &str = "origin";

/// Changes what is wanted of a repository, all of it or nothing.
pub fn change(cx: &Cx, actor: &Actor, repo: &Repo, wanted: &ChangeRepo) -> Result<Repo, Error> {
    let ChangeRepo {
        name,
        path,
        branch,
        remote,
        push,
    } = wanted;
    let mut commands = Vec::new();
    if let Some(name) = name.as_deref().filter(|name| *name != repo.name.as_str()) {
        let name =
            Name::new(name).map_err(|error| Problem::new("input.invalid", error.to_string()))?;
        if let Some(problem) = taken(&all(cx)?, &name) {
            return Err(problem.into());
        }
        commands.push(repo::Command::Rename { name });
    }
    if let Some(path) = path {
        commands.extend(relocated(cx, repo, Path::new(path))?);
    }
    if let Some(branch) = branch.as_deref().filter(|it| *it != repo.branch.as_str()) {
        commands.push(retargeted(cx, repo, branch)?);
    }
    if remote.is_some() || push.is_some() {
        let remote = chosen_remote(cx, repo, remote.as_deref(), *push)?;
        if remote != repo.remote {
            commands.push(repo::Command::SetRemote { remote });
        }
    }
    execute(cx, actor, repo, commands)
}

/// Takes a repository off the list; what happened to it stays on record.
pub fn forget(cx: &Cx, actor: &Actor, repo: &Repo) -> Result<Repo, Error> {
    let open = Filter::open().repo(repo.id);
    let entries = cx.store.count::<Entry>(&open)?;
    let requests = cx.store.count::<Request>(&open)?;
    if entries + requests > 0 {
        let detail = format!(
            "{} has work under way: {requests} requests and {entries} queue entries are open",
            repo.name
        );
        return Err(Problem::new("state.illegal_move", detail)
            .hint(format!(
                "let it finish, or call it off: hyperion queue list --repo {0}, hyperion request list",
                repo.name
            ))
            .into());
    }
    execute(cx, actor, repo, vec![repo::Command::Forget])
}

/// Has everything that is to be pushed tried now, and the repository's branch as it is.
pub fn push(cx: &Cx, actor: &Actor, repo: &Repo) -> Result<Repo, Error> {
    if repo.remote.is_none() {
        let detail = format!("{} has no remote to push to", repo.name);
        return Err(Problem::new("input.invalid", detail)
            .hint(format!("hyperion repo set {} --remote {ORIGIN}", repo.name))
            .into());
    }
    let opened = cx.repos.open(cx, repo.id)?;
    let mut branches = vec![repo.branch.clone()];
    let unsettled = repo
        .branches
        .iter()
        .filter(|(name, tracked)| **name != repo.branch && !tracked.is_settled());
    branches.extend(unsettled.map(|(name, _)| name.clone()));
    let mut commands = Vec::new();
    for branch in branches {
        if let Some(tip) = opened.tip_if_there(&branch)? {
            commands.push(repo::Command::WantPush {
                branch,
                commit: git_id(&tip)?,
                landings: 0,
            });
        }
    }
    execute(cx, actor, repo, commands)
}

/// Which check of a repository an admin looked at.
#[derive(Debug, Clone, Copy)]
pub struct LookedAt<'a> {
    /// Its name.
    pub check: &'a str,
    /// The branch whose `hyperion.toml` has it; that of the repository where none is named.
    pub branch: Option<&'a str>,
    /// The digest of what was looked at, where it was.
    pub digest: Option<Digest>,
}

/// Lets a check have what it asks for beyond the machine's sandbox, or takes that back.
pub fn agree_to_check(
    cx: &Cx,
    actor: &Actor,
    repo: &Repo,
    looked_at: LookedAt<'_>,
    agreed: bool,
) -> Result<Repo, Error> {
    let LookedAt {
        check: name,
        branch,
        digest,
    } = looked_at;
    let invalid = |detail: String| Problem::new("input.invalid", detail);
    let branch = match branch {
        Some(branch) => {
            Name::new(branch).map_err(|error| invalid(format!("the branch: {error}")))?
        }
        None => repo.branch.clone(),
    };
    let opened = cx.repos.open(cx, repo.id)?;
    let (file, _) = opened.file_and_rules(cx, &opened.tip(&branch)?)?;
    let Some(check) = file.checks.get(name) else {
        let names: Vec<_> = file.checks.keys().map(String::as_str).collect();
        let detail = match names.as_slice() {
            [] => format!("{branch} of {} has no checks", repo.name),
            names => {
                let names = names.join(", ");
                format!(
                    "{branch} of {} has no check {name:?}; it has: {names}",
                    repo.name
                )
            }
        };
        return Err(invalid(detail)
            .hint(format!("hyperion repo show {}", repo.name))
            .into());
    };
    let now = check.digest();
    if digest.is_some_and(|digest| digest != now) {
        let detail = format!("the check {name:?} is not any more what you looked at");
        return Err(invalid(detail)
            .hint(format!(
                "hyperion repo show {} shows what it is now",
                repo.name
            ))
            .into());
    }
    if agreed && check.asks_beyond(&cx.settings).is_empty() {
        let detail = format!("the check {name:?} asks for nothing beyond what checks have here");
        return Err(invalid(detail).hint("nobody has to agree to it").into());
    }
    if repo.agrees_to(now) == agreed {
        return Ok(repo.clone());
    }
    let command = match agreed {
        true => repo::Command::AgreeToCheck {
            check: now,
            name: ShortText::cut(name),
        },
        false => repo::Command::WithdrawCheck { check: now },
    };
    execute(cx, actor, repo, vec![command])
}

fn execute(
    cx: &Cx,
    actor: &Actor,
    repo: &Repo,
    commands: Vec<repo::Command>,
) -> Result<Repo, Error> {
    let moved = commands
        .iter()
        .any(|command| matches!(command, repo::Command::Move { .. }));
    if !commands.is_empty() {
        let commands = commands
            .into_iter()
            .map(|command| Command::Repo(repo.id, command))
            .collect();
        cx.execute(cx.stamp_person(actor), commands, vec![])?;
    }
    if moved {
        cx.repos.close(repo.id);
    }
    let now = cx.store.get::<Repo>(repo.id)?;
    now.ok_or_else(|| Error::Missing(format!("the repository {}", repo.id)))
}

/// Finds the remote that is wanted in the repository's own git configuration.
fn chosen_remote(
    cx: &Cx,
    repo: &Repo,
    wanted: Option<&str>,
    push: Option<bool>,
) -> Result<Option<Remote>, Error> {
    let before = repo.remote.as_ref();
    let push = push.unwrap_or_else(|| before.is_some_and(|remote| remote.push));
    let name = match (wanted, before) {
        (Some(""), _) => return Ok(None),
        (Some(name), _) => name,
        (None, Some(before)) => before.name.as_str(),
        // Nothing to switch off.
        (None, None) if !push => return Ok(None),
        (None, None) => ORIGIN,
    };
    let remotes = cx.repos.open(cx, repo.id)?.git.user().remotes()?;
    if !remotes.iter().any(|remote| remote == name) {
        let known = if remotes.is_empty() {
            "none".to_owned()
        } else {
            remotes.join(", ")
        };
        let detail = format!("{} has no remote {name:?}; it has: {known}", repo.name);
        return Err(Problem::new("repo.unusable", detail)
            .hint(format!("git -C {} remote add {name} ADDRESS", repo.path))
            .into());
    }
    let name = Name::new(name)
        .map_err(|error| Problem::new("input.invalid", format!("the remote: {error}")))?;
    Ok(Some(Remote { name, push }))
}

fn retargeted(cx: &Cx, repo: &Repo, branch: &str) -> Result<repo::Command, Error> {
    let invalid = |error: String| Problem::new("input.invalid", format!("the branch: {error}"));
    let name = RefName::branch(branch).map_err(|error| invalid(error.to_string()))?;
    cx.repos.open(cx, repo.id)?.git.user().tip_of(&name)?;
    let branch = Name::new(branch).map_err(|error| invalid(error.to_string()))?;
    Ok(repo::Command::Retarget { branch })
}

/// Makes sure that a folder is this very repository, moved.
fn relocated(cx: &Cx, repo: &Repo, path: &Path) -> Result<Option<repo::Command>, Error> {
    let user = UserRepo::discover(&cx.git, path)?;
    let path = canonical_path(&user)?;
    if path == repo.path {
        return Ok(None);
    }
    let unusable = |detail: String| Problem::new("repo.unusable", detail);
    if let Some(other) = same(&all(cx)?, &user, &path).filter(|other| other.id != repo.id) {
        let detail = format!("{path} is known already, as {}", other.name);
        return Err(Problem::new("repo.exists", detail)
            .hint("give the folder that this repository was moved to")
            .into());
    }
    let branch =
        RefName::branch(repo.branch.as_str()).map_err(|error| Error::Missing(error.to_string()))?;
    user.tip_of(&branch)?;
    let mut known = Vec::new();
    if let Ok(before) = UserRepo::discover(&cx.git, Path::new(&repo.path)) {
        known.extend(before.tip(&branch)?.map(|tip| tip.to_string()));
    }
    let landed = Filter::default()
        .repo(repo.id)
        .status(Status::Landed.name())
        .newest()
        .limit(LANDINGS_LOOKED_FOR);
    let landed = cx.store.list::<Entry>(&landed)?.rows;
    known.extend(
        landed
            .into_iter()
            .filter_map(|entry| Some(entry.commit?.to_string())),
    );
    let mut has_one = known.is_empty();
    for commit in &known {
        // One is enough: history may have been rewritten since.
        if user.resolve_commit(commit)?.is_some() {
            has_one = true;
            break;
        }
    }
    if !has_one {
        return Err(unusable(format!(
            "{path} is another repository: it has none of the commits that are known of {}",
            repo.name
        ))
        .hint(format!(
            "hyperion init {path} makes it known as one of its own"
        ))
        .into());
    }
    Ok(Some(repo::Command::Move { path }))
}
