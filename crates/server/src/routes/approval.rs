//! Approvals.

use axum::Json;
mod asking;

use axum::extract::{Path, Query, State};
use hyperion_api::approval::{Approval as Wire, ApprovalDetail, Decide, LookAtWhole, TakenBack};
use hyperion_api::{List, Problem};
use hyperion_engine::approval::{self, Decision, QuestionDocument};
use hyperion_engine::change_set::since_asked;
use hyperion_engine::{Cx, Error};
use hyperion_identity::Need;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::{ApprovalId, Digest, Level, Role, Subject};

use super::page::{self, ListQuery, states};
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::caller::Caller;
use crate::subject::{find, find_to};
use crate::table::Routes;

pub(super) fn routes() -> Routes {
    Routes::about("approvals")
        .get("/api/approvals", Need::VIEWER, "Lists approvals", list)
        .post(
            "/api/approvals",
            Need::OPERATOR,
            "Asks people a question",
            asking::ask,
        )
        .post(
            "/api/approvals/{id}/extend",
            Need::OPERATOR,
            "Gives a question more time",
            asking::extend,
        )
        .get(
            "/api/approvals/{id}",
            Need::VIEWER,
            "Shows an approval, with what is asked",
            show,
        )
        .post(
            "/api/approvals/{id}/unmasked",
            Need::Decision,
            "Shows an approval with nothing masked, and records that",
            unmasked,
        )
        .post(
            "/api/approvals/{id}/approve",
            Need::Decision,
            "Approves what is asked",
            approve,
        )
        .post(
            "/api/approvals/{id}/reject",
            Need::Decision,
            "Rejects what is asked",
            reject,
        )
        .post(
            "/api/approvals/{id}/request-changes",
            Need::Decision,
            "Sends it back with what should be different",
            request_changes,
        )
        .post(
            "/api/approvals/{id}/cancel",
            Need::OPERATOR,
            "Withdraws the question",
            cancel,
        )
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(approval))?;
        page::list::<Approval, _>(cx, &filter, view)
    })
    .await
}

async fn show(
    State(server): State<Server>,
    Path(id): Path<String>,
    Query(wait): Query<asking::Wait>,
) -> Answer<ApprovalDetail> {
    asking::until_decided(&server, &id, wait).await?;
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Approval>(cx, &id, ApprovalId::new)?;
        let document = approval::document(cx, &found)?.unwrap_or_default();
        let shown = document.masked(&cx.redactor);
        let mut wire = view(cx, &found)?;
        wire.reasons.splice(0..0, since_asked(cx, &found));
        Ok(ApprovalDetail {
            diff: shown.diff,
            details: shown.details,
            ..detail(cx, wire, document, shown.lines_masked, &found)
        })
    })
    .await
}

/// Shows all of a question to whoever may decide it, and records that they were shown it.
async fn unmasked(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(LookAtWhole { digest }): Json<LookAtWhole>,
) -> Answer<ApprovalDetail> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Approval>(cx, &id, ApprovalId::new)?;
        let digest = parse(digest.as_deref())?;
        let (found, document) = approval::look_at_whole(cx, caller.actor(), found.id, digest)?;
        let lines_masked = document.masked(&cx.redactor).lines_masked;
        let mut wire = view(cx, &found)?;
        wire.checks.clone_from(&document.checks);
        Ok(ApprovalDetail {
            diff: document.diff.clone(),
            details: document.details_text(),
            ..detail(cx, wire, document, lines_masked, &found)
        })
    })
    .await
}

/// Gives all but the diff and the details.
fn detail(
    cx: &Cx,
    approval: Wire,
    document: QuestionDocument,
    lines_masked: usize,
    found: &Approval,
) -> ApprovalDetail {
    let mask = |text: String| cx.redactor.redact(&text).into_owned();
    ApprovalDetail {
        approval,
        diff: None,
        details: None,
        risk_reasons: document.risk_reasons.into_iter().map(mask).collect(),
        place: document.place,
        rule: document.rule.map(mask),
        undo: document.undo.map(mask),
        tree: document.tree,
        moved_hunks: document.moved_hunks,
        lines_masked: u32::try_from(lines_masked).unwrap_or(u32::MAX),
        looked_at_by: found
            .looked_at
            .as_ref()
            .map(|looked| looked.by.id().to_string()),
    }
}

pub(super) fn parse(digest: Option<&str>) -> Result<Option<Digest>, Problem> {
    let digest = digest.map(str::parse::<Digest>).transpose();
    digest.map_err(|error| Problem::new("input.invalid", error.to_string()))
}

async fn approve(
    server: State<Server>,
    caller: Caller,
    id: Path<String>,
    body: Json<Decide>,
) -> Answer<Wire> {
    decide(server, caller, id, body, Decision::Approve).await
}

async fn reject(
    server: State<Server>,
    caller: Caller,
    id: Path<String>,
    body: Json<Decide>,
) -> Answer<Wire> {
    decide(server, caller, id, body, Decision::Reject).await
}

