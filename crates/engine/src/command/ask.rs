//! The question whether a command may run.

use hyperion_api::approval::Place;
use hyperion_model::approval::{Approval, Risk, Status};
use hyperion_model::run::Run;
use hyperion_model::{Actor, ApprovalId, Level, Name, RepoId, Subject};
use hyperion_policy::Judgement;
use hyperion_shim::read_spec;
use hyperion_store::Filter;
use serde_json::{Value, json};

use super::{ACTION, Record, What};
use crate::approval::{self, Wanted};
use crate::repo::{level_name, network_name};
use crate::run::folder_of;
use crate::{Cx, Error};

/// The most letters of a summary's command.
const SUMMARY_CHARS: usize = 120;

/// Asks whether the command of a run may run; asks anew where the last question ended without an answer.
pub(super) fn ask(
    cx: &Cx,
    actor: &Actor,
    run: &Run,
    record: &Record,
    judgement: &Judgement,
) -> Result<ApprovalId, Error> {
    let level = judgement.level().unwrap_or(Level::ManualOnly);
    let key = Name::new(format!("command:{}", run.id))
        .map_err(|error| Error::Missing(error.to_string()))?;
    let repo = repo_name(cx, record.repo)?;
    let line = record.command.lines().next().unwrap_or_default();
    let line: String = line.chars().take(SUMMARY_CHARS).collect();
    let place = repo
        .as_deref()
        .unwrap_or_else(|| record.cwd.to_str().unwrap_or_default());
    let summary = match (&record.what, &record.by_itself) {
        (What::Edit(path), Some(agent)) => format!("{agent} edits {path} in {place}"),
        (_, Some(agent)) => format!("{agent} runs `{line}` in {place}"),
        (_, None) => format!("run `{line}` in {place}"),
    };
    let wanted = Wanted {
        // Of the run that wants it, so that all its questions are together.
        lineage: record.asker.lineage.unwrap_or(run.lineage),
        key,
        action: Name::new(ACTION).map_err(|error| Error::Missing(error.to_string()))?,
        summary,
        details: details(cx, run, record, judgement),
        diff: None,
        risk: match level {
            Level::Auto => Risk::Low,
            Level::TeamLead => Risk::Medium,
            Level::Admin => Risk::High,
            Level::ManualOnly => Risk::Critical,
        },
        risk_reasons: judgement
            .reasons
            .iter()
            .map(|reason| reason.detail.clone())
            .collect(),
        level,
        about: Subject::Run(run.id),
        request: record.asker.request,
        repo: record.repo,
        ttl: None,
        place: Some(place_of(cx, run, record)),
        rule: judgement
            .reasons
            .first()
            .map(|reason| reason.code.to_owned()),
        undo: None,
    };
    Ok(approval::ask(cx, actor, wanted)?.id)
}

/// What an agreement is bound to: exactly what runs, where, in which environment, and what the rules said of it.
pub(super) fn details(cx: &Cx, run: &Run, record: &Record, judgement: &Judgement) -> Value {
    let reasons = judgement.reasons.iter();
    let reasons: Vec<_> = reasons
        .map(|reason| json!({"code": reason.code, "detail": reason.detail}))
        .collect();
    let mut details = bound(record);
    details["environment"] = environment(cx, run, record).into();
    details["verdict"] = judgement.verdict().into();
    details["level"] = judgement.level().map(Level::name).into();
    details["reasons"] = reasons.into();
    details["shape"] = judgement.shape.as_ref().map(ToString::to_string).into();
    details
}

fn place_of(cx: &Cx, run: &Run, record: &Record) -> Place {
    Place {
        folder: record.cwd.to_str().map(str::to_owned),
        host: None,
        environment: environment(cx, run, record),
    }
}

/// The names of the variables that a command gets.
fn environment(cx: &Cx, run: &Run, record: &Record) -> Vec<String> {
    if record.by_itself.is_some() {
        return Vec::new();
    }
    read_spec(&folder_of(cx, run.id))
        .map(|spec| spec.env.into_iter().map(|(name, _)| name).collect())
        .unwrap_or_default()
}

/// Gives the question that stands; asks anew where the last one ended without a yes or a no.
pub(super) fn stands_or_ask(
    cx: &Cx,
    actor: &Actor,
    run: &Run,
    record: &Record,
    judgement: &Judgement,
) -> Result<ApprovalId, Error> {
    match latest(cx, run)? {
        Some(stands) if stands.status != Status::Expired => Ok(stands.id),
        Some(_) | None => ask(cx, actor, run, record, judgement),
    }
}

/// What of an agreement stays the same whatever the rules say.
pub(super) fn bound(record: &Record) -> Value {
    let mut bound = json!({
        "folder": record.cwd,
        "sandbox": level_name(record.sandbox),
        "network": network_name(record.network),
        "timeout_sec": record.timeout_sec,
        "run_by": record.by_itself.as_ref().map_or("hyperion", Name::as_str),
    });
    let (key, what) = match &record.what {
        What::Command(text) => ("command", json!(text)),
        What::Argv(argv) => ("argv", json!(argv)),
        What::Edit(path) => ("edit", json!(path)),
    };
    bound[key] = what;
    bound
}

/// Finds the last question about a run.
pub(super) fn latest(cx: &Cx, run: &Run) -> Result<Option<Approval>, Error> {
    let filter = Filter::default().parent(run.id.uuid()).newest().limit(1);
    Ok(cx.store.list::<Approval>(&filter)?.rows.into_iter().next())
}

fn repo_name(cx: &Cx, repo: Option<RepoId>) -> Result<Option<String>, Error> {
    let found = match repo {
        Some(id) => cx.store.get::<hyperion_model::repo::Repo>(id)?,
        None => None,
    };
    Ok(found.map(|repo| repo.name.to_string()))
}
