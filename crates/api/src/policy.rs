//! The rules in force, on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rules in force for a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// The repository's name; null for the machine's rules alone.
    pub repo: Option<String>,
    /// Globs that alone may be changed; empty: all that is not denied.
    pub paths_allow: Vec<String>,
    /// Globs that no change may touch.
    pub paths_deny: Vec<String>,
    /// Globs that only an admin lets pass.
    pub protected: Vec<String>,
    /// Whether small low-risk changes pass without asking.
    pub auto_approve_enabled: bool,
    /// The most changed lines for that.
    pub auto_approve_max_lines: u32,
    /// Whether every request asks, whatever policy says.
    pub requires_approval: bool,
    /// The digest of these rules.
    pub digest: String,
}
