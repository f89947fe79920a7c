//! Landing: the moment a candidate becomes part of a branch.
//!
//! The engine commits its intent (candidate and expected tip) and then calls, in this order:
//!
//! | step | after a crash behind it | why here |
//! | --- | --- | --- |
//! | [`publish_objects`](RepoStore::publish_objects) | one pack that nothing names; its `.keep` guards it from the user's `gc` | a ref must never name what is not durable |
//! | [`create_landing_ref`](RepoStore::create_landing_ref) | `refs/hyperion/landing/<entry>` shows the candidate | from here on git itself keeps the objects, and a person can see what was about to happen |
//! | [`move_branch`](RepoStore::move_branch) | the branch has moved or has not, see `checkout` for work trees | compare-and-swap: landed at most once, and never over somebody's commit |
//! | [`delete_landing_ref`](RepoStore::delete_landing_ref) | as after a whole landing | the branch keeps the objects now |
//!
//! A landing that will not happen after all is taken back by [`abandon`](RepoStore::abandon) and the last of these steps,
//! which may be late: a ref that is left says no more than that something was about to happen.
//!
//! Each step can be repeated, so recovery is: ask [`landed`](RepoStore::landed), and if not, start over or give up. The
//! two refs are never moved in one transaction: git's is not atomic across a crash, and then the landing ref would not
//! tell which came first.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_host::{Input, fsync_dir, read_bounded, sync_filesystem};

use crate::behind::Behind;
use crate::call::{LONG, failure};
use crate::checkout::CheckoutBlock;
use crate::error::GitError;
use crate::oid::{Oid, RefName};
use crate::store::RepoStore;
use crate::work_tree::WorkTree;

/// One candidate on its way into a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The queue entry, by the id it has in the names of refs.
    pub entry: String,
    /// The branch to move.
    pub branch: RefName,
    /// Where the branch must be now.
    pub expected: Oid,
    /// Where it will be.
    pub candidate: Oid,
}

/// What a compare-and-swap came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The branch is at the candidate.
    Moved,
    /// The branch is somewhere else; nothing was changed.
    TipIs(Option<Oid>),
    /// Somebody holds the ref's lock; nothing was changed.
    RefLocked {
        /// The lock file.
        lock: PathBuf,
    },
}

/// What moving a branch with its work trees came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// The branch is at the candidate, from this call or from an earlier one.
    Landed {
        /// A work tree that stayed where it was, because somebody edited it in that very moment.
        behind: Option<Behind>,
    },
    /// The branch is somewhere else; nothing was changed.
    TipIs(Option<Oid>),
    /// A work tree of the branch is in the way; nothing was changed.
    Blocked(CheckoutBlock),
    /// Somebody holds the ref's lock; nothing was changed.
    RefLocked {
        /// The lock file.
        lock: PathBuf,
    },
}

/// Whether a candidate is part of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// It is the tip or an ancestor of it.
    Yes,
    /// It is not.
    No {
        /// Where the branch is; `None` when it is gone.
        tip: Option<Oid>,
    },
}

impl RepoStore {
    /// Brings everything that the candidate has and the expected tip has not into the user's repository, durably.
    pub fn publish_objects(&self, landing: &Landing) -> Result<(), GitError> {
        let Landing {
            entry: _,
            branch: _,
            expected,
            candidate,
        } = landing;
        self.user.require_present()?;
        self.follow_shallow()?;
        let objects = self.user.objects();
        if self.user_has_all_of(candidate, expected)? {
            // Who wrote them is unknown (a crash of ours, somebody's push), and so is whether they reached the disk.
            return sync_filesystem(&objects).map_err(GitError::io(&objects));
        }
        let pack = self.scratch().join(format!("landing-{candidate}.pack"));
        self.own_call("pack-objects")
            .args(["--revs", "--stdout", "-q", "--delta-base-offset"])
            .input(Input::Bytes(
                format!("{candidate}\n^{expected}\n").into_bytes(),
            ))
            .wall(LONG)
            .into_file(&pack)?;
        reached(Point::LandingPacked);
        let indexed = self
            .user
            .call("index-pack")
            .setting("core.fsync=all")
            .setting("core.fsyncMethod=fsync")
            .args(["--stdin", "--strict"])
            .arg(format!("--keep={}", keep_note(candidate)))
            .input(Input::File(pack.clone()))
            .wall(LONG)
            .output();
        let _ = fs::remove_file(&pack);
        indexed?;
        reached(Point::LandingIndexed);
        // Git syncs the files, not their names.
        for folder in [objects.join("pack"), objects.clone()] {
            fsync_dir(&folder).map_err(GitError::io(&folder))?;
        }
        reached(Point::LandingDurable);
        Ok(())
    }

