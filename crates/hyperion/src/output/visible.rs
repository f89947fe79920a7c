//! Makes text that others wrote safe to look at.
//!
//! Titles, diffs and logs come from agents and repositories. Shown raw, an escape sequence could
//! repaint what a person is about to approve, and a bidirectional control could reorder it.

use std::borrow::Cow;

/// Shows one line: every control character, line ends included, in a visible form.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escape(text, false)
}

/// Shows several lines: line ends and tabs stay.
pub(crate) fn visible_text(text: &str) -> Cow<'_, str> {
    escape(text, true)
}

fn escape(text: &str, lines: bool) -> Cow<'_, str> {
    let harmless = |c: char| (lines && matches!(c, '\n' | '\t')) || !is_steering(c);
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if harmless(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push(' '),
            c if u32::from(c) < 0x100 => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and those that reorder or hide the text around them ("Trojan Source").
fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steering_characters_become_visible() {
        assert_eq!(visible("plain – ünïcode"), "plain – ünïcode");
        assert_eq!(visible("a\u{1b}[31m\r\nb\tc"), "a\\x1b[31m\\r\\nb c");
        assert_eq!(visible_text("a\n\tb\u{9b}"), "a\n\tb\\x9b");
        assert_eq!(visible("if \u{202e}x\u{2066}"), "if <U+202E>x<U+2066>");
    }
}
