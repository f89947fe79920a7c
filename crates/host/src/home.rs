//! The folder that holds everything one organisation's Hyperion knows.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::files::{create_private_dir, fsync_dir};
use crate::locations::Locations;
use crate::peer::effective_uid;

/// An opened home: its folders exist, are private, and can be written.
#[derive(Debug, Clone)]
pub struct Home {
    locations: Locations,
}

/// The right to be the one engine of a home; dropping it, or dying, gives it back.
#[derive(Debug)]
pub struct HomeLock {
    path: PathBuf,
    // Held by the kernel for as long as this descriptor is open.
    file: File,
}

impl HomeLock {
    /// Where the lock file is. If the file is replaced, another process can lock the new one.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that is locked.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// The right to find content where it is, or to take it away; dropping it, or dying, gives it back.
#[derive(Debug)]
pub struct ContentHold {
    // The kernel holds the lock as long as this descriptor is open, so a dead holder never blocks anybody.
    _file: File,
}

/// The right to be the home's next engine; dropping it, or dying, gives it back.
#[derive(Debug)]
pub struct Claim {
    // Held by the kernel for as long as this descriptor is open.
    _file: File,
}

/// A folder cannot serve as a home.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// Tools look upward for configuration, so a check run below a repository may be judged by that repository's.
    #[error("use {} as a home: it is inside the git repository {}", path.display(), repository.display())]
    InsideRepository {
        /// The folder.
        path: PathBuf,
        /// The repository around it.
        repository: PathBuf,
    },
    /// Something that is no folder has its name.
    #[error("use {} as a home: it is not a folder", path.display())]
    NotAFolder {
        /// What was named.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("use {}: it belongs to user {owner}, not to user {user}", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// It cannot be created or written.
    #[error("write to {}", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HomeError {
    /// Says what to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::InsideRepository { .. } => {
                "set HYPERION_HOME (and XDG_CACHE_HOME, for the cache) to a folder outside of any repository"
            }
            Self::NotAFolder { .. } => "set HYPERION_HOME to a folder, or move that file away",
            Self::NotOurs { .. } => {
                "run as that user, or set HYPERION_HOME to a folder of your own"
            }
            Self::NotWritable { .. } => {
                "make it writable, free some space, or set HYPERION_HOME to another folder"
            }
        }
    }
}

