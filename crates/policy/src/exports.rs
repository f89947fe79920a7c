//! What others may call: finds items that a change takes away, changes or adds.
//!
//! By lines, not by a parser: it sees the line on which an item is declared. Parameters on
//! lines of their own are not seen; a change of only those counts as no change of interface.

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
        if rules.tests.covers(path) || is_private_place(path) {
            continue;
        }
        let language = Language::of(path);
        let find = |lines: &[String]| -> Vec<Export> {
            lines
                .iter()
                .filter_map(|line| export(language, line))
                .collect()
        };
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
    // Equal lines on both sides are moves inside the change: taken off both lists first.
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

fn export(language: Language, line: &str) -> Option<Export> {
    let trimmed = line.trim();
    let name = match language {
        Language::Rust => rust(trimmed)?,
        Language::Script => script(line)?,
        Language::Python => python(line)?,
        Language::Go => go(line)?,
        Language::Public => public(trimmed)?,
        Language::C
        | Language::Ruby
        | Language::Php
        | Language::Shell
        | Language::Sql
        | Language::Css
        | Language::Json
        | Language::Prose
        | Language::Other => return None,
    };
    Some(Export {
        name,
        signature: signature(language, trimmed),
    })
}

/// Cuts a declaration's body off, so that a change of the body alone is not one of the interface.
fn signature(language: Language, line: &str) -> String {
    let cut = match language {
        // A constant's value is seen by others, but changing it breaks nobody's build.
        Language::Rust | Language::Public | Language::Go => line
            .split(['{', ';'])
            .next()
            .unwrap_or(line)
            .split(" = ")
            .next()
            .unwrap_or(line),
        Language::Python => line.trim_end_matches(':'),
        _ => line
            .split(['{', ';'])
            .next()
            .unwrap_or(line)
            .split(" = ")
            .next()
            .unwrap_or(line),
    };
    cut.split_whitespace().collect::<Vec<_>>().join(" ")
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
        "use" => Some(format!("use {}", words.next()?.trim_end_matches(';'))),
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
