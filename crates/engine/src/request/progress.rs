//! Follows what belongs to a request: whether it waits for a person, and how it ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan, Step, step};
use hyperion_model::request::{self, Outcome, Request, Status};
use hyperion_model::run::Run;
use hyperion_model::{Command, Name, RequestId, ShortText};
use hyperion_store::Filter;

use super::summary;
use crate::cx::json_blob;
use crate::plan::ready;
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::wake_list::{WakeList, Writes};
use crate::{Cx, Error};

/// Follows requests.
pub(crate) struct Requests {
    name: Name,
    wake_list: WakeList,
}

impl Requests {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            wake_list: WakeList::with_all::<Request>(),
        }
    }
}

fn follow(cx: &Cx, id: RequestId) -> Result<Vec<Writes>, Error> {
    let Some(request) = cx.store.get::<Request>(id)? else {
        return Ok(vec![]);
    };
    match request.status {
        Status::Planned | Status::Running | Status::AwaitingApproval => {}
        Status::Pending
        | Status::NeedsClarification
        | Status::Completed
        | Status::PartlyLanded
        | Status::Failed
        | Status::Cancelled
        | Status::RolledBack => return Ok(vec![]),
    }
    Ok(match next(cx, &request)? {
        Next::Nothing => vec![],
        Next::Finish(plan) => vec![finish(cx, &request, &plan)?],
        Next::Command(command) => vec![(vec![Command::Request(id, command)], vec![])],
    })
}

fn finish(cx: &Cx, request: &Request, plan: &Plan) -> Result<Writes, Error> {
    let summary = summary::of(cx, request, plan)?;
    let (outcome, reason) = ending(plan);
    let blob = json_blob(&summary)?;
    let finish = request::Command::Finish {
        outcome,
        summary: blob.digest,
        reason,
    };
    let commands = vec![expect(plan), Command::Request(request.id, finish)];
    Ok((commands, vec![blob]))
}

/// What is to be done about a request.
pub(crate) enum Next {
    /// Nothing.
    Nothing,
    /// Its status changes.
    Command(request::Command),
    /// Its plan has ended, and so does it.
    Finish(Plan),
}

/// Says what follows for a request from its plan and from what belongs to it.
pub(crate) fn next(facts: &impl ReadFacts, request: &Request) -> Result<Next, Error> {
    let Some(plan) = request.plan else {
        return Ok(Next::Nothing);
    };
    let Some(plan) = facts.get::<Plan>(plan)? else {
        return Ok(Next::Nothing);
    };
    Ok(match plan.status {
        plan::Status::Completed | plan::Status::Abandoned => Next::Finish(plan),
        plan::Status::Draft | plan::Status::Active => {
            let waits = waits_for_a_person(facts, request, &plan)?;
            match (request.status, waits) {
                (Status::Running, true) => Next::Command(request::Command::Wait),
                (Status::AwaitingApproval, false) => Next::Command(request::Command::Resume),
                _ => Next::Nothing,
            }
        }
    })
}

/// A request ends by its plan only as long as nobody takes the plan up again.
pub(crate) fn expect(plan: &Plan) -> Command {
    Command::Plan(plan.id, plan::Command::Expect(Box::new(plan.clone())))
}

/// Says how a request ends by its plan, and why not better.
pub(crate) fn ending(plan: &Plan) -> (Outcome, Option<ShortText>) {
    let of = |status| plan.steps.iter().filter(move |step| step.status == status);
    let (failed, skipped) = (of(step::Status::Failed), of(step::Status::Skipped));
    let landed = of(step::Status::Completed).count();
    // A step that came to nothing is nobody's fault, but what was asked for is not done either.
    let outcome = match (failed.clone().count() + skipped.clone().count(), landed) {
        (0, _) => Outcome::Completed,
        (_, 0) => Outcome::Failed,
        (_, _) => Outcome::PartlyLanded,
    };
    // What only failed because something else did explains less than what failed first.
    let reason = failed.chain(skipped).find_map(|step| step.reason.clone());
    (
        outcome,
        reason.map(|reason| ShortText::cut(reason.as_str())),
    )
}

/// Tells whether a question or a change that was sent back waits, and nothing of the request can go on before it is answered.
fn waits_for_a_person(
    facts: &impl ReadFacts,
    request: &Request,
    plan: &Plan,
) -> Result<bool, Error> {
    let open = Filter::open().request(request.id).limit(1);
    let sent_back = open
        .clone()
        .status(change_set::Status::ChangesRequested.name());
    if facts.count::<Approval>(&open)? == 0 && facts.count::<ChangeSet>(&sent_back)? == 0 {
        return Ok(false);
    }
    if facts.count::<Run>(&open)? > 0 {
        return Ok(false);
    }
    let can_start = |step: &Step| step.status == step::Status::Pending && ready(plan, step);
    if plan.steps.iter().any(can_start) {
        return Ok(false);
    }
    let moving = Filter::open()
        .request(request.id)
        .status(change_set::Status::Pending.name())
        .status(change_set::Status::Approved.name())
        .status(change_set::Status::Previewing.name())
        .status(change_set::Status::ChangesRequested.name());
    let sets = facts.open_rows::<ChangeSet>(&moving)?;
    let held = held_up(request, plan, &sets);
    let goes_on = |set: &ChangeSet| match set.status {
        change_set::Status::Pending => true,
        change_set::Status::Approved => !held.contains(&set.proposal.step),
        change_set::Status::Previewing
        | change_set::Status::ChangesRequested
        | change_set::Status::Superseded
        | change_set::Status::Queued
        | change_set::Status::Dispatching
        | change_set::Status::Landed
        | change_set::Status::RolledBack
        | change_set::Status::Rejected
        | change_set::Status::Failed
        | change_set::Status::Expired
        | change_set::Status::Cancelled => false,
    };
    if sets.iter().any(goes_on) {
        return Ok(false);
    }
    let entries = facts.open_rows::<Entry>(&Filter::open().request(request.id))?;
    Ok(entries
        .iter()
        .all(|entry| entry.status == entry::Status::Blocked))
}

/// Gives the steps whose change cannot reach the queue before a question is answered or a new version comes: of that change, of
/// one that it depends on, or about any other where all land together.
fn held_up(request: &Request, plan: &Plan, sets: &[ChangeSet]) -> BTreeSet<u32> {
    let mut held: BTreeSet<u32> = sets
        .iter()
        .filter(|set| {
            matches!(
                set.status,
                change_set::Status::Previewing | change_set::Status::ChangesRequested
            )
        })
        .map(|set| set.proposal.step)
        .collect();
    if request.submission.atomic && !held.is_empty() {
        return plan.steps.iter().map(|step| step.number).collect();
    }
    // Steps are numbered so that each comes after those it depends on.
    for step in &plan.steps {
        if step.depends_on.iter().any(|on| held.contains(on)) {
            held.insert(step.number);
        }
    }
    held
}

impl Reconcile for Requests {
    fn name(&self) -> &'static str {
        "request"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let worked = self.wake_list.each(cx, &self.name, |id| follow(cx, id))?;
        if worked {
            reached(Point::RequestFinished);
        }
        Ok(Progress::worked(worked || self.wake_list.is_behind()))
    }
}
