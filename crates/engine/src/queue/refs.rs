//! The refs of landings that are over: deleted at once, or later where that fails.

use hyperion_model::EntryId;
use hyperion_model::entry::{self, Entry};

use super::work::Queue;
use crate::Cx;
use crate::error::chain;
use crate::repo::Opened;

/// How many refs are remembered that could not be deleted.
const LEFT_MAX: usize = 1000;

/// Deletes the ref of a landing that is over. Where that fails it is deleted later: somebody's lock protects it, or git died.
pub(super) fn delete(queue: &mut Queue, opened: &Opened, entry: &str) {
    if let Err(error) = opened.git.delete_landing_ref(entry) {
        let why = chain(&error);
        tracing::warn!(entry, %why, "the ref of a landing that is over could not be deleted yet");
        // Those beyond the limit are left to the next engine.
        if queue.refs_left.len() < LEFT_MAX {
            queue.refs_left.push((opened.repo.id, entry.to_owned()));
        }
    }
}

/// Deletes the refs of landings that could not be deleted before; tells whether some are left.
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
        // A repository that is gone is left to the next engine.
        let Ok(opened) = cx.repos.open(cx, repo) else {
            continue;
        };
        if opened.git.delete_landing_ref(&id).is_err() {
            queue.refs_left.push((repo, id));
            // What is in the way of this one may be in the way of all, and each would be waited for.
            break;
        }
    }
    !queue.refs_left.is_empty()
}
