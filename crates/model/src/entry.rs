//! A queue entry: one change on its way through the merge queue of a repository.

use serde::{Deserialize, Serialize};

use crate::facts::Priority;
use crate::machine::{
    Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, expect, moves, out_of_order,
};
use crate::{
    ChangeSetId, Digest, EntryId, GitId, Level, Name, RepoId, RequestId, RunId, ShortText, Time,
};

mod cause;
mod command;
mod event;

pub use cause::Cause;
pub use command::Command;
pub use event::Event;

moves! {
    noun Noun::Entry;
    states {
        /// Waits for its turn.
        Queued = "queued" open;
        /// A worker has it.
        Leased = "leased" open;
        /// Being merged with the branch's tip.
        Merging = "merging" open;
        /// Its checks run on the merged result.
        Checking = "checking" open;
        /// Merged and green; may land while the branch stays where it is.
        Ready = "ready" open;
        /// Being landed: the world may have changed already.
        Dispatching = "dispatching" open;
        /// Part of the branch.
        Landed = "landed" closed;
        /// Needs a person at the repository, for instance a dirty work tree.
        Blocked = "blocked" open;
        /// Kept with the evidence of why it cannot land; a person may retry it.
        Quarantined = "quarantined" closed;
        /// Cannot land: what it depends on did not.
        Failed = "failed" closed;
        /// Given up after too many attempts; a person may retry it.
        Dead = "dead" closed;
        /// Called off, or the end of a dry run.
        Cancelled = "cancelled" closed;
    }
    verbs {
        Lease = "be leased": [Queued] => Leased;
        Merge = "be merged": [Leased] => Merging;
        Check = "be checked": [Merging] => Checking;
        Pass = "pass its checks": [Checking] => Ready;
        Dispatch = "be dispatched": [Ready] => Dispatching;
        Land = "land": [Dispatching] => Landed;
        Release = "be released": [Leased Merging Checking Ready] => Queued;
        Refresh = "start over on a moved branch": [Merging Checking Ready Dispatching] => Queued;
        Die = "be given up": [Leased Merging Checking Ready] => Dead;
        Block = "be blocked": [Merging Checking Ready Dispatching] => Blocked;
        Unblock = "be unblocked": [Blocked] => Queued;
        Quarantine = "be quarantined": [Merging Checking] => Quarantined;
        Fail = "fail": [Queued Leased Merging Checking Ready Blocked] => Failed;
        Cancel = "be cancelled": [Queued Leased Merging Checking Ready Blocked Quarantined Dead Failed] => Cancelled;
        Retry = "be retried": [Quarantined Dead Blocked Failed] => Queued;
    }
}

impl Status {
    /// Whether an entry in this state is kept for a retry, and goes no further by itself.
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::Quarantined | Self::Dead | Self::Failed)
    }
}

/// Why an entry is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quarantine {
    /// It conflicts with what landed before it.
    Conflict,
    /// A check failed on the merged result.
    Check,
    /// Policy refuses what the merge made of it.
    Policy,
}

impl Quarantine {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Quarantine::Conflict => "conflict",
            Quarantine::Check => "check",
            Quarantine::Policy => "policy",
        }
    }
}

/// The branch's tip with the change on top, ready to become the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The tip it was made on.
    pub tip: GitId,
    /// Its tree.
    pub tree: GitId,
    /// Its commit.
    pub commit: GitId,
}

/// How a landing came to be called green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Green {
    /// Exactly this tree passed every check.
    Strict,
    /// The repository has no checks; said so wherever the landing is shown.
    Unchecked,
}

impl Green {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Green::Strict => "strict",
            Green::Unchecked => "unchecked",
        }
    }
}

/// What the checks said of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The tree it is about.
    pub tree: GitId,
    /// The runs it rests on.
    pub runs: Vec<RunId>,
    /// How it covers the tree.
    pub green: Green,
}

/// An intent to move the branch, committed before anything is touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// What is to become the branch.
    pub candidate: GitId,
    /// Where the branch is expected to stand.
    pub expected_tip: GitId,
    /// The digest of what was decided on.
    pub payload: Digest,
    /// The digest of the policy's rules at that time.
    pub policy: Digest,
}

/// What is known of an entry when it enters the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The repository.
    pub repo: RepoId,
    /// The branch it is to land on.
    pub branch: Name,
    /// The request it serves.
    pub request: RequestId,
    /// The change sets that land with it, in order; more than one when they are atomic.
    pub change_sets: Vec<ChangeSetId>,
    /// The entries that must land first.
    pub depends_on: Vec<EntryId>,
    /// How urgent it is.
    pub priority: Priority,
    /// The level that was asked for; taking it back asks for the same.
    pub level: Level,
    /// The blob with the checks that its tasks add.
    pub checks: Option<Digest>,
    /// Whether it stops before landing.
    pub dry_run: bool,
}

