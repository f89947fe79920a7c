//! How a request ended: what landed or why not, checks, who approved, time, and how to take it back.

use hyperion_api::summary::{ApprovedBy, CheckResult, Landed, NotLanded, Summary};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, Basis, ChangeSet, item};
use hyperion_model::entry::{self, Entry, Quarantine};
use hyperion_model::plan::{Plan, Step, step};
use hyperion_model::request::{self, Outcome, Request};
use hyperion_model::run::{Run, Status, Work};
use hyperion_model::{Decision, RequestId, Time};
use hyperion_store::Filter;

use crate::change_set::accepted_lines;
use crate::run::CheckSpec;
use crate::{Cx, Error};

/// What to do where nothing else helps.
const AGAIN: &str = "file it again (`hyperion request FILE`, or `--branch NAME`)";

/// Reads the summary of a request that ended; none while it goes on.
pub fn summary(cx: &Cx, request: &Request) -> Result<Option<Summary>, Error> {
    let Some(digest) = request.summary else {
        return match request.status {
            request::Status::Cancelled => cancelled(cx, request).map(Some),
            _ => Ok(None),
        };
    };
    let mut summary = cx.read_json::<Summary>(digest)?;
    if request.status == request::Status::RolledBack
        && let Some(summary) = &mut summary
    {
        // It was written when there was something to take back.
        summary.take_back = None;
    }
    Ok(summary)
}

/// Sums up a request that was called off: nothing of it landed.
fn cancelled(cx: &Cx, request: &Request) -> Result<Summary, Error> {
    let plan = match request.plan {
        Some(plan) => cx.store.get::<Plan>(plan)?,
        None => None,
    };
    let steps = plan.map(|plan| plan.steps).unwrap_or_default();
    let reason = request.reason.as_ref();
    let why = |task_id: String, step: Option<&Step>| NotLanded {
        task_id,
        why: "cancelled".to_owned(),
        detail: step
            .and_then(|step| step.reason.as_ref())
            .or(reason)
            .map(ToString::to_string)
            .unwrap_or_default(),
        next: format!("if it is wanted after all, {AGAIN}"),
        entry_id: None,
        change_set_id: step
            .and_then(|step| step.change_set)
            .map(|id| id.to_string()),
    };
    let mut not_landed: Vec<_> = steps
        .iter()
        .filter(|step| step.status != step::Status::Completed)
        .map(|step| why(step.task.to_string(), Some(step)))
        .collect();
    if steps.is_empty() {
        not_landed.push(why(String::new(), None));
    }
    Ok(Summary {
        outcome: "cancelled".to_owned(),
        dry_run: request.submission.dry_run,
        landed: Vec::new(),
        not_landed,
        checks: checks(cx, request.id)?,
        approved_by: Vec::new(),
        wall_ms: wall_ms(
            request.submitted_at,
            request.finished_at.unwrap_or_else(|| cx.now()),
        ),
        tokens: 0,
        cost_micro_usd: 0,
        take_back: None,
    })
}

/// Sums up a request that failed before it had a plan.
pub(crate) fn summary_of_failure(cx: &Cx, request: &Request, why: &str) -> Summary {
    Summary {
        outcome: "failed".to_owned(),
        dry_run: request.submission.dry_run,
        landed: Vec::new(),
        not_landed: vec![NotLanded {
            task_id: String::new(),
            why: "failed".to_owned(),
            detail: why.to_owned(),
            next: format!("correct what it says, then {AGAIN}"),
            entry_id: None,
            change_set_id: None,
        }],
        checks: Vec::new(),
        approved_by: Vec::new(),
        wall_ms: wall_ms(request.submitted_at, cx.now()),
        tokens: 0,
        cost_micro_usd: 0,
        take_back: None,
    }
}

