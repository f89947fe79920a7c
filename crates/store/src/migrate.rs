//! Brings a database to the schema of this Hyperion, and refuses what it does not know.
//!
//! Migrations are numbered files whose checksums are recorded in the database. `user_version` is the
//! number of migrations done.
//!
//! An existing database is copied before it is changed. The copy grows under a name of its own and
//! gets its right one when it is whole and durable; then all migrations are one transaction. So
//! whoever dies in between leaves the database as it was, and the next start begins anew.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_model::{Digest, Time};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, Connection, params};

use crate::error::OpenError;
use crate::store::Notice;
use crate::structure;

/// How many copies from before migrations are kept, the newest.
const KEPT_COPIES: usize = 2;

/// The most files beside the database that are looked at for old copies.
const MAX_NEIGHBOURS: usize = 10_000;

/// Marks a database as Hyperion's: the letters `HYPR`.
const APPLICATION_ID: i32 = 0x4859_5052;

struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// Every migration, in order; one that was released is never edited.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0000_facts",
        sql: include_str!("../migrations/sqlite/0000_facts.sql"),
    },
    Migration {
        name: "0001_operations",
        sql: include_str!("../migrations/sqlite/0001_operations.sql"),
    },
    Migration {
        name: "0002_keep",
        sql: include_str!("../migrations/sqlite/0002_keep.sql"),
    },
    Migration {
        name: "0003_file_modifications",
        sql: include_str!("../migrations/sqlite/0003_file_modifications.sql"),
    },
    Migration {
        name: "0004_identity",
        sql: include_str!("../migrations/sqlite/0004_identity.sql"),
    },
    Migration {
        name: "0005_grants",
        sql: include_str!("../migrations/sqlite/0005_grants.sql"),
    },
    Migration {
        name: "0006_audit",
        sql: include_str!("../migrations/sqlite/0006_audit.sql"),
    },
];

/// The version of the schema this Hyperion writes.
pub(crate) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Migrates a database that is open for writing.
pub(crate) fn migrate(
    conn: &Connection,
    path: &Path,
    now: Time,
) -> Result<Option<Notice>, OpenError> {
    let found = version(conn, path)?;
    match found {
        None => {
            apply(conn, 0, KNOWN, now, &mut || {})?;
            Ok(None)
        }
        Some(found) if found < KNOWN => {
            check_sums(conn, found)?;
            check_pages(conn)?;
            let backup = back_up(conn, path, found)?;
            reached(Point::MigrationBackedUp);
            apply(conn, found, KNOWN, now, &mut || {})?;
            if let Err(error) = remove_old_copies(path) {
                tracing::warn!(%error, "older copies of the database could not be removed");
            }
            Ok(Some(Notice::Migrated {
                from: found,
                to: KNOWN,
                backup,
            }))
        }
        Some(found) => {
            check_sums(conn, found)?;
            Ok(None)
        }
    }
}

/// Makes sure that a database is ours and not of a newer version, or empty, and tells which; writes nothing.
pub(crate) fn is_empty(conn: &Connection, path: &Path) -> Result<bool, OpenError> {
    Ok(version(conn, path)?.is_none())
}

/// Makes sure that a database can be read as it is.
pub(crate) fn check(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let found = version(conn, path)?.unwrap_or(0);
    if found < KNOWN {
        return Err(OpenError::NeedsMigration {
            found,
            known: KNOWN,
        });
    }
    check_sums(conn, found)
}

/// Makes an empty database of the newest schema, to compare with.
pub(crate) fn in_memory() -> Result<Connection, rusqlite::Error> {
    let conn = Connection::open_in_memory()?;
    apply(&conn, 0, KNOWN, Time::UNIX_EPOCH, &mut || {})?;
    Ok(conn)
}

/// Gives the version of the schema; nothing for a database that is still empty.
fn version(conn: &Connection, path: &Path) -> Result<Option<u32>, OpenError> {
    let pragma = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = pragma("PRAGMA application_id")?;
    if application != i64::from(APPLICATION_ID) {
        let tables = pragma("SELECT count(*) FROM sqlite_schema")?;
        return if application == 0 && tables == 0 {
            Ok(None)
        } else {
            Err(OpenError::NotOurs {
                path: path.to_owned(),
            })
        };
    }
    let found = u32::try_from(pragma("PRAGMA user_version")?).unwrap_or(u32::MAX);
    if found > KNOWN {
        return Err(OpenError::NewerSchema {
            found,
            known: KNOWN,
        });
    }
    Ok(Some(found))
}

