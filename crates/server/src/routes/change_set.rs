//! Change sets.

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::change_set::{
    Assessment, Blocker, ChangeSet as Wire, DecideItem, Diff, Hunk, Item, ItemDecision, Review,
    Risk,
};
use hyperion_api::{List, Problem};
use hyperion_engine::change_set::{
    self, AssessmentDocument, Preview, PreviewItem, accepted_lines, decide_all, decide_item,
    moved_hunks, unified_diff,
};
use hyperion_engine::{Cx, Error};
use hyperion_identity::Need;
use hyperion_model::change_set::{ChangeSet, Status, item};
use hyperion_model::entry::Entry;
use hyperion_model::request::Request;
use hyperion_model::{ChangeSetId, ItemId};
use hyperion_patch::LineKind;
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::{self, ListQuery, states};
use super::repo;
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to, missing};
use crate::table::Routes;

/// How much of a change set is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Without hunks.
    Listed,
    /// With them.
    Whole,
}

pub(super) fn routes() -> Routes {
    Routes::about("changes")
        .get("/api/changesets", Need::VIEWER, "Lists changes", list)
        .get(
            "/api/changesets/{id}",
            Need::VIEWER,
            "Shows a change with its hunks",
            show,
        )
        .get(
            "/api/changesets/{id}/diff",
            Need::VIEWER,
            "Gives what is accepted of a change as a diff",
            diff,
        )
        .patch(
            "/api/changesets/{id}/items/{item}",
            Need::OPERATOR,
            "Accepts or rejects an item or its hunks",
            decide,
        )
        .post(
            "/api/changesets/{id}/accept-all",
            Need::OPERATOR,
            "Accepts every item",
            accept_all,
        )
        .post(
            "/api/changesets/{id}/reject-all",
            Need::OPERATOR,
            "Rejects every item",
            reject_all,
        )
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(change_set))?;
        page::list::<ChangeSet, _>(cx, &filter, |cx, set| view(cx, set, Depth::Listed))
    })
    .await
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<Wire> {
    blocking(server, move |server| {
        let set = find::<ChangeSet>(server.cx(), &id, ChangeSetId::new)?;
        view(server.cx(), &set, Depth::Whole)
    })
    .await
}

/// What a change is compared with.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Against {
    /// What it was made on.
    #[default]
    Base,
    /// The version that was sent back before.
    Former,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffQuery {
    #[serde(default)]
    against: Against,
}

async fn diff(
    State(server): State<Server>,
    Path(id): Path<String>,
    Query(DiffQuery { against }): Query<DiffQuery>,
) -> Answer<Diff> {
    blocking(server, move |server| {
        let cx = server.cx();
        let set = find::<ChangeSet>(cx, &id, ChangeSetId::new)?;
        if let Against::Former = against {
            return against_former(cx, &set);
        }
        shown_diff(cx, &set)?.ok_or_else(|| {
            Problem::new(
                "subject.not_found",
                format!("the content of change set {} was purged", set.id.short()),
            )
            .hint("it is kept for `files.backup_retention_hours` after a change ended; what landed is read from git")
            .into()
        })
    })
    .await
}

/// Gives what a change set changes; none where its content was purged.
pub(super) fn shown_diff(cx: &Cx, set: &ChangeSet) -> Result<Option<Diff>, Error> {
    let Some(preview) = preview(cx, set)? else {
        return Ok(None);
    };
    let (additions, deletions) = accepted_lines(cx, set)?;
    let text = unified_diff(&preview.accepted()?);
    let masked = cx.redactor.redact_diff(&text);
    Ok(Some(Diff {
        lines_masked: u32::try_from(masked.lines_masked).unwrap_or(u32::MAX),
        unified_diff: masked.text.into_owned(),
        additions,
        deletions,
    }))
}

fn against_former(cx: &Cx, set: &ChangeSet) -> Result<Diff, Error> {
    let items = change_set::since_former(cx, set)?.ok_or_else(|| {
        let detail = match set.proposal.supersedes {
            None => format!("change set {} has no former version", set.id),
            Some(former) => format!(
                "the content of change set {} or {former} was purged",
                set.id
            ),
        };
        Problem::new("subject.not_found", detail)
    })?;
    let text = unified_diff(&items);
    let masked = cx.redactor.redact_diff(&text);
    let count = |lines: usize| u32::try_from(lines).unwrap_or(u32::MAX);
    let lines = items.iter().map(change_set::lines_of);
    let (additions, deletions) = lines.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    Ok(Diff {
        lines_masked: count(masked.lines_masked),
        unified_diff: masked.text.into_owned(),
        additions: count(additions),
        deletions: count(deletions),
    })
}

