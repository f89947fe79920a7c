//! Trying out, before a branch moves, whether git can write the files of a landing, and would find them as they are stored.
//!
//! A filter that fails while a work tree follows leaves it half-way. So what goes through one is written to a scratch folder
//! first, by the person's own settings as in their work tree, and compared as `git status` would. What a filter may not be
//! able to write a second time is copied before it is replaced; see `undo`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use hyperion_host::{Input, create_private_dir};

use crate::attributes::{self, ATTRIBUTES_FILE, AttributesFolder};
use crate::call::LONG;
use crate::checkout::BlockReason;
use crate::error::GitError;
use crate::landing::Landing;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::read::RawChange;
use crate::store::RepoStore;
use crate::stored::{is_unstable, may_be_unstable};
use crate::tree::Mode;
use crate::work_tree::{WorkTree, first_of};

/// The largest file whose line ends are looked at.
const LOOKED_AT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Whether files that go through a filter are copied before they are replaced; only whoever has the lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    Kept,
    None,
}

impl WorkTree {
    /// Finds files of a landing that git could not write here, or that would show as edited as soon as they are written.
    pub(crate) fn rehearse(
        &self,
        store: &RepoStore,
        landing: &Landing,
        changes: &[RawChange],
        copies: Copies,
    ) -> Result<Option<BlockReason>, GitError> {
        let paths: BTreeSet<&TreePath> = changes.iter().map(|change| &change.path).collect();
        let folder = store.lay_out_attributes(&landing.candidate, &paths, &BTreeMap::new())?;
        create_private_dir(&folder.path).map_err(GitError::io(&folder.path))?;
        let there = Self {
            path: folder.path.clone(),
            git_dir: self.git_dir.clone(),
            branch: None,
            filters_off: Vec::new(),
        };
        let index = folder.path.with_extension("index");
        let attributes = attributes::ask(there.call(store, "check-attr", &index), &paths)?;
        let mut filtered = Vec::new();
        let mut unstable = BTreeSet::new();
        for change in changes {
            let Some(of_path) = attributes.get(&change.path) else {
                continue;
            };
            if of_path.are_filtered() && copies == Copies::Kept {
                self.keep_copy(change)?;
            }
            let is_file = matches!(change.new_mode, Some(Mode::File | Mode::Executable));
            let Some(oid) = change.new_oid.as_ref().filter(|_| is_file) else {
                continue;
            };
            if of_path.are_filtered() {
                filtered.push((change, oid));
            } else if may_be_unstable(of_path)
                && is_unstable(of_path, &store.read_blob(oid, LOOKED_AT_MAX_BYTES)?)
            {
                unstable.insert(change.path.clone());
            }
        }
        if unstable.is_empty() && !filtered.is_empty() {
            unstable = there.write_out(store, &folder, &filtered)?;
        }
        Ok((!unstable.is_empty()).then(|| {
            let (files, more) = first_of(unstable);
            BlockReason::Unlike { files, more }
        }))
    }

    /// Writes files into this folder and says which of them are not as they are stored.
    fn write_out(
        &self,
        store: &RepoStore,
        folder: &AttributesFolder,
        files: &[(&RawChange, &Oid)],
    ) -> Result<BTreeSet<TreePath>, GitError> {
        let index = folder.path.with_extension("index");
        let (mut entries, mut paths) = (Vec::new(), Vec::new());
        for (change, oid) in files {
            if change.path.components().last() == Some(ATTRIBUTES_FILE.as_bytes()) {
                continue;
            }
            let mode = change.new_mode.unwrap_or(Mode::File).octal();
            entries.extend(format!("{mode} {oid}\t").as_bytes());
            for list in [&mut entries, &mut paths] {
                list.extend(change.path.as_bytes());
                list.push(0);
            }
        }
        // The candidate's objects may not be in the person's repository any more.
        let objects = alternate(store);
        let call = |name| {
            self.call(store, name, &index)
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects)
                .wall(LONG)
        };
        call("update-index")
            .args(["-z", "--index-info"])
            .input(Input::Bytes(entries))
            .output()?;
        call("checkout-index")
            .args(["-z", "--stdin"])
            .input(Input::Bytes(paths))
            .output()?;
        // This index knows no times, so that each file is looked into.
        call("update-index").arg("--refresh").answer()?;
        let unlike = self.unlike_index(store, &index)?;
        let _ = fs::remove_file(&index);
        Ok(unlike)
    }
}

/// Says in one line why git could not write files; a fault that passes stays one.
pub(crate) fn cause_of(error: GitError) -> Result<String, GitError> {
    let GitError::Failed { command: _, stderr } = error else {
        return Err(error);
    };
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.unwrap_or_default();
    let words = ["fatal: ", "error: "];
    let plain = words.iter().find_map(|word| last.strip_prefix(word));
    Ok(plain.unwrap_or(last).to_owned())
}

/// Names Hyperion's own objects as a variable takes them, where `:` ends a path.
fn alternate(store: &RepoStore) -> OsString {
    let mut text = vec![b'"'];
    for byte in store.objects().as_os_str().as_bytes() {
        if matches!(*byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text.push(b'"');
    OsString::from_vec(text)
}
