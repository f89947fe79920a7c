//! Goes through an output line by line.

use std::collections::HashSet;

use super::workspace::{self, Entered, Origin, Section};
use super::{
    ErrorKind, FoundError, MAX_ERRORS, Place, diagnostic, machine, of_exception, passing, runner,
};
use crate::trace::{self, Language, Trace};

/// The most tests that are remembered as failed.
const MAX_TESTS: usize = 1000;

/// Where a reader is, and what it knows from the lines above.
pub(super) struct Cursor<'t> {
    pub(super) lines: &'t [&'t str],
    pub(super) errors: Vec<FoundError>,
    /// The test that the lines are about.
    pub(super) test: Option<String>,
    /// The file of tests that the lines are about.
    pub(super) test_file: Option<String>,
    /// Who runs tests.
    pub(super) runner: Option<&'static str>,
    /// Tests of which it was said that they failed, and on which line.
    failed: Vec<(String, usize)>,
    /// Tests of which it was said that they passed.
    passed: HashSet<String>,
    /// How many errors there were when a package of Go began.
    of_packages: usize,
    /// The package that the lines are of.
    package: Option<String>,
    /// The folders that make is in.
    entered: Entered,
    /// Where each line stands in the output, from 0.
    numbers: &'t [usize],
}

/// Finds every error, in the order of the output; of packages that wrote at the same time, one after the other.
pub(super) fn read(lines: &[&str]) -> Vec<FoundError> {
    let mut parts: Vec<Vec<FoundError>> =
        workspace::sections(lines).iter().map(of_section).collect();
    parts.sort_by_key(|errors| errors.first().map(|error| error.at_line));
    parts.concat()
}

fn of_section(section: &Section<'_>) -> Vec<FoundError> {
    let mut cursor = Cursor {
        lines: &section.lines,
        errors: Vec::new(),
        test: None,
        test_file: None,
        runner: None,
        failed: Vec::new(),
        passed: HashSet::new(),
        of_packages: 0,
        package: section.package.clone(),
        entered: Entered::default(),
        numbers: &section.numbers,
    };
    let mut at = 0;
    while at < cursor.lines.len() && cursor.errors.len() < 4 * MAX_ERRORS {
        let next = cursor
            .place(at)
            .or_else(|| passing::read(&mut cursor, at))
            .or_else(|| runner::read(&mut cursor, at))
            .or_else(|| diagnostic::read(&mut cursor, at))
            .or_else(|| cursor.trace(at))
            .or_else(|| machine::read(&mut cursor, at));
        at = next.unwrap_or(at + 1).max(at + 1);
    }
    cursor.finish()
}

