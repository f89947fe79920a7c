//! Opens connections: one that writes, several that read.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;

/// The oldest SQLite without known WAL corruption (3.7.0 to 3.51.2 lose a WAL reset).
const OLDEST_SQLITE: (i32, &str) = (3_051_003, "3.51.3");

/// How long the writer waits for another process; in normal operation there is none.
pub(crate) const WRITER_BUSY: Duration = Duration::from_secs(5);

/// How long a reader waits: only recovery after a crash makes it wait at all.
const READER_BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared in each connection.
const PREPARED_STATEMENTS: usize = 256;

/// Makes sure that the SQLite in use is safe.
pub(crate) fn check_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE.0 {
        return Err(OpenError::OldSqlite {
            found: rusqlite::version(),
            needed: OLDEST_SQLITE.1,
        });
    }
    Ok(())
}

/// Opens the connection that writes; nothing is written before [`prepare_writer`].
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(WRITER_BUSY)?;
    settle(&conn)?;
    // If this log turns out to be foreign or damaged, the database must not have been changed.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(conn)
}

/// Lets the log be copied into the database when it is closed: everything was looked at.
pub(crate) fn trust(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        .map(drop)
}

/// Makes a connection write as Hyperion does: only once the database is known to be ours.
pub(crate) fn prepare_writer(conn: &Connection) -> Result<(), OpenError> {
    // FULL: the last commits survive a power loss; group commit pays for it. Checkpoints are the
    // writer's own business, between groups.
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -32000;",
    )?;
    Ok(())
}

/// Opens a connection that can only read, while another process may write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(READER_BUSY)?;
    settle(&conn)?;
    conn.execute_batch("PRAGMA query_only = ON;")?;
    Ok(conn)
}

fn settle(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    conn.execute_batch(
        // Temporary tables stay in memory: what is sorted must not lie around in a folder for all.
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;",
    )
}
