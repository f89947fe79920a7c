//! The handle: opens the database, owns the writer thread and the readers.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hyperion_fault::{Point, reached};
use hyperion_model::{NewBlob, Time};
use rusqlite::{Connection, params};
use tokio::sync::watch;

use crate::blob::SealedBlob;
use crate::chain::{self, Head, SealedHead};
use crate::connection;
use crate::error::{OpenError, ReadError, StoreError, Trouble};
use crate::footing::Footing;
use crate::key::{self, FreshKey, KeyRing, KeySource};
use crate::log;
use crate::migrate;
use crate::reader::Readers;
use crate::redact::Redact;
use crate::structure;
use crate::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use crate::sync::thread::{self, JoinHandle};
use crate::writer::{Job, MAX_WAITING, Operation, Reply, Writer};

/// The most folders of blobs that are looked into for what an earlier database left.
const MAX_SHELVES: usize = 1000;

/// Up to this size even those who only read look at the log first.
const LOOKED_AT_LOG_BYTES: u64 = 32 * 1024 * 1024;

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To read and write: one process at a time, the one with the home's lock.
    ReadWrite,
    /// To read only, also while another process writes.
    ReadOnly,
}

/// What a store needs from outside.
pub struct StoreConfig {
    /// The database file.
    pub database: PathBuf,
    /// The folder for large blobs.
    pub blobs: PathBuf,
    /// Where the key comes from.
    pub key: KeySource,
    /// To write, or only to read.
    pub mode: Mode,
    /// Finds secrets in what would stand in an event for ever.
    pub redact: Arc<dyn Redact>,
    /// The time, for what opening itself writes: migrations, a new key.
    pub now: Time,
}

/// What opening a store found, and went on in spite of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The key the store was sealed with is not here; what it encrypted cannot be read.
    KeyLost {
        /// Which key.
        key_id: String,
        /// The last event it had sealed: what stood before cannot be shown to be whole.
        since_seq: u64,
    },
    /// Others than its owner may read the key file.
    KeyExposed {
        /// Which file.
        path: PathBuf,
    },
    /// The log cannot be read to its end: what is shown is older than what was committed.
    LogDamaged {
        /// Where.
        detail: String,
    },
    /// The schema was brought up to date.
    Migrated {
        /// From which version.
        from: u32,
        /// To which.
        to: u32,
        /// The copy of what was there before.
        backup: PathBuf,
    },
}

impl Notice {
    /// Tells whether it still holds later on, for whoever was not there when the store was opened.
    pub const fn lasts(&self) -> bool {
        match self {
            Notice::KeyLost { .. } | Notice::KeyExposed { .. } | Notice::LogDamaged { .. } => true,
            Notice::Migrated { .. } => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::KeyLost { key_id, since_seq } => write!(
                f,
                "the key {key_id} is not here: content it encrypted cannot be read, and the seal of the events up to {since_seq} cannot be checked; add the key as a second line of the key file when it is found"
            ),
            Notice::KeyExposed { path } => {
                write!(
                    f,
                    "others may read the key file {}: chmod 600 it",
                    path.display()
                )
            }
            Notice::LogDamaged { detail } => write!(
                f,
                "the database is shown as it was before its last changes: {detail}; `hyperion doctor` says what to do"
            ),
            Notice::Migrated { from, to, backup } => write!(
                f,
                "the database was migrated from version {from} to {to}; a copy from before is {}",
                backup.display()
            ),
        }
    }
}

/// The store of one home; a handle that is cheap to clone.
///
/// Dropping the last one lets the writer finish what was handed to it, empties the log into the
/// database and closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.inner.database)
            .finish_non_exhaustive()
    }
}

struct Inner {
    database: PathBuf,
    blobs: PathBuf,
    keys: Arc<KeyRing>,
    readers: Readers,
    feed: watch::Receiver<u64>,
    footing: Arc<Footing>,
    writing: Option<Writing>,
    /// Keeps a read-only store's feed silent rather than closed.
    _silent: OnceLock<watch::Sender<u64>>,
    notices: Vec<Notice>,
}

struct Writing {
    jobs: SyncSender<Box<dyn Job>>,
    thread: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer closes last, so that it is the one that empties and removes the log.
        self.readers.close();
        if let Some(Writing { jobs, thread }) = self.writing.take() {
            drop(jobs);
            if thread.join().is_err() {
                tracing::error!("the writer thread had panicked");
            }
        }
    }
}

