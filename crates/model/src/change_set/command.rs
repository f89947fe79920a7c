//! What a change set can be asked to do.

use super::{Assessed, Basis, Proposal, item};
use crate::plan::step::Cause;
use crate::{ApprovalId, ChangeSetId, EntryId, GitId, ItemId, ShortText, Time};

/// What a change set can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Command {
    /// Hands it in.
    Propose {
        /// Its id.
        id: ChangeSetId,
        /// What it says.
        proposal: Proposal,
    },
    /// Notes policy's judgement of the accepted parts.
    Assess(Assessed),
    /// Accepts or rejects an item, or some of its hunks.
    DecideItem {
        /// Which.
        item: ItemId,
        /// What was decided.
        status: item::Status,
        /// The hunks to leave out, counted from 0, when the item is accepted.
        rejected_hunks: Vec<u32>,
    },
    /// Notes the question that was asked about it.
    Ask {
        /// Which.
        approval: ApprovalId,
    },
    /// Lets it land.
    Approve(Basis),
    /// Puts it into the queue.
    Queue {
        /// Its entry.
        entry: EntryId,
    },
    /// Begins to land it.
    Dispatch,
    /// Puts it back into the queue, because the branch moved.
    Undispatch,
    /// Notes that it landed.
    Land {
        /// The commit.
        commit: GitId,
    },
    /// Notes that it was taken back.
    RollBack {
        /// The commit that did.
        commit: GitId,
    },
    /// Refuses it.
    Reject {
        /// Why.
        reason: ShortText,
    },
    /// Ends it without landing.
    Fail {
        /// Why, for whoever decides what to do next.
        cause: Cause,
        /// Why.
        reason: ShortText,
    },
    /// Sends it back for a new version.
    RequestChanges {
        /// What should be different.
        reason: ShortText,
        /// Until when the new version may be handed in.
        revise_by: Time,
    },
    /// Ends it because a new version takes its place.
    Supersede,
    /// Notes that nobody decided in time, or handed a new version in.
    Expire,
    /// Calls it off.
    Cancel {
        /// Why.
        reason: ShortText,
    },
    /// Puts it back into the queue after its entry had failed.
    Requeue,
    /// Changes nothing, and refuses the whole batch unless it is exactly as it was looked at: what
    /// else is in the batch was decided by that.
    Expect(Box<super::ChangeSet>),
}
