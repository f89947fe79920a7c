//! Entries that wait for a person at the repository: looking whether what was in the way is gone.

use hyperion_git::{Hold, Landing};
use hyperion_model::entry::{self, Entry};

use super::work::Queue;
use crate::error::oid;
use crate::{Cx, Error};

/// Lets an entry go on once nothing is in its way any more.
pub(super) fn look(queue: &Queue, cx: &Cx, entry: &Entry) -> Result<bool, Error> {
    let Some(candidate) = &entry.candidate else {
        queue.command(cx, entry, entry::Command::Unblock, vec![])?;
        return Ok(true);
    };
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let branch = opened.branch(&entry.admission.branch)?;
    let landing = Landing {
        entry: entry.id.to_string(),
        expected: oid(&candidate.tip)?,
        candidate: oid(&candidate.commit)?,
        branch,
    };
    let lock = opened
        .git
        .user()
        .git_dir()
        .join(format!("{}.lock", landing.branch.as_str()));
    let free = if opened.tip(&entry.admission.branch)? != landing.expected {
        true
    } else if lock.exists() {
        false
    } else if opened
        .git
        .checkout_state(&landing.branch)?
        .iter()
        .any(|there| there.block.is_some())
    {
        // Holding takes the index lock, which would now and then fail the very git command that cleans up.
        false
    } else {
        match opened.git.hold_checkouts(&landing)? {
            Hold::Held => {
                opened.git.release_checkouts(&landing)?;
                true
            }
            Hold::Blocked(_) => false,
        }
    };
    if free {
        queue.command(cx, entry, entry::Command::Unblock, vec![])?;
    }
    Ok(free)
}
