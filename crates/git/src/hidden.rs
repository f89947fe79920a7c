//! What an index hides: files that git was told not to look at, so that an edit of them shows nowhere.
//!
//! Git does look at them when it moves files, and then stops half-way: after the branch has moved. So they are looked for
//! before, among the files that the landing changes; what is hidden elsewhere is in nobody's way.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use hyperion_host::{Input, may_write};

use crate::call::LONG;
use crate::checkout::BlockReason;
use crate::error::GitError;
use crate::path::TreePath;
use crate::read::RawChange;
use crate::store::RepoStore;
use crate::work_tree::{WorkTree, first_of, paths_in, remove_if_there};

/// What an index says of a file besides what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexFlag {
    /// Edits of it are not looked for.
    AssumeUnchanged,
    /// It counts as not being in the work tree.
    SkipWorktree,
    /// It was announced with `git add --intent-to-add`, and has no content yet.
    IntentToAdd,
}

impl IndexFlag {
    /// Gives the git command that takes it off, without the files.
    #[must_use]
    pub const fn taken_off_by(self) -> &'static str {
        match self {
            Self::AssumeUnchanged => "git update-index --no-assume-unchanged",
            Self::SkipWorktree => "git update-index --no-skip-worktree",
            Self::IntentToAdd => "git reset -q --",
        }
    }
}

impl fmt::Display for IndexFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AssumeUnchanged => "assume-unchanged",
            Self::SkipWorktree => "skip-worktree",
            Self::IntentToAdd => "intent-to-add",
        })
    }
}

impl WorkTree {
    /// Finds files that a landing changes, that were edited, and whose edits an index hides.
    pub(crate) fn hidden_edits(
        &self,
        store: &RepoStore,
        index: &Path,
        changes: &[RawChange],
    ) -> Result<Option<BlockReason>, GitError> {
        let touched: BTreeSet<&[u8]> = changes
            .iter()
            .filter(|change| change.old_mode.is_some())
            .map(|change| change.path.as_bytes())
            .collect();
        if touched.is_empty() {
            return Ok(None);
        }
        let listed = self
            .call(store, "ls-files", index)
            .args(["-v", "-z"])
            .wall(LONG)
            .output()?;
        let mut hidden: Vec<(IndexFlag, TreePath)> = Vec::new();
        for line in listed.split(|byte| *byte == 0) {
            let [tag, b' ', path @ ..] = line else {
                continue;
            };
            let flag = match tag {
                b'S' | b's' => IndexFlag::SkipWorktree,
                b'a'..=b'z' => IndexFlag::AssumeUnchanged,
                _ => continue,
            };
            let path = TreePath::from(path);
            if touched.contains(path.as_bytes()) && self.has(&path) {
                hidden.push((flag, path));
            }
        }
        if hidden.is_empty() {
            return Ok(None);
        }
        let edited = self.edited_without_flags(store, index, &hidden)?;
        hidden.retain(|(_, path)| edited.contains(path));
        let Some((flag, _)) = hidden.first().cloned() else {
            return Ok(None);
        };
        let same = hidden.into_iter().filter(|(other, _)| *other == flag);
        let (files, more) = first_of(same.map(|(_, path)| path).collect());
        Ok(Some(BlockReason::Hidden { flag, files, more }))
    }

    /// Compares files with a copy of an index that hides none of them.
    fn edited_without_flags(
        &self,
        store: &RepoStore,
        index: &Path,
        hidden: &[(IndexFlag, TreePath)],
    ) -> Result<BTreeSet<TreePath>, GitError> {
        let probe = self.own_file("flags")?;
        fs::copy(index, &probe).map_err(GitError::io(&probe))?;
        let mut paths = Vec::new();
        for (_, path) in hidden {
            paths.extend(path.as_bytes());
            paths.push(0);
        }
        let looked = ["--no-assume-unchanged", "--no-skip-worktree"]
            .into_iter()
            .try_for_each(|option| {
                self.call(store, "update-index", &probe)
                    .args([option, "-z", "--stdin"])
                    .input(Input::Bytes(paths.clone()))
                    .output()
                    .map(drop)
            })
            .and_then(|()| self.refresh(store, &probe))
            .and_then(|_| self.unlike_index(store, &probe));
        remove_if_there(&probe)?;
        looked
    }

    /// Finds files that were only announced to git: neither `commit` nor `stash` takes them as they are.
    pub(crate) fn announced(
        &self,
        store: &RepoStore,
        index: &Path,
    ) -> Result<Option<BlockReason>, GitError> {
        let answer = self
            .call(store, "diff-files", index)
            .args(["--no-renames", "--name-only", "-z", "--diff-filter=A"])
            .arg("--ignore-submodules=all")
            .wall(LONG)
            .output()?;
        let files: BTreeSet<_> = paths_in(&answer).collect();
        Ok((!files.is_empty()).then(|| {
            let (files, more) = first_of(files);
            let flag = IndexFlag::IntentToAdd;
            BlockReason::Hidden { flag, files, more }
        }))
    }

    /// Finds a folder in which a landing changes files, and in which this user may not.
    pub(crate) fn closed_folder(&self, changes: &[RawChange]) -> Option<BlockReason> {
        let mut looked = BTreeSet::new();
        for change in changes {
            let file = self.path.join(change.path.to_os_path());
            let folders = file.ancestors().skip(1);
            let nearest = folders
                .take_while(|folder| folder.starts_with(&self.path))
                .find(|folder| folder.is_dir());
            if let Some(folder) = nearest
                && looked.insert(folder.to_path_buf())
                && !may_write(folder)
            {
                let folder = folder.to_path_buf();
                return Some(BlockReason::Closed { folder });
            }
        }
        None
    }
}
