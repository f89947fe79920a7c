//! Brings a database to the schema of this Hyperion, and refuses what it does not know.
//!
//! Migrations are numbered files whose checksums are recorded in the database. An existing
//! database is copied before it is changed. `user_version` is the number of migrations done.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_model::{Digest, Time};
use rusqlite::{Connection, params};

use crate::error::OpenError;
use crate::store::Notice;

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
            apply(conn, 0, KNOWN, now)?;
            Ok(None)
        }
        Some(found) if found < KNOWN => {
            check_sums(conn, found)?;
            let backup = back_up(conn, path, found)?;
            reached(Point::MigrationBackedUp);
            apply(conn, found, KNOWN, now)?;
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
    apply(&conn, 0, KNOWN, Time::UNIX_EPOCH)?;
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

fn apply(conn: &Connection, from: u32, to: u32, now: Time) -> Result<(), rusqlite::Error> {
    conn.execute_batch("BEGIN EXCLUSIVE")?;
    let done = apply_inside(conn, from, to, now);
    if done.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    done
}

fn apply_inside(conn: &Connection, from: u32, to: u32, now: Time) -> Result<(), rusqlite::Error> {
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
        conn.execute_batch(migration.sql)?;
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
    }
    conn.execute_batch(&format!("PRAGMA user_version = {to}"))?;
    reached(Point::MigrationWritten);
    conn.execute_batch("COMMIT")?;
    reached(Point::MigrationCommitted);
    Ok(())
}

/// Copies the database as it stands beside itself, durably.
fn back_up(conn: &Connection, path: &Path, version: u32) -> Result<PathBuf, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(OsString::from(format!(".v{version}.backup")));
    let backup = PathBuf::from(name);
    // One from an attempt that failed is older than what is there now.
    match fs::remove_file(&backup) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&backup)?;
    {
        let mut copy = Connection::open(&backup)?;
        rusqlite::backup::Backup::new(conn, &mut copy)?.step(-1)?;
    }
    reached(Point::MigrationCopied);
    file.sync_all()?;
    if let Some(folder) = backup
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyperion_model::{Batch, BatchId, Uuid};

    use super::*;
    use crate::{KeySource, Mode, NoRedaction, Store, StoreConfig};

    fn config(folder: &Path, mode: Mode) -> StoreConfig {
        StoreConfig {
            database: folder.join("hyperion.db"),
            blobs: folder.join("blobs"),
            key: KeySource::File {
                path: folder.join("key"),
            },
            mode,
            redact: Arc::new(NoRedaction),
            now: Time::UNIX_EPOCH,
        }
    }

    /// A database as the first version left it, with an event in it.
    fn first_version(path: &Path) {
        let conn = Connection::open(path).unwrap();
        apply(&conn, 0, 1, Time::UNIX_EPOCH).unwrap();
        conn.execute("INSERT INTO receipt VALUES ('old', 1, 0, 5)", [])
            .unwrap();
    }

    #[test]
    fn an_old_database_is_copied_and_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hyperion.db");
        first_version(&path);
        assert!(matches!(
            Store::open(&config(folder.path(), Mode::ReadOnly)),
            Err(OpenError::NeedsMigration {
                found: 1,
                known: KNOWN
            })
        ));
        // A copy from an attempt that failed is replaced.
        let backup = folder.path().join("hyperion.db.v1.backup");
        fs::write(&backup, "stale").unwrap();

        let store = Store::open(&config(folder.path(), Mode::ReadWrite)).unwrap();
        assert_eq!(
            store.notices(),
            [Notice::Migrated {
                from: 1,
                to: KNOWN,
                backup: backup.clone()
            }]
        );
        assert!(store.check_structure().unwrap().is_sound());
        let stamp = hyperion_model::machine::Stamp {
            time: Time::UNIX_EPOCH,
            actor: hyperion_model::Actor::Engine {
                id: hyperion_model::Name::new("t").unwrap(),
            },
        };
        let batch = Batch::new(BatchId::new(Uuid::nil()), stamp, Vec::new());
        let old = store
            .execute(Batch {
                key: Some("old".to_owned()),
                ..batch
            })
            .unwrap();
        assert!(old.replayed, "what was there before is still there");
        drop(store);
        assert_eq!(
            Store::open(&config(folder.path(), Mode::ReadWrite))
                .unwrap()
                .notices(),
            []
        );

        let copy = Connection::open(&backup).unwrap();
        assert_eq!(version(&copy, &backup).unwrap(), Some(1));
        let kept: u64 = copy
            .query_row("SELECT count(*) FROM receipt", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, 1);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hyperion.db");
        first_version(&path);
        // In the way of the second migration.
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE queue_log (x)")
            .unwrap();
        assert!(Store::open(&config(folder.path(), Mode::ReadWrite)).is_err());
        let conn = Connection::open(&path).unwrap();
        assert_eq!(version(&conn, &path).unwrap(), Some(1));
        let leases: u64 = conn
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'lease'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(leases, 0);
    }

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (number, migration) in MIGRATIONS.iter().enumerate() {
            assert!(migration.name.starts_with(&format!("{number:04}_")));
        }
    }
}
