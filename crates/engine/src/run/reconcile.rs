//! Looks after every open run: starts it, watches it again after a restart, records how it ended.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_host::kill_marked;
use hyperion_model::entry::{self, Entry};
use hyperion_model::plan::{self, Plan, step};
use hyperion_model::run::{self, Ground, Judged, Run, Status, Work};
use hyperion_model::{Command, Name, NewBlob, RunId, ShortText};
use hyperion_shim::{AttachError, Ended, Found, Private, Spec, look, read_spec, write_spec};
use hyperion_store::{Filter, StoreError};

use super::check::{self, CheckSpec, RUN_MARK, retake_lane};
use super::ending::{self, Verdict};
use super::jobs::Asked;
use super::park::{self, Left as Questions, RESUMES_MAX};
use super::sandbox::remove_home;
use super::supervise::Watched;
use super::{end_of, folder_of, let_speak, spooled};
use crate::read_facts::ReadFacts;
use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error, OnOrphan, OnStall, command};

/// The most bytes of a run's output that its record keeps; the spool has the rest.
const TAIL_BYTES: usize = 16 * 1024;
/// How often is looked for the shim of a command, which whoever asked for it starts.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long that may take.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a run waits that is started again for the first time; each further time it is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// Starts runs, watches them again, and records how they ended.
pub(crate) struct Runs {
    part: Name,
    /// Whether those that outlived an earlier engine were found.
    has_adopted: bool,
    /// Since when this engine has waited for the start of a run, by a clock that nobody sets.
    waiting: HashMap<RunId, Duration>,
}

impl Runs {
    pub(crate) fn new(part: Name) -> Self {
        Self {
            part,
            has_adopted: false,
            waiting: HashMap::new(),
        }
    }

    fn carry_out(&self, cx: &Arc<Cx>, run: &Run, action: RunAction) -> Result<bool, Error> {
        match action {
            RunAction::Leave | RunAction::LookAgain => return Ok(false),
            RunAction::Ask(asked) => {
                if cx.jobs.ask(run.id, asked) {
                    cx.supervisor.ask(run.id, asked);
                }
                return Ok(false);
            }
            RunAction::Start => match run.work {
                Work::Check { .. } => check::begin(cx, &self.part, run)?,
                Work::Agent { .. } | Work::Command { .. } | Work::Tool { .. } => match run.judged {
                    Some(Judged::Allowed(ground)) => return self.begin_judged(cx, run, ground),
                    Some(Judged::Held) | None => return self.start_again(cx, run),
                },
            },
            RunAction::Adopt => return self.adopt(cx, run),
            RunAction::Resume => return self.resume(cx, run),
            RunAction::End(reason) => {
                let ending = run::Ending {
                    exit_code: run.exit_code,
                    reason: Some(ShortText::cut(&reason)),
                    result: run.result,
                    usage: run.usage,
                    confinement: run.confinement.clone(),
                    ..run::Ending::default()
                };
                let mut commands = vec![Command::Run(run.id, run::Command::Kill(ending))];
                commands.extend(park::withdraw_questions(cx, run)?);
                self.commit_all(cx, commands, vec![])?;
            }
            RunAction::Record(ended) => self.record(cx, run, &ended)?,
            RunAction::Kill(_) | RunAction::Abandon(_) if !withdraw(cx, run)? => return Ok(false),
            RunAction::Abandon(reason) => self.lose(cx, run, &reason)?,
            RunAction::Kill(reason) => {
                let ending = run::Ending {
                    reason: Some(ShortText::cut(&reason)),
                    ..run::Ending::default()
                };
                self.commit(cx, vec![(run.id, run::Command::Kill(ending))], vec![])?;
            }
            RunAction::Lose(reason) => self.lose(cx, run, &reason)?,
        }
        Ok(true)
    }

    fn commit(
        &self,
        cx: &Cx,
        commands: Vec<(RunId, run::Command)>,
        blobs: Vec<NewBlob>,
    ) -> Result<(), Error> {
        let commands = commands
            .into_iter()
            .map(|(id, command)| Command::Run(id, command));
        self.commit_all(cx, commands.collect(), blobs)
    }

