//! Blobs: content that facts refer to by digest; encrypted, small ones in the database, large ones in files.
//!
//! A large blob is written to a file of its own (never shared, its name ends in random digits)
//! and made durable before the transaction that inserts its row. A crash in between leaves a
//! file without a row, which [`crate::Store::purge`] sweeps up; a row without its file never comes about.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_model::{Digest, NewBlob, Time};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{ReadError, StoreError, is_bad_value};
use crate::key::{Key, KeyError, KeyRing};
use crate::store::Store;
use crate::sync::mpsc;
use crate::writer::{Job, Reply, Writer};

/// The most bytes one blob may have.
pub const MAX_BLOB_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes of a blob that is kept inside the database.
pub const INLINE_BLOB_BYTES: usize = 32 * 1024;

/// Room for nonce and tag.
const SEAL_BYTES: usize = 64;

/// What became of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobState {
    /// It can be read (unless it was damaged, or its key is lost).
    Present {
        /// How long the content is.
        bytes: u64,
    },
    /// It was there, and was purged.
    Purged,
    /// It was never there, or nothing referred to it and it went.
    Missing,
    /// No key that is here finds it; one that is missing might.
    Unknown,
}

/// Where a blob's content lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Row,
    File,
    Purged,
}

impl FromSql for Place {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Place::Row),
            1 => Ok(Place::File),
            2 => Ok(Place::Purged),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl ToSql for Place {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Place::Row => 0_i64,
            Place::File => 1,
            Place::Purged => 2,
        }))
    }
}

/// A blob that is encrypted and, when it is large, already on the disk.
pub(crate) struct SealedBlob {
    name: [u8; 32],
    key_id: String,
    bytes: usize,
    body: Option<Vec<u8>>,
    file: Option<SealedFile>,
}

/// A blob's file; removed again unless its row was committed.
struct SealedFile {
    relative: String,
    whole: PathBuf,
    kept: bool,
}

impl Drop for SealedFile {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is swept up later.
            let _ = fs::remove_file(&self.whole);
        }
    }
}

impl SealedBlob {
    /// Encrypts content on the caller's thread, so that the writer only inserts it.
    pub(crate) fn prepare(folder: &Path, key: &Key, blob: &NewBlob) -> Result<Self, StoreError> {
        let NewBlob { digest, bytes } = blob;
        if bytes.len() > MAX_BLOB_BYTES {
            return Err(StoreError::TooLarge {
                what: "content, in bytes",
                given: bytes.len(),
                max: MAX_BLOB_BYTES,
            });
        }
        if Digest::of(bytes) != *digest {
            return Err(StoreError::Damaged {
                detail: format!("the content handed in as {digest} has another digest"),
            });
        }
        let sealed = key.encrypt(digest, bytes).map_err(|error: KeyError| {
            StoreError::Io(std::sync::Arc::new(io::Error::other(error)))
        })?;
        let name = key.blob_name(digest);
        let (body, file) = if bytes.len() <= INLINE_BLOB_BYTES {
            (Some(sealed), None)
        } else {
            (None, Some(write_file(folder, &name, &sealed)?))
        };
        Ok(Self {
            name,
            key_id: key.id().to_owned(),
            bytes: bytes.len(),
            body,
            file,
        })
    }

    /// Gives the name it is stored under.
    pub(crate) const fn name(&self) -> [u8; 32] {
        self.name
    }

    /// Inserts its row; tells whether it was new. Its file goes again unless [`keep_inserted`].
    pub(crate) fn insert(&self, conn: &Connection, now: Time) -> Result<bool, rusqlite::Error> {
        let Self {
            name,
            key_id,
            bytes,
            body,
            file,
        } = self;
        let place = if file.is_some() {
            Place::File
        } else {
            Place::Row
        };
        let inserted = conn
            .prepare_cached(
                "INSERT INTO blob (name, key_id, bytes, place, file, created_ms, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (name) DO UPDATE SET
                   place = excluded.place, file = excluded.file, created_ms = excluded.created_ms,
                   purge_after_ms = NULL, body = excluded.body
                 WHERE place = 2",
            )?
            .execute(params![
                name,
                key_id,
                *bytes as u64,
                place,
                file.as_ref().map(|file| &file.relative),
                now.as_millisecond(),
                body,
            ])?;
        if inserted == 0 {
            // The same content was stored again: its age starts over.
            conn.prepare_cached(
                "UPDATE blob SET created_ms = ?2, purge_after_ms = NULL
                 WHERE name = ?1 AND (created_ms < ?2 OR purge_after_ms IS NOT NULL)",
            )?
            .execute(params![name, now.as_millisecond()])?;
        }
        Ok(inserted > 0)
    }
}

