//! What passing tests wrote: it may read like an error, and is none.

use super::cursor::Cursor;
use super::runner::banner;
use crate::trace::indent;

pub(super) fn read(cursor: &mut Cursor<'_>, at: usize) -> Option<usize> {
    let line = cursor.line(at)?;
    file(cursor, at, line)
        .or_else(|| console(cursor, at, line))
        .or_else(|| section(cursor, at, line))
        .or_else(|| one(cursor, at, line))
}

/// Passes over a file of tests that all passed, with what is indented below: `PASS src/net.test.js`.
fn file(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let file = line.strip_prefix("PASS ")?.trim_start();
    if file.starts_with('[') || !file.contains('.') {
        return None;
    }
    (cursor.test, cursor.test_file) = (None, None);
    Some(cursor.skip(at + 1, |line| {
        line.starts_with("  ") || line.trim().is_empty()
    }))
}

/// Passes over what tests wrote on a console: jest's `console.error` with what is indented below, and vitest's
/// `stderr | src/a.test.ts > adds up` up to an empty line. What a test failed with stands elsewhere.
fn console(cursor: &Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let level = indent(line);
    let what = line.trim_start().strip_prefix("console.");
    let what = what.and_then(|rest| rest.split(' ').next());
    if level > 0
        && matches!(
            what,
            Some("error" | "warn" | "log" | "info" | "debug" | "trace")
        )
    {
        return Some(cursor.skip(at + 1, |line| {
            line.trim().is_empty() || indent(line) > level
        }));
    }
    let by_vitest = line.starts_with("stderr | ") || line.starts_with("stdout | ");
    by_vitest.then(|| cursor.skip(at + 1, |line| !line.trim().is_empty()))
}

/// Passes over libtest's `successes:` and pytest's `PASSES`.
fn section(cursor: &Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    if line == "successes:" {
        return Some(cursor.skip(at + 1, |line| {
            line != "failures:" && !line.starts_with("test result: ")
        }));
    }
    (banner(line, '=') == Some("PASSES"))
        .then(|| cursor.skip(at + 1, |line| banner(line, '=').is_none()))
}

/// Reads one test that passed; whatever was found of it so far is none.
fn one(cursor: &mut Cursor<'_>, at: usize, line: &str) -> Option<usize> {
    let text = line.trim_start();
    let ended = |start: &str| {
        let rest = text.strip_prefix(start)?;
        Some(rest.split(" (").next().unwrap_or(rest))
    };
    if let Some(name) = ended("--- PASS: ").or_else(|| ended("--- SKIP: ")) {
        cursor.forget(name);
        return Some(at + 1);
    }
    if let Some(name) = text
        .strip_prefix("test ")
        .and_then(|rest| rest.strip_suffix(" ... ok"))
    {
        cursor.passed(name.strip_suffix(" - should panic").unwrap_or(name));
        return Some(at + 1);
    }
    let mark = ["✓ ", "✔ ", "√ "].iter().any(|mark| text.starts_with(mark));
    let by_tap = text
        .strip_prefix("ok ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let by_pytest = text.contains(".py::") && text.contains(" PASSED");
    (mark || by_tap || by_pytest).then_some(at + 1)
}