async fn request_changes(
    server: State<Server>,
    caller: Caller,
    id: Path<String>,
    body: Json<Decide>,
) -> Answer<Wire> {
    decide(server, caller, id, body, Decision::RequestChanges).await
}

async fn decide(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Decide>,
    decision: Decision,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let verb = match decision {
            Decision::Approve => "approve",
            Decision::Reject => "reject",
            Decision::RequestChanges => "request-changes",
        };
        let found = find_to::<Approval>(verb, cx, &id, ApprovalId::new)?;
        let digest = parse(body.digest.as_deref())?;
        let said = body.comment.as_deref().or(body.reason.as_deref());
        approval::decide(cx, caller.known(), found.id, decision, said, digest)?;
        again(cx, found.id)
    })
    .await
}

async fn cancel(
    State(server): State<Server>,
    caller: Caller,
    Path(id): Path<String>,
    Json(body): Json<Decide>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find_to::<Approval>("cancel", cx, &id, ApprovalId::new)?;
        approval::cancel(cx, caller.actor(), found.id, body.reason.as_deref())?;
        again(cx, found.id)
    })
    .await
}

fn again(cx: &Cx, id: ApprovalId) -> Result<Wire, Error> {
    let found = cx.store.get::<Approval>(id)?;
    view(
        cx,
        &found.ok_or_else(|| crate::subject::missing::<Approval>(&id.to_string()))?,
    )
}

/// Names the roles that may decide.
fn may_decide(level: Level) -> Vec<String> {
    let roles = [Role::TeamLead, Role::Admin].into_iter();
    let roles = roles.filter(|role| role.may_decide(level));
    roles.map(|role| role.name().to_owned()).collect()
}

pub(super) fn view(cx: &Cx, approval: &Approval) -> Result<Wire, Error> {
    let document = approval::document(cx, approval)?;
    let verdict = approval.verdict.as_ref();
    let question = &approval.question;
    let change_set = match question.about {
        Subject::ChangeSet(id) => Some(id.to_string()),
        Subject::Repo(_)
        | Subject::Request(_)
        | Subject::Plan(_)
        | Subject::Run(_)
        | Subject::Approval(_)
        | Subject::Entry(_)
        | Subject::User(_)
        | Subject::Token(_)
        | Subject::Audit(_)
        | Subject::Grant(_) => None,
    };
    let set = match question.about {
        Subject::ChangeSet(id) => cx.store.get::<ChangeSet>(id)?,
        _ => None,
    };
    let former = set.as_ref().and_then(|set| set.proposal.supersedes);
    let signed_by = match &set {
        Some(set) => hyperion_engine::change_set::signed_by(cx, set)?,
        None => None,
    };
    let summary = document
        .as_ref()
        .map(|document| cx.redactor.redact(&document.summary).into_owned());
    let summary = match (summary, question.about) {
        // Purged; what it was about still has its title.
        (None, Subject::ChangeSet(id)) => match cx.store.get::<ChangeSet>(id)? {
            Some(set) => hyperion_engine::change_set::title(cx, &set)?,
            None => None,
        },
        (summary, _) => summary,
    };
    let QuestionDocument {
        summary: _,
        repo,
        branch,
        checks,
        files,
        additions,
        deletions,
        takes_back,
        reasons,
        // Shown with one approval alone.
        diff: _,
        moved_hunks: _,
        details: _,
        risk_reasons: _,
        place: _,
        rule: _,
        undo: _,
        tree: _,
    } = document.unwrap_or_default();
    let mask = |check: &String| cx.redactor.redact(check).into_owned();
    let takes_back = takes_back.into_iter().map(|taken| TakenBack {
        commit: taken.commit,
        title: cx.redactor.redact(&taken.title).into_owned(),
    });
    Ok(Wire {
        repo,
        branch,
        files,
        additions,
        deletions,
        checks: checks.iter().map(mask).collect(),
        takes_back: takes_back.collect(),
        id: approval.id.to_string(),
        status: approval.status.name().to_owned(),
        action: question.action.to_string(),
        summary: summary.unwrap_or_default(),
        level: question.level.name().to_owned(),
        risk: question.risk.name().to_owned(),
        reasons,
        digest: question.digest.to_string(),
        generation: question.generation,
        request_id: question.request.map(|id| id.to_string()),
        change_set_id: change_set,
        former_change_set_id: former.map(|id| id.to_string()),
        signed_by,
        asked_at: approval.asked_at.to_string(),
        expires_at: question.expires_at.to_string(),
        decided_by: verdict.map(|verdict| verdict.by.to_string()),
        decided_at: verdict.map(|verdict| verdict.at.to_string()),
        reason: verdict.and_then(|verdict| verdict.reason.as_ref().map(ToString::to_string)),
        changes_requested: verdict.is_some_and(|verdict| verdict.changes_requested),
        key: question.key.to_string(),
        asked_by: approval.asked_by.as_ref().map(ToString::to_string),
        run_id: match question.about {
            Subject::Run(id) => Some(id.to_string()),
            _ => None,
        },
        may_decide: may_decide(question.level),
        extensions: approval.extensions,
    })
}
