//! Work trees that have the target branch checked out.
//!
//! Moving a ref under a checked-out branch leaves the work tree behind: `git status` shows the inverse of the landing as
//! staged, and the person's next commit would undo it. So the work tree moves along. Which goes first?
//!
//! - *Work tree first*: a lost race for the branch leaves the person's files changed for nothing.
//! - *Branch first*: a crash in between leaves exactly the trap above.
//!
//! Branch first, under git's own `index.lock`: it is taken before the compare-and-swap and given back when index and
//! files have followed. While it is there no git command of the person can stage or commit, also if Hyperion or the
//! machine dies in between; what they see is git's usual "another git process seems to be running".
//!
//! | dies after | what is there | recovery |
//! | --- | --- | --- |
//! | taking the lock | the lock with our note, branch at `expected` | gives the lock back |
//! | compare-and-swap | the lock, branch at `candidate`, index and files old | follows |
//! | some files | as before, some files new | sorts the files into old, new and foreign by content, then follows |
//! | all files | as before, the new index lies beside the old one | follows |
//! | the index | the lock, everything new | gives the lock back |
//!
//! The note in the lock says which landing it belongs to and which process took it, so that recovery needs git alone
//! and never takes a lock from a living engine of another home. It is linked into place whole, never half-written.
//!
//! The new index is made in a file beside the old one and renamed over it: a person never sees half of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hyperion_host::{Input, Outcome, ProcessMark, is_alive, read_bounded};

use crate::call::{Call, LONG, failure};
use crate::error::GitError;
use crate::landing::Landing;
use crate::oid::{Oid, RefName};
use crate::path::TreePath;
use crate::read::{ChangeStatus, RawChange, Renames};
use crate::store::RepoStore;
use crate::user_repo::path_of;

/// How many files a block names.
pub const BLOCK_FILES_MAX: usize = 10;

/// Why a work tree keeps a landing from happening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutBlock {
    /// Which work tree.
    pub work_tree: PathBuf,
    /// Why.
    pub reason: BlockReason,
}

/// What about the work tree is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockReason {
    /// Files differ from the branch.
    Dirty {
        /// The first of them.
        files: Vec<TreePath>,
        /// How many more there are.
        more: usize,
    },
    /// Files that git does not track are where the landing brings files.
    Untracked {
        /// The first of them.
        files: Vec<TreePath>,
        /// How many more there are.
        more: usize,
    },
    /// A git command is running there, or died there.
    Locked {
        /// Its lock.
        lock: PathBuf,
    },
    /// A merge, rebase or the like of this branch is not finished.
    Unfinished {
        /// What git calls it.
        operation: &'static str,
    },
}

impl CheckoutBlock {
    /// Says what a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let place = self.work_tree.display();
        match &self.reason {
            BlockReason::Dirty { .. } => {
                format!("commit or stash the changes in {place}; the landing goes on by itself")
            }
            BlockReason::Untracked { .. } => {
                format!("move these files in {place} away; the landing goes on by itself")
            }
            BlockReason::Locked { lock } => {
                format!(
                    "wait for the git command in {place}; if none is running, remove {}",
                    lock.display()
                )
            }
            BlockReason::Unfinished { operation } => {
                format!("finish or abort the {operation} in {place}")
            }
        }
    }
}

/// A work tree that has a branch checked out, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Where.
    pub work_tree: PathBuf,
    /// What would keep a landing from happening; `None` when it is clean.
    pub block: Option<BlockReason>,
}

/// What became of an attempt to hold all work trees of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// They are clean and stay so until followed or released.
    Held,
    /// One is in the way; none is held.
    Blocked(CheckoutBlock),
}

/// What recovery did with a hold that a crash left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The landing it belonged to.
    pub landing: Landing,
    /// Where.
    pub work_tree: PathBuf,
    /// What was done.
    pub outcome: Recovery,
}

/// How a leftover hold was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// The branch had moved: the work tree followed.
    Followed,
    /// The branch had moved, but somebody edited the files since; the work tree stays behind.
    Behind(CheckoutBlock),
    /// The branch had not moved: the lock was given back.
    Released,
}

