//! Purges content that nothing needs any more.
//!
//! The row goes first, its file after the commit. The other way round, a crash in between would
//! leave a row that promises content; this way it leaves a file that nobody asks for, which the
//! next purge sweeps up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_model::Time;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::blob::Place;
use crate::error::{ReadError, StoreError};
use crate::let_go;
use crate::store::Store;
use crate::writer::Writer;

/// The most blobs that one transaction purges.
const MAX_STEP: usize = 500;

/// The most receipts that one look purges; the rest waits for the next.
const MAX_RECEIPTS: u64 = 50_000;

/// Under which name the mark of [`Store::purge`] stands beside those of the nouns.
const BLOB: &str = "blob";

/// How old a file without a row must be to be swept: its row may be on the way.
const SWEEP_AGE_S: i64 = 3600;

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeLimits {
    /// The time: what was marked purgeable from before it goes.
    pub now: Time,
    /// Content that nothing refers to and that is older than this goes.
    pub unreferenced_before: Time,
    /// Answers kept for idempotency keys that are older than this go.
    pub receipts_before: Time,
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many blobs.
    pub blobs: u64,
    /// How much content, in bytes.
    pub bytes: u64,
    /// How many files of interrupted writes.
    pub files_swept: u64,
    /// How many kept answers.
    pub receipts: u64,
}

/// A blob that may go.
struct Candidate {
    name: [u8; 32],
    file: Option<String>,
    bytes: u64,
}

/// Which blobs a purge looks for.
#[derive(Clone, Copy)]
enum Reason {
    /// It was let go of, and nothing else holds it: a trace of it stays.
    Marked,
    /// Nothing refers to it: it goes without a trace.
    Unreferenced,
}

impl Reason {
    const fn condition(self) -> &'static str {
        match self {
            Reason::Marked => {
                "place < 2 AND purge_after_ms IS NOT NULL AND purge_after_ms <= ?1 AND NOT EXISTS
                   (SELECT 1 FROM reference WHERE reference.name = blob.name) AND NOT EXISTS
                   (SELECT 1 FROM reference_archive AS aside
                    WHERE aside.name = blob.name AND aside.holds = 1)"
            }
            Reason::Unreferenced => {
                "place < 2 AND created_ms < ?1 AND NOT EXISTS
                   (SELECT 1 FROM reference WHERE reference.name = blob.name) AND NOT EXISTS
                   (SELECT 1 FROM reference_archive WHERE reference_archive.name = blob.name)"
            }
        }
    }
}

