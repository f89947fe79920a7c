//! Approvals.

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyperion_api::approval::{Approval as Wire, ApprovalDetail, Decide};
use hyperion_api::{List, Problem};
use hyperion_engine::approval::{self, Decision};
use hyperion_engine::{Cx, Error};
use hyperion_model::approval::Approval;
use hyperion_model::{ApprovalId, Digest, Subject};

use super::page::{self, ListQuery, states};
use crate::Server;
use crate::answer::{Answer, blocking};
use crate::subject::find;

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/api/approvals", get(list))
        .route("/api/approvals/{id}", get(show))
        .route("/api/approvals/{id}/approve", post(approve))
        .route("/api/approvals/{id}/reject", post(reject))
        .route("/api/approvals/{id}/request-changes", post(request_changes))
        .route("/api/approvals/{id}/cancel", post(cancel))
}

async fn list(State(server): State<Server>, Query(query): Query<ListQuery>) -> Answer<List<Wire>> {
    blocking(server, move |server| {
        let cx = server.cx();
        let filter = query.filter(cx, &states!(approval))?;
        page::list::<Approval, _>(cx, &filter, view)
    })
    .await
}

async fn show(State(server): State<Server>, Path(id): Path<String>) -> Answer<ApprovalDetail> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Approval>(cx, &id, ApprovalId::new)?;
        let (diff, moved_hunks) = approval::document(cx, &found)?
            .map(|document| (document.diff, document.moved_hunks))
            .unwrap_or_default();
        Ok(ApprovalDetail {
            approval: view(cx, &found)?,
            diff: diff.map(|diff| cx.redactor.redact(&diff).into_owned()),
            moved_hunks,
        })
    })
    .await
}

async fn approve(server: State<Server>, id: Path<String>, body: Json<Decide>) -> Answer<Wire> {
    decide(server, id, body, Decision::Approve).await
}

async fn reject(server: State<Server>, id: Path<String>, body: Json<Decide>) -> Answer<Wire> {
    decide(server, id, body, Decision::Reject).await
}

async fn request_changes(
    server: State<Server>,
    id: Path<String>,
    body: Json<Decide>,
) -> Answer<Wire> {
    decide(server, id, body, Decision::RequestChanges).await
}

async fn decide(
    State(server): State<Server>,
    Path(id): Path<String>,
    Json(body): Json<Decide>,
    decision: Decision,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Approval>(cx, &id, ApprovalId::new)?;
        let digest = body.digest.as_deref().map(str::parse::<Digest>).transpose();
        let digest = digest.map_err(|error| Problem::new("input.invalid", error.to_string()))?;
        let said = body.comment.as_deref().or(body.reason.as_deref());
        approval::decide(cx, server.actor(), found.id, decision, said, digest)?;
        again(cx, found.id)
    })
    .await
}

async fn cancel(
    State(server): State<Server>,
    Path(id): Path<String>,
    Json(body): Json<Decide>,
) -> Answer<Wire> {
    blocking(server, move |server| {
        let cx = server.cx();
        let found = find::<Approval>(cx, &id, ApprovalId::new)?;
        approval::cancel(cx, server.actor(), found.id, body.reason.as_deref())?;
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
        | Subject::Entry(_) => None,
    };
    let summary = document
        .as_ref()
        .map(|document| cx.redactor.redact(&document.summary).into_owned());
    let summary = match (summary, question.about) {
        // Purged; what it was about still has its title.
        (None, Subject::ChangeSet(id)) => {
            match cx.store.get::<hyperion_model::change_set::ChangeSet>(id)? {
                Some(set) => hyperion_engine::change_set::title(cx, &set)?,
                None => None,
            }
        }
        (summary, _) => summary,
    };
    Ok(Wire {
        id: approval.id.to_string(),
        status: approval.status.name().to_owned(),
        action: question.action.to_string(),
        summary: summary.unwrap_or_default(),
        level: question.level.name().to_owned(),
        risk: question.risk.name().to_owned(),
        reasons: document
            .map(|document| document.reasons)
            .unwrap_or_default(),
        digest: question.digest.to_string(),
        generation: question.generation,
        request_id: question.request.map(|id| id.to_string()),
        change_set_id: change_set,
        asked_at: approval.asked_at.to_string(),
        expires_at: question.expires_at.to_string(),
        decided_by: verdict.map(|verdict| verdict.by.to_string()),
        decided_at: verdict.map(|verdict| verdict.at.to_string()),
        reason: verdict.and_then(|verdict| verdict.reason.as_ref().map(ToString::to_string)),
        changes_requested: verdict.is_some_and(|verdict| verdict.changes_requested),
    })
}
