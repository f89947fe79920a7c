//! Why something beneath a folder could not be done.

use std::io;

use rustix::io::Errno;

use super::Kind;

/// Why something beneath a folder could not be done; the path is as it was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeneathError {
    /// Nothing is there.
    #[error("{path}: nothing is there")]
    Missing {
        /// What was named.
        path: String,
    },
    /// It is absolute, or has an empty, `.` or `..` part, or a NUL.
    #[error("{path:?}: give a path relative to the folder, without empty, `.` or `..` parts")]
    Escapes {
        /// What was named.
        path: String,
    },
    /// A part of it is a symbolic link.
    #[error("{path}: a part of it is a symbolic link, and links are not followed")]
    Link {
        /// What was named.
        path: String,
    },
    /// Something else than a regular file is there.
    #[error("{path}: {} is there, not a file", kind.name())]
    NotAFile {
        /// What was named.
        path: String,
        /// What it is.
        kind: Kind,
    },
    /// A part of it is no folder.
    #[error("{path}: a part of it is not a folder")]
    NotAFolder {
        /// What was named.
        path: String,
    },
    /// It is longer than allowed.
    #[error("{path}: larger than {max_bytes} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit.
        max_bytes: u64,
    },
    /// Something is there already.
    #[error("{path}: something is there already")]
    Exists {
        /// What was named.
        path: String,
    },
    /// Its content is not what was expected; it was left as it is.
    #[error("{path}: its content changed")]
    Changed {
        /// The file.
        path: String,
        /// What it holds.
        found: Vec<u8>,
    },
    /// The caller's last check did not allow it; nothing was changed.
    #[error("{path}: it was cancelled")]
    CalledOff {
        /// The file.
        path: String,
    },
    /// The system refused.
    #[error("{path}")]
    Io {
        /// What was named.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl BeneathError {
    pub(super) fn of(path: &str, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno {
            Errno::NOENT => Self::Missing { path },
            Errno::LOOP => Self::Link { path },
            Errno::XDEV => Self::Escapes { path },
            Errno::NOTDIR => Self::NotAFolder { path },
            Errno::EXIST => Self::Exists { path },
            errno => Self::Io {
                path,
                source: errno.into(),
            },
        }
    }
}
