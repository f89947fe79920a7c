//! Runs the steps of a call, one after the other, and reads what they leave.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use hyperion_api::Problem;
use hyperion_api::tool::test_runner::{Outcome, Run, RunResult};
use hyperion_host::{
    Exit, KeepLimits, Kept, KeptRun, Launch, Root, SpawnError, Streams, confine_this_thread,
    create_private_dir, kill_marked, remove_tree, run_kept,
};
use hyperion_tools::Place;
use hyperion_tools::test_runner::{
    BOUNDS, Ended, Found, Left, Plan, Program, ReportAt, Reports, Seen, Step, Verb, Wanted, plan,
    read, shown,
};

use super::super::oversee::Oversight;
use super::{Running, runs, sweep};
use crate::run::RUN_MARK;
use crate::{Cx, Error};

/// How much is kept of an output that people would read: of its beginning, and as much of its end.
const TEXT_BYTES: usize = 512 * 1024;
/// How much is kept of an output for machines.
const LINES_BYTES: usize = 8 * 1024 * 1024;
/// How much is redacted at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Runs what a verb comes to.
pub(super) fn run(
    oversight: &Oversight<'_>,
    running: &Running<'_>,
    place: &Place<'_>,
    verb: Verb,
    wanted: &Wanted,
    seen: &Seen,
) -> Result<RunResult, Problem> {
    let cx = oversight.cx;
    let reports = sweep::reports(cx).join(cx.ids.next().to_string());
    let reports_text = reports
        .to_str()
        .ok_or_else(|| Problem::new("internal", "the cache's path is not UTF-8"))?;
    let has_program = |name: &str| has_program(cx, name);
    let plan = plan(verb, seen, wanted, reports_text, &has_program)?;
    let root = place.root.path().to_str();
    let root = root.ok_or_else(|| Problem::new("internal", "the root's path is not UTF-8"))?;
    let session = oversight.session;
    let _turn = running.runs.turn(session.id, running.cancel, None)?;
    let folder = OwnFolder::make(&reports).map_err(Problem::from)?;
    let commands = plan.steps.iter().map(|step| shown(&step.command()));
    // It runs what is in the root, which may do anything: noted first.
    let record = oversight.note(commands.collect()).map_err(Problem::from)?;
    let work = Work {
        cx,
        running,
        place,
        root,
        mark: sweep::mark(cx, session.id, record),
        reports: &folder.0,
        until: Instant::now() + cx.settings.tools.run_time,
    };
    let mut done = vec![];
    for step in &plan.steps {
        if running.cancel.is_cancelled() {
            return Err(runs::cancelled());
        }
        done.push(work.step(verb, step, wanted)?);
    }
    let result = result(plan, done)?;
    let result = masked(cx, result)?;
    oversight.ended(outcome(&result));
    Ok(result)
}

/// How the whole went, in a word: the worst of them.
fn outcome(result: &RunResult) -> &'static str {
    let worst = [
        Outcome::TimedOut,
        Outcome::Broke,
        Outcome::Missing,
        Outcome::Failed,
    ]
    .into_iter()
    .find(|outcome| result.runs.iter().any(|run| run.outcome == *outcome));
    worst.unwrap_or(Outcome::Passed).name()
}

