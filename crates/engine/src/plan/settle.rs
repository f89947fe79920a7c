//! Settles steps by what came of their changes, and what depends on them.

use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::step::Cause;
use hyperion_model::plan::{self, Plan, Step, step};
use hyperion_model::request::Request;
use hyperion_model::{Command, Name, ShortText};

use super::depend::dependency_failed;
use crate::change_set::cancel_question;
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::wake_list::WakeList;
use crate::{Cx, Error};

/// Settles steps.
pub(crate) struct Settle {
    name: Name,
    wake_list: WakeList,
}

impl Settle {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            wake_list: WakeList::with_all::<Plan>(),
        }
    }
}

/// Says what follows for an active plan from what came of its changes.
///
/// It holds only for what was looked at: a person may take an entry up again at any time.
pub(crate) fn outcome(facts: &impl ReadFacts, plan: &Plan) -> Result<Vec<Command>, Error> {
    let mut commands = Vec::new();
    let mut looked_at = vec![Command::Plan(
        plan.id,
        plan::Command::Expect(Box::new(plan.clone())),
    )];
    let together = fails_together(facts, plan)?;
    for step in plan.steps.iter().filter(|step| step.status.is_open()) {
        if let Some(reason) = together.clone() {
            commands.extend(give_up(facts, step, Cause::Together, &reason)?);
            commands.push(fail(plan, step, Cause::Together, reason));
        } else if let Some(reason) = dependency_failed(plan, step) {
            commands.extend(give_up(facts, step, Cause::Dependency, &reason)?);
            commands.push(fail(plan, step, Cause::Dependency, reason));
        } else if let Some(failed) = why_failed(facts, step)? {
            looked_at.extend(failed.looked_at);
            commands.push(fail(plan, step, failed.cause, failed.reason));
        }
    }
    if commands.is_empty() && plan.steps.iter().all(|step| !step.status.is_open()) {
        let failed = plan
            .steps
            .iter()
            .find(|step| step.status == step::Status::Failed);
        let end = match failed {
            None => plan::Command::Complete,
            Some(step) => plan::Command::Abandon {
                reason: ShortText::cut(&format!("task {} did not land", step.task)),
            },
        };
        commands.push(Command::Plan(plan.id, end));
    }
    if commands.is_empty() {
        return Ok(commands);
    }
    looked_at.extend(commands);
    Ok(looked_at)
}

/// Says why nothing of an atomic request can land any more.
fn fails_together(facts: &impl ReadFacts, plan: &Plan) -> Result<Option<ShortText>, Error> {
    let Some(failed) = plan
        .steps
        .iter()
        .find(|step| step.status == step::Status::Failed)
    else {
        return Ok(None);
    };
    let request = facts.get::<Request>(plan.request)?;
    let atomic = request.is_some_and(|request| request.submission.atomic);
    let reason = format!(
        "task {} did not land, and all of them land together or not at all",
        failed.task
    );
    Ok(atomic.then(|| ShortText::cut(&reason)))
}

fn fail(plan: &Plan, step: &Step, cause: Cause, reason: ShortText) -> Command {
    Command::Plan(
        plan.id,
        plan::Command::FailStep {
            number: step.number,
            cause,
            reason,
        },
    )
}

/// Calls off the change of a step whose dependency failed.
fn give_up(
    facts: &impl ReadFacts,
    step: &Step,
    cause: Cause,
    reason: &ShortText,
) -> Result<Vec<Command>, Error> {
    let Some(set) = step.change_set else {
        return Ok(Vec::new());
    };
    let Some(set) = facts.get::<ChangeSet>(set)? else {
        return Ok(Vec::new());
    };
    let mut commands = Vec::new();
    if let Some(entry) = set
        .entry
        .map(|id| facts.get::<Entry>(id))
        .transpose()?
        .flatten()
        && entry.status.is_open()
    {
        commands.push(Command::Entry(
            entry.id,
            entry::Command::Fail {
                cause: entry::Cause::NotLanded,
                reason: reason.clone(),
            },
        ));
    }
    if set.status.is_open() {
        commands.extend(cancel_question(facts, &set, reason.as_str())?);
        let fail = change_set::Command::Fail {
            cause,
            reason: reason.clone(),
        };
        commands.push(Command::ChangeSet(set.id, fail));
    }
    Ok(commands)
}

