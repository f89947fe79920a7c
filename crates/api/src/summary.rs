//! How a request ended; requirement R10.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Landed {
    /// The queue entry.
    pub entry_id: String,
    /// The tasks it carries.
    pub task_ids: Vec<String>,
    /// The commit on the branch; null in a dry run.
    pub commit: Option<String>,
    /// The branch.
    pub branch: String,
    /// The paths it changed.
    pub paths: Vec<String>,
    /// Lines added.
    pub additions: u32,
    /// Lines taken away.
    pub deletions: u32,
    /// `strict`: exactly this tree passed every check; `unchecked`: the repository has none.
    pub green: String,
}

/// Something that did not land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotLanded {
    /// The task.
    pub task_id: String,
    /// What stopped it: conflict, check, policy, rejected, expired, dependency, cancelled, failed; or empty, where
    /// merging it changed nothing.
    pub why: String,
    /// What happened.
    pub detail: String,
    /// What to do next.
    pub next: String,
    /// The queue entry, where it got that far.
    pub entry_id: Option<String>,
    /// The change set, where it got that far.
    pub change_set_id: Option<String>,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Its run.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// Its command.
    pub command: String,
    /// `passed`, `failed`, `killed` or `lost`.
    pub result: String,
    /// How it exited.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub duration_ms: u64,
}

/// Who let it pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovedBy {
    /// The approval; null when policy itself did.
    pub approval_id: Option<String>,
    /// Who.
    pub by: String,
    /// When.
    pub at: Option<String>,
    /// The level that was asked for.
    pub level: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// completed, partly_landed or failed.
    pub outcome: String,
    /// Whether it was a dry run: `landed` is then what would have landed.
    pub dry_run: bool,
    /// What landed.
    pub landed: Vec<Landed>,
    /// What did not, and why.
    pub not_landed: Vec<NotLanded>,
    /// The checks that ran on merged results.
    pub checks: Vec<CheckResult>,
    /// Who let it pass.
    pub approved_by: Vec<ApprovedBy>,
    /// From filing to the end.
    pub wall_ms: u64,
    /// Tokens spent; 0 without a model.
    pub tokens: u64,
    /// Money spent, in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// The command that takes it back; null when nothing landed.
    pub take_back: Option<String>,
}
