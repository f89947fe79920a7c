//! Runs the steps of a call, one after the other, and reads what they leave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hyperion_api::Problem;
use hyperion_api::tool::test_runner::{Outcome, Run, RunResult};
use hyperion_host::{Root, create_private_dir, remove_tree};
use hyperion_model::RunId;
use hyperion_shim::{End, Stream};
use hyperion_tools::Place;
use hyperion_tools::test_runner::{
    BOUNDS, Ended, Found, Keeper, Left, Plan, ReportAt, Reports, Seen, Step, Verb, Wanted, plan,
    read, shown,
};

use super::super::oversee::Oversight;
use super::{Running, turns};
use crate::run::{self, Program, each_output, run_to_end};
use crate::{Cx, Error};

/// How much is kept of an output that people would read: of its beginning, and as much of its end.
const TEXT_BYTES: usize = 512 * 1024;
/// How much is kept of an output for machines.
const LINES_BYTES: usize = 8 * 1024 * 1024;
/// What a process is told that nobody can refuse.
const SIGKILL: i32 = 9;
/// How shims say, as shells do, that a program is not there, or cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;
/// How much is redacted at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Where reports go: a folder of its own for each call, in the cache.
pub(in crate::tool) fn reports(cx: &Cx) -> PathBuf {
    cx.home.cache().join("reports")
}

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
    let folder = reports(cx).join(cx.ids.next().to_string());
    let reports_text = folder
        .to_str()
        .ok_or_else(|| Problem::new("internal", "the cache's path is not UTF-8"))?;
    let has_program = |name: &str| has_program(cx, name);
    let plan = plan(verb, seen, wanted, reports_text, &has_program)?;
    let root = place.root.path().to_str();
    let root = root.ok_or_else(|| Problem::new("internal", "the root's path is not UTF-8"))?;
    let session = oversight.session;
    let _turn = running.runs.turn(session.id, running.cancel, None)?;
    let folder = OwnFolder::make(&folder).map_err(Problem::from)?;
    let commands = plan.steps.iter().map(|step| shown(&step.command()));
    // It runs what is in the root, which may do anything: noted first.
    oversight.note(commands.collect()).map_err(Problem::from)?;
    let work = Work {
        oversight,
        running,
        place,
        root,
        reports: &folder.0,
        until: Instant::now() + cx.settings.tools.run_time,
    };
    let mut done = vec![];
    for step in &plan.steps {
        if running.cancel.is_cancelled() {
            return Err(turns::cancelled());
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
struct OwnFolder(PathBuf);

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
    oversight: &'a Oversight<'a>,
    running: &'a Running<'a>,
    place: &'a Place<'a>,
    root: &'a str,
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
        let (id, ran) = self.launch(step).map_err(Problem::from)?;
        let (mut passed_limit, cx) = (None, self.running.cx);
        let ended = match ran.end {
            End::Exited { code } => Ended::Exited(code),
            End::Signalled { signal } => Ended::Signalled(signal),
            End::Limit { limit } if limit == "wall" => Ended::TimedOut,
            End::Limit { limit } => {
                passed_limit = Some(format!(
                    "it passed its limit of {limit} (settings sandbox.memory_max_mb, sandbox.processes_max)"
                ));
                Ended::Signalled(SIGKILL)
            }
            End::Stopped => return Err(turns::cancelled()),
            End::NotStarted {
                code: NOT_FOUND | NOT_EXECUTABLE,
                ..
            } => return Ok(step.missing()),
            End::NotStarted { why, .. } => {
                let detail = format!("{} could not be started: {why}", step.program.name());
                return Err(Problem::new("internal", detail));
            }
        };
        let (stdout, stderr) = self.outputs(step, id).map_err(Problem::from)?;
        let (reports, all_read) = self.reports_of(step, &before);
        let left = Left {
            reports,
            output_bytes: ran.output_bytes,
            dropped_bytes: stdout.dropped() + stderr.dropped(),
            stdout: self.masked(&stdout.joined()),
            stderr: self.masked(&stderr.joined()),
        };
        let mut run = read(verb, step, wanted, self.root, ended, &left).into_run(
            step,
            ran.usage.wall_ms,
            ran.output_bytes,
        );
        run.notes.extend(passed_limit);
        if ended == Ended::TimedOut {
            run.notes.push(format!(
                "a call may take {} s in all, and everything that was started was ended; run fewer tests, with a pattern",
                cx.settings.tools.run_time.as_secs()
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
    fn launch(&self, step: &Step) -> Result<(RunId, hyperion_shim::Ended), Error> {
        let program = match step.program {
            hyperion_tools::test_runner::Program::Named(name) => name.to_owned(),
            hyperion_tools::test_runner::Program::Own(path) => format!("{}/{path}", self.root),
        };
        let session = self.oversight.session;
        let sandbox = &self.running.cx.settings.sandbox;
        let program = Program {
            tool: self.oversight.tool,
            actor: &session.actor,
            argv: [vec![program], step.args.clone()].concat(),
            title: shown(&step.command()),
            place: run::SandboxPlace {
                folder: Path::new(self.root),
                is_persons: session.is_persons(),
                objects: None,
                owner: session.home,
                level: sandbox.checks,
                network: sandbox.checks_network,
            },
            writes: self.reports,
            time: self.until.saturating_duration_since(Instant::now()),
        };
        run_to_end(self.running.cx, &program, self.running.cancel)
    }

    /// Reads what a run wrote: standard output, and standard error where that is apart from it.
    fn outputs(&self, step: &Step, id: RunId) -> Result<(Keeper, Keeper), Error> {
        let are_apart = step.report == ReportAt::Lines;
        let head_max = if are_apart { LINES_BYTES } else { TEXT_BYTES };
        let mut stdout = Keeper::new(head_max, TEXT_BYTES);
        let mut stderr = Keeper::new(head_max, TEXT_BYTES);
        each_output(self.running.cx, id, |piece| match piece {
            Ok((Stream::Err, bytes)) if are_apart => stderr.take(bytes),
            Ok((_, bytes)) => stdout.take(bytes),
            Err(missing) => stdout.skip(missing),
        })?;
        Ok((stdout, stderr))
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

    fn masked(&self, bytes: &[u8]) -> String {
        let mut stream = self.running.cx.redactor.stream();
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
