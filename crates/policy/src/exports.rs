//! What others may call: finds items that a change takes away, changes or adds.
//!
//! By lines, not by a parser: it sees an item whose first line changes, with the lines that follow it on the same side up to
//! the end of its parameters. A change of a parameter alone, on a line of its own, is not seen. What only looks otherwise is
//! no change: other line breaks, other names of parameters in Rust, another annotation or one more default in Python.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_model::RepoPath;
use hyperion_model::facts::ItemFacts;

use crate::language::Language;
use crate::risk::{RiskKind, Risks, Severity};
use crate::rules::Rules;

/// The most names that a description lists.
const MAX_NAMES: usize = 5;

/// An item that others may call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Export {
    /// Its kind and name, for instance `fn parse`.
    name: String,
    /// The line up to its body.
    signature: String,
}

/// Notes what the items of a change do to interfaces.
pub(crate) fn read(items: &[ItemFacts], rules: &Rules, risks: &mut Risks) {
    let mut removed: Vec<(&RepoPath, Export)> = Vec::new();
    let mut added: Vec<(&RepoPath, Export)> = Vec::new();
    for item in items {
        let path = item.path.as_str();
        if rules.public_api.covers(path) {
            if item.removed.is_empty() && !item.binary {
                let says = "adds to a description of an interface";
                risks.add(RiskKind::Api, Severity::Low, says, &item.path);
            } else {
                let says = "changes a description of an interface that others rely on";
                risks.add(RiskKind::BreakingChange, Severity::High, says, &item.path);
            }
        }
        if item.is_internal || rules.tests.covers(path) || is_private_place(path) {
            continue;
        }
        let language = Language::of(path);
        let find = |lines: &[String]| exports(language, lines);
        removed.extend(
            find(&item.removed)
                .into_iter()
                .map(|export| (&item.path, export)),
        );
        added.extend(
            find(&item.added)
                .into_iter()
                .map(|export| (&item.path, export)),
        );
    }
    // Lines that are equal on both sides were only moved, so both are left out first.
    let mut counts: BTreeMap<Export, usize> = BTreeMap::new();
    for (_, export) in &added {
        *counts.entry(export.clone()).or_default() += 1;
    }
    let mut moved: BTreeMap<Export, usize> = BTreeMap::new();
    removed.retain(|(_, export)| match counts.get_mut(export) {
        Some(left) if *left > 0 => {
            *left -= 1;
            *moved.entry(export.clone()).or_default() += 1;
            false
        }
        Some(_) | None => true,
    });
    added.retain(|(_, export)| match moved.get_mut(export) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        Some(_) | None => true,
    });
    // Whoever called it before still can.
    removed.retain(|(path, old)| {
        let language = Language::of(path.as_str());
        let still_takes = |new: &Export| {
            new.name == old.name && accepts(language, &old.signature, &new.signature)
        };
        !added.iter().any(|(_, new)| still_takes(new))
    });
    // A changed signature is noted once, as what it breaks.
    let broken: BTreeSet<String> = removed
        .iter()
        .map(|(_, export)| export.name.clone())
        .collect();
    added.retain(|(_, export)| !broken.contains(&export.name));
    note(
        &removed,
        "removes or changes what others may call",
        RiskKind::BreakingChange,
        risks,
    );
    note(&added, "adds to what others may call", RiskKind::Api, risks);
}

fn note(exports: &[(&RepoPath, Export)], says: &str, kind: RiskKind, risks: &mut Risks) {
    if exports.is_empty() {
        return;
    }
    let mut names: Vec<&str> = exports
        .iter()
        .map(|(_, export)| export.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let shown: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| format!("`{name}`"))
        .collect();
    let rest = match names.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let mut files: Vec<RepoPath> = exports.iter().map(|(path, _)| (*path).clone()).collect();
    files.sort_unstable();
    files.dedup();
    let severity = match kind {
        RiskKind::BreakingChange => Severity::High,
        _ => Severity::Low,
    };
    risks.add_all(
        kind,
        severity,
        format!("{says}: {}{rest}", shown.join(", ")),
        files,
    );
}

/// Tells whether nobody outside can call what stands there.
fn is_private_place(path: &str) -> bool {
    let folder = |name: &str| path.split('/').rev().skip(1).any(|part| part == name);
    let file = path.rsplit('/').next().unwrap_or(path);
    [
        "examples", "benches", "bench", "scripts", "xtask", "bin", "cmd", "internal", "fixtures",
    ]
    .into_iter()
    .any(folder)
        || matches!(file, "main.rs" | "build.rs" | "main.go" | "__main__.py")
}

/// Tells whether a change of an item may be one of what others call.
pub(crate) fn declares(item: &ItemFacts) -> bool {
    let language = Language::of(item.path.as_str());
    let mut lines = item.added.iter().chain(&item.removed);
    lines.any(|line| export_name(language, line).is_some())
}

