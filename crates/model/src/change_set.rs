//! A change set: a proposed edit, item by item, from proposal to landing.

use serde::{Deserialize, Serialize};

use crate::approval::Risk;
use crate::facts::Operation;
use crate::machine::{
    Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, expect, moves, out_of_order,
};
use crate::plan::step::Cause;
use crate::{
    ApprovalId, ChangeSetId, Decision, Digest, EntryId, GitId, ItemId, Level, Name, PlanId, RepoId,
    RepoPath, RequestId, RunId, ShortText, TaskId, Time,
};

mod command;
mod event;

pub use command::Command;
pub use event::Event;

moves! {
    noun Noun::ChangeSet;
    states {
        /// Handed in, not judged yet (or to be judged again, because its items changed).
        Pending = "pending" open;
        /// Judged; waits for an approval, or for policy's answer to be carried out.
        Previewing = "previewing" open;
        /// Sent back by a person; waits for a new version.
        ChangesRequested = "changes_requested" open;
        /// May land.
        Approved = "approved" open;
        /// In the merge queue.
        Queued = "queued" open;
        /// Being landed.
        Dispatching = "dispatching" open;
        /// On the target branch.
        Landed = "landed" closed;
        /// Was landed, and was taken back.
        RolledBack = "rolled_back" closed;
        /// Refused by policy or by a person.
        Rejected = "rejected" closed;
        /// Could not land.
        Failed = "failed" closed;
        /// Nobody decided in time.
        Expired = "expired" closed;
        /// Called off.
        Cancelled = "cancelled" closed;
        /// A new version took its place.
        Superseded = "superseded" closed;
    }
    verbs {
        Assess = "be assessed": [Pending] => Previewing;
        DecideItem = "have an item decided": [Pending Previewing] => Pending;
        Ask = "be asked about": [Previewing] => Previewing;
        RequestChanges = "be sent back": [Previewing] => ChangesRequested;
        Supersede = "be superseded": [Pending Previewing ChangesRequested Approved] => Superseded;
        Approve = "be approved": [Previewing] => Approved;
        Queue = "be queued": [Approved] => Queued;
        QueueDryRun = "be queued for a dry run": [Previewing] => Queued;
        Dispatch = "be dispatched": [Queued] => Dispatching;
        Undispatch = "go back to the queue": [Dispatching] => Queued;
        Land = "land": [Dispatching] => Landed;
        RollBack = "be rolled back": [Landed] => RolledBack;
        Reject = "be rejected": [Pending Previewing] => Rejected;
        Fail = "fail": [Pending Previewing ChangesRequested Approved Queued] => Failed;
        Expire = "expire": [Previewing ChangesRequested] => Expired;
        Cancel = "be cancelled": [Pending Previewing ChangesRequested Approved Queued] => Cancelled;
        Requeue = "be queued again": [Failed] => Queued;
    }
}

/// The states and moves of one item.
pub mod item {
    use serde::{Deserialize, Serialize};

    /// What was decided about an item.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Status {
        /// Nothing yet; it applies with the others.
        Pending,
        /// A person accepted it, or some of its hunks.
        Accepted,
        /// A person rejected it; it does not apply.
        Rejected,
    }

    impl Status {
        /// Gives the wire name.
        pub const fn name(self) -> &'static str {
            match self {
                Status::Pending => "pending",
                Status::Accepted => "accepted",
                Status::Rejected => "rejected",
            }
        }
    }
}

/// The most items a change set may have.
pub const MAX_ITEMS: usize = 2000;

/// One path of a change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// The path after the change.
    pub path: RepoPath,
    /// The path before, where it moved.
    pub from_path: Option<RepoPath>,
    /// What happens to it.
    pub operation: Operation,
    /// The digest of the content before; none for a new file.
    pub old_hash: Option<Digest>,
    /// The digest of the content after; none for a removed one.
    pub new_hash: Option<Digest>,
    /// The git mode before.
    pub old_mode: Option<u32>,
    /// The git mode after.
    pub new_mode: Option<u32>,
    /// How many hunks it has; 0 for binary content and bare mode changes.
    pub hunks: u32,
    /// Lines added.
    pub additions: u32,
    /// Lines taken away.
    pub deletions: u32,
    /// What was decided about it.
    pub status: item::Status,
    /// The hunks that were rejected, counted from 0.
    pub rejected_hunks: Vec<u32>,
}

