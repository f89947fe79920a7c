//! Prose that fits the terminal.

use std::borrow::Cow;

use anstream::adapter::strip_str;
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// The longest label in front of the bar of a line that is quoted: `branch |`.
const QUOTED_LABEL_MAX: usize = 7;
/// With less room than this for the text, lines go back to the left margin.
const ROOM_MIN: usize = 24;
/// The longest label of a line, with the blanks after it: `  approved by  `.
const LABEL_CHARS_MAX: usize = 15;
/// Where it begins to be said what a command does: after the longest that the overview names.
const EXPLAINED_COLUMN: usize = 34;
/// Words in front of what is said.
const PREFIXES: &[&str] = &["error: ", "hint: ", "warning: ", "next: "];
/// Marks in front of an item of a list.
const MARKS: &[&str] = &["- ", "✓ ", "✗ ", "… "];
/// Holds the words of a command together; what others wrote cannot hold one, it is made visible.
const NO_BREAK: &str = "\u{a0}";
/// The most words of a command that stay together where no backtick says where it ends.
const COMMAND_WORDS_MAX: usize = 5;

/// Breaks lines that are too long; what is left of one goes below the text of its first line.
///
/// Commands stay whole, so that they can be copied. No width means no terminal: nothing is broken.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> Cow<'_, str> {
    wrapped_by(text, width, text_begins)
}

/// Breaks lines whose text begins at this column.
pub(crate) fn wrapped_at(text: &str, width: Option<usize>, column: usize) -> Cow<'_, str> {
    wrapped_by(text, width, |_| column)
}

/// Writes a command and what it does, one below the other in columns where there is room for that.
pub(crate) fn explained(command: &str, shown: &str, about: &str, width: Option<usize>) -> String {
    let pad = EXPLAINED_COLUMN
        .saturating_sub(2 + display_width(command))
        .max(2);
    let line = format!("  {shown}{}{about}", " ".repeat(pad));
    wrapped_at(&line, width, EXPLAINED_COLUMN).into_owned()
}

