//! Unified diffs in colour; the signs in front say the same.

use crate::output::style::{self, paint};
use crate::output::visible::visible_diff;
use crate::output::wrap::wrapped;

/// A diff, and how much of it is left out.
pub(crate) struct Shown {
    /// The text.
    pub(crate) text: String,
    /// How many lines are not in it.
    pub(crate) left_out: usize,
}

/// Paints a diff of at most so many lines.
pub(crate) fn first_lines(diff: &str, lines_max: usize) -> Shown {
    let mut text = String::new();
    // Not by `lines`, which drops a carriage return in front of a line's end.
    let lines = || diff.split_terminator('\n');
    let parts = hyperion_policy::redact::hunk_lines(diff);
    for (line, in_hunk) in lines().zip(parts).take(lines_max) {
        let shown = visible_diff(line);
        text.push_str(&match line.as_bytes() {
            // Within a hunk that is a line of the file, whatever it looks like.
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] if !in_hunk => {
                paint(style::STRONG, &shown)
            }
            [b'+', ..] => paint(style::GOOD, &shown),
            [b'-', ..] => paint(style::BAD, &shown),
            [b'@', b'@', ..] => paint(style::HINT, &shown),
            [b' ', ..] | [] => shown.into_owned(),
            _ => paint(style::FAINT, &shown),
        });
        text.push('\n');
    }
    Shown {
        text,
        left_out: lines().count().saturating_sub(lines_max),
    }
}

/// Paints a whole diff.
pub(crate) fn whole(diff: &str) -> String {
    first_lines(diff, usize::MAX).text
}

/// Puts a diff below the block that it belongs to, which is wrapped where the diff is not.
pub(crate) fn below(block: &str, diff: Option<&str>, width: Option<usize>) -> String {
    let block = wrapped(block, width);
    match diff {
        Some(diff) => format!("{block}\n{}", whole(diff)),
        None => block.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+tw\u{1b}[8mo\n";

    #[test]
    fn colours_repeat_the_signs_and_nothing_hides() {
        let text = whole(DIFF);
        assert!(text.contains("\u{1b}[32m+tw\\x1b[8mo\u{1b}[0m"));
        assert_eq!(crate::view::plain(&text), DIFF.replace('\u{1b}', "\\x1b"));
        // A line of a file that looks like a header is painted as what it is.
        let text = whole("--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- a/y\n+++ b/y\n");
        assert!(text.contains("\u{1b}[31m--- a/y\u{1b}[0m") && text.contains("\u{1b}[32m+++ b/y"));
        let shown = first_lines(DIFF, 4);
        assert_eq!((shown.text.lines().count(), shown.left_out), (4, 2));
    }
}
