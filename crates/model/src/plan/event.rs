//! What can happen to a plan.

use serde::{Deserialize, Serialize};

use super::{NewStep, step};
use crate::{ChangeSetId, Digest, PlanId, RepoId, RequestId, RunId, ShortText};

/// What can happen to a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Event {
    /// It was written down.
    #[serde(rename = "plan.created")]
    Created {
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
    /// It began.
    #[serde(rename = "plan.activated")]
    Activated {},
    /// A step was given to a run.
    #[serde(rename = "step.started")]
    StepStarted {
        /// Which.
        number: u32,
        /// The run.
        run: RunId,
    },
    /// A change set came of a step.
    #[serde(rename = "step.handed_in")]
    StepHandedIn {
        /// Which.
        number: u32,
        /// The change set.
        change_set: ChangeSetId,
    },
    /// A step begins again with a new version of what it is to change.
    #[serde(rename = "step.revised")]
    StepRevised {
        /// Which.
        number: u32,
    },
    /// A step ended well.
    #[serde(rename = "step.completed")]
    StepCompleted {
        /// Which.
        number: u32,
    },
    /// A step was passed over.
    #[serde(rename = "step.skipped")]
    StepSkipped {
        /// Which.
        number: u32,
        /// Why.
        reason: ShortText,
    },
    /// A step ended badly.
    #[serde(rename = "step.failed")]
    StepFailed {
        /// Which.
        number: u32,
        /// Why, for whoever decides what to do next.
        #[serde(default, skip_serializing_if = "step::Cause::is_change")]
        cause: step::Cause,
        /// Why.
        reason: ShortText,
    },
    /// A failed step was taken up again.
    #[serde(rename = "step.retried")]
    StepRetried {
        /// Which.
        number: u32,
    },
    /// It ended well.
    #[serde(rename = "plan.completed")]
    Completed {},
    /// It was given up.
    #[serde(rename = "plan.abandoned")]
    Abandoned {
        /// Why.
        reason: ShortText,
    },
    /// It was taken up again.
    #[serde(rename = "plan.reopened")]
    Reopened {},
}