/// The home's lock was not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another engine serves this home.
    #[error("take the lock of {}: {}", home.display(), busy_text(*pid))]
    Busy {
        /// The home.
        home: PathBuf,
        /// Who wrote its number there; for people, not for decisions.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("use the lock file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Home {
    /// Opens the home, creating what is missing.
    pub fn open_or_create(locations: &Locations) -> Result<Self, HomeError> {
        let home = Self {
            locations: locations.clone(),
        };
        refuse_inside_repository(home.path())?;
        refuse_inside_repository(home.cache())?;
        create(home.path())?;
        for folder in [
            home.runs(),
            home.blobs(),
            home.repos(),
            home.cache().to_path_buf(),
        ] {
            create(&folder)?;
        }
        home.probe_writable()?;
        if !home.database().exists() {
            home.sync_names()?;
        }
        Ok(home)
    }

    /// Opens the home for reading if it exists; creates nothing.
    pub fn open(locations: &Locations) -> Result<Option<Self>, HomeError> {
        let path = &locations.home;
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => Err(HomeError::NotAFolder { path: path.clone() }),
            Ok(metadata) => {
                refuse_strangers(path, metadata.uid())?;
                Ok(Some(Self {
                    locations: locations.clone(),
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HomeError::NotWritable {
                path: path.clone(),
                source,
            }),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.locations.home
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path().join("hyperion.db")
    }

    /// The file with the key of the store.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path().join("key")
    }

    /// The settings of this machine.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// Where an engine in the background says what goes wrong.
    #[must_use]
    pub fn engine_log(&self) -> PathBuf {
        self.path().join("engine.log")
    }

    /// Where runs keep their output.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.path().join("runs")
    }

    /// Where encrypted blobs are.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.path().join("blobs")
    }

    /// Where the object folder of each repository is.
    #[must_use]
    pub fn repos(&self) -> PathBuf {
        self.path().join("repos")
    }

    /// Where lanes and clones are: outside of any repository, and free to be deleted.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.locations.cache
    }

    /// The path of the socket, short enough for the kernel; its folder exists and is private.
    pub fn socket(&self) -> Result<PathBuf, HomeError> {
        let socket = self.locations.socket();
        let runtime = &self.locations.runtime;
        if !socket.starts_with(self.path()) {
            // In a folder that everybody can write to, somebody else may have put a link there.
            if fs::symlink_metadata(runtime).is_ok_and(|metadata| metadata.is_symlink()) {
                return Err(HomeError::NotAFolder {
                    path: runtime.clone(),
                });
            }
            create(runtime)?;
        }
        Ok(socket)
    }

    /// Takes the right to be this home's engine.
    pub fn lock(&self) -> Result<HomeLock, LockError> {
        loop {
            let lock = self.lock_what_is()?;
            let locked = lock.file.metadata();
            let named = fs::metadata(&lock.path);
            match (locked, named) {
                (Ok(locked), Ok(named))
                    if (locked.dev(), locked.ino()) == (named.dev(), named.ino()) =>
                {
                    return Ok(lock);
                }
                (Err(source), _) => {
                    return Err(LockError::Io {
                        path: lock.path,
                        source,
                    });
                }
                // The file was deleted or replaced between opening and locking it: the one that is there now is the lock.
                (Ok(_), _) => {}
            }
        }
    }

    fn lock_what_is(&self) -> Result<HomeLock, LockError> {
        let path = self.path().join("lock");
        let io_error = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(32).read_to_string(&mut text);
                return Err(LockError::Busy {
                    home: self.path().to_path_buf(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        // Only for people who read the file, so a full disk must not keep the engine from starting.
        let _ = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        Ok(HomeLock { path, file })
    }

    /// Claims the lock for this process, for which engines in the background make room; none when another process has the claim.
    pub fn claim(&self) -> Result<Option<Claim>, LockError> {
        let (path, file) = self.lock_file("claim.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }

    /// Whether a process claims the lock.
    pub fn is_claimed(&self) -> Result<bool, LockError> {
        let (path, file) = self.lock_file("claim.lock")?;
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }

    /// Keeps content from being taken away while it is copied; several may, and each waits for a purge to end.
    pub fn keep_content(&self) -> Result<ContentHold, LockError> {
        let (path, file) = self.lock_file("content.lock")?;
        file.lock_shared()
            .map_err(|source| LockError::Io { path, source })?;
        Ok(ContentHold { _file: file })
    }

    /// Takes the right to remove content; none while somebody copies it.
    pub fn may_remove_content(&self) -> Result<Option<ContentHold>, LockError> {
        let (path, file) = self.lock_file("content.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(ContentHold { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }

    fn lock_file(&self, name: &str) -> Result<(PathBuf, File), LockError> {
        let path = self.path().join(name);
        match OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
        {
            Ok(file) => Ok((path, file)),
            Err(source) => Err(LockError::Io { path, source }),
        }
    }

    /// Makes the names of the home and of the folders around it durable, before anything in it is promised to anybody.
    ///
    /// Which of them are new is not asked: an earlier attempt may have made them and died.
    fn sync_names(&self) -> Result<(), HomeError> {
        let path = self.path();
        fsync_dir(path).map_err(|source| HomeError::NotWritable {
            path: path.to_path_buf(),
            source,
        })?;
        for folder in path.ancestors().skip(1) {
            // A folder that we may not read, or that cannot be synced (a pseudo file system), is not one that we made.
            let _ = fsync_dir(folder);
        }
        Ok(())
    }

    /// Permissions do not tell the whole truth (read-only mounts, quotas), so a file is written.
    fn probe_writable(&self) -> Result<(), HomeError> {
        let probe = self.path().join(format!(".probe-{}", std::process::id()));
        let written = fs::write(&probe, b"x");
        let _ = fs::remove_file(&probe);
        written.map_err(|source| HomeError::NotWritable {
            path: self.path().to_path_buf(),
            source,
        })
    }
}

fn create(path: &Path) -> Result<(), HomeError> {
    let not_writable = |source| HomeError::NotWritable {
        path: path.to_path_buf(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(_) => {
            let metadata = fs::metadata(path).map_err(not_writable)?;
            if !metadata.is_dir() {
                return Err(HomeError::NotAFolder {
                    path: path.to_path_buf(),
                });
            }
            refuse_strangers(path, metadata.uid())?;
            if metadata.permissions().mode() & 0o777 != 0o700 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                    .map_err(not_writable)?;
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_private_dir(path).map_err(not_writable)
        }
        Err(source) => Err(not_writable(source)),
    }
}

fn refuse_strangers(path: &Path, owner: u32) -> Result<(), HomeError> {
    let user = effective_uid();
    if owner == user {
        Ok(())
    } else {
        Err(HomeError::NotOurs {
            path: path.to_path_buf(),
            owner,
            user,
        })
    }
}

/// Looks upward from the real place of the folder, and from its name: a tool started there may walk either way.
fn refuse_inside_repository(path: &Path) -> Result<(), HomeError> {
    let existing = path
        .ancestors()
        .find_map(|ancestor| ancestor.canonicalize().ok());
    let real = existing.unwrap_or_else(|| path.to_path_buf());
    for folder in path.ancestors().chain(real.ancestors()) {
        if is_repository(folder) {
            return Err(HomeError::InsideRepository {
                path: path.to_path_buf(),
                repository: folder.to_path_buf(),
            });
        }
    }
    Ok(())
}

/// A work tree, or a bare repository (which git recognises by these three names).
fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists()
        || (folder.join("HEAD").is_file()
            && folder.join("objects").is_dir()
            && folder.join("refs").is_dir())
}

fn busy_text(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid} has it"),
        None => "another process has it".to_owned(),
    }
}