/// A change as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The request it serves.
    pub request: RequestId,
    /// The plan it came from.
    pub plan: PlanId,
    /// The step's number in the plan.
    pub step: u32,
    /// The task it carries out.
    pub task: TaskId,
    /// The repository it is for.
    pub repo: RepoId,
    /// The run that made it.
    pub run: RunId,
    /// The agent that made it.
    pub agent: Name,
    /// The commit it was made on.
    pub base_commit: GitId,
    /// The tree it was made on: that of the base, plus the changes it depends on.
    pub base_tree: GitId,
    /// The blob with the change request as stored.
    pub document: Digest,
    /// The blob with its summary alone, which stays when the document goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Digest>,
    /// The version of it that was sent back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<ChangeSetId>,
    /// Its items, in order.
    pub items: Vec<Item>,
    /// Whether it is to land nothing.
    pub dry_run: bool,
}

/// What policy said of a change, in short; the whole is in the blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessed {
    /// The verdict.
    pub decision: Decision,
    /// The level that applies.
    pub level: Level,
    /// How risky it looks.
    pub risk: Risk,
    /// The blob with risks, blockers, reasons and review.
    pub document: Digest,
    /// The tree with every accepted part of the change.
    pub tree: GitId,
    /// What a decision on it is bound to.
    pub payload: Digest,
    /// The digest of the policy's rules.
    pub policy: Digest,
}

/// What lets a change land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Basis {
    /// Policy itself.
    Policy,
    /// A person's decision.
    Approval {
        /// Which.
        approval: ApprovalId,
    },
}

/// A change set's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its id.
    pub id: ChangeSetId,
    /// What was handed in; its items carry what was decided about them.
    pub proposal: Proposal,
    /// Where it stands.
    pub status: Status,
    /// When it was handed in.
    pub proposed_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// What policy said, of the parts that are accepted now.
    pub assessed: Option<Assessed>,
    /// The latest question about it.
    pub approval: Option<ApprovalId>,
    /// How many questions were asked about it.
    pub questions: u32,
    /// What lets it land.
    pub basis: Option<Basis>,
    /// Its queue entry.
    pub entry: Option<EntryId>,
    /// The commit it landed as.
    pub commit: Option<GitId>,
    /// Why it ended as it did, or was sent back.
    pub reason: Option<ShortText>,
    /// Why it failed, for whoever decides what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Until when a new version may be handed in, once it was sent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revise_by: Option<Time>,
}

impl ChangeSet {
    fn check_item(
        &self,
        id: ItemId,
        status: item::Status,
        rejected_hunks: &[u32],
    ) -> Result<(), Refusal> {
        let item = self
            .proposal
            .items
            .iter()
            .find(|item| item.id == id)
            .ok_or_else(|| Refusal::NoSuchPart {
                noun: Noun::ChangeSet,
                part: format!("item {id}"),
            })?;
        if let Some(hunk) = rejected_hunks.iter().find(|hunk| **hunk >= item.hunks) {
            return Err(Refusal::NoSuchPart {
                noun: Noun::ChangeSet,
                part: format!("hunk {hunk} in {}", item.path),
            });
        }
        let all = item.hunks > 0 && rejected_hunks.len() >= item.hunks as usize;
        if all || (status != item::Status::Accepted && !rejected_hunks.is_empty()) {
            return Err(Refusal::Inconsistent(
                "hunks are left out of an accepted item, and at least one stays; reject the item instead",
            ));
        }
        Ok(())
    }
}

impl Machine for ChangeSet {
    type Id = ChangeSetId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::ChangeSet;

