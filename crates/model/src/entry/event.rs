//! What can happen to a queue entry.

use serde::{Deserialize, Serialize};

use super::{Admission, Candidate, Cause, Dispatch, Quarantine, Verdict};
use crate::{Digest, EntryId, GitId, ShortText};

/// What can happen to an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It entered the queue.
    #[serde(rename = "merge.enqueued")]
    Enqueued {
        /// Its id.
        id: EntryId,
        /// What it is.
        admission: Admission,
    },
    /// A worker has it.
    #[serde(rename = "merge.leased")]
    Leased {
        /// The lease's fence.
        fence: u64,
    },
    /// It is being merged.
    #[serde(rename = "merge.started")]
    Merging {},
    /// It was merged; its checks are next.
    #[serde(rename = "merge.merged")]
    Merged {
        /// The merged result.
        candidate: Candidate,
    },
    /// It is green.
    #[serde(rename = "merge.checked")]
    Checked(Verdict),
    /// It is being landed.
    #[serde(rename = "merge.dispatched")]
    Dispatched(Dispatch),
    /// It landed.
    #[serde(rename = "merge.landed")]
    Landed {
        /// The commit.
        commit: GitId,
    },
    /// Its worker lost it.
    #[serde(rename = "merge.released")]
    Released {
        /// Why; none where it was written before causes were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// What happened.
        reason: ShortText,
    },
    /// It starts over on a moved branch.
    #[serde(rename = "merge.refreshed")]
    Refreshed {
        /// Where the branch stands now.
        tip: GitId,
    },
    /// It was given up.
    #[serde(rename = "merge.dead_lettered")]
    DeadLettered {
        /// Why; none where it was written before causes were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// What happened last.
        reason: ShortText,
    },
    /// It waits for a person at the repository.
    #[serde(rename = "merge.blocked")]
    Blocked {
        /// Why; none where it was written before causes were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// What is in the way and what to do.
        reason: ShortText,
    },
    /// What was in the way is gone.
    #[serde(rename = "merge.unblocked")]
    Unblocked {},
    /// It conflicts with what landed before it; a quarantine follows.
    #[serde(rename = "merge.conflicted")]
    Conflicted {
        /// The blob with both sides' hunks.
        evidence: Digest,
    },
    /// It was put aside.
    #[serde(rename = "merge.quarantined")]
    Quarantined {
        /// Why.
        quarantine: Quarantine,
        /// The blob with the evidence.
        evidence: Digest,
        /// Why, in one line.
        reason: ShortText,
    },
    /// It ended without landing.
    #[serde(rename = "merge.failed")]
    Failed {
        /// Why; none where it was written before causes were.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// Why, in one line.
        reason: ShortText,
    },
    /// It was called off.
    #[serde(rename = "merge.cancelled")]
    Cancelled {
        /// Why.
        reason: ShortText,
    },
    /// A person took it up again.
    #[serde(rename = "merge.retried")]
    Retried {},
}
