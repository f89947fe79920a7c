//! Holding a work tree still by git's own index lock, and moving it while held.
//!
//! The new index is made in a file beside the old one and renamed over it: a person never sees half of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_host::{
    Input, Outcome, ProcessMark, fsync_dir, is_alive, read_bounded, remove_tree, sync_filesystem,
};

use crate::behind::Behind;
use crate::call::{LONG, failure};
use crate::checkout::BlockReason;
use crate::error::GitError;
use crate::landing::Landing;
use crate::oid::{Oid, RefName};
use crate::overlap;
use crate::path::TreePath;
use crate::read::{RawChange, Renames};
use crate::rehearse::{Copies, cause_of};
use crate::store::RepoStore;
use crate::undo::not_compared;
use crate::work_tree::{Dirt, WorkTree, dirty, remove_if_there};

/// What our index lock says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) landing: Landing,
    pub(crate) holder: ProcessMark,
}

/// What became of an attempt to hold a work tree.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is held, and its next index lies there.
    Now,
    /// It was held for this landing before, by whoever.
    Before,
    /// Something is in the way.
    Not(BlockReason),
}

/// Whether the next index was just made, under the lock that is still held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsPrepared(pub(crate) bool);

impl WorkTree {
    pub(crate) fn lock(&self) -> PathBuf {
        self.git_dir.join("index.lock")
    }

    /// The index that will replace the old one.
    fn next_index(&self) -> PathBuf {
        self.git_dir.join("hyperion-index")
    }

    pub(crate) fn note(&self) -> Option<Note> {
        const NOTE_MAX_BYTES: u64 = 64 * 1024;
        Note::parse(&String::from_utf8(read_bounded(&self.lock(), NOTE_MAX_BYTES).ok()?).ok()?)
    }

    pub(crate) fn is_held_for(&self, landing: &Landing) -> bool {
        self.note().is_some_and(|note| note.landing == *landing)
    }

    pub(crate) fn hold(&self, store: &RepoStore, landing: &Landing) -> Result<Taken, GitError> {
        if self.is_held_for(landing) {
            return Ok(Taken::Before);
        }
        if let Some(operation) = self.unfinished(&landing.branch) {
            return Ok(Taken::Not(BlockReason::Unfinished { operation }));
        }
        if !self.take_lock(landing)? {
            return Ok(Taken::Not(BlockReason::Locked { lock: self.lock() }));
        }
        reached(Point::CheckoutLocked);
        self.forget_behind()?;
        let next = self.next_index();
        let changes = store.diff_trees(&landing.expected, &landing.candidate, Renames::Off);
        let block = self.clear().and(changes).and_then(|changes| {
            let at = &landing.expected;
            self.block(store, landing, at, &next, (&changes, Copies::Kept))
        });
        match block {
            Ok(None) => {
                reached(Point::CheckoutHeld);
                Ok(Taken::Now)
            }
            Ok(Some(reason)) => {
                self.release(landing)?;
                Ok(Taken::Not(reason))
            }
            Err(error) => {
                self.release(landing)?;
                Err(error)
            }
        }
    }

    /// Says what would keep this work tree, which is at a commit, from following a landing, without taking its lock: nobody's
    /// git is disturbed.
    pub(crate) fn look(
        &self,
        store: &RepoStore,
        landing: &Landing,
        at: &Oid,
    ) -> Result<Option<BlockReason>, GitError> {
        if self.is_held_for(landing) {
            return Ok(None);
        }
        if let Some(reason) = self.obstruction(&landing.branch) {
            return Ok(Some(reason));
        }
        let changes = store.diff_trees(&landing.expected, &landing.candidate, Renames::Off)?;
        let probe = self.own_file("try")?;
        let block = self.block(store, landing, at, &probe, (&changes, Copies::None));
        remove_if_there(&probe)?;
        block
    }

