//! Requests as the operation monitor shows them; contracts §6.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request, with what was decided and what landed of it, in one flat record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// The request's id.
    pub id: String,
    /// `rollback`, or the request's class: feature, bugfix, refactor, docs, debug, diagnose.
    pub operation_type: String,
    /// The request's status.
    pub status: String,
    /// What is wanted, in one line.
    pub description: String,
    /// Who filed it.
    pub triggered_by: String,
    /// Where it came from.
    pub source: String,
    /// The branch it lands on: a change has none of its own before it lands.
    pub branch: String,
    /// The branch it started from: the same.
    pub base_branch: String,
    /// The commit that landed last.
    pub commit_sha: Option<String>,
    /// Always null: what lands needs no pull request.
    pub pr_number: Option<u64>,
    /// Always null, likewise.
    pub pr_url: Option<String>,
    /// How many files it changes.
    pub files_changed: u32,
    /// How many lines it adds.
    pub lines_added: u32,
    /// How many lines it takes away.
    pub lines_removed: u32,
    /// low, medium, high or critical: the highest of its questions. None where nothing was asked.
    pub risk_level: Option<String>,
    /// pending, approved, rejected, expired or cancelled; none where nothing was asked.
    pub approval_status: Option<String>,
    /// Who decided last.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<String>,
    /// When work began.
    pub started_at: Option<String>,
    /// When it ended.
    pub completed_at: Option<String>,
    /// Why it failed or was cancelled.
    pub error_message: Option<String>,
    /// Whether what landed of it can be taken back.
    pub can_rollback: bool,
    /// The commit that took it back.
    pub rollback_sha: Option<String>,
    /// When it was taken back.
    pub rolled_back_at: Option<String>,
    /// Where the output of its checks is read.
    pub logs: Vec<String>,
}

/// What an operation changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationDiff {
    /// The request's id.
    pub id: String,
    /// The unified diff of its change sets, one after the other, with secrets masked.
    pub unified_diff: String,
    /// How many of its lines have something masked.
    pub lines_masked: u32,
    /// How many of its change sets are not in it: their content was purged.
    pub purged: u32,
}
