//! Redacts a text that comes in pieces: a process's output, a log that is read block by block.
//!
//! What comes out depends on the text alone and never on where it was cut into pieces, because every decision is made
//! where a line ends, or where so much is held back that it has to be. Within [`MAX_HELD_BYTES`] a line it is what
//! [`Redactor::redact`] makes of the whole.

use std::fmt;

use super::Redactor;
use super::found::Found;

/// The most bytes that are held back: of a line that does not end, or of what may be a key block.
pub const MAX_HELD_BYTES: usize = 128 * 1024;
/// How much is looked at behind a place before something longer than what may be held is cut there: longer than what any
/// rule looks at.
const LOOKAHEAD: usize = 24 * 1024;
/// How many places are tried, for such a cut, before any is good enough.
const MAX_TRIES: usize = 4;
/// How far those are apart.
const TRY_STEP: usize = 4 * 1024;
/// While a key block is open: how much comes before it is looked at again, unless a line looks like its end.
const LOOK_AGAIN_BYTES: usize = 1024;
/// How many bytes of whole lines are read at once, where nothing is open at their end.
const BATCH_BYTES: usize = 64 * 1024;

/// Redacts a text that comes in pieces; see [`Redactor::stream`].
pub struct RedactStream {
    redactor: Redactor,
    /// What was not given out yet.
    held: String,
    /// The beginning of a character whose end did not come yet.
    partial: Vec<u8>,
    /// Up to where there is no need to look whether a block has ended.
    closed_from: usize,
    /// Whether what was given out ended within a word that is a secret: the rest of it is dropped.
    dropping: bool,
}

impl RedactStream {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            held: String::new(),
            partial: Vec::new(),
            closed_from: 0,
            dropping: false,
        }
    }

    /// Takes a piece, and gives what can be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        let mut out = String::new();
        let mut rest = piece;
        while !rest.is_empty() {
            if self.dropping {
                rest = rest.trim_start_matches(goes_on);
                self.dropping = rest.is_empty();
                continue;
            }
            if let Some(left) = self.give_batch(rest, &mut out) {
                rest = left;
                continue;
            }
            let line = rest.find('\n').map_or(rest.len(), |at| at + 1);
            let room = MAX_HELD_BYTES - self.held.len();
            let (taken, left) = rest.split_at(rest.floor_char_boundary(line.min(room)));
            rest = left;
            self.held.push_str(taken);
            if taken.is_empty() {
                self.cut(&mut out);
            } else if taken.ends_with('\n') {
                self.end_line(&mut out);
            }
        }
        out
    }

    /// Takes a piece of what should be UTF-8; what is not becomes `U+FFFD`.
    pub fn push_bytes(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(piece);
        let mut out = String::new();
        let mut rest = bytes.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(&self.push(text));
                    return out;
                }
                Err(error) => error,
            };
            let (valid, after) = rest.split_at(error.valid_up_to());
            // Valid by what was just found out.
            out.push_str(&self.push(&String::from_utf8_lossy(valid)));
            let Some(wrong) = error.error_len() else {
                self.partial = after.to_vec();
                return out;
            };
            out.push_str(&self.push("\u{fffd}"));
            rest = &after[wrong..];
        }
    }

    /// Gives the rest.
    pub fn finish(mut self) -> String {
        let mut out = String::new();
        if !self.partial.is_empty() {
            out = self.push("\u{fffd}");
        }
        out.push_str(&self.redactor.redact(&self.held));
        out
    }

    /// Gives out the many whole lines with which a piece goes on, as one text, and says what is left of the piece; none where a line is
    /// held already, or something may go on behind them: then every line is looked at by itself.
    fn give_batch<'p>(&self, piece: &'p str, out: &mut String) -> Option<&'p str> {
        if !self.held.is_empty() {
            return None;
        }
        let most = piece.floor_char_boundary(BATCH_BYTES);
        let end = piece[..most].rfind('\n')? + 1;
        let (lines, left) = piece.split_at(end);
        let is_open = self.redactor.ends_in_key(lines) || self.redactor.ends_in_known(lines);
        (!is_open).then(|| {
            out.push_str(&self.redactor.redact(lines));
            left
        })
    }

    /// Gives out whole lines, unless something may go on in the next.
    fn end_line(&mut self, out: &mut String) {
        let last = self.held[..self.held.len() - 1].rfind('\n');
        let line = &self.held[last.map_or(0, |at| at + 1)..];
        if self.held.len() < self.closed_from && !line.contains("-----END") {
            return;
        }
        if self.redactor.ends_in_key(&self.held) {
            self.closed_from = self.held.len() + LOOK_AGAIN_BYTES;
            return;
        }
        self.closed_from = 0;
        if self.redactor.ends_in_known(&self.held) {
            return;
        }
        self.give(self.held.len(), out);
    }

    /// Gives out a part of what has become too much to be held.
    fn cut(&mut self, out: &mut String) {
        let text = &self.held;
        let high = text.floor_char_boundary(text.len() - LOOKAHEAD);
        if let Some(at) = self.safe_cut(high) {
            self.give(at, out);
            return;
        }
        let found = self.redactor.find(text);
        let across = found
            .iter()
            .find(|Found { start, end, .. }| *start < high && high < *end);
        let at = across.map_or(high, |found| found.end);
        self.dropping = at == text.len();
        self.give(at, out);
    }

    /// Finds a place between words where both sides, read alone, say what they say together.
    fn safe_cut(&self, high: usize) -> Option<usize> {
        let text = &self.held;
        let whole = self.redactor.redact(text);
        let low = text.floor_char_boundary(text.len() / 2);
        let mut end = high;
        for _ in 0..MAX_TRIES {
            let before = text
                .get(low..end)?
                .trim_end_matches(|c: char| !c.is_whitespace());
            let at = low + before.len();
            if at == low {
                return None;
            }
            let (left, right) = text.split_at(at);
            let (left, right) = (self.redactor.redact(left), self.redactor.redact(right));
            if whole.len() == left.len() + right.len()
                && whole.starts_with(&*left)
                && whole.ends_with(&*right)
            {
                return Some(at);
            }
            end = text.floor_char_boundary(at.saturating_sub(TRY_STEP));
        }
        None
    }

    fn give(&mut self, until: usize, out: &mut String) {
        let rest = self.held.split_off(until);
        out.push_str(&self.redactor.redact(&self.held));
        self.held = rest;
        self.closed_from = 0;
    }
}

impl fmt::Debug for RedactStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never what is held back: it was not looked at yet.
        let held_bytes = self.held.len();
        f.debug_struct("RedactStream")
            .field("redactor", &self.redactor)
            .field("held_bytes", &held_bytes)
            .finish_non_exhaustive()
    }
}

/// Tells whether a character may belong to a token that began before.
fn goes_on(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=')
}
