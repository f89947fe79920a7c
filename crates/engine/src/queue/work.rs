//! Works the queue, branch by branch: together what needs nothing but merging, step by step what needs more.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_model::change_set;
use hyperion_model::entry::{self, Cause, Entry, Green, Quarantine, Status, Verdict};
use hyperion_model::plan;
use hyperion_model::{Command, EntryId, Name, NewBlob, RepoId, ShortText, Time};
use hyperion_policy::Permit;
use hyperion_store::{Filter, Lease, QueueRecord};

use super::branch::train_entries;
use super::merge::{self, Outcome, sets_of};
use super::paused::is_paused;
use super::restless::Restless;
use super::ride::TrainEntry;
use super::{admit, blocked, checks, depend, evidence, land, refs};
use crate::cx::json_blob;
use crate::error::{MissingFact, oid};
use crate::reconcile::{Progress, Reconcile};
use crate::repo::Opened;
use crate::wake_list::WakeList;
use crate::{Cx, Error, remote};

/// How often a blocked entry looks whether what was in the way is gone.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often an entry may start over on a moved branch within one look, before others get a turn.
const STEPS_PER_LOOK: usize = 64;

/// Works the queue.
pub(crate) struct Queue {
    pub(super) name: Name,
    pub(super) leases: HashMap<EntryId, Lease>,
    pub(super) not_before: HashMap<EntryId, Time>,
    /// Permits minted for landings that are being carried out in this engine.
    pub(super) permits: HashMap<EntryId, Vec<Permit>>,
    /// How often finishing a dispatched landing failed in this engine.
    pub(super) stuck: HashMap<EntryId, u32>,
    /// How many entries of a branch are to go one by one before some go together again.
    pub(super) alone: HashMap<(RepoId, Name), usize>,
    /// The refs of landings that are over, which somebody's lock kept from being deleted.
    pub(super) refs_left: Vec<(RepoId, String)>,
    /// Entries whose branch moves faster than they are checked.
    pub(super) restless: Restless,
    /// Lines of the queue's log that are not written yet.
    lines: RefCell<Vec<QueueRecord>>,
    /// What may have something to admit.
    pub(super) admitted: WakeList,
}

/// What working at an entry came to.
pub(super) enum Step {
    /// It moved on.
    Worked,
    /// It waits for something that will be committed.
    Wait,
    /// It cannot be done now, and is tried again a limited number of times.
    GivesBack {
        /// Why.
        cause: Cause,
        /// Why, in one line.
        why: String,
    },
}

