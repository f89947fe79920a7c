//! Admits change sets that may land: one entry each, or one for all of an atomic request.

use std::collections::BTreeMap;

use hyperion_fault::{Point, reached};
use hyperion_model::change_set::{self, ChangeSet, Status};
use hyperion_model::entry::{self, Admission};
use hyperion_model::plan::{Plan, step};
use hyperion_model::request::Request;
use hyperion_model::{
    ChangeSetId, Command, Decision, Digest, EntryId, Level, Name, NewBlob, PlanId, RequestId,
};
use hyperion_store::Filter;

use crate::change_set::assignment;
use crate::cx::json_blob;
use crate::read_facts::ReadFacts;
use crate::wake_list::{WakeList, Writes};
use crate::{Cx, Error};

/// Admits what may be admitted now of the next few requests that something happened to; `true` when there is more to
/// look at.
pub(super) fn admit(wake_list: &mut WakeList, cx: &Cx, part: &Name) -> Result<bool, Error> {
    let worked = wake_list.each(cx, part, |request| {
        let mut follows = Vec::new();
        for Waiting {
            plan,
            request,
            sets,
        } in waiting(cx, Some(request))?
        {
            if request.submission.atomic {
                follows.extend(admit_together(cx, &plan, &request, &sets)?);
            } else {
                follows.extend(admit_each(cx, &plan, &request, &sets)?);
            }
        }
        Ok(follows)
    })?;
    if worked {
        reached(Point::EntryAdmitted);
    }
    Ok(worked || wake_list.is_behind())
}

/// Change sets of one plan that may be admitted, as far as they themselves are concerned.
pub(crate) struct Waiting {
    pub(crate) plan: Plan,
    pub(crate) request: Request,
    pub(crate) sets: Vec<ChangeSet>,
}

/// Lists the change sets that may be admitted, of one request or of all, by plan.
pub(crate) fn waiting(
    facts: &impl ReadFacts,
    request: Option<RequestId>,
) -> Result<Vec<Waiting>, Error> {
    let all = Filter::open();
    let waiting = request
        .map_or(all.clone(), |request| all.request(request))
        .status(Status::Approved.name())
        .status(Status::Previewing.name());
    let mut plans: BTreeMap<PlanId, Vec<ChangeSet>> = BTreeMap::new();
    for set in facts.open_rows::<ChangeSet>(&waiting)? {
        if may_be_admitted(&set) {
            plans.entry(set.proposal.plan).or_default().push(set);
        }
    }
    let mut found = Vec::new();
    for (plan, mut sets) in plans {
        let Some(plan) = facts.get::<Plan>(plan)? else {
            continue;
        };
        let Some(request) = facts.get::<Request>(plan.request)? else {
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

/// Admits the change sets of a plan whose steps before them are in the queue, each for itself.
fn admit_each(
    cx: &Cx,
    plan: &Plan,
    request: &Request,
    sets: &[ChangeSet],
) -> Result<Option<Writes>, Error> {
    let mut made = BTreeMap::new();
    let mut together = (Vec::new(), Vec::new());
    for set in sets {
        let Some(depends_on) = entries_before(cx, plan, set.proposal.step, &made)? else {
            continue;
        };
        let (id, (commands, blobs)) = enqueue(cx, request, std::slice::from_ref(set), depends_on)?;
        made.insert(set.id, id);
        together.0.extend(commands);
        together.1.extend(blobs);
    }
    Ok((!made.is_empty()).then_some(together))
}

fn admit_together(
    cx: &Cx,
    plan: &Plan,
    request: &Request,
    sets: &[ChangeSet],
) -> Result<Option<Writes>, Error> {
    if !is_complete(plan, sets) {
        return Ok(None);
    }
    let (_, deed) = enqueue(cx, request, sets, vec![])?;
    Ok(Some(deed))
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
///
/// `made` has entries that will be committed together with what depends on them.
pub(crate) fn entries_before(
    facts: &impl ReadFacts,
    plan: &Plan,
    number: u32,
    made: &BTreeMap<ChangeSetId, EntryId>,
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
        let entry = match made.get(&set) {
            Some(entry) => Some(*entry),
            None => facts.get::<ChangeSet>(set)?.and_then(|set| set.entry),
        };
        let Some(entry) = entry else { return Ok(None) };
        entries.push(entry);
    }
    Ok(Some(entries))
}

fn enqueue(
    cx: &Cx,
    request: &Request,
    sets: &[ChangeSet],
    depends_on: Vec<EntryId>,
) -> Result<(EntryId, Writes), Error> {
    let checks = task_checks(cx, sets)?;
    let digest = checks.as_ref().map(|blob| blob.digest);
    let id = cx.id(EntryId::new);
    let commands = commands(id, request, sets, depends_on, digest);
    Ok((id, (commands, checks.into_iter().collect())))
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
fn task_checks(cx: &Cx, sets: &[ChangeSet]) -> Result<Option<NewBlob>, Error> {
    let mut checks = Vec::new();
    for set in sets {
        let assignment = assignment(cx, set)?;
        checks.extend(
            assignment
                .map(|assignment| assignment.checks)
                .unwrap_or_default(),
        );
    }
    if checks.is_empty() {
        Ok(None)
    } else {
        json_blob(&checks).map(Some)
    }
}
