//! Starts the command of a run that may: judged once more, with a permit.

use hyperion_model::Digest;
use hyperion_model::approval::Approval;
use hyperion_model::grant::Grant;
use hyperion_model::run::{Ground, Run};
use hyperion_policy::{Action, ActionKind, Basis, Permit, Shape, permit};
use hyperion_shim::{StartError, read_spec, start};
use serde_json::Value;

use super::ask::bound;
use super::submit::argv;
use super::{Record, Site};
use crate::run::folder_of;
use crate::{Cx, Error};

/// What became of the start of a command.
pub(crate) enum Begun {
    /// Its shim is there.
    Started,
    /// It may not run any more, and why.
    Refused(String),
}

/// Starts the command of a run on its ground; an earlier engine may have started it and died.
pub(crate) fn begin(cx: &Cx, run: &Run, ground: Ground) -> Result<Begun, Error> {
    let record: Record = cx.require_json(run.spec)?;
    let permit = match allow(cx, run, &record, ground)? {
        Ok(permit) => permit,
        Err(why) => return Ok(Begun::Refused(why)),
    };
    spend(cx, run, &record, &permit)
}

/// Mints the permit, by what the rules say now and by what was agreed to.
fn allow(
    cx: &Cx,
    run: &Run,
    record: &Record,
    ground: Ground,
) -> Result<Result<Permit, String>, Error> {
    let site = match Site::of(cx, &record.cwd) {
        Ok(site) => site,
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let judgement = record.what.judge(&site.rules, &site.place);
    let payload = Digest::of_json(&bound(record));
    let action = Action {
        kind: ActionKind::Run,
        subject: run.id.to_string(),
        payload,
    };
    if judgement.is_denied() {
        return Ok(Err(denied(&judgement)));
    }
    let minted = match ground {
        Ground::Sandbox | Ground::ReadOnly => {
            let is_held =
                ground == Ground::Sandbox && site.holds(cx, record.sandbox, record.network);
            let basis = Basis::Command {
                judgement: &judgement,
                is_held,
                payload,
            };
            permit(&action, &basis, &site.rules)
        }
        Ground::Grant { grant: id } => {
            let grant = cx.store.get::<Grant>(id)?;
            let grant = grant.ok_or_else(|| Error::Missing(format!("grant {id}")))?;
            let shape = cx.store.blob(grant.terms.shape)?;
            let Some(shape) = shape.and_then(|shape| String::from_utf8(shape).ok()) else {
                return Ok(Err(format!("the shape of grant {} was purged", id.short())));
            };
            let basis = Basis::Grant {
                grant: id,
                shape: &Shape::kept(shape),
                level: grant.terms.level,
                granted_by: &grant.granted_by,
                judgement: &judgement,
                payload,
            };
            permit(&action, &basis, &site.rules)
        }
        Ground::Approval { approval: id } => {
            let approval = cx.store.get::<Approval>(id)?;
            let approval = approval.ok_or_else(|| Error::Missing(format!("approval {id}")))?;
            let Some(verdict) = &approval.verdict else {
                return Err(Error::Missing(format!("the decision about approval {id}")));
            };
            let Some(agreed) = agreed(cx, &approval, record)? else {
                return Ok(Err(format!(
                    "what approval {} is about was purged",
                    id.short()
                )));
            };
            let basis = Basis::Approval {
                approval: id,
                level: approval.question.level,
                required: judgement
                    .level()
                    .unwrap_or(hyperion_model::Level::ManualOnly),
                decided_by: &verdict.by,
                owners: approval.question.owners.as_ref(),
                payload: agreed,
            };
            permit(&action, &basis, &site.rules)
        }
    };
    Ok(minted.map_err(|refused| refused.to_string()))
}

/// Gives the digest of what was agreed to, of that part which a command is bound by.
fn agreed(cx: &Cx, approval: &Approval, record: &Record) -> Result<Option<Digest>, Error> {
    let document: Option<Value> = cx.read_json(approval.question.document)?;
    let Some(details) = document.and_then(|document| document.get("details").cloned()) else {
        return Ok(None);
    };
    let Value::Object(wanted) = bound(record) else {
        return Ok(None);
    };
    let agreed: serde_json::Map<_, _> = wanted
        .keys()
        .map(|key| (key.clone(), details.get(key).cloned().unwrap_or_default()))
        .collect();
    Ok(Some(Digest::of_json(&Value::Object(agreed))))
}

/// Starts what the permit is for.
fn spend(cx: &Cx, run: &Run, record: &Record, permit: &Permit) -> Result<Begun, Error> {
    let folder = folder_of(cx, run.id);
    let spec = read_spec(&folder).map_err(|source| Error::Io {
        what: folder.display().to_string(),
        source,
    })?;
    // The folder is ours alone, yet what was permitted is what is started.
    let same = spec.argv == argv(&record.what)?
        && spec.cwd == record.cwd
        && spec.sandbox.level == record.sandbox
        && spec.sandbox.network == record.network
        && permit.payload() == Digest::of_json(&bound(record));
    if !same {
        return Ok(Begun::Refused(
            "its folder holds another command".to_owned(),
        ));
    }
    tracing::info!(run = %run.id, decision = %permit.decision_id(), "a command starts");
    match start(&cx.settings.shim_program, &folder) {
        Ok(_) | Err(StartError::StartedBefore { .. }) => Ok(Begun::Started),
        Err(error) => Ok(Begun::Refused(crate::error::chain(&error))),
    }
}

fn denied(judgement: &hyperion_policy::Judgement) -> String {
    let why = judgement.reasons.first();
    let why = why.map_or("", |reason| reason.detail.as_str());
    format!("policy refuses it now: {why}")
}
