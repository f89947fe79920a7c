//! The lines of a patch, with their numbers.

use super::error::{ParseError, ParseErrorKind};

/// Walks over a patch line by line; a copy of it looks ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(patch: &'a [u8]) -> Self {
        Self {
            rest: patch,
            line: 1,
        }
    }

    /// Shows the next line with its ending.
    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        self.rest.split_inclusive(|&byte| byte == b'\n').next()
    }

    /// Takes the next line with its ending.
    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.peek()?;
        self.rest = &self.rest[line.len()..];
        self.line += 1;
        Some(line)
    }

    /// Takes the next line, if it starts so; gives the rest of it without the ending.
    pub(super) fn next_after(&mut self, start: &str) -> Option<&'a [u8]> {
        let value = self.peek()?.strip_prefix(start.as_bytes())?;
        self.next();
        Some(trim_ending(value))
    }

    /// Numbers the line that `next` would give.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Refuses the line that `next` would give.
    pub(super) fn refuse(&self, kind: ParseErrorKind) -> ParseError {
        ParseError {
            line: self.line,
            kind,
        }
    }

    /// Refuses the line that `next` just gave.
    pub(super) fn refuse_last(&self, kind: ParseErrorKind) -> ParseError {
        ParseError {
            line: self.line - 1,
            kind,
        }
    }
}

/// Takes `\n` or `\r\n` off a header line: a name that really ends in a carriage return comes quoted.
pub(super) fn trim_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
