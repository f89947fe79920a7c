//! What can go wrong when git is asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hyperion_host::{CoProcessError, SpawnError};

use crate::oid::Oid;

/// Git could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// Git could not be started or watched.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Git said no.
    #[error("run git {command}: {}", said(stderr))]
    Failed {
        /// The subcommand.
        command: String,
        /// What git said, shortened.
        stderr: String,
    },
    /// Git took too long.
    #[error("run git {command}: no end after {} s", limit.as_secs())]
    TimedOut {
        /// The subcommand.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// An answer or an object is larger than allowed.
    #[error("read {what}: larger than {max_bytes} bytes")]
    TooLarge {
        /// The object or the command.
        what: String,
        /// The limit.
        max_bytes: u64,
    },
    /// Git answered something that this version of Hyperion does not understand.
    #[error("understand git {command}: {answer:?}")]
    Unexpected {
        /// The subcommand.
        command: String,
        /// The beginning of the answer.
        answer: String,
    },
    /// An object is not in the repository.
    #[error("find object {oid}: the repository does not have it")]
    MissingObject {
        /// Which.
        oid: Oid,
    },
    /// An object is of another kind.
    #[error("use object {oid}: it is a {found}, not a {expected}")]
    WrongKind {
        /// Which.
        oid: Oid,
        /// What was wanted.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A long-lived git process did not answer.
    #[error("ask git {command}")]
    Helper {
        /// The subcommand.
        command: &'static str,
        /// What happened to it.
        source: CoProcessError,
    },
    /// The content was made to have the id of another.
    #[error("name an object: its SHA-1 is part of an attack by collision")]
    Collision,
    /// Another git process, or one that died, holds a lock.
    #[error("take git's lock {}: it exists already", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
    },
    /// There is no room left.
    #[error("run git {command}: the disk is full")]
    DiskFull {
        /// The subcommand.
        command: String,
    },
    /// The repository was moved or deleted.
    #[error("open the repository {}: it is not there any more", path.display())]
    RepositoryGone {
        /// Where it was.
        path: PathBuf,
    },
    /// A file beside git could not be used.
    #[error("use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl GitError {
    /// Says what a person can do about it, where there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Locked { lock } => Some(format!(
                "if no git command is running there, remove {} and try again",
                lock.display()
            )),
            Self::RepositoryGone { path } => Some(format!(
                "put it back at {}, or say where it is now: hyperion repo move NAME PATH",
                path.display()
            )),
            Self::MissingObject { .. } => Some(
                "fetch the missing history, or file the request again on the current tip"
                    .to_owned(),
            ),
            Self::DiskFull { .. } => {
                Some("free some space; nothing was lost, and it goes on by itself".to_owned())
            }
            Self::Collision => Some(
                "leave this content out, or use a repository with SHA-256 (`git init --object-format=sha256`)"
                    .to_owned(),
            ),
            Self::TimedOut { .. } => Some("check that the disk answers, then try again".to_owned()),
            Self::Spawn(_)
            | Self::Failed { .. }
            | Self::TooLarge { .. }
            | Self::Unexpected { .. }
            | Self::WrongKind { .. }
            | Self::Helper { .. }
            | Self::Io { .. } => None,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn unexpected(command: &str, answer: &[u8]) -> Self {
        let answer = String::from_utf8_lossy(answer.get(..200).unwrap_or(answer)).into_owned();
        Self::Unexpected {
            command: command.to_owned(),
            answer,
        }
    }
}

/// Git says it in these words; there is no exit code for it.
pub(crate) fn says_disk_full(stderr: &str) -> bool {
    // Of a ref's lock, which it could make but not fill, it does not say why.
    let empty_lock = stderr.contains("couldn't write '") && stderr.contains(".lock'");
    empty_lock
        || stderr.contains("No space left on device")
        || stderr.contains("Disk quota exceeded")
}

fn said(stderr: &str) -> &str {
    if stderr.is_empty() {
        "it failed without a word"
    } else {
        stderr
    }
}
