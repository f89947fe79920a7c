//! Words in added and removed lines that point at a risk.
//!
//! A list of words proves nothing; it decides only who has a look. It leans towards asking.

mod words;

use std::collections::BTreeMap;

use hyperion_model::facts::ItemFacts;

use crate::language::Language;
use crate::risk::{RiskKind, Risks, Severity};
use crate::rules::Rules;
use crate::runs_text::runs_text;
use words::{DELETES, FOLDERS, MADE_ANEW, SHAPES, SIGNALS, Side};

/// Characters that make code read otherwise than it runs (CVE-2021-42574).
const TURNERS: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// Notes what the lines of a change point at.
pub(crate) fn read(items: &[ItemFacts], rules: &Rules, risks: &mut Risks) {
    let mut sides: Vec<(&ItemFacts, Language, Vec<Line>, Vec<Line>)> = Vec::new();
    for item in items {
        let path = item.path.as_str();
        let language = Language::of(path);
        if language == Language::Prose {
            continue;
        }
        if item.added.iter().any(|line| line.contains(TURNERS)) {
            risks.add(
                RiskKind::Security,
                Severity::Critical,
                "adds characters that make code read otherwise than it runs",
                &item.path,
            );
        }
        // Tests do all of this on purpose, and run only where checks run.
        if !rules.tests.covers(path) && !is_tried_out(path) {
            let (added, removed) = (code(language, &item.added), code(language, &item.removed));
            sides.push((item, language, added, removed));
        }
    }
    // What only moves was there before, and says nothing about the change.
    let count = |all: &mut BTreeMap<String, usize>, lines: &[Line]| {
        for line in lines {
            *all.entry(line.text.clone()).or_default() += 1;
        }
    };
    let (mut more, mut less) = (BTreeMap::new(), BTreeMap::new());
    for (_, _, added, removed) in &sides {
        count(&mut more, added);
        count(&mut less, removed);
    }
    let new = |lines: Vec<Line>, others: &mut BTreeMap<String, usize>| -> Vec<Line> {
        let mut lines = lines;
        lines.retain(|line| match others.get_mut(&line.text) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) | None => true,
        });
        lines
    };
    for (item, language, added, removed) in sides {
        let (added, removed) = (new(added, &mut less), new(removed, &mut more));
        lines(item, language, &added, &removed, risks);
    }
}

/// A line of code with single blanks, as it stands and in lower case.
struct Line {
    text: String,
    lower: String,
}

/// Tells whether code is an example or a benchmark, which never runs in production.
fn is_tried_out(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|folder| matches!(folder, "benches" | "bench" | "benchmarks" | "examples"))
}

/// Gives the lines that are code and no test beside it.
fn code(language: Language, lines: &[String]) -> Vec<Line> {
    // The indentation of the `#[test]` or `#[cfg(test)]` that is open.
    let mut open: Option<usize> = None;
    let mut code = Vec::new();
    for line in lines {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let starts_test = ["#[test]", "#[cfg(test)]", "#[tokio::test"]
            .iter()
            .any(|mark| trimmed.starts_with(mark));
        if language == Language::Rust && starts_test && open.is_none() {
            open = Some(indent);
        }
        match open {
            Some(from) => {
                if indent == from && matches!(trimmed.trim_end(), "}" | "};") {
                    open = None;
                }
            }
            None if language.is_comment(line) => {}
            None => {
                let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
                let lower = text.to_lowercase();
                code.push(Line { text, lower });
            }
        }
    }
    code
}

