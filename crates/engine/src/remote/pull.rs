//! Bringing in what others pushed: the local branch goes forward, or to a merge of both sides, by the door of landings.
//!
//! The intent is committed first; after a crash git is asked whether the branch moved, as for a landing.

use hyperion_fault::{Point, reached};
use hyperion_git::{Landed, Landing, MergeSides, Merged, Move, NewCommit, Oid, Renames, Signature};
use hyperion_model::repo::{self, Cause, Pull, Remote, Repo, Tracked, Trouble};
use hyperion_model::{Command, Name};

use super::note_trouble;
use crate::error::{git_id, oid};
use crate::repo::Opened;
use crate::{Cx, Error};

/// How often something is brought in before a push has to succeed.
const ROUNDS_MAX: u32 = 5;

/// How many files in conflict are named.
const FILES_NAMED: usize = 2;

/// What bringing in came to.
pub(super) enum Pulled {
    /// It is done, or a person has to do it.
    Done,
    /// Something is in the way that may go away by itself.
    Later,
}

/// Brings in what the remote has.
pub(super) fn bring_in(
    cx: &Cx,
    part: &Name,
    (repo, remote): (&Repo, &Remote),
    branch: &Name,
    theirs: &Oid,
) -> Result<Pulled, Error> {
    let opened = cx.repos.open(cx, repo.id)?;
    let tracked = repo.tracked(branch).cloned().unwrap_or_default();
    let Some(ours) = opened.tip_if_there(branch)? else {
        return Ok(Pulled::Done);
    };
    if opened.git.is_ancestor(theirs, &ours)? {
        let mut commands = Vec::new();
        if tracked
            .trouble
            .as_ref()
            .is_some_and(|trouble| matches!(trouble.cause, Cause::Conflict | Cause::InTheWay))
        {
            commands.push(repo::Command::ClearTrouble {
                branch: branch.clone(),
            });
        }
        commands.extend(want_tip(cx, repo, branch, &tracked)?);
        super::note(cx, repo, commands)?;
        return Ok(Pulled::Done);
    }
    if cx.contacts.count_round(&(repo.id, branch.clone())) > ROUNDS_MAX {
        cx.contacts.forget_rounds(&(repo.id, branch.clone()));
        let reason = format!(
            "others push to {branch} of {} all the time; it is tried again by itself",
            remote.name
        );
        note_trouble(cx, repo, branch, (Cause::Busy, &reason), None)?;
        return Ok(Pulled::Done);
    }
    let to = if opened.git.is_ancestor(&ours, theirs)? {
        theirs.clone()
    } else {
        match merged(cx, &opened, remote, branch, (&ours, theirs))? {
            Ok(commit) => commit,
            Err(why) => {
                let reason = format!(
                    "{branch} and {0}/{branch} have to be merged by hand: git merge {0}/{branch}; {why} ({ours:.10} here, {theirs:.10} there)",
                    remote.name
                );
                let theirs = Some(git_id(theirs)?);
                note_trouble(cx, repo, branch, (Cause::Conflict, &reason), theirs)?;
                return Ok(Pulled::Done);
            }
        }
    };
    let pull = Pull {
        from: git_id(&ours)?,
        to: git_id(&to)?,
        theirs: git_id(theirs)?,
    };
    let landing = landing(&opened, remote.name.as_str(), branch, &pull)?;
    if let Some(remedy) = in_the_way(&opened, &landing)? {
        note_trouble(cx, repo, branch, (Cause::InTheWay, &remedy), None)?;
        return Ok(Pulled::Later);
    }
    // The intent names these objects.
    opened.git.sync()?;
    let begin = repo::Command::BeginPull {
        branch: branch.clone(),
        pull: pull.clone(),
    };
    cx.execute(cx.stamp(part), vec![Command::Repo(repo.id, begin)], vec![])?;
    reached(Point::PullIntended);
    carry_out(cx, part, &opened, branch, &landing)
}

/// Finishes what a dead engine was bringing in, or finds that it did, or gives it up.
pub(super) fn finish(
    cx: &Cx,
    part: &Name,
    repo: &Repo,
    branch: &Name,
    pull: &Pull,
) -> Result<Pulled, Error> {
    let opened = cx.repos.open(cx, repo.id)?;
    let remote = repo
        .remote
        .as_ref()
        .map_or("remote", |remote| remote.name.as_str());
    let landing = landing(&opened, remote, branch, pull)?;
    match opened.git.landed(&landing.branch, &landing.candidate)? {
        Landed::Yes => {
            opened.git.secure_branch()?;
            opened.git.release_landed(&landing)?;
            opened.git.recover_checkouts()?;
            end(cx, part, repo, branch)
        }
        Landed::No { tip } if tip.as_ref() == Some(&landing.expected) => {
            carry_out(cx, part, &opened, branch, &landing)
        }
        Landed::No { .. } => drop_it(cx, part, &opened, branch, &landing, None),
    }
}

/// Moves the branch by the door of landings.
fn carry_out(
    cx: &Cx,
    part: &Name,
    opened: &Opened,
    branch: &Name,
    landing: &Landing,
) -> Result<Pulled, Error> {
    opened.git.publish_objects(landing)?;
    match opened.git.move_branch(landing)? {
        Move::Landed { behind } => {
            reached(Point::PullMoved);
            if let Some(behind) = behind {
                tracing::warn!(remedy = behind.remedy(), "{behind}");
            }
            opened.git.release_landed(landing)?;
            end(cx, part, &opened.repo, branch)
        }
        Move::TipIs(_) => drop_it(cx, part, opened, branch, landing, None),
        Move::Blocked(block) => {
            let remedy = block.remedy();
            drop_it(cx, part, opened, branch, landing, Some(&remedy))
        }
        Move::RefLocked { lock } => {
            let remedy = format!(
                "a git command of yours has a lock: wait for it; if none is running, remove {}",
                lock.display()
            );
            drop_it(cx, part, opened, branch, landing, Some(&remedy))
        }
    }
}

