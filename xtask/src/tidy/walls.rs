//! What only one crate may do, only that crate does.

use super::{Finding, Tree};

/// Spelled in two parts, or this file would find itself.
const STARTS_A_PROCESS: &[&str] = &[concat!("Command", "::new("), concat!("tokio::", "process")];

/// Where a process may be started. (Test code may too.)
const STARTERS: &[&str] = &[
    "crates/host/",
    "xtask/src/process.rs",
    // Makes what is measured, and what is measured beside it.
    "bench/",
];

/// Where SQL may stand, and why.
const SQL_SPEAKERS: &[(&str, &str)] = &[
    ("crates/store/", "the store"),
    (
        "bench/peers/",
        "is measured beside Hyperion, and no part of it",
    ),
    (
        "crates/policy/",
        "recognises SQL in a proposed change and runs none",
    ),
    ("xtask/", "looks for it"),
];

/// A statement is found by its first and its later words, in capitals as we write them.
const SQL: &[(&str, &str)] = &[
    ("SELECT ", " FROM "),
    ("INSERT INTO ", ""),
    ("INSERT OR ", " INTO "),
    ("UPDATE ", " SET "),
    ("DELETE FROM ", ""),
    ("CREATE TABLE ", ""),
    ("CREATE INDEX ", ""),
    ("CREATE UNIQUE INDEX ", ""),
    ("ALTER TABLE ", ""),
    ("DROP TABLE ", ""),
    ("BEGIN IMMEDIATE", ""),
    ("PRAGMA ", ""),
    ("rusqlite", ""),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for (path, lines) in tree.rust() {
        let may_start = STARTERS.iter().any(|starter| path.starts_with(starter));
        let may_speak_sql = SQL_SPEAKERS
            .iter()
            .any(|(speaker, _)| path.starts_with(speaker));
        for line in lines.iter().filter(|line| !line.is_comment()) {
            if !may_start && !line.is_test && starts_a_process(line.text) {
                findings.push(Finding::new(
                    path,
                    line.number,
                    "starts a process outside `host`",
                    "use `hyperion_host::spawn`",
                ));
            }
            if !may_speak_sql && let Some(word) = sql_word(line.text) {
                findings.push(Finding::new(
                    path,
                    line.number,
                    format!("speaks SQL (`{word}`) outside `store`"),
                    "make it a typed operation of `store`",
                ));
            }
        }
    }
    findings
}

fn starts_a_process(line: &str) -> bool {
    STARTS_A_PROCESS.iter().any(|call| {
        line.match_indices(call)
            .any(|(at, _)| !line[..at].ends_with("clap::"))
    })
}

fn sql_word(line: &str) -> Option<&'static str> {
    SQL.iter()
        .find(|(first, later)| {
            line.find(first)
                .is_some_and(|at| line[at + first.len() - 1..].contains(later))
        })
        .map(|(first, _)| first.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of_files(&[(path, text)]))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn only_host_and_tests_start_processes() {
        let text = "fn a() {\n    Command::new(\"sh\");\n}\n";
        assert_eq!(
            found("crates/git/src/probe.rs", text),
            [
                "crates/git/src/probe.rs:2: starts a process outside `host`; use `hyperion_host::spawn`"
            ]
        );
        assert!(found("crates/host/src/spawn.rs", text).is_empty());
        assert!(found("crates/git/tests/it/main.rs", text).is_empty());
        assert!(
            found(
                "crates/git/src/a.rs",
                &format!("#[cfg(test)]\nmod tests {{\n{text}}}\n")
            )
            .is_empty()
        );
        assert!(found("crates/hyperion/src/cli.rs", "clap::Command::new(\"x\")").is_empty());
        assert!(found("crates/git/src/a.rs", "// not Command::new(\"sh\")").is_empty());
        assert_eq!(
            found("crates/git/src/a.rs", "use tokio::process::Child;").len(),
            1
        );
    }

    #[test]
    fn only_the_store_speaks_sql() {
        for (text, word) in [
            ("\"SELECT id FROM entry\"", "SELECT"),
            ("use rusqlite::Connection;", "rusqlite"),
            ("\"UPDATE entry SET state = 1\"", "UPDATE"),
            ("\"PRAGMA journal_mode\"", "PRAGMA"),
        ] {
            let finding = format!(
                "crates/engine/src/a.rs:1: speaks SQL (`{word}`) outside `store`; \
                 make it a typed operation of `store`"
            );
            assert_eq!(found("crates/engine/src/a.rs", text), [finding]);
            assert!(found("crates/store/src/entry.rs", text).is_empty());
        }
        for fine in [
            "\"SELECT one of these\"",
            "// CREATE TABLE ",
            "\"update the set\"",
        ] {
            assert!(found("crates/engine/src/a.rs", fine).is_empty(), "{fine}");
        }
    }
}
