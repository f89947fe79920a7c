//! Admits change sets that may land: one entry each, or one for all of an atomic request.

use std::collections::BTreeMap;

use hyperion_fault::{Point, reached};
use hyperion_model::change_set::{self, ChangeSet, Status};
use hyperion_model::entry::{self, Admission};
use hyperion_model::plan::{Plan, step};
use hyperion_model::request::Request;
use hyperion_model::{Command, Decision, Digest, EntryId, Level, Name, NewBlob, PlanId};
use hyperion_store::Filter;

use crate::cx::json_blob;
use crate::intake::plan_document;
use crate::look::Look;
use crate::{Cx, Error};

/// Admits everything that may be admitted now; `true` when something was.
pub(super) fn admit(cx: &Cx, part: &Name) -> Result<bool, Error> {
    let mut worked = false;
    for Waiting {
        plan,
        request,
        sets,
    } in waiting(cx)?
    {
        worked |= if request.submission.atomic {
            admit_together(cx, part, &plan, &request, &sets)?
        } else {
            admit_each(cx, part, &plan, &request, sets)?
        };
    }
    Ok(worked)
}

/// Change sets of one plan that may be admitted, as far as they themselves are concerned.
pub(crate) struct Waiting {
    pub(crate) plan: Plan,
    pub(crate) request: Request,
    pub(crate) sets: Vec<ChangeSet>,
}

/// Lists the change sets that may be admitted, by plan.
pub(crate) fn waiting(look: &impl Look) -> Result<Vec<Waiting>, Error> {
    let waiting = Filter::open()
        .status(Status::Approved.name())
        .status(Status::Previewing.name());
    let mut plans: BTreeMap<PlanId, Vec<ChangeSet>> = BTreeMap::new();
    for set in look.open_rows::<ChangeSet>(&waiting)? {
        if may_be_admitted(&set) {
            plans.entry(set.proposal.plan).or_default().push(set);
        }
    }
    let mut found = Vec::new();
    for (plan, mut sets) in plans {
        let Some(plan) = look.get::<Plan>(plan)? else {
            continue;
        };
        let Some(request) = look.get::<Request>(plan.request)? else {
            continue;
        };
        if request.status.is_open() {
            sets.sort_by_key(|set| set.proposal.step);
            found.push(Waiting {
                plan,
                request,
                sets,
            });
        }
    }
    Ok(found)
}

/// A dry run needs no approval, for it lands nothing; but what policy refuses is refused there too.
fn may_be_admitted(set: &ChangeSet) -> bool {
    if !set.proposal.dry_run {
        return set.status == Status::Approved;
    }
    let allowed = set
        .assessed
        .as_ref()
        .is_some_and(|assessed| assessed.decision != Decision::Deny);
    set.status == Status::Previewing && allowed
}

fn admit_each(
    cx: &Cx,
    part: &Name,
    plan: &Plan,
    request: &Request,
    sets: Vec<ChangeSet>,
) -> Result<bool, Error> {
    let mut worked = false;
    for set in sets {
        // The entries of the steps before it have to be known; looked up anew, the loop makes some.
        let Some(depends_on) = entries_before(cx, plan, set.proposal.step)? else {
            continue;
        };
        enqueue(cx, part, plan, request, &[set], depends_on)?;
        worked = true;
    }
    Ok(worked)
}

fn admit_together(
    cx: &Cx,
    part: &Name,
    plan: &Plan,
    request: &Request,
    sets: &[ChangeSet],
) -> Result<bool, Error> {
    if !is_complete(plan, sets) {
        return Ok(false);
    }
    enqueue(cx, part, plan, request, sets, vec![])?;
    Ok(true)
}

/// Tells whether these are all the change sets that a plan's steps come to.
pub(crate) fn is_complete(plan: &Plan, sets: &[ChangeSet]) -> bool {
    let needed = plan
        .steps
        .iter()
        .filter(|step| step.status != step::Status::Skipped)
        .count();
    sets.len() >= needed
}

/// Gives the entries of the steps before one; none while one of them is not in the queue yet.
pub(crate) fn entries_before(
    look: &impl Look,
    plan: &Plan,
    number: u32,
) -> Result<Option<Vec<EntryId>>, Error> {
    let mut entries = Vec::new();
    for on in plan
        .step(number)
        .map(|step| step.depends_on.as_slice())
        .unwrap_or_default()
    {
        let Some(step) = plan.step(*on) else { continue };
        match step.status {
            step::Status::Skipped => continue,
            step::Status::Failed | step::Status::Pending => return Ok(None),
            step::Status::InProgress | step::Status::Completed => {}
        }
        let Some(set) = step.change_set else {
            return Ok(None);
        };
        let entry = look.get::<ChangeSet>(set)?.and_then(|set| set.entry);
        let Some(entry) = entry else { return Ok(None) };
        entries.push(entry);
    }
    Ok(Some(entries))
}

fn enqueue(
    cx: &Cx,
    part: &Name,
    plan: &Plan,
    request: &Request,
    sets: &[ChangeSet],
    depends_on: Vec<EntryId>,
) -> Result<(), Error> {
    let checks = task_checks(cx, plan, sets)?;
    let digest = checks.as_ref().map(|blob| blob.digest);
    let commands = commands(cx.id(EntryId::new), request, sets, depends_on, digest);
    cx.execute(cx.stamp(part), commands, checks.into_iter().collect())?;
    reached(Point::EntryAdmitted);
    Ok(())
}

/// Makes an entry of change sets.
pub(crate) fn commands(
    id: EntryId,
    request: &Request,
    sets: &[ChangeSet],
    depends_on: Vec<EntryId>,
    checks: Option<Digest>,
) -> Vec<Command> {
    let level = sets
        .iter()
        .filter_map(|set| set.assessed.as_ref())
        .map(|assessed| assessed.level)
        .max();
    let admission = Admission {
        repo: request.submission.repo,
        branch: request.submission.branch.clone(),
        request: request.id,
        change_sets: sets.iter().map(|set| set.id).collect(),
        depends_on,
        priority: request.submission.priority,
        level: level.unwrap_or(Level::Auto),
        checks,
        dry_run: request.submission.dry_run,
    };
    let mut commands = vec![Command::Entry(
        id,
        entry::Command::Enqueue { id, admission },
    )];
    commands.extend(
        sets.iter()
            .map(|set| Command::ChangeSet(set.id, change_set::Command::Queue { entry: id })),
    );
    commands
}

/// Collects the checks that the tasks of some change sets add to the repository's.
fn task_checks(cx: &Cx, plan: &Plan, sets: &[ChangeSet]) -> Result<Option<NewBlob>, Error> {
    let Some(document) = plan_document(cx, plan.document)? else {
        return Ok(None);
    };
    let checks: Vec<String> = document
        .assignments
        .iter()
        .filter(|assignment| {
            sets.iter()
                .any(|set| set.proposal.step == assignment.step_id)
        })
        .flat_map(|assignment| assignment.checks.iter().cloned())
        .collect();
    if checks.is_empty() {
        Ok(None)
    } else {
        json_blob(&checks).map(Some)
    }
}
