//! A panic or a fatal error of Go.

use super::{Frame, Language, MAX_FRAMES, Trace, trace};
use crate::output::Place;

/// The most lines between what was thrown and the first stack.
const MAX_HEAD_LINES: usize = 12;

pub(super) fn read(lines: &[&str], at: usize) -> Option<(Trace, usize)> {
    let line = lines[at].trim_start();
    let (thrown, message) = match (
        line.strip_prefix("panic: "),
        line.strip_prefix("fatal error: "),
    ) {
        (Some(message), _) => ("panic", message),
        (None, Some(message)) => ("fatal error", message),
        (None, None) => return None,
    };
    let head = lines.iter().skip(at).take(MAX_HEAD_LINES);
    let first = at
        + head
            .enumerate()
            .find(|(_, line)| is_goroutine(line))
            .map(|(at, _)| at)?;
    let mut frames = Vec::new();
    let mut function: Option<&str> = None;
    let mut next = first;
    while let Some(line) = lines.get(next) {
        let text = line.trim();
        let is_place = line.starts_with('\t') || super::indent(line) >= 4;
        if let Some(place) = is_place.then(|| place(text)).flatten() {
            if frames.len() < 4 * MAX_FRAMES {
                frames.push(Frame::new(place, function.take()));
            }
        } else if text.is_empty() || is_goroutine(line) {
            function = None;
        } else if text.ends_with(')') || text.starts_with("created by ") {
            let text = text.strip_prefix("created by ").unwrap_or(text);
            // `pkg.(*T).Run(0xc0, …)`: the last bracket opens the arguments.
            function = Some(text.rfind('(').map_or(text, |at| &text[..at]));
        } else {
            break;
        }
        next += 1;
    }
    let message = message.trim_end_matches(" [recovered]");
    Some((trace(Language::Go, thrown, message, frames, at), next))
}

fn is_goroutine(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("goroutine ") && line.ends_with("]:")
}

/// Reads `/project/main.go:12 +0x16`.
fn place(text: &str) -> Option<Place> {
    Place::read(text.split(" +0x").next().unwrap_or(text))
        .filter(|place| place.file.ends_with(".go"))
}
