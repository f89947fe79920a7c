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
//! What a person edited or staged stays as it is, as long as the landing does not touch it: the rule of `git merge --ff-only`
//! (see `overlap`). What the landing touches is as the branch has it, so files can be sorted by content after a crash.
//!
//! The note in the lock says which landing it belongs to and which process took it, so that recovery needs git alone
//! and never takes a lock from a living engine of another home. It is linked into place whole, never half-written.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use hyperion_host::is_alive;

use crate::behind::{Behind, quoted};
use crate::error::GitError;
use crate::hidden::IndexFlag;
use crate::hold::{IsPrepared, Note, Taken};
use crate::landing::Landing;
use crate::oid::RefName;
use crate::overlap;
use crate::path::TreePath;
use crate::read::RawChange;
use crate::store::RepoStore;
use crate::work_tree::{Dirt, WorkTree, dirty};

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
    /// Files that the landing touches are edited or staged.
    Dirty {
        /// The first of them.
        files: Vec<TreePath>,
        /// How many more there are.
        more: usize,
    },
    /// A merge left conflicts in the index; git moves nothing before they are resolved.
    Conflicted {
        /// The first of the files.
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
    /// The index hides edits of files that the landing changes, or has files without content.
    Hidden {
        /// How.
        flag: IndexFlag,
        /// The first of them.
        files: Vec<TreePath>,
        /// How many more there are.
        more: usize,
    },
    /// This user may not change files in a folder in which the landing does.
    Closed {
        /// Which.
        folder: PathBuf,
    },
    /// Git cannot write the files of the landing there, or compare those that are there: a filter of the person's fails.
    Failing {
        /// What git said.
        cause: String,
    },
    /// Files of the landing would show as edited there at once: git would store them otherwise.
    Unlike {
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
            BlockReason::Dirty { files, more } => format!(
                "commit or stash the changes to {} in {place}; an engine that is up then goes on, else run `hyperion drain`",
                named(files, *more)
            ),
            BlockReason::Conflicted { files, more } => format!(
                "resolve the conflicts in {} in {place}; an engine that is up then goes on, else run `hyperion drain`",
                named(files, *more)
            ),
            BlockReason::Untracked { files, more } => format!(
                "move {} in {place} away, which git does not track; an engine that is up then goes on, else run `hyperion drain`",
                named(files, *more)
            ),
            BlockReason::Hidden { flag, files, more } => {
                let names = named(files, *more);
                let command = command_on(flag.taken_off_by(), files, *more);
                match flag {
                    IndexFlag::AssumeUnchanged | IndexFlag::SkipWorktree => format!(
                        "{names}: the index hides its edits ({flag}); run `{command}` in {place}, then commit or stash them"
                    ),
                    IndexFlag::IntentToAdd => format!(
                        "{names}: added without content ({flag}); commit it, or run `{command}` in {place}"
                    ),
                }
            }
            BlockReason::Closed { folder } => format!(
                "make {} writable for the user who runs Hyperion; an engine that is up then goes on, else run `hyperion drain`",
                folder.display()
            ),
            BlockReason::Failing { cause } => {
                let cause: String = cause.chars().take(CAUSE_SHOWN_MAX_CHARS).collect();
                format!(
                    "git fails in {place} ({cause}); mend that filter or setting; an engine that is up then goes on, else run `hyperion drain`"
                )
            }
            BlockReason::Unlike { files, more } => format!(
                "{} would show as edited in {place}: .gitattributes or a filter stores it otherwise; cancel this, and file it again on the current tip",
                named(files, *more)
            ),
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

/// How much of what git said a remedy repeats.
const CAUSE_SHOWN_MAX_CHARS: usize = 80;

/// How many files in the way a remedy names.
const NAMED_MAX: usize = 3;

/// Names the first files, and counts the others.
fn named(files: &[TreePath], more: usize) -> String {
    let names: Vec<_> = files
        .iter()
        .take(NAMED_MAX)
        .map(ToString::to_string)
        .collect();
    let more = more + files.len() - names.len();
    let names = names.join(", ");
    if more == 0 {
        names
    } else {
        format!("{names} and {more} more")
    }
}

/// Writes a command on the first files, as a shell takes it.
fn command_on(command: &str, files: &[TreePath], more: usize) -> String {
    let shown = files.iter().take(NAMED_MAX);
    let mut words = vec![command.to_owned()];
    words.extend(shown.map(|file| quoted(file.to_os_path())));
    if more + files.len() > NAMED_MAX {
        words.push("…".to_owned());
    }
    words.join(" ")
}

/// A work tree that has a branch checked out, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Where.
    pub work_tree: PathBuf,
    /// What keeps every landing from happening.
    pub block: Option<BlockReason>,
    /// The files that are edited or staged: what touches them cannot land.
    pub edited: BTreeSet<TreePath>,
}

impl Checkout {
    /// Says which edited files here keep a landing with these changes from happening, if any does.
    #[must_use]
    pub fn edited_in_the_way(&self, changes: &[RawChange]) -> Option<CheckoutBlock> {
        let reason = dirty(overlap::met(&self.edited, changes))?;
        Some(CheckoutBlock {
            work_tree: self.work_tree.clone(),
            reason,
        })
    }
}

/// What became of an attempt to hold all work trees of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// They can follow, and stay as they are until followed or released.
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
    Behind(Behind),
    /// The branch had not moved: the lock was given back.
    Released,
}

