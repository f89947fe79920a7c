//! Hunks: `@@ -1,3 +1,4 @@` and the lines it announces.

use super::error::{ParseError, ParseErrorKind};
use super::header::is_plain;
use super::reader::{Reader, trim_ending};
use crate::file_patch::{Hunk, Line, LineKind};

/// The highest line number a hunk may name, so that sums of two never overflow.
const LINE_NUMBER_MAX: usize = u32::MAX as usize;

/// Reads all hunks that follow.
pub(super) fn hunks(reader: &mut Reader<'_>) -> Result<Vec<Hunk>, ParseError> {
    let mut list = Vec::new();
    while reader.peek().is_some_and(|line| line.starts_with(b"@@ ")) {
        list.push(hunk(reader)?);
    }
    Ok(list)
}

fn hunk(reader: &mut Reader<'_>) -> Result<Hunk, ParseError> {
    let header = reader.next().and_then(|line| header(trim_ending(line)));
    let Some(mut hunk) = header else {
        return Err(reader.refuse_last(ParseErrorKind::HunkHeader));
    };
    let (mut old_left, mut new_left) = (hunk.old_lines, hunk.new_lines);
    let mut ends = Ends::default();
    while old_left > 0 || new_left > 0 {
        let short = ParseErrorKind::HunkShort {
            old: old_left,
            new: new_left,
        };
        let Some(line) = reader.next() else {
            return Err(reader.refuse(short));
        };
        if line.starts_with(b"\\ ") {
            ends.mark(&mut hunk)
                .map_err(|kind| reader.refuse_last(kind))?;
            continue;
        }
        let (kind, text) = match line {
            // Editors take the blank off an otherwise empty line; git reads it all the same.
            b"\n" => (LineKind::Context, line),
            [b' ', text @ ..] => (LineKind::Context, text),
            [b'-', text @ ..] => (LineKind::Removed, text),
            [b'+', text @ ..] => (LineKind::Added, text),
            _ => return Err(reader.refuse_last(short)),
        };
        let left = match kind {
            LineKind::Context => old_left.checked_sub(1).zip(new_left.checked_sub(1)),
            LineKind::Removed => old_left.checked_sub(1).zip(Some(new_left)),
            LineKind::Added => Some(old_left).zip(new_left.checked_sub(1)),
        };
        let Some(left) = left else {
            return Err(reader.refuse_last(ParseErrorKind::HunkLong));
        };
        if !line.ends_with(b"\n") {
            return Err(reader.refuse_last(ParseErrorKind::CutOff));
        }
        (old_left, new_left) = left;
        ends.admit(kind).map_err(|kind| reader.refuse_last(kind))?;
        hunk.lines.push(Line {
            kind,
            text: text.to_vec(),
        });
    }
    if reader.next_after("\\ ").is_some() {
        ends.mark(&mut hunk)
            .map_err(|kind| reader.refuse_last(kind))?;
    }
    match goes_on(*reader) {
        true => Err(reader.refuse(ParseErrorKind::HunkLong)),
        false => Ok(hunk),
    }
}

/// Tells whether a line right after a hunk looks like more of it, rather than the next file or a mail's signature.
fn goes_on(reader: Reader<'_>) -> bool {
    match reader.peek() {
        Some([b'+' | b' ' | b'\\', ..]) => true,
        Some(line @ [b'-', ..]) => {
            !is_plain(reader) && !matches!(trim_ending(line), b"-- " | b"--" | b"---")
        }
        Some(_) | None => false,
    }
}

/// Checks that a line without a newline is the last of its side.
#[derive(Default)]
struct Ends {
    old: bool,
    new: bool,
}

impl Ends {
    fn sides(kind: LineKind) -> (bool, bool) {
        (kind != LineKind::Added, kind != LineKind::Removed)
    }

    fn admit(&self, kind: LineKind) -> Result<(), ParseErrorKind> {
        let (old, new) = Self::sides(kind);
        match old && self.old || new && self.new {
            true => Err(ParseErrorKind::NewlineMarker),
            false => Ok(()),
        }
    }

    fn mark(&mut self, hunk: &mut Hunk) -> Result<(), ParseErrorKind> {
        let Some(line) = hunk.lines.last_mut() else {
            return Err(ParseErrorKind::NewlineMarker);
        };
        // A line without a newline cannot be empty.
        if line.text.pop() != Some(b'\n') || line.text.is_empty() {
            return Err(ParseErrorKind::NewlineMarker);
        }
        let (old, new) = Self::sides(line.kind);
        self.old |= old;
        self.new |= new;
        Ok(())
    }
}

fn header(line: &[u8]) -> Option<Hunk> {
    let (old_start, old_lines, rest) = range(line.strip_prefix(b"@@ -")?)?;
    let (new_start, new_lines, rest) = range(rest.strip_prefix(b" +")?)?;
    rest.strip_prefix(b" @@")?;
    let sound = |start: usize, lines: usize| start > 0 || lines == 0;
    (sound(old_start, old_lines) && sound(new_start, new_lines)).then_some(Hunk {
        old_start,
        old_lines,
        new_start,
        new_lines,
        lines: Vec::new(),
    })
}

fn range(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (start, rest) = number(text)?;
    match rest.strip_prefix(b",") {
        Some(rest) => {
            let (lines, rest) = number(rest)?;
            Some((start, lines, rest))
        }
        None => Some((start, 1, rest)),
    }
}

fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    (value <= LINE_NUMBER_MAX).then_some((value, &text[digits..]))
}
