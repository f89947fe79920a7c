//! Copying into a folder, file by file, with what is the same in an earlier copy linked instead.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyperion_host::{copy_new, create_private_dir, read_pieces};
use hyperion_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::io as failed;
use crate::manifest::{FileEntry, Manifest};

/// An earlier copy on the same file system, perhaps.
pub(crate) struct Earlier {
    folder: PathBuf,
    files: HashMap<String, FileEntry>,
}

impl Earlier {
    pub(crate) fn new(folder: &Path, manifest: Manifest) -> Self {
        let files = manifest.files.into_iter();
        Self {
            folder: folder.to_path_buf(),
            files: files.map(|file| (file.path.clone(), file)).collect(),
        }
    }
}

/// Copies into one folder, and notes what it copied.
pub(crate) struct Copier<'a> {
    into: &'a Path,
    earlier: Option<&'a Earlier>,
    pub(crate) files: Vec<FileEntry>,
    pub(crate) linked: u64,
}

impl<'a> Copier<'a> {
    pub(crate) fn new(into: &'a Path, earlier: Option<&'a Earlier>) -> Self {
        Self {
            into,
            earlier,
            files: Vec::new(),
            linked: 0,
        }
    }

    /// Copies a file that never changes under its name, or links it to the earlier copy's.
    ///
    /// Tells whether it was there: what was purged meanwhile is not missed.
    pub(crate) fn take_fixed(&mut self, from: &Path, path: &Path) -> Result<bool, Error> {
        match self.link(path)? {
            Some(entry) => {
                self.linked += 1;
                self.files.push(entry);
                Ok(true)
            }
            None => self.take(from, path),
        }
    }

    /// Copies a file; tells whether it was there.
    pub(crate) fn take(&mut self, from: &Path, path: &Path) -> Result<bool, Error> {
        let to = self.place(path)?;
        let mut hash = Sha256::new();
        match copy_new(from, &to, &mut |piece| hash.update(piece)) {
            Ok(bytes) => {
                self.files.push(entry(path, bytes, hash));
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => Ok(false),
            Err(error) => Err(failed(&to)(error)),
        }
    }

    /// Notes a file that is in the folder already.
    pub(crate) fn note(&mut self, path: &Path) -> Result<(), Error> {
        self.files.push(digest_of(self.into, path)?);
        Ok(())
    }

    /// Gives where a path is in the folder that is copied into.
    pub(crate) fn place_of(&self, path: impl AsRef<Path>) -> PathBuf {
        self.into.join(path)
    }

    fn place(&self, path: &Path) -> Result<PathBuf, Error> {
        let to = self.into.join(path);
        if let Some(folder) = to.parent() {
            create_private_dir(folder).map_err(failed(folder))?;
        }
        Ok(to)
    }

    fn link(&self, path: &Path) -> Result<Option<FileEntry>, Error> {
        let Some(earlier) = self.earlier else {
            return Ok(None);
        };
        let Some(known) = path.to_str().and_then(|path| earlier.files.get(path)) else {
            return Ok(None);
        };
        let to = self.place(path)?;
        if fs::hard_link(earlier.folder.join(path), &to).is_err() {
            // On another file system, or gone: it is copied.
            return Ok(None);
        }
        match digest_of(self.into, path) {
            Ok(entry) if entry == *known => Ok(Some(entry)),
            Ok(_) | Err(_) => {
                // The earlier copy rotted; this one must not inherit that.
                fs::remove_file(&to).map_err(failed(&to))?;
                Ok(None)
            }
        }
    }
}

/// Reads a file and says what is in it.
pub(crate) fn digest_of(folder: &Path, path: &Path) -> Result<FileEntry, Error> {
    let whole = folder.join(path);
    let mut hash = Sha256::new();
    let bytes = read_pieces(&whole, &mut |piece| hash.update(piece)).map_err(failed(&whole))?;
    Ok(entry(path, bytes, hash))
}

fn entry(path: &Path, bytes: u64, hash: Sha256) -> FileEntry {
    FileEntry {
        path: path.to_string_lossy().into_owned(),
        bytes,
        sha256: Digest::from_bytes(hash.finalize().into()),
    }
}
