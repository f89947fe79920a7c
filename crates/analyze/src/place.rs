//! Paths that a text names, with line and column where it says them.

use hyperion_model::RepoPath;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_PATHS, MAX_TRACE_PATHS};
use crate::output::Place;
use crate::trace::Trace;
use crate::word::Word;

/// A path that a text names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPath {
    /// The path, relative to the repository's top.
    pub path: RepoPath,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
}

const EXTENSIONS: &[&str] = &[
    "rs",
    "py",
    "pyi",
    "js",
    "jsx",
    "mjs",
    "cjs",
    "ts",
    "tsx",
    "mts",
    "cts",
    "vue",
    "svelte",
    "go",
    "java",
    "kt",
    "kts",
    "rb",
    "php",
    "c",
    "h",
    "cc",
    "cpp",
    "cxx",
    "hpp",
    "hh",
    "cs",
    "fs",
    "swift",
    "scala",
    "sh",
    "bash",
    "zsh",
    "fish",
    "ps1",
    "sql",
    "toml",
    "yaml",
    "yml",
    "json",
    "jsonl",
    "json5",
    "md",
    "mdx",
    "rst",
    "adoc",
    "txt",
    "html",
    "htm",
    "css",
    "scss",
    "less",
    "proto",
    "graphql",
    "lock",
    "cfg",
    "conf",
    "ini",
    "xml",
    "gradle",
    "tf",
    "ex",
    "exs",
    "erl",
    "hs",
    "ml",
    "lua",
    "dart",
    "zig",
    "nix",
    "snap",
    "csv",
    "log",
    "ipynb",
    "patch",
    "diff",
    "service",
    "env",
    "gitignore",
    "csproj",
    "mod",
    "sum",
];

const NAMES: &[&str] = &[
    "Makefile",
    "Dockerfile",
    "Jenkinsfile",
    "Gemfile",
    "Rakefile",
    "Procfile",
    "Justfile",
    "justfile",
    "CODEOWNERS",
    ".gitignore",
    ".gitattributes",
    ".env",
    ".editorconfig",
    ".dockerignore",
];

const FOLDERS: &[&str] = &[
    "src",
    "lib",
    "libs",
    "test",
    "tests",
    "spec",
    "docs",
    "doc",
    "crates",
    "packages",
    "app",
    "apps",
    "web",
    "cmd",
    "internal",
    "pkg",
    "scripts",
    "examples",
    "benches",
    "bench",
    "tools",
    "config",
    "migrations",
    "public",
    "static",
    "assets",
    "server",
    "client",
    "api",
    ".github",
    ".ci",
    "xtask",
];

/// Products that are written like files.
const PRODUCTS: &[&str] = &[
    "node.js",
    "vue.js",
    "next.js",
    "nuxt.js",
    "react.js",
    "express.js",
    "nest.js",
    "three.js",
    "d3.js",
    "chart.js",
    "discord.js",
    "ember.js",
    "backbone.js",
    "angular.js",
    "alpine.js",
    "p5.js",
    "moment.js",
    "require.js",
    "asp.net",
];

const DOMAINS: &[&str] = &[
    "com", "org", "net", "io", "dev", "edu", "gov", "app", "ai", "co", "de", "uk", "eu",
];

/// Finds the paths of a text.
pub(crate) fn paths(words: &[Word<'_>]) -> Vec<FoundPath> {
    let mut found: Vec<FoundPath> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(mut place) = place(word.text) else {
            continue;
        };
        if place.line.is_none() {
            place.line = line_beside(words, at);
        }
        match found.iter().position(|other| other.path == place.path) {
            // The same place again says nothing new; one with a line says more than one without.
            Some(at) if place.line.is_none() || found[at].line == place.line => {}
            Some(at) if found[at].line.is_none() => found[at] = place,
            Some(_) | None if found.len() < MAX_PATHS => found.push(place),
            Some(_) | None => break,
        }
    }
    found
}

/// Adds the places of a stack trace's own frames, innermost first, to what was found; what only looked like a path, and is
/// a call of somebody else's, is taken out.
pub(crate) fn of_trace(trace: &Trace, found: &mut Vec<FoundPath>) {
    let foreign = trace.frames.iter().filter(|frame| !frame.is_own);
    let calls: Vec<&str> = foreign
        .filter_map(|frame| frame.function.as_deref())
        .collect();
    found.retain(|place| place.line.is_some() || !calls.contains(&place.path.as_str()));
    let own: Vec<&Place> = trace
        .frames
        .iter()
        .filter(|frame| frame.is_own)
        .map(|frame| &frame.place)
        .collect();
    let top = common_folder(&own);
    for place in own.into_iter().take(MAX_TRACE_PATHS) {
        let Some(path) = below_top(&place.file, &top) else {
            continue;
        };
        let (line, column) = (place.line, place.column);
        let same =
            |other: &FoundPath| other.path == path && (other.line.is_none() || other.line == line);
        match found.iter().position(same) {
            Some(at) => {
                found[at].line = line;
                found[at].column = found[at].column.or(column);
            }
            None if found.len() < MAX_PATHS => found.push(FoundPath { path, line, column }),
            None => return,
        }
    }
}

