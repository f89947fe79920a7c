//! What keeps an entry from landing for the time being: the cause that code decides by, and the reason that people read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperion_git::{BlockReason, Checkout, CheckoutBlock, RawChange};
use hyperion_model::entry::{self, Cause};
use hyperion_model::{Name, ShortText};

/// Something at the repository that is in the way.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// A work tree of the branch cannot follow.
    Checkout(CheckoutBlock),
    /// A git command has, or left, the lock of a ref.
    RefLocked { lock: PathBuf },
    /// The branch is not there.
    Gone { branch: String },
    /// A check asks for more than the machine gives to checks, and no admin agreed to that.
    NotAgreed {
        repo: Name,
        /// Where it is not the repository's own.
        branch: Option<Name>,
        check: String,
        asks: String,
    },
    /// The branch moves faster than the checks run.
    Restless {
        branch: Name,
        /// How often it moved.
        times: u32,
        /// How long the checks took the last time.
        took: Duration,
    },
}

impl Obstacle {
    /// Gives the command that lets an entry wait for it.
    pub(super) fn block(&self) -> entry::Command {
        entry::Command::Block {
            cause: self.cause(),
            reason: ShortText::cut(&self.reason()),
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Self::Checkout(CheckoutBlock { reason, .. }) => match reason {
                BlockReason::Dirty { .. } => Cause::Edited,
                BlockReason::Conflicted { .. } => Cause::Conflicted,
                BlockReason::Untracked { .. } => Cause::Untracked,
                BlockReason::Hidden { .. } => Cause::Hidden,
                BlockReason::Closed { .. } => Cause::Closed,
                BlockReason::Failing { .. } => Cause::FilterFails,
                BlockReason::Unlike { .. } => Cause::Unlike,
                BlockReason::Locked { lock } => lock_of(lock),
                BlockReason::Unfinished { .. } => Cause::Unfinished,
            },
            Self::RefLocked { lock } => lock_of(lock),
            Self::Gone { .. } => Cause::BranchGone,
            Self::NotAgreed { .. } => Cause::CheckNotAgreed,
            Self::Restless { .. } => Cause::BranchRestless,
        }
    }

    /// Says what is in the way and what to do about it.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Checkout(block) => block.remedy(),
            Self::RefLocked { lock } => format!(
                "a git command of yours has a lock: wait for it; if none is running, remove {}",
                lock.display()
            ),
            Self::Gone { branch } => {
                format!("branch {branch} is gone; create it again, or cancel this entry")
            }
            Self::NotAgreed {
                repo,
                branch,
                check,
                asks,
            } => {
                let branch = branch.as_ref().map(|branch| format!(" --branch {branch}"));
                format!(
                    "check {check:?} asks for {asks}, which is more than checks have here; if it may, an admin says so: hyperion repo allow-check {repo} {check}{}",
                    branch.unwrap_or_default()
                )
            }
            Self::Restless {
                branch,
                times,
                took,
            } => format!(
                "{branch} moved {times} times while this was checked, which takes {} s; it goes on by itself once {branch} has not moved for that long",
                took.as_secs().max(1)
            ),
        }
    }
}

/// Finds edited files, in any of some work trees, that keep a landing with these changes from happening.
pub(super) fn edited_in_the_way(
    checkouts: &[Checkout],
    changes: &[RawChange],
) -> Option<CheckoutBlock> {
    let mut blocks = checkouts.iter();
    blocks.find_map(|there| there.edited_in_the_way(changes))
}

/// Tells by a lock's name what it is the lock of.
pub(super) fn lock_of(lock: &Path) -> Cause {
    match lock.file_name().and_then(|name| name.to_str()) {
        Some("index.lock") => Cause::IndexLocked,
        Some("HEAD.lock") => Cause::HeadLocked,
        Some("packed-refs.lock") => Cause::PackedRefsLocked,
        Some(_) | None => Cause::BranchLocked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_known_by_its_name() {
        for (lock, expected) in [
            ("/r/.git/index.lock", Cause::IndexLocked),
            ("/r/.git/worktrees/w/HEAD.lock", Cause::HeadLocked),
            ("/r/.git/packed-refs.lock", Cause::PackedRefsLocked),
            ("/r/.git/refs/heads/main.lock", Cause::BranchLocked),
        ] {
            let obstacle = Obstacle::RefLocked { lock: lock.into() };
            let entry::Command::Block { cause, reason } = obstacle.block() else {
                panic!("it does not block")
            };
            assert_eq!(cause, expected);
            assert!(reason.as_str().ends_with(lock), "{reason}");
        }
    }
}
