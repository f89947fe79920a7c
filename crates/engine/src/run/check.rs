//! Checks: commands that run on a candidate, in a lane of their own, each in a thread of its own.
//!
//! A check's process belongs to this engine. When the engine dies, the next one ends what is left
//! of the process and calls the run lost; the queue then starts another. A check only reads the
//! candidate, so running it twice does no harm.

use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_git::{Lane, LaneError};
use hyperion_host::{
    CancelFlag, Exit, Launch, Limits, Logged, ProcessMark, confine_this_thread, create_private_dir,
    kill_group, kill_marked, run_logged,
};
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan, step};
use hyperion_model::run::{self, Ending, Process, Run, Status, Work};
use hyperion_model::{Command, Name, NewBlob, RunId, ShortText};
use hyperion_sandbox::{Level, Network};
use hyperion_store::{Filter, StoreError};
use serde::{Deserialize, Serialize};

use super::{end_of, lane_of, lanes, log_path};
use crate::error::{chain, oid};
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error, Settings, repo};

/// The most bytes of a check's output that its record keeps; the log has the rest.
const TAIL_BYTES: usize = 16 * 1024;

/// How often a check looks whether its lane is free.
const LANE_LOOK: Duration = Duration::from_millis(100);

/// The signals by which people and machines end what is at work: SIGHUP, SIGINT, SIGTERM.
const HUNG_UP: [i32; 3] = [1, 2, 15];

/// By which variable the processes of a check, or of a run of a tool, are known, also after their engine died.
pub(crate) const RUN_MARK: &str = hyperion_host::RUN_VARIABLE;

/// What a check runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckSpec {
    /// Its name.
    pub(crate) name: String,
    /// Its command, for `sh -c`.
    pub(crate) command: String,
    /// How much of the machine it is kept from.
    #[serde(default = "before_sandboxes")]
    pub(crate) sandbox: Level,
    /// What it reaches.
    #[serde(default = "before_networks")]
    pub(crate) network: Network,
    /// How long it may take, where it says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_sec: Option<u64>,
}

const fn before_sandboxes() -> Level {
    Level::Off
}

const fn before_networks() -> Network {
    Network::On
}

impl CheckSpec {
    /// What a check comes to on this machine: a verdict counts for what it ran in, too.
    pub(crate) fn of(name: String, check: repo::Check, settings: &Settings) -> Self {
        Self {
            name,
            command: check.run,
            sandbox: check.sandbox.unwrap_or(settings.sandbox.checks),
            network: check.network.unwrap_or(settings.sandbox.checks_network),
            timeout_sec: check.timeout_sec,
        }
    }

    /// How long it may take.
    pub(crate) fn timeout(&self, settings: &Settings) -> Duration {
        self.timeout_sec
            .map_or(settings.check_timeout, Duration::from_secs)
    }
}

/// Starts checks, ends those that nobody wants any more, and finds lost ones.
pub(crate) struct Checks {
    name: Name,
    /// Whether it was looked for processes that a dead engine had started.
    swept: bool,
}

impl Checks {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name, swept: false }
    }

    /// Ends what a dead engine left running of these checks. Those that it had recorded are known by their pid; the
    /// others, and what left its process group, by the run's id in their environment.
    fn sweep(&mut self, open: &[Run]) {
        if self.swept {
            return;
        }
        self.swept = true;
        let runs: Vec<_> = open
            .iter()
            .filter(|run| matches!(run.work, Work::Check { .. }))
            .map(|run| run.id.to_string())
            .collect();
        if runs.is_empty() {
            return;
        }
        match kill_marked(RUN_MARK, &runs) {
            Ok(true) => {}
            Ok(false) => tracing::warn!("what is left of a dead engine's checks does not end"),
            Err(error) => {
                tracing::warn!(%error, "could not look what is left of a dead engine's checks");
            }
        }
    }

    fn start(&self, cx: &Arc<Cx>, run: &Run) -> Result<(), Error> {
        let cancel = CancelFlag::new().map_err(|source| Error::Io {
            what: "a pipe".to_owned(),
            source,
        })?;
        cx.jobs.add(run.id, cancel.clone());
        let job = Job {
            cx: Arc::clone(cx),
            run: run.clone(),
            cancel,
            name: self.name.clone(),
        };
        let started = std::thread::Builder::new()
            .name(format!("check-{}", run.id.short()))
            .spawn(move || job.work());
        if let Err(source) = started {
            cx.jobs.remove(run.id);
            return Err(Error::Io {
                what: "a thread for a check".to_owned(),
                source,
            });
        }
        Ok(())
    }

    /// Ends what is left of a process whose engine died, and says so.
    fn lose(&self, cx: &Cx, run: &Run) -> Result<(), Error> {
        if let Some(Process {
            pid,
            start_ticks,
            boot_id,
        }) = &run.process
        {
            let mark = ProcessMark {
                pid: *pid,
                start_ticks: *start_ticks,
                boot_id: boot_id.as_str().to_owned(),
            };
            if let Err(error) = kill_group(&mark) {
                tracing::warn!(run = %run.id, %error, "could not end what is left of a check");
            }
        }
        reached(Point::CheckKilled);
        let reason = ShortText::cut(match run.work {
            Work::Check { .. } => "the engine ended while it ran",
            Work::Agent { .. } | Work::Command { .. } => "nobody waits for it any more",
        });
        let lose = run::Command::Lose { reason };
        cx.execute(
            cx.stamp(&self.name),
            vec![Command::Run(run.id, lose)],
            vec![],
        )?;
        reached(Point::CheckLost);
        Ok(())
    }
}

