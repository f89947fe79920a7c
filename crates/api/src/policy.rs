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
    /// What the settings say of commands, the machine's first.
    #[serde(default)]
    pub commands: Vec<CommandRule>,
    /// Whether small low-risk changes pass without asking.
    pub auto_approve_enabled: bool,
    /// The most changed lines for that.
    pub auto_approve_max_lines: u32,
    /// Whether every request asks, whatever policy says.
    pub requires_approval: bool,
    /// The digest of these rules.
    pub digest: String,
}

/// What the settings say of commands that begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandRule {
    /// The words they begin with.
    pub prefix: Vec<String>,
    /// `allow`, `ask` or `deny`.
    pub verdict: String,
    /// Why; empty where nobody said.
    pub reason: String,
    /// `machine`, or `repository` where its `hyperion.toml` says so.
    pub from: String,
}

/// What policy says of a command, a path or a change, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// `allow`, `ask` or `deny`.
    pub verdict: String,
    /// Who has to agree: `auto` (nobody), `team-lead`, `admin` or `manual-only`; null where nobody can.
    pub level: Option<String>,
    /// Why, what weighs most first; empty where nothing speaks against it.
    pub reasons: Vec<Reason>,
    /// What a person can grant for a run instead of agreeing each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
}

/// One reason of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What kind of reason: a stable word with a dot.
    pub code: String,
    /// What it is, in one sentence.
    pub detail: String,
}