impl<'t> Cursor<'t> {
    /// Gives a line; none behind the last.
    pub(super) fn line(&self, at: usize) -> Option<&'t str> {
        self.lines.get(at).copied()
    }

    /// Gives the first line, not before `at`, for which this does not hold.
    pub(super) fn skip(&self, at: usize, holds: impl Fn(&str) -> bool) -> usize {
        let rest = self.lines.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|line| holds(line)).count()
    }

    /// Follows where the lines below are from.
    fn place(&mut self, at: usize) -> Option<usize> {
        let line = self.line(at)?;
        if self.entered.follow(line) {
            return Some(at + 1);
        }
        self.package = Some(workspace::header(line)?.to_owned());
        Some(at + 1)
    }

    /// Notes an error that begins on a line.
    pub(super) fn add(&mut self, at: usize, mut error: FoundError) {
        let number = self.numbers.get(at).map_or(at, |number| *number);
        error.at_line = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let package = || Some(Origin::Package(self.package.clone()?));
        error.origin = error
            .origin
            .or_else(|| self.entered.origin())
            .or_else(package);
        let same = |other: &FoundError| {
            other.kind == error.kind
                && other.place == error.place
                && other.test == error.test
                && other.origin == error.origin
                && (other.message == error.message
                    || error.place.as_ref().is_some_and(|at| at.column.is_some()))
        };
        if !self.errors.iter().any(same) {
            self.errors.push(error);
        }
    }

    /// Notes that a test failed; what it failed with may come later, or never.
    pub(super) fn failed(&mut self, at: usize, test: &str) {
        if self.failed.len() < MAX_TESTS && !self.failed.iter().any(|(other, _)| other == test) {
            self.failed.push((test.to_owned(), at));
        }
    }

    /// Notes that a test passed; what was found of it may come later.
    pub(super) fn passed(&mut self, test: &str) {
        if self.passed.len() < MAX_TESTS {
            self.passed.insert(test.to_owned());
        }
    }

    /// Forgets what was found of a test that passed.
    pub(super) fn forget(&mut self, test: &str) {
        let before = self.of_packages.min(self.errors.len());
        let mut at = 0;
        self.errors.retain(|error| {
            at += 1;
            at <= before || error.test.as_deref() != Some(test)
        });
        if self.test.as_deref() == Some(test) {
            self.test = None;
        }
    }

    /// Notes which package of Go the errors since the last one are of.
    pub(super) fn of_go_package(&mut self, package: &str) {
        for error in self.errors.iter_mut().skip(self.of_packages) {
            let name_only =
                |place: &Place| place.file.ends_with(".go") && !place.file.contains('/');
            if error.place.as_ref().is_some_and(name_only) {
                error.origin = Some(Origin::GoPackage(package.to_owned()));
            }
        }
        self.of_packages = self.errors.len();
        self.test = None;
    }

    /// Reads a stack trace.
    fn trace(&mut self, at: usize) -> Option<usize> {
        let (traces, next) = trace::read(self.lines, at)?;
        let thread = self.lines[at].trim_start().strip_prefix("thread '");
        let thread = thread.and_then(|rest| rest.split('\'').next());
        for trace in traces {
            let line = trace.at_line as usize;
            let mut error = self.of_trace(trace);
            error.thread = thread.map(str::to_owned);
            self.add(line - 1, error);
        }
        Some(next)
    }

    /// Makes an error of a stack trace.
    pub(super) fn of_trace(&self, trace: Trace) -> FoundError {
        let test_file = || Place::new(self.test_file.as_deref()?, None, None);
        let place = trace
            .place()
            .cloned()
            .or_else(|| self.test.is_some().then(test_file)?)
            .or_else(|| {
                // A module that is missing is missed somewhere.
                let (_, file) = trace.message.split_once(" imported from ")?;
                Place::new(file.split(' ').next()?, None, None)
            });
        let is_panic = matches!(trace.thrown.as_str(), "panic" | "fatal error");
        let kind = match trace.thrown.as_str() {
            "assertion" => Some(ErrorKind::Assertion),
            name => of_exception(name, &trace.message),
        };
        let fallback = if self.test.is_some() {
            ErrorKind::TestFailure
        } else {
            ErrorKind::Unknown
        };
        let tool = match (trace.language, self.runner) {
            (_, Some(runner)) => runner,
            (Language::Rust, None) => "rust",
            (language, None) => language.tool(),
        };
        FoundError {
            kind: kind.unwrap_or(fallback),
            message: trace.message,
            code: (!is_panic && trace.thrown != "assertion").then_some(trace.thrown),
            tool: Some(tool.to_owned()),
            place,
            test: self.test.clone(),
            frames: trace.frames,
            ..FoundError::default()
        }
    }

    fn finish(mut self) -> Vec<FoundError> {
        let (passed, failed) = (&self.passed, &self.failed);
        let is_passed = |test: &Option<String>| {
            let test = test.as_ref().filter(|test| passed.contains(*test));
            test.is_some_and(|test| failed.iter().all(|(other, _)| other != test))
        };
        self.errors
            .retain(|error| !is_passed(&error.test) && !is_passed(&error.thread));
        for (test, at) in std::mem::take(&mut self.failed) {
            let explains = |name: &str| name == test || name.starts_with(&format!("{test}/"));
            if self
                .errors
                .iter()
                .any(|error| error.test.as_deref().is_some_and(explains))
            {
                continue;
            }
            let error = FoundError {
                kind: ErrorKind::TestFailure,
                message: format!("{test} failed"),
                tool: self.runner.map(str::to_owned),
                test: Some(test),
                ..FoundError::default()
            };
            let known = self.errors.len();
            self.add(at, error);
            if self.errors.len() == known {
                continue;
            }
            // Among the others by its line; those are in order, but for causes, which a trace may say last.
            let line = self.errors.last().map_or(0, |error| error.at_line);
            let before = self.errors.iter().position(|error| error.at_line > line);
            if let Some(before) = before {
                self.errors[before..].rotate_right(1);
            }
        }
        self.errors
    }
}