/// A work tree that is held, and whether its next index was just made.
pub(crate) type Held = (WorkTree, IsPrepared);

impl RepoStore {
    /// Looks at every work tree that has the branch checked out; changes nothing.
    pub fn checkout_state(&self, branch: &RefName) -> Result<Vec<Checkout>, GitError> {
        let tip = self.tip(branch)?;
        let mut checkouts = Vec::new();
        for work_tree in self.checked_out_on(branch)? {
            let Dirt { block, edited } = match (&tip, work_tree.obstruction(branch)) {
                (_, Some(reason)) => Dirt {
                    block: Some(reason),
                    edited: BTreeSet::new(),
                },
                (Some(tip), None) => {
                    let probe = work_tree.own_file("look")?;
                    let dirt = work_tree
                        .copy_index(self, &probe)
                        .and_then(|alike| work_tree.dirt(self, &probe, tip, alike));
                    let _ = fs::remove_file(&probe);
                    dirt?
                }
                (None, None) => Dirt::default(),
            };
            checkouts.push(Checkout {
                work_tree: work_tree.path,
                block,
                edited,
            });
        }
        Ok(checkouts)
    }

    /// Takes the index lock of every work tree of the branch, if nothing in any of them is in the landing's way.
    pub fn hold_checkouts(&self, landing: &Landing) -> Result<Hold, GitError> {
        Ok(match self.hold_all(landing)? {
            Ok(_) => Hold::Held,
            Err(block) => Hold::Blocked(block),
        })
    }

