//! A work tree of the user: its state, read with the person's own settings.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::call::{Call, LONG};
use crate::checkout::{BLOCK_FILES_MAX, BlockReason};
use crate::error::GitError;
use crate::git::Git;
use crate::oid::{Oid, RefName};
use crate::path::TreePath;
use crate::read::{ChangeStatus, RawChange, Renames};
use crate::store::RepoStore;
use crate::user_repo::path_of;

/// One work tree with its own git folder (index, `HEAD`).
#[derive(Debug)]
pub(crate) struct WorkTree {
    pub(crate) path: PathBuf,
    pub(crate) git_dir: PathBuf,
    pub(crate) branch: Option<RefName>,
    /// Filters of the person's that git is not to run there.
    pub(crate) filters_off: Vec<String>,
}

/// What a person did to a work tree.
#[derive(Debug, Default)]
pub(crate) struct Dirt {
    /// What keeps everything from landing, whatever it touches.
    pub(crate) block: Option<BlockReason>,
    /// The files that are edited or staged.
    pub(crate) edited: BTreeSet<TreePath>,
}

/// Tells which of some paths below a folder git tracks there; a tracked file of a folder that is named counts as that folder.
pub fn tracked_in(
    git: &Git,
    folder: &Path,
    paths: &[String],
) -> Result<BTreeSet<String>, GitError> {
    let listed = git
        .call("ls-files", folder)
        .env("GIT_LITERAL_PATHSPECS", "1")
        .args(["--cached", "-z", "--"])
        .args(paths)
        .output()?;
    let listed = String::from_utf8_lossy(&listed);
    let listed: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    let is_tracked = |path: &&String| {
        listed.iter().any(|tracked| {
            let below = tracked.strip_prefix(path.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    };
    Ok(paths.iter().filter(is_tracked).cloned().collect())
}

/// Lists the files that git tracks in a work tree and that are not there, by their paths below it.
pub fn missing_in(git: &Git, top: &Path) -> Result<Vec<String>, GitError> {
    let listed = git
        .call("ls-files", top)
        .args(["--deleted", "-z"])
        .output()?;
    let listed = String::from_utf8_lossy(&listed);
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    Ok(paths.map(str::to_owned).collect())
}

impl RepoStore {
    pub(crate) fn work_trees(&self) -> Result<Vec<WorkTree>, GitError> {
        self.user.require_present()?;
        let listed = self
            .user
            .call("worktree")
            .args(["list", "--porcelain", "-z"])
            .output()?;
        let mut found = Vec::new();
        let mut lines = listed.split(|byte| *byte == 0).peekable();
        let mut is_main = true;
        while lines.peek().is_some() {
            let block: Vec<&[u8]> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let value = |key: &[u8]| block.iter().find_map(|line| line.strip_prefix(key));
            let Some(path) = value(b"worktree ") else {
                continue;
            };
            let branch =
                value(b"branch ").and_then(|name| RefName::new(String::from_utf8_lossy(name)).ok());
            let place = if is_main {
                self.user
                    .main_work_tree()
                    .map(|path| (path.to_path_buf(), self.user.git_dir().to_path_buf()))
            } else {
                self.linked(&path_of(path))?
            };
            is_main = false;
            if let Some((path, git_dir)) = place {
                found.push(WorkTree {
                    path,
                    git_dir,
                    branch,
                    filters_off: Vec::new(),
                });
            }
        }
        Ok(found)
    }

    /// The git folder of a linked work tree; `None` when the work tree is not there (an unplugged disk, a deleted folder).
    fn linked(&self, path: &Path) -> Result<Option<(PathBuf, PathBuf)>, GitError> {
        if !path.join(".git").is_file() {
            return Ok(None);
        }
        let git_dir = self
            .git
            .call("rev-parse", path)
            .arg("--absolute-git-dir")
            .output()?;
        Ok(Some((path.to_path_buf(), path_of(&git_dir))))
    }
}

impl WorkTree {
    /// Whether the branch is checked out here, or would be again after a rebase or bisection ends.
    pub(crate) fn concerns(&self, branch: &RefName) -> bool {
        self.branch.as_ref() == Some(branch) || self.unfinished(branch).is_some()
    }

    pub(crate) fn unfinished(&self, branch: &RefName) -> Option<&'static str> {
        let names = |file: &str, wanted: &str| {
            fs::read_to_string(self.git_dir.join(file))
                .is_ok_and(|content| content.trim() == wanted)
        };
        if names("rebase-merge/head-name", branch.as_str())
            || names("rebase-apply/head-name", branch.as_str())
        {
            return Some("rebase");
        }
        if names("BISECT_START", branch.short()) {
            return Some("bisection");
        }
        if self.branch.as_ref() != Some(branch) {
            return None;
        }
        [
            ("MERGE_HEAD", "merge"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
        ]
        .into_iter()
        .find_map(|(file, operation)| self.git_dir.join(file).exists().then_some(operation))
    }

    /// What can be seen to be in the way without reading the index.
    pub(crate) fn obstruction(&self, branch: &RefName) -> Option<BlockReason> {
        if let Some(operation) = self.unfinished(branch) {
            return Some(BlockReason::Unfinished { operation });
        }
        let lock = self.lock();
        lock.exists().then_some(BlockReason::Locked { lock })
    }

    /// Copies the index to work on the copy; answers whether every file was found to be as it says.
    pub(crate) fn copy_index(&self, store: &RepoStore, to: &Path) -> Result<bool, GitError> {
        let index = self.git_dir.join("index");
        remove_if_there(to)?;
        if !index.exists() {
            return Ok(false);
        }
        // With its time: a file that was written in the very moment in which the index was is known by it as one to look into.
        let written_at = fs::metadata(&index).and_then(|metadata| metadata.modified());
        fs::copy(&index, to)
            .and_then(|_| {
                File::options()
                    .write(true)
                    .open(to)?
                    .set_modified(written_at?)
            })
            .map_err(GitError::io(&index))?;
        self.refresh(store, to)
    }

    /// Files whose time stamp changed but not their content must not count as edited. Answers whether every file is as the
    /// index says; that looks at each of them, and so need not be asked again.
    pub(crate) fn refresh(&self, store: &RepoStore, index: &Path) -> Result<bool, GitError> {
        // Without `-q`, which would say yes to everything. What it names is asked for by `unlike_index`, properly quoted.
        self.call(store, "update-index", index)
            .args(["--ignore-submodules", "--refresh"])
            .wall(LONG)
            .answer()
    }

    /// Compares an index, which is a copy of this work tree's, with a commit, and the files with the index, unless these are
    /// known to be alike.
    pub(crate) fn dirt(
        &self,
        store: &RepoStore,
        index: &Path,
        commit: &Oid,
        files_are_alike: bool,
    ) -> Result<Dirt, GitError> {
        let mut edited = self.staged(store, index, commit)?;
        if !files_are_alike {
            edited.extend(self.unlike_index(store, index)?);
        }
        if edited.is_empty() {
            return Ok(Dirt::default());
        }
        let block = if index.exists() {
            match self.conflicted(store, index)? {
                None => self.announced(store, index)?,
                conflicted => conflicted,
            }
        } else {
            // Without an index git would take all files for new ones.
            dirty(edited.clone())
        };
        Ok(Dirt { block, edited })
    }

    /// Paths at which an index differs from a commit.
    fn staged(
        &self,
        store: &RepoStore,
        index: &Path,
        commit: &Oid,
    ) -> Result<BTreeSet<TreePath>, GitError> {
        let answer = self
            .call(store, "diff-index", index)
            .args([
                "--cached",
                "--no-renames",
                "--name-only",
                "-z",
                commit.as_str(),
            ])
            .wall(LONG)
            .output()?;
        Ok(paths_in(&answer).collect())
    }

    /// Finds conflicts that a merge left in an index, also one that is over (`git stash pop`, `git switch --merge`).
    fn conflicted(&self, store: &RepoStore, index: &Path) -> Result<Option<BlockReason>, GitError> {
        let answer = self
            .call(store, "diff-files", index)
            .args(["--no-renames", "--name-only", "-z", "--diff-filter=U"])
            .wall(LONG)
            .output()?;
        let files: BTreeSet<_> = paths_in(&answer).collect();
        Ok((!files.is_empty()).then(|| {
            let (files, more) = first_of(files);
            BlockReason::Conflicted { files, more }
        }))
    }

    /// Files that differ from an index. A submodule's own state is none of ours: it does not move with the work tree.
    pub(crate) fn unlike_index(
        &self,
        store: &RepoStore,
        index: &Path,
    ) -> Result<BTreeSet<TreePath>, GitError> {
        let answer = self
            .call(store, "diff-files", index)
            .args([
                "--no-renames",
                "--name-only",
                "-z",
                "--ignore-submodules=all",
            ])
            .wall(LONG)
            .output()?;
        Ok(paths_in(&answer).collect())
    }

    /// Whether the index has everything that moving from one commit to another brings; what else is staged is the person's.
    pub(crate) fn has_followed(
        &self,
        store: &RepoStore,
        from: &Oid,
        to: &Oid,
    ) -> Result<bool, GitError> {
        let staged = self.staged(store, &self.git_dir.join("index"), to)?;
        if staged.is_empty() {
            return Ok(true);
        }
        let changes = store.diff_trees(from, to, Renames::Off)?;
        Ok(!changes.iter().any(|change| staged.contains(&change.path)))
    }

    /// Whether something is at a path, without passing through a link that took a folder's place.
    pub(crate) fn has(&self, path: &TreePath) -> bool {
        let file = self.path.join(path.to_os_path());
        let folders = file
            .ancestors()
            .skip(1)
            .take_while(|folder| *folder != self.path);
        let is_folder =
            |folder: &Path| fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
        folders.into_iter().all(is_folder) && fs::symlink_metadata(&file).is_ok()
    }

    /// Finds what a landing would overwrite although git does not track it. Git itself overwrites ignored files here,
    /// which may be somebody's only copy of a local setting.
    pub(crate) fn untracked_in_the_way(
        &self,
        changes: &[RawChange],
    ) -> Result<Option<BlockReason>, GitError> {
        let leaving: BTreeSet<&[u8]> = changes
            .iter()
            .filter(|change| change.old_mode.is_some())
            .map(|change| change.path.as_bytes())
            .collect();
        let mut found = BTreeSet::new();
        for change in changes
            .iter()
            .filter(|change| change.status == ChangeStatus::Added)
        {
            let path = change.path.as_bytes();
            let ends = path
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'/')
                .map(|(at, _)| at)
                .chain([path.len()]);
            for end in ends {
                let part = path.get(..end).unwrap_or(path);
                let place = TreePath::from(part);
                let Ok(metadata) = fs::symlink_metadata(self.path.join(place.to_os_path())) else {
                    break;
                };
                if !metadata.is_dir() {
                    if !leaving.contains(part) {
                        found.insert(place);
                    }
                    break;
                }
                if end == path.len() {
                    self.untracked_inside(&place, &leaving, &mut found)?;
                }
            }
        }
        Ok((!found.is_empty()).then(|| {
            let (files, more) = first_of(found);
            BlockReason::Untracked { files, more }
        }))
    }

    /// A folder where a file will be: everything in it must be leaving.
    fn untracked_inside(
        &self,
        folder: &TreePath,
        leaving: &BTreeSet<&[u8]>,
        found: &mut BTreeSet<TreePath>,
    ) -> Result<(), GitError> {
        use std::os::unix::ffi::OsStrExt as _;
        let place = self.path.join(folder.to_os_path());
        for entry in fs::read_dir(&place).map_err(GitError::io(&place))? {
            let entry = entry.map_err(GitError::io(&place))?;
            let path =
                TreePath::from([folder.as_bytes(), b"/", entry.file_name().as_bytes()].concat());
            if entry.file_type().map_err(GitError::io(&place))?.is_dir() {
                self.untracked_inside(&path, leaving, found)?;
            } else if !leaving.contains(path.as_bytes()) {
                found.insert(path);
            }
            if found.len() > BLOCK_FILES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// A command in this work tree with the given index, by the person's own settings.
    pub(crate) fn call<'a>(
        &self,
        store: &'a RepoStore,
        name: &'static str,
        index: &Path,
    ) -> Call<'a> {
        let call = store
            .git
            .call(name, &self.path)
            .personal()
            .git_dir(&self.git_dir)
            .env("GIT_WORK_TREE", &self.path)
            .env("GIT_INDEX_FILE", index);
        self.filters_off.iter().fold(call, |call, filter| {
            ["clean=", "process=", "required=false"]
                .into_iter()
                .fold(call, |call, off| {
                    call.setting(format!("filter.{filter}.{off}"))
                })
        })
    }
}

/// Says that edited files are in the way, if there are any.
pub(crate) fn dirty(files: BTreeSet<TreePath>) -> Option<BlockReason> {
    (!files.is_empty()).then(|| {
        let (files, more) = first_of(files);
        BlockReason::Dirty { files, more }
    })
}

pub(crate) fn first_of(files: BTreeSet<TreePath>) -> (Vec<TreePath>, usize) {
    let more = files.len().saturating_sub(BLOCK_FILES_MAX);
    (files.into_iter().take(BLOCK_FILES_MAX).collect(), more)
}

pub(crate) fn paths_in(answer: &[u8]) -> impl Iterator<Item = TreePath> {
    answer
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(TreePath::from)
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GitError::Io {
            path: path.to_path_buf(),
            source: error,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}
