//! Looks after commands that wait for an agreement: asks, lets them go on, ends them.

use std::sync::Arc;

use hyperion_model::approval::{self, Approval, Status};
use hyperion_model::run::{self, Ground, Judged, Run};
use hyperion_model::{Command, Name, ShortText, Time};
use hyperion_store::{Filter, StoreError};

use super::{Record, Site, ask};
use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error, grant};

/// For how long an agent may come back for an answer that it did not wait for.
const COLLECT_WITHIN: std::time::Duration = std::time::Duration::from_secs(3600);

/// Looks after commands that wait.
pub(crate) struct Door {
    name: Name,
}

impl Door {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name }
    }

    fn look(&self, cx: &Cx, run: &Run) -> Result<Next, Error> {
        let record: Record = cx.require_json(run.spec)?;
        if run.stop.is_some() {
            // The runs' reconciler ends it, and withdraws what it asked.
            return Ok(Next::Wait(None));
        }
        let latest = ask::latest(cx, run)?;
        let Some(latest) = latest else {
            // Whoever registered it died before it asked.
            let site = Site::of(cx, &record.cwd)?;
            let judgement = record.what.judge(&site.rules, &site.place);
            let asker = match &run.work {
                run::Work::Command { asked_by, .. } => asked_by,
                run::Work::Agent { .. } | run::Work::Check { .. } | run::Work::Tool { .. } => {
                    return Ok(Next::Wait(None));
                }
            };
            ask::ask(cx, asker, run, &record, &judgement)?;
            return Ok(Next::Again);
        };
        // The agent takes an answer itself, and only then runs the command.
        let granted = match record.by_itself {
            None => granted(cx, run, &record, &latest)?,
            Some(_) => None,
        };
        if let Some((_, commands)) = granted {
            return Ok(Next::Do(commands));
        }
        Ok(outcome(run, &record, &latest, cx.now()))
    }
}

/// What is to be done about a command that waits.
#[derive(Debug, PartialEq)]
enum Next {
    /// Nothing, until this time if there is one.
    Wait(Option<Time>),
    /// This.
    Do(Vec<Command>),
    /// It was done; look again.
    Again,
}

/// Says what follows from the last question about a command: pure.
fn outcome(run: &Run, record: &Record, approval: &Approval, now: Time) -> Next {
    let said = approval.verdict.as_ref();
    let reason = said
        .and_then(|verdict| verdict.reason.as_ref())
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let by = said.map_or_else(String::new, |verdict| verdict.by.to_string());
    let done = match approval.status {
        Status::Pending => return Next::Wait(None),
        _ if record.by_itself.is_some() => {
            let until = said.map_or(now, |verdict| verdict.at) + COLLECT_WITHIN;
            if now < until {
                return Next::Wait(Some(until));
            }
            kill(
                run,
                "it was answered, and the agent did not come back for that",
            )
        }
        Status::Approved => {
            let ground = Ground::Approval {
                approval: approval.id,
            };
            Command::Run(run.id, run::Command::Allow(ground))
        }
        Status::Rejected => kill(run, &format!("rejected by {by}{reason}")),
        // Whoever has its key can ask again.
        Status::Expired if record.has_key => return Next::Wait(None),
        Status::Expired => kill(run, "nobody answered in time; it can be asked again"),
        Status::Cancelled => kill(run, &format!("the question was withdrawn{reason}")),
    };
    Next::Do(vec![done])
}

/// What lets a command go on by a grant that was given while it waited; the question is withdrawn with it.
pub(super) fn granted(
    cx: &Cx,
    run: &Run,
    record: &Record,
    approval: &Approval,
) -> Result<Option<(Ground, Vec<Command>)>, Error> {
    if approval.status != Status::Pending {
        return Ok(None);
    }
    let asked = grant::asked_command(cx, approval)?;
    let Some(shape) = asked.and_then(|asked| asked.shape) else {
        return Ok(None);
    };
    let level = approval.question.level;
    let asked = grant::Asked {
        shape: &shape,
        level,
        lineage: record.asker.lineage,
        request: record.asker.request,
        repo: record.repo,
    };
    Ok(grant::covers(cx, &asked)?.map(|grant| {
        let ground = Ground::Grant { grant: grant.id };
        let why = format!("grant {} answers it", grant.id.short());
        let mut commands = vec![
            grant::used(&grant, Some(run.id), level),
            Command::Run(run.id, run::Command::Allow(ground)),
        ];
        commands.extend(withdraw(Some(approval), &why));
        (ground, commands)
    }))
}

pub(super) fn kill(run: &Run, why: &str) -> Command {
    let ending = run::Ending {
        reason: Some(ShortText::cut(why)),
        ..run::Ending::default()
    };
    Command::Run(run.id, run::Command::Kill(ending))
}

/// Withdraws a question that nobody needs an answer to any more.
fn withdraw(approval: Option<&Approval>, why: &str) -> Option<Command> {
    let approval = approval.filter(|approval| approval.status == Status::Pending)?;
    let reason = ShortText::cut(why);
    let cancel = approval::Command::Cancel { reason };
    Some(Command::Approval(approval.id, cancel))
}

impl Reconcile for Door {
    fn name(&self) -> &'static str {
        "command"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let parked = Filter::open().status(run::Status::Parked.name());
        let mut worked = false;
        let mut wake_at: Option<Time> = None;
        for run in cx.store.open_rows::<Run>(&parked)?.rows {
            if run.judged != Some(Judged::Held) {
                continue;
            }
            let next = match self.look(cx, &run) {
                Ok(next) => next,
                Err(error) if error.is_passing() => return Err(error),
                // Its folder is gone, its record was damaged: it can never run.
                Err(error) => Next::Do(vec![kill(&run, &crate::error::chain(&error))]),
            };
            match next {
                Next::Wait(until) => wake_at = [wake_at, until].into_iter().flatten().min(),
                Next::Again => worked = true,
                Next::Do(commands) => match cx.execute(cx.stamp(&self.name), commands, vec![]) {
                    // A refusal is an answer: somebody decided or revoked in this moment.
                    Ok(_) | Err(Error::Store(StoreError::Refused { .. })) => worked = true,
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(match worked {
            true => Progress::Worked,
            false => Progress::Idle { wake_at },
        })
    }
}
