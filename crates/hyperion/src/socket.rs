//! The home's socket, as an engine bound it: what is under its name later may be another's.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::net::UnixListener;

/// A socket that is listened on, by whoever holds the home's lock.
#[derive(Debug, Clone)]
pub(crate) struct Socket {
    path: PathBuf,
    bound: Arc<Mutex<Option<(u64, u64)>>>,
}

impl Socket {
    /// Names the socket; nothing is bound yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            bound: Arc::default(),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Listens on it, for the home's owner alone. The home's lock is held: a socket that is there is somebody's who died.
    pub(crate) fn listen(&self) -> anyhow::Result<UnixListener> {
        let path = self.path.display();
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("remove {path}")),
        }
        let listener =
            UnixListener::bind(&self.path).with_context(|| format!("listen on {path}"))?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("make {path} private"))?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = self.identity();
        Ok(listener)
    }

    /// Whether what is under its name is what was bound.
    pub(crate) fn is_ours(&self) -> bool {
        let bound = *self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.is_some() && bound == self.identity()
    }

    /// Removes it, and nobody else's.
    pub(crate) fn remove(&self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn identity(&self) -> Option<(u64, u64)> {
        let found = fs::symlink_metadata(&self.path).ok()?;
        Some((found.dev(), found.ino()))
    }
}
