//! A run: one supervised piece of work.

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{Digest, EntryId, LineageId, Name, PlanId, RequestId, RunId, ShortText, Time, Uuid};

moves! {
    noun Noun::Run;
    states {
        /// Decided on; no process yet.
        Starting = "starting" open;
        /// At work.
        Running = "running" open;
        /// Ended, with success.
        Finished = "finished" closed;
        /// Ended, without success.
        Failed = "failed" closed;
        /// Ended by us: a limit or a person.
        Killed = "killed" closed;
        /// Its engine died; what was left of it was ended.
        Lost = "lost" closed;
    }
    verbs {
        Begin = "begin": [Starting] => Running;
        Finish = "finish": [Starting Running] => Finished;
        Fail = "fail": [Starting Running] => Failed;
        Kill = "be killed": [Starting Running] => Killed;
        Lose = "be lost": [Starting Running] => Lost;
    }
}

/// What a run works at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Work {
    /// An agent at an assignment: one step of a plan.
    Agent {
        /// The plan.
        plan: PlanId,
        /// The step's number in it.
        step: u32,
        /// Which agent.
        agent: Name,
    },
    /// A check on a candidate of the queue.
    Check {
        /// The entry.
        entry: EntryId,
        /// The tree it runs on, as git names it.
        tree: Name,
        /// The check's name in the settings, or in the task.
        name: ShortText,
    },
}

impl Work {
    /// Gives the kind's wire name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Work::Agent { .. } => "agent",
            Work::Check { .. } => "check",
        }
    }

    const fn parent(&self) -> Uuid {
        match self {
            Work::Agent { plan, .. } => plan.uuid(),
            Work::Check { entry, .. } => entry.uuid(),
        }
    }
}

/// The identity of a process across restarts: a pid alone may be somebody else's by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// Which boot of the machine.
    pub boot_id: Name,
}

/// A run's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// All starts of it.
    pub lineage: LineageId,
    /// Which start this is, from 1.
    pub incarnation: u32,
    /// The request it belongs to.
    pub request: RequestId,
    /// What it works at.
    pub work: Work,
    /// The blob with its assignment, or its command.
    pub spec: Digest,
    /// Where it stands.
    pub status: Status,
    /// Its process, where it has one of its own.
    pub process: Option<Process>,
    /// The exit status of its process.
    pub exit_code: Option<i32>,
    /// Why it ended as it did.
    pub reason: Option<ShortText>,
    /// The blob with what it handed in, or the end of its output.
    pub result: Option<Digest>,
    /// When it was decided on.
    pub created_at: Time,
    /// When it began.
    pub began_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The exit status of its process.
    pub exit_code: Option<i32>,
    /// Why, in one line; none when all is well.
    pub reason: Option<ShortText>,
    /// The blob with what it handed in, or the end of its output.
    pub result: Option<Digest>,
}

/// What a run can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Command {
    /// Decides on it, before anything starts.
    Start {
        /// Its id.
        id: RunId,
        /// All starts of it.
        lineage: LineageId,
        /// Which start this is, from 1.
        incarnation: u32,
        /// The request it belongs to.
        request: RequestId,
        /// What it works at.
        work: Work,
        /// The blob with its assignment or command.
        spec: Digest,
    },
    /// Notes its process.
    Begin {
        /// None for work inside the engine.
        process: Option<Process>,
    },
    /// Ends it with success.
    Finish(Ending),
    /// Ends it without.
    Fail(Ending),
    /// Notes that we ended it.
    Kill(Ending),
    /// Notes that it was lost with its engine.
    Lose {
        /// How that was found.
        reason: ShortText,
    },
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was decided on.
    #[serde(rename = "run.started")]
    Started {
        /// Its id.
        id: RunId,
        /// All starts of it.
        lineage: LineageId,
        /// Which start this is.
        incarnation: u32,
        /// The request it belongs to.
        request: RequestId,
        /// What it works at.
        work: Work,
        /// The blob with its assignment or command.
        spec: Digest,
    },
    /// It is at work.
    #[serde(rename = "run.began")]
    Began {
        /// Its process.
        process: Option<Process>,
    },
    /// It ended with success.
    #[serde(rename = "run.finished")]
    Finished(Ending),
    /// It ended without.
    #[serde(rename = "run.failed")]
    Failed(Ending),
    /// We ended it.
    #[serde(rename = "run.killed")]
    Killed(Ending),
    /// It was lost.
    #[serde(rename = "run.lost")]
    Lost {
        /// How that was found.
        reason: ShortText,
    },
}

