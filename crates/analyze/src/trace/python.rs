//! An exception of Python.

use super::{Frame, Language, MAX_FRAMES, Trace, trace};
use crate::output::Place;

/// The most lines between a trace's first line and what was thrown.
const MAX_LINES: usize = 2000;
/// The same, where there is no trace: the line that cannot be read, and a mark below it.
const MAX_LINES_ALONE: usize = 8;

pub(super) fn read(lines: &[&str], at: usize) -> Option<(Trace, usize)> {
    let starts = lines[at]
        .trim_start()
        .starts_with("Traceback (most recent call last)");
    // A syntax error has no trace, only a place.
    let alone = file_line(lines[at]).is_some_and(|(_, function)| function.is_none());
    if !starts && !alone {
        return None;
    }
    let mut frames = Vec::new();
    let mut next = if starts { at + 1 } else { at };
    let base = super::indent(lines[at])
        - if starts {
            0
        } else {
            2.min(super::indent(lines[at]))
        };
    while let Some(line) = lines.get(next) {
        if next > at + if starts { MAX_LINES } else { MAX_LINES_ALONE } {
            return None;
        }
        if let Some((place, function)) = file_line(line) {
            frames.extend(place.map(|place| Frame::new(place, function)));
        } else if super::indent(line) <= base && !line.trim().is_empty() {
            break;
        }
        next += 1;
    }
    let thrown = lines.get(next)?.trim();
    let (name, message) = name_and_message(thrown)?;
    // A message may have more lines: those of a subprocess, for one.
    let mut message = message.to_owned();
    next += 1;
    if message.is_empty() {
        message = name.to_owned();
    }
    frames.reverse();
    frames.truncate(4 * MAX_FRAMES);
    let mut trace = trace(Language::Python, name, &message, frames, at);
    trace.has_cause = follows(lines, at);
    Some((trace, next))
}

/// Reads a frame.
pub(super) fn frame(line: &str) -> Option<Frame> {
    let (place, function) = file_line(line)?;
    Some(Frame::new(place?, function))
}

/// Reads `File "x", line 3, in f`; `<string>` and `<frozen runpy>` are no files.
fn file_line(line: &str) -> Option<(Option<Place>, Option<&str>)> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let (line, function) = match rest.split_once(", in ") {
        Some((line, function)) => (line, Some(function)),
        None => (rest, None),
    };
    let line = crate::output::line_number(line)?;
    Some((Place::new(file, Some(line), None), function))
}

/// Splits `package.Error: message`.
pub(super) fn name_and_message(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line
        .split_once(": ")
        .unwrap_or((line.trim_end_matches(':'), ""));
    let is_name = !name.is_empty()
        && name.len() <= 200
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.'));
    is_name.then_some((name, message))
}

/// Tells whether the lines before say that what came before was the cause.
fn follows(lines: &[&str], at: usize) -> bool {
    let before = lines[..at]
        .iter()
        .rev()
        .find(|line| !line.trim().is_empty());
    before.is_some_and(|line| {
        line.contains("was the direct cause of the following exception")
            || line.contains("During handling of the above exception")
    })
}
