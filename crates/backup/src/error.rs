//! What can go wrong with a backup.

use hyperion_api::Problem;
use hyperion_git::GitError;
use hyperion_store::{ReadError, StoreError};

/// A fault of the world or of the data, or a backup that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not take something.
    #[error("write to the store: {0}")]
    Store(#[from] StoreError),
    /// The store could not be read.
    #[error("read the store: {0}")]
    Read(#[from] ReadError),
    /// Git failed.
    #[error("{0}")]
    Git(#[from] GitError),
    /// A file could not be used.
    #[error("use {what}")]
    Io {
        /// Which.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A value cannot be written as JSON.
    #[error("write a value as JSON")]
    Encode(#[source] serde_json::Error),
    /// What was asked for is refused; the problem says why.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}
