//! Queues that a person stopped: nothing of the repository is begun or landed until somebody lets it go on.
//!
//! What is being landed at that moment is finished, for the world may have changed already. Checks that run go on; what
//! passes them waits.

use hyperion_model::repo::{self, Repo};
use hyperion_model::{Actor, Command, RepoId, ShortText};

use super::retry::entitled;
use crate::error::MissingFact;
use crate::{Cx, Error};

/// Stops the queue of a repository; one that is stopped already stays as it is, unless there is another reason now.
pub fn pause(cx: &Cx, actor: &Actor, id: RepoId, reason: Option<&str>) -> Result<Repo, Error> {
    let reason = reason.map(ShortText::cut);
    change(cx, actor, id, |repo| {
        let is_new = repo
            .paused
            .as_ref()
            .is_none_or(|pause| reason.is_some() && pause.reason != reason);
        is_new.then_some(repo::Command::Pause { reason })
    })
}

/// Lets the queue of a repository go on.
pub fn resume(cx: &Cx, actor: &Actor, id: RepoId) -> Result<Repo, Error> {
    change(cx, actor, id, |repo| {
        repo.paused.is_some().then_some(repo::Command::Resume)
    })
}

fn change(
    cx: &Cx,
    actor: &Actor,
    id: RepoId,
    command: impl FnOnce(&Repo) -> Option<repo::Command>,
) -> Result<Repo, Error> {
    entitled(actor)?;
    let repo = get(cx, id)?;
    let Some(command) = command(&repo) else {
        return Ok(repo);
    };
    let commands = vec![Command::Repo(id, command)];
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    get(cx, id)
}

fn get(cx: &Cx, id: RepoId) -> Result<Repo, Error> {
    let repo = cx.store.get::<Repo>(id)?;
    Ok(repo.ok_or(MissingFact::Repo(id))?)
}

/// Tells whether the queue of a repository is stopped.
pub(super) fn is_paused(cx: &Cx, id: RepoId) -> Result<bool, Error> {
    Ok(get(cx, id)?.paused.is_some())
}

/// Says of a repository whose queue is stopped by whom and since when.
pub fn told(repo: &Repo) -> Option<String> {
    let pause = repo.paused.as_ref()?;
    let since = pause.since.strftime("%Y-%m-%d %H:%M UTC");
    let why = pause.reason.as_ref();
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Some(format!(
        "the queue of {} is paused by {} since {since}{why}",
        repo.name, pause.by
    ))
}
