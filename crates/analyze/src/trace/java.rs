//! Exceptions of Java, with what caused them.

use super::{Frame, Language, MAX_FRAMES, Trace, trace};
use crate::output::{Place, line_number};

/// The most causes of one exception.
const MAX_CAUSES: usize = 10;

pub(super) fn read(lines: &[&str], at: usize) -> Option<(Vec<Trace>, usize)> {
    let (name, message) = header(lines[at])?;
    let is_trace = |at: usize| {
        lines
            .get(at)
            .is_some_and(|line| frame(line).is_some() || is_frame(line))
    };
    // A message may have a second line; without a frame below it, it is only a name.
    let first = (at + 1..at + 4).find(|at| is_trace(*at));
    let said = lines[at].trim_start().starts_with("Exception in thread");
    if first.is_none() && !said {
        return None;
    }
    let mut all = Vec::new();
    let (mut name, mut message, mut start, mut next) = (name, message, at, at + 1);
    loop {
        let mut frames = Vec::new();
        while let Some(line) = lines.get(next) {
            // A message's second line stands before the first frame.
            let is_message = frames.is_empty() && first.is_some_and(|first| next < first);
            match frame(line) {
                Some(frame) => frames.push(frame),
                None if is_frame(line) || is_message => {}
                None => break,
            }
            next += 1;
        }
        frames.truncate(4 * MAX_FRAMES);
        all.push(trace(Language::Java, name, message, frames, start));
        let cause = lines
            .get(next)
            .and_then(|line| line.trim_start().strip_prefix("Caused by: "));
        match cause.and_then(name_and_message) {
            Some((cause, says)) if all.len() < MAX_CAUSES => {
                (name, message, start) = (cause, says, next);
                next += 1;
            }
            Some(_) | None => break,
        }
    }
    // Java names the cause last.
    all.reverse();
    for trace in all.iter_mut().skip(1) {
        trace.has_cause = true;
    }
    Some((all, next))
}

fn header(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = match line.strip_prefix("Exception in thread \"") {
        Some(rest) => rest.split_once("\" ")?.1,
        None => line.strip_prefix("Caused by: ").unwrap_or(line),
    };
    name_and_message(line)
}

fn name_and_message(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line.split_once(": ").unwrap_or((line, ""));
    let last = name.rsplit('.').next()?;
    let is_name = name.contains('.')
        && name.len() <= 300
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'$'))
        && (last.ends_with("Exception") || last.ends_with("Error") || last.ends_with("Failure"));
    is_name.then_some((name, message))
}

/// Tells a line that belongs to a trace and is no place.
fn is_frame(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("... ") && line.ends_with(" more"))
        || (line.starts_with("at ")
            && (line.ends_with("(Native Method)") || line.ends_with("(Unknown Source)")))
        || line.starts_with("Suppressed: ")
}

/// Reads `at org.example.Shop.load(Shop.java:8)`.
fn frame(line: &str) -> Option<Frame> {
    let rest = line.trim().strip_prefix("at ")?.strip_suffix(')')?;
    let (function, place) = rest.rsplit_once('(')?;
    let (file, number) = place.rsplit_once(':')?;
    let is_source = [".java", ".kt", ".scala", ".groovy"]
        .iter()
        .any(|end| file.ends_with(end));
    if !is_source || file.contains('/') {
        return None;
    }
    // Java says the file's name alone; its folder is the class's package.
    let class = function.rsplit_once('.').map_or("", |(class, _)| class);
    let class = class.rsplit('/').next().unwrap_or(class);
    let file = match class.rsplit_once('.') {
        Some((package, _)) => format!("{}/{file}", package.replace('.', "/")),
        None => file.to_owned(),
    };
    Some(Frame::new(
        Place::new(&file, Some(line_number(number)?), None)?,
        Some(function),
    ))
}
