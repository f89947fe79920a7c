//! Copies the whole database as it stands at one moment, while it is being written.
//!
//! The copy is made by SQLite's own backup, a bounded number of pages at a time, from a connection
//! that keeps one reading transaction open: so the copy is of one commit, the writer never waits
//! for it, and a busy database does not make it begin again.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use hyperion_model::Time;

use crate::chain::{self, Head, SealedHead};
use crate::connection;
use crate::error::{OpenError, StoreError};
use crate::feed;
use crate::migrate;
use crate::store::Store;

/// How many pages (of 4 KiB) are copied between two looks at whoever waits.
const STEP_PAGES: i32 = 2048;

/// What a copy of the database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The end of the chain.
    pub head: Head,
    /// When its last event happened.
    pub head_time: Option<Time>,
    /// The key that seals it; none when there is no event.
    pub key_id: Option<String>,
    /// The version of the schema.
    pub schema: u32,
    /// The files of large blobs that it refers to, relative to the blobs folder.
    pub blob_files: Vec<String>,
    /// How far the tables without events go.
    pub tables: Positions,
}

/// How far tables without events have been read: what is behind is new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Positions {
    /// The last row of `blob`.
    pub blob: u64,
    /// The last row of `receipt`.
    pub receipt: u64,
}

impl Store {
    /// Copies the database into a new file, durably, and says what the copy holds.
    ///
    /// `progress` is told how many pages are copied, and of how many.
    pub fn copy_to(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Snapshot, StoreError> {
        // Not from the pool: it is held for as long as the copy takes.
        let from = connection::open_reader(self.database())?;
        let tx = from.unchecked_transaction()?;
        let snapshot = describe(&tx)?;
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        {
            let mut to = Connection::open(path)?;
            // A crash leaves a copy that nobody takes for one; it is synced once, below.
            to.execute_batch("PRAGMA synchronous = OFF;")?;
            let copy = Backup::new(&from, &mut to)?;
            loop {
                let step = copy.step(STEP_PAGES)?;
                let at = copy.progress();
                let pages = |number: i32| u64::try_from(number).unwrap_or(0);
                progress(pages(at.pagecount - at.remaining), pages(at.pagecount));
                match step {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => return Err(StoreError::Busy),
                }
            }
        }
        drop(tx);
        file.sync_all()?;
        Ok(snapshot)
    }
}

impl Store {
    /// Opens a copy of this store's database, to look at it with the same keys.
    pub fn open_copy(&self, database: &Path, blobs: &Path) -> Result<Store, OpenError> {
        self.with_keys_of(database, blobs)
    }
}

/// Reads what a database holds, inside a transaction.
fn describe(conn: &Connection) -> Result<Snapshot, StoreError> {
    let head = chain::last_event(conn)?;
    let sealed = SealedHead::load(conn)?;
    if let Some(sealed) = &sealed
        && sealed.head != head
    {
        return Err(StoreError::Damaged {
            detail: format!(
                "its chain of events ends at {}, sealed was {}",
                head.seq, sealed.head.seq
            ),
        });
    }
    let blob_files = conn
        .prepare("SELECT file FROM blob WHERE place = 1 AND file IS NOT NULL ORDER BY file")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Snapshot {
        head,
        head_time: time_of(conn, head.seq)?,
        key_id: sealed.map(|sealed| sealed.key_id),
        schema: migrate::KNOWN,
        blob_files,
        tables: positions(conn)?,
    })
}

/// Reads how far the tables without events go.
pub(crate) fn positions(conn: &Connection) -> Result<Positions, rusqlite::Error> {
    let last = |table: &str| {
        conn.query_row(
            &format!("SELECT coalesce(max(rowid), 0) FROM {table}"),
            [],
            |row| row.get(0),
        )
    };
    Ok(Positions {
        blob: last("blob")?,
        receipt: last("receipt")?,
    })
}

fn time_of(conn: &Connection, seq: u64) -> Result<Option<Time>, StoreError> {
    let text = conn
        .prepare("SELECT text FROM event WHERE seq = ?1")?
        .query_map([seq], |row| row.get::<_, String>(0))?
        .next()
        .transpose()?;
    Ok(text
        .and_then(|text| feed::parse(seq, text.as_bytes()))
        .map(|event| event.event.stamp.time))
}

/// Says which version of the schema this Hyperion writes.
pub const fn schema_version() -> u32 {
    migrate::KNOWN
}
