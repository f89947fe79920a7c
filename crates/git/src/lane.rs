//! Lanes: folders where checks run on exactly the tree that would land.
//!
//! ```text
//! lanes/<slot>/
//!   lock    held while a lane is in use
//!   git/    Hyperion's git folder of the lane: index, no hooks, no settings a check could have touched
//!   work/   the files; a check may do to them what it likes
//!     .git/ made anew each time, for tools that ask git: one commit, detached, no hooks, no remotes
//! ```
//!
//! Cleaning a folder is deleting files, so it happens only in the very folder that was made for it: its device and inode
//! are noted in `git/`, and a link, or another folder, in its place is never entered.
//!
//! The engine never runs git with what a check left in `work/.git`. Every preparation compares the files with `git/`'s
//! own index, so a lane is reused warm (only what differs is written) and still exact; one that cannot be brought in
//! order is thrown away and made again.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use hyperion_host::{create_private_dir, remove_tree};

use crate::call::{Call, LONG};
use crate::error::GitError;
use crate::oid::Oid;
use crate::store::{RepoStore, quoted};

/// A folder with exactly the files of one commit, for as long as this value lives.
#[derive(Debug)]
pub struct Lane {
    work: PathBuf,
    commit: Oid,
    _lock: File,
}

/// A lane could not be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    /// Another check uses it.
    #[error("use lane {slot}: it is busy")]
    Busy {
        /// Which.
        slot: u16,
    },
    /// After a preparation that git called good, the files were not those of the commit.
    #[error("prepare lane {slot}: its files are not those of {commit:.12}")]
    Inexact {
        /// Which.
        slot: u16,
        /// The commit.
        commit: Oid,
    },
    /// Git itself failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Lane {
    /// Makes a lane hold exactly the files of a commit.
    ///
    /// `lanes` is a folder of this repository in the cache, outside of any repository: tools look upward for settings.
    pub fn prepare(
        lanes: &Path,
        slot: u16,
        store: &RepoStore,
        commit: &Oid,
    ) -> Result<Self, LaneError> {
        let (folder, file) = take(lanes, slot)?;
        let place = Place {
            store,
            git: folder.join("git"),
            work: Self::folder_of(lanes, slot),
        };
        if !matches!(place.bring_to(commit), Ok(true)) {
            // Whatever was wrong with it, a fresh one is cheap against a false verdict.
            place.start_over()?;
            if !place.bring_to(commit)? {
                return Err(LaneError::Inexact {
                    slot,
                    commit: commit.clone(),
                });
            }
        }
        give_own_repository(store, &place.git, &place.work, commit)?;
        Ok(Self {
            work: place.work,
            commit: commit.clone(),
            _lock: file,
        })
    }

    /// Takes a lane as it is: a check that outlived its engine is at work in it, on this commit.
    pub fn retake(lanes: &Path, slot: u16, commit: &Oid) -> Result<Self, LaneError> {
        let (_, file) = take(lanes, slot)?;
        Ok(Self {
            work: Self::folder_of(lanes, slot),
            commit: commit.clone(),
            _lock: file,
        })
    }

    /// Tells which folder a lane's files are in, also while nobody has it.
    #[must_use]
    pub fn folder_of(lanes: &Path, slot: u16) -> PathBuf {
        lanes.join(slot.to_string()).join("work")
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.work
    }

    /// What it holds.
    #[must_use]
    pub fn commit(&self) -> &Oid {
        &self.commit
    }
}

/// Takes the lock of a lane; gives the lane's folder.
fn take(lanes: &Path, slot: u16) -> Result<(PathBuf, File), LaneError> {
    create_private_dir(lanes).map_err(GitError::io(lanes))?;
    let folder = lanes.join(slot.to_string());
    if fs::symlink_metadata(&folder).is_ok_and(|metadata| !metadata.is_dir()) {
        remove_any(&folder)?;
    }
    create_private_dir(&folder).map_err(GitError::io(&folder))?;
    let lock = folder.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock)
        .map_err(GitError::io(&lock))?;
    match file.try_lock() {
        Ok(()) => Ok((folder, file)),
        Err(TryLockError::WouldBlock) => Err(LaneError::Busy { slot }),
        Err(TryLockError::Error(source)) => Err(GitError::Io { path: lock, source }.into()),
    }
}

struct Place<'a> {
    store: &'a RepoStore,
    git: PathBuf,
    work: PathBuf,
}

