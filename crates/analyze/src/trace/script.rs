//! An error of JavaScript or TypeScript.

use super::{Frame, Language, MAX_FRAMES, MAX_MESSAGE_LINES, Trace, trace};
use crate::output::Place;

pub(super) fn read(lines: &[&str], at: usize) -> Option<(Trace, usize)> {
    let (name, first) = header(lines[at])?;
    let head = lines
        .iter()
        .enumerate()
        .skip(at + 1)
        .take(MAX_MESSAGE_LINES);
    let start = head
        .take_while(|(_, line)| header(line).is_none())
        .find(|(_, line)| frame(line).is_some() || is_placeless(line))
        .map(|(at, _)| at)?;
    let mut message = first.to_owned();
    // What stands between is the message's rest, unless it only shows code.
    for line in &lines[at + 1..start] {
        if line.trim().is_empty() || line.trim_start().starts_with(['|', '>', '❯']) {
            break;
        }
        message.push(' ');
        message.push_str(line.trim());
    }
    let mut frames = Vec::new();
    let mut next = start;
    while let Some(line) = lines.get(next) {
        if let Some(frame) = frame(line) {
            frames.push(frame);
        } else if !is_placeless(line) {
            break;
        }
        next += 1;
    }
    frames.truncate(4 * MAX_FRAMES);
    // What cannot even be read has its place above: `/project/bad.js:2`, the line and a caret.
    if frames.iter().all(|frame| !frame.is_own)
        && let Some(place) = place_above(lines, at)
    {
        frames.insert(0, Frame::new(place, None));
    }
    Some((trace(Language::Script, name, &message, frames, at), next))
}

/// Reads `TypeError: message`, `Error [ERR_CODE]: message`, `Uncaught Error: message`.
pub(crate) fn header(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let (head, message) = line
        .split_once(": ")
        .unwrap_or((line.trim_end_matches(':'), ""));
    let name = head.split(" [").next().unwrap_or(head);
    let plain = name.len() <= 100
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$'))
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && (name.ends_with("Error") || name.ends_with("Exception"));
    let code = head.len() == name.len() || head.ends_with(']');
    (plain && code).then_some((name, message))
}

/// Reads `at f (file:3:4)`, `at file:3:4`, and `❯ f file:3:4`.
pub(crate) fn frame(line: &str) -> Option<Frame> {
    let line = line.trim().trim_end_matches(" {");
    let (rest, marked) = match line.strip_prefix("at ") {
        Some(rest) => (rest, false),
        None => (line.strip_prefix('❯')?.trim_start(), true),
    };
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    if marked {
        let (function, place) = match rest.rsplit_once(' ') {
            Some((function, place)) => (Some(function), place),
            None => (None, rest),
        };
        return Some(Frame::new(with_column(place)?, function));
    }
    match rest
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("))
    {
        Some((function, place)) => Some(Frame::new(with_column(place)?, Some(function))),
        None => Some(Frame::new(with_column(rest)?, None)),
    }
}

fn with_column(text: &str) -> Option<Place> {
    Place::read(text).filter(|place| place.column.is_some())
}

fn is_placeless(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("at ") && (line.ends_with("(<anonymous>)") || line.ends_with("(native)"))
}

/// Finds the place that Node writes above the code it cannot read.
fn place_above(lines: &[&str], at: usize) -> Option<Place> {
    let above = lines[at.saturating_sub(6)..at].iter().rev();
    above
        .take(6)
        .find_map(|line| Place::read(line))
        .filter(|place| place.file.starts_with('/') || place.file.starts_with("file:"))
}
