//! What a tree's `.gitattributes` say of paths in it, as git reads them.
//!
//! The few files that can say something of these paths are laid out in a folder of their own, and git is asked there: no
//! work tree and no index of anybody's takes part, and every git can do it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hyperion_host::{Input, remove_tree};

use crate::call::{Call, LONG};
use crate::error::GitError;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::store::RepoStore;
use crate::tree::Mode;

/// The name of the files that are read.
pub(crate) const ATTRIBUTES_FILE: &str = ".gitattributes";

/// The largest of them that git reads.
const ATTRIBUTES_MAX_BYTES: u64 = 100 * 1024 * 1024;

/// The attributes by which git stores other bytes than it writes.
const ASKED: [&str; 6] = [
    "text",
    "crlf",
    "eol",
    "ident",
    "filter",
    "working-tree-encoding",
];

/// What one attribute of a path is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Value {
    /// Nothing says anything.
    #[default]
    Unspecified,
    /// It is on.
    Set,
    /// It is off.
    Unset,
    /// It is this.
    Is(String),
}

/// What the attributes of a path say about how it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attributes {
    pub(crate) text: Value,
    pub(crate) crlf: Value,
    pub(crate) eol: Value,
    pub(crate) ident: Value,
    pub(crate) filter: Value,
    pub(crate) encoding: Value,
}

impl Attributes {
    /// Whether a program, or a table of characters, stands between what is stored and what is written.
    pub(crate) const fn are_filtered(&self) -> bool {
        // An encoding without a name is one that git stops at.
        matches!(self.filter, Value::Is(_)) || matches!(self.encoding, Value::Is(_) | Value::Set)
    }
}

/// A folder with `.gitattributes` files in their places, which is not there while there is none; drop removes it.
#[derive(Debug)]
pub(crate) struct AttributesFolder {
    pub(crate) path: PathBuf,
    /// Whether there is any file in it.
    pub(crate) is_empty: bool,
}

impl Drop for AttributesFolder {
    fn drop(&mut self) {
        // What stays is removed with the whole scratch folder.
        let _ = remove_tree(&self.path);
    }
}

impl RepoStore {
    /// Lays out what a tree says of paths; `instead` has the files that are, or are not, to be there instead.
    pub(crate) fn lay_out_attributes(
        &self,
        tree: &Oid,
        paths: &BTreeSet<&TreePath>,
        instead: &BTreeMap<TreePath, Option<&[u8]>>,
    ) -> Result<AttributesFolder, GitError> {
        let mut laid_out = AttributesFolder {
            path: self.fresh_draft().with_extension("attributes"),
            is_empty: true,
        };
        for path in attribute_files(paths) {
            let content = match instead.get(&path) {
                Some(content) => content.map(<[u8]>::to_vec),
                None => match self.lookup(tree, &path)? {
                    Some(entry) if matches!(entry.mode, Mode::File | Mode::Executable) => {
                        Some(self.read_blob(&entry.oid, ATTRIBUTES_MAX_BYTES)?)
                    }
                    Some(_) | None => None,
                },
            };
            let Some(content) = content else { continue };
            let file = laid_out.path.join(path.to_os_path());
            let parent = file.parent().unwrap_or(&file);
            fs::create_dir_all(parent).map_err(GitError::io(parent))?;
            fs::write(&file, content).map_err(GitError::io(&file))?;
            laid_out.is_empty = false;
        }
        Ok(laid_out)
    }

    /// A question about attributes that nobody's settings take part in.
    pub(crate) fn plain_attributes_call(&self, folder: &Path) -> Call<'_> {
        self.git
            .call("check-attr", folder)
            .git_dir(&self.git_dir())
            .env("GIT_WORK_TREE", folder)
    }
}

/// Asks git what the attributes of paths are.
pub(crate) fn ask(
    call: Call<'_>,
    paths: &BTreeSet<&TreePath>,
) -> Result<BTreeMap<TreePath, Attributes>, GitError> {
    let mut input = Vec::new();
    for path in paths {
        input.extend(path.as_bytes());
        input.push(0);
    }
    let answer = call
        .args(["-z", "--stdin"])
        .args(ASKED)
        .input(Input::Bytes(input))
        .wall(LONG)
        .output()?;
    let mut found: BTreeMap<TreePath, Attributes> = BTreeMap::new();
    let mut fields = answer.split(|byte| *byte == 0);
    while let (Some(path), Some(name), Some(value)) = (fields.next(), fields.next(), fields.next())
    {
        let of_path = found.entry(TreePath::from(path)).or_default();
        let place = match name {
            b"text" => &mut of_path.text,
            b"crlf" => &mut of_path.crlf,
            b"eol" => &mut of_path.eol,
            b"ident" => &mut of_path.ident,
            b"filter" => &mut of_path.filter,
            b"working-tree-encoding" => &mut of_path.encoding,
            _ => return Err(GitError::unexpected("check-attr", name)),
        };
        *place = match value {
            b"unspecified" => Value::Unspecified,
            b"set" => Value::Set,
            b"unset" => Value::Unset,
            other => Value::Is(String::from_utf8_lossy(other).into_owned()),
        };
    }
    Ok(found)
}

/// Names the files that can say something of paths: one in each folder on the way to them.
fn attribute_files(paths: &BTreeSet<&TreePath>) -> BTreeSet<TreePath> {
    let mut files = BTreeSet::from([TreePath::from(ATTRIBUTES_FILE)]);
    for path in paths {
        let bytes = path.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'/' {
                let folder = bytes.get(..=at).unwrap_or_default();
                files.insert(TreePath::from(
                    [folder, ATTRIBUTES_FILE.as_bytes()].concat(),
                ));
            }
        }
    }
    files
}