/// Why a step's change will not land.
struct Failed {
    cause: Cause,
    reason: ShortText,
    /// What has to be as it was looked at for this to hold.
    looked_at: Vec<Command>,
}

/// Says why a step's change will not land, once that is known.
fn why_failed(facts: &impl ReadFacts, step: &Step) -> Result<Option<Failed>, Error> {
    let Some(set) = step.change_set else {
        return Ok(None);
    };
    let Some(set) = facts.get::<ChangeSet>(set)? else {
        return Ok(None);
    };
    let because = |otherwise: &str| {
        set.reason
            .clone()
            .unwrap_or_else(|| ShortText::cut(otherwise))
    };
    let mut looked_at = vec![Command::ChangeSet(
        set.id,
        change_set::Command::Expect(Box::new(set.clone())),
    )];
    let mut cause = set.cause.unwrap_or_default();
    let reason = match set.status {
        change_set::Status::Rejected => Some(because("rejected")),
        change_set::Status::Failed => Some(because("failed")),
        change_set::Status::Expired if set.revise_by.is_some() => {
            let wanted = because("changes were requested");
            let why = format!("no new version came in time; wanted was: {wanted}");
            Some(ShortText::cut(&why))
        }
        change_set::Status::Expired => Some(ShortText::cut("nobody decided in time")),
        change_set::Status::Cancelled => Some(because("cancelled")),
        change_set::Status::Queued => match set
            .entry
            .map(|id| facts.get::<Entry>(id))
            .transpose()?
            .flatten()
        {
            Some(entry) => {
                if entry.cause == Some(entry::Cause::LostBase) {
                    cause = Cause::BaseLost;
                }
                let why = why_entry_failed(&entry);
                let expect = entry::Command::Expect(Box::new(entry.clone()));
                looked_at.push(Command::Entry(entry.id, expect));
                why
            }
            None => None,
        },
        change_set::Status::Pending
        | change_set::Status::Previewing
        | change_set::Status::ChangesRequested
        | change_set::Status::Superseded
        | change_set::Status::Approved
        | change_set::Status::Dispatching
        | change_set::Status::Landed
        | change_set::Status::RolledBack => None,
    };
    Ok(reason.map(|reason| Failed {
        cause,
        reason,
        looked_at,
    }))
}

fn why_entry_failed(entry: &Entry) -> Option<ShortText> {
    let because = || {
        entry
            .reason
            .clone()
            .unwrap_or_else(|| ShortText::cut("it did not land: see its queue entry"))
    };
    match entry.status {
        entry::Status::Quarantined
        | entry::Status::Failed
        | entry::Status::Dead
        | entry::Status::Cancelled => Some(because()),
        entry::Status::Queued
        | entry::Status::Leased
        | entry::Status::Merging
        | entry::Status::Checking
        | entry::Status::Ready
        | entry::Status::Dispatching
        | entry::Status::Landed
        | entry::Status::Blocked => None,
    }
}

impl Reconcile for Settle {
    fn name(&self) -> &'static str {
        "plan"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let worked = self.wake_list.each(cx, &self.name, |request| {
            let Some(plan) = crate::plan::active_of(cx, request)? else {
                return Ok(vec![]);
            };
            let commands = outcome(cx, &plan)?;
            Ok(if commands.is_empty() {
                vec![]
            } else {
                vec![(commands, vec![])]
            })
        })?;
        if worked {
            reached(Point::PlanSettled);
        }
        Ok(Progress::worked(worked || self.wake_list.is_behind()))
    }
}
