//! Looks at the database as a file: whole pages, the expected schema, a sealed end.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::chain::{self, SealedHead};
use crate::error::ReadError;
use crate::migrate;
use crate::store::Store;

/// The most problems that SQLite's own check lists.
const MAX_PROBLEMS: u32 = 100;

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

fn inspect(conn: &Connection) -> Result<Structure, ReadError> {
    let mut problems = Vec::new();
    let checked = conn
        .prepare(&format!("PRAGMA integrity_check({MAX_PROBLEMS})"))?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>();
    match checked {
        Ok(lines) => problems.extend(lines.into_iter().filter(|line| line != "ok")),
        Err(error) => problems.push(error.to_string()),
    }
    problems.extend(compare_schema(conn)?);
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
        bytes: pragma("PRAGMA page_count")? * pragma("PRAGMA page_size")?,
    })
}

/// Compares tables, indexes and triggers with those of a database made afresh.
fn compare_schema(conn: &Connection) -> Result<Vec<String>, ReadError> {
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

fn schema(conn: &Connection) -> Result<BTreeMap<String, String>, ReadError> {
    Ok(conn
        .prepare(
            "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema
             WHERE name NOT LIKE 'sqlite_%'",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?)
}