fn end(cx: &Cx, part: &Name, repo: &Repo, branch: &Name) -> Result<Pulled, Error> {
    let branch = branch.clone();
    let end = repo::Command::EndPull { branch };
    cx.execute(cx.stamp(part), vec![Command::Repo(repo.id, end)], vec![])?;
    reached(Point::PullNoted);
    Ok(Pulled::Done)
}

/// Takes an intent back: the branch is somewhere else, or something is in the way.
fn drop_it(
    cx: &Cx,
    part: &Name,
    opened: &Opened,
    branch: &Name,
    landing: &Landing,
    in_the_way: Option<&str>,
) -> Result<Pulled, Error> {
    opened.git.abandon(landing)?;
    let drop = repo::Command::DropPull {
        branch: branch.clone(),
    };
    cx.execute(
        cx.stamp(part),
        vec![Command::Repo(opened.repo.id, drop)],
        vec![],
    )?;
    if let Some(remedy) = in_the_way {
        note_trouble(cx, &opened.repo, branch, (Cause::InTheWay, remedy), None)?;
    }
    Ok(Pulled::Later)
}

fn landing(opened: &Opened, remote: &str, branch: &Name, pull: &Pull) -> Result<Landing, Error> {
    Ok(Landing {
        entry: format!("{remote}/{branch}"),
        branch: opened.branch(branch)?,
        expected: oid(&pull.from)?,
        candidate: oid(&pull.to)?,
    })
}

/// Says what to do about a work tree that could not follow.
fn in_the_way(opened: &Opened, landing: &Landing) -> Result<Option<String>, Error> {
    let locks = opened.git.locks_of(&landing.branch)?;
    if let Some(lock) = locks.first() {
        return Ok(Some(format!(
            "wait for the git command there; if none is running, remove {}",
            lock.display()
        )));
    }
    if opened.git.could_hold_checkouts(landing)? {
        return Ok(None);
    }
    let there = opened.git.checkout_state(&landing.branch)?;
    let changes = (opened.git).diff_trees(&landing.expected, &landing.candidate, Renames::Off)?;
    let block = there.into_iter().find_map(|there| {
        if let Some(edited) = there.edited_in_the_way(&changes) {
            return Some(edited.remedy());
        }
        let reason = there.block?;
        let work_tree = there.work_tree;
        Some(hyperion_git::CheckoutBlock { work_tree, reason }.remedy())
    });
    Ok(Some(block.unwrap_or_else(|| {
        format!(
            "a file in {} is where the remote brings one: move it away",
            opened.repo.path
        )
    })))
}

/// Merges both sides in memory; says why a person has to where that cannot be.
fn merged(
    cx: &Cx,
    opened: &Opened,
    remote: &Remote,
    branch: &Name,
    (ours, theirs): (&Oid, &Oid),
) -> Result<Result<Oid, String>, Error> {
    let Some(base) = opened.git.merge_base(ours, theirs)? else {
        return Ok(Err("they have no history in common".to_owned()));
    };
    let sides = MergeSides {
        base: &base,
        ours,
        theirs,
        attributes: ours,
    };
    let tree = match opened.git.merge(&sides)? {
        Merged::Clean { tree } => tree,
        Merged::Conflict(files) => {
            let named: Vec<_> = files
                .iter()
                .take(FILES_NAMED)
                .map(|file| file.path.to_string())
                .collect();
            let more = match files.len().saturating_sub(FILES_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Ok(Err(format!("both changed {}{more}", named.join(", "))));
        }
    };
    let sign = || Signature {
        name: "Hyperion".to_owned(),
        email: "hyperion@localhost".to_owned(),
        seconds: cx.now().as_second(),
        offset_minutes: 0,
    };
    let commit = opened.git.commit(&NewCommit {
        tree,
        parents: vec![ours.clone(), theirs.clone()],
        author: sign(),
        committer: sign(),
        message: format!("Merge {branch} of {}\n", remote.name),
    })?;
    Ok(Ok(commit))
}

/// Tells whether a person merged the two sides that were in conflict.
pub(super) fn is_merged(
    cx: &Cx,
    repo: &Repo,
    branch: &Name,
    trouble: &Trouble,
) -> Result<bool, Error> {
    let Some(theirs) = &trouble.theirs else {
        return Ok(false);
    };
    let opened = cx.repos.open(cx, repo.id)?;
    match opened.tip_if_there(branch)? {
        Some(tip) => Ok(opened.git.is_ancestor(&oid(theirs)?, &tip)?),
        None => Ok(false),
    }
}

/// Wants the branch pushed as it is, where it has to be pushed and still holds what landed.
pub(super) fn want_tip(
    cx: &Cx,
    repo: &Repo,
    branch: &Name,
    tracked: &Tracked,
) -> Result<Vec<repo::Command>, Error> {
    let opened = cx.repos.open(cx, repo.id)?;
    let (Some(wanted), Some(tip)) = (&tracked.wanted, opened.tip_if_there(branch)?) else {
        return Ok(vec![]);
    };
    if !opened.git.is_ancestor(&oid(wanted)?, &tip)? {
        return Ok(vec![]);
    }
    Ok(vec![repo::Command::WantPush {
        branch: branch.clone(),
        commit: git_id(&tip)?,
        landings: 0,
    }])
}
