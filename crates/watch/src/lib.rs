//! Which files change beneath folders, told as it happens (inotify), and which have changed since a moment (their times).
//!
//! Architecture invariants:
//! - Bounded: so many folders, so many changes that wait; beyond that it says that it missed some.
//! - It only says that something changed. Nobody may rely on hearing of everything: whoever has to know looks.
//! - What `.gitignore` and `.git/info/exclude` leave out is neither watched nor told, nor is what is in `.git`.

mod folders;
mod ignored;
mod pending;
mod since;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

pub use since::{Since, changed_since, may_be_gone_since};
pub use watch::Watch;

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was not there before.
    Created,
    /// Its content, its name or its mode is another.
    Modified,
    /// It is not there any more.
    Removed,
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Beneath which folder.
    pub root: PathBuf,
    /// Where it is.
    pub path: PathBuf,
    /// What happened to it.
    pub kind: Kind,
}

/// What was heard in a while.
#[derive(Debug, Default)]
pub struct Heard {
    /// The files that changed, each once.
    pub changes: Vec<Change>,
    /// Whether there was more than could be told.
    pub missed: bool,
}

/// How far down a folder is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The folder and all that is beneath it.
    Tree,
    /// The files in it.
    Folder,
}

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most folders that are watched.
    pub folders: usize,
    /// The most changes that wait to be told.
    pub pending: usize,
    /// How long nothing has to happen before changes are told; after five times as long they are told anyway.
    pub quiet: Duration,
}

/// Why a folder is not watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwatched {
    /// There are too many folders beneath it.
    TooMany,
    /// The kernel gives no more watches (`fs.inotify.max_user_watches`).
    Exhausted,
    /// It cannot be read.
    Unreadable(std::io::ErrorKind),
}