    /// Creates `refs/hyperion/landing/<entry>` at the candidate.
    pub fn create_landing_ref(&self, landing: &Landing) -> Result<(), GitError> {
        let name = landing_ref(&landing.entry)?;
        self.write_own_ref(|| {
            self.user
                .call("update-ref")
                .setting("core.fsync=reference")
                .args([name.as_str(), landing.candidate.as_str()])
        })?;
        reached(Point::LandingRefMade);
        self.sync_ref(&name)?;
        reached(Point::LandingRefDurable);
        // The ref keeps the objects from here on.
        self.release_keep(&landing.candidate)
    }

    /// Removes the landing ref of an entry; none is fine.
    pub fn delete_landing_ref(&self, entry: &str) -> Result<(), GitError> {
        let name = landing_ref(entry)?;
        self.user.require_present()?;
        self.write_own_ref(|| {
            self.user
                .call("update-ref")
                // Whoever finds it locked tries again later, and has other things to do meanwhile.
                .setting(format!("core.packedRefsTimeout={PACKED_REFS_LOCK_MS_MAX}"))
                .args(["-d", name.as_str()])
        })?;
        reached(Point::LandingRefDeleted);
        Ok(())
    }

    /// Takes back what the steps before the move left in the user's repository, for a landing that will not happen, but for
    /// the landing ref: that is [deleted](Self::delete_landing_ref) next.
    ///
    /// The objects stay until the user's own housekeeping takes them.
    pub fn abandon(&self, landing: &Landing) -> Result<(), GitError> {
        self.release_checkouts(landing)?;
        reached(Point::AbandonReleased);
        self.release_keep(&landing.candidate)?;
        reached(Point::AbandonDone);
        Ok(())
    }

    /// Lets the pack of a landing go that the branch keeps by now; a loss of power brings a note back that was removed.
    pub fn release_landed(&self, landing: &Landing) -> Result<(), GitError> {
        self.release_keep(&landing.candidate)
    }

    /// The locks that keep a branch from being moved, as far as they are there: of a git at work, or of one that died.
    pub fn locks_of(&self, branch: &RefName) -> Result<Vec<PathBuf>, GitError> {
        let branch = self.user.true_name(branch)?;
        let git_dir = self.user.git_dir();
        // Git locks `HEAD` as well where it names the branch: its reflog is written to, too.
        let locks = [format!("{branch}.lock"), "HEAD.lock".to_owned()];
        let locks = locks.into_iter().map(|lock| git_dir.join(lock));
        Ok(locks.filter(|lock| lock.exists()).collect())
    }

    /// Those, and what else of git's locks a landing would find: of a work tree of the branch, and of the refs that are packed.
    pub fn locks_in_the_way(&self, branch: &RefName) -> Result<Vec<PathBuf>, GitError> {
        let mut locks = self.locks_of(branch)?;
        let others = self.checked_out_on(branch)?;
        locks.extend(
            others
                .iter()
                .filter(|one| one.note().is_none())
                .map(WorkTree::lock),
        );
        locks.push(self.user.git_dir().join("packed-refs.lock"));
        locks.retain(|lock| lock.exists());
        Ok(locks)
    }

    /// The landing refs there are: entries and their candidates. After a crash they say what was under way.
    pub fn landing_refs(&self) -> Result<Vec<(String, Oid)>, GitError> {
        let answer = self
            .user
            .call("for-each-ref")
            .args(["--format=%(refname) %(objectname)", LANDING_PREFIX])
            .output()?;
        String::from_utf8_lossy(&answer)
            .lines()
            .map(|line| {
                let strange = || GitError::unexpected("for-each-ref", line.as_bytes());
                let (name, oid) = line.split_once(' ').ok_or_else(strange)?;
                let entry = name.strip_prefix(LANDING_PREFIX).ok_or_else(strange)?;
                Ok((entry.to_owned(), Oid::parse(oid).map_err(|_| strange())?))
            })
            .collect()
    }

