//! Why a patch does not apply.

use std::fmt;

use crate::binary::BinaryError;

/// The most characters of a line that a message repeats.
const EXCERPT_CHARS_MAX: usize = 60;
/// The most characters of a line that it repeats before the place where two lines differ.
const BEFORE_CHARS_MAX: usize = 20;

/// Why a patch does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The file has other lines than a hunk expects.
    #[error("apply {0}")]
    Mismatch(Mismatch),
    /// A hunk fits at several places, and the patch's line numbers do not tell which is meant.
    #[error("apply {0}")]
    Ambiguous(Ambiguity),
    /// The patch creates a file that is there already.
    #[error("create the file: it is there and not empty; make a patch that changes it")]
    NotEmpty,
    /// The patch deletes a file but not all of its lines.
    #[error(
        "delete the file: {lines} lines would be left, so it changed since the patch was made; make it again"
    )]
    Leftover {
        /// Counts the lines that would be left.
        lines: usize,
    },
    /// The binary change does not apply.
    #[error("apply the binary change: {0}")]
    Binary(#[from] BinaryError),
}

/// A hunk that fits at several places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguity {
    /// Numbers the hunk within its file, from 1.
    pub hunk: usize,
    /// Numbers the first lines of two of the places, from 1, in the order of the file.
    pub lines: [usize; 2],
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hunk,
            lines: [first, second],
        } = self;
        write!(
            f,
            "hunk {hunk}: its lines are at line {first} and at line {second}, and the patch's line numbers do not fit this \
             file; give the hunk more context, or make the patch against the file as it is now"
        )
    }
}

/// Where a hunk and the file part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Numbers the hunk within its file, from 1.
    pub hunk: usize,
    /// Numbers the line of the old file, from 1.
    pub line: usize,
    /// Begins the line that the hunk expects there; `None` where it expects the file to end.
    pub expected: Option<String>,
    /// Begins the line that is there; `None` at the end of the file.
    pub found: Option<String>,
    /// Tells what probably happened.
    pub hint: MismatchHint,
}

/// What probably happened when a hunk does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MismatchHint {
    /// The file changed since the patch was made, or the patch was made up.
    Changed,
    /// The hunk's result is already there.
    AlreadyApplied,
    /// The lines differ in their endings only (`\r\n` and `\n`).
    LineEndings,
    /// Only the newline behind the last line differs.
    FinalNewline {
        /// Whether the file has it there, and the patch says that it does not; else it is the other way round.
        in_file: bool,
    },
    /// The hunk has no line that the file could have, and does not stand at the end of the file.
    NoContext,
    /// The lines are there, but before those of the hunk before.
    OutOfOrder {
        /// Numbers the line where they are, from 1.
        line: usize,
    },
    /// The lines are there, but the hunk says that the file starts or ends with them.
    NotAtEdge {
        /// Numbers the line where they are, from 1.
        line: usize,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hunk,
            line,
            expected,
            found,
            hint,
        } = self;
        let quoted = |text: &Option<String>| match text {
            Some(text) => format!("`{text}`"),
            None => "the end of the file".to_owned(),
        };
        write!(
            f,
            "hunk {hunk} at line {line}: expected {}, found {}; ",
            quoted(expected),
            quoted(found)
        )?;
        match hint {
            MismatchHint::Changed => write!(f, "make the patch against the file as it is now"),
            MismatchHint::AlreadyApplied => {
                write!(f, "its result is there already, so leave this hunk out")
            }
            MismatchHint::LineEndings => {
                write!(f, "only line endings differ, so keep the file's own")
            }
            MismatchHint::FinalNewline { in_file: true } => write!(
                f,
                "only the final newline differs: the file has one behind this line, so take `\\ No newline at end of file` out of the hunk's old lines"
            ),
            MismatchHint::FinalNewline { in_file: false } => write!(
                f,
                "only the final newline differs: the file ends without one, so put `\\ No newline at end of file` below this line of the hunk"
            ),
            MismatchHint::NoContext => write!(
                f,
                "it has no line to find its place by, so give three lines of context"
            ),
            MismatchHint::OutOfOrder { line } => {
                write!(
                    f,
                    "its lines are at line {line}, before the hunk before it, so put the hunks in order"
                )
            }
            MismatchHint::NotAtEdge { line } => write!(
                f,
                "its lines are at line {line}, but without context before or behind them they must start or end the file, \
                 so give three lines of context"
            ),
        }
    }
}

/// Shows the start of a line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    excerpt_from(bytes, 0)
}

/// Shows two lines that differ, each cut around the place where they do.
pub(crate) fn excerpts(one: &[u8], other: &[u8]) -> (String, String) {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    // The start of a short line is shown whole, as long as the difference is shown, too.
    if same + BEFORE_CHARS_MAX < EXCERPT_CHARS_MAX {
        return (excerpt(one), excerpt(other));
    }
    let mut from = same;
    for _ in 0..BEFORE_CHARS_MAX {
        from = before(one, from);
    }
    (excerpt_from(one, from), excerpt_from(other, from))
}

/// Finds where the character begins that ends at a place of UTF-8.
fn before(bytes: &[u8], end: usize) -> usize {
    let continues = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let longest = end.saturating_sub(4);
    (longest..end)
        .rev()
        .find(|at| !continues(at))
        .unwrap_or(longest)
}

fn excerpt_from(bytes: &[u8], from: usize) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let rest = bytes.get(from..).unwrap_or_default();
    let head = &rest[..rest.len().min(EXCERPT_CHARS_MAX * 4 + 4)];
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    if from > 0 {
        shown.push('…');
    }
    shown.extend(text.chars().take(EXCERPT_CHARS_MAX).flat_map(shown_char));
    if text.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn shown_char(letter: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = match letter.is_control() {
        true => (None, Some(letter.escape_default())),
        false => (Some(letter), None),
    };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_around_the_place_where_they_differ() {
        let line = |word: &str| format!("{}{word}{}\n", "é".repeat(4000), "b".repeat(4000));
        let (one, other) = excerpts(line("ä").as_bytes(), line("ö").as_bytes());
        let around = |word: &str| format!("…{}{word}{}…", "é".repeat(19), "b".repeat(40));
        assert_eq!((one, other), (around("ä"), around("ö")));

        let (one, other) = excerpts(b"let a = 1;\n", b"let a = 2;\n");
        assert_eq!((one.as_str(), other.as_str()), ("let a = 1;", "let a = 2;"));
        let long = "x".repeat(100);
        let (one, other) = excerpts(
            format!("{long}y\n").as_bytes(),
            format!("{long}\n").as_bytes(),
        );
        assert_eq!(one, format!("…{}y", "x".repeat(20)));
        assert_eq!(other, format!("…{}", "x".repeat(20)));
        // A line that is not UTF-8 is shown as far as it goes.
        let (one, _) = excerpts(&[0x80; 200], &[0x81; 200]);
        assert_eq!(one.chars().count(), EXCERPT_CHARS_MAX + 1);
    }
}
