//! The settings that decide how the engine works, as plain values; the binary reads them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hyperion_intake::Sizes;
use hyperion_intake::signature::SigningKey;
use hyperion_model::Name;
use hyperion_policy::RuleSource;
use hyperion_sandbox::{Level, Network};
use serde::Deserialize;

use crate::notify::Notify;

/// Settings of the engine. Where they come from, and their documentation, is the binary's part.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which agent carries out tasks that name none (`agent.default`).
    pub default_agent: Name,
    /// Whether every request asks, whatever policy says (`request.requires_approval`).
    pub requires_approval: bool,
    /// The machine's rules (`policy.*`).
    pub rules: RuleSource,
    /// The keys of those who sign changes from outside (`policy.keys`).
    pub keys: Vec<SigningKey>,
    /// The most steps a plan may have (`plan.max_steps`).
    pub max_steps: usize,
    /// How large what a change touches may be.
    pub sizes: Sizes,
    /// How much a tool call may do, and how often (`policy.tool_read_max_kb`, `policy.tool_write_max_kb`, `policy.file_ops_per_min`).
    pub tools: ToolLimits,
    /// How long an approval waits (`approval.ttl_sec`).
    pub approval_ttl: Duration,
    /// How long before its end it is announced (`approval.warn_before_sec`).
    pub approval_warn_before: Duration,
    /// How long a worker may hold an entry without a sign of life (`merge.lease_sec`).
    pub lease: Duration,
    /// After how many attempts an entry is given up (`merge.max_attempts`).
    pub max_attempts: u32,
    /// How long to wait after a failed attempt (`merge.retry_delay_sec`).
    pub retry_delay: Duration,
    /// How long a check may run (`checks.timeout_sec`).
    pub check_timeout: Duration,
    /// The most bytes of a check's output that are kept (`run.log_max_mb`).
    pub log_max_bytes: usize,
    /// How long the content of ended changes is kept (`files.backup_retention_hours`).
    pub retention: Duration,
    /// Whether files that change are watched (`files.watch`).
    pub watch_files: bool,
    /// Where to, and how often, is shipped (`backup.*`).
    pub backup: Backup,
    /// How long after its end a request stays in the lists (`merge.archive_after_days`).
    pub archive_after: Duration,
    /// How long a dead letter waits for a person (`merge.dead_letter_days`).
    pub dead_letters_after: Duration,
    /// What processes may see, reach and use (`sandbox.*`).
    pub sandbox: SandboxSettings,
    /// How runs are watched (`supervisor.*`).
    pub supervision: Supervision,
    /// The digest of each setting in force, by its key: what changed is recorded.
    pub digests: BTreeMap<String, String>,
    /// Who is told of what, and how (`notify.*`).
    pub notify: Notify,
    /// The program that watches runs: one with the command `shim`, Hyperion itself.
    pub shim_program: PathBuf,
    /// The environment that checks run in; nothing else is inherited.
    pub check_environment: Vec<(String, String)>,
}

/// Where to, and how often, is shipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// The folder; none ships nothing (`backup.ship_to`).
    pub ship_to: Option<PathBuf>,
    /// How often: what can be lost with the home (`backup.ship_every_sec`).
    pub ship_every: Duration,
    /// How far back a restore can go (`backup.keep_days`).
    pub keep: Duration,
}

/// What processes may see, reach and use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSettings {
    /// How much checks and the runs of tools are kept from (`sandbox.checks`).
    pub checks: Level,
    /// What they reach (`sandbox.checks_network`).
    pub checks_network: Network,
    /// How much agents are kept from (`sandbox.agents`).
    pub agents: Level,
    /// The hosts of the network `listed` (`sandbox.network_hosts`).
    pub network_hosts: Vec<String>,
    /// What this process's environment says of the machine's own proxies, by which those hosts are reached.
    pub proxies: Vec<(String, String)>,
    /// The most memory of a run (`sandbox.memory_max_mb`).
    pub memory_max_mb: u64,
    /// The most processes of a run (`sandbox.processes_max`).
    pub processes_max: u64,
}

impl SandboxSettings {
    /// The variables of the environment that say which proxies the machine has; each also in capitals.
    pub const PROXY_VARIABLES: [&str; 4] = hyperion_egress::Upstream::VARIABLES;
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            checks: Level::Full,
            checks_network: Network::On,
            agents: Level::Full,
            network_hosts: Vec::new(),
            proxies: Vec::new(),
            memory_max_mb: 4096,
            processes_max: 512,
        }
    }
}

/// How runs are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervision {
    /// How often a run is expected to give a sign of life (`supervisor.heartbeat_interval_sec`).
    pub heartbeat_interval: Duration,
    /// After how long a silence it counts as stalled (`supervisor.stall_after_sec`).
    pub stall_after: Duration,
    /// What becomes of a stalled run (`supervisor.on_stall`).
    pub on_stall: OnStall,
    /// How often a run is started again (`supervisor.max_restarts`).
    pub max_restarts: u32,
    /// What becomes of a run that outlived its engine (`supervisor.on_orphan`).
    pub on_orphan: OnOrphan,
}

impl Default for Supervision {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(10),
            stall_after: Duration::from_secs(60),
            on_stall: OnStall::Warn,
            max_restarts: 3,
            on_orphan: OnOrphan::Adopt,
        }
    }
}

/// What becomes of a stalled run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStall {
    /// It is said.
    Warn,
    /// It is ended and started again.
    Restart,
    /// It is ended.
    Kill,
}

/// What becomes of a run that outlived its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOrphan {
    /// It goes on.
    Adopt,
    /// It is ended.
    Kill,
}

/// How much a tool call may do, and how often a session may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolLimits {
    /// The most bytes of a file that one call gives.
    pub read_bytes: u64,
    /// The most bytes that one call writes.
    pub write_bytes: u64,
    /// The most changes in a minute.
    pub changes_per_minute: u32,
    /// The most looks in a minute.
    pub looks_per_minute: u32,
    /// How long a call may run the project's tools (`policy.tool_run_timeout_sec`).
    pub run_time: Duration,
}

impl ToolLimits {
    /// How many looks there are to a change.
    pub const LOOKS_PER_CHANGE: u32 = 60;
}
