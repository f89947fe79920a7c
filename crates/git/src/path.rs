//! Paths as git stores them: bytes, `/` between components, relative to the root of the tree.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A path inside a tree; it need not be UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, where the path is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    pub(crate) fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    pub(crate) fn to_os_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Says why git would not let this path into a tree that people check out.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        if self.0.is_empty() {
            return Some("it is empty");
        }
        if self.0.contains(&0) {
            return Some("it holds a NUL");
        }
        self.components().find_map(|component| match component {
            b"" => Some("it has an empty component, or starts or ends with a slash"),
            b"." | b".." => Some("it has a . or .. component"),
            name if is_dot_git(name) => Some("it has a .git component"),
            _ => None,
        })
    }
}

/// `.git` in any case, and the names by which other systems reach it (`git~1`, trailing dots and spaces, streams).
fn is_dot_git(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    // HFS+ ignores these characters (zero-width and direction marks), so `.g<U+200C>it` is `.git` there.
    let visible: String = String::from_utf8_lossy(&name)
        .chars()
        .filter(|c| !matches!(*c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect();
    let stream = visible.split(':').next().unwrap_or_default();
    let bare = stream.trim_end_matches([' ', '.']);
    bare == ".git" || bare == "git~1"
}

impl From<&str> for TreePath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for TreePath {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<Vec<u8>> for TreePath {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for TreePath {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreePath({:?})", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_reach_outside_or_into_git_are_defective() {
        for good in [
            "a",
            "a/b.c",
            ".gitignore",
            "a/.github/x",
            "git",
            "ü",
            "a b",
            ".gitx",
            "...",
            "git~2",
        ] {
            assert_eq!(TreePath::from(good).defect(), None, "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            ".git",
            "a/.GIT/config",
            ".git.",
            ".git ",
            "GIT~1/x",
            ".git::$INDEX_ALLOCATION/x",
            ".g\u{200c}it/x",
            "a\0b",
        ] {
            assert!(TreePath::from(bad).defect().is_some(), "{bad:?}");
        }
    }
}
