//! The operation monitor's view of requests: the same facts in one flat record, and under the names its subscribers know.

use axum::Json;
use axum::extract::{Path, Query, State};
use hyperion_api::List;
use hyperion_api::approval::Decide;
use hyperion_api::operation::{Operation, OperationDiff};
use hyperion_api::request::Because;
use hyperion_engine::approval::{self, Decision};
use hyperion_engine::rollback::{self, What};
use hyperion_engine::{Cx, Error, request};
use hyperion_identity::Need;
use hyperion_model::approval::{self as model, Approval, Risk};
use hyperion_model::change_set::{ChangeSet, Status as SetStatus};
use hyperion_model::entry::{self, Entry};
use hyperion_model::request::{Request, Source, Status};
use hyperion_model::{ApprovalId, RequestId};
use hyperion_store::Filter;
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::{self, ListQuery, states};
use super::request::{first_cause, source};
use super::{approval as approvals, change_set};
use crate::Server;
use crate::answer::{Accepted, Answer, Taken, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to, missing};
use crate::table::Routes;

/// The kinds of events that the monitor's subscribers know.
pub(super) const KINDS: &[&str] = &[
    "request.started",
    "request.progressed",
    "request.completed",
    "request.failed",
    "approval.requested",
];
/// How much of a request is looked at.
const PARTS_MAX: u32 = 1000;
/// What a request that takes another one back is called.
const ROLLBACK: &str = "rollback";

/// Gives the name by which the monitor's subscribers know a kind of event.
pub(super) fn event_name(kind: &str) -> &str {
    match kind {
        "request.started" => "operation.started",
        "request.progressed" => "operation.progress",
        "request.completed" => "operation.completed",
        "request.failed" => "operation.failed",
        other => other,
    }
}

pub(super) fn routes() -> Routes {
    Routes::about("operations")
        .get(
            "/api/agent-monitor/operations",
            Need::VIEWER,
            "Lists requests as operations",
            list,
        )
        .get(
            "/api/agent-monitor/operations/{id}",
            Need::VIEWER,
            "Shows a request as an operation",
            show,
        )
        .get(
            "/api/agent-monitor/operations/{id}/diff",
            Need::VIEWER,
            "Shows what an operation changes",
            diff,
        )
        .post(
            "/api/agent-monitor/operations/{id}/approve",
            Need::Decision,
            "Approves what an operation waits for",
            approve,
        )
        .post(
            "/api/agent-monitor/operations/{id}/reject",
            Need::Decision,
            "Rejects what an operation waits for",
            reject,
        )
        .post(
            "/api/agent-monitor/operations/{id}/rollback",
            Need::OPERATOR,
            "Takes back what an operation landed",
            roll_back,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    status: Option<String>,
    r#type: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn list(
    State(server): State<Server>,
    Query(wanted): Query<Wanted>,
) -> Answer<List<Operation>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let query = ListQuery::of(wanted.status, wanted.limit, wanted.cursor);
        let filter = query.filter(cx, &states!(request))?;
        let mut found = page::list::<Request, _>(cx, &filter, |cx, request| {
            let is_wanted = wanted
                .r#type
                .as_deref()
                .is_none_or(|it| it == operation_type(request));
            is_wanted.then(|| view(cx, request)).transpose()
        })?;
        // A page may have fewer of a type than were asked for; the cursor says whether there is more.
        Ok(List {
            items: found.items.drain(..).flatten().collect(),
            next_cursor: found.next_cursor,
        })
    })
    .await
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<Operation> {
    blocking(server, move |server| {
        let found = find::<Request>(server.cx(), &id, RequestId::new)?;
        view(server.cx(), &found)
    })
    .await
}

