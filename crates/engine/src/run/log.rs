//! A run's output piece by piece, for whoever reads all of it or follows it while it grows.
//!
//! A piece ends where a line ends, so that nothing of a secret shows because it was cut in two. A line that is longer than a
//! piece is left out, with a note.

use hyperion_model::run::Run;
use hyperion_policy::Redactor;

use super::spooled::gap_note;
use super::{BEFORE_BYTES, raw_from, raw_size};
use crate::{Cx, Error};

/// The most bytes of the output that one piece covers.
const PIECE_BYTES: u64 = 256 * 1024;
/// How far from the end the beginning of the last lines is looked for.
const TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// A piece of a run's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text, without its secrets.
    pub text: String,
    /// Where the next piece begins: a byte of the output as it was written.
    pub next: u64,
    /// Whether more of it is there already.
    pub more: bool,
}

/// Reads what was written from a byte on; none while there is no output.
///
/// The run has to be read before, so that of one that ended nothing is missed.
pub fn read_piece(cx: &Cx, run: &Run, from: u64) -> Result<Option<Piece>, Error> {
    let Some(part) = raw_from(cx, run, from, BEFORE_BYTES, PIECE_BYTES)? else {
        return Ok(None);
    };
    if let Some(end) = part.gap_to {
        return Ok(Some(Piece {
            text: gap_note(end.saturating_sub(from)),
            next: end,
            more: !part.is_last,
        }));
    }
    let is_end = part.is_cut && !(part.is_last && run.status.is_open());
    let new = &part.bytes;
    let (text, used) = piece(
        &cx.redactor,
        &part.before,
        new,
        PIECE_BYTES as usize,
        is_end,
    );
    let next = from.saturating_add(used as u64);
    let more = used > 0 && (used < new.len() || !part.is_last);
    Ok(Some(Piece { text, next, more }))
}

/// Finds where the last lines of the output begin; they are looked for within its last 4 MiB.
pub fn start_of_last_lines(cx: &Cx, run: &Run, lines: u32) -> Result<u64, Error> {
    let size = raw_size(cx, run)?;
    let mut start = size.saturating_sub(TAIL_BYTES);
    let mut begins_a_line = start == 0;
    // What comes after the last gap, if there is one.
    let bytes = loop {
        let Some(part) = raw_from(cx, run, start, 0, size - start)? else {
            return Ok(0);
        };
        let next = part.gap_to.unwrap_or(start + part.bytes.len() as u64);
        if next >= size || next == start || part.is_last {
            break part.bytes;
        }
        (start, begins_a_line) = (next, true);
    };
    // The line end that the output ends with begins no line.
    let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let mut starts = line_ends(body).rev();
    let nth = starts.nth(lines.saturating_sub(1) as usize);
    let at = match (lines, nth) {
        (0, _) => bytes.len(),
        (_, Some(at)) => at + 1,
        (_, None) if begins_a_line => 0,
        // Its first line began before what was looked at.
        (_, None) => line_ends(body).next().map_or(0, |at| at + 1),
    };
    Ok(start + at as u64)
}

fn line_ends(bytes: &[u8]) -> impl DoubleEndedIterator<Item = usize> + '_ {
    let ends = bytes.iter().enumerate();
    ends.filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at)
}

/// Takes the whole lines of what is new, and says how many bytes of it they are; `before` is what stands in front.
fn piece(
    redactor: &Redactor,
    before: &[u8],
    new: &[u8],
    max: usize,
    is_last: bool,
) -> (String, usize) {
    let ends_at = |bytes: &[u8]| {
        bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| at + 1)
    };
    // The line in front was too long and is left out to its end.
    let within_a_line = before.last().is_some_and(|last| *last != b'\n');
    let skipped = match within_a_line {
        true => ends_at(new).unwrap_or(new.len()),
        false => 0,
    };
    let rest = &new[skipped..];
    let last_end = rest
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map(|at| at + 1);
    let whole = match last_end {
        _ if is_last => rest.len(),
        Some(end) => end,
        None if rest.len() >= max => {
            let note = format!(
                "[hyperion: a line of more than {} KiB is left out here]\n",
                max / 1024
            );
            return (note, new.len());
        }
        None => 0,
    };
    let mut stream = redactor.stream();
    // Nobody sees it.
    let _ = stream.push_bytes(before);
    let _ = stream.push_bytes(&new[..skipped]);
    let mut text = stream.push_bytes(&rest[..whole]);
    text.push_str(&stream.finish());
    (
        if whole == 0 { String::new() } else { text },
        skipped + whole,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");
    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
                       QyNTUxOQAAACBq1Fxm2fY6b1kQ5mC4xk2Yt7p0l8w3JrUoVQnXo6kPzAAAAJg6ZkqJOmZK\n-----END OPENSSH PRIVATE KEY-----\n";

    /// Reads an output that comes to an end in pieces of so many bytes.
    fn whole(output: &[u8], max: usize) -> String {
        let (mut text, mut at) = (String::new(), 0);
        while at < output.len() {
            let end = output.len().min(at + max);
            let is_last = end == output.len();
            let (piece, used) = piece(
                &Redactor::default(),
                &output[..at],
                &output[at..end],
                max,
                is_last,
            );
            assert!(used > 0, "it stays at {at} of {}", output.len());
            text.push_str(&piece);
            at += used;
        }
        text
    }

    // C8, H3: however it is cut into pieces, no piece of a secret shows, and no line is lost or told twice.
    #[test]
    fn an_output_in_pieces_shows_all_but_its_secrets() {
        let output = format!("first\ntoken {TOKEN}\nbetween\n{KEY}last line");
        for max in 80..output.len() + 1 {
            let shown = whole(output.as_bytes(), max);
            for secret in ["qrstuvABCD", "kX9vQ2", "QyNTUxOQ", "OmZK", "Zm2fY6b"] {
                assert!(!shown.contains(secret), "{max}: {shown}");
            }
            assert!(shown.starts_with("first\ntoken "), "{max}: {shown}");
            assert!(shown.ends_with("\nlast line"), "{max}: {shown}");
            assert_eq!(shown.matches("between").count(), 1, "{max}: {shown}");
        }
    }

    #[test]
    fn a_line_waits_for_its_end_and_one_without_end_is_left_out() {
        let redactor = Redactor::default();
        let growing = |new: &[u8]| piece(&redactor, b"before\n", new, 2048, false);
        assert_eq!(growing(b"half"), (String::new(), 0));
        assert_eq!(growing(b"one\nhalf"), ("one\n".to_owned(), 4));
        let long = format!("one\n{}\ntwo\n", "x".repeat(5000));
        assert_eq!(
            whole(long.as_bytes(), 2048),
            "one\n[hyperion: a line of more than 2 KiB is left out here]\ntwo\n"
        );
    }
}