fn result(plan: Plan, runs: Vec<Run>) -> Result<RunResult, Problem> {
    let missing: Vec<_> = runs
        .iter()
        .filter(|run| run.outcome == Outcome::Missing)
        .collect();
    if missing.len() == runs.len() {
        let problems = || missing.iter().flat_map(|run| &run.problems);
        let what: Vec<_> = problems().map(|problem| problem.message.clone()).collect();
        let advice = problems().filter_map(|problem| problem.advice.clone());
        return Err(Problem::new("tool.missing", what.join("; "))
            .hint(advice.collect::<Vec<_>>().join("; ")));
    }
    let passed = runs.iter().all(|run| run.outcome == Outcome::Passed);
    let parts: Vec<_> = runs
        .iter()
        .map(|run| {
            let program = run.command.first().map_or("", String::as_str);
            let program = program.rsplit('/').next().unwrap_or(program);
            let counts = run.counts.filter(|_| run.outcome != Outcome::Missing);
            let counts = counts.map_or_else(String::new, |counts| {
                format!(" ({} passed, {} failed)", counts.passed, counts.failed)
            });
            format!(
                "{} {program} {}{counts}",
                run.tool_chain,
                run.outcome.name().replace('_', " ")
            )
        })
        .collect();
    let Plan {
        tool_chains,
        steps: _,
        not_run,
    } = plan;
    let head = if passed { "Passed" } else { "Not passed" };
    Ok(RunResult {
        passed,
        summary: format!("{head}: {}.", parts.join("; ")),
        runs,
        tool_chains,
        not_run,
    })
}

/// Masks what a message or a name may still hold: its words were put together anew.
fn masked(cx: &Cx, result: RunResult) -> Result<RunResult, Problem> {
    let internal = |error: serde_json::Error| Problem::new("internal", error.to_string());
    let mut value = serde_json::to_value(&result).map_err(internal)?;
    if !cx.redactor.redact_json(&mut value) {
        return Ok(result);
    }
    serde_json::from_value(value).map_err(internal)
}

/// A folder that is removed with this value.
struct OwnFolder(std::path::PathBuf);

impl OwnFolder {
    fn make(path: &Path) -> Result<Self, Error> {
        create_private_dir(path).map_err(|source| Error::Io {
            what: path.display().to_string(),
            source,
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.0) {
            tracing::warn!(%error, "could not remove the reports of a run; the next engine does");
        }
    }
}

/// A call at work.
struct Work<'a> {
    cx: &'a Cx,
    running: &'a Running<'a>,
    place: &'a Place<'a>,
    root: &'a str,
    mark: String,
    reports: &'a Path,
    until: Instant,
}

