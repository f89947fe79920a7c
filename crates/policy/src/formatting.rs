//! Tells whether a change is only formatting. White space is not ignored blindly: in some places it matters.

use hyperion_model::facts::{ItemFacts, Operation};

use crate::language::{Language, Spacing};

/// Tells whether an item changes nothing but the look of a file.
///
/// `only_whitespace` alone is not enough: a line's end can end a comment or a statement,
/// indentation is structure in some languages, and white space inside a string is content.
pub(crate) fn is_formatting(item: &ItemFacts) -> bool {
    let kept = item.operation == Operation::Modify
        && item.from_path.is_none()
        && item.mode == item.old_mode
        && item.only_whitespace
        && !item.binary;
    kept && match Language::of(item.path.as_str()).spacing() {
        Spacing::Indented => same_lines(item, str::trim_end),
        Spacing::Lines => same_lines(item, str::trim),
        Spacing::Free => same_lines(item, str::trim) || same_words(item),
    }
}

/// Compares the lines that are not blank, each cut by `cut`.
fn same_lines(item: &ItemFacts, cut: fn(&str) -> &str) -> bool {
    let lines = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .map(|line| cut(line).to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    };
    // A tab or space inside a quoted text that spans lines cannot be seen here; such a line has
    // no code of its own, and its neighbours show the text to whoever reads the landing.
    lines(&item.removed) == lines(&item.added)
}

/// Compares words and operators across lines, where no line holds a text or a comment.
fn same_words(item: &ItemFacts) -> bool {
    let plain = |line: &String| {
        !line.contains(['"', '\'', '`', '#', '\\']) && !line.contains("//") && !line.contains("/*")
    };
    let kept = |lines: &[String], other: &[String]| -> Option<Vec<String>> {
        let differing: Vec<&String> = lines
            .iter()
            .filter(|line| !other.iter().any(|other| other.trim() == line.trim()))
            .collect();
        differing
            .iter()
            .all(|line| plain(line))
            .then(|| differing.into_iter().flat_map(|line| words(line)).collect())
    };
    // Only for small edits: the comparison of each line with each is quadratic.
    const MAX_LINES: usize = 500;
    if item.added.len() > MAX_LINES || item.removed.len() > MAX_LINES {
        return false;
    }
    match (
        kept(&item.removed, &item.added),
        kept(&item.added, &item.removed),
    ) {
        (Some(before), Some(after)) => before == after,
        (None, _) | (_, None) => false,
    }
}

/// Splits a line into words and runs of operators; brackets and separators stand alone.
fn words(line: &str) -> Vec<String> {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Word,
        Operator,
    }
    let mut words: Vec<String> = Vec::new();
    let mut open: Option<Kind> = None;
    for c in line.chars() {
        let kind = match c {
            _ if c.is_alphanumeric() || c == '_' => Kind::Word,
            _ if c.is_whitespace() => {
                open = None;
                continue;
            }
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' => {
                open = None;
                words.push(c.to_string());
                continue;
            }
            _ => Kind::Operator,
        };
        match words.last_mut() {
            Some(word) if open == Some(kind) => word.push(c),
            _ => words.push(c.to_string()),
        }
        open = Some(kind);
    }
    words
}
