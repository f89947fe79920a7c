//! Looks at every event as it happens: what has to hold always.

use std::collections::{BTreeMap, HashMap, HashSet};

use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, Basis, ChangeSet};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan, step};
use hyperion_model::request::{self, Request};
use hyperion_model::run::{self, Run};
use hyperion_model::{
    ApprovalId, ChangeSetId, Decision, EntryId, Fact, GitId, Level, RunId, Subject,
};

use super::facts::{Happened, Held};
use super::world::{World, accepted};

/// What was seen so far.
#[derive(Default)]
pub(super) struct Watch {
    fences: HashMap<EntryId, u64>,
    landed: HashSet<GitId>,
    landed_sets: HashSet<ChangeSetId>,
    decided: HashMap<ApprovalId, approval::Status>,
    /// When each run was decided on, and each entry last taken up, by the number of the event.
    run_at: HashMap<RunId, usize>,
    taken_up_at: HashMap<EntryId, usize>,
    /// What was admitted to each branch, and when, by the number of the event.
    admitted_at: HashMap<EntryId, usize>,
    seen: usize,
}

impl Watch {
    /// Looks at one event, after the batch it is part of.
    pub(super) fn see(&mut self, world: &mut World, happened: &Happened, guard: Option<&Held>) {
        self.seen += 1;
        match (&happened.fact, happened.subject) {
            (Fact::Entry(event), Subject::Entry(id)) => self.entry(world, id, event, guard),
            (Fact::Approval(event), Subject::Approval(id)) => {
                self.approval(world, happened, id, event);
            }
            (Fact::ChangeSet(event), Subject::ChangeSet(id)) => self.set(world, id, event),
            (Fact::Run(run::Event::Started { .. }), Subject::Run(id)) => {
                self.run_at.insert(id, self.seen);
            }
            (Fact::Plan(event), Subject::Plan(id)) => plan(world, id, event),
            (Fact::Request(event), Subject::Request(id)) => request(world, id, event),
            _ => {}
        }
    }

    fn entry(
        &mut self,
        world: &mut World,
        id: EntryId,
        event: &entry::Event,
        guard: Option<&Held>,
    ) {
        let entry = world.entry(id);
        match event {
            entry::Event::Enqueued { .. } => {
                self.taken_up_at.insert(id, self.seen);
                self.admitted_at.insert(id, self.seen);
                world.count("enqueued");
            }
            entry::Event::Retried {} => {
                self.taken_up_at.insert(id, self.seen);
                world.count("retried");
            }
            entry::Event::Leased { fence } => {
                let before = self.fences.insert(id, *fence);
                assert!(before < Some(*fence), "{id} was leased under an old fence");
                assert_eq!(
                    guard.map(|guard| guard.fence),
                    Some(*fence),
                    "nobody holds that lease"
                );
            }
            entry::Event::Merging {}
            | entry::Event::Merged { .. }
            | entry::Event::Checked(_)
            | entry::Event::Dispatched(_)
            | entry::Event::Conflicted { .. }
            | entry::Event::Released { .. }
            | entry::Event::Quarantined { .. } => self.guarded(id, guard),
            entry::Event::Landed { commit } => {
                self.guarded(id, guard);
                self.landed_well(world, &entry, commit);
                world.count("landed");
            }
            entry::Event::DeadLettered { .. } => world.count("dead"),
            entry::Event::Blocked { .. } => world.count("blocked"),
            entry::Event::Refreshed { .. } => world.count("refreshed"),
            entry::Event::Unblocked {}
            | entry::Event::Failed { .. }
            | entry::Event::Cancelled { .. } => {}
        }
        if let entry::Event::Checked(verdict) = event {
            let since = self.taken_up_at[&id];
            for run in &verdict.runs {
                assert!(
                    self.run_at[run] > since,
                    "the verdict on {id} rests on run {run}, which is older than the retry"
                );
                let run = world.facts.state::<Run>(run.uuid()).unwrap();
                assert_eq!(run.status, hyperion_model::run::Status::Finished);
            }
        }
    }

    /// Nobody works at an entry but the holder of its latest lease.
    fn guarded(&self, id: EntryId, guard: Option<&Held>) {
        let fence = guard.map(|guard| guard.fence);
        assert!(fence.is_some(), "worked at {id} without a lease");
        assert!(
            fence >= self.fences.get(&id).copied(),
            "worked at {id} under an old fence"
        );
    }

    fn landed_well(&mut self, world: &World, entry: &Entry, commit: &GitId) {
        let id = entry.id;
        assert!(self.landed.insert(commit.clone()), "{commit} landed twice");
        assert!(
            world.git.was_on.contains(commit),
            "{id} never was on its branch"
        );
        let candidate = entry.candidate.as_ref().unwrap();
        assert_eq!(
            candidate.commit, *commit,
            "another candidate of {id} landed"
        );
        assert_eq!(
            candidate.tree,
            world.git.tree_of(commit),
            "another tree of {id} landed"
        );
        let verdict = entry.verdict.as_ref();
        let verdict = verdict.unwrap_or_else(|| panic!("{id} landed without a verdict"));
        assert_eq!(
            verdict.tree, candidate.tree,
            "the verdict on {id} is about another tree"
        );
        let checked = world.documents[&entry.admission.request].checked;
        assert_eq!(
            !verdict.runs.is_empty(),
            checked,
            "the checks of {id} have to have run"
        );
        assert!(!entry.admission.dry_run, "a dry run landed");
        let mut allowed: BTreeMap<u8, u32> = BTreeMap::new();
        for set in &entry.admission.change_sets {
            assert!(
                self.landed_sets.insert(*set),
                "change set {set} landed twice"
            );
            let set = world.set(*set);
            may_land(world, &set);
            for item in accepted(&set.proposal.items) {
                let (file, value) = world.contents[&item.id];
                allowed.insert(file, value);
            }
        }
        // Nothing is on the branch that nobody agreed to.
        for (file, value) in world
            .git
            .changes(&world.git.tree_of(&candidate.tip), &candidate.tree)
        {
            assert_eq!(
                allowed.get(&file),
                Some(&value),
                "{id} changes {file}, which nobody judged"
            );
        }
    }

