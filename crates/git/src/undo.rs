//! Putting a work tree back where it was, after git failed in the middle of moving its files.
//!
//! Git deletes a file before it runs the filter that writes it anew. A filter that fails then may as well fail to write the
//! old one, so a copy of what goes through a filter lies beside the index while the lock is held. All else git writes again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyperion_host::{Input, create_private_dir};

use crate::attributes::ATTRIBUTES_FILE;
use crate::call::LONG;
use crate::error::GitError;
use crate::landing::Landing;
use crate::oid::Oid;
use crate::path::TreePath;
use crate::read::RawChange;
use crate::store::RepoStore;
use crate::tree::Mode;
use crate::work_tree::WorkTree;

impl WorkTree {
    /// Where copies lie; the folder belongs to whoever has the lock.
    pub(crate) fn copies(&self) -> PathBuf {
        self.git_dir.join("hyperion-before")
    }

    /// Copies a file that a landing replaces or takes away.
    pub(crate) fn keep_copy(&self, change: &RawChange) -> Result<(), GitError> {
        if !matches!(change.old_mode, Some(Mode::File | Mode::Executable)) {
            return Ok(());
        }
        let file = self.path.join(change.path.to_os_path());
        let copy = self.copies().join(change.path.to_os_path());
        create_private_dir(&self.copies()).map_err(GitError::io(&copy))?;
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).map_err(GitError::io(folder))?;
        }
        match fs::copy(&file, copy) {
            // A sparse work tree does not have it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            copied => copied.map(drop).map_err(GitError::io(&file)),
        }
    }

    /// Brings the files back that were moved to `target`; the lock must be ours. What somebody wrote meanwhile stays, and it
    /// says whether there is any.
    pub(crate) fn put_back(
        &self,
        store: &RepoStore,
        landing: &Landing,
        target: &Oid,
        (index, changes): (&Path, &[RawChange]),
    ) -> Result<bool, GitError> {
        let compared = |there: &Self| {
            let foreign = there.sort_half_moved(store, index, &landing.expected, target)?;
            there.copy_index(store, index)?;
            Ok((foreign, there.unlike_index(store, index)?))
        };
        // A filter that is broken both ways keeps git from comparing: without filters it can tell at least what has none.
        let (foreign, unlike, are_filtered) = match compared(self) {
            Ok((foreign, unlike)) => (foreign, unlike, true),
            Err(GitError::Failed { .. }) => {
                let (foreign, unlike) = compared(&self.without_filters(store)?)?;
                (foreign, unlike, false)
            }
            Err(error) => return Err(error),
        };
        let (old, added): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| change.old_mode.is_some());
        for RawChange { path, .. } in added {
            if !foreign.contains(path) && self.has(path) {
                self.take_away(&self.path.join(path.to_os_path()))?;
            }
        }
        let mut wanted = BTreeSet::new();
        for RawChange { path, .. } in old {
            let file = self.path.join(path.to_os_path());
            let stays = self.has(path) && (foreign.contains(path) || !unlike.contains(path));
            // A folder is there still if somebody put something into it, and that stays.
            let is_folder = fs::symlink_metadata(&file).is_ok_and(|found| found.is_dir());
            if stays || is_folder || self.leads_through_a_link(&file) {
                continue;
            }
            let copy = self.copies().join(path.to_os_path());
            if copy.is_file() {
                if let Some(folder) = file.parent() {
                    fs::create_dir_all(folder).map_err(GitError::io(folder))?;
                }
                let _ = fs::remove_file(&file);
                fs::copy(&copy, &file).map_err(GitError::io(&file))?;
            } else {
                wanted.insert(path.clone());
            }
        }
        // The attributes first: they say how the others are written.
        let is_attributes =
            |path: &TreePath| path.components().last() == Some(ATTRIBUTES_FILE.as_bytes());
        let (first, rest): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_attributes);
        for paths in [first, rest] {
            self.write_again(store, index, &paths)?;
        }
        Ok(are_filtered && !foreign.is_empty())
    }

    /// The same work tree, where git runs no filter.
    fn without_filters(&self, store: &RepoStore) -> Result<Self, GitError> {
        Ok(Self {
            path: self.path.clone(),
            git_dir: self.git_dir.clone(),
            branch: self.branch.clone(),
            filters_off: store.filters_that_are_set()?.into_iter().collect(),
        })
    }

    /// Writes files as an index has them; one that git cannot write shows as deleted, and is in its history.
    fn write_again(
        &self,
        store: &RepoStore,
        index: &Path,
        paths: &[TreePath],
    ) -> Result<(), GitError> {
        if paths.is_empty() {
            return Ok(());
        }
        let mut input = Vec::new();
        for path in paths {
            input.extend(path.as_bytes());
            input.push(0);
        }
        self.call(store, "checkout-index", index)
            .args(["-f", "-z", "--stdin"])
            .input(Input::Bytes(input))
            .wall(LONG)
            .outcome()
            .map(drop)
    }

    /// Removes a file that git made, and the folders that it made for it.
    fn take_away(&self, file: &Path) -> Result<(), GitError> {
        fs::remove_file(file).map_err(GitError::io(file))?;
        let folders = file.ancestors().skip(1);
        for folder in folders.take_while(|folder| *folder != self.path) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn leads_through_a_link(&self, file: &Path) -> bool {
        let folders = file.ancestors().skip(1);
        folders
            .take_while(|folder| *folder != self.path)
            .any(|folder| fs::symlink_metadata(folder).is_ok_and(|found| !found.is_dir()))
    }
}

/// Goes on where a comparison failed for what git said, and not for what the system said.
pub(crate) fn not_compared(error: GitError) -> Result<bool, GitError> {
    match error {
        GitError::Failed { .. } => Ok(false),
        other => Err(other),
    }
}