async fn decide(
    State(server): State<Server>,
    caller: Caller,
    Path((id, item)): Path<(String, String)>,
    Json(DecideItem { status, hunks }): Json<DecideItem>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let set = find::<ChangeSet>(cx, &id, ChangeSetId::new)?;
        let item = item_of(&set, &item)?;
        let accept = status == ItemDecision::Accepted;
        decide_item(cx, caller.actor(), set.id, item, accept, hunks.as_deref())?;
        again(cx, set.id)
    })
    .await
}

/// Finds an item by its id, the end of it, or its path.
fn item_of(set: &ChangeSet, text: &str) -> Result<ItemId, Error> {
    let items = &set.proposal.items;
    let fits = |item: &&item_model::Item| {
        item.path.as_str() == text
            || (text.len() >= 6
                && item
                    .id
                    .uuid()
                    .simple()
                    .to_string()
                    .ends_with(&text.replace('-', "")))
    };
    let mut found = items.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => {
            let detail = format!("change set {} has no item {text}", set.id.short());
            Err(Problem::new("subject.not_found", detail)
                .hint("`hyperion changes show` lists the items")
                .into())
        }
        (Some(_), Some(_)) => {
            let detail = format!("{text:?} fits several items; give more digits");
            Err(Problem::new("subject.ambiguous", detail).into())
        }
    }
}

use hyperion_model::change_set as item_model;

async fn accept_all(server: State<Server>, caller: Caller, id: Path<String>) -> Answer<Wire> {
    all(server, caller, id, true).await
}

async fn reject_all(server: State<Server>, caller: Caller, id: Path<String>) -> Answer<Wire> {
    all(server, caller, id, false).await
}

async fn all(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    accept: bool,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let verb = if accept { "accept" } else { "reject" };
        let set = find_to::<ChangeSet>(verb, server.cx(), &id, ChangeSetId::new)?;
        decide_all(server.cx(), caller.actor(), set.id, accept)?;
        again(server.cx(), set.id)
    })
    .await
}

fn again(cx: &Cx, id: ChangeSetId) -> Result<Wire, Error> {
    let set = cx.store.get::<ChangeSet>(id)?;
    view(
        cx,
        &set.ok_or_else(|| missing::<ChangeSet>(&id.to_string()))?,
        Depth::Whole,
    )
}

fn preview(cx: &Cx, set: &ChangeSet) -> Result<Option<Preview>, Error> {
    let opened = cx.repos.open(cx, set.proposal.repo)?;
    match change_set::preview(cx, &opened, set)? {
        // Purged; what landed is read from git.
        None => change_set::landed(cx, &opened, set),
        preview => Ok(preview),
    }
}

pub(super) fn view(cx: &Cx, set: &ChangeSet, depth: Depth) -> Result<Wire, Error> {
    let title = change_set::title(cx, set)?;
    let preview = match depth {
        Depth::Listed => None,
        Depth::Whole => preview(cx, set)?,
    };
    let judged: Option<AssessmentDocument> = match &set.assessed {
        Some(assessed) => cx.read_json(assessed.document)?,
        None => None,
    };
    let (additions, deletions) = accepted_lines(cx, set)?;
    let ended = |status: Status| {
        set.ended_at
            .filter(|_| set.status == status)
            .map(|at| at.to_string())
    };
    let request = cx.store.get::<Request>(set.proposal.request)?;
    let branch = request.map(|request| request.submission.branch.to_string());
    let entry = match (set.status, set.entry) {
        (Status::Queued | Status::Dispatching, Some(id)) => cx.store.get::<Entry>(id)?,
        _ => None,
    };
    let checks = match depth {
        Depth::Listed => Vec::new(),
        Depth::Whole => change_set::own_checks(cx, set)?,
    };
    let mask = |check: &String| cx.redactor.redact(check).into_owned();
    Ok(Wire {
        repo: repo::name(cx, set.proposal.repo)?,
        branch: branch.unwrap_or_default(),
        checks: checks.iter().map(mask).collect(),
        id: set.id.to_string(),
        title: title.unwrap_or_default(),
        request_id: set.proposal.request.to_string(),
        task_id: set.proposal.task.to_string(),
        run_id: set.proposal.run.to_string(),
        agent: set.proposal.agent.to_string(),
        status: set.status.name().to_owned(),
        base: set.proposal.base_commit.to_string(),
        supersedes: set.proposal.supersedes.map(|id| id.to_string()),
        signed_by: match depth {
            Depth::Listed => None,
            Depth::Whole => change_set::signed_by(cx, set)?,
        },
        revise_by: set
            .revise_by
            .filter(|_| set.status == Status::ChangesRequested)
            .map(|until| until.to_string()),
        items: items(cx, set, preview.as_ref()),
        moved_hunks: match &preview {
            Some(preview) => moved_hunks(&preview.accepted()?),
            None => Vec::new(),
        },
        additions,
        deletions,
        assessment: judged.as_ref().map(assessment),
        review: judged.map(review),
        approval_id: set.approval.map(|id| id.to_string()),
        entry_id: set.entry.map(|id| id.to_string()),
        entry_status: entry.as_ref().map(|entry| entry.status.name().to_owned()),
        commit: set.commit.as_ref().map(ToString::to_string),
        proposed_at: set.proposed_at.to_string(),
        applied_at: applied_at(cx, set)?,
        rolled_back_at: ended(Status::RolledBack),
        reason: reason(set, entry.as_ref()),
    })
}