/// Sums up a request whose plan ended.
pub(super) fn of(cx: &Cx, request: &Request, plan: &Plan) -> Result<Summary, Error> {
    let mut landed = Vec::new();
    let mut not_landed = Vec::new();
    let mut approved_by = Vec::new();
    let entries = entries(cx, request.id)?;
    for entry in &entries {
        let would = request.submission.dry_run && entry.verdict.is_some();
        if entry.status == entry::Status::Landed || would {
            landed.push(landing(cx, entry)?);
        }
    }
    for step in &plan.steps {
        let set = step
            .change_set
            .map(|id| cx.store.get::<ChangeSet>(id))
            .transpose()?
            .flatten();
        if let Some(set) = &set {
            approved_by.extend(approval(cx, set)?);
        }
        match step.status {
            step::Status::Failed | step::Status::Skipped => {
                not_landed.push(why(cx, request, step, set.as_ref())?);
            }
            step::Status::Pending | step::Status::InProgress | step::Status::Completed => {}
        }
    }
    let outcome = match super::progress::ending(plan).0 {
        Outcome::Completed => "completed",
        Outcome::PartlyLanded => "partly_landed",
        Outcome::Failed => "failed",
    };
    let really = !request.submission.dry_run && !landed.is_empty();
    Ok(Summary {
        outcome: outcome.to_owned(),
        dry_run: request.submission.dry_run,
        checks: checks(cx, request.id)?,
        take_back: really.then(|| format!("hyperion rollback {}", request.id.short())),
        landed,
        not_landed,
        approved_by,
        wall_ms: wall_ms(request.submitted_at, cx.now()),
        tokens: 0,
        cost_micro_usd: 0,
    })
}

fn wall_ms(from: Time, to: Time) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

fn entries(cx: &Cx, request: RequestId) -> Result<Vec<Entry>, Error> {
    let mut rows = cx
        .store
        .list::<Entry>(&Filter::default().request(request).limit(1000))?
        .rows;
    rows.sort_by_key(|entry| (entry.ended_at, entry.id));
    Ok(rows)
}

fn landing(cx: &Cx, entry: &Entry) -> Result<Landed, Error> {
    let mut tasks = Vec::new();
    let mut paths = Vec::new();
    let (mut additions, mut deletions) = (0, 0);
    for id in &entry.admission.change_sets {
        let Some(set) = cx.store.get::<ChangeSet>(*id)? else {
            continue;
        };
        tasks.push(set.proposal.task.to_string());
        let (added, removed) = accepted_lines(cx, &set)?;
        additions += added;
        deletions += removed;
        for item in &set.proposal.items {
            if item.status != item::Status::Rejected {
                paths.push(item.path.to_string());
            }
        }
    }
    Ok(Landed {
        entry_id: entry.id.to_string(),
        task_ids: tasks,
        commit: entry.commit.as_ref().map(ToString::to_string),
        branch: entry.admission.branch.to_string(),
        paths,
        additions,
        deletions,
        green: entry
            .verdict
            .as_ref()
            .map_or("unchecked", |verdict| verdict.green.name())
            .to_owned(),
    })
}

fn approval(cx: &Cx, set: &ChangeSet) -> Result<Option<ApprovedBy>, Error> {
    let level = set
        .assessed
        .as_ref()
        .map(|assessed| assessed.level.name().to_owned())
        .unwrap_or_default();
    Ok(match &set.basis {
        Some(Basis::Approval { approval }) => {
            let found = cx.store.get::<Approval>(*approval)?;
            let verdict = found.and_then(|found| found.verdict);
            verdict.map(|verdict| ApprovedBy {
                approval_id: Some(approval.to_string()),
                by: verdict.by.to_string(),
                at: Some(verdict.at.to_string()),
                level,
            })
        }
        Some(Basis::Policy) => Some(ApprovedBy {
            approval_id: None,
            by: "policy".to_owned(),
            at: None,
            level,
        }),
        None => None,
    })
}

