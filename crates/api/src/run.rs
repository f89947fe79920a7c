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
    /// What it works at, in one line.
    pub title: String,
    /// See the contracts, §3a.
    pub status: String,
    /// The request it belongs to.
    pub request_id: String,
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
    /// When it ended.
    pub ended_at: Option<String>,
    /// How long it took, or has taken.
    pub duration_ms: u64,
}

/// The output of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// The text, redacted; the end of it where it is long.
    pub text: String,
    /// Whether the beginning is left out.
    pub truncated: bool,
}
