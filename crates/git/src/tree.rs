//! Trees: what a folder of a commit holds.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::error::GitError;
use crate::oid::Oid;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A folder.
    Tree,
    /// A file.
    File,
    /// A file that can be run.
    Executable,
    /// A symbolic link; its blob is the target.
    Symlink,
    /// A commit of another repository.
    Submodule,
}

/// What a file can be given as: everything that has a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileMode {
    /// A file.
    File,
    /// A file that can be run.
    Executable,
    /// A symbolic link; its content is the target.
    Symlink,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, which need not be UTF-8.
    pub name: Vec<u8>,
    /// What it is.
    pub mode: Mode,
    /// Its object.
    pub oid: Oid,
}

impl Mode {
    /// Reads a mode as git writes it; old tools wrote others for files than git allows now.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        match bits & 0o170_000 {
            0o040_000 => Some(Self::Tree),
            0o100_000 if bits & 0o100 != 0 => Some(Self::Executable),
            0o100_000 => Some(Self::File),
            0o120_000 => Some(Self::Symlink),
            0o160_000 => Some(Self::Submodule),
            _ => None,
        }
    }

    /// The mode as git writes it: six octal digits.
    #[must_use]
    pub fn octal(self) -> &'static str {
        match self {
            Self::Tree => "040000",
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Submodule => "160000",
        }
    }

    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Tree => 0o040_000,
            Self::File => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Symlink => 0o120_000,
            Self::Submodule => 0o160_000,
        }
    }

    /// The mode of a file, if this has a blob.
    #[must_use]
    pub fn file_mode(self) -> Option<FileMode> {
        match self {
            Self::File => Some(FileMode::File),
            Self::Executable => Some(FileMode::Executable),
            Self::Symlink => Some(FileMode::Symlink),
            Self::Tree | Self::Submodule => None,
        }
    }
}

impl From<FileMode> for Mode {
    fn from(mode: FileMode) -> Self {
        match mode {
            FileMode::File => Self::File,
            FileMode::Executable => Self::Executable,
            FileMode::Symlink => Self::Symlink,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.octal())
    }
}

/// An entry with its mode exactly as stored, so that writing a neighbour leaves it untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) bits: u32,
    pub(crate) mode: Mode,
    pub(crate) oid: Oid,
}

impl RawEntry {
    /// Compares two entries as git orders them in a tree: a folder by its name with a slash behind it.
    pub(crate) fn by_place(&self, other: &Self) -> Ordering {
        fn place(entry: &RawEntry) -> impl Iterator<Item = u8> {
            let slash = (entry.mode == Mode::Tree).then_some(b'/');
            entry.name.iter().copied().chain(slash)
        }
        place(self).cmp(place(other))
    }

    /// The entry as others see it.
    pub(crate) fn plain(&self) -> TreeEntry {
        TreeEntry {
            name: self.name.clone(),
            mode: self.mode,
            oid: self.oid.clone(),
        }
    }
}

/// The most entries of trees that are remembered.
const KNOWN_ENTRIES_MAX: usize = 200_000;

/// The most commits whose tree is remembered.
const KNOWN_COMMITS_MAX: usize = 10_000;

/// Trees that were read lately: the folders on the way to what changes are read again and again.
#[derive(Debug, Default)]
pub(crate) struct KnownTrees {
    trees: HashMap<Oid, Arc<Vec<RawEntry>>>,
    entries: usize,
    commits: HashMap<Oid, Oid>,
}

impl KnownTrees {
    pub(crate) fn get(&self, tree: &Oid) -> Option<Arc<Vec<RawEntry>>> {
        self.trees.get(tree).cloned()
    }

    /// Gives the tree of a commit, or a tree itself, where it is known as one.
    pub(crate) fn known_tree_of(&self, treeish: &Oid) -> Option<Oid> {
        self.commits
            .get(treeish)
            .or_else(|| self.trees.get_key_value(treeish).map(|(tree, _)| tree))
            .cloned()
    }

    /// Remembers the tree of a commit.
    pub(crate) fn keep_commit(&mut self, commit: &Oid, tree: &Oid) {
        if self.commits.len() >= KNOWN_COMMITS_MAX {
            self.commits.clear();
        }
        self.commits.insert(commit.clone(), tree.clone());
    }

    /// Remembers a tree; when there are too many, all others are forgotten.
    pub(crate) fn keep(&mut self, tree: &Oid, entries: &Arc<Vec<RawEntry>>) {
        if self.entries + entries.len() > KNOWN_ENTRIES_MAX {
            self.trees.clear();
            self.entries = 0;
        }
        // An empty one counts, too: it takes its place.
        if self
            .trees
            .insert(tree.clone(), Arc::clone(entries))
            .is_none()
        {
            self.entries += entries.len() + 1;
        }
    }
}

/// Reads the content of a tree object: `mode SP name NUL raw-id`, again and again.
pub(crate) fn parse_tree(oid: &Oid, content: &[u8]) -> Result<Vec<RawEntry>, GitError> {
    let id_bytes = oid.as_str().len() / 2;
    let damaged = || GitError::unexpected("cat-file", format!("tree {oid} is damaged").as_bytes());
    let mut entries = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let space = rest
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or_else(damaged)?;
        let (digits, after) = rest.split_at(space);
        let after = after.get(1..).unwrap_or_default();
        let nul = after
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(damaged)?;
        let (name, after) = after.split_at(nul);
        let raw = after.get(1..=id_bytes).ok_or_else(damaged)?;
        rest = after.get(1 + id_bytes..).unwrap_or_default();
        let bits = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| u32::from_str_radix(digits, 8).ok());
        let (bits, mode) = bits
            .and_then(|bits| Some((bits, Mode::from_bits(bits)?)))
            .ok_or_else(damaged)?;
        entries.push(RawEntry {
            name: name.to_vec(),
            bits,
            mode,
            oid: Oid::from_raw(raw).ok_or_else(damaged)?,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_to_its_last_byte() {
        let mut content = b"100664 old\0".to_vec();
        content.extend([0x11; 20]);
        content.extend(b"40000 dir with space\0");
        content.extend([0x22; 20]);
        let tree = Oid::parse(&"0".repeat(40)).unwrap();
        let entries = parse_tree(&tree, &content).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].mode, entries[0].bits), (Mode::File, 0o100_664));
        assert_eq!(
            (entries[1].mode, entries[1].name.as_slice()),
            (Mode::Tree, b"dir with space".as_slice())
        );
        assert!(parse_tree(&tree, &content[..content.len() - 1]).is_err());
        assert!(parse_tree(&tree, b"junk").is_err());
        assert!(parse_tree(&tree, b"").unwrap().is_empty());
    }
}