    fn commit_all(
        &self,
        cx: &Cx,
        commands: Vec<Command>,
        blobs: Vec<NewBlob>,
    ) -> Result<(), Error> {
        match cx.execute(cx.stamp(&self.part), commands, blobs) {
            // A refusal is an answer: somebody else said what became of the run.
            Ok(_) | Err(Error::Store(StoreError::Refused { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Starts a command that was judged and may run.
    fn begin_judged(&self, cx: &Arc<Cx>, run: &Run, ground: Ground) -> Result<bool, Error> {
        match command::begin(cx, run, ground)? {
            command::Begun::Started => self.adopt(cx, run),
            command::Begun::Refused(why) => {
                let ending = run::Ending {
                    reason: Some(ShortText::cut(&why)),
                    ..run::Ending::default()
                };
                self.commit(cx, vec![(run.id, run::Command::Kill(ending))], vec![])?;
                Ok(true)
            }
        }
    }

    /// Has a parked run go on: what it waits for was decided.
    fn resume(&self, cx: &Arc<Cx>, run: &Run) -> Result<bool, Error> {
        let (next, start) = next_incarnation(cx, run, park::prepare)?;
        let go_on = run::Command::Continue { by: next };
        self.commit(cx, vec![(run.id, go_on), (next, start)], vec![])?;
        // Where somebody stopped it in this moment, there is none.
        match cx.store.get::<Run>(next)? {
            Some(next) => {
                self.start_again(cx, &next)?;
            }
            None => tracing::info!(run = %run.id, "a parked run was stopped before it went on"),
        }
        Ok(true)
    }

    /// Starts a further incarnation of a run, whose folder was laid out when the one before ended.
    fn start_again(&self, cx: &Arc<Cx>, run: &Run) -> Result<bool, Error> {
        let folder = folder_of(cx, run.id);
        let program = &cx.settings.shim_program;
        let launch: Option<Private> = match run.work {
            Work::Command {
                launch: Some(digest),
                ..
            } => Some(with_what_is_new(cx.require_json(digest)?, &folder)?),
            Work::Command { launch: None, .. } => None,
            Work::Agent { .. } | Work::Check { .. } | Work::Tool { .. } => None,
        };
        let started = match launch {
            Some(private) => hyperion_shim::start_with(program, &folder, &private),
            None => hyperion_shim::start(program, &folder),
        };
        match started {
            Ok(_) | Err(hyperion_shim::StartError::StartedBefore { .. }) => self.adopt(cx, run),
            Err(error) => {
                let reason = crate::error::chain(&error);
                self.lose(cx, run, &reason)?;
                Ok(true)
            }
        }
    }

    /// Watches a run whose shim lives. False when it has ended meanwhile, or does not answer yet.
    fn adopt(&self, cx: &Arc<Cx>, run: &Run) -> Result<bool, Error> {
        let folder = folder_of(cx, run.id);
        let spec = read_spec(&folder).map_err(|source| Error::Io {
            what: folder.display().to_string(),
            source,
        })?;
        let lane = match run.work {
            Work::Check { .. } => retake_lane(cx, run).unwrap_or_else(|error| {
                tracing::warn!(run = %run.id, error = crate::error::chain(&error), "could not take the lane of a check again");
                None
            }),
            Work::Agent { .. } | Work::Command { .. } | Work::Tool { .. } => None,
        };
        match Watched::attach(cx, &self.part, run, &folder, &spec, lane) {
            Ok(watched) => {
                cx.supervisor.watch(cx, watched)?;
                reached(Point::RunAdopted);
                Ok(true)
            }
            Err(AttachError::NoShim) => Ok(false),
            Err(error) => {
                tracing::warn!(run = %run.id, error = crate::error::chain(&error), "could not attach to a run's shim");
                Ok(false)
            }
        }
    }

    /// Records how a run ended.
    fn record(&self, cx: &Cx, run: &Run, ended: &Ended) -> Result<(), Error> {
        let is_check = matches!(run.work, Work::Check { .. });
        if is_check {
            reached(Point::CheckEnded);
        }
        let timeout = if is_check {
            let check: CheckSpec = cx.require_json(run.spec)?;
            let seconds = check.timeout(&cx.settings).as_secs();
            format!("{seconds} s (setting checks.timeout_sec)")
        } else {
            "it was given".to_owned()
        };
        let rules = &cx.settings.supervision;
        let mut verdict = ending::verdict(run, &ended.end, &timeout, rules);
        let questions = park::left_by(cx, run, ended)?;
        if matches!(questions, Questions::InVain) {
            verdict = Verdict::Fail(format!(
                "it was started again {RESUMES_MAX} times without a new decision, and left to wait once more"
            ));
        }
        let mut next = None;
        if let Verdict::KillStalled(why) = &mut verdict
            && rules.on_stall == OnStall::Restart
            && matches!(run.work, Work::Command { .. })
            // What was agreed to was agreed to once.
            && run.judged.is_none()
        {
            if run.incarnation > rules.max_restarts {
                why.push_str(&format!(
                    ", and was started {} times again (setting supervisor.max_restarts)",
                    run.incarnation - 1
                ));
            } else {
                next = Some(next_incarnation(cx, run, |_| {})?);
            }
        }
        let (tail, _) = spooled::tail(
            &folder_of(cx, run.id),
            TAIL_BYTES + super::BEFORE_BYTES as usize,
        )?;
        let tail = end_of(&cx.redactor, &tail, TAIL_BYTES);
        let ended_at = ending::ended_at(run, ended, cx.now());
        let (mut command, blobs) = ending::command(&verdict, ended, ended_at, &tail)?;
        if let (Questions::Waits(waits), run::Command::Fail(ending)) = (&questions, &command) {
            command = run::Command::Park(run::Ending {
                reason: None,
                waits_for: waits.clone(),
                ..ending.clone()
            });
        }
        let is_over = next.is_none() && !matches!(command, run::Command::Park(_));
        let mut commands = vec![Command::Run(run.id, command)];
        commands.extend(next.map(|(id, start)| Command::Run(id, start)));
        if is_over && !is_check {
            commands.extend(park::withdraw_questions(cx, run)?);
        }
        self.commit_all(cx, commands, blobs)?;
        cx.supervisor.release(run.id);
        if is_check {
            forget_home(cx, run);
            reached(Point::CheckRecorded);
        }
        Ok(())
    }

    /// Ends what is left of a run, and says that nobody knows how it went.
    fn lose(&self, cx: &Cx, run: &Run, reason: &str) -> Result<(), Error> {
        let is_check = matches!(run.work, Work::Check { .. });
        if !matches!(run.work, Work::Agent { .. }) {
            match kill_marked(RUN_MARK, &[run.id.to_string()]) {
                Ok(true) => {}
                Ok(false) => tracing::warn!(run = %run.id, "what is left of a run does not end"),
                Err(error) => {
                    tracing::warn!(run = %run.id, %error, "could not look what is left of a run");
                }
            }
        }
        if is_check {
            reached(Point::CheckKilled);
        }
        let mut commands = Vec::new();
        let agreed = match run.work {
            Work::Command { .. } => park::was_agreed_to(cx, run)?,
            Work::Check { .. } | Work::Agent { .. } | Work::Tool { .. } => None,
        };
        let command = match agreed.filter(|_| run.status != Status::Uncertain) {
            // It may have been doing what was agreed to.
            Some(approval) => run::Command::Doubt {
                reason: ShortText::cut(&format!(
                    "{reason}; whether it did what approval {} let it do is not known",
                    approval.id.short()
                )),
            },
            None => run::Command::Lose {
                reason: ShortText::cut(reason),
            },
        };
        commands.push(Command::Run(run.id, command));
        if !is_check {
            commands.extend(park::withdraw_questions(cx, run)?);
        }
        self.commit_all(cx, commands, vec![])?;
        cx.supervisor.release(run.id);
        if is_check {
            forget_home(cx, run);
            reached(Point::CheckLost);
        }
        Ok(())
    }
}

/// Removes the private HOME of a check that ended. What cannot be removed is left to the retention.
fn forget_home(cx: &Cx, run: &Run) {
    if let Err(error) = remove_home(cx, run.id.uuid()) {
        tracing::warn!(run = %run.id, %error, "could not remove the HOME of a check");
    }
}

/// Makes sure that nobody starts a run any more; false when somebody did.
fn withdraw(cx: &Cx, run: &Run) -> Result<bool, Error> {
    let folder = folder_of(cx, run.id);
    let failed = |source| Error::Io {
        what: folder.display().to_string(),
        source,
    };
    match std::fs::rename(folder.join("spec.json"), folder.join("withdrawn.json")) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(failed(source)),
    }
    let found = look(&folder).map_err(failed)?;
    Ok(matches!(found, Found::NotStarted | Found::Dead))
}

/// Lays out the folder of the next incarnation of a run, and says how it is begun. Nobody looks into the folder before that is committed.
fn next_incarnation(
    cx: &Cx,
    run: &Run,
    prepare: impl FnOnce(&mut Spec),
) -> Result<(RunId, run::Command), Error> {
    let id = cx.id(RunId::new);
    let (from, to) = (folder_of(cx, run.id), folder_of(cx, id));
    let failed = |source| Error::Io {
        what: to.display().to_string(),
        source,
    };
    let mut spec = read_spec(&from).map_err(failed)?;
    spec.version = hyperion_shim::VERSION;
    spec.run = id.to_string();
    spec.lineage = Some(run.lineage.to_string());
    prepare(&mut spec);
    if spec.token.is_some() {
        let_speak(&to, &mut spec)?;
    }
    write_spec(&to, &spec).map_err(failed)?;
    let start = run::Command::Start {
        id,
        lineage: run.lineage,
        incarnation: run.incarnation + 1,
        request: run.request,
        work: run.work.clone(),
        spec: run.spec,
    };
    Ok((id, start))
}

/// Adds to what a run was given at first the variables that only this incarnation has.
fn with_what_is_new(mut private: Private, folder: &Path) -> Result<Private, Error> {
    let spec = read_spec(folder).map_err(|source| Error::Io {
        what: folder.display().to_string(),
        source,
    })?;
    private
        .env
        .retain(|(name, _)| spec.env.iter().all(|(new, _)| new != name));
    private.env.extend(spec.env);
    Ok(private)
}

/// How long an incarnation waits before it is started.
pub(super) fn backoff(incarnation: u32) -> Duration {
    let times = incarnation.saturating_sub(2).min(16);
    FIRST_BACKOFF
        .saturating_mul(1 << times)
        .min(LONGEST_BACKOFF)
}

impl Reconcile for Runs {
    fn name(&self) -> &'static str {
        "check"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        // Not begun over and over while nothing can be recorded: a failed pass is followed by a pause.
        if let Some(error) = cx.jobs.take_unrecorded() {
            return Err(error);
        }
        let mut worked = false;
        let mut again = None;
        let mut starts = Vec::new();
        let mut waiting = HashMap::new();
        let steady = cx.clock.since_boot();
        for run in cx.store.open_rows::<Run>(&Filter::open())?.rows {
            let is_here = cx.jobs.holds(run.id);
            let left = || left_of(cx, &run, self.has_adopted);
            let since = self.waiting.get(&run.id).copied().or(steady);
            let waited = steady
                .zip(since)
                .map(|(now, since)| now.saturating_sub(since));
            match action_for(cx, &run, is_here, waited.unwrap_or_default(), left)? {
                RunAction::LookAgain => {
                    waiting.extend(since.map(|since| (run.id, since)));
                    again = Some(cx.now() + LOOK_AGAIN);
                }
                // After all that outlived an engine have their lanes again.
                RunAction::Start => starts.push(run),
                action @ RunAction::Adopt => match self.carry_out(cx, &run, action)? {
                    true => worked = true,
                    false => again = Some(cx.now() + LOOK_AGAIN),
                },
                action => worked |= self.carry_out(cx, &run, action)?,
            }
        }
        self.has_adopted = true;
        self.waiting = waiting;
        for run in starts {
            worked |= self.carry_out(cx, &run, RunAction::Start)?;
        }
        Ok(match (worked, again) {
            (true, _) => Progress::Worked,
            (false, Some(until)) => Progress::Delayed { until },
            (false, None) => Progress::IDLE,
        })
    }
}

/// What is found of a run that this engine does not watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing was started.
    Nothing,
    /// Its shim lives.
    Live,
    /// The same, and it outlived an engine whose runs are to be ended.
    Orphan,
    /// It ended.
    Ended(Ended),
    /// It began, and its shim is gone without a word.
    Dead(String),
}

/// Looks into the folder of a run.
fn left_of(cx: &Cx, run: &Run, has_adopted: bool) -> Result<Left, Error> {
    let folder = folder_of(cx, run.id);
    let found = look(&folder).map_err(|source| Error::Io {
        what: folder.display().to_string(),
        source,
    })?;
    let is_other_boot = run
        .process
        .as_ref()
        .is_some_and(|process| process.boot_id != cx.boot_id);
    Ok(match found {
        Found::Ended(ended) => Left::Ended(ended),
        Found::Live { .. }
            if !has_adopted && cx.settings.supervision.on_orphan == OnOrphan::Kill =>
        {
            Left::Orphan
        }
        Found::Live { .. } => Left::Live,
        Found::Dead | Found::NotStarted if is_other_boot => {
            Left::Dead("the machine was restarted while it ran".to_owned())
        }
        Found::Dead => Left::Dead(
            "what watched it (its shim) was killed, or the machine was restarted".to_owned(),
        ),
        Found::NotStarted if run.status == Status::Starting => Left::Nothing,
        Found::NotStarted => Left::Dead("the folder with what it did is gone".to_owned()),
    })
}

/// What is to be done about an open run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunAction {
    /// Nothing.
    Leave,
    /// Nothing yet.
    LookAgain,
    /// Its process is told.
    Ask(Asked),
    /// It is started.
    Start,
    /// Its shim is watched.
    Adopt,
    /// It goes on after a decision.
    Resume,
    /// It has no process any more, and ends: somebody wanted that.
    End(String),
    /// How it ended is recorded.
    Record(Ended),
    /// It is not started any more: somebody wanted its end.
    Kill(String),
    /// It is not started any more: nobody wants it, or nobody does it.
    Abandon(String),
    /// Nobody knows how it went; what is left of it is ended.
    Lose(String),
}

/// Says what is to be done about an open run. `is_here` when it has a thread in this engine, or is watched by it; what is left of it is
/// looked for only where it is not. `waited` is how long this engine has waited for its start.
pub(crate) fn action_for(
    facts: &impl ReadFacts,
    run: &Run,
    is_here: bool,
    waited: Duration,
    left: impl FnOnce() -> Result<Left, Error>,
) -> Result<RunAction, Error> {
    const UNWANTED: &str = "nobody waits for it any more";
    const CALL_GONE: &str = "the call that waited for it is gone";
    // Nobody but a person may touch those, or start them again.
    if matches!(run.status, Status::Parked | Status::Uncertain) {
        return Ok(match &run.stop {
            Some(stop) => RunAction::End(format!("{} stopped it", stop.by)),
            // The door for commands looks after it.
            None if run.judged == Some(Judged::Held) => RunAction::Leave,
            None if run.status == Status::Parked && park::goes_on(facts, run)? => RunAction::Resume,
            // What is uncertain is for a person alone.
            None => RunAction::Leave,
        });
    }
    let is_wanted = match run.work {
        Work::Check { entry, .. } => facts
            .get::<Entry>(entry)?
            .is_some_and(|entry| entry.status == entry::Status::Checking),
        Work::Command { .. } | Work::Tool { .. } => true,
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
            return Ok(match waits {
                true => RunAction::Leave,
                false => RunAction::Lose(UNWANTED.to_owned()),
            });
        }
    };
    if is_here {
        return Ok(RunAction::Ask(Asked {
            stop: !is_wanted || run.stop.is_some(),
            pause: run.status == Status::Paused,
        }));
    }
    let is_of_a_call = matches!(run.work, Work::Tool { .. });
    Ok(match left()? {
        Left::Live if is_of_a_call => RunAction::Lose(CALL_GONE.to_owned()),
        Left::Live => RunAction::Adopt,
        Left::Orphan => {
            RunAction::Lose("it outlived its engine (setting supervisor.on_orphan)".to_owned())
        }
        Left::Ended(ended) => RunAction::Record(ended),
        Left::Dead(reason) => RunAction::Lose(reason),
        Left::Nothing => match (&run.stop, &run.work) {
            (Some(stop), _) => RunAction::Kill(format!("{} stopped it", stop.by)),
            (None, _) if !is_wanted => RunAction::Abandon(UNWANTED.to_owned()),
            (None, Work::Tool { .. }) => RunAction::Abandon(CALL_GONE.to_owned()),
            (None, Work::Command { .. }) if run.incarnation == 1 && run.judged.is_none() => {
                match waited < START_MAX {
                    true => RunAction::LookAgain,
                    false => {
                        RunAction::Abandon("the command that was to start it is gone".to_owned())
                    }
                }
            }
            (None, Work::Command { .. })
                if run.judged.is_none() && waited < backoff(run.incarnation) =>
            {
                RunAction::LookAgain
            }
            (None, _) => RunAction::Start,
        },
    })
}
