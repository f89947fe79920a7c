//! Entries that cannot land as they are, and whose files landed otherwise since.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::request::Request;
use hyperion_model::{GitId, RepoPath, RequestId};
use hyperion_store::Filter;

use crate::{Cx, Error, rollback};

/// The most landings since that are looked at.
const LANDINGS_MAX: u32 = 50;

/// Finds the landing that corrected an entry: its request changed every file that the entry changes, and was filed after the entry ended,
/// or before that under the same title.
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
    let Some(own) = cx.store.get::<Request>(entry.admission.request)? else {
        return Ok(None);
    };
    let mut landed: BTreeMap<RequestId, BTreeSet<RepoPath>> = BTreeMap::new();
    for landing in cx.store.list::<Entry>(&since.limit(LANDINGS_MAX))?.rows {
        let request = cx.store.get::<Request>(landing.admission.request)?;
        let is_later = request.is_some_and(|request| {
            let is_anew = request.submitted_at > own.submitted_at
                && own.submission.title.is_some()
                && request.submission.title == own.submission.title;
            (request.submitted_at >= ended || is_anew) && request.submission.rolls_back.is_none()
        });
        if !is_later
            || landing.admission.branch != entry.admission.branch
            || rollback::taken_back_by(cx, &landing)?.is_some()
        {
            continue;
        }
        let changed = landed.entry(landing.admission.request).or_default();
        changed.extend(paths(cx, &landing)?);
        if wanted.is_subset(changed) {
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
