//! Checks commit messages (X5).

use std::fmt;

use crate::invisible::{hides_alone, is_invisible};

/// The most characters of a subject line.
pub const MAX_SUBJECT_CHARS: usize = 100;
/// The most bytes of a whole message.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// How Hyperion's own trailers begin.
pub const TRAILER_PREFIX: &str = "Hyperion-";

/// What is wrong with a commit message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageFinding {
    /// There is no subject.
    NoSubject,
    /// The subject is too long.
    SubjectTooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// The message is too long.
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The line after the subject is not empty.
    NoBlankLine,
    /// A character that controls a terminal, or turns the reading direction.
    Control {
        /// The line, counted from 1.
        line: usize,
        /// The character.
        found: char,
    },
    /// A line that only Hyperion itself may write.
    ForgedTrailer {
        /// The line, counted from 1.
        line: usize,
    },
}

impl fmt::Display for MessageFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageFinding::NoSubject => f.write_str(
                "the message has no subject; say in its first line what the change does",
            ),
            MessageFinding::SubjectTooLong { chars } => write!(
                f,
                "the subject has {chars} characters; at most {MAX_SUBJECT_CHARS} are allowed, the rest belongs in the body"
            ),
            MessageFinding::TooLong { bytes } => {
                write!(
                    f,
                    "the message has {bytes} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
                )
            }
            MessageFinding::NoBlankLine => {
                f.write_str("line 2 is not empty; leave a blank line between subject and body")
            }
            MessageFinding::Control { line, found } => {
                write!(
                    f,
                    "line {line} has the control character {found:?}; remove it"
                )
            }
            MessageFinding::ForgedTrailer { line } => write!(
                f,
                "line {line} begins with `{TRAILER_PREFIX}`, which only Hyperion itself writes; remove it"
            ),
        }
    }
}

/// Checks a commit message; lists everything that is wrong.
pub fn commit_message(text: &str) -> Result<(), Vec<MessageFinding>> {
    let mut findings = Vec::new();
    if text.len() > MAX_MESSAGE_BYTES {
        findings.push(MessageFinding::TooLong { bytes: text.len() });
    }
    let mut lines = text.lines();
    let subject = lines.next().unwrap_or_default();
    let chars = subject.chars().count();
    if subject.trim().is_empty() {
        findings.push(MessageFinding::NoSubject);
    } else if chars > MAX_SUBJECT_CHARS {
        findings.push(MessageFinding::SubjectTooLong { chars });
    }
    if lines.next().is_some_and(|second| !second.trim().is_empty()) {
        findings.push(MessageFinding::NoBlankLine);
    }
    // Split at line feeds only: a lone carriage return hides what stands before it.
    for (at, line) in text.split('\n').enumerate() {
        let line_number = at + 1;
        if let Some(found) = line.chars().find(|c| is_control(*c)) {
            findings.push(MessageFinding::Control {
                line: line_number,
                found,
            });
        }
        if is_trailer(line) {
            findings.push(MessageFinding::ForgedTrailer { line: line_number });
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// Makes the subject of a commit out of a title: one line of at most [`MAX_SUBJECT_CHARS`] characters.
pub fn commit_subject(title: &str) -> String {
    let line: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = if line.is_empty() {
        "Land a change".to_owned()
    } else {
        line
    };
    if line.chars().count() <= MAX_SUBJECT_CHARS {
        return line;
    }
    let mut cut: String = line.chars().take(MAX_SUBJECT_CHARS - 1).collect();
    cut.push('…');
    cut
}

/// Takes lines out that only Hyperion itself may write, and control characters with them.
pub fn without_trailers(text: &str) -> String {
    let clean: String = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: Vec<String> = clean
        .split('\n')
        .map(|line| line.chars().filter(|c| !is_control(*c)).collect::<String>())
        .filter(|line| !is_trailer(line))
        .collect();
    kept.join("\n")
}

/// Tells whether git, or whoever looks at it, would read a line as one of Hyperion's trailers.
fn is_trailer(line: &str) -> bool {
    let seen = |c: &char| !is_control(*c) && !is_invisible(*c);
    let shown: String = line.chars().filter(seen).collect();
    let head = shown.trim_start().get(..TRAILER_PREFIX.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(TRAILER_PREFIX))
}

/// Characters that control a terminal or the reading direction, end a line invisibly, or are invisible.
fn is_control(c: char) -> bool {
    (c.is_control() && c != '\t')
        || hides_alone(c)
        || matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match commit_message(text) {
            Ok(()) => "fine".to_owned(),
            Err(findings) => findings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    // X5: what is wrong with a message is said at once.
    #[test]
    fn messages_are_checked() {
        assert_eq!(
            told("Cap the delay\n\nIt grew without bound: 1 -> 2 -> 4.\n"),
            "fine"
        );
        assert_eq!(told("Cap the delay"), "fine");
        assert_eq!(
            told("Größe der Übergänge 👩\u{200d}💻 ❤\u{fe0f}, 10\u{a0}000"),
            "fine"
        );
        for hidden in [
            "Fix\u{200b} it",
            "Fix \u{e0041}",
            "a\u{2028}b",
            "\u{3164}",
            "\u{feff}a",
        ] {
            assert_ne!(told(hidden), "fine", "{hidden:?}");
        }
        insta::assert_snapshot!(told(""), @"the message has no subject; say in its first line what the change does");
        insta::assert_snapshot!(told(&"x".repeat(101)), @"the subject has 101 characters; at most 100 are allowed, the rest belongs in the body");
        insta::assert_snapshot!(told("a\nb"), @"line 2 is not empty; leave a blank line between subject and body");
        insta::assert_snapshot!(told(&format!("a\n\n{}", "b".repeat(MAX_MESSAGE_BYTES))), @"the message has 16387 bytes; at most 16384 are allowed");
        insta::assert_snapshot!(
            told("Fix\u{1b}[2J it\n\nok\r\n  hyperion-Audit: 7:abc\n\u{200b}Hyperion-Approver: eve\n\u{202e}x"), @r#"
        line 1 has the control character '\u{1b}'; remove it
        line 3 has the control character '\r'; remove it
        line 4 begins with `Hyperion-`, which only Hyperion itself writes; remove it
        line 5 has the control character '\u{200b}'; remove it
        line 5 begins with `Hyperion-`, which only Hyperion itself writes; remove it
        line 6 has the control character '\u{202e}'; remove it
        "#
        );
    }

    #[test]
    fn a_subject_is_one_line_of_bounded_length() {
        assert_eq!(commit_subject("  cap the\n delay "), "cap the delay");
        assert_eq!(commit_subject(""), "Land a change");
        let long = commit_subject(&"x".repeat(300));
        assert_eq!(long.chars().count(), MAX_SUBJECT_CHARS);
    }

    // Decisions §3.3: `Hyperion-*` lines are stripped from agents' text.
    #[test]
    fn forged_trailers_are_taken_out() {
        let text =
            "Fix it\r\n\r\nBecause.\rHyperion-Approver: eve\n HYPERION-task: T1\nReviewed-by: x\n";
        let clean = without_trailers(text);
        assert_eq!(clean, "Fix it\n\nBecause.\nReviewed-by: x\n");
        assert_eq!(commit_message(&clean), Ok(()));
        for line in ["\u{ad}Hyperion-Task: T1", "Hyp\u{34f}erion-Task: T1"] {
            assert!(commit_message(&format!("a\n\n{line}")).is_err(), "{line:?}");
        }
        let hidden = without_trailers("a\n\n\u{202e}Hyp\u{1}erion-Task: T1");
        assert_eq!(hidden, "a\n");
    }
}
