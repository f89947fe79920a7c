//! Reads what test runners, compilers and linters write for machines: how many, and what failed where.
//!
//! One file a format. Each is read within [`MAX_REPORT_BYTES`]; what is no report is refused with the reason.

use serde::{Deserialize, Serialize};

use crate::output::{
    ErrorKind, FoundError, Output, Place, of_exception, of_text, one_line, output,
};
use crate::trace::{Frame, script_frame, traces};

mod cargo;
mod checker;
mod eslint;
mod formatter;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod go;
mod jest;
mod junit;
mod libtest;
mod nextest;
mod pytest;
mod ruff;
mod xml;

/// The most bytes of a report.
pub const MAX_REPORT_BYTES: usize = 16 * 1024 * 1024;
/// The most failures that are kept; more are counted.
pub const MAX_PROBLEMS: usize = 200;
/// The most bytes that are read of what one test said.
const MAX_SAID_BYTES: usize = 64 * 1024;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JUnit's XML, as Surefire, pytest, nextest, vitest and jest-junit write it.
    Junit,
    /// JSON of jest, and of vitest, which writes the same.
    JestJson,
    /// `go test -json`.
    GoJson,
    /// `eslint -f json`.
    EslintJson,
    /// `ruff check --output-format json`.
    RuffJson,
    /// `cargo … --message-format json`.
    CargoJson,
    /// What `cargo test` writes for people.
    Libtest,
    /// What `cargo nextest run` writes for people.
    Nextest,
    /// What pytest writes for people.
    Pytest,
    /// What mypy writes.
    Mypy,
    /// What `tsc --pretty false` writes.
    Tsc,
    /// What formatters write that only look: rustfmt, ruff, prettier, gofmt.
    Unformatted,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 12] = [
        Format::Junit,
        Format::JestJson,
        Format::GoJson,
        Format::EslintJson,
        Format::RuffJson,
        Format::CargoJson,
        Format::Libtest,
        Format::Nextest,
        Format::Pytest,
        Format::Mypy,
        Format::Tsc,
        Format::Unformatted,
    ];
}

/// What a report says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed; for compilers and linters, errors.
    pub failed: u64,
    /// Tests that were not run.
    pub skipped: u64,
    /// What a compiler or linter only warns of.
    pub warnings: u64,
    /// What failed, in the report's order; at most [`MAX_PROBLEMS`].
    pub problems: Vec<FoundError>,
    /// What a compiler or linter only warns of, in the report's order; at most [`MAX_PROBLEMS`].
    pub warned: Vec<FoundError>,
}

/// Why a report cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too large.
    #[error("the report has {bytes} bytes, over {MAX_REPORT_BYTES}: run fewer tests at a time")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// It is not in the format.
    #[error("the report is not what it should be: {0}")]
    Malformed(String),
}

/// Reads a report; paths below `folder` are given relative to it.
pub fn report(format: Format, bytes: &[u8], folder: Option<&str>) -> Result<Report, Unreadable> {
    if bytes.len() > MAX_REPORT_BYTES {
        return Err(Unreadable::TooLarge { bytes: bytes.len() });
    }
    let mut reader = Reader {
        folder,
        report: Report::default(),
    };
    match format {
        Format::Junit => junit::read(bytes, &mut reader)?,
        Format::JestJson => jest::read(bytes, &mut reader)?,
        Format::GoJson => go::read(bytes, &mut reader)?,
        Format::EslintJson => eslint::read(bytes, &mut reader)?,
        Format::RuffJson => ruff::read(bytes, &mut reader)?,
        Format::CargoJson => cargo::read(bytes, &mut reader)?,
        Format::Libtest => libtest::read(bytes, &mut reader)?,
        Format::Nextest => nextest::read(bytes, &mut reader)?,
        Format::Pytest => pytest::read(bytes, &mut reader)?,
        Format::Mypy => checker::mypy(bytes, &mut reader)?,
        Format::Tsc => checker::tsc(bytes, &mut reader)?,
        Format::Unformatted => formatter::read(bytes, &mut reader)?,
    }
    Ok(reader.report)
}

/// What is put together while a report is read.
struct Reader<'f> {
    folder: Option<&'f str>,
    report: Report,
}