impl Place<'_> {
    /// Answers whether the files are exactly those of the commit.
    fn bring_to(&self, commit: &Oid) -> Result<bool, GitError> {
        if !self.is_our_folder() {
            self.start_over()?;
        }
        point_at_store(self.store, &self.git)?;
        for leftover in [self.git.join("index.lock"), self.git.join("HEAD.lock")] {
            let _ = fs::remove_file(leftover);
        }
        remove_any(&self.work.join(".git"))?;
        // First of all: a `.gitattributes` that a check left would decide how git writes the next commit's files, and reads them.
        self.call("clean").args(["-ffdxq"]).wall(LONG).output()?;
        // Moving from what the lane held before touches only what differs and does not look at the rest. So the files are
        // compared afterwards, and a lane that a check has edited is set right by looking at all of them.
        let moved = match self.held_before() {
            Some(before) => self.read_tree(&["-m", "-u", before.as_str(), commit.as_str()])?,
            None => false,
        };
        let is_exact = (moved && self.is_exactly(commit)?)
            || (self.read_tree(&["--reset", "-u", commit.as_str()])? && self.is_exactly(commit)?);
        if is_exact {
            let note = self.commit_note();
            fs::write(&note, format!("{commit}\n")).map_err(GitError::io(&note))?;
        }
        Ok(is_exact)
    }

    fn read_tree(&self, args: &[&str]) -> Result<bool, GitError> {
        let outcome = self
            .call("read-tree")
            .args(args.iter().copied())
            .wall(LONG)
            .outcome()?;
        Ok(outcome.exit.success())
    }

    fn is_exactly(&self, commit: &Oid) -> Result<bool, GitError> {
        let files = self
            .call("diff-files")
            .args(["--quiet", "--ignore-submodules=all"])
            .wall(LONG);
        let index = self
            .call("diff-index")
            .args(["--cached", "--quiet", commit.as_str()])
            .wall(LONG);
        Ok(files.answer()? && index.answer()?)
    }

    /// The commit this lane was last brought to; a hint, as everything is compared afterwards.
    fn held_before(&self) -> Option<Oid> {
        Oid::parse(fs::read_to_string(self.commit_note()).ok()?.trim()).ok()
    }

    fn commit_note(&self) -> PathBuf {
        self.git.join("hyperion-commit")
    }

    /// Whether `work` is the folder that was made for this lane, and not something that was put in its place.
    fn is_our_folder(&self) -> bool {
        let noted = fs::read_to_string(self.identity_note()).ok();
        let is_folder =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        is_folder(&self.git)
            && self.git.join("HEAD").is_file()
            && noted.is_some()
            && noted == identity(&self.work)
    }

    /// Throws away what is there and makes both folders anew.
    fn start_over(&self) -> Result<(), GitError> {
        for folder in [&self.git, &self.work] {
            remove_any(folder)?;
            // Not "create if missing": nothing may be there that was not made here.
            DirBuilder::new()
                .mode(0o700)
                .create(folder)
                .map_err(GitError::io(folder))?;
        }
        make_repository(self.store, &self.git)?;
        let note = self.identity_note();
        let made = identity(&self.work).unwrap_or_default();
        fs::write(&note, made).map_err(GitError::io(&note))
    }

    fn identity_note(&self) -> PathBuf {
        self.git.join("hyperion-work")
    }

    fn call(&self, name: &'static str) -> Call<'_> {
        self.store
            .git
            .call(name, &self.work)
            .git_dir(&self.git)
            .env("GIT_WORK_TREE", &self.work)
    }
}

/// Gives the tools in a folder a repository: this one commit, detached, with the index of ours.
pub(crate) fn give_own_repository(
    store: &RepoStore,
    git: &Path,
    work: &Path,
    commit: &Oid,
) -> Result<(), GitError> {
    let own = work.join(".git");
    make_repository(store, &own)?;
    point_at_store(store, &own)?;
    let head = own.join("HEAD");
    fs::write(&head, format!("{commit}\n")).map_err(GitError::io(&head))?;
    let (from, to) = (git.join("index"), own.join("index"));
    fs::copy(&from, &to).map_err(GitError::io(&from))?;
    let config = own.join("config");
    let text = fs::read_to_string(&config).map_err(GitError::io(&config))?;
    fs::write(&config, text.replace("bare = true", "bare = false")).map_err(GitError::io(&config))
}

/// An empty repository of the right object format. Copying the store's configuration is quicker than `git init`, and
/// it was written by `git init` with no templates.
pub(crate) fn make_repository(store: &RepoStore, at: &Path) -> Result<(), GitError> {
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        let folder = at.join(folder);
        fs::create_dir_all(&folder).map_err(GitError::io(&folder))?;
    }
    let (from, to) = (store.git_dir().join("config"), at.join("config"));
    fs::copy(&from, &to).map_err(GitError::io(&from))?;
    let head = at.join("HEAD");
    fs::write(&head, "ref: refs/heads/none\n").map_err(GitError::io(&head))
}

/// Lets a repository read what the store has.
pub(crate) fn point_at_store(store: &RepoStore, git_dir: &Path) -> Result<(), GitError> {
    let alternates = git_dir.join("objects/info/alternates");
    let mut line = quoted(&store.objects());
    line.push(b'\n');
    fs::write(&alternates, line).map_err(GitError::io(&alternates))?;
    let (theirs, ours) = (store.git_dir().join("shallow"), git_dir.join("shallow"));
    if theirs.exists() {
        fs::copy(&theirs, &ours).map_err(GitError::io(&ours))?;
    } else {
        let _ = fs::remove_file(&ours);
    }
    Ok(())
}

/// Names a folder itself, wherever it is; nothing for a link or a file.
pub(crate) fn identity(folder: &Path) -> Option<String> {
    let metadata = fs::symlink_metadata(folder).ok()?;
    metadata
        .is_dir()
        .then(|| format!("{}:{}\n", metadata.dev(), metadata.ino()))
}

/// A check may have put anything in place of a folder: a link to somewhere, a file.
pub(crate) fn remove_any(path: &Path) -> Result<(), GitError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => remove_tree(path).map_err(GitError::io(path)),
        Ok(_) => fs::remove_file(path).map_err(GitError::io(path)),
        Err(_) => Ok(()),
    }
}
