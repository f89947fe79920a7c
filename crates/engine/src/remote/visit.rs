//! A visit to a remote, in a thread of its own: asks where its branch is, fetches that, pushes what has to be pushed.

use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_git::{GitError, Oid, Pushed, RefName, RepoStore};
use hyperion_host::CancelFlag;
use hyperion_model::repo::{self, Cause, Remote, Repo, Tracked};
use hyperion_model::{GitId, Name, RunId};

use super::contact::Key;
use super::{PAUSE, note, note_trouble};
use crate::error::{chain, oid};
use crate::repo::Opened;
use crate::{Cx, Error};

/// How often a push is tried in one visit when somebody else's comes first.
const PUSHES_MAX: usize = 3;

/// Starts a visit; `false` where one is under way already, or too many are.
pub(super) fn start(cx: &Arc<Cx>, repo: &Repo, branch: &Name) -> Result<bool, Error> {
    let Some(remote) = repo.remote.clone() else {
        return Ok(false);
    };
    let cancel = CancelFlag::new().map_err(|source| Error::Io {
        what: "a pipe".to_owned(),
        source,
    })?;
    let key = (repo.id, branch.clone());
    if !cx.contacts.begin(&key, cx.now()) {
        return Ok(false);
    }
    let job = cx.id(RunId::new);
    cx.jobs.add(job, cancel.clone());
    let mut visit = Visit {
        cx: Arc::clone(cx),
        job,
        key,
        remote,
        cancel,
        found: None,
    };
    // A thread that cannot be started drops the visit, which ends it.
    std::thread::Builder::new()
        .name(format!("remote-{}", repo.id.short()))
        .spawn(move || {
            if let Err(error) = visit.work() {
                let (repo, branch) = &visit.key;
                tracing::warn!(%repo, %branch, error = chain(&error), "a visit to a remote failed");
                visit.note_failed(&error);
                visit.cx.contacts.rest(&visit.key, visit.cx.now() + PAUSE);
            }
        })
        .map_err(|source| Error::Io {
            what: "a thread for a remote".to_owned(),
            source,
        })?;
    Ok(true)
}

struct Visit {
    cx: Arc<Cx>,
    /// Its number among the jobs: the engine does not rest or leave meanwhile.
    job: RunId,
    key: Key,
    remote: Remote,
    cancel: CancelFlag,
    /// What is to be brought in.
    found: Option<Oid>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.cx
            .contacts
            .end(&self.key, self.cx.now(), self.found.take());
        self.cx.jobs.remove(self.job);
    }
}

impl Visit {
    fn work(&mut self) -> Result<(), Error> {
        let cx = Arc::clone(&self.cx);
        let opened = cx.repos.open(&cx, self.key.0)?;
        let branch = opened.branch(&self.key.1)?;
        for _ in 0..PUSHES_MAX {
            let theirs = match self.fetch(&opened, &branch) {
                Ok(theirs) => theirs,
                Err(error) => return self.fail(&opened.repo, &error),
            };
            reached(Point::RemoteFetched);
            if self.push(&opened, &branch, theirs.as_ref())? {
                return Ok(());
            }
        }
        let reason = format!(
            "others push to {} of {} all the time; it is tried again by itself",
            self.key.1, self.remote.name
        );
        note_trouble(&cx, &opened.repo, &self.key.1, (Cause::Busy, &reason), None)
    }

    fn fetch(&self, opened: &Opened, branch: &RefName) -> Result<Option<Oid>, GitError> {
        let user = opened.git.user();
        user.fetch_branch(self.remote.name.as_str(), branch, &self.cancel)
    }

