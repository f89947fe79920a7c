//! The states and moves of one step.

use serde::{Deserialize, Serialize};

use crate::machine::{Noun, moves};

/// Why nothing came of a step, for whoever decides what to do next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its change did not land; the change set and its queue entry say why.
    #[default]
    Change,
    /// Its agent made no change that fits.
    Agent,
    /// The repository no longer has the commit that the change was made on.
    BaseLost,
    /// A step that it depends on failed.
    Dependency,
    /// Another step failed, and all of them land together or not at all.
    Together,
    /// What it takes back changed since it landed.
    ChangedSince,
}

impl Cause {
    /// Whether it is what an event says that names no cause, as older ones do.
    pub(crate) const fn is_change(&self) -> bool {
        matches!(self, Self::Change)
    }

    /// Gives it as a state keeps it: what older events say leaves states as they were.
    pub(crate) const fn named(self) -> Option<Self> {
        match self {
            Self::Change => None,
            cause => Some(cause),
        }
    }
}

moves! {
    noun Noun::Plan;
    states {
        /// Not begun.
        Pending = "pending" open;
        /// An agent works on it, or its change is on its way to land.
        InProgress = "in_progress" open;
        /// Its change landed (or, in a dry run, would have).
        Completed = "completed" closed;
        /// Passed over.
        Skipped = "skipped" closed;
        /// Its change did not come to be, or did not land.
        Failed = "failed" closed;
    }
    verbs {
        Start = "start": [Pending] => InProgress;
        HandIn = "hand in a change": [InProgress] => InProgress;
        Revise = "be revised": [InProgress] => Pending;
        Complete = "complete": [InProgress] => Completed;
        Skip = "be skipped": [Pending InProgress] => Skipped;
        Fail = "fail": [Pending InProgress] => Failed;
        Retry = "be retried": [Failed Skipped] => InProgress;
    }
}

pub(super) fn start(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::Start)
}
pub(super) fn hand_in(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::HandIn)
}
pub(super) fn revise(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::Revise)
}
pub(super) fn complete(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::Complete)
}
pub(super) fn skip(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::Skip)
}
pub(super) fn fail(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::Fail)
}
pub(super) fn retry(from: Status) -> Result<Status, crate::Refusal> {
    lead(from, Verb::Retry)
}
