//! Names of code that a text mentions.

use crate::limits::MAX_SYMBOLS;
use crate::place;
use crate::word::Word;

/// Names of products and habits that are written like code.
const NOT: &[&str] = &[
    "GitHub",
    "GitLab",
    "JavaScript",
    "TypeScript",
    "PostgreSQL",
    "MySQL",
    "MongoDB",
    "DevOps",
    "OAuth",
    "OpenAI",
    "LinkedIn",
    "YouTube",
    "WhatsApp",
    "macOS",
    "iOS",
    "iPhone",
    "FreeBSD",
    "OpenBSD",
    "PowerShell",
    "VSCode",
    "DockerHub",
    "BitBucket",
    "CircleCI",
    "README",
    "WordPress",
    "SQLite",
    "GraphQL",
    "LaTeX",
    "OpenAPI",
    "WebSocket",
    "OpenSSL",
    "OpenSSH",
    "IntelliJ",
    "GraalVM",
    "NixOS",
    "LibreOffice",
];

/// Finds the symbols of a text, in the order they are first named.
pub(crate) fn symbols(words: &[Word<'_>]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in words {
        if found.len() == MAX_SYMBOLS {
            break;
        }
        if let Some(symbol) = symbol(word)
            && !found.contains(&symbol)
        {
            found.push(symbol);
        }
    }
    found
}

/// Reads a word as a name of code, without its call's brackets.
pub(crate) fn symbol(word: &Word<'_>) -> Option<String> {
    if place::place(word.text).is_some() || NOT.contains(&word.text) {
        return None;
    }
    let (name, called) = match word.text.split_once('(') {
        // `file(s)` is a plural, not a call.
        Some((_, "s)" | "es)" | "s" | "es")) => return None,
        Some((name, _)) => (name, true),
        None => (word.text, false),
    };
    let name = name
        .trim_end_matches('!')
        .trim_start_matches(['&', '#', '@']);
    let name = name.split('<').next().unwrap_or(name);
    let is_name = |part: &str| {
        part.chars()
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    };
    let parts: Vec<&str> = name.split("::").flat_map(|part| part.split('.')).collect();
    if name.len() < 2 || !parts.iter().all(|part| is_name(part)) {
        return None;
    }
    let qualified = name.contains("::");
    let dotted = !qualified && parts.len() > 1 && is_dotted(&parts);
    let plain = parts.len() == 1
        && (called
            || word.ticked
            || has_underscore(name)
            || (has_humps(name) && !is_acronym_plural(name)));
    (qualified || dotted || plain || (parts.len() > 1 && (called || word.ticked)))
        .then(|| name.to_owned())
}

/// Tells `module.func` from two sentences without a space, and from `e.g`.
fn is_dotted(parts: &[&str]) -> bool {
    let lower = |part: &str| part.starts_with(|c: char| c.is_lowercase() || c == '_');
    parts.iter().all(|part| part.chars().count() >= 2)
        && parts.iter().skip(1).all(|part| lower(part))
}

fn has_underscore(name: &str) -> bool {
    name.trim_matches('_').contains('_')
}

/// Tells whether a name has a capital after a small letter: `RetryPolicy`, `useEffect`.
fn has_humps(name: &str) -> bool {
    name.chars()
        .zip(name.chars().skip(1))
        .any(|(a, b)| a.is_lowercase() && b.is_uppercase())
        || (name.chars().skip(2).any(char::is_lowercase)
            && name.chars().take(2).all(char::is_uppercase)
            && name.chars().filter(|c| c.is_uppercase()).count() >= 3)
}

/// Tells whether a name is nothing but capitals and a plural: `PRs`, `IDs`.
fn is_acronym_plural(name: &str) -> bool {
    name.strip_suffix('s')
        .is_some_and(|stem| stem.chars().all(char::is_uppercase))
}
