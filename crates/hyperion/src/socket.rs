//! The home's socket, as an engine bound it: what is under its name later may be another's.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::net::UnixListener;

/// A socket that is listened on, by whoever holds the home's lock.
#[derive(Debug, Clone)]
pub(crate) struct Socket {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

/// Where the socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was bound yet.
    New,
    /// This device and inode.
    Bound(u64, u64),
    /// The engine leaves, and listens no more.
    Removed,
}

impl Socket {
    /// Names the socket; nothing is bound yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            state: Arc::new(Mutex::new(State::New)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Listens on it, for the home's owner alone. The home's lock is held: a socket that is there is somebody's who died.
    pub(crate) fn listen(&self) -> anyhow::Result<UnixListener> {
        let mut state = self.lock();
        anyhow::ensure!(*state != State::Removed, "listen: the engine is leaving");
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
        if let Some((device, inode)) = self.identity() {
            *state = State::Bound(device, inode);
        }
        Ok(listener)
    }

    /// Whether what is under its name is what was bound; yes, too, when nothing shall be there any more.
    pub(crate) fn is_as_left(&self) -> bool {
        let state = *self.lock();
        state == State::Removed || self.is_under_its_name(state)
    }

    /// Removes it, and nobody else's; it is not listened on again.
    pub(crate) fn remove(&self) {
        let mut state = self.lock();
        if self.is_under_its_name(*state) {
            let _ = fs::remove_file(&self.path);
        }
        *state = State::Removed;
    }

    fn is_under_its_name(&self, state: State) -> bool {
        let found = self.identity();
        found.is_some_and(|(device, inode)| state == State::Bound(device, inode))
    }

    fn identity(&self) -> Option<(u64, u64)> {
        let found = fs::symlink_metadata(&self.path).ok()?;
        Some((found.dev(), found.ino()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
