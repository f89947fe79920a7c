//! What is looked at before a command is parsed: its size, its letters, how deep it can possibly nest.

use hyperion_model::Level;

use crate::judgement::{Finding, Weight};
use crate::path::turns_text;

/// The most bytes of a command that is looked into.
pub const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// The most times that anything in a command may open something: no command is nested deeper than this.
///
/// The parser descends once or more for each; with so many it stays within a quarter of the smallest usual stack.
pub const MAX_OPENINGS: usize = 32;
/// The most marks that part one command from the next.
pub const MAX_SEPARATORS: usize = 300;
/// The most words that the braces of one word may become.
pub(super) const MAX_BRACE_WORDS: u64 = 1_000;
/// The most commands and words that one command may hold.
pub const MAX_NODES: usize = 5_000;

/// Words that open something the parser descends into.
const OPENING_WORDS: &[&str] = &[
    "if", "elif", "while", "until", "for", "select", "case", "function", "coproc", "time", "!",
];

/// Says why a text is not even parsed, if so.
pub(super) fn check(text: &str) -> Option<Finding> {
    let unclear =
        |code, detail: &str| Some(Finding::new(Weight::Unclear(Level::TeamLead), code, detail));
    let hidden = letters(text).filter(|finding| finding.weight == Weight::Deny);
    if hidden.is_some() {
        return hidden;
    }
    if text.len() > MAX_COMMAND_BYTES {
        return unclear(
            "shell.too_long",
            "the command is too long to be understood; put it into a script and let that be looked at",
        );
    }
    let separators = text.chars().filter(|c| matches!(c, ';' | '&' | '|'));
    if separators.count() > MAX_SEPARATORS {
        return unclear(
            "shell.too_long",
            "the command has too many parts to be understood; put it into a script and let that be looked at",
        );
    }
    if openings(text) > MAX_OPENINGS {
        return unclear(
            "shell.too_deep",
            "the command is nested too deeply to be understood; split it",
        );
    }
    letters(text)
}

/// Says what is wrong with the letters of a text, if anything.
pub(super) fn letters(text: &str) -> Option<Finding> {
    if let Some(c) = text.chars().find(|c| hides(*c)) {
        return Some(Finding::new(
            Weight::Deny,
            "text.hidden",
            format!(
                "the letter U+{:04X} changes what is seen of the command; write it without",
                u32::from(c)
            ),
        ));
    }
    (text.contains('\r') || text.chars().any(is_unseen)).then(|| {
        let detail = "the command has letters that look like nothing; write it without";
        Finding::new(Weight::Unclear(Level::TeamLead), "text.odd", detail)
    })
}

/// Counts the words that the braces of a word may become: rather more than they do, never less.
pub(super) fn brace_words(text: &str) -> u64 {
    let mut rest = text.chars().peekable();
    alternatives(&mut rest, 0)
}

/// Counts up to the brace that closes, or to the end.
fn alternatives(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, depth: usize) -> u64 {
    let (mut sum, mut product, mut plain) = (0_u64, 1_u64, String::new());
    while let Some(c) = rest.next() {
        match c {
            '{' if depth < MAX_OPENINGS => {
                product = product.saturating_mul(alternatives(rest, depth + 1));
            }
            ',' if depth > 0 => {
                sum = sum.saturating_add(product);
                product = 1;
                plain.clear();
            }
            '}' if depth > 0 => break,
            c => plain.push(c),
        }
    }
    sum.saturating_add(product).max(range(&plain))
}

/// Counts what `1..9` or `a..z` becomes.
fn range(text: &str) -> u64 {
    let number = |text: &str| match text.parse::<i64>() {
        Ok(number) => Some(number),
        Err(_) if text.chars().count() == 1 => text.chars().next().map(|c| i64::from(u32::from(c))),
        // More digits than a number has.
        Err(_)
            if text
                .trim_start_matches('-')
                .chars()
                .all(|c| c.is_ascii_digit()) =>
        {
            Some(i64::MAX)
        }
        Err(_) => None,
    };
    let mut ends = text.split("..").map(number);
    match (ends.next().flatten(), ends.next().flatten()) {
        (Some(from), Some(to)) => from.abs_diff(to).saturating_add(1),
        _ => 1,
    }
}

/// Counts what could open something, wherever it stands: more than the real depth, never less.
fn openings(text: &str) -> usize {
    let bare;
    let text = match without_quoted(text) {
        Some(without) => {
            bare = without;
            bare.as_str()
        }
        None => text,
    };
    let marks = text
        .chars()
        .filter(|c| matches!(c, '(' | '{' | '`'))
        .count();
    let here = text.matches("<<").count() + text.matches("$[").count() + text.matches("[[").count();
    let words = text
        .split(|c: char| c.is_whitespace() || ";&|()`{}\"'$<>".contains(c))
        .filter(|word| OPENING_WORDS.contains(word))
        .count();
    marks + here + words
}

/// Leaves out what stands in single quotes, which opens nothing; none where quotes are not plain to see.
fn without_quoted(text: &str) -> Option<String> {
    if text.contains(['"', '\\', '#', '`'])
        || text.contains("<<")
        || text.contains("$'")
        || text.contains("${")
    {
        return None;
    }
    let parts = text.split('\'');
    Some(parts.step_by(2).collect::<Vec<_>>().join(" "))
}

/// Tells whether a letter changes what a person sees of the rest.
fn hides(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || turns_text(c)
}

/// Tells whether a letter takes no room, or looks like a plain space.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}'
        | '\u{202f}' | '\u{205f}' | '\u{2060}'..='\u{2064}' | '\u{3000}' | '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}
