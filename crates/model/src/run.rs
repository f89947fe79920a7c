//! A run: one supervised piece of work.

use serde::{Deserialize, Serialize};

use crate::machine::{Corrupt, Machine, Noun, Refusal, Row, Stamp, damaged, moves, out_of_order};
use crate::{
    Actor, ApprovalId, Digest, EntryId, GrantId, LineageId, Name, PlanId, RequestId, RunId,
    ShortText, Time, Uuid,
};

moves! {
    noun Noun::Run;
    states {
        /// Decided on; no process yet.
        Starting = "starting" open;
        /// At work.
        Running = "running" open;
        /// Its processes stand still until somebody has them go on.
        Paused = "paused" open;
        /// No sign of life for too long.
        Stalled = "stalled" open;
        /// Waits for a decision without a process: before its first one, or because that left and another start goes on from there.
        Parked = "parked" open;
        /// It was taken out of our sight, and may be at work still: a person decides.
        Uncertain = "uncertain" open;
        /// Ended, with success.
        Finished = "finished" closed;
        /// Ended, without success.
        Failed = "failed" closed;
        /// Ended by us: a limit or a person.
        Killed = "killed" closed;
        /// Nobody knows how it went; what was left of it was ended.
        Lost = "lost" closed;
    }
    verbs {
        Hold = "be held": [Starting] => Parked;
        Allow = "be allowed": [Starting Parked] => Starting;
        Begin = "begin": [Starting] => Running;
        Pause = "be paused": [Running Stalled] => Paused;
        Resume = "be resumed": [Paused] => Running;
        Stall = "stall": [Running] => Stalled;
        Recover = "recover": [Stalled] => Running;
        Park = "be parked": [Starting Running Paused Stalled] => Parked;
        Continue = "be continued": [Parked] => Finished;
        Doubt = "become uncertain": [Starting Running Paused Stalled] => Uncertain;
        Stop = "be asked to stop": [Starting] => Starting, [Running] => Running, [Paused] => Paused, [Stalled] => Stalled,
            [Parked] => Parked, [Uncertain] => Uncertain;
        Finish = "finish": [Starting Running Paused Stalled Uncertain] => Finished;
        Fail = "fail": [Starting Running Paused Stalled Uncertain] => Failed;
        Kill = "be killed": [Starting Running Paused Stalled Parked Uncertain] => Killed;
        Lose = "be lost": [Starting Running Paused Stalled Parked Uncertain] => Lost;
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
    /// A command that somebody runs under supervision; the blob of its spec has its title.
    Command {
        /// The program's name.
        name: ShortText,
        /// Who asked for it.
        asked_by: Actor,
        /// The blob with its arguments and its environment: what another start of it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        launch: Option<Digest>,
    },
    /// A program that a tool's call runs, and that ends with the call; the blob of its spec has its title.
    Tool {
        /// The tool.
        tool: ShortText,
        /// Who called it.
        asked_by: Actor,
    },
}

impl Work {
    /// Gives the kind's wire name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Work::Agent { .. } => "agent",
            Work::Check { .. } => "check",
            Work::Command { .. } => "command",
            Work::Tool { .. } => "tool",
        }
    }

    const fn launch(&self) -> Option<Digest> {
        match self {
            Work::Command { launch, .. } => *launch,
            Work::Agent { .. } | Work::Check { .. } | Work::Tool { .. } => None,
        }
    }

    const fn parent(&self) -> Option<Uuid> {
        match self {
            Work::Agent { plan, .. } => Some(plan.uuid()),
            Work::Check { entry, .. } => Some(entry.uuid()),
            Work::Command { .. } | Work::Tool { .. } => None,
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

/// What a run's processes used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all of them.
    pub cpu_ms: u64,
    /// Their highest memory.
    pub memory_peak_kb: u64,
    /// Bytes read from disks.
    pub read_bytes: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
    /// From start to end, by a clock that nobody sets.
    pub wall_ms: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// How many of those were not kept.
    pub dropped_bytes: u64,
}

/// What kept a run's processes from the rest of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// How much: `full`, `partial`, `off`.
    pub level: Name,
    /// What they reached: `off`, `gateway`, `listed`, `on`.
    pub network: Name,
    /// The blob that lists the layers, and what was missing.
    pub detail: Digest,
}