impl Reader<'_> {
    /// Keeps a problem, as long as there is room.
    fn problem(&mut self, error: FoundError) {
        let folder = self.folder;
        keep(&mut self.report.problems, folder, error);
    }

    /// Keeps a warning, as long as there is room.
    fn warning(&mut self, error: FoundError) {
        self.report.warnings += 1;
        let folder = self.folder;
        keep(&mut self.report.warned, folder, error);
    }

    /// Keeps a test that failed: what it threw, where its words tell it, and its file where they do not.
    fn test(
        &mut self,
        tool: &str,
        name: &str,
        thrown: Option<&str>,
        message: &str,
        said: &str,
        file: Option<&str>,
    ) {
        let said = &said[..said.floor_char_boundary(MAX_SAID_BYTES.min(said.len()))];
        // Rust's runners quote the first line of a panic; the second says more.
        let panic = traces(said)
            .into_iter()
            .find(|_| message.contains(" panicked at "));
        let message = panic
            .as_ref()
            .map_or(message, |panic| panic.message.as_str());
        let name = self.folder.map_or(name, |folder| {
            let below = name.strip_prefix(folder);
            below
                .and_then(|rest| rest.strip_prefix('/'))
                .unwrap_or(name)
        });
        let frames = frames(said);
        let own = frames.iter().find(|frame| frame.is_own);
        let place = own.map(|frame| frame.place.clone());
        let asserted = thrown.is_some_and(|name| name.ends_with("AssertionError"))
            || ["expect(", "assert ", "AssertionError", "assertion "]
                .iter()
                .any(|start| message.starts_with(start));
        let kind = if asserted {
            ErrorKind::Assertion
        } else {
            let by_name = of_exception(thrown.unwrap_or_default(), message);
            by_name
                .or_else(|| of_text(said))
                .unwrap_or(ErrorKind::TestFailure)
        };
        self.problem(FoundError {
            kind,
            message: if message.is_empty() {
                format!("{name} failed")
            } else {
                message.to_owned()
            },
            code: thrown.map(str::to_owned),
            tool: Some(tool.to_owned()),
            place: place.or_else(|| Place::new(file?, None, None)),
            test: Some(name.to_owned()),
            frames,
            ..FoundError::default()
        });
    }

    /// Takes the errors of a text that people read.
    fn text(&mut self, bytes: &[u8]) {
        for error in output(&Output {
            bytes,
            ..Output::default()
        })
        .errors
        {
            self.problem(error);
        }
    }
}

/// Adds to a list, as long as there is room.
fn keep(list: &mut Vec<FoundError>, folder: Option<&str>, mut error: FoundError) {
    if list.len() >= MAX_PROBLEMS {
        return;
    }
    error.message = one_line(&error.message);
    if let Some(folder) = folder {
        let frames = error.frames.iter_mut().map(|frame| &mut frame.place);
        for place in error.place.iter_mut().chain(frames) {
            place.below(folder);
        }
    }
    error.at_line = 1 + u32::try_from(list.len()).unwrap_or(u32::MAX);
    list.push(error);
}

/// Finds the calls in what a failed test said, the project's own first.
fn frames(said: &str) -> Vec<Frame> {
    let mut frames: Vec<Frame> = traces(said)
        .into_iter()
        .flat_map(|trace| trace.frames)
        .collect();
    if frames.iter().all(|frame| !frame.is_own) {
        frames.extend(said.lines().filter_map(script_frame));
        // pytest: `tests/test_cart.py:12: AssertionError`, the innermost last.
        let places = said.lines().filter_map(|line| {
            let (place, rest) = line
                .split_once(": ")
                .or_else(|| Some((line.strip_suffix(':')?, "")))?;
            let place = Place::read(place).filter(|_| !line.starts_with(' '))?;
            Some(Frame::new(place, rest.strip_prefix("in ")))
        });
        let mut places: Vec<Frame> = places.collect();
        places.reverse();
        frames.extend(places);
    }
    frames.sort_by_key(|frame| !frame.is_own);
    frames.truncate(crate::trace::MAX_FRAMES);
    frames
}

/// Reads JSON texts, one a line; a line that is none is passed over, as programs write between them.
fn json_lines(bytes: &[u8]) -> impl Iterator<Item = serde_json::Value> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}

fn json(bytes: &[u8]) -> Result<serde_json::Value, Unreadable> {
    serde_json::from_slice(bytes).map_err(|error| Unreadable::Malformed(error.to_string()))
}

fn malformed(what: &str) -> Unreadable {
    Unreadable::Malformed(what.to_owned())
}

/// Reads a line's or a column's number.
fn json_number(value: &serde_json::Value) -> Option<u32> {
    u32::try_from(value.as_u64()?)
        .ok()
        .filter(|number| *number > 0)
}
