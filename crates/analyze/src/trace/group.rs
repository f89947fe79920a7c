//! A group of exceptions of Python: what went wrong are the exceptions in it.

use super::{Frame, Language, Trace, python, trace};

/// The most lines of one group.
const MAX_LINES: usize = 2000;

/// What stands between two rules of a group.
#[derive(Default)]
struct Block<'t> {
    lines: Vec<&'t str>,
    /// Where its first line stands.
    at: usize,
}

/// Reads every exception that a group holds, those of groups within it too; one that tells no place is where the group was
/// raised.
pub(super) fn read(lines: &[&str], at: usize) -> Option<(Vec<Trace>, usize)> {
    let first = lines[at].trim_start().trim_start_matches(['+', ' ']);
    if !first.starts_with("Exception Group Traceback (most recent call last)") {
        return None;
    }
    let mut blocks = vec![Block::default()];
    let mut next = at + 1;
    while let Some(line) = lines.get(next).filter(|_| next < at + MAX_LINES) {
        let text = line.trim_start();
        if text.starts_with("+-") {
            blocks.push(Block::default());
        } else if let Some(text) = text.strip_prefix('|') {
            let block = blocks.last_mut()?;
            if block.lines.is_empty() {
                block.at = next;
            }
            block.lines.push(text.strip_prefix(' ').unwrap_or(text));
        } else {
            break;
        }
        next += 1;
    }
    let (mut found, mut raised) = (Vec::new(), Vec::new());
    for block in &blocks {
        let is_group = block
            .lines
            .iter()
            .any(|line| line.ends_with(" sub-exception)") || line.ends_with(" sub-exceptions)"));
        if is_group {
            let frames = block.lines.iter().filter_map(|line| python::frame(line));
            let frames: Vec<Frame> = frames.collect();
            if !frames.is_empty() {
                raised = frames;
                raised.reverse();
            }
            continue;
        }
        found.extend(one(block, &raised));
    }
    (!found.is_empty()).then_some((found, next))
}

fn one(block: &Block<'_>, raised: &[Frame]) -> Option<Trace> {
    let begins = |line: &&str| line.starts_with("Traceback (most recent call last)");
    let traced = block.lines.iter().position(begins);
    let traced = traced.and_then(|start| python::read(&block.lines, start));
    let mut found = match traced {
        Some((found, _)) => found,
        None => {
            let thrown = block.lines.iter().find(|line| !line.trim().is_empty())?;
            let (name, message) = python::name_and_message(thrown.trim())?;
            let message = if message.is_empty() { name } else { message };
            trace(Language::Python, name, message, raised.to_vec(), 0)
        }
    };
    found.at_line = u32::try_from(block.at + 1).unwrap_or(u32::MAX);
    Some(found)
}
