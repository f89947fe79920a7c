//! Cursors of the feed's readers, and small values the engine keeps without events.

use rusqlite::{OptionalExtension as _, params};

use crate::error::{ReadError, StoreError};
use crate::store::Store;

/// The most bytes a cursor's name, a key or a value may have.
const MAX_BYTES: usize = 64 * 1024;

impl Store {
    /// Gives how far a reader has come: 0 before it has read anything.
    pub fn cursor(&self, name: &str) -> Result<u64, ReadError> {
        self.read(|conn| {
            let seq = conn
                .prepare_cached("SELECT seq FROM cursor WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?;
            Ok(seq.unwrap_or(0))
        })
    }

    /// Notes how far a reader has come.
    pub fn set_cursor(&self, name: &str, seq: u64) -> Result<(), StoreError> {
        check(name, "")?;
        let name = name.to_owned();
        self.operate(move |writer| {
            writer
                .conn
                .prepare_cached(
                    "INSERT INTO cursor (name, seq) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
                )?
                .execute(params![name, seq])?;
            Ok(())
        })
    }

    /// Gives a value that was kept.
    pub fn meta(&self, key: &str) -> Result<Option<String>, ReadError> {
        self.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?)
        })
    }

    /// Keeps a value.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        check(key, value)?;
        let (key, value) = (key.to_owned(), value.to_owned());
        self.operate(move |writer| {
            writer
                .conn
                .prepare_cached(
                    "INSERT INTO meta (key, value) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![key, value])?;
            Ok(())
        })
    }
}

fn check(key: &str, value: &str) -> Result<(), StoreError> {
    let given = key.len().max(value.len());
    if given > MAX_BYTES {
        return Err(StoreError::TooLarge {
            what: "a kept value, in bytes",
            given,
            max: MAX_BYTES,
        });
    }
    Ok(())
}