    /// Says what would keep this work tree from following a landing; `next` becomes a copy of its index.
    fn block(
        &self,
        store: &RepoStore,
        landing: &Landing,
        at: &Oid,
        next: &Path,
        (changes, copies): (&[RawChange], Copies),
    ) -> Result<Option<BlockReason>, GitError> {
        let look = || {
            let are_alike = self.copy_index(store, next)?;
            let Dirt { block, edited } = self.dirt(store, next, at, are_alike)?;
            if let Some(reason) = block.or_else(|| dirty(overlap::met(&edited, changes))) {
                return Ok(Some(reason));
            }
            if let Some(reason) = self.untracked_in_the_way(changes)? {
                return Ok(Some(reason));
            }
            if let Some(reason) = self.closed_folder(changes) {
                return Ok(Some(reason));
            }
            if let Some(reason) = self.hidden_edits(store, next, changes)? {
                return Ok(Some(reason));
            }
            self.rehearse(store, landing, changes, copies)
        };
        // What git cannot even look at, it cannot move: a filter of the person's that fails, most often.
        look().or_else(|error| cause_of(error).map(|cause| Some(BlockReason::Failing { cause })))
    }

    fn take_lock(&self, landing: &Landing) -> Result<bool, GitError> {
        self.sweep()?;
        let holder = own_mark()?;
        let draft = self.own_file("note")?;
        let note = Note {
            landing: landing.clone(),
            holder,
        };
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(note.text().as_bytes())?;
            file.sync_all()
        });
        written.map_err(GitError::io(&draft))?;
        reached(Point::CheckoutNoted);
        // A link, not a rename: it fails when the lock is there, and appears whole.
        let linked = fs::hard_link(&draft, self.lock());
        let _ = fs::remove_file(&draft);
        match linked {
            Ok(()) => {
                // The branch moves next, and durably: a lock that a loss of power takes back would leave the work tree
                // behind with nothing that says so.
                fsync_dir(&self.git_dir).map_err(GitError::io(&self.git_dir))?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(GitError::Io {
                path: self.lock(),
                source,
            }),
        }
    }

    /// A file of this process alone beside the index; a crash leaves it to [`sweep`](Self::sweep).
    pub(crate) fn own_file(&self, what: &str) -> Result<PathBuf, GitError> {
        let ProcessMark {
            pid, start_ticks, ..
        } = own_mark()?;
        Ok(self
            .git_dir
            .join(format!("{OWN_PREFIX}{what}-{pid}-{start_ticks}")))
    }

    /// Removes the files of their own that dead processes left beside the index.
    pub(crate) fn sweep(&self) -> Result<(), GitError> {
        let boot_id = own_mark()?.boot_id;
        let entries = fs::read_dir(&self.git_dir).map_err(GitError::io(&self.git_dir))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some((pid, start_ticks)) = name.to_str().and_then(owner_of) else {
                continue;
            };
            let owner = ProcessMark {
                pid,
                start_ticks,
                boot_id: boot_id.clone(),
            };
            if !is_alive(&owner) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Gives the lock back if it is this landing's. Without it nothing is touched: the files beside the index belong to
    /// whoever has the lock, and that may be another home at work.
    pub(crate) fn release(&self, landing: &Landing) -> Result<(), GitError> {
        if self.is_held_for(landing) {
            self.clear()?;
            remove_if_there(&self.lock())?;
        }
        Ok(())
    }

    /// Removes what a holder of the lock makes beside the index; the lock must be ours.
    fn clear(&self) -> Result<(), GitError> {
        for leftover in [
            "hyperion-index",
            "hyperion-index.lock",
            "hyperion-index.new",
            "hyperion-index.new.lock",
        ] {
            remove_if_there(&self.git_dir.join(leftover))?;
        }
        let copies = self.copies();
        remove_tree(&copies).map_err(GitError::io(&copies))
    }

    /// Removes the lock of a git that was killed over the next index; the lock of the index itself must be ours.
    fn clear_index_lock(&self) -> Result<(), GitError> {
        remove_if_there(&self.git_dir.join("hyperion-index.lock"))
    }

    /// Brings index and files to `target`; the lock must be ours. Gives the lock back, unless there is a fault that passes
    /// (a full disk). Where git cannot do it otherwise, the files are put back and stay where they were.
    ///
    /// What is edited or staged and does not move, git leaves as it is, in the index too. The next index that was just made is
    /// tried first. Nobody but us wrote the index since, and of the files that move git looks at each again; where one of them
    /// was touched meanwhile, all are looked at anew.
    pub(crate) fn follow(
        &self,
        store: &RepoStore,
        landing: &Landing,
        target: &Oid,
        IsPrepared(is_prepared): IsPrepared,
    ) -> Result<Option<Behind>, GitError> {
        self.forget_behind()?;
        let next = self.next_index();
        let tried = if is_prepared {
            Some(self.read_tree(store, &next, &landing.expected, target)?)
        } else if self.has_followed(store, &landing.expected, target)? {
            self.release(landing)?;
            return Ok(None);
        } else {
            None
        };
        let mut moved = match tried {
            Some(moved) if moved.exit.success() => moved,
            Some(_) | None => {
                self.clear_index_lock()?;
                self.copy_index(store, &next).or_else(not_compared)?;
                self.read_tree(store, &next, &landing.expected, target)?
            }
        };
        if !moved.exit.success() {
            self.clear_index_lock()?;
            // A filter that is broken both ways keeps git from telling what moved.
            let sorted = self.sort_half_moved(store, &next, &landing.expected, target);
            if sorted.is_ok_and(|foreign| foreign.is_empty()) {
                moved = self.read_tree(store, &next, &landing.expected, target)?;
            }
        }
        if !moved.exit.success() {
            self.clear_index_lock()?;
            let cause = cause_of(failure("read-tree", &moved))?;
            let changes = store.diff_trees(&landing.expected, target, Renames::Off)?;
            let was_edited = self.put_back(store, landing, target, (&next, &changes))?
                || self.untracked_in_the_way(&changes)?.is_some();
            return self.stay(store, landing, (!was_edited).then_some(cause));
        }
        reached(Point::CheckoutFilesMoved);
        let index = self.git_dir.join("index");
        // Files before the index that calls them clean, index before the lock goes: else a loss of power leaves a work
        // tree that shows the inverse of the landing, and nobody to mend it.
        sync_filesystem(&self.path).map_err(GitError::io(&self.path))?;
        File::open(&next)
            .and_then(|file| file.sync_all())
            .map_err(GitError::io(&next))?;
        fs::rename(&next, &index).map_err(GitError::io(&index))?;
        fsync_dir(&self.git_dir).map_err(GitError::io(&self.git_dir))?;
        reached(Point::CheckoutIndexReplaced);
        self.release(landing)?;
        reached(Point::CheckoutReleased);
        Ok(None)
    }

    /// Leaves the work tree where it was: because of what somebody did to it, or of what kept git from moving it.
    fn stay(
        &self,
        store: &RepoStore,
        landing: &Landing,
        cause: Option<String>,
    ) -> Result<Option<Behind>, GitError> {
        let behind = self.stay_behind(store, landing, cause)?;
        self.release(landing)?;
        Ok(Some(behind))
    }

    /// Leaves the work tree where it was, if its lock is to be had: what has it otherwise is a git of the person's.
    pub(crate) fn let_stay(
        &self,
        store: &RepoStore,
        landing: &Landing,
    ) -> Result<Option<Behind>, GitError> {
        if !self.take_lock(landing)? {
            return Ok(None);
        }
        self.stay(store, landing, None)
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
    pub(crate) fn sort_half_moved(
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
            let is_there = self.has(&path);
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
}

/// How the names of files begin that are one process's alone.
const OWN_PREFIX: &str = "hyperion-own-";

/// Tells whether a file in git's folder is one that Hyperion makes there for a moment, to look how things stand.
#[must_use]
pub fn is_own_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(OWN_PREFIX))
}

fn own_mark() -> Result<ProcessMark, GitError> {
    ProcessMark::of(std::process::id())
        .and_then(|mark| mark.ok_or_else(|| io::ErrorKind::NotFound.into()))
        .map_err(GitError::io("/proc/self/stat"))
}

/// Reads pid and start of the process whose file this is, git's lock on it included.
fn owner_of(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(OWN_PREFIX)?.split('-').skip(1);
    let pid = parts.next()?.parse().ok()?;
    let ticks = parts.next()?.split('.').next()?.parse().ok()?;
    Some((pid, ticks))
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
