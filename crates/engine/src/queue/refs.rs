//! The refs of landings that are over: deleted at once, or later where somebody's lock protects them.

use hyperion_git::GitError;
use hyperion_model::EntryId;
use hyperion_model::entry::{self, Entry};

use super::work::Queue;
use crate::repo::Opened;
use crate::{Cx, Error};

/// How many refs are remembered that could not be deleted.
const LEFT_MAX: usize = 1000;

/// Deletes the ref of a landing that is over; one that somebody's lock protects is deleted later.
pub(super) fn delete(queue: &mut Queue, opened: &Opened, entry: &str) -> Result<(), Error> {
    match opened.git.delete_landing_ref(entry) {
        Err(GitError::Locked { lock }) => {
            let lock = lock.display();
            tracing::warn!(entry, %lock, "the ref of a landing that is over stays until the lock is gone");
            // Those beyond the limit are left to the next engine.
            if queue.refs_left.len() < LEFT_MAX {
                queue.refs_left.push((opened.repo.id, entry.to_owned()));
            }
            Ok(())
        }
        deleted => Ok(deleted?),
    }
}

/// Deletes the refs of landings that were protected by a lock; tells whether some are left.
pub(super) fn delete_left(queue: &mut Queue, cx: &Cx) -> bool {
    while let Some((repo, id)) = queue.refs_left.pop() {
        let is_under_way = id
            .parse::<EntryId>()
            .ok()
            .and_then(|id| cx.store.get::<Entry>(id).ok().flatten())
            .is_some_and(|entry| entry.status == entry::Status::Dispatching);
        // Its own end deletes it.
        if is_under_way {
            continue;
        }
        let deleted = cx
            .repos
            .open(cx, repo)
            .and_then(|opened| Ok(opened.git.delete_landing_ref(&id)?));
        // Whatever else is the matter is left to the next engine.
        if let Err(Error::Git(GitError::Locked { .. })) = deleted {
            queue.refs_left.push((repo, id));
            // The same lock keeps the others: each would be waited for.
            break;
        }
    }
    !queue.refs_left.is_empty()
}