/// Finds the items that lines declare.
fn exports(language: Language, lines: &[String]) -> Vec<Export> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = export_name(language, line) else {
            continue;
        };
        let whole = declaration(language, &lines[at..]);
        match name.strip_prefix("use ") {
            Some(_) => found.extend(given_on(&whole).map(|name| Export {
                signature: format!("use {name}"),
                name: format!("use {name}"),
            })),
            None => found.push(Export {
                name,
                signature: signature(language, &whole),
            }),
        }
    }
    found
}

fn export_name(language: Language, line: &str) -> Option<String> {
    let trimmed = line.trim();
    match language {
        Language::Rust => rust(trimmed),
        Language::Script => script(line),
        Language::Python => python(line),
        Language::Go => go(line),
        Language::Public => public(trimmed),
        Language::C
        | Language::Ruby
        | Language::Php
        | Language::Shell
        | Language::Sql
        | Language::Css
        | Language::Json
        | Language::Prose
        | Language::Other => None,
    }
}

/// Joins a declaration that goes on over lines: until its brackets are closed, and in Rust until its body or end.
fn declaration(language: Language, lines: &[String]) -> String {
    const LINES_MAX: usize = 30;
    let mut whole = String::new();
    for line in lines.iter().take(LINES_MAX) {
        whole.push_str(line.trim());
        whole.push(' ');
        let count = |bracket: char| whole.matches(bracket).count();
        let is_list = whole.starts_with("pub use ");
        let is_closed = count('(') <= count(')') && (!is_list || count('{') <= count('}'));
        let goes_on =
            language == Language::Rust && whole.contains("fn ") && !whole.contains(['{', ';']);
        if is_closed && !goes_on {
            break;
        }
    }
    whole
}

/// Lists the names that a `pub use` gives on.
fn given_on(whole: &str) -> impl Iterator<Item = String> + '_ {
    let text = whole.trim().trim_start_matches("pub use ");
    let names = text.split([',', '{', '}', ';']).map(str::trim);
    names
        .filter(|name| !name.is_empty() && !name.ends_with("::"))
        .map(|name| match name.rsplit_once("::") {
            // All of one module is not all of another.
            Some((_, last)) if last != "*" => last.to_owned(),
            Some(_) | None => name.to_owned(),
        })
}

/// Cuts a declaration's body off, so that a change of the body alone is not one of the interface, and what only looks otherwise.
fn signature(language: Language, whole: &str) -> String {
    let head = match language {
        Language::Python => python_head(whole),
        // A constant's value is seen by others, but changing it breaks nobody's build.
        _ => {
            let head = whole.split(['{', ';']).next().unwrap_or(whole);
            head.split(" = ").next().unwrap_or(head)
        }
    };
    match (language, head.split_once('('), head.rfind(')')) {
        // What a tuple struct holds without `pub` nobody sees.
        (Language::Rust, Some((name, held)), _) if is_struct(name) && !held.contains("pub ") => {
            compact(name)
        }
        (Language::Rust, Some((name, _)), Some(end)) if name.contains("fn ") => {
            let parameters = head.get(name.len() + 1..end).unwrap_or("");
            let types = parts(parameters).map(|parameter| match parameter.split_once(": ") {
                Some((_, kind)) => kind.trim(),
                None => parameter.trim(),
            });
            let types: Vec<&str> = types.collect();
            compact(&format!("{name}({}){}", types.join(","), &head[end + 1..]))
        }
        (Language::Python, Some((name, _)), Some(end)) => {
            let parameters = head.get(name.len() + 1..end).unwrap_or("");
            let names: Vec<String> = parts(parameters).map(python_parameter).collect();
            compact(&format!("{name}({})", names.join(",")))
        }
        _ => compact(head),
    }
}

fn is_struct(head: &str) -> bool {
    head.starts_with("pub struct ")
}

/// Cuts a Python declaration at the colon that begins its body.
fn python_head(whole: &str) -> &str {
    let mut depth = 0usize;
    for (at, c) in whole.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return &whole[..at],
            _ => {}
        }
    }
    whole
}

/// Gives a parameter's name, and that it has a default.
fn python_parameter(parameter: &str) -> String {
    let name = parameter
        .split([':', '='])
        .next()
        .unwrap_or(parameter)
        .trim();
    // A default may contain `:` and `=`, but only after the `=` that begins it.
    let mark = if parameter.contains('=') { "=" } else { "" };
    format!("{name}{mark}")
}

/// Splits at the commas that stand in no bracket.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    let parts = text.split(move |c| {
        match c {
            '(' | '[' | '<' | '{' => depth += 1,
            ')' | ']' | '>' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty())
}

