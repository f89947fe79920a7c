//! Approvals: people's decisions, what follows from them, and what happens when nobody decides.

mod ask;
mod deadlines;
mod decide;
pub(crate) mod reconciler;
mod shown;
#[cfg(test)]
mod tests;

use hyperion_api::approval::Place;
use hyperion_api::change_set::MovedHunk;
use hyperion_model::approval::Approval;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use ask::within_limits;
pub use ask::{Wanted, ask, latest, level_for, of_person};
pub use decide::{Decider, Decision, WhoMayDecide, cancel, decide, extend, who_may_decide};
pub(crate) use reconciler::Approvals;
pub use shown::{Shown, look_at_whole};

use crate::{Cx, Error};

/// What a question is about, in full: what people look at before they decide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionDocument {
    /// What would be done, in one line.
    pub summary: String,
    /// The repository's name.
    pub repo: String,
    /// The branch that it would land on.
    #[serde(default)]
    pub branch: String,
    /// The commands that the change brings along as checks.
    #[serde(default)]
    pub checks: Vec<String>,
    /// How many files it changes.
    #[serde(default)]
    pub files: u32,
    /// Lines added.
    #[serde(default)]
    pub additions: u32,
    /// Lines taken away.
    #[serde(default)]
    pub deletions: u32,
    /// The landings that it takes back.
    #[serde(default)]
    pub takes_back: Vec<TakenBack>,
    /// Why it is asked.
    pub reasons: Vec<String>,
    /// The unified diff it is about.
    pub diff: Option<String>,
    /// The hunks of its patches that were not where the patch says.
    #[serde(default)]
    pub moved_hunks: Vec<MovedHunk>,
    /// All that whoever asks says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Why it is as risky as it is said to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risk_reasons: Vec<String>,
    /// Where it would happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The rule by which it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// The tree that its checks run on, as git names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
}

/// A landing that a change takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenBack {
    /// The commit it landed as.
    pub commit: String,
    /// What it did, in one line.
    pub title: String,
}

/// Reads what a question is about; none once it was purged.
pub fn document(cx: &Cx, approval: &Approval) -> Result<Option<QuestionDocument>, Error> {
    cx.read_json(approval.question.document)
}