    fn decide(
        state: Option<&Self>,
        command: &Command,
        stamp: &Stamp,
    ) -> Result<Vec<Event>, Refusal> {
        let set = match (state, command) {
            (None, Command::Propose { id, proposal }) => {
                if proposal.items.len() > MAX_ITEMS {
                    return Err(Refusal::Limit {
                        what: "items in a change set",
                        given: proposal.items.len(),
                        max: MAX_ITEMS,
                    });
                }
                if proposal.items.is_empty() {
                    return Err(Refusal::Inconsistent("a change set has at least one item"));
                }
                return Ok(vec![Event::Proposed {
                    id: *id,
                    proposal: proposal.clone(),
                }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::ChangeSet)),
            (Some(set), _) => set,
        };
        let (verb, event) = match command {
            Command::Propose { .. } => return Err(Refusal::Exists(Noun::ChangeSet)),
            Command::Expect(looked_at) => return expect(set, looked_at),
            Command::Assess(assessed) => (Verb::Assess, Event::Assessed(assessed.clone())),
            Command::DecideItem {
                item,
                status,
                rejected_hunks,
            } => {
                lead(set.status, Verb::DecideItem)?;
                let mut rejected_hunks = rejected_hunks.clone();
                rejected_hunks.sort_unstable();
                rejected_hunks.dedup();
                set.check_item(*item, *status, &rejected_hunks)?;
                let decided = Event::ItemDecided {
                    item: *item,
                    status: *status,
                    rejected_hunks,
                };
                (Verb::DecideItem, decided)
            }
            Command::Ask { approval } => (
                Verb::Ask,
                Event::Asked {
                    approval: *approval,
                },
            ),
            Command::Approve(basis) => {
                let allowed = set.assessed.as_ref().map(|assessed| assessed.decision);
                let fits = match (basis, allowed) {
                    (Basis::Policy, Some(Decision::Allow)) => true,
                    (Basis::Approval { approval }, Some(Decision::Ask(_))) => {
                        set.approval == Some(*approval)
                    }
                    (Basis::Policy | Basis::Approval { .. }, _) => false,
                };
                if !fits && set.status == Status::Previewing {
                    return Err(Refusal::Inconsistent(
                        "this is not what the change set waits for: policy's verdict asks otherwise",
                    ));
                }
                (Verb::Approve, Event::Approved(basis.clone()))
            }
            Command::Queue { entry } => {
                let dry_run = set.proposal.dry_run;
                let verb = if dry_run {
                    Verb::QueueDryRun
                } else {
                    Verb::Queue
                };
                (
                    verb,
                    Event::Queued {
                        entry: *entry,
                        dry_run,
                    },
                )
            }
            Command::Dispatch => {
                if set.proposal.dry_run {
                    return Err(Refusal::Inconsistent("a dry run lands nothing"));
                }
                (Verb::Dispatch, Event::Dispatched {})
            }
            Command::Undispatch => (Verb::Undispatch, Event::Undispatched {}),
            Command::Land { commit } => (
                Verb::Land,
                Event::Landed {
                    commit: commit.clone(),
                },
            ),
            Command::RollBack { commit } => (
                Verb::RollBack,
                Event::RolledBack {
                    commit: commit.clone(),
                },
            ),
            Command::Reject { reason } => (
                Verb::Reject,
                Event::Rejected {
                    reason: reason.clone(),
                },
            ),
            Command::Fail { cause, reason } => (
                Verb::Fail,
                Event::Failed {
                    cause: *cause,
                    reason: reason.clone(),
                },
            ),
            Command::RequestChanges { reason, revise_by } => (
                Verb::RequestChanges,
                Event::ChangesRequested {
                    reason: reason.clone(),
                    revise_by: *revise_by,
                },
            ),
            Command::Supersede => (Verb::Supersede, Event::Superseded {}),
            Command::Expire => {
                if set.revise_by.is_some_and(|until| stamp.time < until) {
                    return Err(Refusal::Inconsistent(
                        "a new version may still be handed in",
                    ));
                }
                (Verb::Expire, Event::Expired {})
            }
            Command::Cancel { reason } => (
                Verb::Cancel,
                Event::Cancelled {
                    reason: reason.clone(),
                },
            ),
            Command::Requeue => {
                if set.status == Status::Failed && set.entry.is_none() {
                    return Err(Refusal::Inconsistent("it never was in the queue"));
                }
                (Verb::Requeue, Event::Requeued {})
            }
        };
        lead(set.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut set = match (state, event) {
            (None, Event::Proposed { id, proposal }) => {
                return Ok(Self {
                    id: *id,
                    proposal: proposal.clone(),
                    status: Status::Pending,
                    proposed_at: stamp.time,
                    ended_at: None,
                    assessed: None,
                    approval: None,
                    questions: 0,
                    basis: None,
                    entry: None,
                    commit: None,
                    reason: None,
                    cause: None,
                    revise_by: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::ChangeSet, false)),
            (Some(set), _) => set,
        };
        let verb = match event {
            Event::Proposed { .. } => return Err(out_of_order(Noun::ChangeSet, true)),
            Event::Assessed(assessed) => {
                set.assessed = Some(assessed.clone());
                Verb::Assess
            }
            Event::ItemDecided {
                item,
                status,
                rejected_hunks,
            } => {
                let found = set
                    .proposal
                    .items
                    .iter_mut()
                    .find(|candidate| candidate.id == *item);
                let found = found.ok_or_else(|| Corrupt {
                    noun: Noun::ChangeSet,
                    detail: format!("it has no item {item}"),
                })?;
                found.status = *status;
                found.rejected_hunks.clone_from(rejected_hunks);
                // What was judged and asked is no longer what would land.
                set.assessed = None;
                set.approval = None;
                Verb::DecideItem
            }
            Event::Asked { approval } => {
                set.approval = Some(*approval);
                set.questions += 1;
                Verb::Ask
            }
            Event::Approved(basis) => {
                set.basis = Some(basis.clone());
                Verb::Approve
            }
            Event::Queued { entry, dry_run } => {
                set.entry = Some(*entry);
                if *dry_run {
                    Verb::QueueDryRun
                } else {
                    Verb::Queue
                }
            }
            Event::Dispatched {} => Verb::Dispatch,
            Event::Undispatched {} => Verb::Undispatch,
            Event::Landed { commit } => {
                set.commit = Some(commit.clone());
                Verb::Land
            }
            Event::RolledBack { .. } => Verb::RollBack,
            Event::Rejected { reason } => {
                set.reason = Some(reason.clone());
                Verb::Reject
            }
            Event::Failed { cause, reason } => {
                set.cause = cause.named();
                set.reason = Some(reason.clone());
                Verb::Fail
            }
            Event::ChangesRequested { reason, revise_by } => {
                set.reason = Some(reason.clone());
                set.revise_by = Some(*revise_by);
                Verb::RequestChanges
            }
            Event::Superseded {} => Verb::Supersede,
            Event::Expired {} => Verb::Expire,
            Event::Cancelled { reason } => {
                set.reason = Some(reason.clone());
                Verb::Cancel
            }
            Event::Requeued {} => {
                set.reason = None;
                set.cause = None;
                Verb::Requeue
            }
        };
        set.status = lead(set.status, verb).map_err(damaged(Noun::ChangeSet))?;
        set.ended_at = (!set.status.is_open()).then_some(stamp.time);
        Ok(set)
    }

    fn row(&self) -> Row {
        let mut blobs = vec![self.proposal.document];
        blobs.extend(self.assessed.as_ref().map(|assessed| assessed.document));
        blobs.extend(self.proposal.title);
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: Some(self.proposal.request),
            repo: Some(self.proposal.repo),
            run: Some(self.proposal.run),
            parent: Some(self.proposal.plan.uuid()),
            due: None,
            blobs,
            kept: self.proposal.title.into_iter().collect(),
        }
    }
}