fn wrapped_by(text: &str, width: Option<usize>, begins: impl Fn(&str) -> usize) -> Cow<'_, str> {
    let Some(width) = width else {
        return Cow::Borrowed(text);
    };
    let stays = |line: &str| display_width(line) <= width || is_quoted(line);
    if text.lines().all(stays) {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| {
        if stays(line) {
            return Cow::Borrowed(line);
        }
        let column = begins(&strip_str(line).to_string());
        Cow::Owned(wrapped_line(line, width, column))
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// Whether a line is what a program or a person wrote, after a bar: `    | text`, `    branch | text`.
fn is_quoted(line: &str) -> bool {
    let line = strip_str(line).to_string();
    let bar = line.strip_prefix("    ").and_then(|line| line.find('|'));
    bar.is_some_and(|at| at <= QUOTED_LABEL_MAX)
}

fn wrapped_line(line: &str, width: usize, column: usize) -> String {
    let column = if column + ROOM_MIN > width { 0 } else { column };
    let below = " ".repeat(column);
    let options = Options::new(width)
        .subsequent_indent(&below)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .break_words(false);
    let text = line.trim_end_matches(' ');
    let filled = textwrap::fill(&commands_held_together(text), options);
    // A prompt ends with a blank.
    filled.replace(NO_BREAK, " ") + &line[text.len()..]
}

/// Puts blanks that do not break between the words of a command: between backticks, or from `hyperion` to the next comma.
fn commands_held_together(line: &str) -> String {
    let mut held = String::with_capacity(line.len());
    let (mut is_quoted, mut words_held) = (false, 0);
    for word in line.split_inclusive(' ') {
        let bare = strip_str(word.trim_end()).to_string();
        is_quoted ^= bare.matches('`').count() % 2 == 1;
        words_held = match words_held {
            // Two blanks: what comes next is no part of it.
            _ if is_quoted || bare.is_empty() || bare.ends_with([',', ';', ':', '.', ')', '`']) => {
                0
            }
            0 if bare.ends_with("hyperion") => COMMAND_WORDS_MAX,
            held => held.saturating_sub(1),
        };
        if is_quoted || words_held > 0 {
            held.push_str(&word.replace(' ', NO_BREAK));
        } else {
            held.push_str(word);
        }
    }
    held
}

/// Gives the column where a line's text begins: after its margin, a label, a prefix and a mark.
fn text_begins(line: &str) -> usize {
    let mut rest = line.trim_start_matches(' ');
    let mut column = line.len() - rest.len();
    let label = rest.find("  ").map(|at| rest.split_at(at));
    if let Some((label, text)) = label {
        let text = text.trim_start_matches(' ');
        let text_at = rest.len() - text.len();
        let is_label = !MARKS.iter().any(|mark| label.starts_with(mark));
        if is_label && column + text_at <= LABEL_CHARS_MAX {
            column += text_at;
            rest = text;
        }
    }
    for start in PREFIXES.iter().chain(MARKS) {
        if let Some(text) = rest.strip_prefix(start) {
            column += display_width(start);
            rest = text;
        }
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::{self, paint};

    const TEXT: &str = "error: the repository web has uncommitted changes in src/retry.rs, which the landing touches too\n\
        hint: commit them, or put them aside with `git stash push -m mine`, then go on with `hyperion queue retry 1a2b3c4d`\n\
        \u{20} next         hyperion approval show 2b1d7c64, then hyperion approval approve 2b1d7c64  (and more)\n\
        \u{20} because      - every request asks for an approval (request.requires_approval)\n\
        \u{20}              ✓ T1 on main at 4f1c2d3e5a  +3 -1  src/retry.rs, src/clamp.rs, src/more.rs\n\
        short\n";

    // W1: what a program wrote stays as it wrote it.
    #[test]
    fn quoted_lines_stay_as_they_are() {
        let long = "x ".repeat(60);
        for bar in ["    | ", "    branch | "] {
            let line = format!("{bar}{long}\n");
            assert_eq!(wrapped(&line, Some(60)), line);
        }
        assert_ne!(wrapped(&format!("    {long}\n"), Some(60)), long);
    }

    fn plain(text: &str) -> String {
        strip_str(text).to_string()
    }

    #[test]
    fn long_lines_go_on_below_their_text_and_commands_stay_whole() {
        insta::assert_snapshot!(wrapped(TEXT, Some(60)), @r"
        error: the repository web has uncommitted changes in
               src/retry.rs, which the landing touches too
        hint: commit them, or put them aside with
              `git stash push -m mine`, then go on with
              `hyperion queue retry 1a2b3c4d`
          next         hyperion approval show 2b1d7c64, then
                       hyperion approval approve 2b1d7c64  (and
                       more)
          because      - every request asks for an approval
                         (request.requires_approval)
                       ✓ T1 on main at 4f1c2d3e5a  +3 -1
                         src/retry.rs, src/clamp.rs, src/more.rs
        short
        ");
        assert_eq!(wrapped(TEXT, None), TEXT);
        assert_eq!(wrapped("", Some(10)), "");
        // Nothing is lost at any width, and no line is too long but for a single word or command.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for width in 1..120 {
            let wrapped = wrapped(TEXT, Some(width));
            assert_eq!(words(&wrapped), words(TEXT), "{width}");
            assert!(wrapped.ends_with("\nshort\n"));
        }
    }

    #[test]
    fn colours_take_no_room() {
        let line = format!(
            "{} one two three four five six",
            paint(style::BAD, "error:")
        );
        let shown = wrapped(&line, Some(36));
        assert_eq!(plain(&shown), "error: one two three four five six");
        let shown = wrapped(&line, Some(33));
        assert_eq!(plain(&shown), "error: one two three four five\n       six");
    }
}
