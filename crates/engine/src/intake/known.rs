//! What the same work was filed as before: found again by a key that is made of the work itself.

use hyperion_model::RepoId;
use hyperion_model::request::{Request, Status};

use super::submit::keyed_id;
use crate::{Cx, Error};

/// The most times that the same work is filed again after it ended without landing.
const TRIES_MAX: usize = 100;

/// Whether work was filed before.
pub(super) enum Known {
    /// It was, and may land yet, or has landed.
    As(Box<Request>),
    /// It was not, or nothing came of it; the key to file it with.
    Free(String),
}

/// Finds what work was filed as, or the key to file it with: what came to nothing can be filed again.
pub(super) fn known(cx: &Cx, repo: RepoId, key: &str) -> Result<Known, Error> {
    let mut free = String::new();
    for number in 1..=TRIES_MAX {
        free = match number {
            1 => key.to_owned(),
            number => format!("{key} ({number})"),
        };
        match cx
            .store
            .get::<Request>(keyed_id(repo.uuid(), &free, false))?
        {
            Some(request) if !came_to_nothing(&request) => {
                return Ok(Known::As(Box::new(request)));
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(Known::Free(free))
}

/// Tells whether nothing of a request is on its branch, nor will be.
pub(super) fn came_to_nothing(request: &Request) -> bool {
    match request.status {
        Status::Failed | Status::Cancelled | Status::RolledBack => true,
        Status::Pending
        | Status::NeedsClarification
        | Status::Planned
        | Status::Running
        | Status::AwaitingApproval
        | Status::Completed
        | Status::PartlyLanded => false,
    }
}
