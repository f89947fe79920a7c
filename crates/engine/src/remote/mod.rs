//! Remotes: what landed is pushed where a person switched that on, and what others pushed is brought in before.
//!
//! | step | by | acts on |
//! | --- | --- | --- |
//! | want | the queue, with the record of a landing | `repo.push_wanted` |
//! | visit | a thread, [`visit`] | asks the remote where its branch is, fetches, pushes, notes what came of it |
//! | bring in | the driver's thread, [`pull`] | moves the local branch forward, or to a merge of both, with an intent before |
//!
//! Nothing is ever forced or rewritten. Where a remote cannot be reached, landings stand and go out later; where both
//! sides changed the same, a person merges them, and until then nothing more lands on that branch.

mod contact;
mod pull;
#[cfg(test)]
mod tests;
mod visit;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use contact::Contacts;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::{self, Cause, Repo, Tracked, Trouble};
use hyperion_model::{Command, GitId, Name, ShortText, Time};
use hyperion_store::{Filter, StoreError};

use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

/// As who the engine acts here.
const PART: &str = "remote";

/// How long what a remote said holds: candidates are made on it without asking again.
const FRESH: Duration = Duration::from_secs(10);

/// How long candidates are not made because a remote does not answer.
const HOLD_MAX: Duration = Duration::from_secs(20);

/// The pause after the first visit in vain; it doubles with each, up to the longest.
const PAUSE: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// How often it is looked whether what was in the way here is gone.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Brings branches and their remotes together.
pub(crate) struct Remotes {
    name: Name,
}

impl Remotes {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }

    /// Looks at one branch; tells whether something was done, and when to look again.
    fn look(
        &self,
        cx: &Arc<Cx>,
        repo: &Repo,
        branch: &Name,
    ) -> Result<(bool, Option<Time>), Error> {
        let none = Tracked::default();
        let tracked = repo.tracked(branch).unwrap_or(&none);
        let now = cx.now();
        if let Some(pull) = &tracked.pull {
            pull::finish(cx, &self.name, repo, branch, pull)?;
            return Ok((true, None));
        }
        let Some(remote) = &repo.remote else {
            return Ok((false, None));
        };
        let key = (repo.id, branch.clone());
        if let Some(theirs) = cx.contacts.found(&key) {
            if repo.paused.is_some() || is_at_work(cx, repo, branch)? {
                // What is being checked lands first, or starts over when the branch moves: it is the next in turn.
                return Ok((false, Some(now + LOOK_AGAIN)));
            }
            let pulled = pull::bring_in(cx, &self.name, (repo, remote), branch, &theirs)?;
            return Ok(match pulled {
                pull::Pulled::Done => {
                    cx.contacts.forget_found(&key);
                    (true, None)
                }
                pull::Pulled::Later => (false, Some(now + LOOK_AGAIN)),
            });
        }
        if let Some(trouble) = tracked
            .trouble
            .as_ref()
            .filter(|trouble| trouble.cause == Cause::Conflict)
            && pull::is_merged(cx, repo, branch, trouble)?
        {
            // A person merged both sides: that is what is pushed now, if anything is.
            let mut commands = vec![repo::Command::ClearTrouble {
                branch: branch.clone(),
            }];
            commands.extend(pull::want_tip(cx, repo, branch, tracked)?);
            note(cx, repo, commands)?;
            return Ok((true, None));
        }
        let at = match &tracked.trouble {
            None if tracked.wanted.is_some() => Some(now),
            None => None,
            Some(trouble) => next_try(trouble, now),
        };
        match at {
            Some(at) if at <= now => {
                let started = visit::start(cx, repo, branch)?;
                Ok((started, (!started).then(|| now + LOOK_AGAIN)))
            }
            Some(at) if is_conflict(tracked) => Ok((false, Some(at.min(now + LOOK_AGAIN)))),
            at => Ok((false, at)),
        }
    }
}

impl Reconcile for Remotes {
    fn name(&self) -> &'static str {
        PART
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let mut worked = false;
        let mut wake_at: Option<Time> = None;
        for repo in cx
            .store
            .open_rows::<Repo>(&Filter::open().limit(1000))?
            .rows
        {
            let mut branches = cx.contacts.branches_found(repo.id);
            branches.extend(repo.branches.keys().cloned());
            for branch in branches {
                // One repository that is gone must not keep the others from being pushed.
                match self.look(cx, &repo, &branch) {
                    Ok((did, at)) => {
                        worked |= did;
                        wake_at = wake_at.into_iter().chain(at).min();
                    }
                    Err(error) if error.is_passing() => return Err(error),
                    Err(error) => {
                        tracing::warn!(repo = %repo.name, %branch, %error, "could not follow its remote");
                        wake_at = wake_at.into_iter().chain([cx.now() + PAUSE]).min();
                    }
                }
            }
        }
        Ok(if worked {
            Progress::Worked
        } else {
            Progress::Idle { wake_at }
        })
    }
}

/// Tells when a branch with a trouble is tried again by itself, if it is.
pub fn next_try(trouble: &Trouble, now: Time) -> Option<Time> {
    match trouble.cause {
        Cause::Unreachable | Cause::Busy | Cause::Conflict => {
            let doubled = 1_u32.checked_shl(trouble.tries.saturating_sub(1).min(16));
            let pause = PAUSE.saturating_mul(doubled.unwrap_or(u32::MAX));
            // A clock that was set back does not make the pause longer.
            Some((trouble.at + pause.min(PAUSE_MAX)).min(now + PAUSE_MAX))
        }
        // Noted once; whether it is gone is looked at without a visit.
        Cause::InTheWay => Some(now),
        Cause::Refused | Cause::Rewound | Cause::Rewritten => None,
    }
}

