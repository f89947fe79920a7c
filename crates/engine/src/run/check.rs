//! Checks: commands that run on a candidate, in a lane of their own.
//!
//! A thread brings the lane to the candidate and starts the check's shim. From then on the supervisor watches it, and it needs no
//! engine: one that outlives its engine is watched by the next one, which takes the lane again before it prepares any.

use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_git::{Lane, LaneError};
use hyperion_host::{CancelFlag, confine_this_thread, create_private_dir};
use hyperion_model::entry::Entry;
use hyperion_model::run::{self, Run, Work};
use hyperion_model::{Command, Digest, Name, ShortText};
use hyperion_sandbox::{Level, Network};
use hyperion_shim::{
    HeartbeatFrom, Private, Spec, StartError, Stdin, VERSION, read_spec, start_with,
    write_public_spec,
};
use hyperion_store::StoreError;
use serde::{Deserialize, Serialize};

use super::sandbox::{Place, limits_for, sandbox_for};
use super::supervise::Watched;
use super::{folder_of, give_channels, lane_of, lanes};
use crate::error::{chain, oid};
use crate::{Cx, Error, Settings, repo};

/// How often a check looks whether its lane is free.
const LANE_LOOK: Duration = Duration::from_millis(100);

/// How long a check has to end after SIGTERM before it is killed.
const GRACE_MS: u64 = 1000;

/// By which variable the processes of a run are known, also after their engine died.
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
    /// What it finds of tool chains; none in trials, and in records of the time before that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tool_chain: Option<Digest>,
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
            tool_chain: None,
        }
    }

    /// The same, whatever it runs with.
    pub(crate) fn with_any_tool_chain(self) -> Self {
        Self {
            tool_chain: None,
            ..self
        }
    }

    /// How long it may take.
    pub(crate) fn timeout(&self, settings: &Settings) -> Duration {
        self.timeout_sec
            .map_or(settings.check_timeout, Duration::from_secs)
    }
}

/// Prepares a check and starts it, in a thread of its own.
pub(super) fn begin(cx: &Arc<Cx>, part: &Name, run: &Run) -> Result<(), Error> {
    let cancel = CancelFlag::new().map_err(|source| Error::Io {
        what: "a pipe".to_owned(),
        source,
    })?;
    cx.jobs.add(run.id, cancel.clone());
    let job = Job {
        cx: Arc::clone(cx),
        run: run.clone(),
        cancel,
        part: part.clone(),
    };
    let started = std::thread::Builder::new()
        .name(format!("check-{}", run.id.short()))
        .spawn(move || job.work());
    started.map(drop).map_err(|source| {
        cx.jobs.remove(run.id);
        Error::Io {
            what: "a thread for a check".to_owned(),
            source,
        }
    })
}