impl Queue {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            leases: HashMap::new(),
            not_before: HashMap::new(),
            permits: HashMap::new(),
            stuck: HashMap::new(),
            alone: HashMap::new(),
            refs_left: Vec::new(),
            restless: Restless::default(),
            lines: RefCell::default(),
            admitted: WakeList::with_all::<change_set::ChangeSet>(),
        }
    }

    pub(super) fn work_at(&mut self, cx: &Arc<Cx>, id: EntryId) -> Result<Progress, Error> {
        let mut worked = false;
        for _ in 0..STEPS_PER_LOOK {
            let Some(entry) = cx.store.get::<Entry>(id)? else {
                break;
            };
            if !is_active(&entry) {
                self.forget(cx, id)?;
                return Ok(Progress::Worked);
            }
            if let Some(until) = self.pause_of(id, cx.now()) {
                return Ok(Progress::Delayed { until });
            }
            if !self.hold(cx, &entry)? {
                return Ok(Progress::Worked);
            }
            match self.step(cx, &entry) {
                Ok(Step::Worked) => worked = true,
                Ok(Step::Wait) => break,
                Ok(Step::GivesBack { cause, why }) => {
                    return self.give_back(cx, &entry, cause, &why);
                }
                // A full disk says nothing of the entry: it is not counted against it.
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => return self.stumble(cx, &entry, &error),
            }
        }
        if worked {
            return Ok(Progress::Worked);
        }
        // A check is running; its end is committed. Until then only the lease has to be kept.
        let renew_at = self
            .leases
            .get(&id)
            .map(|_| cx.now() + cx.settings.lease / 3);
        Ok(Progress::Idle { wake_at: renew_at })
    }

    pub(super) fn step(&mut self, cx: &Arc<Cx>, entry: &Entry) -> Result<Step, Error> {
        let opened = cx.repos.open(cx, entry.admission.repo)?;
        match entry.status {
            Status::Leased => self.command(cx, entry, entry::Command::Merge, vec![]),
            Status::Merging => self.merge(cx, &opened, entry),
            Status::Checking => self.check(cx, &opened, entry),
            Status::Ready => self.ready(cx, &opened, entry),
            Status::Dispatching => {
                let train_entries = train_entries(cx, vec![entry.clone()])?;
                land::finish(self, cx, &opened, &train_entries)?;
                Ok(Step::Worked)
            }
            Status::Queued
            | Status::Landed
            | Status::Blocked
            | Status::Quarantined
            | Status::Failed
            | Status::Dead
            | Status::Cancelled => Ok(Step::Wait),
        }
    }

    pub(super) fn command(
        &self,
        cx: &Cx,
        entry: &Entry,
        command: entry::Command,
        blobs: Vec<NewBlob>,
    ) -> Result<Step, Error> {
        cx.execute(
            cx.stamp(&self.name),
            vec![Command::Entry(entry.id, command)],
            blobs,
        )?;
        Ok(Step::Worked)
    }

    fn merge(&self, cx: &Cx, opened: &Opened, entry: &Entry) -> Result<Step, Error> {
        let began = cx.now();
        if !entry.admission.dry_run
            && let Some(reason) = remote::blocked(cx, entry.admission.repo, &entry.admission.branch)
        {
            let cause = Cause::Remote;
            let block = entry::Command::Block { cause, reason };
            return self.command(cx, entry, block, vec![]);
        }
        let sets = sets_of(cx, entry)?;
        let onto = match depend::dry_base(cx, entry)? {
            Some(onto) => onto,
            None => match opened.tip_if_there(&entry.admission.branch)? {
                Some(onto) => onto,
                None => {
                    land::block_waiting(self, cx, std::iter::once(entry))?;
                    return Ok(Step::Worked);
                }
            },
        };
        let outcome = merge::merge(cx, opened, entry, &sets, &onto)?;
        reached(Point::EntryMerged);
        if let Outcome::Candidate(candidate) = outcome {
            // The fact about to be committed names these objects: they have to be durable first.
            opened.git.sync()?;
            self.log(cx, entry, "merge", "clean", millis(began, cx.now()), None);
            return self.command(cx, entry, entry::Command::Check { candidate }, vec![]);
        }
        self.judge(cx, opened, entry, &sets, began, outcome)?;
        Ok(Step::Worked)
    }

    /// Ends an entry by what merging it with the branch came to.
    pub(super) fn judge(
        &self,
        cx: &Cx,
        opened: &Opened,
        entry: &Entry,
        sets: &[change_set::ChangeSet],
        began: Time,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let took = millis(began, cx.now());
        let (kind, (found, detail), quarantine) = match outcome {
            Outcome::Candidate(_) => return Ok(()),
            Outcome::Nothing { tip } => {
                self.log(cx, entry, "merge", "nothing", took, None);
                let why = evidence::of_nothing(cx, opened, entry, sets, &tip)?;
                return self.nothing_to_land(cx, entry, sets, &why).map(drop);
            }
            Outcome::Conflict { set, tip, files } => (
                "conflict",
                evidence::of_conflict(cx, opened, entry, &set, &tip, &files)?,
                Quarantine::Conflict,
            ),
            Outcome::Policy { set, why } => (
                "policy",
                evidence::of_policy(entry, &set, &why),
                Quarantine::Policy,
            ),
        };
        self.log(cx, entry, "merge", kind, took, Some(&found));
        self.quarantine(cx, entry, quarantine, &found, &detail)
            .map(drop)
    }

    fn quarantine(
        &self,
        cx: &Cx,
        entry: &Entry,
        quarantine: Quarantine,
        found: &hyperion_api::queue::Evidence,
        detail: &str,
    ) -> Result<Step, Error> {
        let blob = json_blob(found)?;
        let command = entry::Command::Quarantine {
            quarantine,
            evidence: blob.digest,
            reason: ShortText::cut(detail),
        };
        self.command(cx, entry, command, vec![blob])
    }

    /// Ends an entry that would change nothing of the branch: its steps are skipped, and what depends on them goes on.
    fn nothing_to_land(
        &self,
        cx: &Cx,
        entry: &Entry,
        sets: &[change_set::ChangeSet],
        why: &str,
    ) -> Result<Step, Error> {
        let reason = ShortText::cut(why);
        self.end_unlanded(cx, entry, sets, &reason, |number| plan::Command::SkipStep {
            number,
            reason: reason.clone(),
        })
    }

    /// Ends an entry that lands nothing although all is well with it.
    fn end_unlanded(
        &self,
        cx: &Cx,
        entry: &Entry,
        sets: &[change_set::ChangeSet],
        reason: &ShortText,
        end_step: impl Fn(u32) -> plan::Command,
    ) -> Result<Step, Error> {
        let cancel = entry::Command::Cancel {
            reason: reason.clone(),
        };
        let mut commands = vec![Command::Entry(entry.id, cancel)];
        for set in sets {
            let cancel = change_set::Command::Cancel {
                reason: reason.clone(),
            };
            commands.push(Command::ChangeSet(set.id, cancel));
            let step = end_step(set.proposal.step);
            commands.push(Command::Plan(set.proposal.plan, step));
        }
        cx.execute(cx.stamp(&self.name), commands, vec![])?;
        Ok(Step::Worked)
    }

    fn check(&self, cx: &Cx, opened: &Opened, entry: &Entry) -> Result<Step, Error> {
        let candidate = entry
            .candidate
            .clone()
            .ok_or(MissingFact::Candidate(entry.id))?;
        let (branch, tip) = (&entry.admission.branch, oid(&candidate.tip)?);
        if let Some(obstacle) = checks::not_agreed(cx, opened, branch, &tip)? {
            return self.command(cx, entry, obstacle.block(), vec![]);
        }
        let wanted = checks::wanted(cx, opened, entry, &candidate)?;
        let pass = |runs, green| Verdict {
            tree: candidate.tree.clone(),
            runs,
            green,
        };
        match checks::verdict(cx, entry, &candidate, wanted)? {
            checks::Verdict::Wait => Ok(Step::Wait),
            checks::Verdict::Start(check) => {
                checks::start(cx, &self.name, entry, &candidate, &check)?;
                Ok(Step::Worked)
            }
            checks::Verdict::Green { runs, took_ms } => {
                self.log(cx, entry, "check", "green", took_ms, None);
                self.command(
                    cx,
                    entry,
                    entry::Command::Pass(pass(runs, Green::Strict)),
                    vec![],
                )
            }
            checks::Verdict::Unchecked => self.command(
                cx,
                entry,
                entry::Command::Pass(pass(vec![], Green::Unchecked)),
                vec![],
            ),
            checks::Verdict::Lost(why) => Ok(Step::GivesBack {
                cause: Cause::CheckLost,
                why,
            }),
            checks::Verdict::Failed { name, run } => {
                let sets = sets_of(cx, entry)?;
                let task = sets.first().map_or("", |set| set.proposal.task.as_str());
                let (found, detail) = evidence::of_check(cx, opened, entry, task, &name, &run)?;
                self.log(cx, entry, "check", "failed", 0, Some(&found));
                self.quarantine(cx, entry, Quarantine::Check, &found, &detail)
            }
        }
    }

    fn ready(&mut self, cx: &Cx, opened: &Opened, entry: &Entry) -> Result<Step, Error> {
        let sets = sets_of(cx, entry)?;
        if entry.admission.dry_run {
            let reason = ShortText::cut("dry run: it would land");
            return self.end_unlanded(cx, entry, &sets, &reason, |number| {
                plan::Command::CompleteStep { number }
            });
        }
        if is_paused(cx, entry.admission.repo)? {
            return Ok(Step::Wait);
        }
        let alone = TrainEntry {
            entry: entry.clone(),
            sets,
        };
        land::dispatch(self, cx, opened, &[alone])?;
        Ok(Step::Worked)
    }

    pub(super) fn log(
        &self,
        cx: &Cx,
        entry: &Entry,
        stage: &str,
        outcome: &str,
        took_ms: u64,
        found: Option<&hyperion_api::queue::Evidence>,
    ) {
        let leased_at = self
            .leases
            .get(&entry.id)
            .map_or_else(|| cx.now(), |lease| lease.acquired_at);
        let record = QueueRecord {
            time: cx.now(),
            entry_id: entry.id,
            worker: "queue-1".to_owned(),
            lease_owner: cx.instance.as_str().to_owned(),
            stage: stage.to_owned(),
            outcome: outcome.to_owned(),
            dequeue_latency_ms: millis(entry.enqueued_at, leased_at),
            apply_duration_ms: took_ms,
            poll_interval_ms: 0,
            attempt: entry.attempts + 1,
            failure: found.and_then(|found| serde_json::to_value(&found.failure).ok()),
        };
        self.lines.borrow_mut().push(record);
    }
}