impl Store {
    /// Opens the store; to write, it is made when missing, migrated when old, and checked.
    pub fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        connection::check_version()?;
        match config.mode {
            Mode::ReadWrite => Self::open_to_write(config),
            Mode::ReadOnly => Self::open_to_read(config),
        }
        .map_err(|error| match error {
            OpenError::Database(_) | OpenError::Unwritable { .. } if config.database.is_dir() => {
                OpenError::NotOurs {
                    path: config.database.clone(),
                }
            }
            OpenError::Database(source) if Trouble::of(&source) == Trouble::Unwritable => {
                OpenError::Unwritable {
                    path: config.database.clone(),
                    source,
                }
            }
            OpenError::Io(source) => io_error(&config.database, source),
            error => error,
        })
    }

    fn open_to_write(config: &StoreConfig) -> Result<Self, OpenError> {
        make_files(config)?;
        let log = log_of(&config.database);
        let crashed = has_content(&log);
        // SQLite would leave out what it cannot read, and then write over it.
        if let Some(detail) = log::damage(&log)? {
            return Err(OpenError::Damaged { detail });
        }
        let conn = connection::open_writer(&config.database)?;
        if migrate::is_empty(&conn, &config.database)? {
            refuse_remains(&config.database, &config.blobs)?;
        }
        connection::prepare_writer(&conn)?;
        let mut notices = Vec::new();
        notices.extend(migrate::migrate(&conn, &config.database, config.now)?);
        structure::check_before_work(&conn, crashed)?;
        let keys = Arc::new(settle_key(&conn, config, &mut notices)?);
        connection::trust(&conn)?;
        let footing = Arc::new(Footing::default());
        for file in files_of(&config.database) {
            footing.stand_on_what_is(&file)?;
        }
        let writer = Writer::new(
            conn,
            Arc::clone(&keys),
            Arc::clone(&config.redact),
            Arc::clone(&footing),
        )?;
        let feed = writer.subscribe();
        let (jobs, waiting) = mpsc::sync_channel(MAX_WAITING);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(&waiting))?;
        for notice in &notices {
            tracing::warn!("{notice}");
        }
        Ok(Self {
            inner: Arc::new(Inner {
                database: config.database.clone(),
                blobs: config.blobs.clone(),
                keys,
                readers: Readers::new(config.database.clone()),
                feed,
                footing,
                writing: Some(Writing { jobs, thread }),
                _silent: OnceLock::new(),
                notices,
            }),
        })
    }

    fn open_to_read(config: &StoreConfig) -> Result<Self, OpenError> {
        if !config.database.exists() {
            refuse_remains(&config.database, &config.blobs)?;
            return Err(OpenError::Missing {
                path: config.database.clone(),
            });
        }
        let path = config.key.path();
        let keys = Arc::new(KeyRing::load(path)?);
        let exposed = key::is_exposed(path).then(|| Notice::KeyExposed {
            path: path.to_owned(),
        });
        Self::reading(&config.database, &config.blobs, keys, exposed)
    }

    /// Opens another database, to read, with this store's keys.
    pub(crate) fn with_keys_of(&self, database: &Path, blobs: &Path) -> Result<Self, OpenError> {
        Self::reading(database, blobs, Arc::clone(&self.inner.keys), None)
    }

    fn reading(
        database: &Path,
        blobs: &Path,
        keys: Arc<KeyRing>,
        notice: Option<Notice>,
    ) -> Result<Self, OpenError> {
        let conn = connection::open_reader(database)?;
        let log = log_of(database);
        if migrate::is_empty(&conn, database)? {
            if let Some(detail) = log::damage(&log)? {
                return Err(OpenError::Damaged { detail });
            }
            refuse_remains(database, blobs)?;
        }
        migrate::check(&conn, database)?;
        let last = chain::last_event(&conn).map_err(|error| structure::explain(&conn, error))?;
        let mut notices = missing_keys(&conn, &keys)?;
        notices.extend(notice);
        if fs::metadata(&log).is_ok_and(|meta| meta.len() <= LOOKED_AT_LOG_BYTES) {
            let damage = log::damage(&log)?;
            notices.extend(damage.map(|detail| Notice::LogDamaged { detail }));
        }
        let footing = Footing::default();
        footing.stand_on_what_is(database)?;
        let (silent, feed) = watch::channel(last.seq);
        Ok(Self {
            inner: Arc::new(Inner {
                database: database.to_owned(),
                blobs: blobs.to_owned(),
                keys,
                readers: Readers::new(database.to_owned()),
                feed,
                footing: Arc::new(footing),
                writing: None,
                _silent: OnceLock::from(silent),
                notices,
            }),
        })
    }

    /// Gives what opening found, and went on in spite of.
    pub fn notices(&self) -> &[Notice] {
        &self.inner.notices
    }

    /// Has the store stand on one more file, which is open: nothing is answered once another is under its name, or none.
    pub fn stand_on(&self, path: &Path, file: &fs::File) -> io::Result<()> {
        self.inner.footing.stand_on(path, &file.metadata()?);
        Ok(())
    }

    /// Says which of the files that the store works on was deleted or replaced, if one was.
    pub fn stands(&self) -> Result<(), StoreError> {
        self.inner.footing.check()
    }

    pub(crate) fn feed(&self) -> &watch::Receiver<u64> {
        &self.inner.feed
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.inner.keys
    }

    pub(crate) fn database(&self) -> &Path {
        &self.inner.database
    }

    pub(crate) fn blobs_folder(&self) -> &Path {
        &self.inner.blobs
    }

    /// Lends a reading connection to `work`.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.inner.readers.with(work)
    }

    /// Encrypts blobs on this thread.
    pub(crate) fn seal_blobs(&self, blobs: &[NewBlob]) -> Result<Vec<SealedBlob>, StoreError> {
        let Some(key) = self
            .inner
            .keys
            .current()
            .filter(|_| self.inner.writing.is_some())
        else {
            return Err(StoreError::ReadOnly);
        };
        blobs
            .iter()
            .map(|blob| SealedBlob::prepare(&self.inner.blobs, key, blob))
            .collect()
    }

    /// Hands a job to the writer; waits for room.
    pub(crate) fn send(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let Some(Writing { jobs, .. }) = &self.inner.writing else {
            return Err(StoreError::ReadOnly);
        };
        jobs.send(job).map_err(|_| StoreError::Closed)
    }

    /// Hands a job to the writer if there is room; answers it otherwise.
    pub(crate) fn try_send(&self, job: impl Job + 'static) {
        let job: Box<dyn Job> = Box::new(job);
        let (job, error) = match &self.inner.writing {
            None => (job, StoreError::ReadOnly),
            Some(Writing { jobs, .. }) => match jobs.try_send(job) {
                Ok(()) => return,
                Err(TrySendError::Full(job)) => (job, StoreError::Overloaded),
                Err(TrySendError::Disconnected(job)) => (job, StoreError::Closed),
            },
        };
        job.answer(Err(error));
    }

    /// Has the writer do something to operational tables, and waits until it is durable.
    pub(crate) fn operate<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    {
        let receiver = self.begin(work)?;
        receiver.recv().map_err(|_| StoreError::Closed)?
    }

    /// As [`Store::operate`], without waiting for it: the answer comes over the channel.
    pub(crate) fn begin<T, F>(&self, work: F) -> Result<Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(Box::new(Operation {
            work,
            made: None,
            reply: Reply::Thread(sender),
        }))?;
        Ok(receiver)
    }
}