/// Blobs on their way through the writer by themselves.
struct BlobJob {
    blobs: Vec<SealedBlob>,
    now: Time,
    inserted: Vec<bool>,
    reply: Reply<()>,
}

impl Job for BlobJob {
    fn attempt(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        self.inserted.clear();
        for blob in &self.blobs {
            self.inserted.push(blob.insert(&writer.conn, self.now)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let Self {
            mut blobs,
            now: _,
            inserted,
            reply,
        } = *self;
        if result.is_ok() {
            keep_inserted(&mut blobs, &inserted);
        }
        // Files nobody needs go before the answer.
        drop(blobs);
        reply.send(result);
    }
}

/// Keeps the files of the blobs whose rows are new; those of the others go with their drop.
pub(crate) fn keep_inserted(blobs: &mut [SealedBlob], inserted: &[bool]) {
    for (blob, inserted) in blobs.iter_mut().zip(inserted) {
        if let (Some(file), true) = (&mut blob.file, inserted) {
            file.kept = true;
        }
    }
}

fn write_file(folder: &Path, name: &[u8; 32], sealed: &[u8]) -> Result<SealedFile, StoreError> {
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| {
        StoreError::Io(std::sync::Arc::new(io::Error::other(
            KeyError::NoRandomness,
        )))
    })?;
    let shelf = folder.join(&hex[..2]);
    let relative = format!("{}/{hex}.{:016x}", &hex[..2], u64::from_be_bytes(random));
    let whole = folder.join(&relative);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let made_shelf = !shelf.is_dir();
    builder.create(&shelf)?;
    // The file name is unique to this blob, so no temporary name is needed: nobody reads the file before its row exists.
    let file = SealedFile {
        relative,
        whole,
        kept: false,
    };
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file.whole)?;
    reached(Point::StoreBlobFileMade);
    out.write_all(sealed)?;
    reached(Point::StoreBlobFileWritten);
    out.sync_all()?;
    fs::File::open(&shelf)?.sync_all()?;
    if made_shelf {
        fs::File::open(folder)?.sync_all()?;
    }
    reached(Point::StoreBlobFileDurable);
    Ok(file)
}

/// A blob's row.
struct Found {
    key_id: String,
    bytes: u64,
    place: Place,
    file: Option<String>,
    body: Option<Vec<u8>>,
}

fn find(
    conn: &Connection,
    keys: &KeyRing,
    digest: &Digest,
    with_body: bool,
) -> Result<Option<Found>, rusqlite::Error> {
    let sql = if with_body {
        "SELECT key_id, bytes, place, file, body FROM blob WHERE name = ?1"
    } else {
        "SELECT key_id, bytes, place, file, NULL FROM blob WHERE name = ?1"
    };
    let mut purged = None;
    for name in keys.blob_names(digest) {
        let found = conn
            .prepare_cached(sql)?
            .query_row([name], |row| {
                Ok(Found {
                    key_id: row.get(0)?,
                    bytes: row.get(1)?,
                    place: row.get(2)?,
                    file: row.get(3)?,
                    body: row.get(4)?,
                })
            })
            .optional()?;
        match found {
            Some(found) if found.place == Place::Purged => purged = Some(found),
            Some(found) => return Ok(Some(found)),
            None => {}
        }
    }
    Ok(purged)
}

