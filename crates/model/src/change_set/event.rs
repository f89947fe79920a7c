//! What can happen to a change set.

use serde::{Deserialize, Serialize};

use super::{Assessed, Basis, Proposal, item};
use crate::plan::step::Cause;
use crate::{ApprovalId, ChangeSetId, EntryId, GitId, ItemId, ShortText, Time};

/// What can happen to a change set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was handed in.
    #[serde(rename = "change_set.proposed")]
    Proposed {
        /// Its id.
        id: ChangeSetId,
        /// What it says.
        proposal: Proposal,
    },
    /// Policy judged it.
    #[serde(rename = "change_set.assessed")]
    Assessed(Assessed),
    /// An item was decided.
    #[serde(rename = "change_item.decided")]
    ItemDecided {
        /// Which.
        item: ItemId,
        /// What was decided.
        status: item::Status,
        /// The hunks to leave out.
        rejected_hunks: Vec<u32>,
    },
    /// A question was asked about it.
    #[serde(rename = "change_set.asked")]
    Asked {
        /// Which.
        approval: ApprovalId,
    },
    /// It may land.
    #[serde(rename = "change_set.approved")]
    Approved(Basis),
    /// It is in the queue.
    #[serde(rename = "change_set.queued")]
    Queued {
        /// Its entry.
        entry: EntryId,
        /// Whether it is there for a dry run.
        dry_run: bool,
    },
    /// It is being landed.
    #[serde(rename = "change_set.dispatched")]
    Dispatched {},
    /// It went back to the queue.
    #[serde(rename = "change_set.undispatched")]
    Undispatched {},
    /// It landed.
    #[serde(rename = "change_set.landed")]
    Landed {
        /// The commit.
        commit: GitId,
    },
    /// It was taken back.
    #[serde(rename = "change_set.rolled_back")]
    RolledBack {
        /// The commit that did.
        commit: GitId,
    },
    /// It was refused.
    #[serde(rename = "change_set.rejected")]
    Rejected {
        /// Why.
        reason: ShortText,
    },
    /// It ended without landing.
    #[serde(rename = "change_set.failed")]
    Failed {
        /// Why, for whoever decides what to do next.
        #[serde(default, skip_serializing_if = "Cause::is_change")]
        cause: Cause,
        /// Why.
        reason: ShortText,
    },
    /// It was sent back for a new version.
    #[serde(rename = "change_set.changes_requested")]
    ChangesRequested {
        /// What should be different.
        reason: ShortText,
        /// Until when the new version may be handed in.
        revise_by: Time,
    },
    /// A new version took its place.
    #[serde(rename = "change_set.superseded")]
    Superseded {},
    /// Nobody decided in time, or handed a new version in.
    #[serde(rename = "change_set.expired")]
    Expired {},
    /// It was called off.
    #[serde(rename = "change_set.cancelled")]
    Cancelled {
        /// Why.
        reason: ShortText,
    },
    /// It is in the queue again.
    #[serde(rename = "change_set.requeued")]
    Requeued {},
}