impl Machine for Run {
    type Id = RunId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Run;

    fn decide(state: Option<&Self>, command: &Command, _: &Stamp) -> Result<Vec<Event>, Refusal> {
        let status = match (state, command) {
            (
                None,
                Command::Start {
                    id,
                    lineage,
                    incarnation,
                    request,
                    work,
                    spec,
                },
            ) => {
                if *incarnation == 0 {
                    return Err(Refusal::Inconsistent("incarnations are counted from 1"));
                }
                return Ok(vec![Event::Started {
                    id: *id,
                    lineage: *lineage,
                    incarnation: *incarnation,
                    request: *request,
                    work: work.clone(),
                    spec: *spec,
                }]);
            }
            (None, _) => return Err(Refusal::Missing(Noun::Run)),
            (Some(run), _) => run.status,
        };
        let (verb, event) = match command {
            Command::Start { .. } => return Err(Refusal::Exists(Noun::Run)),
            Command::Begin { process } => (
                Verb::Begin,
                Event::Began {
                    process: process.clone(),
                },
            ),
            Command::Finish(ending) => (Verb::Finish, Event::Finished(ending.clone())),
            Command::Fail(ending) => (Verb::Fail, Event::Failed(ending.clone())),
            Command::Kill(ending) => (Verb::Kill, Event::Killed(ending.clone())),
            Command::Lose { reason } => (
                Verb::Lose,
                Event::Lost {
                    reason: reason.clone(),
                },
            ),
        };
        lead(status, verb)?;
        Ok(vec![event])
    }

    fn apply(state: Option<Self>, event: &Event, stamp: &Stamp) -> Result<Self, Corrupt> {
        let mut run = match (state, event) {
            (
                None,
                Event::Started {
                    id,
                    lineage,
                    incarnation,
                    request,
                    work,
                    spec,
                },
            ) => {
                return Ok(Self {
                    id: *id,
                    lineage: *lineage,
                    incarnation: *incarnation,
                    request: *request,
                    work: work.clone(),
                    spec: *spec,
                    status: Status::Starting,
                    process: None,
                    exit_code: None,
                    reason: None,
                    result: None,
                    created_at: stamp.time,
                    began_at: None,
                    ended_at: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Run, false)),
            (Some(run), _) => run,
        };
        let mut end = |ending: &Ending| {
            run.exit_code = ending.exit_code;
            run.reason.clone_from(&ending.reason);
            run.result = ending.result;
            run.ended_at = Some(stamp.time);
        };
        let verb = match event {
            Event::Started { .. } => return Err(out_of_order(Noun::Run, true)),
            Event::Began { process } => {
                run.process.clone_from(process);
                run.began_at = Some(stamp.time);
                Verb::Begin
            }
            Event::Finished(ending) => {
                end(ending);
                Verb::Finish
            }
            Event::Failed(ending) => {
                end(ending);
                Verb::Fail
            }
            Event::Killed(ending) => {
                end(ending);
                Verb::Kill
            }
            Event::Lost { reason } => {
                run.reason = Some(reason.clone());
                run.ended_at = Some(stamp.time);
                Verb::Lose
            }
        };
        run.status = lead(run.status, verb).map_err(damaged(Noun::Run))?;
        Ok(run)
    }

    fn row(&self) -> Row {
        let mut blobs = vec![self.spec];
        blobs.extend(self.result);
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: Some(self.request),
            run: Some(self.id),
            parent: Some(self.work.parent()),
            blobs,
            ..Row::default()
        }
    }
}