impl Work<'_> {
    fn step(&self, verb: Verb, step: &Step, wanted: &Wanted) -> Result<Run, Problem> {
        let before = match &step.report {
            ReportAt::Project { folder, begins } => {
                self.in_project(folder, begins).hashes(&BOUNDS).reports
            }
            ReportAt::Output | ReportAt::Lines | ReportAt::File(_) => BTreeMap::new(),
        };
        let ran = match self.launch(step) {
            Ok(ran) => ran,
            Err(SpawnError::NotFound { .. }) => return Ok(step.missing()),
            Err(error) => return Err(Problem::from(Error::from(error))),
        };
        let ended = match ran.exit {
            Exit::Code(code) => Ended::Exited(code),
            Exit::Signal(signal) => Ended::Signalled(signal),
            Exit::TimedOut => Ended::TimedOut,
            Exit::Cancelled => return Err(runs::cancelled()),
        };
        let (output_bytes, dropped_bytes) = (
            ran.stdout.written() + ran.stderr.written(),
            ran.stdout.dropped + ran.stderr.dropped,
        );
        let (reports, all_read) = self.reports_of(step, &before);
        let left = Left {
            reports,
            stdout: self.mask(ran.stdout),
            stderr: self.mask(ran.stderr),
            output_bytes,
            dropped_bytes,
        };
        let mut run = read(verb, step, wanted, self.root, ended, &left).into_run(
            step,
            u64::try_from(ran.duration.as_millis()).unwrap_or(u64::MAX),
            output_bytes,
        );
        if ended == Ended::TimedOut {
            run.notes.push(format!(
                "a call may take {} s in all, and everything that was started was ended; run fewer tests, with a pattern",
                self.cx.settings.tools.run_time.as_secs()
            ));
        }
        if !all_read {
            run.notes.push(format!(
                "it left more reports than are read ({}, or {} MiB in all), so the counts may be too small",
                BOUNDS.count,
                BOUNDS.all_bytes / 1024 / 1024
            ));
        }
        Ok(run)
    }

    /// Runs a step to its end, and everything that it started.
    fn launch(&self, step: &Step) -> Result<KeptRun, SpawnError> {
        let program = match step.program {
            Program::Named(name) => Path::new(name).to_owned(),
            Program::Own(path) => Path::new(self.root).join(path),
        };
        let mut launch = Launch::new(program, self.root).args(&step.args);
        for (name, value) in &self.cx.settings.check_environment {
            launch = launch.env(name, value);
        }
        launch = launch
            .env(RUN_MARK, &self.mark)
            .env("CI", "true")
            .env("NO_COLOR", "1");
        let (streams, kept) = match step.report {
            ReportAt::Lines => (Streams::Apart, LINES_BYTES),
            ReportAt::Output | ReportAt::File(_) | ReportAt::Project { .. } => {
                (Streams::Together, TEXT_BYTES)
            }
        };
        let limits = KeepLimits {
            wall: self.until.saturating_duration_since(Instant::now()),
            head_max: kept,
            tail_max: TEXT_BYTES,
        };
        let cancel = self.running.cancel;
        // A thread of its own: the mark against new privileges cannot be taken off again.
        let ran = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                confine_this_thread().map_err(|source| SpawnError::Start {
                    program: launch.program.clone(),
                    source,
                })?;
                run_kept(&launch, &limits, streams, cancel, |_| {})
            });
            thread.join()
        });
        // Also what left the process group: a server in the background, a daemon of a build tool.
        match kill_marked(RUN_MARK, std::slice::from_ref(&self.mark)) {
            Ok(true) => {}
            Ok(false) => tracing::warn!("what a run of a tool started does not end"),
            Err(error) => tracing::warn!(%error, "could not look what a run of a tool started"),
        }
        ran.unwrap_or_else(|_| {
            Err(SpawnError::Start {
                program: launch.program.clone(),
                source: std::io::Error::other("the thread that watched it panicked"),
            })
        })
    }

    /// Reads the reports that a step left, and tells whether these are all; a link in the place of one is not followed.
    fn reports_of(&self, step: &Step, before: &BTreeMap<String, String>) -> (Vec<String>, bool) {
        match &step.report {
            ReportAt::Output | ReportAt::Lines => (vec![], true),
            ReportAt::File(path) => {
                let name = Path::new(path).file_name().and_then(|name| name.to_str());
                let read = Root::open(self.reports)
                    .and_then(|folder| folder.read(name.unwrap_or_default(), BOUNDS.each_bytes));
                // Where there is none, the output says why.
                let found = read.ok().filter(|found| !found.bytes.is_empty());
                let text = found.map(|found| self.masked(&found.bytes));
                (text.into_iter().collect(), true)
            }
            ReportAt::Project { folder, begins } => {
                let Found { reports, all } = self.in_project(folder, begins).since(before, &BOUNDS);
                let texts = reports.values().map(|bytes| self.masked(bytes));
                (texts.collect(), all)
            }
        }
    }

    fn in_project<'s>(&'s self, folder: &'s str, begins: &'s str) -> Reports<'s> {
        Reports {
            root: self.place.root,
            folder,
            begins,
        }
    }

    fn mask(&self, kept: Kept) -> String {
        self.masked(&kept.joined())
    }

    fn masked(&self, bytes: &[u8]) -> String {
        let mut stream = self.cx.redactor.stream();
        let mut text = String::with_capacity(bytes.len());
        for piece in bytes.chunks(PIECE_BYTES) {
            text.push_str(&stream.push_bytes(piece));
        }
        text.push_str(&stream.finish());
        text
    }
}

/// Whether the machine has a program, as far as the PATH for runs says.
fn has_program(cx: &Cx, name: &str) -> bool {
    let environment = &cx.settings.check_environment;
    let path = environment.iter().find(|(name, _)| name == "PATH");
    path.is_some_and(|(_, path)| std::env::split_paths(path).any(|dir| dir.join(name).is_file()))
}
