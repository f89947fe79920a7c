//! Whether the files that a store works on are still those that it opened.
//!
//! A file that is deleted or replaced while it is open goes on taking what is written, and all of it is gone with the process.
//! So every commit looks at the names once more before anybody is answered: a few calls of `stat`, beside a sync of the disk.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::StoreError;

/// The files a store stands on, as they were when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Footing {
    files: Mutex<Vec<Stood>>,
    /// The first file that was found missing: from then on no commit is confirmed, even if the file reappears.
    gone: OnceLock<PathBuf>,
}

#[derive(Debug)]
struct Stood {
    path: PathBuf,
    identity: (u64, u64),
}

impl Footing {
    /// Stands on the file that is there under a name now, if there is one.
    pub(crate) fn stand_on_what_is(&self, path: &Path) -> io::Result<()> {
        match fs::metadata(path) {
            Ok(found) => self.stand_on(path, &found),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Stands on a file that is open: it has to stay under this name.
    pub(crate) fn stand_on(&self, path: &Path, open: &Metadata) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(Stood {
            path: path.to_owned(),
            identity: identity(open),
        });
    }

    /// Says which file is gone, if one is. What cannot be looked at is not known to be.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.gone.get().is_none() {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(gone) = files.iter().find(|file| file.is_gone()) {
                let _ = self.gone.set(gone.path.clone());
            }
        }
        match self.gone.get() {
            None => Ok(()),
            Some(path) => Err(StoreError::Displaced { path: path.clone() }),
        }
    }
}

impl Stood {
    fn is_gone(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(found) => identity(&found) != self.identity,
            Err(error) => is_absent(&error),
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_replaced_or_moved_away_is_gone_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let file = home.join("lock");
        let of = || {
            fs::create_dir_all(&home).unwrap();
            let open = fs::File::create(&file).unwrap();
            let footing = Footing::default();
            footing.stand_on(&file, &open.metadata().unwrap());
            footing.stand_on_what_is(&home.join("not there")).unwrap();
            footing.check().unwrap();
            // It stays open: its number is not given to another.
            (footing, open)
        };
        let moved = folder.path().join("moved");
        let (footing, _open) = of();
        fs::rename(&home, &moved).unwrap();
        assert!(matches!(footing.check(), Err(StoreError::Displaced { path }) if path == file));
        fs::rename(&moved, &home).unwrap();
        footing.check().unwrap_err();

        let (footing, _open) = of();
        fs::remove_file(&file).unwrap();
        fs::write(&file, "another").unwrap();
        footing.check().unwrap_err();
    }
}
