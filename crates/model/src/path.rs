//! A path inside a repository, checked once at the edge.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most bytes a path may have.
pub const MAX_BYTES: usize = 1024;
/// The most bytes one part of a path may have; file systems take no more.
pub const MAX_PART_BYTES: usize = 255;
/// The most folders a path may go down.
pub const MAX_DEPTH: usize = 64;

/// Says why a text is not a path inside a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing was given.
    #[error("the path is empty; name a file relative to the repository's top")]
    Empty,
    /// Longer than the limit.
    #[error("the path has {len} bytes; at most {MAX_BYTES} are allowed")]
    TooLong {
        /// How many it has.
        len: usize,
    },
    /// One part longer than any file system takes.
    #[error("the path {path:?} has a part of {len} bytes; at most {MAX_PART_BYTES} are allowed")]
    PartTooLong {
        /// The path.
        path: String,
        /// How many bytes the part has.
        len: usize,
    },
    /// Deeper than the limit.
    #[error("the path {path:?} is {depth} folders deep; at most {MAX_DEPTH} are allowed")]
    TooDeep {
        /// The path.
        path: String,
        /// How deep it is.
        depth: usize,
    },
    /// Starts at the root of the machine, or of a drive.
    #[error("the path {path:?} is absolute; give it relative to the repository's top")]
    Absolute {
        /// The path.
        path: String,
    },
    /// Leaves the repository or names a folder twice.
    #[error("the path {path:?} has a `..`, `.` or empty part; write it without")]
    Escapes {
        /// The path.
        path: String,
    },
    /// A NUL or other control character.
    #[error("the path {path:?} has a control character; write it without")]
    Control {
        /// The path.
        path: String,
    },
    /// Inside git's own folder, in any spelling that some file system takes for it.
    #[error("the path {path:?} lies in git's own folder, which no change may touch; name another")]
    GitFolder {
        /// The path.
        path: String,
    },
    /// A backslash, which is a separator elsewhere.
    #[error("the path {path:?} has a backslash; use `/` between folders")]
    Backslash {
        /// The path.
        path: String,
    },
}

/// A UTF-8 path relative to a repository's top: no `..`, never inside `.git`, bounded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

impl RepoPath {
    /// Checks and wraps a path.
    pub fn new(path: impl Into<String>) -> Result<Self, PathError> {
        let path = path.into();
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        if path.len() > MAX_BYTES {
            return Err(PathError::TooLong { len: path.len() });
        }
        if path.chars().any(char::is_control) {
            return Err(PathError::Control { path });
        }
        if path.contains('\\') {
            return Err(PathError::Backslash { path });
        }
        let drive =
            path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
        if path.starts_with('/') || drive {
            return Err(PathError::Absolute { path });
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(PathError::Escapes { path });
        }
        if path.split('/').any(is_git_folder) {
            return Err(PathError::GitFolder { path });
        }
        if let Some(part) = path.split('/').find(|part| part.len() > MAX_PART_BYTES) {
            let len = part.len();
            return Err(PathError::PartTooLong { path, len });
        }
        let depth = path.split('/').count();
        if depth > MAX_DEPTH {
            return Err(PathError::TooDeep { path, depth });
        }
        Ok(Self(path))
    }

    /// Gives the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

/// Tells whether some file system takes this part for `.git`.
///
/// The spellings are those git itself refuses (`core.protectHFS`, `core.protectNTFS`): any case,
/// characters that HFS+ ignores, NTFS's short name and streams, trailing dots and spaces.
fn is_git_folder(part: &str) -> bool {
    let plain: String = part
        .chars()
        .filter(|c| {
            !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
        })
        .flat_map(char::to_lowercase)
        .collect();
    let stem = plain
        .split(':')
        .next()
        .unwrap_or(&plain)
        .trim_end_matches(['.', ' ']);
    matches!(stem, ".git" | "git~1")
}

impl TryFrom<String> for RepoPath {
    type Error = PathError;
    fn try_from(path: String) -> Result<Self, PathError> {
        Self::new(path)
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> String {
        path.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // X1: a path that leaves the repository is refused, each spelling with its own words.
    #[test]
    fn escapes_are_refused_in_every_spelling() {
        for path in [
            "src/retry.rs",
            ".github/workflows/ci.yml",
            ".gitignore",
            "a b/ü.txt",
            "x.git/y",
        ] {
            assert!(RepoPath::new(path).is_ok(), "{path}");
        }
        let kind = |path: &str| match RepoPath::new(path).unwrap_err() {
            PathError::Empty => "empty",
            PathError::TooLong { .. } => "long",
            PathError::PartTooLong { .. } => "part",
            PathError::TooDeep { .. } => "deep",
            PathError::Absolute { .. } => "absolute",
            PathError::Escapes { .. } => "escapes",
            PathError::Control { .. } => "control",
            PathError::GitFolder { .. } => "git",
            PathError::Backslash { .. } => "backslash",
        };
        for (path, expected) in [
            ("", "empty"),
            ("/etc/passwd", "absolute"),
            ("C:/x", "absolute"),
            ("../x", "escapes"),
            ("a/../../x", "escapes"),
            ("a//b", "escapes"),
            ("./a", "escapes"),
            ("a/", "escapes"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("a\\..\\b", "backslash"),
            (".git/config", "git"),
            (".GIT/hooks/pre-commit", "git"),
            ("sub/.Git/x", "git"),
            (".g\u{200c}it/config", "git"),
            ("git~1/config", "git"),
            (".git /config", "git"),
            (".git::$INDEX_ALLOCATION/config", "git"),
        ] {
            assert_eq!(kind(path), expected, "{path:?}");
        }
        assert_eq!(kind("a/".repeat(80).trim_end_matches('/')), "deep");
        assert_eq!(kind(&"a".repeat(2000)), "long");
        assert_eq!(kind(&format!("a/{}", "b".repeat(256))), "part");
        assert!(RepoPath::new("b".repeat(255)).is_ok());
    }
}