/// For how long an engine stays for a remote that cannot be followed at the moment.
const STAY_MAX: Duration = Duration::from_secs(24 * 3600);

/// Tells whether something about a remote will be tried again by itself, so that the engine had better stay.
pub fn is_to_be_tried(cx: &Cx) -> Result<bool, Error> {
    let now = cx.now();
    let repos = cx
        .store
        .open_rows::<Repo>(&Filter::open().limit(1000))?
        .rows;
    let mut branches = repos.iter().flat_map(|repo| repo.branches.values());
    Ok(branches.any(|tracked| match &tracked.trouble {
        None => tracked.wanted.is_some() || tracked.pull.is_some(),
        Some(trouble) => next_try(trouble, now).is_some() && now < trouble.at + STAY_MAX,
    }))
}

const fn is_conflict(tracked: &Tracked) -> bool {
    matches!(
        &tracked.trouble,
        Some(Trouble {
            cause: Cause::Conflict,
            ..
        })
    )
}

/// Says why nothing may land on a branch: it and its remote are in conflict.
pub(crate) fn blocked(cx: &Cx, id: hyperion_model::RepoId, branch: &Name) -> Option<ShortText> {
    let repo = cx.store.get::<Repo>(id).ok().flatten()?;
    let tracked = repo.tracked(branch)?;
    let trouble = tracked.trouble.as_ref()?;
    (trouble.cause == Cause::Conflict).then(|| trouble.reason.clone())
}

/// Says until when no candidates are made on a branch, because its remote is asked first what others pushed there.
pub(crate) fn hold(
    cx: &Arc<Cx>,
    id: hyperion_model::RepoId,
    branch: &Name,
) -> Result<Option<Time>, Error> {
    let Some(repo) = cx.store.get::<Repo>(id)? else {
        return Ok(None);
    };
    if repo.remote.is_none() {
        return Ok(None);
    }
    let now = cx.now();
    if let Some(trouble) = repo
        .tracked(branch)
        .and_then(|known| known.trouble.as_ref())
        && next_try(trouble, now).is_some_and(|at| at > now || trouble.cause == Cause::InTheWay)
    {
        return Ok(None);
    }
    let key = (id, branch.clone());
    match cx.contacts.state(&key) {
        contact::State::Visiting { since } => {
            let until = since + HOLD_MAX;
            Ok((since <= now && now < until).then_some(until))
        }
        // What it found is brought in at once, unless that fails.
        contact::State::Visited { at }
            if at <= now && now < at + HOLD_MAX && cx.contacts.found(&key).is_some() =>
        {
            Ok(Some(at + HOLD_MAX))
        }
        contact::State::Visited { at } if at <= now && now < at + FRESH => Ok(None),
        contact::State::Visited { .. } | contact::State::Never => {
            Ok(visit::start(cx, &repo, branch)?.then(|| now + HOLD_MAX))
        }
    }
}

/// Gives what a landing adds to its record: that it is to be pushed, where that is switched on.
pub(crate) fn landed(repo: &Repo, branch: &Name, commit: &GitId) -> Option<Command> {
    if !repo.pushes(branch) {
        return None;
    }
    let want = repo::Command::WantPush {
        branch: branch.clone(),
        commit: commit.clone(),
        landings: 1,
    };
    Some(Command::Repo(repo.id, want))
}

/// Tells whether an entry of a branch is on its way between the queue and the branch.
fn is_at_work(cx: &Cx, repo: &Repo, branch: &Name) -> Result<bool, Error> {
    let at_work = [
        Status::Leased,
        Status::Merging,
        Status::Checking,
        Status::Ready,
        Status::Dispatching,
    ];
    let filter = at_work
        .iter()
        .fold(Filter::open().repo(repo.id), |filter, status| {
            filter.status(status.name())
        });
    let rows = cx.store.open_rows::<Entry>(&filter)?.rows;
    Ok(rows.iter().any(|entry| entry.admission.branch == *branch))
}

/// Commits what was found about a repository's remote.
fn note(cx: &Cx, repo: &Repo, commands: Vec<repo::Command>) -> Result<(), Error> {
    if commands.is_empty() {
        return Ok(());
    }
    let part = Name::new(PART).map_err(|error| Error::Missing(error.to_string()))?;
    let commands = commands
        .into_iter()
        .map(|command| Command::Repo(repo.id, command))
        .collect();
    match cx.execute(cx.stamp(&part), commands, vec![]) {
        // The remote was taken away, or the repository forgotten, in this very moment.
        Ok(_) | Err(Error::Store(StoreError::Refused { .. })) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Notes what keeps a branch and its remote apart, unless that was the last thing noted and counts no tries.
fn note_trouble(
    cx: &Cx,
    repo: &Repo,
    branch: &Name,
    (cause, reason): (Cause, &str),
    theirs: Option<GitId>,
) -> Result<(), Error> {
    let reason = ShortText::cut(&cx.redactor.redact(reason));
    let known = repo
        .tracked(branch)
        .and_then(|known| known.trouble.as_ref());
    let is_known = known.is_some_and(|known| known.cause == cause && known.reason == reason);
    let is_about_a_person = matches!(cause, Cause::InTheWay | Cause::Rewound | Cause::Rewritten);
    if is_about_a_person && is_known {
        return Ok(());
    }
    let trouble = repo::Command::NoteTrouble {
        branch: branch.clone(),
        cause,
        reason,
        theirs,
    };
    note(cx, repo, vec![trouble])
}