/// Makes sure that what was done then is what this Hyperion would have done.
fn check_sums(conn: &Connection, done: u32) -> Result<(), OpenError> {
    let recorded: Vec<(String, String)> = conn
        .prepare("SELECT name, checksum FROM migration ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let expected: Vec<(String, String)> = MIGRATIONS
        .iter()
        .take(done as usize)
        .map(|migration| (migration.name.to_owned(), checksum(migration)))
        .collect();
    if recorded != expected {
        return Err(OpenError::Damaged {
            detail: "the migrations recorded in it are not those of this Hyperion".to_owned(),
        });
    }
    Ok(())
}

fn checksum(migration: &Migration) -> String {
    Digest::of(migration.sql.as_bytes()).to_string()
}

/// Makes sure that no damage is carried over into the new schema, and into the copy.
fn check_pages(conn: &Connection) -> Result<(), OpenError> {
    match structure::pages(conn, "PRAGMA quick_check(1)")?.first() {
        None => Ok(()),
        Some(problem) => Err(OpenError::Damaged {
            detail: format!("it cannot be migrated: {problem}"),
        }),
    }
}

/// Does all migrations in one transaction; tells `done` after each statement.
fn apply(
    conn: &Connection,
    from: u32,
    to: u32,
    now: Time,
    done: &mut dyn FnMut(),
) -> Result<(), rusqlite::Error> {
    conn.execute_batch("BEGIN EXCLUSIVE")?;
    let outcome = apply_inside(conn, from, to, now, done);
    if outcome.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    outcome
}

fn apply_inside(
    conn: &Connection,
    from: u32,
    to: u32,
    now: Time,
    done: &mut dyn FnMut(),
) -> Result<(), rusqlite::Error> {
    conn.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID};
         CREATE TABLE IF NOT EXISTS migration (
             number     INTEGER PRIMARY KEY,
             name       TEXT    NOT NULL,
             checksum   TEXT    NOT NULL,
             applied_ms INTEGER NOT NULL
         ) STRICT;"
    ))?;
    let steps = MIGRATIONS
        .iter()
        .enumerate()
        .take(to as usize)
        .skip(from as usize);
    for (number, migration) in steps {
        let mut statements = Batch::new(conn, migration.sql);
        while let Some(mut statement) = statements.next()? {
            statement.execute([])?;
            done();
        }
        reached(Point::MigrationStepMade);
        conn.execute(
            "INSERT INTO migration (number, name, checksum, applied_ms) VALUES (?1, ?2, ?3, ?4)",
            params![
                number as u64,
                migration.name,
                checksum(migration),
                now.as_millisecond()
            ],
        )?;
        done();
    }
    conn.execute_batch(&format!("PRAGMA user_version = {to}"))?;
    done();
    reached(Point::MigrationWritten);
    conn.execute_batch("COMMIT")?;
    reached(Point::MigrationCommitted);
    Ok(())
}

/// Names the copy from before a database left a version.
fn copy_of(path: &Path, version: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OsString::from(format!(".v{version}.backup")));
    PathBuf::from(name)
}

/// Copies the database as it stands beside itself, durably: whole under its name, or not at all.
fn back_up(conn: &Connection, path: &Path, version: u32) -> Result<PathBuf, OpenError> {
    let backup = copy_of(path, version);
    let growing = backup.with_extension("backup.new");
    let copied = copy_to(conn, &growing).and_then(|()| {
        fs::rename(&growing, &backup)?;
        if let Some(folder) = folder_of(&backup) {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    });
    if copied.is_err() {
        // An incomplete copy is useless, and takes up space on a disk that may be full.
        let _ = fs::remove_file(&growing);
    }
    copied.map(|()| backup)
}

fn copy_to(conn: &Connection, growing: &Path) -> Result<(), OpenError> {
    // A copy that a crash left is started over, because nobody knows how much of it is on the disk.
    match fs::remove_file(growing) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(growing)?;
    {
        let mut copy = Connection::open(growing)?;
        let step = Backup::new(conn, &mut copy)?.step(-1)?;
        if step != StepResult::Done {
            return Err(OpenError::Busy);
        }
    }
    reached(Point::MigrationCopied);
    file.sync_all()?;
    Ok(())
}

/// Removes all copies but the newest; only those of the very names that were given.
fn remove_old_copies(path: &Path) -> std::io::Result<()> {
    let Some(folder) = folder_of(path) else {
        return Ok(());
    };
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder)?.take(MAX_NEIGHBOURS) {
        let found = entry?.path();
        versions.extend((0..KNOWN).find(|version| copy_of(path, *version) == found));
    }
    versions.sort_unstable();
    let surplus = versions.len().saturating_sub(KEPT_COPIES);
    for version in &versions[..surplus] {
        fs::remove_file(copy_of(path, *version))?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

#[cfg(test)]
mod tests;
