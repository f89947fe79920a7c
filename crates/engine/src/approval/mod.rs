//! Approvals: people's decisions, what follows from them, and what happens when nobody decides.

mod decide;
pub(crate) mod reconciler;

use hyperion_api::change_set::MovedHunk;
use hyperion_model::approval::Approval;
use serde::{Deserialize, Serialize};

pub use decide::{Decision, cancel, decide};
pub(crate) use reconciler::Approvals;

use crate::{Cx, Error};

/// What a question is about, in full: what people look at before they decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionDocument {
    /// What would be done, in one line.
    pub summary: String,
    /// The repository's name.
    pub repo: String,
    /// Why it is asked.
    pub reasons: Vec<String>,
    /// The unified diff it is about.
    pub diff: Option<String>,
    /// The hunks of its patches that were not where the patch says.
    #[serde(default)]
    pub moved_hunks: Vec<MovedHunk>,
}

/// Reads what a question is about; none once it was purged.
pub fn document(cx: &Cx, approval: &Approval) -> Result<Option<QuestionDocument>, Error> {
    cx.read_json(approval.question.document)
}