async fn diff(State(server): State<Server>, Path(id): Path<String>) -> Answer<OperationDiff> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Request>(cx, &id, RequestId::new)?;
        let all = Filter::default().request(found.id).limit(PARTS_MAX);
        let mut diff = OperationDiff {
            id: found.id.to_string(),
            unified_diff: String::new(),
            lines_masked: 0,
            purged: 0,
        };
        for set in cx.store.list::<ChangeSet>(&all)?.rows {
            match change_set::shown_diff(cx, &set)? {
                Some(shown) => {
                    diff.unified_diff.push_str(&shown.unified_diff);
                    diff.lines_masked += shown.lines_masked;
                }
                None => diff.purged += 1,
            }
        }
        Ok(diff)
    })
    .await
}

async fn approve(
    server: State<Server>,
    caller: Caller,
    id: Path<String>,
    body: Json<Decide>,
) -> Answer<Operation> {
    decide(server, caller, id, body, "approve", Decision::Approve).await
}

async fn reject(
    server: State<Server>,
    caller: Caller,
    id: Path<String>,
    body: Json<Decide>,
) -> Answer<Operation> {
    decide(server, caller, id, body, "reject", Decision::Reject).await
}

/// Decides the question that the request waits for; where there are several, the answer names them.
async fn decide(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Decide>,
    verb: &'static str,
    decision: Decision,
) -> Answer<Operation> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Request>(cx, &id, RequestId::new)?;
        let asked = find_to::<Approval>(verb, cx, &found.id.to_string(), ApprovalId::new)?;
        let digest = approvals::parse(body.digest.as_deref())?;
        let said = body.comment.as_deref().or(body.reason.as_deref());
        approval::decide(cx, caller.actor(), asked.id, decision, said, digest)?;
        again(cx, found.id)
    })
    .await
}

async fn roll_back(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(Because { reason }): Json<Because>,
) -> Accepted<Operation> {
    let filed = blocking(server, move |server| {
        let cx = server.cx();
        let what = What::named(cx, &id)?;
        let id = rollback::roll_back(cx, caller.actor(), what, reason.as_deref(), Source::Http)?;
        again(cx, id)
    });
    filed.await.map(|Json(operation)| Taken(operation))
}

fn again(cx: &Cx, id: RequestId) -> Result<Operation, Error> {
    let found = cx.store.get::<Request>(id)?;
    view(
        cx,
        &found.ok_or_else(|| missing::<Request>(&id.to_string()))?,
    )
}

fn operation_type(request: &Request) -> &'static str {
    match request.submission.rolls_back {
        Some(_) => ROLLBACK,
        None => request.submission.class.name(),
    }
}

/// What of a request the monitor's record is made of.
struct Facts {
    request: Request,
    title: String,
    /// Why it failed or was cancelled.
    reason: Option<String>,
    approvals: Vec<Approval>,
    entries: Vec<Entry>,
    /// Whether what landed of it can be taken back.
    can_roll_back: bool,
    /// The request that took it back, with its entries.
    taken_back_by: Option<(Request, Vec<Entry>)>,
    change: Change,
    logs: Vec<String>,
}

/// How large a change is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Change {
    files: u32,
    additions: u32,
    deletions: u32,
}

fn view(cx: &Cx, request: &Request) -> Result<Operation, Error> {
    let all = Filter::default().request(request.id).limit(PARTS_MAX);
    let entries = |id: RequestId| -> Result<Vec<Entry>, Error> {
        let all = Filter::default().archived().request(id).limit(PARTS_MAX);
        Ok(cx.store.list::<Entry>(&all)?.rows)
    };
    let taken_back_by = request.rolled_back_by.map(|id| cx.store.get::<Request>(id));
    let taken_back_by = match taken_back_by.transpose()?.flatten() {
        Some(by) => Some((by.clone(), entries(by.id)?)),
        None => None,
    };
    let mut change = Change::default();
    for set in cx.store.list::<ChangeSet>(&all)?.rows {
        if set.status == SetStatus::Superseded {
            continue;
        }
        let (additions, deletions) = hyperion_engine::change_set::accepted_lines(cx, &set)?;
        change.files += u32::try_from(set.proposal.items.len()).unwrap_or(u32::MAX);
        change.additions += additions;
        change.deletions += deletions;
    }
    let summary = request::summary(cx, request)?;
    let checks = summary.into_iter().flat_map(|summary| summary.checks);
    let facts = Facts {
        title: request::title(cx, request)?.unwrap_or_default(),
        reason: match &request.reason {
            Some(reason) => Some(reason.to_string()),
            None => first_cause(cx, request)?,
        },
        approvals: cx.store.list::<Approval>(&all.clone().archived())?.rows,
        entries: entries(request.id)?,
        can_roll_back: rollback::is_possible(cx, request)?,
        taken_back_by,
        change,
        logs: checks
            .map(|check| format!("/api/runs/{}/log", check.run_id))
            .collect(),
        request: request.clone(),
    };
    Ok(operation(&facts))
}