    /// Looks whether every work tree of the branch could be held now, also where the branch has moved on; holds none.
    pub fn could_hold_checkouts(&self, landing: &Landing) -> Result<bool, GitError> {
        let tip = self.tip(&landing.branch)?;
        let at = tip.as_ref().unwrap_or(&landing.expected);
        for work_tree in self.checked_out_on(&landing.branch)? {
            if work_tree.look(self, landing, at)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Holds every work tree of the branch, or none; gives them for [`follow_held`](Self::follow_held).
    pub(crate) fn hold_all(
        &self,
        landing: &Landing,
    ) -> Result<Result<Vec<Held>, CheckoutBlock>, GitError> {
        let mut held: Vec<Held> = Vec::new();
        for work_tree in self.checked_out_on(&landing.branch)? {
            let block = match work_tree.hold(self, landing) {
                Ok(Taken::Now) => {
                    held.push((work_tree, IsPrepared(true)));
                    continue;
                }
                Ok(Taken::Before) => {
                    held.push((work_tree, IsPrepared(false)));
                    continue;
                }
                Ok(Taken::Not(reason)) => Ok(Err(CheckoutBlock {
                    work_tree: work_tree.path,
                    reason,
                })),
                Err(error) => Err(error),
            };
            for (earlier, _) in &held {
                earlier.release(landing)?;
            }
            return block;
        }
        Ok(Ok(held))
    }

    /// Gives the index locks back without having moved anything.
    pub fn release_checkouts(&self, landing: &Landing) -> Result<(), GitError> {
        // All of them: a person may have renamed the branch under one that is held.
        self.work_trees()?
            .iter()
            .try_for_each(|work_tree| work_tree.release(landing))
    }

    /// Brings every work tree of the branch from the expected tip to the candidate; can be repeated at any time.
    ///
    /// Answers with a work tree that stays behind because of what somebody did to it meanwhile.
    pub fn follow(&self, landing: &Landing) -> Result<Option<Behind>, GitError> {
        let branch = self.user.true_name(&landing.branch)?;
        let work_trees = self.work_trees()?.into_iter();
        let concerned =
            work_trees.filter(|there| there.concerns(&branch) || there.is_held_for(landing));
        let unknown = |work_tree| (work_tree, IsPrepared(false));
        self.follow_held(landing, concerned.map(unknown).collect())
    }

    /// The same with the work trees that were just held.
    pub(crate) fn follow_held(
        &self,
        landing: &Landing,
        work_trees: Vec<Held>,
    ) -> Result<Option<Behind>, GitError> {
        let mut behind = None;
        let to = &landing.candidate;
        let is_there = self.tip(&landing.branch)?.as_ref() == Some(to);
        for (work_tree, is_prepared) in work_trees {
            let left = if work_tree.is_held_for(landing) {
                if is_there && work_tree.is_still_on_its_branch() {
                    work_tree.follow(self, landing, to, is_prepared)?
                } else {
                    match self.end_hold(&work_tree, landing)? {
                        Recovery::Behind(left) => Some(left),
                        Recovery::Followed | Recovery::Released => None,
                    }
                }
            } else if !is_there
                || !work_tree.is_still_on_its_branch()
                || work_tree.has_followed(self, &landing.expected, to)?
            {
                None
            } else {
                // Somebody took the lock away; what the landing touches must be as clean as it was.
                match work_tree.hold(self, landing)? {
                    Taken::Now => work_tree.follow(self, landing, to, IsPrepared(true))?,
                    Taken::Before => work_tree.follow(self, landing, to, IsPrepared(false))?,
                    Taken::Not(_) => work_tree.let_stay(self, landing)?,
                }
            };
            behind = behind.or(left);
        }
        Ok(behind)
    }

    /// Ends the hold of a work tree by where its `HEAD` is now: the branch may have moved on, or may have been put somewhere
    /// else by force, or renamed, while it was held.
    fn end_hold(&self, work_tree: &WorkTree, landing: &Landing) -> Result<Recovery, GitError> {
        let target = match work_tree.head(self)? {
            Some(head) if self.is_within(&landing.candidate, &head)? => head,
            Some(_) | None => {
                work_tree.release(landing)?;
                return Ok(Recovery::Released);
            }
        };
        Ok(
            match work_tree.follow(self, landing, &target, IsPrepared(false))? {
                None => Recovery::Followed,
                Some(behind) => Recovery::Behind(behind),
            },
        )
    }

    /// Finishes or gives back every hold that a crash left behind; leaves those of living processes alone.
    pub fn recover_checkouts(&self) -> Result<Vec<Recovered>, GitError> {
        let mut recovered = Vec::new();
        for work_tree in self.work_trees()? {
            work_tree.sweep()?;
            let Some(Note { landing, holder }) = work_tree.note() else {
                continue;
            };
            if holder.pid != std::process::id() && is_alive(&holder) {
                continue;
            }
            let outcome = self.end_hold(&work_tree, &landing)?;
            recovered.push(Recovered {
                landing,
                work_tree: work_tree.path,
                outcome,
            });
        }
        Ok(recovered)
    }

    /// The name may be another name of the branch that is checked out; git resolves such names when it moves a ref.
    pub(crate) fn checked_out_on(&self, branch: &RefName) -> Result<Vec<WorkTree>, GitError> {
        let branch = &self.user.true_name(branch)?;
        Ok(self
            .work_trees()?
            .into_iter()
            .filter(|work_tree| work_tree.concerns(branch))
            .collect())
    }
}