/// The most change sets one entry may have.
pub const MAX_CHANGE_SETS: usize = 500;

/// An entry's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// What it is.
    pub admission: Admission,
    /// Where it stands.
    pub status: Status,
    /// When it entered the queue.
    pub enqueued_at: Time,
    /// When it entered the queue, or was last retried by a person: earlier verdicts no longer count.
    pub taken_up_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// How often a worker lost it.
    pub attempts: u32,
    /// How often it started over because the branch moved.
    pub refreshes: u32,
    /// The fence of its latest lease.
    pub fence: u64,
    /// The latest candidate.
    pub candidate: Option<Candidate>,
    /// What the checks said of it.
    pub verdict: Option<Verdict>,
    /// The latest intent to land.
    pub dispatch: Option<Dispatch>,
    /// The commit it landed as.
    pub commit: Option<GitId>,
    /// Why it is in quarantine.
    pub quarantine: Option<Quarantine>,
    /// The blob with the evidence: both sides' hunks, or the check's output.
    pub evidence: Option<Digest>,
    /// Why it stands where it stands.
    pub reason: Option<ShortText>,
    /// The same for code; none where nothing is decided by it, or nobody said so yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

impl Machine for Entry {
    type Id = EntryId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Entry;

    fn decide(state: Option<&Self>, command: &Command, _: &Stamp) -> Result<Vec<Event>, Refusal> {
        let entry = match (state, command) {
            (None, Command::Enqueue { id, admission }) => {
                let given = admission.change_sets.len();
                if given == 0 {
                    return Err(Refusal::Inconsistent(
                        "an entry has at least one change set",
                    ));
                }
                if given > MAX_CHANGE_SETS {
                    return Err(Refusal::Limit {
                        what: "change sets in one entry",
                        given,
                        max: MAX_CHANGE_SETS,
                    });
                }
                return Ok(vec![Event::Enqueued {
                    id: *id,
                    admission: admission.clone(),
                }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::Entry)),
            (Some(entry), _) => entry,
        };
        let (verb, event) = match command {
            Command::Enqueue { .. } => return Err(Refusal::Exists(Noun::Entry)),
            Command::Expect(looked_at) => return expect(entry, looked_at),
            Command::Lease { fence } => {
                if entry.status == Status::Queued && *fence <= entry.fence {
                    return Err(Refusal::Inconsistent(
                        "a newer lease has been given already",
                    ));
                }
                (Verb::Lease, Event::Leased { fence: *fence })
            }
            Command::Merge => (Verb::Merge, Event::Merging {}),
            Command::Check { candidate } => (
                Verb::Check,
                Event::Merged {
                    candidate: candidate.clone(),
                },
            ),
            Command::Pass(verdict) => {
                let covers = entry
                    .candidate
                    .as_ref()
                    .is_some_and(|candidate| candidate.tree == verdict.tree);
                if entry.status == Status::Checking && !covers {
                    return Err(Refusal::Inconsistent("the verdict is about another tree"));
                }
                (Verb::Pass, Event::Checked(verdict.clone()))
            }
            Command::Dispatch(dispatch) => {
                if entry.admission.dry_run {
                    return Err(Refusal::Inconsistent("a dry run lands nothing"));
                }
                let covered = entry.candidate.as_ref().is_some_and(|candidate| {
                    candidate.commit == dispatch.candidate
                        && candidate.tip == dispatch.expected_tip
                        && entry
                            .verdict
                            .as_ref()
                            .is_some_and(|v| v.tree == candidate.tree)
                });
                if entry.status == Status::Ready && !covered {
                    return Err(Refusal::Inconsistent(
                        "only the candidate that passed may land",
                    ));
                }
                (Verb::Dispatch, Event::Dispatched(dispatch.clone()))
            }
            Command::Land { commit } => {
                let intended = entry
                    .dispatch
                    .as_ref()
                    .is_some_and(|d| d.candidate == *commit);
                if entry.status == Status::Dispatching && !intended {
                    return Err(Refusal::Inconsistent(
                        "this is not the commit that was dispatched",
                    ));
                }
                (
                    Verb::Land,
                    Event::Landed {
                        commit: commit.clone(),
                    },
                )
            }
            Command::Release {
                cause,
                reason,
                max_attempts,
            } => {
                let (cause, reason) = (Some(*cause), reason.clone());
                if entry.attempts + 1 >= *max_attempts {
                    (Verb::Die, Event::DeadLettered { cause, reason })
                } else {
                    (Verb::Release, Event::Released { cause, reason })
                }
            }
            Command::Refresh { tip } => (Verb::Refresh, Event::Refreshed { tip: tip.clone() }),
            Command::Block { cause, reason } => (
                Verb::Block,
                Event::Blocked {
                    cause: Some(*cause),
                    reason: reason.clone(),
                },
            ),
            Command::Unblock => (Verb::Unblock, Event::Unblocked {}),
            Command::Quarantine {
                quarantine,
                evidence,
                reason,
            } => {
                lead(entry.status, Verb::Quarantine)?;
                let put_aside = Event::Quarantined {
                    quarantine: *quarantine,
                    evidence: *evidence,
                    reason: reason.clone(),
                };
                return Ok(match quarantine {
                    Quarantine::Conflict => {
                        vec![
                            Event::Conflicted {
                                evidence: *evidence,
                            },
                            put_aside,
                        ]
                    }
                    Quarantine::Check | Quarantine::Policy => vec![put_aside],
                });
            }
            Command::Fail { cause, reason } => (
                Verb::Fail,
                Event::Failed {
                    cause: Some(*cause),
                    reason: reason.clone(),
                },
            ),
            Command::Cancel { reason } => (
                Verb::Cancel,
                Event::Cancelled {
                    reason: reason.clone(),
                },
            ),
            Command::Retry => (Verb::Retry, Event::Retried {}),
        };
        lead(entry.status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut entry = match (state, event) {
            (None, Event::Enqueued { id, admission }) => {
                return Ok(Self {
                    id: *id,
                    admission: admission.clone(),
                    status: Status::Queued,
                    enqueued_at: stamp.time,
                    taken_up_at: stamp.time,
                    ended_at: None,
                    attempts: 0,
                    refreshes: 0,
                    fence: 0,
                    candidate: None,
                    verdict: None,
                    dispatch: None,
                    commit: None,
                    quarantine: None,
                    evidence: None,
                    reason: None,
                    cause: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Entry, false)),
            (Some(entry), _) => entry,
        };
        let verb = match event {
            Event::Enqueued { .. } => return Err(out_of_order(Noun::Entry, true)),
            Event::Leased { fence } => {
                entry.fence = *fence;
                entry.start_over();
                Verb::Lease
            }
            Event::Merging {} => Verb::Merge,
            Event::Merged { candidate } => {
                entry.candidate = Some(candidate.clone());
                Verb::Check
            }
            Event::Checked(verdict) => {
                entry.verdict = Some(verdict.clone());
                Verb::Pass
            }
            Event::Dispatched(dispatch) => {
                entry.dispatch = Some(dispatch.clone());
                Verb::Dispatch
            }
            Event::Landed { commit } => {
                entry.commit = Some(commit.clone());
                entry.because(None, None);
                Verb::Land
            }
            Event::Released { cause, reason } => {
                entry.attempts += 1;
                entry.because(*cause, Some(reason));
                Verb::Release
            }
            Event::Refreshed { .. } => {
                entry.refreshes += 1;
                Verb::Refresh
            }
            Event::DeadLettered { cause, reason } => {
                entry.attempts += 1;
                entry.because(*cause, Some(reason));
                Verb::Die
            }
            Event::Blocked { cause, reason } => {
                entry.because(*cause, Some(reason));
                Verb::Block
            }
            Event::Unblocked {} => {
                entry.because(None, None);
                Verb::Unblock
            }
            Event::Conflicted { evidence } => {
                // Says only what the quarantine after it says again; kept for whoever follows the feed.
                lead(entry.status, Verb::Quarantine).map_err(damaged(Noun::Entry))?;
                entry.evidence = Some(*evidence);
                return Ok(entry);
            }
            Event::Quarantined {
                quarantine,
                evidence,
                reason,
            } => {
                entry.quarantine = Some(*quarantine);
                entry.evidence = Some(*evidence);
                entry.because(None, Some(reason));
                Verb::Quarantine
            }
            Event::Failed { cause, reason } => {
                entry.because(*cause, Some(reason));
                Verb::Fail
            }
            Event::Cancelled { reason } => {
                entry.because(None, Some(reason));
                Verb::Cancel
            }
            Event::Retried {} => {
                entry.attempts = 0;
                entry.taken_up_at = stamp.time;
                entry.start_over();
                Verb::Retry
            }
        };
        entry.status = lead(entry.status, verb).map_err(damaged(Noun::Entry))?;
        entry.ended_at = (!entry.status.is_open()).then_some(stamp.time);
        Ok(entry)
    }

    fn row(&self) -> Row {
        let mut blobs: Vec<_> = self.admission.checks.into_iter().collect();
        blobs.extend(self.evidence);
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: Some(self.admission.request),
            repo: Some(self.admission.repo),
            blobs,
            ..Row::default()
        }
    }
}

impl Entry {
    /// Forgets what the last attempt found out.
    fn start_over(&mut self) {
        self.candidate = None;
        self.verdict = None;
        self.dispatch = None;
        self.quarantine = None;
        self.evidence = None;
        self.because(None, None);
    }

    /// Notes why it stands where it stands.
    fn because(&mut self, cause: Option<Cause>, reason: Option<&ShortText>) {
        self.cause = cause;
        self.reason = reason.cloned();
    }
}
