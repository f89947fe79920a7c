//! Looks at the database as a file: whole pages, the expected schema, a sealed end.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::chain::{self, SealedHead};
use crate::error::{OpenError, ReadError};
use crate::migrate;
use crate::store::Store;

/// The most problems that SQLite's own check lists.
const MAX_PROBLEMS: u32 = 100;

/// Up to this size the pages are looked at before every start; above it only after a crash, as it takes a second for a gigabyte.
const LOOKED_AT_BYTES: u64 = 32 * 1024 * 1024;

/// Up to this size they are looked at after a crash. A longer look would keep everybody waiting for
/// what SQLite's log makes unlikely; `doctor` still looks at everything.
const LOOKED_AT_AFTER_CRASH_BYTES: u64 = 1024 * 1024 * 1024;

/// What the database looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    /// What is wrong; workers do not start while there is anything.
    pub problems: Vec<String>,
    /// The version of SQLite in use.
    pub sqlite: &'static str,
    /// The version of the schema.
    pub schema: u32,
    /// How the file is written; `wal` is right.
    pub journal_mode: String,
    /// How large the database is, in bytes, without its log.
    pub bytes: u64,
}

impl Structure {
    /// Tells whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Store {
    /// Checks pages, schema and the end of the chain; takes time in proportion to the file.
    pub fn check_structure(&self) -> Result<Structure, ReadError> {
        self.read(|conn| {
            let tx = conn.unchecked_transaction()?;
            inspect(&tx)
        })
    }
}

/// Looks at the structure before anything is built on it; `crashed` when the last writer did not close it.
pub(crate) fn check_before_work(conn: &Connection, crashed: bool) -> Result<(), OpenError> {
    let damaged = |detail| Err(OpenError::Damaged { detail });
    if let Some(problem) = compare_schema(conn)?.into_iter().next() {
        return damaged(problem);
    }
    let most = if crashed {
        LOOKED_AT_AFTER_CRASH_BYTES
    } else {
        LOOKED_AT_BYTES
    };
    if bytes(conn)? <= most {
        let pages = pages(conn, "PRAGMA quick_check(1)")?;
        if let Some(problem) = pages.into_iter().next() {
            return damaged(problem);
        }
    }
    Ok(())
}

/// Gives what SQLite finds when it looks at pages, with where that is.
pub(crate) fn pages(conn: &Connection, look: &str) -> Result<Vec<String>, rusqlite::Error> {
    let lines = conn
        .prepare(look)?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    let page_size = page_size(conn)?;
    // SQLite may put several into one answer, below a headline.
    let lines = lines.iter().flat_map(|lines| lines.lines());
    Ok(lines
        .filter(|line| *line != "ok" && !line.starts_with("*** "))
        .map(|line| located(line, page_size))
        .collect())
}

/// Finds out which page it was that could not be read.
pub(crate) fn explain(conn: &Connection, error: rusqlite::Error) -> OpenError {
    let found = pages(conn, "PRAGMA quick_check(1)").unwrap_or_default();
    match (OpenError::from(error), found.into_iter().next()) {
        (OpenError::Damaged { .. }, Some(detail)) => OpenError::Damaged { detail },
        (error, _) => error,
    }
}

/// Adds to what SQLite says of a page where that is in the file.
fn located(problem: &str, page_size: u64) -> String {
    let lower = problem.to_ascii_lowercase();
    let number = lower.find("page ").and_then(|at| {
        let digits: String = lower[at + 5..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse::<u64>().ok()
    });
    match number.filter(|number| *number > 0) {
        Some(number) => {
            let end = number.saturating_mul(page_size);
            format!(
                "{problem} (bytes {} to {} of the file)",
                end - page_size,
                end
            )
        }
        None => problem.to_owned(),
    }
}

fn page_size(conn: &Connection) -> Result<u64, rusqlite::Error> {
    conn.query_row("PRAGMA page_size", [], |row| row.get(0))
}

fn bytes(conn: &Connection) -> Result<u64, rusqlite::Error> {
    let pages: u64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    Ok(pages * page_size(conn)?)
}

/// Looks at every page and at the schema.
pub(crate) fn inspect_pages(conn: &Connection) -> Result<Vec<String>, ReadError> {
    let mut problems = match pages(conn, &format!("PRAGMA integrity_check({MAX_PROBLEMS})")) {
        Ok(problems) => problems,
        // It gave up: which tables it can look at says at least which it cannot.
        Err(error) => {
            let mut problems = Vec::new();
            for name in tables(&migrate::in_memory()?)? {
                match pages(conn, &format!("PRAGMA quick_check(\"{name}\")")) {
                    Ok(found) => problems.extend(found),
                    Err(error) => problems.push(format!("the table {name}: {error}")),
                }
            }
            if problems.is_empty() {
                problems.push(error.to_string());
            }
            problems
        }
    };
    problems.extend(compare_schema(conn)?);
    Ok(problems)
}

fn inspect(conn: &Connection) -> Result<Structure, ReadError> {
    let mut problems = inspect_pages(conn)?;
    let last = chain::last_event(conn)?;
    match SealedHead::load(conn)? {
        Some(sealed) if sealed.head == last => {}
        Some(sealed) => problems.push(format!(
            "the chain of events ends at {}, sealed was {}",
            last.seq, sealed.head.seq
        )),
        None => problems.push("the end of the chain of events is not sealed".to_owned()),
    }
    let journal_mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if journal_mode != "wal" {
        problems.push(format!("the journal mode is {journal_mode}, not wal"));
    }
    let pragma = |sql| conn.query_row(sql, [], |row| row.get::<_, u64>(0));
    Ok(Structure {
        problems,
        sqlite: rusqlite::version(),
        schema: u32::try_from(pragma("PRAGMA user_version")?).unwrap_or(u32::MAX),
        journal_mode,
        bytes: bytes(conn)?,
    })
}

/// Compares tables, indexes and triggers with those of a database made afresh.
fn compare_schema(conn: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let (found, expected) = (schema(conn)?, schema(&migrate::in_memory()?)?);
    let mut problems = Vec::new();
    for (name, sql) in &expected {
        match found.get(name) {
            None => problems.push(format!("the schema lacks {name}")),
            Some(other) if other != sql => problems.push(format!("the schema has another {name}")),
            Some(_) => {}
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        problems.push(format!("the schema has {name}, which is not Hyperion's"));
    }
    Ok(problems)
}

fn schema(conn: &Connection) -> Result<BTreeMap<String, String>, rusqlite::Error> {
    conn.prepare(
        "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema
             WHERE name NOT LIKE 'sqlite_%'",
    )?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

fn tables(conn: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    conn.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?
    .query_map([], |row| row.get(0))?
    .collect()
}
