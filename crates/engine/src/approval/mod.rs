//! Approvals: people's decisions, what follows from them, and what happens when nobody decides.

mod decide;
pub(crate) mod reconciler;
mod shown;

use hyperion_api::change_set::MovedHunk;
use hyperion_model::approval::Approval;
use serde::{Deserialize, Serialize};

pub use decide::{Decider, Decision, WhoMayDecide, cancel, decide, who_may_decide};
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
