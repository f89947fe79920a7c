//! Why an entry does not go on: what code decides by, while the reason beside it is for people.

use serde::{Deserialize, Serialize};

/// Why an entry waits at the repository, went back to the queue, was given up, or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Blocked: somebody edited or staged a file that it changes.
    Edited,
    /// Blocked: a file that git does not track is where it brings one.
    Untracked,
    /// Blocked: the index of a work tree has conflicts in it.
    Conflicted,
    /// Blocked: the index hides an edit, or has a file without content.
    Hidden,
    /// Blocked: a folder of a work tree cannot be written.
    Closed,
    /// Blocked: a filter or setting of the person's git fails.
    FilterFails,
    /// Blocked: its files would show as edited at once.
    Unlike,
    /// Blocked: a merge, rebase or the like is not finished.
    Unfinished,
    /// Blocked: a git command has, or left, the lock of an index.
    IndexLocked,
    /// Blocked: the same, of `HEAD`.
    HeadLocked,
    /// Blocked: the same, of the branch.
    BranchLocked,
    /// Blocked: the same, of the packed refs.
    PackedRefsLocked,
    /// Blocked: the branch is not there any more.
    BranchGone,
    /// Blocked: the branch moves faster than the checks run.
    BranchRestless,
    /// Blocked: the branch cannot be merged with its remote by itself.
    Remote,
    /// Blocked: a check asks for more than the machine gives to checks, and no admin agreed to that.
    CheckNotAgreed,
    /// Given back or given up: the engine that worked at it ended.
    EngineEnded,
    /// Given back or given up: something of the world failed.
    Fault,
    /// Given back or given up: a check was lost with its engine too often.
    CheckLost,
    /// Failed: what it depends on, or lands together with, did not land.
    NotLanded,
    /// Failed: the commit that a change of it was made on is gone.
    LostBase,
}

impl Cause {
    /// Whether it is a lock of git's that is waited for.
    pub const fn is_lock(self) -> bool {
        matches!(
            self,
            Cause::IndexLocked | Cause::HeadLocked | Cause::BranchLocked | Cause::PackedRefsLocked
        )
    }

    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Edited => "edited",
            Cause::Untracked => "untracked",
            Cause::Conflicted => "conflicted",
            Cause::Hidden => "hidden",
            Cause::Closed => "closed",
            Cause::FilterFails => "filter_fails",
            Cause::Unlike => "unlike",
            Cause::Unfinished => "unfinished",
            Cause::IndexLocked => "index_locked",
            Cause::HeadLocked => "head_locked",
            Cause::BranchLocked => "branch_locked",
            Cause::PackedRefsLocked => "packed_refs_locked",
            Cause::BranchGone => "branch_gone",
            Cause::BranchRestless => "branch_restless",
            Cause::Remote => "remote",
            Cause::CheckNotAgreed => "check_not_agreed",
            Cause::EngineEnded => "engine_ended",
            Cause::Fault => "fault",
            Cause::CheckLost => "check_lost",
            Cause::NotLanded => "not_landed",
            Cause::LostBase => "lost_base",
        }
    }
}
