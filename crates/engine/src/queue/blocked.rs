//! Entries that wait for a person at the repository: looking whether what was in the way is gone.

use std::collections::HashMap;

use hyperion_git::{Hold, Landing};
use hyperion_model::entry::{self, Entry};
use hyperion_model::{Command, Name, RepoId};

use super::work::Queue;
use crate::error::oid;
use crate::{Cx, Error};

/// Lets entries go on once nothing is in their way any more; tells whether one does.
pub(super) fn look(queue: &Queue, cx: &Cx, blocked: &[Entry]) -> bool {
    // What is in the way of a whole branch is looked at once, however many wait for it.
    let mut branches: HashMap<(RepoId, Name), bool> = HashMap::new();
    let mut free = Vec::new();
    for entry in blocked {
        let branch = (entry.admission.repo, entry.admission.branch.clone());
        let is_clear = *branches
            .entry(branch)
            .or_insert_with(|| is_clear(cx, entry).unwrap_or(true));
        match may_go_on(cx, entry, is_clear) {
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

/// Tells whether nothing at a branch keeps everything from landing there.
fn is_clear(cx: &Cx, entry: &Entry) -> Result<bool, Error> {
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let branch = opened.branch(&entry.admission.branch)?;
    // Holding takes the index lock, which would now and then fail the very git command that cleans up.
    Ok(opened.git.tip(&branch)?.is_some()
        && opened.git.locks_of(&branch)?.is_empty()
        && opened
            .git
            .checkout_state(&branch)?
            .iter()
            .all(|there| there.block.is_none()))
}

/// Tells whether nothing is in the way of one entry.
fn may_go_on(cx: &Cx, entry: &Entry, is_clear: bool) -> Result<bool, Error> {
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let Some(tip) = opened.tip_if_there(&entry.admission.branch)? else {
        return Ok(false);
    };
    let Some(candidate) = &entry.candidate else {
        return Ok(is_clear);
    };
    let landing = Landing {
        entry: entry.id.to_string(),
        expected: oid(&candidate.tip)?,
        candidate: oid(&candidate.commit)?,
        branch: opened.branch(&entry.admission.branch)?,
    };
    if tip != landing.expected {
        return Ok(true);
    }
    if !is_clear {
        return Ok(false);
    }
    match opened.git.hold_checkouts(&landing)? {
        Hold::Held => {
            opened.git.release_checkouts(&landing)?;
            Ok(true)
        }
        Hold::Blocked(_) => Ok(false),
    }
}