/// Says when a change landed; that it was taken back since does not change that.
fn applied_at(cx: &Cx, set: &ChangeSet) -> Result<Option<String>, Error> {
    let at = match (set.status, set.entry) {
        (Status::Landed, _) => set.ended_at,
        (Status::RolledBack, Some(entry)) => cx
            .store
            .get::<Entry>(entry)?
            .and_then(|entry| entry.ended_at),
        _ => None,
    };
    Ok(at.map(|at| at.to_string()))
}

/// Says why a change stands where it stands; while it is queued, that is its entry's affair.
fn reason(set: &ChangeSet, entry: Option<&Entry>) -> Option<String> {
    let of_entry = entry.and_then(|entry| entry.reason.as_ref());
    let reason = set.reason.as_ref().or(of_entry);
    reason.map(ToString::to_string)
}

fn items(cx: &Cx, set: &ChangeSet, preview: Option<&Preview>) -> Vec<Item> {
    let mode = |mode: Option<u32>| mode.map(|mode| format!("{mode:06o}"));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    set.proposal
        .items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let shown = preview.and_then(|preview| preview.items.get(index));
            Item {
                id: item.id.to_string(),
                path: item.path.to_string(),
                from_path: item.from_path.as_ref().map(ToString::to_string),
                operation: item.operation.name().to_owned(),
                status: item_status(set.status, item.status).to_owned(),
                old_hash: item.old_hash.map(|hash| hash.to_string()),
                new_hash: item.new_hash.map(|hash| hash.to_string()),
                old_mode: mode(item.old_mode),
                new_mode: mode(item.new_mode),
                binary: shown.is_some_and(|shown| shown.diff.binary),
                hunks: shown.map(|shown| hunks(cx, shown)).unwrap_or_default(),
                additions: item.additions,
                deletions: item.deletions,
                order_index: count(index),
            }
        })
        .collect()
}

/// Names where an item stands: once its set is on its way to the branch, so is what is not rejected of it.
const fn item_status(set: Status, item: item::Status) -> &'static str {
    match (item, set) {
        (item::Status::Rejected, _) => "rejected",
        (_, Status::Landed) => "applied",
        (_, Status::Dispatching) => "dispatching",
        (item::Status::Pending | item::Status::Accepted, _) => item.name(),
    }
}

fn hunks(cx: &Cx, shown: &PreviewItem) -> Vec<Hunk> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = |line: &hyperion_patch::Line| {
        let sign = match line.kind {
            LineKind::Context => ' ',
            LineKind::Added => '+',
            LineKind::Removed => '-',
        };
        format!("{sign}{}", String::from_utf8_lossy(line.content()))
    };
    shown
        .diff
        .hunks
        .iter()
        .enumerate()
        .map(|(index, hunk)| Hunk {
            index: count(index),
            old_start: count(hunk.old_start),
            old_lines: count(hunk.old_lines),
            new_start: count(hunk.new_start),
            new_lines: count(hunk.new_lines),
            accepted: shown.item.status != item::Status::Rejected
                && !shown.item.rejected_hunks.contains(&count(index)),
            lines: cx
                .redactor
                .redact_hunk(&hunk.lines.iter().map(line).collect::<Vec<_>>()),
        })
        .collect()
}

fn assessment(document: &AssessmentDocument) -> Assessment {
    let judged = &document.assessment;
    Assessment {
        allowed: judged.allowed(),
        requires_approval: judged.requires_approval(),
        approval_level: judged.level.name().to_owned(),
        risk: judged.severity.name().to_owned(),
        risks: judged
            .risks
            .iter()
            .map(|risk| Risk {
                r#type: risk.kind.name().to_owned(),
                severity: risk.severity.name().to_owned(),
                description: risk.description.clone(),
                affected_files: risk
                    .affected_files
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            })
            .collect(),
        blockers: judged
            .blockers
            .iter()
            .map(|blocker| Blocker {
                code: blocker.code.name().to_owned(),
                path: blocker.path.as_ref().map(ToString::to_string),
                line: blocker.line,
                detail: blocker.detail.clone(),
                remedy: blocker.remedy.clone(),
            })
            .collect(),
        reasons: judged.reasons.clone(),
    }
}

fn review(document: AssessmentDocument) -> Review {
    let hyperion_policy::Review {
        approved,
        issues,
        suggestions,
        security_concerns,
        test_coverage,
        test_suggestions,
    } = document.review;
    Review {
        approved,
        issues,
        suggestions,
        security_concerns,
        test_coverage,
        test_suggestions,
    }
}
