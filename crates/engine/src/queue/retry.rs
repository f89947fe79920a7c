//! What a person can do about an entry: try it again, or call it off.

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Entry, Status};
use hyperion_model::plan::{self, Plan, step};
use hyperion_model::request::{self, Request};
use hyperion_model::{Actor, Command, EntryId, Level, Refusal, ShortText};

use super::merge::sets_of;
use crate::read_facts::ReadFacts;
use crate::{Cx, Error};

/// Takes an entry up again, together with the step, plan and request it belongs to.
pub fn retry(cx: &Cx, actor: &Actor, id: EntryId) -> Result<(), Error> {
    let commands = retry_commands(cx, actor, id)?;
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    reached(Point::EntryRetried);
    Ok(())
}

/// Says what taking an entry up again comes to.
pub(crate) fn retry_commands(
    facts: &impl ReadFacts,
    actor: &Actor,
    id: EntryId,
) -> Result<Vec<Command>, Error> {
    let entry = require(facts, actor, id)?;
    let sets = sets_of(facts, &entry)?;
    let mut commands = vec![Command::Entry(id, entry::Command::Retry)];
    // What belongs to it may end meanwhile; then this would take up too little.
    let mut looked_at = Vec::new();
    for set in &sets {
        let more = take_up(facts, set, &mut looked_at, &commands)?;
        commands.extend(more);
    }
    if let Some(request) = facts.get::<Request>(entry.admission.request)? {
        let expect = request::Command::Expect(Box::new(request.clone()));
        looked_at.push(Command::Request(request.id, expect));
        match request.status {
            request::Status::Failed | request::Status::PartlyLanded => {
                if let Some(other) = crate::rollback::under_way(facts, request.id)? {
                    let detail = format!(
                        "request {} is rolling back what landed of its request",
                        other.short()
                    );
                    return Err(Problem::new("state.illegal_move", detail)
                        .hint("wait until that ends, or cancel it")
                        .into());
                }
                commands.push(Command::Request(request.id, request::Command::Reopen));
            }
            request::Status::Cancelled | request::Status::RolledBack => {
                let detail = format!("its request is {}; file it again instead", request.status);
                return Err(Problem::new("state.illegal_move", detail).into());
            }
            request::Status::Pending
            | request::Status::NeedsClarification
            | request::Status::Planned
            | request::Status::Running
            | request::Status::AwaitingApproval
            | request::Status::Completed => {}
        }
    }
    looked_at.extend(commands);
    Ok(looked_at)
}

/// Brings a change set, its step and its plan back to where they were before the entry failed.
fn take_up(
    facts: &impl ReadFacts,
    set: &ChangeSet,
    before: &mut Vec<Command>,
    so_far: &[Command],
) -> Result<Vec<Command>, Error> {
    let looked_at = change_set::Command::Expect(Box::new(set.clone()));
    before.push(Command::ChangeSet(set.id, looked_at));
    let mut commands = Vec::new();
    match set.status {
        change_set::Status::Failed => {
            commands.push(Command::ChangeSet(set.id, change_set::Command::Requeue));
        }
        change_set::Status::Queued => {}
        other => {
            let detail = format!("its change set is {other}, so there is nothing to retry");
            return Err(Problem::new("state.illegal_move", detail).into());
        }
    }
    let Some(plan) = facts.get::<Plan>(set.proposal.plan)? else {
        return Ok(commands);
    };
    let looked_at = plan::Command::Expect(Box::new(plan.clone()));
    before.push(Command::Plan(plan.id, looked_at));
    let reopen = Command::Plan(plan.id, plan::Command::Reopen);
    // Once, also where several changes of a plan land together.
    if plan.status == plan::Status::Abandoned && !so_far.contains(&reopen) {
        commands.push(reopen);
    }
    let failed = plan
        .step(set.proposal.step)
        .is_some_and(|step| step.status == step::Status::Failed);
    if failed {
        let retry = plan::Command::RetryStep {
            number: set.proposal.step,
        };
        commands.push(Command::Plan(plan.id, retry));
    }
    Ok(commands)
}

/// Calls an entry off.
pub fn cancel(cx: &Cx, actor: &Actor, id: EntryId, reason: Option<&str>) -> Result<(), Error> {
    let commands = cancel_commands(cx, actor, id, reason)?;
    cx.execute(cx.stamp_person(actor), commands, vec![])?;
    reached(Point::EntryCancelled);
    Ok(())
}

/// Says what calling an entry off comes to.
pub(crate) fn cancel_commands(
    facts: &impl ReadFacts,
    actor: &Actor,
    id: EntryId,
    reason: Option<&str>,
) -> Result<Vec<Command>, Error> {
    let entry = require(facts, actor, id)?;
    let reason = ShortText::cut(reason.unwrap_or("cancelled"));
    let commands = ending(facts, &entry, &reason)?;
    if entry.status == Status::Dispatching {
        let detail =
            "it is being landed at this moment; roll it back afterwards with `hyperion rollback`";
        return Err(Problem::new("state.illegal_move", detail).into());
    }
    Ok(commands)
}

/// Lists what ends an entry together with its change sets; it holds only for the change sets that were looked at.
pub(crate) fn ending(
    facts: &impl ReadFacts,
    entry: &Entry,
    reason: &ShortText,
) -> Result<Vec<Command>, Error> {
    let mut commands = vec![Command::Entry(
        entry.id,
        entry::Command::Cancel {
            reason: reason.clone(),
        },
    )];
    for set in sets_of(facts, entry)? {
        // It may be taken up again in this very moment; then more has to end than was open.
        let looked_at = change_set::Command::Expect(Box::new(set.clone()));
        commands.push(Command::ChangeSet(set.id, looked_at));
        if set.status.is_open() {
            let cancel = change_set::Command::Cancel {
                reason: reason.clone(),
            };
            commands.push(Command::ChangeSet(set.id, cancel));
        }
    }
    Ok(commands)
}

/// Refuses whoever may not change the queue.
pub(super) fn entitled(actor: &Actor) -> Result<(), Error> {
    if !actor.may_decide(Level::TeamLead) {
        let refusal = Refusal::NotEntitled {
            by: actor.clone(),
            level: Level::TeamLead,
        };
        return Err(Problem::new("approval.not_entitled", refusal.to_string()).into());
    }
    Ok(())
}

fn require(facts: &impl ReadFacts, actor: &Actor, id: EntryId) -> Result<Entry, Error> {
    entitled(actor)?;
    facts.get::<Entry>(id)?.ok_or_else(|| {
        Problem::new(
            "subject.not_found",
            format!("there is no queue entry {}", id.short()),
        )
        .into()
    })
}
