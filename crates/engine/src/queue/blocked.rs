//! Entries that wait for a person at the repository: looking whether what was in the way is gone.

use std::collections::HashMap;

use hyperion_git::{Checkout, Landing, Renames};
use hyperion_model::entry::{self, Cause, Entry};
use hyperion_model::{Command, Name, RepoId};

use super::checks;
use super::obstacle::{edited_in_the_way, lock_of};
use super::restless::Restless;
use super::work::{Queue, branch_of};
use crate::error::oid;
use crate::{Cx, Error, remote};

/// Lets entries go on once nothing is in their way any more; tells whether one does.
pub(super) fn look(queue: &mut Queue, cx: &Cx, blocked: &[Entry]) -> bool {
    // What is in the way of a whole branch is looked at once, however many wait for it.
    let mut branches: HashMap<(RepoId, Name), Way> = HashMap::new();
    let mut free = Vec::new();
    for entry in blocked {
        let branch = (entry.admission.repo, entry.admission.branch.clone());
        let way = branches
            .entry(branch)
            .or_insert_with(|| way_of(cx, entry).unwrap_or_else(|_| Way::clear()));
        match may_go_on(&mut queue.restless, cx, entry, way) {
            Ok(true) => free.push(entry),
            Ok(false) => {}
            Err(error) => tracing::debug!(entry = %entry.id, %error, "still blocked"),
        }
    }
    let unblock = free.iter().map(|entry| {
        (
            vec![Command::Entry(entry.id, entry::Command::Unblock)],
            vec![],
        )
    });
    let answers = cx.execute_each(&cx.stamp(&queue.name), unblock);
    answers.into_iter().any(|answer| answer.is_ok())
}

/// What there is at a branch.
struct Way {
    /// Nothing keeps everything from landing.
    is_clear: bool,
    /// A lock does.
    is_locked: bool,
    /// Every lock that an entry may wait for.
    locks: Vec<Cause>,
    /// The work trees of the branch, with what is edited there.
    checkouts: Vec<Checkout>,
}

impl Way {
    const fn clear() -> Self {
        Self {
            is_clear: true,
            is_locked: false,
            locks: Vec::new(),
            checkouts: Vec::new(),
        }
    }

    /// Tells whether an entry waits for a lock that is gone, while another one is there: what it says of itself misleads.
    fn is_another_lock(&self, entry: &Entry) -> bool {
        let lock = entry.cause.filter(|cause| cause.is_lock());
        self.is_locked && lock.is_some_and(|lock| !self.locks.contains(&lock))
    }
}

/// Looks at a branch.
fn way_of(cx: &Cx, entry: &Entry) -> Result<Way, Error> {
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let branch = opened.branch(&entry.admission.branch)?;
    let is_locked = !opened.git.locks_of(&branch)?.is_empty();
    // Holding takes the index lock, which would now and then fail the very git command that cleans up.
    let locks = opened.git.locks_in_the_way(&branch)?;
    let checkouts = opened.git.checkout_state(&branch)?;
    let is_clear = remote::blocked(cx, entry.admission.repo, &entry.admission.branch).is_none()
        && opened.git.tip(&branch)?.is_some()
        && !is_locked
        && checkouts.iter().all(|there| there.block.is_none());
    Ok(Way {
        is_clear,
        is_locked,
        locks: locks.iter().map(|lock| lock_of(lock)).collect(),
        checkouts,
    })
}

/// Tells whether nothing is in the way of one entry.
fn may_go_on(restless: &mut Restless, cx: &Cx, entry: &Entry, way: &Way) -> Result<bool, Error> {
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let Some(tip) = opened.tip_if_there(&entry.admission.branch)? else {
        return Ok(false);
    };
    if !restless.may_go_on(entry.id, branch_of(entry), tip.clone(), cx.now()) {
        return Ok(false);
    }
    if entry.cause == Some(Cause::CheckNotAgreed)
        && checks::not_agreed(cx, &opened, &entry.admission.branch, &tip)?.is_some()
    {
        return Ok(false);
    }
    let Some(candidate) = &entry.candidate else {
        return Ok(way.is_clear);
    };
    let landing = Landing {
        entry: entry.id.to_string(),
        expected: oid(&candidate.tip)?,
        candidate: oid(&candidate.commit)?,
        branch: opened.branch(&entry.admission.branch)?,
    };
    let has_moved = tip != landing.expected;
    if !has_moved && !way.is_clear {
        // It tries, and says anew what is in its way.
        return Ok(way.is_another_lock(entry));
    }
    // Also on a moved branch it would be made anew, and checked, only to wait for the same files again.
    let changes = (opened.git).diff_trees(&landing.expected, &landing.candidate, Renames::Off);
    match changes {
        Ok(changes) if edited_in_the_way(&way.checkouts, &changes).is_some() => Ok(false),
        _ if has_moved => Ok(true),
        Ok(_) => Ok(opened.git.could_hold_checkouts(&landing)?),
        Err(error) => Err(error.into()),
    }
}