    /// Moves the branch and the work trees that have it checked out.
    pub fn move_branch(&self, landing: &Landing) -> Result<Move, GitError> {
        if self.tip(&landing.branch)?.as_ref() == Some(&landing.candidate) {
            self.secure_branch()?;
            return Ok(Move::Landed {
                behind: self.follow(landing)?,
            });
        }
        let held = match self.hold_all(landing)? {
            Ok(held) => held,
            Err(block) => return Ok(Move::Blocked(block)),
        };
        match self.compare_and_swap(landing) {
            Ok(Swap::Moved) => Ok(Move::Landed {
                behind: self.follow_held(landing, held)?,
            }),
            Ok(Swap::TipIs(tip)) => {
                self.release_checkouts(landing)?;
                Ok(Move::TipIs(tip))
            }
            Ok(Swap::RefLocked { lock }) => {
                self.release_checkouts(landing)?;
                Ok(Move::RefLocked { lock })
            }
            Err(error) => {
                // It may have moved all the same, and failed to be synced: then the work trees still have to follow, and
                // their locks say so.
                if self.tip(&landing.branch)?.as_ref() != Some(&landing.candidate) {
                    self.release_checkouts(landing)?;
                }
                Err(error)
            }
        }
    }

    /// Moves the branch alone, if it is where it is expected.
    pub fn compare_and_swap(&self, landing: &Landing) -> Result<Swap, GitError> {
        let Landing {
            entry,
            branch,
            expected,
            candidate,
        } = landing;
        self.user.require_present()?;
        let outcome = self
            .user
            .call("update-ref")
            .setting("core.fsync=reference")
            .args(["-m", &format!("hyperion: land {entry}")])
            .args([branch.as_str(), candidate.as_str(), expected.as_str()])
            .outcome()?;
        if outcome.exit.success() {
            reached(Point::BranchSwapped);
            self.sync_ref(branch)?;
            reached(Point::BranchDurable);
            return Ok(Swap::Moved);
        }
        // What git says about it is for people; where the branch is now decides.
        let tip = self.tip(branch)?;
        if tip.as_ref() == Some(candidate) {
            self.sync_ref(branch)?;
            return Ok(Swap::Moved);
        }
        if tip.as_ref() != Some(expected) {
            return Ok(Swap::TipIs(tip));
        }
        match failure("update-ref", &outcome) {
            GitError::Locked { lock } => Ok(Swap::RefLocked { lock }),
            other => Err(other),
        }
    }

    /// Says whether a candidate is part of a branch.
    pub fn landed(&self, branch: &RefName, candidate: &Oid) -> Result<Landed, GitError> {
        let tip = self.tip(branch)?;
        let Some(at) = &tip else {
            return Ok(Landed::No { tip });
        };
        Ok(if self.is_within(candidate, at)? {
            Landed::Yes
        } else {
            Landed::No { tip }
        })
    }

    /// Whether a commit is another one, or among its ancestors.
    pub(crate) fn is_within(&self, candidate: &Oid, at: &Oid) -> Result<bool, GitError> {
        if at == candidate {
            return Ok(true);
        }
        // Asked in the user's own repository: what only Hyperion's folder has did not land.
        if !self
            .user
            .call("cat-file")
            .args(["-e", candidate.as_str()])
            .outcome()?
            .exit
            .success()
        {
            return Ok(false);
        }
        self.user
            .call("merge-base")
            .args(["--is-ancestor", candidate.as_str(), at.as_str()])
            .wall(LONG)
            .answer()
    }

    /// Makes durable where the user's branches are, for one that was found to have moved already.
    ///
    /// Who moved it is unknown: somebody who pushed, or a landing of ours that died, or failed, before its sync.
    pub fn secure_branch(&self) -> Result<(), GitError> {
        for folder in [self.user.objects().as_path(), self.user.git_dir()] {
            sync_filesystem(folder).map_err(GitError::io(folder))?;
        }
        Ok(())
    }

    fn user_has_all_of(&self, candidate: &Oid, expected: &Oid) -> Result<bool, GitError> {
        if !self
            .user
            .call("cat-file")
            .args(["-e", candidate.as_str()])
            .outcome()?
            .exit
            .success()
        {
            return Ok(false);
        }
        let walked = self
            .user
            .call("rev-list")
            .args([
                "--objects",
                "--quiet",
                candidate.as_str(),
                "--not",
                expected.as_str(),
            ])
            .wall(LONG)
            .outcome()?;
        Ok(walked.exit.success())
    }