/// Makes the record.
fn operation(facts: &Facts) -> Operation {
    let Facts {
        request,
        title,
        reason,
        approvals,
        entries,
        can_roll_back,
        taken_back_by,
        change,
        logs,
    } = facts;
    let decided = approvals.iter().filter_map(|approval| {
        // Nobody decided on what expired or was withdrawn.
        let verdict = approval.verdict.as_ref()?;
        matches!(
            approval.status,
            model::Status::Approved | model::Status::Rejected
        )
        .then_some(verdict)
    });
    let last = decided.max_by_key(|verdict| verdict.at);
    let risk = approvals
        .iter()
        .map(|approval| approval.question.risk)
        .max();
    let text = |at: &hyperion_model::Time| at.to_string();
    Operation {
        id: request.id.to_string(),
        operation_type: operation_type(request).to_owned(),
        status: request.status.name().to_owned(),
        description: title.clone(),
        triggered_by: request.submitted_by.to_string(),
        source: source(request.submission.source).to_owned(),
        branch: request.submission.branch.to_string(),
        base_branch: request.submission.branch.to_string(),
        commit_sha: last_commit(entries),
        pr_number: None,
        pr_url: None,
        files_changed: change.files,
        lines_added: change.additions,
        lines_removed: change.deletions,
        risk_level: risk.map(Risk::name).map(str::to_owned),
        approval_status: approval_status(approvals).map(|status| status.name().to_owned()),
        approved_by: last.map(|verdict| verdict.by.to_string()),
        approved_at: last.map(|verdict| text(&verdict.at)),
        started_at: request.started_at.as_ref().map(text),
        completed_at: request.finished_at.as_ref().map(text),
        error_message: reason.clone(),
        can_rollback: *can_roll_back,
        rollback_sha: taken_back_by
            .as_ref()
            .and_then(|(_, entries)| last_commit(entries)),
        rolled_back_at: taken_back_by
            .as_ref()
            .filter(|_| request.status == Status::RolledBack)
            .and_then(|(by, _)| by.finished_at.as_ref().map(text)),
        logs: logs.clone(),
    }
}

fn last_commit(entries: &[Entry]) -> Option<String> {
    let landed = entries
        .iter()
        .filter(|entry| entry.status == entry::Status::Landed);
    let last = landed.max_by_key(|entry| entry.ended_at)?;
    last.commit.as_ref().map(ToString::to_string)
}

/// Says in one word how its questions stand: what waits first, then what keeps it from landing.
fn approval_status(approvals: &[Approval]) -> Option<model::Status> {
    use model::Status::{Approved, Cancelled, Expired, Pending, Rejected};
    // What was asked anew counts as it was asked last.
    let last = approvals.iter().filter(|one| {
        !approvals.iter().any(|other| {
            let same = one.question.lineage == other.question.lineage
                && one.question.key == other.question.key;
            same && other.question.generation > one.question.generation
        })
    });
    let all: Vec<_> = last.map(|approval| approval.status).collect();
    [Pending, Rejected, Expired, Approved, Cancelled]
        .into_iter()
        .find(|status| all.contains(status))
}
