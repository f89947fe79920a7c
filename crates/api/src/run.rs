//! Runs on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One supervised piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// agent, check or command.
    pub kind: String,
    /// The agent, the name of the check, or the program.
    #[serde(default)]
    pub name: String,
    /// What it works at, in one line: the step's title, or the command.
    pub title: String,
    /// See the contracts, §3a.
    pub status: String,
    /// The request it belongs to; none for a command that somebody runs.
    pub request_id: Option<String>,
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
    /// Who asked for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// What its processes used, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What really kept it from the rest of the machine, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
    /// How long it took, or has taken.
    pub duration_ms: u64,
}

/// What the processes of a run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// CPU time of all of them.
    pub cpu_ms: u64,
    /// Their highest memory.
    pub memory_peak_kb: u64,
    /// Bytes read from disks.
    pub read_bytes: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// How many of those were not kept.
    pub dropped_bytes: u64,
}

/// What really kept a run from the rest of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sandbox {
    /// full, partial or off.
    pub level: String,
    /// off, gateway, listed or on.
    pub network: String,
    /// The layers that were there.
    pub layers: Vec<String>,
    /// Those that were wished for and were not.
    pub lacks: Vec<Lack>,
}

/// A layer of the sandbox that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lack {
    /// Which.
    pub layer: String,
    /// Why, with what would give it.
    pub why: String,
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