impl RepoStore {
    /// Looks at every work tree that has the branch checked out; changes nothing.
    pub fn checkout_state(&self, branch: &RefName) -> Result<Vec<Checkout>, GitError> {
        let tip = self.tip(branch)?;
        let mut checkouts = Vec::new();
        for work_tree in self.work_trees_on(branch)? {
            let block = match (&tip, work_tree.obstruction(branch)) {
                (_, Some(reason)) => Some(reason),
                (Some(tip), None) => {
                    let probe = work_tree.git_dir.join("hyperion-index.look");
                    let block = work_tree
                        .copy_index(self, &probe)
                        .and_then(|()| work_tree.dirt(self, &probe, tip));
                    let _ = fs::remove_file(&probe);
                    block?
                }
                (None, None) => None,
            };
            checkouts.push(Checkout {
                work_tree: work_tree.path,
                block,
            });
        }
        Ok(checkouts)
    }

    /// Takes the index lock of every work tree of the branch, if all are clean and nothing untracked is in the way.
    pub fn hold_checkouts(&self, landing: &Landing) -> Result<Hold, GitError> {
        let work_trees = self.work_trees_on(&landing.branch)?;
        for (held, work_tree) in work_trees.iter().enumerate() {
            let block = match work_tree.hold(self, landing) {
                Ok(None) => continue,
                Ok(Some(reason)) => Ok(Hold::Blocked(CheckoutBlock {
                    work_tree: work_tree.path.clone(),
                    reason,
                })),
                Err(error) => Err(error),
            };
            for earlier in work_trees.iter().take(held) {
                earlier.release(landing)?;
            }
            return block;
        }
        Ok(Hold::Held)
    }

    /// Gives the index locks back without having moved anything.
    pub fn release_checkouts(&self, landing: &Landing) -> Result<(), GitError> {
        self.work_trees_on(&landing.branch)?
            .iter()
            .try_for_each(|work_tree| work_tree.release(landing))
    }

    /// Brings every work tree of the branch from the expected tip to the candidate; can be repeated at any time.
    ///
    /// Answers with a work tree that could not follow because of what somebody did to it meanwhile.
    pub fn follow(&self, landing: &Landing) -> Result<Option<CheckoutBlock>, GitError> {
        if self.tip(&landing.branch)?.as_ref() != Some(&landing.candidate) {
            return Ok(None);
        }
        let mut behind = None;
        for work_tree in self.work_trees_on(&landing.branch)? {
            let block = if work_tree.is_held_for(landing) {
                work_tree.follow(self, landing, &landing.candidate)?
            } else if work_tree.index_is(self, &landing.candidate)? {
                None
            } else {
                // Somebody took the lock away; what is there must be as clean as it was.
                match work_tree.hold(self, landing)? {
                    None => work_tree.follow(self, landing, &landing.candidate)?,
                    Some(reason) => Some(reason),
                }
            };
            if let Some(reason) = block {
                behind = behind.or(Some(CheckoutBlock {
                    work_tree: work_tree.path,
                    reason,
                }));
            }
        }
        Ok(behind)
    }

    /// Finishes or gives back every hold that a crash left behind; leaves those of living processes alone.
    pub fn recover_checkouts(&self) -> Result<Vec<Recovered>, GitError> {
        let mut recovered = Vec::new();
        for work_tree in self.work_trees()? {
            let Some(Note { landing, holder }) = work_tree.note() else {
                continue;
            };
            if holder.pid != std::process::id() && is_alive(&holder) {
                continue;
            }
            let tip = self.tip(&landing.branch)?;
            let has_moved = matches!(
                self.landed(&landing.branch, &landing.candidate)?,
                crate::landing::Landed::Yes
            );
            let outcome = match tip {
                Some(tip) if has_moved => match work_tree.follow(self, &landing, &tip)? {
                    None => Recovery::Followed,
                    Some(reason) => Recovery::Behind(CheckoutBlock {
                        work_tree: work_tree.path.clone(),
                        reason,
                    }),
                },
                Some(_) | None => {
                    work_tree.release(&landing)?;
                    Recovery::Released
                }
            };
            recovered.push(Recovered {
                landing,
                work_tree: work_tree.path,
                outcome,
            });
        }
        Ok(recovered)
    }