/// Gives the folder that all absolute paths have in common; none of one path alone.
fn common_folder(places: &[&Place]) -> String {
    let mut folders = places
        .iter()
        .filter(|place| place.file.starts_with('/'))
        .map(|place| place.file.rsplit_once('/').map_or("", |(folder, _)| folder));
    let Some(first) = folders.next() else {
        return String::new();
    };
    let mut common = first;
    let mut differ = false;
    for folder in folders {
        while !(folder == common || folder.starts_with(&format!("{common}/"))) {
            differ = true;
            common = common.rsplit_once('/').map_or("", |(above, _)| above);
        }
        differ |= folder != common;
    }
    if differ {
        common.to_owned()
    } else {
        String::new()
    }
}

/// Guesses where a path stands in the repository: an absolute one from the first folder that sources are kept in, or from
/// what all paths of a trace have in common, or its name alone.
fn below_top(file: &str, top: &str) -> Option<RepoPath> {
    let Some(absolute) = file.strip_prefix('/') else {
        return looks_like_path(file).then(|| RepoPath::new(file).ok())?;
    };
    let mut folders = absolute
        .match_indices('/')
        .map(|(at, _)| &absolute[at + 1..]);
    let known = folders.clone().find(|rest| {
        let first = rest.split('/').next().unwrap_or(rest);
        rest.contains('/') && FOLDERS.contains(&first)
    });
    let below = file.strip_prefix(top).filter(|_| !top.is_empty());
    let path = known
        .or_else(|| below.and_then(|rest| rest.strip_prefix('/')))
        .or_else(|| folders.next_back())?;
    looks_like_path(path).then(|| RepoPath::new(path).ok())?
}

/// Reads a word as a path with a line and a column, as compilers and people write them.
pub(crate) fn place(word: &str) -> Option<FoundPath> {
    let (path, line, column) = split_position(word);
    let path = path.strip_prefix("./").unwrap_or(path);
    if !looks_like_path(path) {
        return None;
    }
    let path = RepoPath::new(path.trim_end_matches('/')).ok()?;
    Some(FoundPath { path, line, column })
}

/// Splits `path:3:4`, `path(3,4)`, `path#L3` and `path:3`.
fn split_position(word: &str) -> (&str, Option<u32>, Option<u32>) {
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
    if let Some((path, rest)) = word.split_once("#L") {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        return (path, number(&rest[..digits]), None);
    }
    if let Some((path, rest)) = word.strip_suffix(')').and_then(|word| word.split_once('(')) {
        let (line, column) = rest.split_once(',').unwrap_or((rest, ""));
        if let Some(line) = number(line) {
            return (path, Some(line), number(column));
        }
    }
    let mut parts = word.split(':');
    let path = parts.next().unwrap_or(word);
    // `3-9` is a range: its first line is where to look.
    let first =
        |part: Option<&str>| part.and_then(|part| number(part.split('-').next().unwrap_or(part)));
    let line = first(parts.next());
    let column = line.and(first(parts.next()));
    (path, line, column)
}

fn looks_like_path(path: &str) -> bool {
    let plain = path
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | '[' | ']'));
    if !plain
        || path.starts_with(['/', '~'])
        || PRODUCTS.contains(&path.to_ascii_lowercase().as_str())
    {
        return false;
    }
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or(path);
    let deeper = parts.next().is_some();
    let name = path.rsplit('/').next().unwrap_or(path);
    let domain = first
        .rsplit_once('.')
        .is_some_and(|(host, top)| !host.is_empty() && DOMAINS.contains(&top));
    if deeper && domain {
        return false;
    }
    let extension = name
        .rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty() || deeper)
        .map(|(_, e)| e);
    let known = extension.is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()));
    known || NAMES.contains(&name) || (deeper && FOLDERS.contains(&first))
}

/// Finds `line 42` after a path (Python's traces) or before it (`line 42 of path`).
fn line_beside(words: &[Word<'_>], at: usize) -> Option<u32> {
    let text = |at: usize| words.get(at).map(|word| word.text);
    let number = |at: usize| text(at)?.parse::<u32>().ok().filter(|number| *number > 0);
    let is_line = |at: usize| text(at).is_some_and(|text| text.eq_ignore_ascii_case("line"));
    if is_line(at + 1) {
        return number(at + 2);
    }
    if matches!(text(at + 1), Some("at" | "on" | "in")) && is_line(at + 2) {
        return number(at + 3);
    }
    if at >= 3 && matches!(text(at - 1), Some("of" | "in")) && is_line(at - 3) {
        return number(at - 2);
    }
    None
}