    /// Git renames a synced file into place; the folders that hold the name are synced here.
    fn sync_ref(&self, name: &RefName) -> Result<(), GitError> {
        let git_dir = self.user.git_dir();
        let file = git_dir.join(name.as_str());
        let loose = file
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(git_dir));
        // Newer repositories may keep refs as tables instead of files.
        let tables = git_dir.join("reftable");
        for folder in loose
            .chain([tables.as_path()])
            .filter(|folder| folder.is_dir())
        {
            fsync_dir(folder).map_err(GitError::io(folder))?;
        }
        Ok(())
    }

    /// Lets go of the packs that an earlier engine kept from the user's `gc`, but for landings that are under way.
    ///
    /// A pack is let go when a ref of the user leads to what it was kept for, or when we have that ourselves.
    pub fn release_keeps_but(&self, under_way: &[Oid]) -> Result<(), GitError> {
        let folder = self.user.objects().join("pack");
        let Ok(entries) = fs::read_dir(&folder) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let Some(candidate) = kept_for(&entry.path()) else {
                continue;
            };
            if under_way.contains(&candidate) {
                continue;
            }
            if self.has_copy_of(&candidate)? || self.user_leads_to(&candidate)? {
                self.release_keep(&candidate)?;
            }
        }
        Ok(())
    }

    fn release_keep(&self, candidate: &Oid) -> Result<(), GitError> {
        let folder = self.user.objects().join("pack");
        let note = keep_note(candidate);
        let Ok(entries) = fs::read_dir(&folder) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            if is_kept_with(&entry.path(), &note) {
                fs::remove_file(entry.path()).map_err(GitError::io(entry.path()))?;
            }
        }
        Ok(())
    }
}

/// How long a deletion waits for a lock that every ref shares.
const PACKED_REFS_LOCK_MS_MAX: u32 = 300;

/// A note of ours is shorter.
const KEEP_MAX_BYTES: u64 = 1024;

/// An object's name is not shorter.
const OID_HEX_MIN: usize = 40;

pub(crate) const LANDING_PREFIX: &str = "refs/hyperion/landing/";

fn landing_ref(entry: &str) -> Result<RefName, GitError> {
    RefName::new(format!("{LANDING_PREFIX}{entry}")).map_err(|_| {
        GitError::unexpected("update-ref", format!("the entry id {entry:?}").as_bytes())
    })
}

fn keep_note(candidate: &Oid) -> String {
    format!("hyperion {candidate}")
}

/// What a pack is kept for, if it is kept by a Hyperion.
fn kept_for(path: &Path) -> Option<Oid> {
    path.extension()
        .is_some_and(|extension| extension == "keep")
        .then(|| read_bounded(path, KEEP_MAX_BYTES).ok())
        .flatten()
        .and_then(|content| String::from_utf8(content).ok())
        .and_then(|text| Oid::parse(text.trim().strip_prefix("hyperion ")?).ok())
}

/// Removes notes of ours that a loss of power tore, from a folder of packs: nobody could tell any more what they are for.
pub(crate) fn remove_torn_keeps(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_keep = path
            .extension()
            .is_some_and(|extension| extension == "keep");
        let torn = || {
            let content = read_bounded(&path, KEEP_MAX_BYTES).ok()?;
            // An empty one may be a person's, who keeps that pack; where there is no pack there is nothing to keep.
            Some(
                is_torn_note(&content)
                    || content.is_empty() && !path.with_extension("pack").exists(),
            )
        };
        if is_keep && torn() == Some(true) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Tells whether this is what is left of a note: what is there of it is in its place, and the rest is missing or zero.
fn is_torn_note(content: &[u8]) -> bool {
    const BEGINS: &[u8] = b"hyperion ";
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let fits = content.iter().enumerate().all(|(at, byte)| {
        *byte == 0
            || match BEGINS.get(at) {
                Some(expected) => byte == expected,
                None => byte.is_ascii_hexdigit(),
            }
    });
    let is_short = content.len() > BEGINS.len() && content.len() < BEGINS.len() + OID_HEX_MIN;
    fits && (content.contains(&0) || is_short)
}

fn is_kept_with(path: &Path, note: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "keep")
        && fs::read(path).is_ok_and(|content| content.trim_ascii() == note.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notes_of_ours_that_were_torn_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let whole = keep_note(&Oid::parse(&"a".repeat(40)).unwrap());
        let zeros = "\0".repeat(49);
        let half = format!("{}{}", &whole[..24], "\0".repeat(25));
        let files: [(&str, &str, bool); 8] = [
            ("zeros", &zeros, false),
            ("half", &half, false),
            ("short", &whole[..24], false),
            ("empty-without-a-pack", "", false),
            ("empty", "", true),
            ("whole", &whole, true),
            ("fetching", "fetch-pack 12 on ada", true),
            ("a-persons", "mine", true),
        ];
        for (name, content, _) in files {
            fs::write(dir.path().join(format!("{name}.keep")), content).unwrap();
        }
        fs::write(dir.path().join("empty.pack"), "").unwrap();
        remove_torn_keeps(dir.path());
        for (name, _, stays) in files {
            let keep = dir.path().join(format!("{name}.keep"));
            assert_eq!(keep.exists(), stays, "{name}");
        }
    }
}
