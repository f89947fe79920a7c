//! Landings on the branches that the log does not have: its end was lost, or an earlier state of it was restored.
//!
//! A truncated log still verifies, because its seal was truncated too (the database was replaced by yesterday's copy, for
//! instance). The branch shows what is missing: every landing's commit names its request, its entry and the event that was the
//! last one when it was merged.

use hyperion_git::CommitInfo;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{EntryId, RequestId};
use hyperion_store::Filter;

use crate::repo::Opened;
use crate::{Cx, Error};

/// How many commits of a branch are looked at; the newest landing that the log has ends it earlier.
const COMMITS_MAX: usize = 200;
/// How many repositories are looked at.
const REPOS_MAX: u32 = 100;
/// How many landings are told.
const TOLD_MAX: usize = 10;

/// What the branches show of the log's end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Anchors {
    /// Landings of this home that the log does not have.
    pub(crate) lost: Vec<String>,
    /// Landings of which it cannot be told whether they are of this home.
    pub(crate) unknown: Vec<String>,
}

/// Compares the newest landings on every branch with the log.
pub(crate) fn compare(cx: &Cx) -> Result<Anchors, Error> {
    let mut found = Anchors::default();
    let repos = cx
        .store
        .list::<Repo>(&Filter::open().limit(REPOS_MAX))?
        .rows;
    for repo in repos {
        // One that cannot be used is told elsewhere.
        let Ok(opened) = cx.repos.open(cx, repo.id) else {
            continue;
        };
        let Ok(Some(tip)) = opened.tip_if_there(&repo.branch) else {
            continue;
        };
        for commit in opened.git.log(&tip, COMMITS_MAX)? {
            if look_at(cx, &opened, &commit, &mut found)? || found.lost.len() >= TOLD_MAX {
                break;
            }
        }
    }
    Ok(found)
}

/// Looks at one commit; tells whether the log has it, and so whatever landed before it.
fn look_at(
    cx: &Cx,
    opened: &Opened,
    commit: &CommitInfo,
    found: &mut Anchors,
) -> Result<bool, Error> {
    let trailer = |name: &str| {
        let mut lines = commit.message.lines().rev();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let parsed = trailer("Hyperion-Entry")
        .and_then(|id| id.parse::<EntryId>().ok())
        .zip(trailer("Hyperion-Request").and_then(|id| id.parse::<RequestId>().ok()))
        .zip(
            trailer("Hyperion-Audit")
                .and_then(|audit| audit.split_once(':')?.0.parse::<u64>().ok()),
        );
    let Some(((entry, request), seq)) = parsed else {
        return Ok(false);
    };
    let here = format!(
        "commit {:.10} on {} of {}",
        commit.oid, opened.repo.branch, opened.repo.name
    );
    // A row that cannot be read is told elsewhere; the log has it.
    let Ok(known) = cx.store.get::<Entry>(entry) else {
        return Ok(false);
    };
    match known.map(|entry| entry.status) {
        Some(Status::Landed) => return Ok(true),
        // It is being recorded, or will be by the next engine.
        Some(Status::Dispatching) => {}
        Some(status) => found.lost.push(format!(
            "{here} is queue entry {entry}, which the log has as {status}"
        )),
        None if cx.store.get::<Request>(request)?.is_some() => found.lost.push(format!(
            "{here} is of request {request}, and the log does not have its queue entry {entry}"
        )),
        None if seq > cx.store.last_seq()? => found.unknown.push(format!(
            "whether {here} was landed by another home, or the end of this log is lost: it names event {seq}"
        )),
        None => {}
    }
    Ok(false)
}