impl Queue {
    /// Writes the lines that gathered. The log is for people: losing some of it changes nothing.
    fn write_log(&self, cx: &Cx) {
        let lines = self.lines.take();
        if !lines.is_empty()
            && let Err(error) = cx.store.log_queue_each(lines)
        {
            tracing::warn!(%error, "could not write the queue's log");
        }
    }
}

pub(super) fn branch_of(entry: &Entry) -> (RepoId, Name) {
    (entry.admission.repo, entry.admission.branch.clone())
}

/// Asks for the entries that a worker has.
fn at_work() -> Filter {
    Filter::open()
        .status(Status::Leased.name())
        .status(Status::Merging.name())
        .status(Status::Checking.name())
        .status(Status::Ready.name())
        .status(Status::Dispatching.name())
}

/// Tells whether a worker has it.
pub(super) const fn is_active(entry: &Entry) -> bool {
    match entry.status {
        Status::Leased
        | Status::Merging
        | Status::Checking
        | Status::Ready
        | Status::Dispatching => true,
        Status::Queued
        | Status::Landed
        | Status::Blocked
        | Status::Quarantined
        | Status::Failed
        | Status::Dead
        | Status::Cancelled => false,
    }
}

/// Gives the milliseconds between two times; none when the clock went back.
pub(super) fn millis(from: Time, to: Time) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

