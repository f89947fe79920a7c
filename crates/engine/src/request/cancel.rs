//! Calling a request off, with everything that belongs to it.

use hyperion_api::Problem;
use hyperion_fault::{Point, reached};
use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan};
use hyperion_model::request::{self, Request};
use hyperion_model::{Actor, Command, RequestId, ShortText};
use hyperion_store::Filter;

use crate::read_facts::ReadFacts;
use crate::{Cx, Error, identity};

/// How often what belongs to a request is looked at anew because it moved on meanwhile.
const LOOKS_MAX: usize = 5;

/// Calls a request off; refused while something of it is being landed, or has landed.
pub fn cancel(cx: &Cx, actor: &Actor, id: RequestId, reason: Option<&str>) -> Result<(), Error> {
    match cx.store.get::<Request>(id)? {
        Some(request) if request.status.is_open() => identity::require_own(actor, &request)?,
        Some(request) => return Err(ended(cx, &request)?.into()),
        None => {
            let detail = format!("there is no request {}", id.short());
            return Err(Problem::new("subject.not_found", detail).into());
        }
    }
    let reason = ShortText::cut(reason.unwrap_or("cancelled"));
    call_off(cx, actor, id, &reason)?;
    reached(Point::RequestCalledOff);
    // What came between looking and calling off is not part of it. The plan is abandoned now, so nothing new is
    // proposed, and what is left gets less with every look.
    for _ in 0..LOOKS_MAX {
        let left = open_parts(cx, id, &reason)?.commands;
        if left.is_empty() {
            break;
        }
        if let Err(error) = cx.execute(cx.stamp_person(actor), left, vec![]) {
            tracing::debug!(request = %id, %error, "it moved on while it was being cancelled");
        }
    }
    Ok(())
}

/// Calls the request itself off, with every part that is open now; all or nothing.
fn call_off(cx: &Cx, actor: &Actor, id: RequestId, reason: &ShortText) -> Result<(), Error> {
    let mut looks = 0;
    loop {
        looks += 1;
        let commands = call_off_commands(cx, id, reason)?;
        match cx.execute(cx.stamp_person(actor), commands, vec![]) {
            Ok(_) => return Ok(()),
            Err(error) if looks == LOOKS_MAX => return Err(error),
            // A part may have moved on since it was looked at.
            Err(_) => {}
        }
    }
}

/// Says what calling a request off comes to; refused while something of it is being landed, or has landed.
pub(crate) fn call_off_commands(
    facts: &impl ReadFacts,
    id: RequestId,
    reason: &ShortText,
) -> Result<Vec<Command>, Error> {
    let parts = open_parts(facts, id, reason)?;
    if parts.is_being_landed {
        return Err(under_way(
            id,
            "something of it is being landed at this moment",
        ));
    }
    let landed = Filter::default()
        .request(id)
        .status(entry::Status::Landed.name())
        .limit(1);
    if facts.count::<Entry>(&landed)? > 0 {
        return Err(under_way(id, "some of it has landed"));
    }
    let cancel = request::Command::Cancel {
        reason: reason.clone(),
    };
    let mut commands = looked_at(facts, id)?;
    commands.push(Command::Request(id, cancel));
    commands.extend(parts.commands);
    Ok(commands)
}

/// What is called off together is all there is: nothing may come or be taken up again in between.
fn looked_at(facts: &impl ReadFacts, id: RequestId) -> Result<Vec<Command>, Error> {
    let mut commands = Vec::new();
    let Some(request) = facts.get::<Request>(id)? else {
        return Ok(commands);
    };
    if let Some(plan) = request
        .plan
        .map(|plan| facts.get::<Plan>(plan))
        .transpose()?
        .flatten()
    {
        let expect = plan::Command::Expect(Box::new(plan.clone()));
        commands.push(Command::Plan(plan.id, expect));
    }
    for set in facts.open_rows::<ChangeSet>(&Filter::open().request(id))? {
        let expect = change_set::Command::Expect(Box::new(set.clone()));
        commands.push(Command::ChangeSet(set.id, expect));
    }
    let expect = request::Command::Expect(Box::new(request));
    commands.push(Command::Request(id, expect));
    Ok(commands)
}