    fn work_trees_on(&self, branch: &RefName) -> Result<Vec<WorkTree>, GitError> {
        Ok(self
            .work_trees()?
            .into_iter()
            .filter(|work_tree| work_tree.concerns(branch))
            .collect())
    }

    fn work_trees(&self) -> Result<Vec<WorkTree>, GitError> {
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

/// One work tree with its own git folder (index, `HEAD`).
#[derive(Debug)]
struct WorkTree {
    path: PathBuf,
    git_dir: PathBuf,
    branch: Option<RefName>,
}

/// What our index lock says.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    landing: Landing,
    holder: ProcessMark,
}

impl WorkTree {
    /// Whether the branch is checked out here, or would be again after a rebase or bisection ends.
    fn concerns(&self, branch: &RefName) -> bool {
        self.branch.as_ref() == Some(branch) || self.unfinished(branch).is_some()
    }

    fn unfinished(&self, branch: &RefName) -> Option<&'static str> {
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
    fn obstruction(&self, branch: &RefName) -> Option<BlockReason> {
        if let Some(operation) = self.unfinished(branch) {
            return Some(BlockReason::Unfinished { operation });
        }
        let lock = self.lock();
        lock.exists().then_some(BlockReason::Locked { lock })
    }

    fn lock(&self) -> PathBuf {
        self.git_dir.join("index.lock")
    }

    /// The index that will replace the old one.
    fn next_index(&self) -> PathBuf {
        self.git_dir.join("hyperion-index")
    }

    fn note(&self) -> Option<Note> {
        const NOTE_MAX_BYTES: u64 = 64 * 1024;
        Note::parse(&String::from_utf8(read_bounded(&self.lock(), NOTE_MAX_BYTES).ok()?).ok()?)
    }

    fn is_held_for(&self, landing: &Landing) -> bool {
        self.note().is_some_and(|note| note.landing == *landing)
    }

    fn hold(&self, store: &RepoStore, landing: &Landing) -> Result<Option<BlockReason>, GitError> {
        if self.is_held_for(landing) {
            return Ok(None);
        }
        if let Some(operation) = self.unfinished(&landing.branch) {
            return Ok(Some(BlockReason::Unfinished { operation }));
        }
        if !self.take_lock(landing)? {
            return Ok(Some(BlockReason::Locked { lock: self.lock() }));
        }
        let next = self.next_index();
        let block = self.copy_index(store, &next).and_then(|()| {
            match self.dirt(store, &next, &landing.expected)? {
                Some(reason) => Ok(Some(reason)),
                None => self.untracked_in_the_way(store, &landing.expected, &landing.candidate),
            }
        });
        if !matches!(block, Ok(None)) {
            self.release(landing)?;
        }
        block
    }