fn why(
    cx: &Cx,
    request: &Request,
    step: &Step,
    set: Option<&ChangeSet>,
) -> Result<NotLanded, Error> {
    let entry = match set.and_then(|set| set.entry) {
        Some(id) => cx.store.get::<Entry>(id)?,
        None => None,
    };
    let detail = step
        .reason
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mend = format!("correct it, then {AGAIN}");
    let (why, next) = match (&entry, set) {
        (Some(entry), _) if entry.quarantine == Some(Quarantine::Conflict) => (
            "conflict",
            format!(
                "see both sides with `hyperion queue show {0}`; make the change again on the branch's tip and {AGAIN}; or retry it as it is with `hyperion queue retry {0}`",
                entry.id.short()
            ),
        ),
        (Some(entry), _) if entry.quarantine == Some(Quarantine::Check) => (
            "check",
            format!(
                "see the output with `{}`; correct it, then {AGAIN}; or retry it as it is with `hyperion queue retry {}`",
                see_output(cx, entry)?,
                entry.id.short()
            ),
        ),
        (Some(entry), _) if entry.quarantine == Some(Quarantine::Policy) => (
            "policy",
            format!(
                "see what changed with `hyperion queue show {}`; {AGAIN}: it is judged by today's rules",
                entry.id.short()
            ),
        ),
        _ if step.status == step::Status::Skipped => (
            "empty",
            format!(
                "see whether that commit did all that was meant; if not, make the change again on the branch's tip and {AGAIN}"
            ),
        ),
        _ if step.cause == Some(step::Cause::BaseLost) => ("failed", AGAIN.to_owned()),
        (Some(entry), _) if entry.status == entry::Status::Dead => (
            "failed",
            format!(
                "remove the cause and retry with `hyperion queue retry {}`",
                entry.id.short()
            ),
        ),
        (_, Some(set)) if set.status == change_set::Status::Rejected && refused(set) => (
            "policy",
            format!(
                "see why with `hyperion changes show {}`; no approval can let it pass",
                set.id.short()
            ),
        ),
        (_, Some(set)) if set.status == change_set::Status::Rejected => ("rejected", mend),
        (_, Some(set)) if set.status == change_set::Status::Expired => {
            ("expired", format!("to ask anew, {AGAIN}"))
        }
        (_, Some(set)) if set.status == change_set::Status::Cancelled => ("cancelled", mend),
        _ if matches!(
            step.cause,
            Some(step::Cause::Dependency | step::Cause::Together)
        ) =>
        {
            (
                "dependency",
                format!(
                    "see what became of that task with `hyperion request show {}`",
                    request.id.short()
                ),
            )
        }
        _ if step.cause == Some(step::Cause::ChangedSince) => {
            ("conflict", crate::rollback::way_out(cx, request)?)
        }
        _ => ("failed", mend),
    };
    Ok(NotLanded {
        task_id: step.task.to_string(),
        why: why.to_owned(),
        detail,
        next,
        entry_id: entry.map(|entry| entry.id.to_string()),
        change_set_id: set.map(|set| set.id.to_string()),
    })
}

/// Gives the command that shows what the check wrote that an entry failed.
fn see_output(cx: &Cx, entry: &Entry) -> Result<String, Error> {
    let failed = Filter::default().parent(entry.id.uuid()).newest().limit(50);
    let runs = cx.store.list::<Run>(&failed)?.rows;
    let ended_badly = |run: &&Run| matches!(run.status, Status::Failed | Status::Killed);
    Ok(match runs.iter().find(ended_badly) {
        Some(run) => format!("hyperion run logs {}", run.id.short()),
        None => format!("hyperion queue show {}", entry.id.short()),
    })
}

/// Tells whether policy refused a change, rather than a person.
fn refused(set: &ChangeSet) -> bool {
    let decision = set.assessed.as_ref().map(|assessed| assessed.decision);
    decision == Some(Decision::Deny)
}

/// Lists the checks that ran for a request, oldest first.
fn checks(cx: &Cx, request: RequestId) -> Result<Vec<CheckResult>, Error> {
    let rows = cx
        .store
        .list::<Run>(&Filter::default().request(request).limit(1000))?
        .rows;
    let mut checks = Vec::new();
    for run in rows {
        checks.extend(check(cx, &run)?);
    }
    Ok(checks)
}

/// Describes a run that is a check; none for other runs.
pub fn check(cx: &Cx, run: &Run) -> Result<Option<CheckResult>, Error> {
    let Work::Check { name, .. } = &run.work else {
        return Ok(None);
    };
    let spec: Option<CheckSpec> = cx.read_json(run.spec)?;
    let ended = run.ended_at.unwrap_or_else(|| cx.now());
    Ok(Some(CheckResult {
        run_id: run.id.to_string(),
        name: name.to_string(),
        command: spec.map(|spec| spec.command).unwrap_or_default(),
        result: result(run.status).to_owned(),
        exit_code: run.exit_code,
        duration_ms: wall_ms(run.began_at.unwrap_or(run.created_at), ended),
    }))
}

/// Names what came of a check.
pub(crate) const fn result(status: Status) -> &'static str {
    match status {
        Status::Starting | Status::Running => "running",
        Status::Paused | Status::Stalled | Status::Parked | Status::Uncertain => status.name(),
        Status::Finished => "passed",
        Status::Failed => "failed",
        Status::Killed => "killed",
        Status::Lost => "lost",
    }
}
