//! Makes text that others wrote safe to look at.
//!
//! Titles, diffs and logs come from agents and repositories. Shown raw, an escape sequence could repaint what a person
//! is about to approve, a bidirectional control could reorder it, and what draws nothing would not be seen at all.

use std::borrow::Cow;

use hyperion_policy::is_invisible;

/// What a text is part of: that decides which blanks it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One line: a name, a title, a reason.
    Line,
    /// Several lines that are read, not compared.
    Text,
    /// A line of a file or a diff, in which every character counts.
    Code,
}

/// Shows one line: every character that draws nothing, line ends and tabs included, in a visible form.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escape(text, Kind::Line)
}

/// Shows several lines: line ends and tabs stay.
pub(crate) fn visible_text(text: &str) -> Cow<'_, str> {
    escape(text, Kind::Text)
}

/// Shows a line of a diff, whose sign in front is no blank of the text: see [`visible_code`].
pub(crate) fn visible_diff(line: &str) -> Cow<'_, str> {
    let sign = line.chars().next().map_or(0, char::len_utf8);
    let (sign, code) = line.split_at(sign);
    match (escape(sign, Kind::Code), visible_code(code)) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(line),
        (sign, code) => Cow::Owned(format!("{sign}{code}")),
    }
}

/// Shows a line of a file: also its tabs (`→`), its carriage returns (`␍`) and the blanks at its end (`·`).
pub(crate) fn visible_code(line: &str) -> Cow<'_, str> {
    let end = line.trim_end_matches([' ', '\t', '\r']).len();
    let (text, blanks) = line.split_at(end);
    if blanks.is_empty() {
        return escape(text, Kind::Code);
    }
    let blanks = escape(blanks, Kind::Code).replace(' ', "·");
    Cow::Owned(format!("{}{blanks}", escape(text, Kind::Code)))
}

fn escape(text: &str, kind: Kind) -> Cow<'_, str> {
    let stays = |c: char| match c {
        '\n' | '\t' => kind == Kind::Text,
        c => !c.is_control() && !is_invisible(c),
    };
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match (c, kind) {
            (c, _) if stays(c) => shown.push(c),
            // The tab itself stays behind its mark, so that what is lined up with it still is.
            ('\t', Kind::Code) => shown.push_str("→\t"),
            ('\r', Kind::Code) => shown.push('␍'),
            ('\n', _) => shown.push_str("\\n"),
            ('\r', _) => shown.push_str("\\r"),
            ('\t', _) => shown.push_str("\\t"),
            (c, _) if c.is_control() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            (c, _) => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steering_characters_become_visible() {
        assert_eq!(visible("plain – ünïcode"), "plain – ünïcode");
        assert_eq!(visible("a\u{1b}[31m\r\nb\tc"), "a\\x1b[31m\\r\\nb\\tc");
        assert_eq!(visible_text("a\n\tb\u{9b}"), "a\n\tb\\x9b");
        assert_eq!(visible("if \u{202e}x\u{2066}"), "if <U+202E>x<U+2066>");
        let unseen =
            "\u{61c}\u{ad}\u{a0}\u{3164}\u{200b}\u{2063}\u{feff}\u{fe0f}\u{e0041}\u{e0165}";
        insta::assert_snapshot!(visible(unseen), @"<U+061C><U+00AD><U+00A0><U+3164><U+200B><U+2063><U+FEFF><U+FE0F><U+E0041><U+E0165>");
    }

    // T1: in a diff, what differs is seen to differ.
    #[test]
    fn blanks_of_a_diff_that_count_are_seen() {
        let shown = |line| visible_diff(line).into_owned();
        assert_eq!(shown("+\techo  hi"), "+→\techo  hi");
        assert_eq!(shown("-one\r"), "-one␍");
        assert_eq!(shown("+one \t "), "+one·→\t·");
        assert_eq!(shown("+ \u{202e}x"), "+ <U+202E>x");
        assert_eq!(
            (shown(" "), shown("+"), shown("")),
            (" ".into(), "+".into(), String::new())
        );
        assert_eq!(shown("+  "), "+··");
    }
}