impl Store {
    /// Purges what may go, in small steps; never what anything holds (see [`Store::let_go`]).
    pub fn purge(&self, limits: &PurgeLimits) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        self.purge_marked(limits.now, &mut purged)?;
        self.purge_unreferenced(limits.unreferenced_before, &mut purged)?;
        purged.files_swept = self.sweep(limits.now)?;
        let before = limits.receipts_before.as_millisecond();
        purged.receipts = self.operate(move |writer| {
            let gone = writer
                .conn
                .prepare_cached(&format!(
                    "DELETE FROM receipt WHERE key IN
                       (SELECT key FROM receipt WHERE time_ms < ?1 LIMIT {MAX_RECEIPTS})"
                ))?
                .execute([before])?;
            Ok(gone as u64)
        })?;
        Ok(purged)
    }

    /// Purges what was let go of.
    fn purge_marked(&self, now: Time, purged: &mut Purged) -> Result<(), StoreError> {
        loop {
            // Found by a reader, so that the writer is not kept from its work by the search.
            let names: Vec<[u8; 32]> = self
                .read(|conn| {
                    let sql = format!(
                        "SELECT name FROM blob WHERE {} LIMIT {MAX_STEP}",
                        Reason::Marked.condition()
                    );
                    let found = conn
                        .prepare_cached(&sql)?
                        .query_map([now.as_millisecond()], |row| row.get(0))?
                        .collect::<Result<_, _>>()?;
                    Ok(found)
                })
                .map_err(store_error)?;
            // None left, or all taken up again meanwhile.
            if names.is_empty() || self.purge_these(Reason::Marked, now, names, purged)? == 0 {
                return Ok(());
            }
        }
    }

    /// Purges what nothing ever referred to, among what came since it was looked last: what loses
    /// its last reference is marked then.
    fn purge_unreferenced(&self, before: Time, purged: &mut Purged) -> Result<(), StoreError> {
        let mut place = self.read(unreferenced_mark).map_err(store_error)?;
        // A clock that was set back: everything is looked at once more.
        if place.0 > before.as_millisecond() {
            place = (i64::MIN, 0);
        }
        loop {
            let found: Vec<([u8; 32], i64, u64)> = self
                .read(|conn| {
                    let sql = format!(
                        "SELECT name, created_ms, rowid FROM blob
                         WHERE {} AND (created_ms, rowid) > (?2, ?3)
                         ORDER BY created_ms, rowid LIMIT {MAX_STEP}",
                        Reason::Unreferenced.condition()
                    );
                    let found = conn
                        .prepare_cached(&sql)?
                        .query_map(params![before.as_millisecond(), place.0, place.1], |row| {
                            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                        })?
                        .collect::<Result<_, _>>()?;
                    Ok(found)
                })
                .map_err(store_error)?;
            let Some((_, ms, rowid)) = found.last() else {
                break;
            };
            place = (*ms, *rowid);
            let names = found.iter().map(|(name, ..)| *name).collect();
            self.purge_these(Reason::Unreferenced, before, names, purged)?;
        }
        self.operate(move |writer| {
            let mark = before.as_millisecond().saturating_sub(1);
            let_go::move_mark(&writer.conn, BLOB, (mark, i64::MAX.unsigned_abs()))
        })
    }

    /// Purges those that still may go, and tells how many.
    fn purge_these(
        &self,
        reason: Reason,
        before: Time,
        names: Vec<[u8; 32]>,
        purged: &mut Purged,
    ) -> Result<usize, StoreError> {
        let gone = self.operate(move |writer| {
            let mut gone = Vec::new();
            for name in &names {
                gone.extend(purge_one(writer, reason, before, name)?);
            }
            Ok(gone)
        })?;
        reached(Point::StorePurgeRowsGone);
        let count = gone.len();
        for Candidate {
            name: _,
            file,
            bytes,
        } in gone
        {
            purged.blobs += 1;
            purged.bytes += bytes;
            if let Some(file) = file {
                remove(&self.blobs_folder().join(file))?;
                reached(Point::StorePurgeFileGone);
            }
        }
        Ok(count)
    }

    /// Removes files that no row names: left by a crash between file and row, or row and file.
    fn sweep(&self, now: Time) -> Result<u64, StoreError> {
        let mut swept = 0;
        for shelf in list(self.blobs_folder())? {
            for path in list(&shelf)? {
                if self.is_abandoned(&path, now)? {
                    remove(&path)?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }

    fn is_abandoned(&self, path: &Path, now: Time) -> Result<bool, StoreError> {
        let Some((name, relative)) = blob_of(path) else {
            return Ok(false);
        };
        let modified = match fs::metadata(path).and_then(|meta| meta.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let old = Time::try_from(modified).is_ok_and(|modified| {
            now.as_second().saturating_sub(modified.as_second()) > SWEEP_AGE_S
        });
        if !old {
            return Ok(false);
        }
        let named: Option<Option<String>> = self
            .read(|conn| {
                Ok(conn
                    .prepare_cached("SELECT file FROM blob WHERE name = ?1")?
                    .query_row([name], |row| row.get(0))
                    .optional()?)
            })
            .map_err(store_error)?;
        Ok(named.flatten().as_deref() != Some(&relative))
    }
}

/// Tells up to where content was looked at for what nothing refers to.
fn unreferenced_mark(conn: &Connection) -> Result<(i64, u64), ReadError> {
    let found = conn
        .prepare_cached("SELECT ended_ms, seq FROM let_go_mark WHERE noun = ?1")?
        .query_row([BLOB], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.unwrap_or((i64::MIN, 0)))
}

/// Purges one blob's row, if it still may go.
fn purge_one(
    writer: &Writer,
    reason: Reason,
    before: Time,
    name: &[u8; 32],
) -> Result<Option<Candidate>, StoreError> {
    let sql = format!(
        "SELECT file, bytes FROM blob WHERE {} AND name = ?2",
        reason.condition()
    );
    let found = writer
        .conn
        .prepare_cached(&sql)?
        .query_row(params![before.as_millisecond(), name], |row| {
            Ok(Candidate {
                name: *name,
                file: row.get(0)?,
                bytes: row.get(1)?,
            })
        })
        .optional()?;
    let Some(candidate) = found else {
        return Ok(None);
    };
    match reason {
        Reason::Marked => writer
            .conn
            .prepare_cached(
                "UPDATE blob SET place = ?2, body = NULL, file = NULL, purge_after_ms = NULL
                 WHERE name = ?1",
            )?
            .execute(params![candidate.name, Place::Purged])?,
        Reason::Unreferenced => writer
            .conn
            .prepare_cached("DELETE FROM blob WHERE name = ?1")?
            .execute([candidate.name])?,
    };
    Ok(Some(candidate))
}

/// Reads a blob's name, and the path its row would have, from its file's path.
fn blob_of(path: &Path) -> Option<([u8; 32], String)> {
    let file = path.file_name()?.to_str()?;
    let hex = file.split('.').next()?;
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut name = [0; 32];
    for (at, byte) in name.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some((name, format!("{}/{file}", &hex[..2])))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()?),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells a reader's failure as a writer's.
pub(crate) fn store_error(error: ReadError) -> StoreError {
    match error {
        ReadError::Busy => StoreError::Busy,
        ReadError::Damaged { detail } => StoreError::Damaged { detail },
        ReadError::Io(source) => StoreError::Io(source),
        ReadError::Database(source) => StoreError::Database(source),
        ReadError::Quarantined { subject, detail } => StoreError::Quarantined { subject, detail },
        error @ (ReadError::DamagedBlob { .. }
        | ReadError::KeyMissing { .. }
        | ReadError::TooMany { .. }) => StoreError::Damaged {
            detail: error.to_string(),
        },
    }
}
