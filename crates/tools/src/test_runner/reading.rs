//! What a step's output and reports say: how many, and what is wrong where.

use std::fmt::Write as _;

use hyperion_analyze::{ErrorKind, Format, FoundError, Output, Report, output, report};
use hyperion_api::tool::test_runner::{Counts, Failure, Outcome, Run};
use serde_json::Value;

use super::Verb;
use super::argument::Wanted;
use super::plan::{ReportAt, Step};

/// The most problems of one step that are listed.
const PROBLEMS_MAX: usize = 100;
/// How much of an output is shown of a step that went wrong: of its beginning and of its end.
const SHOWN_HEAD_BYTES: usize = 4 * 1024;
const SHOWN_TAIL_BYTES: usize = 12 * 1024;
/// How much is shown of the end of an output when nothing is wrong.
const SHOWN_PASSED_BYTES: usize = 2 * 1024;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with a code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// Its time was up.
    TimedOut,
}

/// What a program left; secrets in it are masked already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// What it wrote on standard output; where both outputs are together, all.
    pub stdout: String,
    /// What it wrote on standard error; where both outputs are together, nothing.
    pub stderr: String,
    /// The reports that it wrote into files.
    pub reports: Vec<String>,
    /// How many bytes it wrote in all.
    pub output_bytes: u64,
    /// How many bytes of these were dropped from the middle.
    pub dropped_bytes: u64,
}

/// Reads what a step left.
pub fn read(
    verb: Verb,
    step: &Step,
    wanted: &Wanted,
    folder: &str,
    ended: Ended,
    left: &Left,
) -> Read {
    let found = reports(step, folder, left);
    let text = text(step, left);
    let exit_code = match ended {
        Ended::Exited(code) => Some(code),
        Ended::Signalled(_) | Ended::TimedOut => None,
    };
    let said = output(&Output {
        bytes: text.as_bytes(),
        exit_code,
        command: Some(step.program.name()),
        folder: Some(folder),
        tree: None,
    });
    let mut notes = step.notes.clone();
    let counts = found.as_ref().ok().map(|report| Counts {
        passed: report.passed,
        failed: report.failed,
        skipped: report.skipped,
        warnings: report.warnings,
    });
    let (failed, mut problems) = match &found {
        Ok(report) => (report.failed, report.problems.clone()),
        Err(_) => (0, vec![]),
    };
    // What the report does not tell: that the tool itself is broken, or that something beside the tests is.
    let told_by_output = problems.is_empty() && ended != Ended::Exited(0);
    if told_by_output {
        problems = said.errors;
    }
    let outcome = match ended {
        Ended::TimedOut => Outcome::TimedOut,
        Ended::Signalled(signal) => {
            notes.push(format!("signal {signal} ended it"));
            Outcome::Broke
        }
        Ended::Exited(0) if failed == 0 => Outcome::Passed,
        Ended::Exited(_) if failed > 0 || problems.iter().any(is_the_projects) => Outcome::Failed,
        Ended::Exited(_) => Outcome::Broke,
    };
    let is_test = verb == Verb::Test;
    if is_test && counts.is_some_and(|counts| counts.passed + counts.failed == 0) {
        notes.push(match &wanted.pattern {
            Some(_) => "no test was run: look whether the pattern fits one".to_owned(),
            None => "no test was run".to_owned(),
        });
    }
    if let (Err(Some(why)), true) = (&found, is_test || ended != Ended::Exited(0)) {
        notes.push(format!(
            "its report could not be read, so this is from what it wrote: {why}"
        ));
    }
    if left.dropped_bytes > 0 {
        notes.push(format!(
            "it wrote {} bytes; {} from the middle were not read",
            left.output_bytes, left.dropped_bytes
        ));
    }
    let mut in_all = failed.max(problems.len() as u64);
    let mut problems: Vec<_> = problems
        .into_iter()
        .map(|problem| failure(problem, false))
        .collect();
    if let (Verb::Lint, Ok(report)) = (verb, found) {
        in_all = in_all.saturating_add(report.warnings);
        let warned = report.warned.into_iter();
        problems.extend(warned.map(|problem| failure(problem, true)));
    }
    // What was asked about comes first; else the order stays, the first cause first.
    if !wanted.files.is_empty() {
        problems.sort_by_key(|problem| !is_wanted(problem, wanted));
    }
    problems.truncate(PROBLEMS_MAX);
    Read {
        outcome,
        exit_code,
        counts,
        more_problems: in_all.saturating_sub(problems.len() as u64),
        problems,
        asked: said.waiting.map(|waiting| waiting.prompt),
        output: shown(&text, outcome),
        notes,
    }
}

/// What was read of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    outcome: Outcome,
    exit_code: Option<i32>,
    counts: Option<Counts>,
    problems: Vec<Failure>,
    more_problems: u64,
    asked: Option<String>,
    output: String,
    notes: Vec<String>,
}

impl Read {
    /// Makes what is answered about the step.
    pub fn into_run(self, step: &Step, duration_ms: u64, output_bytes: u64) -> Run {
        Run {
            tool_chain: step.tool_chain.to_owned(),
            command: command(step),
            outcome: self.outcome,
            exit_code: self.exit_code,
            duration_ms,
            counts: self.counts,
            problems: self.problems,
            more_problems: self.more_problems,
            asked: self.asked,
            output: self.output,
            output_bytes,
            notes: self.notes,
        }
    }
}

