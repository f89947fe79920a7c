//! Entries that cannot land as they are, and whose files landed otherwise since.

use std::collections::BTreeSet;

use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::request::Request;
use hyperion_model::{GitId, RepoPath};
use hyperion_store::Filter;

use crate::{Cx, Error, rollback};

/// The most landings since that are looked at.
const LANDINGS_MAX: u32 = 50;

/// Finds the landing that corrected an entry: asked for after the entry ended, it changed every file that the entry changes.
///
/// That is a guess, so the entry stays as it is; it is only shown apart from what is stuck.
pub fn corrected_by(cx: &Cx, entry: &Entry) -> Result<Option<GitId>, Error> {
    let Some(ended) = entry.ended_at.filter(|_| entry.status.is_kept()) else {
        return Ok(None);
    };
    let wanted = paths(cx, entry)?;
    if wanted.is_empty() {
        return Ok(None);
    }
    let since = Filter {
        since: Some(ended),
        ..Filter::default()
    };
    let since = since
        .repo(entry.admission.repo)
        .status(Status::Landed.name());
    for landing in cx.store.list::<Entry>(&since.limit(LANDINGS_MAX))?.rows {
        let request = cx.store.get::<Request>(landing.admission.request)?;
        let is_later = request.is_some_and(|request| {
            request.submitted_at >= ended && request.submission.rolls_back.is_none()
        });
        if is_later
            && landing.admission.branch == entry.admission.branch
            && wanted.is_subset(&paths(cx, &landing)?)
            && rollback::taken_back_by(cx, &landing)?.is_none()
        {
            return Ok(landing.commit);
        }
    }
    Ok(None)
}

fn paths(cx: &Cx, entry: &Entry) -> Result<BTreeSet<RepoPath>, Error> {
    let mut paths = BTreeSet::new();
    for id in &entry.admission.change_sets {
        let set = cx.store.get::<ChangeSet>(*id)?;
        let items = set.into_iter().flat_map(|set| set.proposal.items);
        paths.extend(items.map(|item| item.path));
    }
    Ok(paths)
}