/// Reads and decrypts a blob; nothing when it was never there, or was purged.
pub(crate) fn read(
    conn: &Connection,
    folder: &Path,
    keys: &KeyRing,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, ReadError> {
    let found = match find(conn, keys, digest, true) {
        Err(error) if is_bad_value(&error) => {
            return Err(ReadError::DamagedBlob {
                digest: *digest,
                detail: format!("its row cannot be read: {error}"),
            });
        }
        found => found?,
    };
    let Some(Found {
        key_id,
        bytes,
        place,
        file,
        body,
    }) = found
    else {
        return match missing_key(conn, keys)? {
            Some(key_id) => Err(ReadError::KeyMissing {
                digest: *digest,
                key_id,
            }),
            None => Ok(None),
        };
    };
    let damaged = |detail: &str| ReadError::DamagedBlob {
        digest: *digest,
        detail: detail.to_owned(),
    };
    let lies = match &file {
        Some(file) => format!("its file {file}"),
        None => "its row in the database".to_owned(),
    };
    let sealed = match (place, body, file) {
        (Place::Purged, _, _) => return Ok(None),
        (Place::Row, Some(body), _) => body,
        (Place::File, _, Some(file)) => match read_file(&folder.join(file)) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(&format!("{lies} is gone")));
            }
            Err(error) => return Err(error.into()),
        },
        (Place::Row, None, _) | (Place::File, _, None) => {
            return Err(damaged("its row is incomplete"));
        }
    };
    let Some(key) = keys.get(&key_id) else {
        return Err(if was_ever_used(conn, &key_id)? {
            ReadError::KeyMissing {
                digest: *digest,
                key_id,
            }
        } else {
            damaged("its row names a key that this store never had")
        });
    };
    let plain = key
        .decrypt(digest, &sealed)
        .ok_or_else(|| damaged(&format!("{lies} was changed on the disk")))?;
    // The cipher already binds it to the digest; this checks it directly.
    if Digest::of(&plain) != *digest {
        return Err(damaged("it has another digest"));
    }
    if bytes != plain.len() as u64 {
        return Err(damaged("its row gives it another length"));
    }
    Ok(Some(plain))
}

/// Tells whether a key was ever this store's.
fn was_ever_used(conn: &Connection, key_id: &str) -> Result<bool, rusqlite::Error> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM store_key WHERE key_id = ?1)")?
        .query_row([key_id], |row| row.get(0))
}

/// Finds a key that content was encrypted with and that is not here.
pub(crate) fn missing_key(
    conn: &Connection,
    keys: &KeyRing,
) -> Result<Option<String>, rusqlite::Error> {
    let mut statement = conn.prepare_cached(
        "SELECT key_id FROM store_key
         WHERE EXISTS (SELECT 1 FROM blob WHERE blob.key_id = store_key.key_id AND place < 2)
         ORDER BY adopted_seq DESC",
    )?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let key_id: String = row.get(0)?;
        if keys.get(&key_id).is_none() {
            return Ok(Some(key_id));
        }
    }
    Ok(None)
}

/// Tells whether a blob was purged.
pub(crate) fn is_purged(
    conn: &Connection,
    keys: &KeyRing,
    digest: &Digest,
) -> Result<bool, rusqlite::Error> {
    Ok(find(conn, keys, digest, false)?.is_some_and(|found| found.place == Place::Purged))
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut sealed = Vec::new();
    let limit = (MAX_BLOB_BYTES + SEAL_BYTES) as u64;
    fs::File::open(path)?.take(limit).read_to_end(&mut sealed)?;
    Ok(sealed)
}

impl Store {
    /// Stores content by itself, before anything refers to it, and gives its digest.
    ///
    /// What nothing refers to is purged after a while: commit the reference soon.
    pub fn put_blob(&self, bytes: &[u8], now: Time) -> Result<Digest, StoreError> {
        let blob = NewBlob::new(bytes);
        let blobs = self.seal_blobs(std::slice::from_ref(&blob))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(Box::new(BlobJob {
            blobs,
            now,
            inserted: Vec::new(),
            reply: Reply::Thread(sender),
        }))?;
        receiver.recv().map_err(|_| StoreError::Closed)??;
        Ok(blob.digest)
    }

    /// Reads content and checks it against its digest.
    ///
    /// Gives nothing when it was never there or was purged.
    pub fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, ReadError> {
        let look = || self.read(|conn| read(conn, self.blobs_folder(), self.keys(), &digest));
        match look() {
            // It may have been purged between the look at its row and that at its file.
            Err(ReadError::DamagedBlob { .. }) => look(),
            answer => answer,
        }
    }

    /// Tells what became of content without reading it.
    pub fn blob_state(&self, digest: Digest) -> Result<BlobState, ReadError> {
        self.read(|conn| {
            Ok(match find(conn, self.keys(), &digest, false)? {
                None if missing_key(conn, self.keys())?.is_some() => BlobState::Unknown,
                None => BlobState::Missing,
                Some(Found {
                    place: Place::Purged,
                    ..
                }) => BlobState::Purged,
                Some(Found {
                    place: Place::Row | Place::File,
                    bytes,
                    ..
                }) => BlobState::Present { bytes },
            })
        })
    }
}