    fn take_lock(&self, landing: &Landing) -> Result<bool, GitError> {
        let own = std::process::id();
        let draft = self.git_dir.join(format!("hyperion-note-{own}"));
        let holder = ProcessMark::of(own).map_err(GitError::io(&draft))?;
        let holder = holder.ok_or_else(|| GitError::Io {
            path: draft.clone(),
            source: io::ErrorKind::NotFound.into(),
        })?;
        let note = Note {
            landing: landing.clone(),
            holder,
        };
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(note.text().as_bytes())?;
            file.sync_all()
        });
        written.map_err(GitError::io(&draft))?;
        // A link, not a rename: it fails when the lock is there, and appears whole.
        let linked = fs::hard_link(&draft, self.lock());
        let _ = fs::remove_file(&draft);
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(GitError::Io {
                path: self.lock(),
                source,
            }),
        }
    }

    fn release(&self, landing: &Landing) -> Result<(), GitError> {
        for leftover in [
            "hyperion-index",
            "hyperion-index.lock",
            "hyperion-index.new",
            "hyperion-index.new.lock",
        ] {
            remove_if_there(&self.git_dir.join(leftover))?;
        }
        if self.is_held_for(landing) {
            remove_if_there(&self.lock())?;
        }
        Ok(())
    }

    /// Brings index and files to `target`; the lock must be ours. Gives the lock back in any case.
    fn follow(
        &self,
        store: &RepoStore,
        landing: &Landing,
        target: &Oid,
    ) -> Result<Option<BlockReason>, GitError> {
        if self.index_is(store, target)? {
            self.release(landing)?;
            return Ok(None);
        }
        let next = self.next_index();
        remove_if_there(&self.git_dir.join("hyperion-index.lock"))?;
        self.copy_index(store, &next)?;
        let mut moved = self.read_tree(store, &next, &landing.expected, target)?;
        if !moved.exit.success() {
            let foreign = self.sort_half_moved(store, &next, &landing.expected, target)?;
            if !foreign.is_empty() {
                self.release(landing)?;
                return Ok(Some(dirty(foreign)));
            }
            moved = self.read_tree(store, &next, &landing.expected, target)?;
        }
        if !moved.exit.success() {
            let block = match self.dirt(store, &next, &landing.expected)? {
                Some(reason) => reason,
                None => match self.untracked_in_the_way(store, &landing.expected, target)? {
                    Some(reason) => reason,
                    None => {
                        self.release(landing)?;
                        return Err(failure("read-tree", &moved));
                    }
                },
            };
            self.release(landing)?;
            return Ok(Some(block));
        }
        let index = self.git_dir.join("index");
        File::open(&next)
            .and_then(|file| file.sync_all())
            .map_err(GitError::io(&next))?;
        fs::rename(&next, &index).map_err(GitError::io(&index))?;
        self.release(landing)?;
        Ok(None)
    }

    fn read_tree(
        &self,
        store: &RepoStore,
        index: &Path,
        old: &Oid,
        new: &Oid,
    ) -> Result<Outcome, GitError> {
        self.call(store, "read-tree", index)
            .args(["-m", "-u", old.as_str(), new.as_str()])
            .wall(LONG)
            .outcome()
    }

    /// After a crash in the middle of moving: files that are new already are entered as such; answers with those that
    /// are neither old nor new.
    fn sort_half_moved(
        &self,
        store: &RepoStore,
        index: &Path,
        old: &Oid,
        new: &Oid,
    ) -> Result<BTreeSet<TreePath>, GitError> {
        let unlike_old = self.unlike_index(store, index)?;
        let new_index = self.git_dir.join("hyperion-index.new");
        remove_if_there(&new_index)?;
        self.call(store, "read-tree", &new_index)
            .arg(new.as_str())
            .wall(LONG)
            .output()?;
        self.refresh(store, &new_index)?;
        let unlike_new = self.unlike_index(store, &new_index)?;
        remove_if_there(&new_index)?;
        let mut entries = Vec::new();
        let mut foreign = BTreeSet::new();
        for change in store.diff_trees(old, new, Renames::Off)? {
            let RawChange {
                old_mode,
                new_mode,
                new_oid,
                path,
                ..
            } = change;
            let file = self.path.join(path.to_os_path());
            let is_there = fs::symlink_metadata(&file).is_ok();
            let is_old = if old_mode.is_some() {
                !unlike_old.contains(&path)
            } else {
                !is_there
            };
            let is_new = if new_mode.is_some() {
                !unlike_new.contains(&path)
            } else {
                !is_there
            };
            // Git deletes a file before it writes it again: a missing one is on its way.
            if is_old || (!is_there && !is_new) {
                continue;
            }
            if is_new {
                let (mode, oid) = match (new_mode, &new_oid) {
                    (Some(mode), Some(oid)) => (mode.octal(), oid.to_string()),
                    _ => ("0", "0".repeat(old.as_str().len())),
                };
                entries.extend(format!("{mode} {oid}\t").as_bytes());
                entries.extend(path.as_bytes());
                entries.push(0);
            } else if self.is_beginning_of(store, &file, new_oid.as_ref())? {
                fs::remove_file(&file).map_err(GitError::io(&file))?;
            } else {
                foreign.insert(path);
            }
        }
        if !entries.is_empty() {
            self.call(store, "update-index", index)
                .args(["-z", "--index-info"])
                .input(Input::Bytes(entries))
                .output()?;
            self.refresh(store, index)?;
        }
        Ok(foreign)
    }

    /// Whether a file is what git had written of its new content when it died.
    fn is_beginning_of(
        &self,
        store: &RepoStore,
        file: &Path,
        oid: Option<&Oid>,
    ) -> Result<bool, GitError> {
        const COMPARED_MAX_BYTES: u64 = 256 * 1024 * 1024;
        let (Some(oid), Ok(present)) = (oid, read_bounded(file, COMPARED_MAX_BYTES)) else {
            return Ok(false);
        };
        if fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok(false);
        }
        Ok(store
            .read_blob(oid, COMPARED_MAX_BYTES)?
            .starts_with(&present))
    }

    fn copy_index(&self, store: &RepoStore, to: &Path) -> Result<(), GitError> {
        let index = self.git_dir.join("index");
        remove_if_there(to)?;
        if index.exists() {
            fs::copy(&index, to).map_err(GitError::io(&index))?;
            self.refresh(store, to)?;
        }
        Ok(())
    }

    /// Files whose time stamp changed but not their content must not count as edited. Exit code 1 says that some did.
    fn refresh(&self, store: &RepoStore, index: &Path) -> Result<(), GitError> {
        self.call(store, "update-index", index)
            .args(["-q", "--refresh"])
            .wall(LONG)
            .answer()
            .map(drop)
    }

    /// Compares an index with a commit, and the files with the index.
    fn dirt(
        &self,
        store: &RepoStore,
        index: &Path,
        commit: &Oid,
    ) -> Result<Option<BlockReason>, GitError> {
        let staged = self
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
        let mut files = self.unlike_index(store, index)?;
        files.extend(paths_in(&staged));
        Ok((!files.is_empty()).then(|| dirty(files)))
    }

    /// Files that differ from an index. A submodule's own state is none of ours: it does not move with the work tree.
    fn unlike_index(
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

    fn index_is(&self, store: &RepoStore, commit: &Oid) -> Result<bool, GitError> {
        let index = self.git_dir.join("index");
        self.call(store, "diff-index", &index)
            .args(["--cached", "--quiet", commit.as_str()])
            .wall(LONG)
            .answer()
    }

    /// Finds what a landing would overwrite although git does not track it. Git itself overwrites ignored files here,
    /// which may be somebody's only copy of a local setting.
    fn untracked_in_the_way(
        &self,
        store: &RepoStore,
        old: &Oid,
        new: &Oid,
    ) -> Result<Option<BlockReason>, GitError> {
        let changes = store.diff_trees(old, new, Renames::Off)?;
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
    fn call<'a>(&self, store: &'a RepoStore, name: &'static str, index: &Path) -> Call<'a> {
        store
            .git
            .call(name, &self.path)
            .personal()
            .git_dir(&self.git_dir)
            .env("GIT_WORK_TREE", &self.path)
            .env("GIT_INDEX_FILE", index)
    }
}

impl Note {
    fn text(&self) -> String {
        let Self {
            landing:
                Landing {
                    entry,
                    branch,
                    expected,
                    candidate,
                },
            holder,
        } = self;
        format!(
            "hyperion is moving this work tree\nentry {entry}\nbranch {branch}\nexpected {expected}\ncandidate {candidate}\n\
             holder {holder}\n"
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text
            .strip_prefix("hyperion is moving this work tree\n")?
            .lines();
        let mut value = |key: &str| lines.next()?.strip_prefix(key);
        Some(Self {
            landing: Landing {
                entry: value("entry ")?.to_owned(),
                branch: RefName::new(value("branch ")?).ok()?,
                expected: Oid::parse(value("expected ")?).ok()?,
                candidate: Oid::parse(value("candidate ")?).ok()?,
            },
            holder: value("holder ")?.parse().ok()?,
        })
    }
}

fn dirty(files: BTreeSet<TreePath>) -> BlockReason {
    let (files, more) = first_of(files);
    BlockReason::Dirty { files, more }
}

fn first_of(files: BTreeSet<TreePath>) -> (Vec<TreePath>, usize) {
    let more = files.len().saturating_sub(BLOCK_FILES_MAX);
    (files.into_iter().take(BLOCK_FILES_MAX).collect(), more)
}

fn paths_in(answer: &[u8]) -> impl Iterator<Item = TreePath> {
    answer
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(TreePath::from)
}

fn remove_if_there(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(GitError::Io {
            path: path.to_path_buf(),
            source: error,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}