    /// Pushes what has to be pushed, if it builds on what the remote has; `false` where somebody else was faster.
    fn push(
        &mut self,
        opened: &Opened,
        branch: &RefName,
        theirs: Option<&Oid>,
    ) -> Result<bool, Error> {
        let cx = Arc::clone(&self.cx);
        let name = self.key.1.clone();
        let repo = cx.store.get::<Repo>(self.key.0)?;
        let repo = repo.unwrap_or_else(|| opened.repo.clone());
        let git = &opened.git;
        let tip = git.tip(branch)?;
        let tracked = repo.tracked(&name).cloned().unwrap_or_default();
        if is_rewritten(git, &tracked, tip.as_ref(), theirs)? {
            let remote = &self.remote.name;
            let known = tracked.pushed.as_ref().map_or("", GitId::as_str);
            let reason = format!(
                "somebody rewrote {name} of {remote}: it no longer has {known:.10}; make {name} here what it is to be, then `hyperion repo push {}`",
                repo.name
            );
            note_trouble(&cx, &repo, &name, (Cause::Rewritten, &reason), None)?;
            return Ok(true);
        }
        self.found = match (theirs, &tip) {
            (Some(theirs), Some(tip)) if !git.is_ancestor(theirs, tip)? => Some(theirs.clone()),
            _ => None,
        };
        let waits_for_a_person = tracked
            .trouble
            .as_ref()
            .is_some_and(|trouble| matches!(trouble.cause, Cause::Refused | Cause::Rewound));
        let Some(wanted) = tracked.wanted.as_ref().filter(|_| !waits_for_a_person) else {
            let is_over = tracked.trouble.is_some_and(|trouble| match trouble.cause {
                Cause::Unreachable | Cause::Busy | Cause::Rewritten => true,
                Cause::InTheWay => self.found.is_none(),
                Cause::Refused | Cause::Conflict | Cause::Rewound => false,
            });
            if is_over {
                note(
                    &cx,
                    &repo,
                    vec![repo::Command::ClearTrouble { branch: name }],
                )?;
            }
            return Ok(true);
        };
        let commit = oid(wanted)?;
        let pushed = repo::Command::NotePushed {
            branch: name.clone(),
            commit: wanted.clone(),
            landings: tracked.landings,
        };
        let is_there = match &tip {
            Some(tip) => git.exists(&commit)? && git.is_ancestor(&commit, tip)?,
            None => false,
        };
        if !is_there {
            let reason = format!(
                "{name} no longer holds {commit:.10}, which landed; `hyperion repo push {}` pushes {name} as it is now",
                repo.name
            );
            note_trouble(&cx, &repo, &name, (Cause::Rewound, &reason), None)?;
            return Ok(true);
        }
        if let Some(theirs) = theirs {
            if git.is_ancestor(&commit, theirs)? {
                note(&cx, &repo, vec![pushed])?;
                return Ok(true);
            }
            if !git.is_ancestor(theirs, &commit)? {
                // It is brought in first; where the branch has it already, what has to be pushed is chosen anew.
                self.found = Some(theirs.clone());
                return Ok(true);
            }
        }
        let user = git.user();
        match user.push_commit(self.remote.name.as_str(), branch, &commit, &self.cancel) {
            Ok(Pushed::Yes) => {
                reached(Point::RemotePushed);
                note(&cx, &repo, vec![pushed])?;
                reached(Point::RemoteNoted);
                cx.contacts.forget_rounds(&self.key);
                Ok(true)
            }
            Ok(Pushed::Behind) => Ok(false),
            Ok(Pushed::Refused { words }) => {
                let reason = format!("{} does not take it: {words}", self.remote.name);
                note_trouble(&cx, &repo, &name, (Cause::Refused, &reason), None)?;
                Ok(true)
            }
            Err(error) => self.fail(&repo, &error).map(|()| true),
        }
    }

    /// Notes that the repository itself cannot be used: what is to be pushed is tried again, with growing pauses.
    fn note_failed(&self, error: &Error) {
        let (cx, (repo, branch)) = (&self.cx, &self.key);
        let noted = cx.store.get::<Repo>(*repo).map_err(Error::from);
        let noted = noted.and_then(|repo| match repo {
            Some(repo) => {
                note_trouble(cx, &repo, branch, (Cause::Unreachable, &chain(error)), None)
            }
            None => Ok(()),
        });
        if let Err(error) = noted {
            tracing::warn!(%repo, %branch, error = chain(&error), "could not note why");
        }
    }

    /// Notes that the remote cannot be talked to.
    fn fail(&self, repo: &Repo, error: &GitError) -> Result<(), Error> {
        if self.cancel.is_cancelled() {
            return Ok(());
        }
        let words = error.words();
        note_trouble(
            &self.cx,
            repo,
            &self.key.1,
            (Cause::Unreachable, &words),
            None,
        )
    }
}

/// Tells whether the remote's branch no longer holds what it was known to have, and the branch here still does.
fn is_rewritten(
    git: &RepoStore,
    tracked: &Tracked,
    tip: Option<&Oid>,
    theirs: Option<&Oid>,
) -> Result<bool, Error> {
    let (Some(known), Some(tip)) = (&tracked.pushed, tip) else {
        return Ok(false);
    };
    let known = oid(known)?;
    if !git.exists(&known)? || !git.is_ancestor(&known, tip)? {
        return Ok(false);
    }
    match theirs {
        Some(theirs) => Ok(!git.is_ancestor(&known, theirs)?),
        None => Ok(true),
    }
}