/// Removes spaces that do not separate words, and the comma before a closing bracket.
fn compact(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut compact = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if compact.ends_with(is_word) && word.starts_with(is_word) {
            compact.push(' ');
        }
        compact.push_str(word);
    }
    for bracket in [')', ']', '>'] {
        compact = compact.replace(&format!(",{bracket}"), &bracket.to_string());
    }
    compact.trim_end_matches(',').to_owned()
}

/// Tells whether whoever uses an item by one signature can by the other as well.
fn accepts(language: Language, old: &str, new: &str) -> bool {
    match language {
        Language::Rust => new.replacen("const fn", "fn", 1) == old,
        Language::Python => python_accepts(old, new),
        _ => false,
    }
}

/// A function that only has more parameters, with defaults; a class that only has more bases.
fn python_accepts(old: &str, new: &str) -> bool {
    let split = |signature: &str| -> Option<(String, Vec<String>)> {
        let (name, rest) = signature.split_once('(')?;
        let parameters = rest
            .strip_suffix(')')?
            .split(',')
            .filter(|part| !part.is_empty());
        Some((name.to_owned(), parameters.map(str::to_owned).collect()))
    };
    if old.starts_with("class ") {
        let bases = |signature: &str| split(signature).map(|(_, bases)| bases).unwrap_or_default();
        let kept = bases(new);
        return bases(old).iter().all(|base| kept.contains(base));
    }
    let (Some((old_name, old)), Some((new_name, new))) = (split(old), split(new)) else {
        return false;
    };
    old_name == new_name
        && new.len() >= old.len()
        && old
            .iter()
            .zip(&new)
            .all(|(old, new)| old == new || format!("{old}=") == *new)
        && new
            .iter()
            .skip(old.len())
            .all(|more| more.ends_with('=') || more.starts_with('*'))
}

fn rust(line: &str) -> Option<String> {
    if line.starts_with("#[macro_export") {
        return Some("macro".to_owned());
    }
    let rest = line.strip_prefix("pub ")?;
    let mut words = rest.split_whitespace().peekable();
    let mut kind = words.next()?;
    while matches!(kind, "async" | "unsafe" | "extern" | "default") || kind.starts_with('"') {
        kind = words.next()?;
    }
    if kind == "const"
        && words
            .peek()
            .is_some_and(|next| matches!(*next, "fn" | "unsafe" | "async"))
    {
        kind = words.find(|word| *word == "fn")?;
    }
    match kind {
        "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod" | "union" => {
            Some(format!("{kind} {}", identifier(words.next()?)?))
        }
        "use" => Some("use ".to_owned()),
        // `pub name: Type` in a struct.
        field => field
            .strip_suffix(':')
            .map(|field| format!("field {field}")),
    }
}

fn script(line: &str) -> Option<String> {
    if let Some(rest) = line.trim_start().strip_prefix("module.exports") {
        let name = rest
            .trim_start_matches('.')
            .split_whitespace()
            .next()
            .unwrap_or("");
        return Some(format!("export {}", identifier(name).unwrap_or("default")));
    }
    let rest = line.strip_prefix("export ")?;
    let words = rest.split_whitespace().filter(|word| {
        !matches!(
            *word,
            "default"
                | "async"
                | "declare"
                | "abstract"
                | "const"
                | "let"
                | "var"
                | "function"
                | "class"
                | "interface"
                | "type"
                | "enum"
                | "function*"
        )
    });
    let name = words
        .map(|word| identifier(word).unwrap_or("*"))
        .next()
        .unwrap_or("default");
    Some(format!("export {name}"))
}

fn python(line: &str) -> Option<String> {
    let rest = line.strip_prefix("async ").unwrap_or(line);
    for kind in ["def", "class"] {
        if let Some(rest) = rest
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix(' '))
        {
            let name = identifier(rest)?;
            return (!name.starts_with('_') && !name.starts_with("test"))
                .then(|| format!("{kind} {name}"));
        }
    }
    None
}

fn go(line: &str) -> Option<String> {
    let (kind, rest) = ["func", "type", "const", "var"]
        .into_iter()
        .find_map(|kind| Some((kind, line.strip_prefix(kind)?.strip_prefix(' ')?)))?;
    // A method: skip the receiver.
    let rest = match rest.strip_prefix('(') {
        Some(receiver) => receiver.split_once(')')?.1.trim_start(),
        None => rest,
    };
    let name = identifier(rest)?;
    name.starts_with(char::is_uppercase)
        .then(|| format!("{kind} {name}"))
}

fn public(line: &str) -> Option<String> {
    let rest = ["public ", "open ", "protected "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))?;
    // The name stands before the first `(`, `{`, `=`, `;` or `:`, or at the end.
    let head = rest
        .split(['(', '{', '=', ';', ':', '<'])
        .next()
        .unwrap_or(rest);
    let name = head.split_whitespace().next_back()?;
    Some(format!("public {}", identifier(name)?))
}

fn identifier(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
        .unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}
