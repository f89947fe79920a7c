//! What to search a repository for.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_PATTERNS, MAX_QUOTE_CHARS};
use crate::request::Findings;

/// The most keywords that become patterns, where nothing better is named.
const MAX_KEYWORD_PATTERNS: usize = 4;

/// One search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPattern {
    /// An extended regular expression, as `grep -E` and `rg` read it.
    pub pattern: String,
    /// Why it is worth searching for.
    pub why: String,
}

/// Proposes searches, the most telling first.
pub(crate) fn patterns(findings: &Findings, quotes: &[&str]) -> Vec<SearchPattern> {
    let mut all: Vec<SearchPattern> = Vec::new();
    let mut add = |pattern: String, why: String| {
        if all.len() < MAX_PATTERNS && !all.iter().any(|other| other.pattern == pattern) {
            all.push(SearchPattern { pattern, why });
        }
    };
    for symbol in &findings.symbols {
        let last = symbol.rsplit([':', '.']).next().unwrap_or(symbol);
        let word = escaped(last);
        if is_type(last) {
            add(
                format!("(struct|enum|trait|class|interface|type) +{word}"),
                format!("where `{symbol}` is defined"),
            );
        } else if !is_constant(last) {
            add(
                format!("(fn|def|func|function) +{word}"),
                format!("where `{symbol}` is defined"),
            );
        }
        add(escaped(symbol), format!("where `{symbol}` is used"));
    }
    for quote in quotes
        .iter()
        .filter(|quote| quote.chars().count() <= MAX_QUOTE_CHARS)
    {
        add(escaped(quote), "a text that the request quotes".to_owned());
    }
    for error in findings.errors.iter().filter(|error| !error.contains(' ')) {
        add(
            escaped(error),
            format!("where `{error}` is raised or handled"),
        );
    }
    for found in &findings.paths {
        let stem = found
            .path
            .file_name()
            .split('.')
            .find(|part| !part.is_empty());
        if let Some(stem) = stem.filter(|stem| stem.len() > 3) {
            add(escaped(stem), format!("what else mentions {}", found.path));
        }
    }
    if findings.symbols.is_empty() && quotes.is_empty() {
        let specific = findings
            .keywords
            .iter()
            .filter(|keyword| crate::keyword::is_specific(keyword));
        for keyword in specific.take(MAX_KEYWORD_PATTERNS) {
            add(
                escaped(keyword),
                format!("the request speaks of `{keyword}`"),
            );
        }
    }
    all
}

fn is_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

fn is_constant(name: &str) -> bool {
    !name.contains(char::is_lowercase)
}

/// Escapes what an extended regular expression would read otherwise.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '|' | '\\'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
