//! What git would store of a file: its line ends, its `$Id$`, its encoding and its filters, by `.gitattributes`.
//!
//! A blob that is not what `git add` would write shows as edited in every work tree, for ever, to people who did nothing.
//! Line ends and `$Id$` are brought into the stored form here, as git does it. A filter is a program of somebody's machine:
//! none runs over what nobody approved yet, so its content is taken only where it is known to be what the filter keeps.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes::{self, ATTRIBUTES_FILE, Attributes, Value};
use crate::error::GitError;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::store::RepoStore;

/// A file that is about to be in a tree.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// Where.
    pub path: &'a TreePath,
    /// What it is to hold.
    pub bytes: &'a [u8],
    /// What it, or what it was moved from, holds so far.
    pub old: Option<&'a [u8]>,
}

/// What git would store of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// These very bytes.
    AsItIs,
    /// Others.
    Otherwise(Vec<u8>),
    /// It cannot be told, or not be done here.
    Refused(NotStored),
}

/// Why a file cannot be stored as git would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Its content goes through a filter.
    #[error(
        "git stores {path} through the filter {filter:?} (.gitattributes), which does not run on changes of agents; change it by hand"
    )]
    Filtered {
        /// Which.
        path: TreePath,
        /// The filter's name.
        filter: String,
    },
    /// It is to be in Git LFS.
    #[error(
        "git stores {path} with Git LFS (.gitattributes), so its content must be an LFS pointer; commit the file by hand"
    )]
    NotAPointer {
        /// Which.
        path: TreePath,
    },
    /// It is not the text that git stores.
    #[error(
        "git stores {path} as UTF-8 and writes it as {encoding} (.gitattributes), and this is not UTF-8; hand it in as UTF-8"
    )]
    NotUtf8 {
        /// Which.
        path: TreePath,
        /// What it is written as.
        encoding: String,
    },
    /// The same change says in `.gitattributes` that it is to be stored otherwise.
    #[error(
        "{path} is not what git would store by the .gitattributes of this very change; write it with LF line ends and a plain $Id$, or change .gitattributes alone first"
    )]
    UnlikeOwnAttributes {
        /// Which.
        path: TreePath,
    },
}

