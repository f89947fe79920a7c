//! File modifications on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of the notices of the feed that say of one.
pub const NOTICE: &str = "file.modified";

/// A file that changed beneath a repository or an agent's clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileModification {
    /// When it was found.
    pub time: String,
    /// Of which repository.
    pub repo_id: String,
    /// By which run, where only one was at work there.
    pub run_id: Option<String>,
    /// The work tree or clone.
    pub root: String,
    /// Where it is, below the root; empty for `missed`.
    pub path: String,
    /// What happened to it: `created`, `modified`, `removed`; `missed` stands for more than was noted.
    pub kind: String,
    /// How that was found: `watch` as it happened, or `comparison` after the run had ended.
    pub found_by: String,
}
