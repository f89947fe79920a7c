//! Runs on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One supervised piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// agent or check.
    pub kind: String,
    /// The agent, or the name of the check.
    #[serde(default)]
    pub name: String,
    /// What it works at, in one line: the step's title, or the check's command.
    pub title: String,
    /// See the contracts, §3a.
    pub status: String,
    /// The request it belongs to.
    pub request_id: String,
    /// The tasks it is about.
    #[serde(default)]
    pub task_ids: Vec<String>,
    /// The queue entry, for a check.
    pub entry_id: Option<String>,
    /// Which start this is, from 1.
    pub incarnation: u32,
    /// The process, where it has one.
    pub pid: Option<u32>,
    /// How it exited.
    pub exit_code: Option<i32>,
    /// Why it ended as it did.
    pub reason: Option<String>,
    /// When it was decided on.
    pub created_at: String,
    /// When it began.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How long it took, or has taken.
    pub duration_ms: u64,
}

/// The output of a run, or a piece of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// The text, redacted.
    pub text: String,
    /// Whether something that came before is left out.
    pub truncated: bool,
    /// Where the next piece begins, for `?from=`; left out of an answer to `?tail_kb=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Whether more of it is there already, from `next` on.
    #[serde(default)]
    pub more: bool,
    /// Whether the run has ended.
    #[serde(default)]
    pub ended: bool,
}