impl Reconcile for Checks {
    fn name(&self) -> &'static str {
        "check"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        // Not begun over and over while nothing can be recorded: a failed pass is followed by a pause.
        if let Some(error) = cx.jobs.take_unrecorded() {
            return Err(error);
        }
        let mut worked = false;
        let active = cx.jobs.ids();
        let open = cx.store.open_rows::<Run>(&Filter::open())?.rows;
        self.sweep(&open);
        for run in open {
            match action_for(cx, &run, active.contains(&run.id))? {
                RunAction::Leave => {}
                RunAction::Cancel => cx.jobs.cancel(run.id),
                RunAction::Start => {
                    self.start(cx, &run)?;
                    worked = true;
                }
                RunAction::Lose => {
                    self.lose(cx, &run)?;
                    worked = true;
                }
            }
        }
        Ok(Progress::worked(worked))
    }
}

/// What is to be done about an open run.
pub(crate) enum RunAction {
    /// Nothing.
    Leave,
    /// Its process is ended: nobody waits for it any more.
    Cancel,
    /// A thread is started for it.
    Start,
    /// Nobody works at it any more, and nobody will.
    Lose,
}

/// Says what is to be done about an open run; `active` when it has a thread in this engine.
pub(crate) fn action_for(
    facts: &impl ReadFacts,
    run: &Run,
    active: bool,
) -> Result<RunAction, Error> {
    let entry = match run.work {
        Work::Check { entry, .. } => entry,
        Work::Command { .. } => return Ok(RunAction::Leave),
        // Work inside the engine: the plan's own reconciler carries it out, as long as its step waits for it.
        Work::Agent { plan, step, .. } => {
            let plan = facts.get::<Plan>(plan)?;
            let step = plan
                .as_ref()
                .filter(|plan| plan.status == plan::Status::Active)
                .and_then(|plan| plan.step(step));
            let waits = step.is_some_and(|step| {
                step.status == step::Status::InProgress
                    && step.run == Some(run.id)
                    && step.change_set.is_none()
            });
            return Ok(if waits {
                RunAction::Leave
            } else {
                RunAction::Lose
            });
        }
    };
    let wanted = facts
        .get::<Entry>(entry)?
        .is_some_and(|entry| entry.status == entry::Status::Checking);
    Ok(match (active, run.status, wanted) {
        (true, _, false) => RunAction::Cancel,
        (true, _, true) => RunAction::Leave,
        (false, Status::Starting, true) => RunAction::Start,
        (
            false,
            Status::Starting
            | Status::Running
            | Status::Paused
            | Status::Stalled
            | Status::Parked
            | Status::Uncertain
            | Status::Finished
            | Status::Failed
            | Status::Killed
            | Status::Lost,
            _,
        ) => RunAction::Lose,
    })
}

/// One check at work.
struct Job {
    cx: Arc<Cx>,
    run: Run,
    cancel: CancelFlag,
    name: Name,
}

impl Job {
    fn work(self) {
        let id = self.run.id;
        match self.check() {
            Ok(ended) => {
                reached(Point::CheckEnded);
                let (command, blobs) = ended.into_command();
                self.commit(command, blobs);
                reached(Point::CheckRecorded);
            }
            // Not the check's verdict but our own failure to run it.
            Err(error) => {
                let reason = ShortText::cut(&chain(&error));
                self.commit(run::Command::Lose { reason }, vec![]);
            }
        }
        self.cx.jobs.remove(id);
    }

    fn commit(&self, command: run::Command, blobs: Vec<NewBlob>) {
        let stamp = self.cx.stamp(&self.name);
        let id: RunId = self.run.id;
        if let Err(error) = self
            .cx
            .execute(stamp, vec![Command::Run(id, command)], blobs)
        {
            // The reconciler says so, and then finds the run without a thread.
            tracing::error!(run = %id, %error, "could not record how a check went");
            // A refusal is an answer: somebody else said what became of it.
            if !matches!(error, Error::Store(StoreError::Refused { .. })) {
                self.cx.jobs.note_unrecorded(error);
            }
        }
    }

