//! One step handed to one agent; contracts §2.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema's name, as it stands in `schema`.
pub const SCHEMA: &str = "hyperion.assignment/v1";

/// What an agent may spend; null is "no limit of its own".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Tokens.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Money, in millionths of a US dollar.
    #[serde(default)]
    pub cost_micro_usd: Option<u64>,
    /// Seconds.
    #[serde(default)]
    pub wall_sec: Option<u64>,
    /// Iterations.
    #[serde(default)]
    pub iterations: Option<u32>,
}

/// A place worth reading before starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The file.
    pub path: String,
    /// The lines, for instance `10-20`.
    #[serde(default)]
    pub lines: Option<String>,
    /// Why.
    pub why: String,
}

/// One step of a plan, complete for whoever carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Always `hyperion.assignment/v1`.
    pub schema: String,
    /// The request it serves.
    pub request_id: String,
    /// The plan it is part of.
    pub plan_id: String,
    /// The step's number in the plan.
    pub step_id: u32,
    /// The task it carries out.
    pub task_id: String,
    /// What it is about, in one line.
    pub title: String,
    /// What to do.
    pub instructions: String,
    /// Globs of the paths it may change.
    pub owns: Vec<String>,
    /// Globs of the paths worth reading.
    pub reads: Vec<String>,
    /// The tasks that come before it.
    pub depends_on: Vec<String>,
    /// The commit to start from.
    pub base_commit: String,
    /// Commands that must pass on the merged result.
    pub checks: Vec<String>,
    /// What it may spend.
    pub budget: Budget,
    /// Places worth reading first.
    pub context: Vec<Context>,
}
