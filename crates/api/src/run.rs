//! Runs on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::queue::FoundError;

/// One supervised piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// agent, check, command or tool.
    pub kind: String,
    /// The agent, the name of the check, the program, or the tool.
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
    /// What allowed it, where it was judged: sandbox, `read_only`, grant or approval; `held` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
    /// How long it took, or has taken.
    pub duration_ms: u64,
    /// How much of it is done, in percent, as it last said itself while it was at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// What it is doing, as it last said itself; redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// When it last said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_at: Option<String>,
    /// Whether its processes wait because the disk is full, and their output cannot be kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disk_full: bool,
    /// What it failed of, by its output; where one run is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<FoundError>,
    /// The approvals that it waits for, where it is parked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// Hosts that it asked for and was refused, the latest last; where one run is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_hosts: Vec<RefusedHost>,
}

/// The kind of the notices of the feed that say how far a run is.
pub const PROGRESSED: &str = "run.progressed";
/// The kind of the notices of the feed that say that a run gives no sign of life.
pub const HEARTBEAT_MISSED: &str = "run.heartbeat_missed";

/// A notice of the feed about a run: it is told to whoever follows, and not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunNotice {
    /// When it was noticed.
    pub time: String,
    /// Of which run.
    pub run_id: String,
    /// The request that the run belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How much of it is done, in percent, of one that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// What it is doing, of one that says so; redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// When the last sign of life came, of one that gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
}

/// A host that a run was kept from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedHost {
    /// Its name and port, as the run asked for it; redacted.
    pub host: String,
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

/// What `POST /api/runs` takes: a command that a person wants to be run under supervision. The call registers it and lays out its folder;
/// whoever called then starts its shim there, so that the command has that process's limits, priority and control group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The folder it starts in.
    pub cwd: String,
    /// Its whole environment, as pairs of name and value.
    pub env: Vec<(String, String)>,
    /// What lists call it; else the command line.
    #[serde(default)]
    pub title: Option<String>,
    /// Whether the caller sends it what it reads; else it reads nothing.
    #[serde(default)]
    pub reads: bool,
    /// The size of the terminal it gets, as rows and columns; else it gets pipes.
    #[serde(default)]
    pub terminal: Option<(u16, u16)>,
    /// off, partial or full.
    #[serde(default)]
    pub sandbox: SandboxLevel,
    /// off, listed or on.
    #[serde(default)]
    pub network: NetworkLevel,
    /// output, cpu, socket or nobody.
    #[serde(default)]
    pub heartbeat_from: HeartbeatFrom,
    /// Whether others go first at CPU and disk.
    #[serde(default)]
    pub background: bool,
    /// How long it may take.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// The mask for new files; else that of whoever starts its shim.
    #[serde(default)]
    pub umask: Option<u32>,
}

/// How much of the machine a command sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// Everything that its user sees.
    #[default]
    Off,
    /// No files but the system's and its own folder.
    Partial,
    /// Nothing else exists.
    Full,
}

/// What a command reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkLevel {
    /// Loopback alone.
    Off,
    /// The hosts that the settings list.
    Listed,
    /// Whatever the machine reaches.
    #[default]
    On,
}

/// What counts as a sign of life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatFrom {
    /// What it writes.
    Output,
    /// The CPU time it uses.
    Cpu,
    /// What it says on the run's socket.
    Socket,
    /// None is expected.
    #[default]
    Nobody,
}

/// One item of `GET /api/runs/{id}/log?follow=true&after=SEQ`, with its secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogItem {
    /// Its number: `after=` this one goes on behind it.
    pub seq: u64,
    /// When it was written, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub body: LogBody,
}

/// Why output was not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// There was more than is kept of a run (`run.log_max_mb`).
    #[default]
    Limit,
    /// The disk was full for too long.
    DiskFull,
}

/// What an item of a log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "stream", rename_all = "snake_case")]
pub enum LogBody {
    /// Standard output, or the terminal.
    Out {
        /// What it wrote.
        text: String,
    },
    /// Standard error.
    Err {
        /// What it wrote.
        text: String,
    },
    /// Output that was not kept.
    Gap {
        /// How much of it.
        bytes: u64,
        /// Why.
        #[serde(default)]
        cause: GapCause,
    },
    /// The run has ended; nothing follows.
    Ended {
        /// How.
        status: String,
        /// The exit status of its process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
}