/// Makes the folder for blobs and the database file, for the owner alone.
fn make_files(config: &StoreConfig) -> Result<(), OpenError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| io_error(&path, source)
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(&config.blobs)
        .map_err(unwritable(&config.blobs))?;
    let is_new = !has_content(&config.database);
    if is_new && !config.database.is_dir() {
        refuse_remains(&config.database, &config.blobs)?;
    }
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&config.database)
        .map_err(unwritable(&config.database))?;
    if let Some(folder) = config.database.parent().filter(|_| is_new) {
        // SQLite makes its own files' names durable, but this one it finds.
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(unwritable(folder))?;
    }
    Ok(())
}

/// A home that lost its database is not a new one: what is left would be lost for good.
fn refuse_remains(database: &Path, blobs: &Path) -> Result<(), OpenError> {
    let shelves = fs::read_dir(blobs).into_iter().flatten();
    let shelves = shelves.take(MAX_SHELVES).filter_map(Result::ok);
    let mut shelves = shelves.map(|entry| entry.path());
    let left = if !has_content(database) && has_content(&log_of(database)) {
        "the log"
    } else if shelves.any(|shelf| fs::read_dir(shelf).is_ok_and(|mut files| files.next().is_some()))
    {
        "content"
    } else {
        return Ok(());
    };
    Err(OpenError::Gone {
        path: database.to_owned(),
        left: left.to_owned(),
    })
}

/// Names the file of what was written and is not in the database yet.
fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// Names the files of an open database: itself, the log, and what its connections share.
fn files_of(database: &Path) -> [PathBuf; 3] {
    [
        database.to_owned(),
        log_of(database),
        beside(database, "-shm"),
    ]
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::Full,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotFound
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory => OpenError::Unwritable {
            path: path.to_owned(),
            source: Arc::new(source),
        },
        _ => OpenError::Io(source),
    }
}

