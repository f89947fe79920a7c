//! What a queue entry can be asked to do.

use super::{Admission, Candidate, Cause, Dispatch, Quarantine, Verdict};
use crate::{Digest, EntryId, GitId, ShortText};

/// What an entry can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Command {
    /// Enters the queue.
    Enqueue {
        /// Its id.
        id: EntryId,
        /// What it is.
        admission: Admission,
    },
    /// Gives it to a worker.
    Lease {
        /// The lease's fence: higher than any before.
        fence: u64,
    },
    /// Begins to merge it.
    Merge,
    /// Notes the candidate; its checks are next.
    Check {
        /// The merged result.
        candidate: Candidate,
    },
    /// Notes that it is green.
    Pass(Verdict),
    /// Commits the intent to land it.
    Dispatch(Dispatch),
    /// Notes that it landed.
    Land {
        /// The commit.
        commit: GitId,
    },
    /// Gives it back because its worker was lost or failed.
    Release {
        /// Why.
        cause: Cause,
        /// What happened.
        reason: ShortText,
        /// After how many attempts it is given up.
        max_attempts: u32,
    },
    /// Starts over, because the branch moved.
    Refresh {
        /// Where the branch stands now.
        tip: GitId,
    },
    /// Waits for a person at the repository.
    Block {
        /// Why.
        cause: Cause,
        /// What is in the way and what to do.
        reason: ShortText,
    },
    /// Goes on, because what was in the way is gone.
    Unblock,
    /// Puts it aside with the evidence.
    Quarantine {
        /// Why.
        quarantine: Quarantine,
        /// The blob with the evidence.
        evidence: Digest,
        /// Why, in one line.
        reason: ShortText,
    },
    /// Ends it, because what it depends on did not land.
    Fail {
        /// Why.
        cause: Cause,
        /// Why, in one line.
        reason: ShortText,
    },
    /// Calls it off.
    Cancel {
        /// Why.
        reason: ShortText,
    },
    /// Takes it up again, by a person's wish.
    Retry,
    /// Changes nothing, and refuses the whole batch unless it is exactly as it was looked at: what
    /// else is in the batch was decided by that.
    Expect(Box<super::Entry>),
}
