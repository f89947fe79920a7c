//! A folder that a stranger's paths never lead out of.
//!
//! An agent names paths, and may make links, swap folders for links, or leave pipes and devices where files are
//! expected, all while it is looked. So a path is never checked as a text and then used: it is walked from a handle on
//! the folder, following no link in any part, and everything is done with the handle that came out.
//!
//! Files are never written in place: the new content gets a name of its own beside the old one and then changes places
//! with it; what gave way is looked at before it is removed, and gets its place back when it is not what the writer had
//! seen. Hyperion's own writers take turns in a folder. A second name of the old file (a hard link), wherever it lies, keeps the old content.

mod error;
mod folder;
mod resolve;
mod settle;
#[cfg(test)]
mod tests;
mod write;

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

pub use error::BeneathError;
use folder::Folder;
pub use folder::{Found, Kind, Listed};
use resolve::{Resolver, parts};
pub use settle::Settled;
pub use write::Expect;

/// How a folder is opened that is only walked through.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A folder, and nothing outside it.
///
/// Paths are relative to it, in UTF-8, with `/` between parts; the empty path is the folder itself.
#[derive(Debug)]
pub struct Root {
    handle: OwnedFd,
    path: PathBuf,
    resolver: Resolver,
}

impl Root {
    /// Opens a folder; links on the way to it are followed, for its owner named it.
    pub fn open(path: &Path) -> Result<Self, BeneathError> {
        Self::open_with(path, Resolver::of_this_system())
    }

    fn open_with(path: &Path, resolver: Resolver) -> Result<Self, BeneathError> {
        let shown = path.display().to_string();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| BeneathError::of(&shown, errno))?;
        Ok(Self {
            handle,
            path: path.to_owned(),
            resolver,
        })
    }

    /// Where it is, for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a regular file that is not longer than `max_bytes`.
    pub fn read(&self, path: &str, max_bytes: u64) -> Result<Found, BeneathError> {
        let (folder, name) = self.parent_of(path)?;
        folder.read(name, path, max_bytes)
    }

    /// Says what lies at a path, without following it.
    pub fn kind(&self, path: &str) -> Result<Kind, BeneathError> {
        if path.is_empty() {
            return Ok(Kind::Folder);
        }
        let (folder, name) = self.parent_of(path)?;
        folder.kind(name, path)
    }

    /// Lists a folder, in the order of the names; `max` names at most are given, and whether there are more.
    pub fn list(&self, path: &str, max: usize) -> Result<(Vec<Listed>, bool), BeneathError> {
        self.folder(path)?.list(path, max)
    }

    /// Writes a file: the old content or the new one is there at any moment, whole.
    ///
    /// Folders on the way to a new file are made. The mode is kept from the old file; a new one gets `rw-r--r--` less the umask.
    /// `ready` is asked once, when nothing has changed and nothing is left by whoever dies, and may take its time; where the
    /// system can do it, new content of an old file is durable by then.
    pub fn write_when(
        &self,
        path: &str,
        bytes: &[u8],
        expect: Expect<'_>,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<(), BeneathError> {
        let (above, name) = split(path)?;
        match expect {
            // Folders on the way are a change, too.
            Expect::Absent if !ready() => Err(BeneathError::CalledOff {
                path: path.to_owned(),
            }),
            Expect::Absent => {
                let folder = self.make_folders(&above, path)?;
                write::write(&folder, name, path, bytes, expect, &mut || true)
            }
            Expect::Content { .. } => {
                let folder = self.parent_of(path)?.0;
                write::write(&folder, name, path, bytes, expect, ready)
            }
        }
    }

    /// Removes a file.
    pub fn remove(&self, path: &str, expect: Expect<'_>) -> Result<(), BeneathError> {
        let (folder, name) = self.parent_of(path)?;
        write::remove(&folder, name, path, expect)
    }

    /// Clears what a writer of this file left beside it that died in the middle; see [`Settled`].
    ///
    /// `is_ours` tells the content that the writer expected, or wrote, from everybody else's.
    pub fn settle(
        &self,
        path: &str,
        is_ours: &dyn Fn(&[u8]) -> bool,
        max_bytes: u64,
    ) -> Result<Settled, BeneathError> {
        let (folder, name) = self.parent_of(path)?;
        settle::settle(&folder, name, path, is_ours, max_bytes)
    }

    fn folder(&self, path: &str) -> Result<Folder, BeneathError> {
        let parts = if path.is_empty() {
            vec![]
        } else {
            parts(path)?
        };
        let handle = self
            .resolver
            .open(self.handle.as_fd(), &parts, path, FOLDER)?;
        Ok(Folder::new(handle))
    }

    fn parent_of<'p>(&self, path: &'p str) -> Result<(Folder, &'p str), BeneathError> {
        let (above, name) = split(path)?;
        let handle = self
            .resolver
            .open(self.handle.as_fd(), &above, path, FOLDER)?;
        Ok((Folder::new(handle), name))
    }

    fn make_folders(&self, parts: &[&str], path: &str) -> Result<Folder, BeneathError> {
        match self.resolver.open(self.handle.as_fd(), parts, path, FOLDER) {
            Ok(handle) => return Ok(Folder::new(handle)),
            Err(BeneathError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut folder = Folder::new(self.resolver.open(self.handle.as_fd(), &[], path, FOLDER)?);
        for part in parts {
            folder = folder.enter_or_make(&self.resolver, part, path)?;
        }
        Ok(folder)
    }
}

/// Splits a path into the folders above and the name.
fn split(path: &str) -> Result<(Vec<&str>, &str), BeneathError> {
    let mut parts = parts(path)?;
    let name = parts.pop().ok_or_else(|| BeneathError::Escapes {
        path: path.to_owned(),
    })?;
    Ok((parts, name))
}
