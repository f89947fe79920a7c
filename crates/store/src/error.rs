//! What can go wrong, as small enums, each with a hint about what to do next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hyperion_model::machine::Refusal;
use hyperion_model::{Corrupt, Digest, Subject};
use rusqlite::ErrorCode;

use crate::key::KeyError;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A read-only store needs a database that exists.
    #[error("open the database {}: it does not exist", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file or its folder may not be written.
    #[error("open the database {}: it cannot be written", .path.display())]
    Unwritable {
        /// What cannot be written.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A newer Hyperion has migrated it.
    #[error("open the database: its schema is version {found}, this Hyperion knows up to {known}")]
    NewerSchema {
        /// The version of the file.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// An older Hyperion wrote it, and reading alone does not migrate it.
    #[error("read the database: its schema is version {found}, this Hyperion needs {known}")]
    NeedsMigration {
        /// The version of the file.
        found: u32,
        /// The version that is needed.
        known: u32,
    },
    /// Some other program's database.
    #[error("open the database {}: it is not a database of Hyperion's", .path.display())]
    NotOurs {
        /// Which file.
        path: PathBuf,
    },
    /// It is empty, but not everything that belonged to it is gone.
    #[error("open the database {}: it is empty, but {left} of an earlier one is there", .path.display())]
    Gone {
        /// Where it should be.
        path: PathBuf,
        /// What is left.
        left: String,
    },
    /// The structure is damaged: no work may start on it.
    #[error("open the database: {detail}")]
    Damaged {
        /// What does not fit.
        detail: String,
    },
    /// The key file holds another store's key.
    #[error("open the database: it is sealed with the key {expected}, the key file holds {found}")]
    WrongKey {
        /// The id of the key the store is sealed with.
        expected: String,
        /// The id of the key that was given.
        found: String,
    },
    /// The key is not where it was said to be; none is made there.
    #[error("open the database: it is sealed with the key {key_id}, and there is no key file at {}", .path.display())]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
        /// The id of the key the store is sealed with.
        key_id: String,
    },
    /// The key could not be read or made.
    #[error("read the store's key")]
    Key(#[from] KeyError),
    /// No room on the disk.
    #[error("open the database: the disk is full")]
    Full,
    /// Another process holds the database.
    #[error("open the database: another process is writing it")]
    Busy,
    /// The SQLite in use has known corruption bugs.
    #[error("open the database: SQLite {found} is older than {needed}")]
    OldSqlite {
        /// The version in use.
        found: &'static str,
        /// The oldest that is safe.
        needed: &'static str,
    },
    /// The file system failed.
    #[error("open the database: the file system failed")]
    Io(#[from] io::Error),
    /// The database failed otherwise.
    #[error("open the database")]
    Database(#[source] Arc<rusqlite::Error>),
}

impl OpenError {
    /// Says what to do next.
    pub fn hint(&self) -> String {
        match self {
            OpenError::Missing { .. } => "run `hyperion init` first, or point HYPERION_HOME at the right home".to_owned(),
            OpenError::Unwritable { path, .. } => format!(
                "make {} and its folder writable for this user, or point HYPERION_HOME elsewhere",
                path.display()
            ),
            OpenError::NewerSchema { .. } => {
                "use the newer Hyperion again; a migration cannot be undone, but a copy from before it lies beside the database".to_owned()
            }
            OpenError::NeedsMigration { .. } => {
                "run `hyperion up` (or any command that changes something) once: it migrates the database, after copying it".to_owned()
            }
            OpenError::NotOurs { .. } => "point HYPERION_HOME at another folder; this file is left as it is".to_owned(),
            OpenError::Gone { .. } => {
                "restore the database from the latest backup; to start with an empty home instead, move this one away".to_owned()
            }
            OpenError::KeyMissing { path, .. } => format!(
                "put the key back at {}, or mount what it is on; to go on without it, unset HYPERION_KEY_FILE: Hyperion then makes a new one in the home, and says what can no longer be read",
                path.display()
            ),
            OpenError::Damaged { .. } => {
                "`hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed".to_owned()
            }
            OpenError::WrongKey { expected, .. } => format!(
                "point HYPERION_KEY_FILE at the key {expected}; if that key is lost for good, move the key file away: Hyperion then makes a new one, goes on, and says what can no longer be read"
            ),
            OpenError::Key(error) => error.hint().to_owned(),
            OpenError::Full => "free some space and try again".to_owned(),
            OpenError::Busy => "wait for the other process, or work through it".to_owned(),
            OpenError::OldSqlite { .. } => "build Hyperion with its bundled SQLite".to_owned(),
            OpenError::Io(_) | OpenError::Database(_) => {
                "check the disk and the permissions of the home, then try again".to_owned()
            }
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match Trouble::of(&error) {
            Trouble::Full => OpenError::Full,
            Trouble::Busy => OpenError::Busy,
            Trouble::Damaged => OpenError::Damaged {
                detail: error.to_string(),
            },
            Trouble::Unwritable | Trouble::Io | Trouble::Other => {
                OpenError::Database(Arc::new(error))
            }
        }
    }
}

/// Why the store did not do what it was asked to.
///
/// After `Io` or `Database` it is not known whether the last commit reached the disk: look
/// again, or repeat the batch with its key.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A command of the batch was refused; nothing of the batch was done.
    #[error("{refusal}")]
    Refused {
        /// Which command of the batch, from 0.
        index: usize,
        /// Whom it was for.
        subject: Subject,
        /// Why.
        refusal: Refusal,
    },
    /// The decided event does not fit the history it was decided on.
    #[error("apply what was decided")]
    Corrupt {
        /// Whose history.
        subject: Subject,
        /// What does not fit.
        #[source]
        source: Corrupt,
    },
    /// The row cannot be read, and was set aside.
    #[error("read the {} {}: its row is damaged ({detail})", .subject.noun(), .subject.uuid())]
    Quarantined {
        /// Which row.
        subject: Subject,
        /// What is wrong with it.
        detail: String,
    },
    /// A secret stands where no text can be masked.
    #[error("write an event of the {} {}: a name in it holds a secret", .subject.noun(), .subject.uuid())]
    Secret {
        /// Whose event.
        subject: Subject,
    },
    /// The row would refer to content that is not there.
    #[error("write the {} {}: the content {digest} it refers to is not stored", .subject.noun(), .subject.uuid())]
    MissingBlob {
        /// Which row.
        subject: Subject,
        /// Which content.
        digest: Digest,
    },
    /// The lease under which the batch was to be executed is over.
    #[error("work under the lease of {resource}: it is over")]
    LeaseLost {
        /// What was leased.
        resource: String,
    },
    /// An idempotency key stands for another batch already.
    #[error("write under the idempotency key {key:?}: it was used for something else")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// A limit was passed.
    #[error("write {what}: it has {given}, at most {max} are allowed")]
    TooLarge {
        /// What is limited, with its unit.
        what: &'static str,
        /// How much was given.
        given: usize,
        /// How much is allowed.
        max: usize,
    },
    /// More work waits than the writer takes on.
    #[error("write to the database: too much is waiting already")]
    Overloaded,
    /// No room on the disk.
    #[error("write to the database: the disk is full")]
    Full,
    /// Another process holds the database.
    #[error("write to the database: another process is writing it")]
    Busy,
    /// The database file is damaged.
    #[error("write to the database: {detail}")]
    Damaged {
        /// What does not fit.
        detail: String,
    },
    /// A file that the store works on was deleted or replaced while it was in use: what is written now would be lost.
    #[error("write to the database: {} was deleted or replaced while it was in use", .path.display())]
    Displaced {
        /// Which file.
        path: PathBuf,
    },
    /// The store was opened to read only.
    #[error("write to the database: it was opened to read only")]
    ReadOnly,
    /// A defect showed while it was written; all of it was taken back.
    #[error(
        "write to the database: a defect of Hyperion's showed ({detail}); nothing of it was done"
    )]
    Panicked {
        /// What the defect said.
        detail: String,
    },
    /// The writer has ended.
    #[error("write to the database: the store is closed")]
    Closed,
    /// The file system failed.
    #[error("write to the database: the file system failed")]
    Io(#[source] Arc<io::Error>),
    /// The database failed otherwise.
    #[error("write to the database")]
    Database(#[source] Arc<rusqlite::Error>),
}

impl StoreError {
    /// Says what to do next.
    pub const fn hint(&self) -> &'static str {
        match self {
            StoreError::Refused { .. } => "look at its state again, then decide again",
            StoreError::Corrupt { .. } => {
                "this is a defect of Hyperion's: please report it with the output of `hyperion audit verify`"
            }
            StoreError::Quarantined { .. } => {
                "`hyperion doctor` lists the damaged rows, and `hyperion doctor --fix` rebuilds them from their events"
            }
            StoreError::Secret { .. } => {
                "take the secret out of the name; revoke it, if it was ever shared"
            }
            StoreError::MissingBlob { .. } => {
                "hand the content in together with the command that refers to it"
            }
            StoreError::LeaseLost { .. } => "stop: somebody else may be at it by now",
            StoreError::KeyReused { .. } => {
                "choose a new key for each thing you ask for; repeat a key only to repeat the very same"
            }
            StoreError::TooLarge { .. } => "split it into smaller parts",
            StoreError::Overloaded => "wait a moment and try again",
            StoreError::Full => "free some space and try again; nothing was half-written",
            StoreError::Busy => "one process writes a home at a time; wait for the other one",
            StoreError::Damaged { .. } => {
                "stop work and look at it with `hyperion audit verify`; restore the latest backup"
            }
            StoreError::Displaced { .. } => {
                "put the home back where it was, or restore a backup, and start Hyperion again; what was answered before is in the files that were there"
            }
            StoreError::ReadOnly => {
                "this command should have taken the home's lock: please report it"
            }
            StoreError::Panicked { .. } => {
                "everything else goes on; please report it with what was asked for"
            }
            StoreError::Closed => "start Hyperion again; its log says why the writer ended",
            StoreError::Io(_) | StoreError::Database(_) => {
                "check the disk, look whether it was done, then try again"
            }
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match Trouble::of(&error) {
            Trouble::Full => StoreError::Full,
            Trouble::Busy => StoreError::Busy,
            Trouble::Damaged => StoreError::Damaged {
                detail: error.to_string(),
            },
            Trouble::Unwritable | Trouble::Io | Trouble::Other => {
                StoreError::Database(Arc::new(error))
            }
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            _ => StoreError::Io(Arc::new(error)),
        }
    }
}

/// Why something could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The row cannot be read, and is set aside.
    #[error("read the {} {}: its row is damaged ({detail})", .subject.noun(), .subject.uuid())]
    Quarantined {
        /// Which row.
        subject: Subject,
        /// What is wrong with it.
        detail: String,
    },
    /// The content was changed on the disk, or its file is gone.
    #[error("read the content {digest}: {detail}")]
    DamagedBlob {
        /// Which content.
        digest: Digest,
        /// What is wrong with it.
        detail: String,
    },
    /// The content is encrypted with a key that is not here.
    #[error("read the content {digest}: it is encrypted with the key {key_id}, which is not here")]
    KeyMissing {
        /// Which content.
        digest: Digest,
        /// Which key.
        key_id: String,
    },
    /// Another process holds the database.
    #[error("read the database: another process holds it")]
    Busy,
    /// The database file is damaged.
    #[error("read the database: {detail}")]
    Damaged {
        /// What does not fit.
        detail: String,
    },
    /// More rows match than one answer may hold.
    #[error("read the database: more than {max} rows match")]
    TooMany {
        /// How many one answer may hold.
        max: usize,
    },
    /// The file system failed.
    #[error("read the database: the file system failed")]
    Io(#[source] Arc<io::Error>),
    /// The database failed otherwise.
    #[error("read the database")]
    Database(#[source] Arc<rusqlite::Error>),
}

impl ReadError {
    /// Says what to do next.
    pub const fn hint(&self) -> &'static str {
        match self {
            ReadError::Quarantined { .. } => {
                "`hyperion doctor` lists the damaged rows, and `hyperion doctor --fix` rebuilds them from their events"
            }
            ReadError::DamagedBlob { .. } => {
                "restore the content from a backup; everything else goes on"
            }
            ReadError::KeyMissing { .. } => "add the old key as a second line of the key file",
            ReadError::Busy => "wait for the other process and try again",
            ReadError::Damaged { .. } => {
                "stop work and look at it with `hyperion audit verify`; restore the latest backup"
            }
            ReadError::TooMany { .. } => "ask for less: by state, repository or time",
            ReadError::Io(_) | ReadError::Database(_) => "check the disk and try again",
        }
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        match Trouble::of(&error) {
            Trouble::Busy => ReadError::Busy,
            Trouble::Damaged => ReadError::Damaged {
                detail: error.to_string(),
            },
            Trouble::Full | Trouble::Unwritable | Trouble::Io | Trouble::Other => {
                ReadError::Database(Arc::new(error))
            }
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io(Arc::new(error))
    }
}

/// What kind of trouble the database is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Full,
    Busy,
    Damaged,
    Unwritable,
    Io,
    Other,
}

impl Trouble {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        // The file that readers share cannot grow: SQLite says "I/O error" where the disk is full.
        const NO_ROOM_TO_SHARE: i32 = 4874;
        if let rusqlite::Error::SqliteFailure(failure, _) = error
            && failure.extended_code == NO_ROOM_TO_SHARE
        {
            return Trouble::Full;
        }
        if is_bad_value(error) {
            return Trouble::Damaged;
        }
        // The library's error codes may grow; what is new is `Other`.
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Trouble::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::Damaged,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Trouble::Unwritable
            }
            Some(ErrorCode::SystemIoFailure) => Trouble::Io,
            Some(_) | None => Trouble::Other,
        }
    }
}

/// Tells whether a value was read that the schema would never have let in: a flipped bit.
pub(crate) const fn is_bad_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    )
}