impl RepoStore {
    /// Says of each file what `git add` would store of it, by the attributes of a tree.
    ///
    /// Where `.gitattributes` are among these files, or among those that are `gone` afterwards, what comes of it has to be what
    /// is stored without the old ones, too.
    pub fn stored(
        &self,
        tree: &Oid,
        files: &[NewFile<'_>],
        gone: &BTreeSet<TreePath>,
    ) -> Result<Vec<Stored>, GitError> {
        let paths: BTreeSet<&TreePath> = files.iter().map(|file| file.path).collect();
        let before = self.plain_attributes(tree, &paths, &BTreeMap::new())?;
        let says_how =
            |path: &TreePath| path.components().last() == Some(ATTRIBUTES_FILE.as_bytes());
        let mut own: BTreeMap<TreePath, Option<&[u8]>> = gone
            .iter()
            .filter(|path| says_how(path))
            .map(|path| (path.clone(), None))
            .collect();
        let new = files.iter().filter(|file| says_how(file.path));
        own.extend(new.map(|file| (file.path.clone(), Some(file.bytes))));
        let after = if own.is_empty() {
            BTreeMap::new()
        } else {
            self.plain_attributes(tree, &paths, &own)?
        };
        let is_filtered = |all: &BTreeMap<TreePath, Attributes>| {
            all.values().any(|one| matches!(one.filter, Value::Is(_)))
        };
        let filters = if is_filtered(&before) || is_filtered(&after) {
            self.filters_that_are_set()?
        } else {
            BTreeSet::new()
        };
        let stored = files.iter().map(|file| {
            let stored = match before.get(file.path) {
                Some(attributes) => of(attributes, *file, &filters),
                None => Stored::AsItIs,
            };
            let Some(attributes) = after.get(file.path) else {
                return stored;
            };
            let bytes = match &stored {
                Stored::AsItIs => file.bytes,
                Stored::Otherwise(bytes) => bytes,
                Stored::Refused(_) => return stored,
            };
            match of(attributes, NewFile { bytes, ..*file }, &filters) {
                Stored::AsItIs => stored,
                Stored::Otherwise(_) => {
                    let path = file.path.clone();
                    Stored::Refused(NotStored::UnlikeOwnAttributes { path })
                }
                refused @ Stored::Refused(_) => refused,
            }
        });
        Ok(stored.collect())
    }

    fn plain_attributes(
        &self,
        tree: &Oid,
        paths: &BTreeSet<&TreePath>,
        instead: &BTreeMap<TreePath, Option<&[u8]>>,
    ) -> Result<BTreeMap<TreePath, Attributes>, GitError> {
        let folder = self.lay_out_attributes(tree, paths, instead)?;
        if folder.is_empty {
            return Ok(BTreeMap::new());
        }
        attributes::ask(self.plain_attributes_call(&folder.path), paths)
    }

    /// The filters that change what is stored, by the settings of the person whose repository it is.
    pub(crate) fn filters_that_are_set(&self) -> Result<BTreeSet<String>, GitError> {
        let asked = self
            .user
            .call("config")
            .personal()
            .args(["-z", "--name-only", "--get-regexp"])
            .arg(r"^filter\..*\.(clean|process)$")
            .outcome()?;
        // Its exit code says whether there are any.
        let names = asked.stdout.bytes.split(|byte| *byte == 0);
        let names = names.filter_map(|name| {
            let name = String::from_utf8_lossy(name).into_owned();
            let (name, _) = name.strip_prefix("filter.")?.rsplit_once('.')?;
            Some(name.to_owned())
        });
        Ok(names.collect())
    }
}

/// Says what git would store of one file.
fn of(attributes: &Attributes, file: NewFile<'_>, filters: &BTreeSet<String>) -> Stored {
    let NewFile { path, bytes, old } = file;
    let is_as_before = old == Some(bytes);
    match &attributes.filter {
        // What is moved, or made executable, is stored as it was.
        Value::Is(_) if is_as_before => {}
        Value::Is(name) if name == LFS => {
            if !bytes.is_empty() && !is_lfs_pointer(bytes) {
                return Stored::Refused(NotStored::NotAPointer { path: path.clone() });
            }
        }
        Value::Is(filter) if filters.contains(filter) => {
            return Stored::Refused(NotStored::Filtered {
                path: path.clone(),
                filter: filter.clone(),
            });
        }
        Value::Is(_) | Value::Unspecified | Value::Set | Value::Unset => {}
    }
    if let Value::Is(encoding) = &attributes.encoding
        && !encoding.eq_ignore_ascii_case("utf-8")
        && (bytes.contains(&0) || std::str::from_utf8(bytes).is_err())
    {
        return Stored::Refused(NotStored::NotUtf8 {
            path: path.clone(),
            encoding: encoding.clone(),
        });
    }
    let lines = with_stored_line_ends(line_ends(attributes), bytes, old);
    let text = lines.as_deref().unwrap_or(bytes);
    let named = (attributes.ident == Value::Set)
        .then(|| without_ids(text))
        .flatten();
    named.or(lines).map_or(Stored::AsItIs, Stored::Otherwise)
}

/// Tells whether a stored content, once it was written to a work tree, would be stored as something else.
///
/// Where git decides by what it looks like, what is stored has a say itself, and stays.
pub(crate) fn is_unstable(attributes: &Attributes, blob: &[u8]) -> bool {
    with_stored_line_ends(line_ends(attributes), blob, Some(blob)).is_some()
        || attributes.ident == Value::Set && without_ids(blob).is_some()
}

/// Tells whether [`is_unstable`] has to see the content.
pub(crate) fn may_be_unstable(attributes: &Attributes) -> bool {
    matches!(line_ends(attributes), LineEnds::Text) || matches!(attributes.ident, Value::Set)
}

/// The filter whose stored form is known.
const LFS: &str = "lfs";

/// A pointer is shorter.
const LFS_POINTER_MAX_BYTES: usize = 1024;

/// Tells whether a content is what Git LFS stores in place of a file.
fn is_lfs_pointer(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let lines = text
        .strip_prefix("version https://git-lfs.github.com/spec/v1\n")
        .and_then(|rest| rest.strip_suffix('\n'));
    let Some(lines) = lines.filter(|_| bytes.len() < LFS_POINTER_MAX_BYTES) else {
        return false;
    };
    let is_hash = |hash: &str| {
        hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    match lines.split('\n').collect::<Vec<_>>().as_slice() {
        [extensions @ .., oid, size] => {
            extensions.iter().all(|line| line.starts_with("ext-"))
                && oid.strip_prefix("oid sha256:").is_some_and(is_hash)
                && size
                    .strip_prefix("size ")
                    .is_some_and(|size| size.parse::<u64>().is_ok_and(|n| n.to_string() == size))
        }
        _ => false,
    }
}

/// What git does to line ends when it stores a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnds {
    /// Nothing.
    Kept,
    /// CRLF becomes LF.
    Text,
    /// The same, if it looks like a text whose stored form has no CRLF.
    Auto,
}

fn line_ends(attributes: &Attributes) -> LineEnds {
    // `crlf` is what `text` was called before.
    let text = match &attributes.text {
        Value::Unspecified => &attributes.crlf,
        // Any other word says nothing, to git.
        Value::Is(word) if word != "auto" && word != "input" => &attributes.crlf,
        said => said,
    };
    match text {
        Value::Unset => LineEnds::Kept,
        Value::Set => LineEnds::Text,
        Value::Is(word) if word == "auto" => LineEnds::Auto,
        Value::Is(word) if word == "input" => LineEnds::Text,
        Value::Is(_) | Value::Unspecified => match &attributes.eol {
            Value::Is(end) if end == "lf" || end == "crlf" => LineEnds::Text,
            Value::Is(_) | Value::Unspecified | Value::Set | Value::Unset => LineEnds::Kept,
        },
    }
}

/// Gives a content with the line ends that are stored, where they are others.
fn with_stored_line_ends(ends: LineEnds, bytes: &[u8], old: Option<&[u8]>) -> Option<Vec<u8>> {
    let is_converted = match ends {
        LineEnds::Kept => false,
        LineEnds::Text => true,
        LineEnds::Auto => {
            let stored = old.map(Statistics::of);
            let had = stored.is_some_and(|stored| stored.crlf > 0 && !stored.is_binary());
            !had && !Statistics::of(bytes).is_binary()
        }
    };
    let has_crlf = bytes.windows(2).any(|pair| pair == b"\r\n");
    (is_converted && has_crlf).then(|| {
        let mut kept = Vec::with_capacity(bytes.len());
        for byte in bytes {
            // Git takes one CR away and would take the next one at the next look; all of them are gone here.
            while *byte == b'\n' && kept.last() == Some(&b'\r') {
                kept.pop();
            }
            kept.push(*byte);
        }
        kept
    })
}

/// What git counts to tell a text.
#[derive(Debug, Default)]
struct Statistics {
    nul: usize,
    lone_cr: usize,
    crlf: usize,
    printable: usize,
    nonprintable: usize,
}

impl Statistics {
    fn of(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = bytes.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            match byte {
                b'\r' if rest.peek() == Some(&b'\n') => {
                    rest.next();
                    found.crlf += 1;
                }
                b'\r' => found.lone_cr += 1,
                b'\n' => {}
                0 => {
                    found.nul += 1;
                    found.nonprintable += 1;
                }
                // Backspace, escape, form feed and tab are in texts.
                0x08 | b'\t' | 0x0c | 0x1b => found.printable += 1,
                1..=31 | 127 => found.nonprintable += 1,
                _ => found.printable += 1,
            }
        }
        // The end of a file of old systems.
        if bytes.last() == Some(&0x1a) {
            found.nonprintable -= 1;
        }
        found
    }

    fn is_binary(&self) -> bool {
        self.lone_cr > 0 || self.nul > 0 || self.printable >> 7 < self.nonprintable
    }
}

/// Gives a content with `$Id$` for each `$Id: … $`, where there is one.
fn without_ids(bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGINS: &[u8] = b"$Id:";
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(BEGINS.len())
        .position(|window| window == BEGINS)
    {
        let (before, found) = rest.split_at(at);
        let inside = found.get(BEGINS.len()..).unwrap_or_default();
        let end = inside.iter().position(|b| matches!(*b, b'$' | b'\n'));
        kept.extend(before);
        match end.map(|end| inside.split_at(end)) {
            Some((_, [b'$', after @ ..])) => {
                kept.extend(b"$Id$");
                rest = after;
            }
            _ => {
                kept.extend(BEGINS);
                rest = inside;
            }
        }
    }
    kept.extend(rest);
    (kept != bytes).then_some(kept)
}