    fn check(&self) -> Result<Ended, Error> {
        let cx = &self.cx;
        let Work::Check { entry, .. } = self.run.work else {
            return Err(Error::Missing(format!(
                "the entry that run {} checks",
                self.run.id
            )));
        };
        let spec: CheckSpec = cx.require_json(self.run.spec)?;
        let entry = cx
            .store
            .get::<Entry>(entry)?
            .ok_or_else(|| Error::Missing(format!("queue entry {entry}")))?;
        let candidate = entry
            .candidate
            .ok_or_else(|| Error::Missing(format!("the candidate of queue entry {}", entry.id)))?;
        let opened = cx.repos.open(cx, entry.admission.repo)?;
        // What a change brings along may run, but never decide anything. That begins with the lane: an earlier check could
        // reach what git reads there. This thread starts nothing else.
        confine_this_thread().map_err(|source| Error::Io {
            what: "no-new-privileges".to_owned(),
            source,
        })?;
        let lanes = lanes(cx, &opened);
        create_private_dir(&lanes).map_err(|source| Error::Io {
            what: lanes.display().to_string(),
            source,
        })?;
        let slot = lane_of(&opened, &entry.admission.branch);
        let commit = oid(&candidate.commit)?;
        let lane = loop {
            match Lane::prepare(&lanes, slot, &opened.git, &commit) {
                // Of a branch that shares it, or of a check that was called off and is ending: its turn comes.
                Err(LaneError::Busy { .. }) if !self.waits_in_vain()? => {}
                prepared => break prepared?,
            }
        };
        reached(Point::LanePrepared);
        let logged = self.run_in(&lane, &spec)?;
        Ok(self.ending(&logged))
    }

    /// Waits a moment for a lane; says whether the check was called off meanwhile.
    fn waits_in_vain(&self) -> Result<bool, Error> {
        let waited = self.cancel.wait(LANE_LOOK);
        waited.map_err(|source| Error::Io {
            what: "a pipe".to_owned(),
            source,
        })
    }

    fn run_in(&self, lane: &Lane, spec: &CheckSpec) -> Result<Logged, Error> {
        let cx = &self.cx;
        let log = log_path(cx, self.run.id);
        let folder = log.parent().unwrap_or(&log);
        create_private_dir(folder).map_err(|source| Error::Io {
            what: folder.display().to_string(),
            source,
        })?;
        let mut launch = Launch::new("/bin/sh", lane.path()).args(["-c", spec.command.as_str()]);
        for (name, value) in &cx.settings.check_environment {
            launch = launch.env(name, value);
        }
        launch = launch
            .env(RUN_MARK, self.run.id.to_string())
            .env("CI", "true");
        let limits = Limits {
            wall: spec.timeout(&cx.settings),
            output_max: cx.settings.log_max_bytes,
        };
        let began = |mark: &ProcessMark| {
            reached(Point::CheckSpawned);
            let boot_id = Name::new(mark.boot_id.as_str()).unwrap_or_else(|_| cx.boot_id.clone());
            let process = Process {
                pid: mark.pid,
                start_ticks: mark.start_ticks,
                boot_id,
            };
            self.commit(
                run::Command::Begin {
                    process: Some(process),
                },
                vec![],
            );
            reached(Point::CheckBegun);
        };
        Ok(run_logged(&launch, &limits, &log, &self.cancel, began)?)
    }

    fn ending(&self, logged: &Logged) -> Ended {
        let seconds = self.cx.settings.check_timeout.as_secs();
        let (kind, exit_code, reason) = match logged.exit {
            Exit::Code(0) => (Kind::Finish, Some(0), None),
            Exit::Code(code) => (
                Kind::Fail,
                Some(code),
                Some(format!("it exited with {code}")),
            ),
            // Somebody hung up on it (Ctrl-C on the engine's terminal, a shutdown): that says nothing of the change.
            Exit::Signal(signal) if HUNG_UP.contains(&signal) => (
                Kind::Lose,
                None,
                Some(format!("signal {signal} ended it from outside")),
            ),
            Exit::Signal(signal) => (Kind::Fail, None, Some(format!("signal {signal} ended it"))),
            Exit::TimedOut => (
                Kind::Kill,
                None,
                Some(format!(
                    "it took longer than {seconds} s (setting checks.timeout_sec)"
                )),
            ),
            Exit::Cancelled => (
                Kind::Lose,
                None,
                Some("nobody waits for it any more".to_owned()),
            ),
        };
        // The log has it as it was written.
        let tail = end_of(&self.cx.redactor, &logged.tail, TAIL_BYTES);
        let blob = NewBlob::new(tail.as_bytes());
        Ended {
            kind,
            exit_code,
            reason: reason.as_deref().map(ShortText::cut),
            blob,
        }
    }
}

enum Kind {
    Finish,
    Fail,
    Kill,
    Lose,
}

struct Ended {
    kind: Kind,
    exit_code: Option<i32>,
    reason: Option<ShortText>,
    blob: NewBlob,
}

impl Ended {
    fn into_command(self) -> (run::Command, Vec<NewBlob>) {
        let Self {
            kind,
            exit_code,
            reason,
            blob,
        } = self;
        let ending = Ending {
            exit_code,
            reason,
            result: Some(blob.digest),
            ..Ending::default()
        };
        match kind {
            Kind::Finish => (run::Command::Finish(ending), vec![blob]),
            Kind::Fail => (run::Command::Fail(ending), vec![blob]),
            Kind::Kill => (run::Command::Kill(ending), vec![blob]),
            Kind::Lose => {
                let reason = ending
                    .reason
                    .unwrap_or_else(|| ShortText::cut("it was lost"));
                (run::Command::Lose { reason }, vec![])
            }
        }
    }
}
