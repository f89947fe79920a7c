//! What the audit log can show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was verified, what was found, and what could not be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Whether everything that could be checked holds.
    pub ok: bool,
    /// How many events were read.
    pub events: u64,
    /// The first event that does not fit the chain, and why.
    pub first_bad: Option<String>,
    /// What is wrong with the database as a file, and what could not be read because of it.
    #[serde(default)]
    pub structure: Vec<String>,
    /// sealed, unsealed, mismatch or key_missing.
    pub head: String,
    /// How many states were compared with their replayed history.
    pub rows_compared: u64,
    /// The states that differ.
    pub rows_differ: Vec<String>,
    /// Blobs that cannot be read.
    pub damaged_blobs: Vec<String>,
    /// Landings whose commit's audit trailer was compared with the log.
    pub landings_compared: u64,
    /// Landings that do not fit.
    pub landings_differ: Vec<String>,
    /// Branches that somebody moved below landings. The log has them as they were, so this is no fault of it.
    #[serde(default)]
    pub landings_moved: Vec<String>,
    /// What these checks cannot show.
    pub not_shown: Vec<String>,
}

/// One landing as the log alone tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Landing {
    /// The entry.
    pub entry_id: String,
    /// The request.
    pub request_id: String,
    /// What it did, in one line; not where only the log is asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The repository's name; not where only the log is asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub repo: String,
    /// The request that took it back since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back_by: Option<String>,
    /// Who asked.
    pub asked_by: String,
    /// Who approved.
    pub approved_by: Vec<String>,
    /// How many checks passed.
    pub checks: u32,
    /// Which, and what came of them.
    #[serde(default)]
    pub results: Vec<LandedCheck>,
    /// What landed.
    pub commit: String,
    /// When.
    pub landed_at: String,
    /// What became of it since, where something did: its branch was moved below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A check that a landing rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LandedCheck {
    /// Its name.
    pub name: String,
    /// passed, failed, killed, lost or running.
    pub result: String,
}

/// The queue, rebuilt from the log alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replay {
    /// How many events were read.
    pub events: u64,
    /// What landed, oldest first.
    pub landings: Vec<Landing>,
    /// The entries by status.
    pub queue: std::collections::BTreeMap<String, u64>,
    /// Whether the rebuilt queue is the one in the database.
    pub same_as_database: bool,
}