/// Gives a step's program and arguments.
fn command(step: &Step) -> Vec<String> {
    let program = step.program.name().to_owned();
    [program].into_iter().chain(step.args.clone()).collect()
}

impl Step {
    /// Gives its program and its arguments.
    pub fn command(&self) -> Vec<String> {
        command(self)
    }

    /// Makes what is answered about it when its program is not there.
    pub fn missing(&self) -> Run {
        let name = self.program.name();
        Run {
            tool_chain: self.tool_chain.to_owned(),
            command: command(self),
            outcome: Outcome::Missing,
            exit_code: None,
            duration_ms: 0,
            counts: None,
            problems: vec![Failure {
                kind: ErrorKind::CommandNotFound.name().to_owned(),
                message: format!("{name} is not installed"),
                file: None,
                line: None,
                column: None,
                rule: Some("tool.missing".to_owned()),
                test: None,
                advice: Some(self.program.remedy()),
                warning: false,
            }],
            more_problems: 0,
            asked: None,
            output: String::new(),
            output_bytes: 0,
            notes: vec![],
        }
    }
}

/// Reads the reports; why not, where there should be some.
fn reports(step: &Step, folder: &str, left: &Left) -> Result<Report, Option<String>> {
    let Some(format) = step.format else {
        return Err(None);
    };
    let texts: Vec<&str> = match &step.report {
        ReportAt::Output | ReportAt::Lines => vec![&left.stdout],
        ReportAt::File(_) | ReportAt::Project { .. } => {
            left.reports.iter().map(String::as_str).collect()
        }
    };
    let mut sum: Option<Report> = None;
    for text in texts {
        let one =
            report(format, text.as_bytes(), Some(folder)).map_err(|why| Some(why.to_string()))?;
        let sum = sum.get_or_insert_default();
        sum.passed = sum.passed.saturating_add(one.passed);
        sum.failed = sum.failed.saturating_add(one.failed);
        sum.skipped = sum.skipped.saturating_add(one.skipped);
        sum.warnings = sum.warnings.saturating_add(one.warnings);
        sum.problems.extend(one.problems);
        sum.problems.truncate(PROBLEMS_MAX);
        sum.warned.extend(one.warned);
        sum.warned.truncate(PROBLEMS_MAX);
    }
    sum.ok_or_else(|| Some("there is none".to_owned()))
}

/// Whether an error is the project's, rather than of the tool or of the machine.
fn is_the_projects(error: &FoundError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Compile
            | ErrorKind::Type
            | ErrorKind::Syntax
            | ErrorKind::TestFailure
            | ErrorKind::Assertion
    ) || error
        .place
        .as_ref()
        .is_some_and(|place| place.line.is_some())
}

fn is_wanted(problem: &Failure, wanted: &Wanted) -> bool {
    problem.file.as_ref().is_some_and(|found| {
        wanted.files.iter().any(|file| {
            let rest = found.strip_prefix(&file.path);
            file.path == "." || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    })
}

fn failure(error: FoundError, warning: bool) -> Failure {
    let (file, line, column) = error.place.map_or((None, None, None), |place| {
        (Some(place.file), place.line, place.column)
    });
    Failure {
        kind: error.kind.name().to_owned(),
        message: error.message,
        file,
        line,
        column,
        rule: error.code,
        test: error.test,
        advice: error.advice.map(|advice| match advice.command {
            Some(command) => format!("{}: `{command}`", advice.what),
            None => advice.what,
        }),
        warning,
    }
}

/// Gives what people would read of a step's output.
fn text(step: &Step, left: &Left) -> String {
    let mut text = match (&step.report, step.format) {
        (ReportAt::Lines, Some(Format::CargoJson)) => {
            lines(&left.stdout, |line| line["message"]["rendered"].as_str())
        }
        (ReportAt::Lines, Some(Format::GoJson)) => {
            lines(&left.stdout, |line| line["Output"].as_str())
        }
        _ => left.stdout.clone(),
    };
    text.push_str(&left.stderr);
    text
}

/// Puts together what one member of each line holds; a line that is no JSON stays as it is.
fn lines(json: &str, of: fn(&Value) -> Option<&str>) -> String {
    let mut text = String::new();
    for line in json.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.is_object() => text.push_str(of(&value).unwrap_or_default()),
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

/// Cuts an output where lines end.
fn shown(text: &str, outcome: Outcome) -> String {
    let (head_max, tail_max) = if outcome == Outcome::Passed {
        (0, SHOWN_PASSED_BYTES)
    } else {
        (SHOWN_HEAD_BYTES, SHOWN_TAIL_BYTES)
    };
    if text.len() <= head_max + tail_max {
        return text.to_owned();
    }
    let head = &text[..text.floor_char_boundary(head_max)];
    let head = &head[..head.rfind('\n').map_or(0, |at| at + 1)];
    let tail = &text[text.ceil_char_boundary(text.len() - tail_max)..];
    // An end that is one long line is cut in the middle of it.
    let tail = tail
        .find('\n')
        .filter(|at| at + 1 < tail.len())
        .map_or(tail, |at| &tail[at + 1..]);
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}[… {left_out} bytes left out …]\n{tail}")
}