/// Takes the lane of a check again that outlived its engine; none where another one has it, which shares it then.
pub(super) fn retake_lane(cx: &Cx, run: &Run) -> Result<Option<Lane>, Error> {
    let Some(entry) = entry_of(cx, run)? else {
        return Ok(None);
    };
    let Some(candidate) = &entry.candidate else {
        return Ok(None);
    };
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let slot = lane_of(&opened, &entry.admission.branch);
    match Lane::retake(&lanes(cx, &opened), slot, &oid(&candidate.commit)?) {
        Ok(lane) => Ok(Some(lane)),
        Err(LaneError::Busy { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn entry_of(cx: &Cx, run: &Run) -> Result<Option<Entry>, Error> {
    match run.work {
        Work::Check { entry, .. } => Ok(cx.store.get::<Entry>(entry)?),
        Work::Agent { .. } | Work::Command { .. } | Work::Tool { .. } => Ok(None),
    }
}

/// One check on its way.
struct Job {
    cx: Arc<Cx>,
    run: Run,
    cancel: CancelFlag,
    part: Name,
}

impl Job {
    fn work(self) {
        let watched = match self.start() {
            Ok(Some(watched)) => self.cx.supervisor.watch(&self.cx, watched),
            // Called off; the reconciler says what becomes of it, or the next engine starts it.
            Ok(None) => {
                self.cx.jobs.remove(self.run.id);
                return;
            }
            Err(error) => Err(error),
        };
        // Not the check's verdict but our own failure to run it.
        if let Err(error) = watched {
            let reason = ShortText::cut(&chain(&error));
            self.lose(reason);
            self.cx.jobs.remove(self.run.id);
        }
    }

    fn lose(&self, reason: ShortText) {
        let lose = Command::Run(self.run.id, run::Command::Lose { reason });
        match self
            .cx
            .execute(self.cx.stamp(&self.part), vec![lose], vec![])
        {
            // A refusal is an answer: somebody else said what became of it.
            Ok(_) | Err(Error::Store(StoreError::Refused { .. })) => {}
            // The reconciler says so, and then finds the run without a thread.
            Err(error) => {
                tracing::error!(run = %self.run.id, %error, "could not record that a check was lost");
                self.cx.jobs.note_unrecorded(error);
            }
        }
    }

    /// Starts the check; none when it was called off before.
    fn start(&self) -> Result<Option<Watched>, Error> {
        let cx = &self.cx;
        let check: CheckSpec = cx.require_json(self.run.spec)?;
        let Some(lane) = self.prepare()? else {
            return Ok(None);
        };
        reached(Point::LanePrepared);
        if self.cancel.is_cancelled() {
            return Ok(None);
        }
        let folder = folder_of(cx, self.run.id);
        let failed = |source| Error::Io {
            what: folder.display().to_string(),
            source,
        };
        let spec = self.spec(&check, &lane)?;
        match write_public_spec(&folder, &spec) {
            Ok(()) => {}
            // Of an engine that died right after.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(failed(source)),
        }
        match start_with(&cx.settings.shim_program, &folder, &Private::of(&spec)) {
            // Started by an engine that died right after: there is one shim, whoever started it.
            Ok(_) | Err(StartError::StartedBefore { .. }) => {}
            Err(error) => return Err(Error::Missing(chain(&error))),
        }
        reached(Point::CheckStarted);
        let spec = read_spec(&folder).map_err(failed)?;
        let watched = Watched::attach(cx, &self.part, &self.run, &folder, &spec, Some(lane));
        match watched {
            Ok(watched) => Ok(Some(watched)),
            // It is over already, or does not answer: the reconciler looks into its folder.
            Err(error) => {
                tracing::debug!(run = %self.run.id, %error, "a check could not be watched at once");
                Ok(None)
            }
        }
    }

    fn spec(&self, check: &CheckSpec, lane: &Lane) -> Result<Spec, Error> {
        let cx = &self.cx;
        let entry = entry_of(cx, &self.run)?
            .ok_or_else(|| Error::Missing(format!("the entry that run {} checks", self.run.id)))?;
        let git_dir = cx.repos.open(cx, entry.admission.repo)?.git.git_dir();
        let given = sandbox_for(
            cx,
            &Place {
                folder: lane.path(),
                is_persons: false,
                objects: Some(&git_dir),
                owner: self.run.id.uuid(),
                level: check.sandbox,
                network: check.network,
            },
        )?;
        let mut env = given.environment;
        env.push(("CI".to_owned(), "true".to_owned()));
        let mut spec = Spec {
            version: VERSION,
            run: self.run.id.to_string(),
            lineage: None,
            token: None,
            argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), check.command.clone()],
            cwd: lane.path().to_path_buf(),
            env,
            umask: None,
            stdin: Stdin::Null,
            terminal: None,
            sandbox: given.sandbox,
            limits: limits_for(cx, Some(check.timeout(&cx.settings))),
            background: true,
            heartbeat: HeartbeatFrom::Nobody,
            grace_ms: GRACE_MS,
            channels: Vec::new(),
            channel_socket: None,
        };
        give_channels(cx, &mut spec)?;
        Ok(spec)
    }

    /// Brings a lane to the candidate; none when the check was called off while it waited for one.
    fn prepare(&self) -> Result<Option<Lane>, Error> {
        // What a change brings along may run, but never decide anything. That begins with the lane: an earlier check could
        // reach what git reads there. The thread that may gain no privileges does nothing else: a shim that it started would take
        // clients that may not, either.
        std::thread::scope(|scope| {
            let prepared = std::thread::Builder::new()
                .name(format!("lane-{}", self.run.id.short()))
                .spawn_scoped(scope, || self.prepare_confined());
            let prepared = prepared.map_err(|source| Error::Io {
                what: "a thread for a lane".to_owned(),
                source,
            })?;
            let panicked = || Error::Missing("the end of a thread that prepares a lane".to_owned());
            prepared.join().map_err(|_| panicked())?
        })
    }

    fn prepare_confined(&self) -> Result<Option<Lane>, Error> {
        let cx = &self.cx;
        confine_this_thread().map_err(|source| Error::Io {
            what: "no-new-privileges".to_owned(),
            source,
        })?;
        let entry = entry_of(cx, &self.run)?
            .ok_or_else(|| Error::Missing(format!("the entry that run {} checks", self.run.id)))?;
        let candidate = entry
            .candidate
            .ok_or_else(|| Error::Missing(format!("the candidate of queue entry {}", entry.id)))?;
        let opened = cx.repos.open(cx, entry.admission.repo)?;
        let lanes = lanes(cx, &opened);
        create_private_dir(&lanes).map_err(|source| Error::Io {
            what: lanes.display().to_string(),
            source,
        })?;
        let slot = lane_of(&opened, &entry.admission.branch);
        let commit = oid(&candidate.commit)?;
        loop {
            match Lane::prepare(&lanes, slot, &opened.git, &commit) {
                // Of a branch that shares it, or of a check that was called off and is ending: its turn comes.
                Err(LaneError::Busy { .. }) => {
                    let waited = self.cancel.wait(LANE_LOOK);
                    let called_off = waited.map_err(|source| Error::Io {
                        what: "a pipe".to_owned(),
                        source,
                    })?;
                    if called_off {
                        return Ok(None);
                    }
                }
                prepared => return Ok(Some(prepared?)),
            }
        }
    }
}
