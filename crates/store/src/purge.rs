//! Purges content that nothing needs any more.
//!
//! The row goes first, its file after the commit. The other way round, a crash in between would
//! leave a row that promises content; this way it leaves a file that nobody asks for, which the
//! next purge sweeps up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_model::{Digest, Time};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::blob::Place;
use crate::error::{ReadError, StoreError};
use crate::store::Store;
use crate::writer::Writer;

/// The most blobs that one transaction purges.
const MAX_STEP: usize = 500;

/// How old a file without a row must be to be swept: its row may be on the way.
const SWEEP_AGE_S: i64 = 3600;

/// The most digests that are marked at once.
const MAX_MARKED: usize = 10_000;

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
    /// It was marked, and no open row refers to it: a trace of it stays.
    Marked,
    /// Nothing refers to it: it goes without a trace.
    Unreferenced,
}

impl Reason {
    const fn condition(self) -> &'static str {
        match self {
            Reason::Marked => {
                "place < 2 AND purge_after_ms IS NOT NULL AND purge_after_ms <= ?1 AND NOT EXISTS
                   (SELECT 1 FROM reference WHERE reference.name = blob.name AND reference.open = 1)"
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
    /// Lets content be purged from a time on, once no open row refers to it.
    ///
    /// A new reference to it takes the mark away again.
    pub fn mark_purgeable(&self, digests: &[Digest], not_before: Time) -> Result<(), StoreError> {
        if digests.len() > MAX_MARKED {
            return Err(StoreError::TooLarge {
                what: "a list of purgeable content, in digests",
                given: digests.len(),
                max: MAX_MARKED,
            });
        }
        let names: Vec<[u8; 32]> = digests
            .iter()
            .flat_map(|digest| self.keys().blob_names(digest))
            .collect();
        self.operate(move |writer| {
            for name in &names {
                writer
                    .conn
                    .prepare_cached(
                        "UPDATE blob SET purge_after_ms = max(coalesce(purge_after_ms, ?2), ?2)
                         WHERE name = ?1 AND place < 2",
                    )?
                    .execute(params![name, not_before.as_millisecond()])?;
            }
            Ok(())
        })
    }

    /// Purges what may go, in small steps; never what an open row refers to.
    pub fn purge(&self, limits: &PurgeLimits) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        self.purge_for(Reason::Marked, limits.now, &mut purged)?;
        self.purge_for(
            Reason::Unreferenced,
            limits.unreferenced_before,
            &mut purged,
        )?;
        purged.files_swept = self.sweep(limits.now)?;
        let before = limits.receipts_before.as_millisecond();
        purged.receipts = self.operate(move |writer| {
            let gone = writer
                .conn
                .prepare_cached("DELETE FROM receipt WHERE time_ms < ?1")?
                .execute([before])?;
            Ok(gone as u64)
        })?;
        Ok(purged)
    }

    fn purge_for(
        &self,
        reason: Reason,
        before: Time,
        purged: &mut Purged,
    ) -> Result<(), StoreError> {
        loop {
            // Found by a reader, so that the writer is not kept from its work by the search.
            let names = self
                .read(|conn| candidates(conn, reason, before))
                .map_err(store_error)?;
            if names.is_empty() {
                return Ok(());
            }
            let gone = self.operate(move |writer| {
                let mut gone = Vec::new();
                for name in &names {
                    gone.extend(purge_one(writer, reason, before, name)?);
                }
                Ok(gone)
            })?;
            if gone.is_empty() {
                // Taken up again meanwhile.
                return Ok(());
            }
            reached(Point::StorePurgeRowsGone);
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
        }
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

fn candidates(conn: &Connection, reason: Reason, before: Time) -> Result<Vec<[u8; 32]>, ReadError> {
    let sql = format!(
        "SELECT name FROM blob WHERE {} LIMIT {MAX_STEP}",
        reason.condition()
    );
    let names = conn
        .prepare_cached(&sql)?
        .query_map([before.as_millisecond()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(names)
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