/// Checks the seal on the end of the chain, and takes up the key that is there.
///
/// A lost key does not stop the start: what it encrypted cannot be read any more, what it sealed
/// cannot be checked, and both are said. A *wrong* key stops it: somebody mixed up two homes.
pub(crate) fn settle_key(
    conn: &Connection,
    config: &StoreConfig,
    notices: &mut Vec<Notice>,
) -> Result<KeyRing, OpenError> {
    let path = config.key.path();
    let mut ring = KeyRing::load(path)?;
    let mut fresh = None;
    if ring.current().is_none() {
        if let (KeySource::Named { path }, Some(sealed)) = (&config.key, SealedHead::load(conn)?) {
            // Its place may only be missing for a moment: a new key there would be hidden once it is back.
            return Err(OpenError::KeyMissing {
                path: path.clone(),
                key_id: sealed.key_id,
            });
        }
        let made = FreshKey::make()?;
        ring = made.ring();
        fresh = Some(made);
    } else if key::is_exposed(path) {
        notices.push(Notice::KeyExposed {
            path: path.to_owned(),
        });
    }
    let Some(current) = ring.current() else {
        return Err(OpenError::Damaged {
            detail: "no key could be made".to_owned(),
        });
    };

    let last = chain::last_event(conn)?;
    let sealed = SealedHead::load(conn)?;
    match &sealed {
        None if last == Head::START => {}
        None => {
            return Err(OpenError::Damaged {
                detail: "the end of its chain of events is not sealed".to_owned(),
            });
        }
        Some(sealed) => {
            if sealed.head != last {
                return Err(OpenError::Damaged {
                    detail: format!(
                        "its chain of events ends at {}, sealed was {}: events were changed or cut off",
                        last.seq, sealed.head.seq
                    ),
                });
            }
            match ring.get(&sealed.key_id) {
                Some(key) if sealed.is_sealed_by(key) => {}
                Some(_) => {
                    return Err(OpenError::Damaged {
                        detail: "the seal on the end of its chain of events is not genuine"
                            .to_owned(),
                    });
                }
                None => {
                    let adopt = matches!(config.key, KeySource::Adopt { .. });
                    if fresh.is_none() && !adopt && !was_used(conn, current.id())? {
                        return Err(OpenError::WrongKey {
                            expected: sealed.key_id.clone(),
                            found: current.id().to_owned(),
                        });
                    }
                    // The new key is used beside it; which of its content is lost is found below.
                }
            }
        }
    }
    let is_current = sealed
        .as_ref()
        .is_some_and(|sealed| sealed.key_id == current.id());
    if !is_current {
        let tx = conn.unchecked_transaction()?;
        if let Some(sealed) = &sealed {
            sealed.save_former(&tx)?;
        }
        tx.execute(
            "INSERT OR IGNORE INTO store_key (key_id, adopted_seq, adopted_ms) VALUES (?1, ?2, ?3)",
            params![current.id(), last.seq, config.now.as_millisecond()],
        )?;
        SealedHead::seal(last, current).save(&tx)?;
        tx.commit()?;
    }
    notices.extend(missing_keys(conn, &ring)?);
    // Known to the database first: a key file whose id it does not know would be a wrong key.
    if let Some(fresh) = fresh {
        reached(Point::StoreKeySealed);
        fresh.write(path)?;
        reached(Point::StoreKeyWritten);
    }
    Ok(ring)
}

/// Tells of every key that sealed something, and that is not here: at every start, until it is back.
fn missing_keys(conn: &Connection, ring: &KeyRing) -> Result<Vec<Notice>, OpenError> {
    let current = SealedHead::load(conn)?.map(|sealed| (sealed.key_id, sealed.head.seq));
    let former = SealedHead::load_former(conn)?;
    let former = former
        .into_iter()
        .map(|former| (former.key_id, former.head.seq));
    let mut missing: BTreeMap<String, u64> = BTreeMap::new();
    for (key_id, seq) in former.chain(current) {
        if ring.get(&key_id).is_none() {
            missing.insert(key_id, seq);
        }
    }
    let notices = missing
        .into_iter()
        .map(|(key_id, since_seq)| Notice::KeyLost { key_id, since_seq });
    Ok(notices.collect())
}

fn was_used(conn: &Connection, key_id: &str) -> Result<bool, OpenError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM store_key WHERE key_id = ?1)";
    Ok(conn.query_row(sql, [key_id], |row| row.get(0))?)
}