pub(crate) struct OpenParts {
    pub(crate) commands: Vec<Command>,
    is_being_landed: bool,
}

/// Collects what ends every open part of a request.
///
/// Change sets come first: nothing is asked and nothing is queued for one that is closed, so what is found after them
/// is all there will be.
pub(crate) fn open_parts(
    facts: &impl ReadFacts,
    id: RequestId,
    reason: &ShortText,
) -> Result<OpenParts, Error> {
    let open = Filter::open().request(id);
    let mut is_being_landed = false;
    let mut sets = Vec::new();
    for set in facts.open_rows::<ChangeSet>(&open)? {
        if set.status == change_set::Status::Dispatching {
            is_being_landed = true;
            continue;
        }
        let cancel = change_set::Command::Cancel {
            reason: reason.clone(),
        };
        sets.push(Command::ChangeSet(set.id, cancel));
    }
    let mut commands = Vec::new();
    for entry in facts.open_rows::<Entry>(&open)? {
        if entry.status == entry::Status::Dispatching {
            is_being_landed = true;
            continue;
        }
        let cancel = entry::Command::Cancel {
            reason: reason.clone(),
        };
        commands.push(Command::Entry(entry.id, cancel));
    }
    commands.extend(sets);
    for approval in facts.open_rows::<Approval>(&open)? {
        let cancel = approval::Command::Cancel {
            reason: reason.clone(),
        };
        commands.push(Command::Approval(approval.id, cancel));
    }
    for plan in facts.open_rows::<Plan>(&open)? {
        // What nobody works at any more has ended, and says why.
        let open = plan.steps.iter().filter(|step| step.status.is_open());
        let skip = |step: &plan::Step| plan::Command::SkipStep {
            number: step.number,
            reason: reason.clone(),
        };
        if plan.status == plan::Status::Active {
            commands.extend(open.map(|step| Command::Plan(plan.id, skip(step))));
        }
        let abandon = plan::Command::Abandon {
            reason: reason.clone(),
        };
        commands.push(Command::Plan(plan.id, abandon));
    }
    Ok(OpenParts {
        commands,
        is_being_landed,
    })
}

/// Says of a request that ended that nothing of it is there to be cancelled, and what may be meant instead.
fn ended(cx: &Cx, request: &Request) -> Result<Problem, Error> {
    let id = request.id.short();
    let problem = |how: &str| {
        let detail = format!("request {id} {how}, so there is nothing to cancel");
        Problem::new("state.illegal_move", detail)
    };
    Ok(match request.status {
        request::Status::Cancelled => problem("is cancelled already"),
        request::Status::RolledBack => problem("has been rolled back"),
        request::Status::Completed => problem("has landed").hint(format!(
            "to undo it, roll it back with `hyperion rollback {id}`"
        )),
        request::Status::PartlyLanded => problem("has ended").hint(format!(
            "to undo what landed of it, roll it back with `hyperion rollback {id}`"
        )),
        _ => {
            let kept = Filter::default().request(request.id).limit(100);
            let kept = cx.store.list::<Entry>(&kept)?.rows;
            let mut kept = kept.iter().filter(|entry| entry.status.is_kept());
            match kept.next() {
                Some(entry) => problem("has failed").hint(format!(
                    "its change is kept for a retry; `hyperion queue cancel {}` gives that up",
                    entry.id.short()
                )),
                None => problem("has failed"),
            }
        }
    })
}

fn under_way(id: RequestId, what: &str) -> Error {
    let id = id.short();
    let detail = format!("request {id} cannot be cancelled: {what}");
    Problem::new("state.illegal_move", detail)
        .hint(format!(
            "wait until it ends, then roll it back with `hyperion rollback {id}`"
        ))
        .into()
}
