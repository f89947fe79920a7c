//! What an agent asks people by its tools.

use hyperion_api::Problem;
use hyperion_api::tool::control as wire;
use hyperion_model::approval::{Approval, Risk, Status};
use hyperion_model::{ApprovalId, LineageId, Name, RepoId, Subject, Uuid};
use serde_json::Value;

use super::super::oversee::Oversight;
use super::said;
use crate::approval::{self, Wanted};
use crate::{Cx, Error};

/// What is asked where the agent names no action.
const ACTION: &str = "act";

/// Asks people, or says what they decided.
pub(super) fn request(
    at: &Oversight<'_>,
    repo: RepoId,
    wish: wire::RequestApproval,
) -> Result<wire::Standing, Error> {
    let wire::RequestApproval {
        key,
        summary,
        action,
        details,
        risk,
        diff,
    } = wish;
    let invalid =
        |field: &str, why: String| Problem::new("input.invalid", format!("{field}: {why}"));
    let name = |field: &str, text: String| {
        Name::new(text).map_err(|error| invalid(field, error.to_string()))
    };
    let risks = [Risk::Low, Risk::Medium, Risk::High, Risk::Critical];
    let risk = match risk.as_deref() {
        None => Risk::Medium,
        Some(text) => *risks
            .iter()
            .find(|risk| risk.name() == text)
            .ok_or_else(|| {
                invalid(
                    "risk",
                    format!("{text:?} is none; give low, medium, high or critical"),
                )
            })?,
    };
    let wanted = Wanted {
        lineage: lineage(at, repo),
        key: name("key", key)?,
        action: name("action", action.unwrap_or_else(|| ACTION.to_owned()))?,
        summary,
        details: details.unwrap_or(Value::Null),
        diff,
        risk,
        risk_reasons: vec![format!("the agent says that the risk is {}", risk.name())],
        level: approval::level_for(risk),
        about: Subject::Repo(repo),
        request: None,
        repo: Some(repo),
        ttl: None,
        place: None,
        rule: Some("an agent asks by its control tools".to_owned()),
        undo: None,
    };
    within_limits(at.cx, &wanted)?;
    Ok(standing(
        at.cx,
        &approval::ask(at.cx, &at.session.actor, wanted)?,
    ))
}

/// Says how something that was asked stands.
pub(super) fn status(
    at: &Oversight<'_>,
    repo: RepoId,
    wish: &wire::ApprovalStatus,
) -> Result<wire::Standing, Error> {
    let id = wish.approval.parse::<ApprovalId>().ok();
    let found = id.map(|id| at.cx.store.get::<Approval>(id)).transpose()?;
    let found = found
        .flatten()
        .filter(|found| found.question.repo == Some(repo));
    let Some(found) = found else {
        let detail = "this repository has no such approval";
        return Err(Problem::new("subject.not_found", detail)
            .hint("give the whole id that requestApproval told")
            .into());
    };
    let latest = approval::latest(at.cx, found.question.lineage, found.question.key.as_str())?;
    Ok(standing(at.cx, &latest.unwrap_or(found)))
}

/// What the same agent asks in the same place is found again, whichever session it has by now.
fn lineage(at: &Oversight<'_>, repo: RepoId) -> LineageId {
    let name = format!("{repo}\n{}\n{}", at.session.actor.id(), at.session.root);
    LineageId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
}

/// Refuses more questions about a repository than people can read.
fn within_limits(cx: &Cx, wanted: &Wanted) -> Result<(), Error> {
    let known = approval::latest(cx, wanted.lineage, wanted.key.as_str())?;
    if known.is_some_and(|known| known.status == Status::Pending) {
        return Ok(());
    }
    approval::within_limits(
        cx,
        hyperion_store::Filter::default().parent(wanted.about.uuid()),
    )
}

fn standing(cx: &Cx, approval: &Approval) -> wire::Standing {
    let verdict = approval.verdict.as_ref();
    wire::Standing {
        approval: approval.id.to_string(),
        status: approval.status.to_string(),
        generation: approval.question.generation,
        level: approval.question.level.to_string(),
        expires_at: approval.question.expires_at.to_string(),
        decided_by: verdict.map(|verdict| verdict.by.id().to_string()),
        reason: said(cx, verdict.and_then(|verdict| verdict.reason.as_ref())),
        changes_requested: verdict.is_some_and(|verdict| verdict.changes_requested),
        look: format!("hyperion approval show {}", approval.id.short()),
    }
}
