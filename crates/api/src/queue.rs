//! The merge queue on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change_request::Failure;

/// An entry of the merge queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// What it does, in one line.
    pub title: String,
    /// See the contracts, §3a.
    pub status: String,
    /// The repository's name.
    pub repo: String,
    /// The branch it lands on.
    pub branch: String,
    /// The request it serves.
    pub request_id: String,
    /// The change sets that land with it.
    pub change_set_ids: Vec<String>,
    /// The entries that must land first.
    pub depends_on: Vec<String>,
    /// low, medium, high or critical.
    pub priority: String,
    /// The level that was asked for.
    pub level: String,
    /// Whether it stops before landing.
    pub dry_run: bool,
    /// How often a worker lost it.
    pub attempts: u32,
    /// How often it started over because the branch moved.
    pub refreshes: u32,
    /// The tip it was merged with.
    pub tip: Option<String>,
    /// The merged result.
    pub candidate: Option<String>,
    /// `strict` or `unchecked`, once green.
    pub green: Option<String>,
    /// The commit it landed as.
    pub commit: Option<String>,
    /// conflict, check or policy, when in quarantine.
    pub quarantine: Option<String>,
    /// Why it stands where it stands; where all about a landed one is shown, a work tree that did not follow it.
    pub reason: Option<String>,
    /// The same for programs, where it waits, was given back or failed: `edited`, `index_locked`, `paused`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The later landing that changed every file of it, where it cannot land as it is: most likely it was corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<String>,
    /// The request that took it back since it landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back_by: Option<String>,
    /// When it entered the queue.
    pub enqueued_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// One conflicting place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictHunk {
    /// The first line in the merged text, from 1.
    pub line: u32,
    /// What stood there when the change was made; redacted.
    pub base: String,
    /// What stands there on the branch now; redacted.
    pub ours: String,
    /// What the change wants; redacted.
    pub theirs: String,
}

/// A path that conflicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConflictFile {
    /// The path.
    pub path: String,
    /// What kind of conflict, as git calls it.
    pub kind: String,
    /// What it means.
    pub message: String,
    /// The conflicting places of a text file.
    pub hunks: Vec<ConflictHunk>,
    /// The latest commit on the branch that changed the path since the base.
    pub caused_by: Option<CausedBy>,
}

/// The landed change on the other side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CausedBy {
    /// The commit.
    pub commit: String,
    /// Its subject.
    pub subject: String,
    /// Its author.
    pub author: String,
    /// The queue entry it landed with, if it came through this queue.
    pub entry_id: Option<String>,
}

/// Why an entry is in quarantine, with everything needed to resolve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// conflict, check or policy.
    pub kind: String,
    /// The failure record of the contracts, §3.
    pub failure: Failure,
    /// The paths that conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<ConflictFile>,
    /// What is wrong, by the failed check's output: the first cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FoundError>,
    /// The end of the failed check's output; redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tail: Option<String>,
}

/// An error that a command's output tells of; redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundError {
    /// What kind of error it is: compile, type, test_failure, … (docs/output-analysis.md).
    pub kind: String,
    /// What it says, in one line.
    pub message: String,
    /// The file; relative to the repository where it is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Its code, or the exception's name: `E0308`, `KeyError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The test that failed, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// What could be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// An entry with its evidence and its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryDetail {
    /// What lists show.
    #[serde(flatten)]
    pub entry: Entry,
    /// Why it is in quarantine.
    pub evidence: Option<Evidence>,
    /// Its checks.
    pub checks: Vec<crate::summary::CheckResult>,
}

/// One record of the queue's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogRecord {
    /// When.
    pub time: String,
    /// The entry.
    pub entry_id: String,
    /// Who worked at it.
    pub worker: String,
    /// The engine that held the lease.
    pub lease_owner: String,
    /// merge, check or land.
    pub stage: String,
    /// What came of it.
    pub outcome: String,
    /// From entering the queue to being leased.
    pub dequeue_latency_ms: u64,
    /// How long the stage took.
    pub apply_duration_ms: u64,
    /// How long the worker waited between looks; 0 where it is woken.
    pub poll_interval_ms: u64,
    /// Which attempt.
    pub attempt: u32,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Median and 95th percentile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// The median.
    pub p50: u64,
    /// The 95th percentile.
    pub p95: u64,
}

/// The queue in figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// Entries that can still land.
    pub depth: u64,
    /// Entries by status.
    pub by_status: std::collections::BTreeMap<String, u64>,
    /// Workers at work now.
    pub workers: u32,
    /// Landings in the last 10 minutes, per minute.
    pub throughput_per_min: f64,
    /// From entering the queue to being leased.
    pub dequeue_latency_ms: Percentiles,
    /// How long merging and landing took.
    pub apply_duration_ms: Percentiles,
    /// How long a worker waits between looks; 0: it is woken.
    pub poll_interval_ms: u64,
    /// Leases that were already taken.
    pub lease_contention: u64,
    /// Entries quarantined by a conflict.
    pub conflicts: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Landed entries by all that ended, from 0 to 1.
    pub success_rate: f64,
    /// Entries given up, failed or in quarantine.
    pub dead_letters: u64,
    /// Changes that landed and were taken back.
    #[serde(default)]
    pub taken_back: u64,
    /// The queues that a person stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<QueueState>,
}

/// A repository whose queue is to be stopped, or to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseQueue {
    /// Its name or id, or a path in it.
    pub repo: String,
    /// Where a relative path begins.
    #[serde(default)]
    pub dir: Option<String>,
    /// Why, in one line; for stopping it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A repository, and whether its queue is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueState {
    /// The repository's name.
    pub repo: String,
    /// Whether nothing of it is begun or landed.
    pub paused: bool,
    /// Who stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Entries of it that can still land.
    pub depth: u64,
}

/// Whether anything is left to do without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Idle {
    /// Nothing can go on without a person or a deadline.
    pub idle: bool,
    /// Entries that can still land.
    pub queue_depth: u64,
    /// Approvals that wait for a person.
    pub waiting_approvals: u64,
    /// The number of the last event.
    pub last_seq: u64,
    /// What the engine tried and could not do just now, by part; it tries again by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}
