//! What a shim is told, and what it leaves.

use std::path::PathBuf;

use hyperion_sandbox::{Had, Limits, Sandbox};
use serde::{Deserialize, Serialize};

/// The version of specs, spools and the control protocol. A shim is adopted by newer engines: they read every version there was.
///
/// Since 2, an engine answers what runs ask.
pub const VERSION: u32 = 2;

/// What a process needs, as one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// [`VERSION`].
    pub version: u32,
    /// The run's id: the value of `HYPERION_RUN_ID` in every process of it.
    pub run: String,
    /// The id of all starts of the run: what it asks is found again by it. None in specs of version 1.
    #[serde(default)]
    pub lineage: Option<String>,
    /// The run's capability, `HYPERION_RUN_TOKEN`; none where nobody speaks on the socket.
    pub token: Option<String>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// Its whole environment, without what the shim adds (run id, socket, token).
    pub env: Vec<(String, String)>,
    /// The mask for new files; none leaves the shim's own.
    pub umask: Option<u32>,
    /// What it reads.
    pub stdin: Stdin,
    /// A terminal of this size instead of pipes; then stdout and stderr are one.
    pub terminal: Option<Size>,
    /// What it may see and reach.
    pub sandbox: Sandbox,
    /// What it may use.
    pub limits: Limits,
    /// Lower priority for CPU and IO.
    pub background: bool,
    /// What counts as a sign of life.
    pub heartbeat: HeartbeatFrom,
    /// How long it has to end after SIGTERM before it is killed.
    pub grace_ms: u64,
    /// The loopback ports inside whose bytes go to the engine, with the name the engine knows each by.
    pub channels: Vec<Channel>,
    /// Where the engine takes those channels.
    pub channel_socket: Option<ChannelEnd>,
}

/// A loopback port inside that leads to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// `proxy`, `gateway`.
    pub name: String,
    /// The port inside; in a network namespace of its own any is free. 0: any that is free.
    pub port: u16,
}

impl Channel {
    /// The name of the channel to listed hosts.
    pub const PROXY: &str = "proxy";
}

/// The engine's end of channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelEnd {
    /// The socket that it listens on.
    pub socket: PathBuf,
    /// What shows the engine that it is this run's shim who calls; it never gets inside.
    pub secret: String,
}

/// What a process reads on standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// Nothing.
    #[default]
    Null,
    /// A file in the run's folder.
    File(PathBuf),
    /// What the attached client sends.
    Attached,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

/// What counts as a sign of life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatFrom {
    /// None is expected.
    #[default]
    Nobody,
    /// Messages on the run's socket.
    Socket,
    /// Output.
    Output,
    /// CPU time used by the tree.
    Cpu,
}

/// Which process a shim is; `shim.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimRecord {
    /// [`VERSION`] of the shim.
    pub version: u32,
    /// `pid:start:boot`, as `hyperion_host::ProcessMark` prints it.
    pub mark: String,
}

/// How a run ended; `ended.json`, and the last frame of the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub end: End,
    /// What it used.
    pub usage: Usage,
    /// What it really had.
    pub had: Had,
    /// Bytes it wrote, and how many of them the spool left out.
    pub output_bytes: u64,
    /// See `output_bytes`.
    pub dropped_bytes: u64,
    /// When, in milliseconds since 1970, by the machine's clock; none of a shim that did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// The approvals that it was told to be pending last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum End {
    /// By itself.
    Exited {
        /// Its status.
        code: i32,
    },
    /// By a signal that was not ours.
    Signalled {
        /// Its number.
        signal: i32,
    },
    /// We ended it: a limit.
    Limit {
        /// `wall`, `memory`, `processes`.
        limit: String,
    },
    /// We ended it: somebody asked.
    Stopped,
    /// It never began: the program was not found (127), could not be run (126), or the shim failed (125).
    NotStarted {
        /// As for `env` and `timeout`.
        code: i32,
        /// What the system said.
        why: String,
    },
}

/// What a process tree used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all of it.
    pub cpu_ms: u64,
    /// Its highest memory.
    pub memory_peak_kb: u64,
    /// Bytes read from disks, where the system says it.
    pub read_bytes: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
    /// From start to end.
    pub wall_ms: u64,
}