    fn approval(
        &mut self,
        world: &mut World,
        happened: &Happened,
        id: ApprovalId,
        event: &approval::Event,
    ) {
        let approval = world.facts.state::<Approval>(id.uuid()).unwrap().clone();
        match event {
            approval::Event::Requested(_) => world.count("asked"),
            approval::Event::Decided {
                approved, digest, ..
            } => {
                let status = if *approved {
                    approval::Status::Approved
                } else {
                    approval::Status::Rejected
                };
                assert_eq!(
                    self.decided.insert(id, status),
                    None,
                    "{id} was decided twice"
                );
                assert_eq!(
                    *digest, approval.question.digest,
                    "{id} was decided about something else"
                );
                assert!(happened.stamp.actor.may_decide(approval.question.level));
                world.count("decided");
            }
            approval::Event::Expired {} => {
                assert_eq!(self.decided.insert(id, approval::Status::Expired), None);
                let warned_at = approval.warned_at.expect("nothing expires unannounced");
                assert!(
                    happened.stamp.time >= warned_at
                        || approval.question.expires_at <= happened.stamp.time
                );
                world.count("expired");
            }
            approval::Event::Cancelled { .. } => {
                assert_eq!(self.decided.insert(id, approval::Status::Cancelled), None);
            }
            approval::Event::LookedAt { .. }
            | approval::Event::Extended { .. }
            | approval::Event::Expiring {} => {
                assert!(
                    !self.decided.contains_key(&id),
                    "{id} was announced after its end"
                );
            }
        }
        if let Some(status) = self.decided.get(&id) {
            assert_eq!(
                *status, approval.status,
                "the first decision on {id} stands"
            );
        }
    }

    fn set(&mut self, world: &mut World, id: ChangeSetId, event: &change_set::Event) {
        match event {
            change_set::Event::Approved(_) => {
                let set = world.set(id);
                may_land(world, &set);
            }
            change_set::Event::Assessed(assessed) => {
                let set = world.set(id);
                // Later commands of the batch may have moved it on, but not its items.
                let tree = world.accepted_tree(&set);
                assert_eq!(
                    assessed.tree, tree,
                    "{id} was judged with other parts than it has"
                );
            }
            change_set::Event::Expired {} => {
                let set = world.set(id);
                let approval = set.approval.unwrap();
                let decided = match set.revise_by {
                    None => approval::Status::Expired,
                    Some(_) => approval::Status::Rejected,
                };
                assert_eq!(self.decided.get(&approval), Some(&decided));
            }
            change_set::Event::RolledBack { .. } => world.count("rolled back"),
            change_set::Event::ChangesRequested { .. } => world.count("sent back"),
            change_set::Event::Superseded {} => world.count("superseded"),
            _ => {}
        }
    }
}

/// Makes sure that a change is covered: by policy, or by a decision on exactly this.
fn may_land(world: &World, set: &ChangeSet) {
    let assessed = set.assessed.as_ref().expect("it was judged");
    match set.basis.as_ref().expect("something lets it land") {
        Basis::Policy => assert_eq!(assessed.decision, Decision::Allow),
        Basis::Approval { approval } => {
            let approval = world.facts.state::<Approval>(approval.uuid()).unwrap();
            assert_eq!(
                approval.status,
                approval::Status::Approved,
                "a no, or no answer, was taken for a yes"
            );
            assert_eq!(
                approval.question.digest, assessed.payload,
                "something else was approved"
            );
            let by = &approval.verdict.as_ref().unwrap().by;
            assert!(by.may_decide(assessed.level.max(Level::TeamLead)));
        }
    }
}

fn plan(world: &World, id: hyperion_model::PlanId, event: &plan::Event) {
    if let plan::Event::Completed {} = event {
        let plan = world.facts.state::<Plan>(id.uuid()).unwrap();
        for step in &plan.steps {
            let well = matches!(step.status, step::Status::Completed | step::Status::Skipped);
            assert!(
                well,
                "a plan is complete with step {} {}",
                step.number, step.status
            );
        }
    }
}

fn request(world: &mut World, id: hyperion_model::RequestId, event: &request::Event) {
    let request = world.facts.state::<Request>(id.uuid()).unwrap();
    let plan = request
        .plan
        .and_then(|plan| world.facts.state::<Plan>(plan.uuid()));
    let count = |status| {
        plan.map_or(0, |plan| {
            plan.steps
                .iter()
                .filter(|step| step.status == status)
                .count()
        })
    };
    let failed = count(step::Status::Failed) + count(step::Status::Skipped);
    let well = count(step::Status::Completed);
    match event {
        request::Event::Completed { partly, .. } => {
            assert_eq!(*partly, failed > 0, "{id} is told to be complete");
            assert!(well > 0, "{id} came to nothing");
            world.count("completed");
        }
        request::Event::Failed { .. } => {
            assert_eq!(well, 0, "{id} is told to have failed");
            world.count("failed");
        }
        request::Event::Cancelled { .. } => world.count("called off"),
        _ => {}
    }
}
