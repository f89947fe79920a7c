//! A panic of Rust.

use super::{Frame, Language, MAX_FRAMES, MAX_MESSAGE_LINES, Trace, indent, trace};
use crate::output::Place;

pub(super) fn read(lines: &[&str], at: usize) -> Option<(Trace, usize)> {
    let line = lines[at].trim_start();
    let (head, rest) = line.split_once(" panicked at ")?;
    if !head.starts_with("thread '") {
        return None;
    }
    let base = indent(lines[at]);
    let mut next = at + 1;
    let (place, message) = match rest.strip_suffix(':').and_then(Place::read) {
        Some(place) => {
            let mut message = String::new();
            while let Some(line) = lines.get(next) {
                let text = line.get(base.min(indent(line))..).unwrap_or(line);
                let ends = text.is_empty()
                    || text.starts_with("stack backtrace:")
                    || text.starts_with("note: ")
                    || (text.starts_with("test ") && text.contains(" ... "))
                    || text.starts_with("thread '");
                if ends || next > at + MAX_MESSAGE_LINES {
                    break;
                }
                message.push_str(text);
                message.push('\n');
                next += 1;
            }
            (place, message)
        }
        // Before Rust 1.73: `panicked at 'message', src/lib.rs:2:5`.
        None => {
            let (message, place) = rest.rsplit_once(", ")?;
            let message = message.trim_matches('\'').to_owned();
            (Place::read(place)?, message)
        }
    };
    let mut frames = vec![Frame::new(place, None)];
    if lines
        .get(next)
        .is_some_and(|line| line.trim() == "stack backtrace:")
    {
        next += 1;
        let mut function = None;
        while let Some(line) = lines.get(next) {
            let text = line.trim();
            if let Some(place) = text.strip_prefix("at ").and_then(Place::read) {
                if frames.len() < 4 * MAX_FRAMES {
                    frames.push(Frame::new(place, function));
                }
            } else if let Some((number, name)) = text.split_once(": ")
                && number.bytes().all(|c| c.is_ascii_digit())
            {
                function = Some(name);
            } else {
                break;
            }
            next += 1;
        }
    }
    // The place of the panic is the frame that panicked: it has a name there.
    if frames
        .iter()
        .skip(1)
        .any(|frame| frame.place == frames[0].place)
    {
        frames.remove(0);
    }
    let first = message.lines().next().unwrap_or_default();
    let asserted = first.starts_with("assertion ");
    let thrown = if asserted { "assertion" } else { "panic" };
    Some((trace(Language::Rust, thrown, &message, frames, at), next))
}
