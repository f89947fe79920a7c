//! What `hyperion doctor` found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a check went.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Works, but could be better.
    Warning,
    /// Work cannot go on.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at: store, key, git, repo, clock, disk and so on.
    pub name: String,
    /// How it went.
    pub health: Health,
    /// What was found.
    pub detail: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of Hyperion.
    pub version: String,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// What `hyperion doctor --fix` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repair {
    /// The rows that were written anew from their events.
    pub mended: Vec<String>,
    /// What could not be mended, and why.
    pub left: Vec<String>,
}
