//! What a plan can be asked to do.

use super::{NewStep, step};
use crate::{ChangeSetId, Digest, PlanId, RepoId, RequestId, RunId, ShortText};

/// What a plan can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Command {
    /// Writes it down.
    Create {
        /// Its id.
        id: PlanId,
        /// The request it serves.
        request: RequestId,
        /// The repository it is about.
        repo: RepoId,
        /// The blob with its assignments.
        document: Digest,
        /// Its steps.
        steps: Vec<NewStep>,
    },
    /// Begins.
    Activate,
    /// Gives a step to a run.
    StartStep {
        /// Which.
        number: u32,
        /// The run.
        run: RunId,
    },
    /// Notes the change set that came of a step.
    HandIn {
        /// Which.
        number: u32,
        /// The change set.
        change_set: ChangeSetId,
    },
    /// Begins a step again with a new version of what it is to change.
    ReviseStep {
        /// Which.
        number: u32,
    },
    /// Ends a step well.
    CompleteStep {
        /// Which.
        number: u32,
    },
    /// Passes a step over.
    SkipStep {
        /// Which.
        number: u32,
        /// Why.
        reason: ShortText,
    },
    /// Ends a step badly.
    FailStep {
        /// Which.
        number: u32,
        /// Why, for whoever decides what to do next.
        cause: step::Cause,
        /// Why.
        reason: ShortText,
    },
    /// Takes a failed step up again, because its queue entry was retried.
    RetryStep {
        /// Which.
        number: u32,
    },
    /// Ends it well.
    Complete,
    /// Gives it up.
    Abandon {
        /// Why.
        reason: ShortText,
    },
    /// Takes it up again.
    Reopen,
    /// Changes nothing, and refuses the whole batch unless it is exactly as it was looked at: what
    /// else is in the batch was decided by that.
    Expect(Box<super::Plan>),
}
