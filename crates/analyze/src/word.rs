//! A text as words, with what stands around them taken off.

use crate::limits::{MAX_QUOTE_CHARS, MAX_TEXT_BYTES, MAX_WORD_BYTES};

/// One word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    /// The word without quotes, brackets and punctuation around it.
    pub(crate) text: &'t str,
    /// Whether it stood in backticks of its own.
    pub(crate) ticked: bool,
    /// Whether it stands inside a fenced block, which is output or code rather than prose.
    pub(crate) fenced: bool,
}

/// A text taken apart.
#[derive(Debug, Default)]
pub(crate) struct Words<'t> {
    /// Every word, in order.
    pub(crate) all: Vec<Word<'t>>,
    /// What stands in double quotes or backticks and is more than a word.
    pub(crate) quotes: Vec<&'t str>,
}

/// Cuts a text to what is read of it.
pub(crate) fn readable(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES.min(text.len()))]
}

/// Takes a text apart.
pub(crate) fn words(text: &str) -> Words<'_> {
    let mut words = Words::default();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced {
            quotes(line, &mut words.quotes);
        }
        for raw in line.split_whitespace() {
            if raw.len() > MAX_WORD_BYTES || is_address(raw) {
                continue;
            }
            let ticked = raw.trim_start_matches(['(', '[', '"']).starts_with('`')
                && raw.matches('`').count() == 2;
            let text = bare(raw);
            if !text.is_empty() {
                words.all.push(Word {
                    text,
                    ticked,
                    fenced,
                });
            }
        }
    }
    words
}

/// Takes off what stands around a word.
fn bare(raw: &str) -> &str {
    let around = [
        '"', '\'', '`', ',', ';', '!', '?', '<', '>', '{', '}', '[', ']', '“', '”', '‘', '’', '«',
        '»', '*', '…',
    ];
    let mut text = raw.trim_matches(around);
    // `name()` and `file(3,4)` keep their brackets, `(name)` does not.
    loop {
        let before = text;
        if let Some(rest) = text.strip_prefix('(') {
            text = rest.strip_suffix(')').unwrap_or(rest);
        }
        if text.ends_with(')') && !text.contains('(') {
            text = text.trim_end_matches(')');
        }
        text = text.trim_matches(around).trim_end_matches(['.', ':']);
        if text == before {
            return text;
        }
    }
}

/// Tells whether a word is an address of the web or of a person.
fn is_address(word: &str) -> bool {
    let at = word
        .find('@')
        .is_some_and(|at| at > 0 && !word[..at].contains('/'));
    word.contains("://") || word.contains("www.") || (at && word.contains('.'))
}

/// Collects what stands between quotes on one line and has more than one word.
fn quotes<'t>(line: &'t str, out: &mut Vec<&'t str>) {
    for (open, close) in [('"', '"'), ('“', '”'), ('`', '`')] {
        let mut rest = line;
        while let Some(start) = rest.find(open) {
            let inside = &rest[start + open.len_utf8()..];
            let Some(end) = inside.find(close) else { break };
            let quote = inside[..end].trim();
            if quote.contains(' ') && quote.chars().count() <= MAX_QUOTE_CHARS {
                out.push(quote);
            }
            rest = &inside[end + close.len_utf8()..];
        }
    }
}