/// Who asked for a run's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Time,
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
    /// The request it belongs to; none for a command that somebody runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
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
    /// Who asked for its end, while it goes on and afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// What it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What kept it from the rest of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confinement: Option<Confinement>,
    /// The questions that it left unanswered behind, where it was parked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<ApprovalId>,
    /// What a command came to that somebody other than a person wanted; none of other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// What allowed a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Ground {
    /// The sandbox holds whatever it does.
    Sandbox,
    /// It only looks, or a rule of the settings allows it.
    ReadOnly,
    /// A person agreed to its shape beforehand.
    Grant {
        /// The grant.
        grant: GrantId,
    },
    /// A person agreed to it.
    Approval {
        /// The approval.
        approval: ApprovalId,
    },
}

impl Ground {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Ground::Sandbox => "sandbox",
            Ground::ReadOnly => "read_only",
            Ground::Grant { .. } => "grant",
            Ground::Approval { .. } => "approval",
        }
    }
}

/// Whether a judged command may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Judged {
    /// Not before somebody agreed.
    Held,
    /// It may, on this ground.
    Allowed(Ground),
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The exit status of its process.
    pub exit_code: Option<i32>,
    /// Why, in one line; none when all is well.
    pub reason: Option<ShortText>,
    /// The blob with what it handed in, or the end of its output.
    pub result: Option<Digest>,
    /// What it used; none for work inside the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What kept it from the rest of the machine; none for work inside the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confinement: Option<Confinement>,
    /// When it ended, where that was not just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// The questions that it left unanswered behind, where it was parked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<ApprovalId>,
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
        request: Option<RequestId>,
        /// What it works at.
        work: Work,
        /// The blob with its assignment or command.
        spec: Digest,
    },
    /// Has it wait for a decision before its first process.
    Hold,
    /// Lets its first process start.
    Allow(Ground),
    /// Notes its process.
    Begin {
        /// None for work inside the engine.
        process: Option<Process>,
    },
    /// Has its processes stand still.
    Pause,
    /// Has them go on.
    Resume,
    /// Notes that it shows no sign of life.
    Stall {
        /// When the last one was seen.
        last_seen: Time,
    },
    /// Notes that it does again.
    Recover,
    /// Notes that it left to wait for a decision.
    Park(Ending),
    /// Notes the start that goes on from there.
    Continue {
        /// Which run that is.
        by: RunId,
    },
    /// Notes that it was taken out of our sight.
    Doubt {
        /// How.
        reason: ShortText,
    },
    /// Asks for its end; how it ended is noted when it has.
    Stop,
    /// Ends it with success.
    Finish(Ending),
    /// Ends it without.
    Fail(Ending),
    /// Notes that we ended it.
    Kill(Ending),
    /// Notes that nobody knows how it went.
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<RequestId>,
        /// What it works at.
        work: Work,
        /// The blob with its assignment or command.
        spec: Digest,
    },
    /// It waits for a decision before its first process.
    #[serde(rename = "run.held")]
    Held {},
    /// Its first process may start.
    #[serde(rename = "run.allowed")]
    Allowed(Ground),
    /// It is at work.
    #[serde(rename = "run.began")]
    Began {
        /// Its process.
        process: Option<Process>,
    },
    /// Its processes stand still.
    #[serde(rename = "run.paused")]
    Paused {},
    /// They go on.
    #[serde(rename = "run.resumed")]
    Resumed {},
    /// It shows no sign of life.
    #[serde(rename = "run.stalled")]
    Stalled {
        /// When the last one was seen.
        last_seen: Time,
    },
    /// It does again.
    #[serde(rename = "run.recovered")]
    Recovered {},
    /// It left to wait for a decision.
    #[serde(rename = "run.parked")]
    Parked(Ending),
    /// Another start goes on from there.
    #[serde(rename = "run.continued")]
    Continued {
        /// Which run that is.
        by: RunId,
    },
    /// It was taken out of our sight.
    #[serde(rename = "run.uncertain")]
    Doubted {
        /// How.
        reason: ShortText,
    },
    /// Somebody asked for its end.
    #[serde(rename = "run.stop_requested")]
    StopRequested {},
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

impl Run {
    fn note(&mut self, ending: &Ending) {
        self.exit_code = ending.exit_code;
        self.reason.clone_from(&ending.reason);
        self.result = ending.result;
        self.usage = ending.usage;
        self.confinement.clone_from(&ending.confinement);
        self.waits_for.clone_from(&ending.waits_for);
    }