/// Notes what new and vanished lines point at.
fn lines(
    item: &ItemFacts,
    language: Language,
    added: &[Line],
    removed: &[Line],
    risks: &mut Risks,
) {
    let mut note = |kind, severity, says: &str| risks.add(kind, severity, says, &item.path);
    let runs = "runs text as code or as a shell command";
    if added.iter().any(|line| runs_text(language, &line.text)) {
        note(RiskKind::Security, Severity::High, runs);
    }
    for signal in SIGNALS {
        if !signal.languages.is_empty() && !signal.languages.contains(&language) {
            continue;
        }
        let hit = |line: &Line| signal.any.iter().any(|text| says(&line.lower, text));
        let also_removed = signal.side == Side::Either && removed.iter().any(hit);
        if also_removed || added.iter().any(hit) {
            note(signal.kind, signal.severity, signal.says);
        }
    }
    let states = |line: &Line, statements: &[&str]| {
        statements
            .iter()
            .any(|statement| is_sql(language, line, statement))
    };
    if added.iter().chain(removed).any(|line| states(line, SHAPES)) {
        let says = "changes the shape of a database";
        note(RiskKind::Schema, Severity::High, says);
    }
    if added
        .iter()
        .any(|line| states(line, DELETES) || deletes_all_rows(language, line))
    {
        note(RiskKind::DataLoss, Severity::High, "deletes stored data");
    }
    if added.iter().any(|line| deletes_folders(&line.lower)) {
        let says = "deletes whole folders or disks";
        note(RiskKind::DataLoss, Severity::High, says);
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Finds a text that neither starts nor ends in the middle of a word.
fn says(line: &str, text: &str) -> bool {
    places(line, text).any(|at| {
        let (before, after) = (&line[..at], &line[at + text.len()..]);
        let emptied = matches!(after.trim().trim_end_matches(';'), "\"\"" | "''" | "``");
        let harmless = match text {
            // `mode & 0o777` takes bits away.
            "0o777" => before.trim_end().ends_with(['&', '!', '^']),
            "of=/dev/" => after.starts_with("null"),
            _ => text.starts_with(".innerhtml") && emptied,
        };
        !harmless
    })
}

/// Gives where a text stands by itself, and is not being declared.
fn places(line: &str, text: &str) -> impl Iterator<Item = usize> {
    let (starts, ends) = (text.starts_with(is_word), text.ends_with(is_word));
    let calls = text.ends_with('(');
    line.match_indices(text)
        .map(|(at, _)| at)
        .filter(move |at| {
            let (before, after) = (&line[..*at], &line[at + text.len()..]);
            let declared = calls && (before.ends_with("fn ") || before.ends_with("def "));
            !(declared || starts && before.ends_with(is_word) || ends && after.starts_with(is_word))
        })
}

/// Finds a statement to a database: not the same words in a sentence.
fn is_sql(language: Language, line: &Line, statement: &str) -> bool {
    places(&line.lower, statement).any(|at| {
        if language == Language::Sql {
            return true;
        }
        // Lower case may have other lengths; then the letters are not looked at.
        let written = line.text.get(at..at + statement.len()).unwrap_or(statement);
        let before = line.lower[..at].trim_end();
        let begins = before.is_empty() || before.ends_with(['"', '\'', '`', '(', ';']);
        // `Create table of contents` is a heading; `CREATE TABLE` is not said in a sentence.
        let is_shouted = written.chars().all(|c| !c.is_lowercase());
        is_shouted || (begins && !written.starts_with(char::is_uppercase))
    })
}

/// Tells whether a line has a `DELETE FROM` that ends without a `WHERE`.
fn deletes_all_rows(language: Language, line: &Line) -> bool {
    const STATEMENT: &str = "delete from";
    if !is_sql(language, line, STATEMENT) {
        return false;
    }
    places(&line.lower, STATEMENT).any(|at| {
        let rest = &line.lower[at + STATEMENT.len()..];
        let ended = rest.find([';', '"', '\'', '`']);
        ended.is_some_and(|end| !rest[..end].contains(" where "))
    })
}

/// Finds what deletes a folder that may not be a temporary or a build folder.
fn deletes_folders(line: &str) -> bool {
    let recursive = line.contains("rmsync(") && line.contains("recursive");
    recursive
        || FOLDERS.iter().any(|text| {
            places(line, text).any(|at| {
                // `docker run --rm -r` removes a container.
                let is_option = text.starts_with("rm") && line[..at].ends_with('-');
                let arguments = &line[at + text.len()..];
                // A command inside of a text ends with it.
                let quote = line[..at]
                    .chars()
                    .next_back()
                    .filter(|c| matches!(c, '"' | '\'' | '`'));
                let end = quote.and_then(|quote| arguments.find(quote));
                !is_option && !is_made_anew(end.map_or(arguments, |end| &arguments[..end]))
            })
        })
}

/// Tells whether all that a deletion names is temporary, or made by a build.
fn is_made_anew(arguments: &str) -> bool {
    let ends = [";", "&&", "|", "#"];
    let end = ends.iter().filter_map(|end| arguments.find(end)).min();
    let arguments = end.map_or(arguments, |end| &arguments[..end]);
    let mut names = arguments
        .split_whitespace()
        .map(|name| name.trim_matches(['"', '\'', '`', '(', ')', '?', ',', '{', '}', '\\', '&']))
        .filter(|name| !name.is_empty() && !name.starts_with('-'))
        .peekable();
    names.peek().is_some()
        && names.all(|name| {
            let bare = name.trim_start_matches("./").trim_end_matches('/');
            MADE_ANEW.contains(&bare) || is_temporary(name)
        })
}

fn is_temporary(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        matches!(
            word,
            "temp" | "temporary" | "scratch" | "tempdir" | "tempfolder" | "temppath"
        ) || word.starts_with("tmp")
    }) && !name.contains("..")
}