impl Reconcile for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let progress = self.look(cx);
        self.write_log(cx);
        progress
    }
}

impl Queue {
    /// Looks at everything that is open, and does what can be done.
    fn look(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let mut worked = admit::admit(&mut self.admitted, cx, &self.name)?;
        let mut branches: BTreeMap<(RepoId, Name), Vec<Entry>> = BTreeMap::new();
        for branch in cx.store.queued_branches()? {
            branches.insert(branch, Vec::new());
        }
        for entry in cx.store.open_rows::<Entry>(&at_work())?.rows {
            branches.entry(branch_of(&entry)).or_default().push(entry);
        }
        let blocked = Filter::open().status(Status::Blocked.name());
        let blocked = cx.store.open_rows::<Entry>(&blocked)?.rows;
        let mut wake_at = (!blocked.is_empty()).then(|| cx.now() + LOOK_AGAIN);
        if blocked::look(self, cx, &blocked) {
            // They have their turn in the next look, together with whoever came before them.
            worked = true;
        }
        if refs::delete_left(self, cx) {
            wake_at = Some(cx.now() + LOOK_AGAIN);
        }
        let mut until: Option<Time> = None;
        let earliest = |a: Option<Time>, b: Time| Some(a.map_or(b, |a| a.min(b)));
        for ((repo, branch), active) in branches {
            match self.work_branch(cx, (repo, &branch), active)? {
                Progress::Worked => worked = true,
                Progress::Delayed { until: at } => until = earliest(until, at),
                Progress::Idle { wake_at: Some(at) } => wake_at = earliest(wake_at, at),
                Progress::Idle { wake_at: None } => {}
            }
        }
        Ok(match (worked, until) {
            (true, _) => Progress::Worked,
            (false, Some(until)) => Progress::Delayed { until },
            (false, None) => Progress::Idle { wake_at },
        })
    }
}
