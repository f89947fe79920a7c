//! What a run asks: a file for each thing that is not answered yet, so that no question is lost whoever dies.
//!
//! The shim writes them, numbered, in the run's folder, and tells the highest number with its news. An engine reads them, answers by number,
//! and the shim removes them. After the end of the run the engine reads what is left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyperion_host::{ReadError, create_private_dir, read_bounded};

/// The folder, in the run's folder.
const FOLDER: &str = "asks";
/// The most bytes of one: that of a message and what is added to it.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Writes what a run asks.
#[derive(Debug)]
pub(crate) struct Asks {
    folder: PathBuf,
    is_made: bool,
}

impl Asks {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.join(FOLDER),
            is_made: false,
        }
    }

    pub(crate) fn write(&mut self, number: u64, message: &[u8]) -> io::Result<()> {
        if !self.is_made {
            create_private_dir(&self.folder)?;
            self.is_made = true;
        }
        let draft = self.folder.join(format!("{number}.draft"));
        fs::write(&draft, message)?;
        fs::rename(draft, path_of(&self.folder, number))
    }

    pub(crate) fn remove(&self, number: u64) {
        // One that stays is asked again by the next engine, which finds the answer that stands.
        let _ = fs::remove_file(path_of(&self.folder, number));
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.json"))
}

/// Lists the numbers of what a run asked and nobody has answered, the oldest first.
pub fn unanswered(folder: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads one of them: a JSON-RPC message without its token; none when it was answered meanwhile, or nobody waits for it any more.
pub fn read(folder: &Path, number: u64) -> io::Result<Option<Vec<u8>>> {
    match read_bounded(&path_of(&folder.join(FOLDER), number), FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(ReadError::Io { source, .. }) => Err(source),
        Err(error) => Err(io::Error::other(error)),
    }
}