    fn end(&mut self, ending: &Ending, stamp: &Stamp) {
        self.note(ending);
        self.ended_at = Some(ending.ended_at.unwrap_or(stamp.time));
    }
}

impl Machine for Run {
    type Id = RunId;
    type Command = Command;
    type Event = Event;
    const NOUN: Noun = Noun::Run;

    fn decide(state: Option<&Self>, command: &Command, _: &Stamp) -> Result<Vec<Event>, Refusal> {
        let run = match (state, command) {
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
            (Some(run), _) => run,
        };
        let (verb, event) = match command {
            Command::Start { .. } => return Err(Refusal::Exists(Noun::Run)),
            Command::Hold => (Verb::Hold, Event::Held {}),
            Command::Allow(ground) => {
                lead(run.status, Verb::Allow)?;
                if run.began_at.is_some() || matches!(run.judged, Some(Judged::Allowed(_))) {
                    return Err(Refusal::Inconsistent(
                        "this run was allowed already, and each is allowed once",
                    ));
                }
                (Verb::Allow, Event::Allowed(*ground))
            }
            Command::Begin { process } => (
                Verb::Begin,
                Event::Began {
                    process: process.clone(),
                },
            ),
            Command::Pause => (Verb::Pause, Event::Paused {}),
            Command::Resume => (Verb::Resume, Event::Resumed {}),
            Command::Stall { last_seen } => (
                Verb::Stall,
                Event::Stalled {
                    last_seen: *last_seen,
                },
            ),
            Command::Recover => (Verb::Recover, Event::Recovered {}),
            Command::Park(ending) => (Verb::Park, Event::Parked(ending.clone())),
            Command::Continue { by } => (Verb::Continue, Event::Continued { by: *by }),
            Command::Doubt { reason } => (
                Verb::Doubt,
                Event::Doubted {
                    reason: reason.clone(),
                },
            ),
            Command::Stop => {
                if run.status.is_open() && run.stop.is_some() {
                    return Err(Refusal::Inconsistent("this run is being stopped already"));
                }
                (Verb::Stop, Event::StopRequested {})
            }
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
        lead(run.status, verb)?;
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
                    stop: None,
                    usage: None,
                    confinement: None,
                    waits_for: Vec::new(),
                    judged: None,
                });
            }
            (None, _) => return Err(out_of_order(Noun::Run, false)),
            (Some(run), _) => run,
        };
        let verb = match event {
            Event::Started { .. } => return Err(out_of_order(Noun::Run, true)),
            Event::Held {} => {
                run.judged = Some(Judged::Held);
                Verb::Hold
            }
            Event::Allowed(ground) => {
                run.judged = Some(Judged::Allowed(*ground));
                Verb::Allow
            }
            Event::Began { process } => {
                run.process.clone_from(process);
                run.began_at = Some(stamp.time);
                Verb::Begin
            }
            Event::Paused {} => Verb::Pause,
            Event::Resumed {} => Verb::Resume,
            Event::Stalled { .. } => Verb::Stall,
            Event::Recovered {} => Verb::Recover,
            // Its process is gone, the run is not.
            Event::Parked(ending) => {
                run.note(ending);
                Verb::Park
            }
            Event::Continued { .. } => {
                run.ended_at = Some(stamp.time);
                Verb::Continue
            }
            Event::Doubted { reason } => {
                run.reason = Some(reason.clone());
                Verb::Doubt
            }
            Event::StopRequested {} => {
                run.stop = Some(Stop {
                    by: stamp.actor.clone(),
                    at: stamp.time,
                });
                Verb::Stop
            }
            Event::Finished(ending) => {
                run.end(ending, stamp);
                Verb::Finish
            }
            Event::Failed(ending) => {
                run.end(ending, stamp);
                Verb::Fail
            }
            Event::Killed(ending) => {
                run.end(ending, stamp);
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
        blobs.extend(self.work.launch());
        blobs.extend(self.result);
        blobs.extend(self.confinement.as_ref().map(|had| had.detail));
        Row {
            status: self.status.name(),
            open: self.status.is_open(),
            request: self.request,
            run: Some(self.id),
            // Those that were parked are found by what all starts have in common.
            parent: self.work.parent().or_else(|| {
                let was_parked = !self.waits_for.is_empty();
                was_parked.then(|| self.lineage.uuid())
            }),
            blobs,
            ..Row::default()
        }
    }
}
