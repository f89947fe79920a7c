//! Commands that somebody other than a person wants run, on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::Verdict;
use crate::run::{NetworkLevel, Run, SandboxLevel};

/// What `POST /api/commands` takes: `command` or `argv`, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommand {
    /// A command, as bash reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program and its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The folder it starts in.
    pub dir: String,
    /// The run that wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Finds the same command again: a second call with the same key is the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// full (if not said), partial or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxLevel>,
    /// off (if not said), listed or on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkLevel>,
    /// How long it may take; ten minutes if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_sec: Option<u64>,
}

/// A command that was taken: 200 where it may run, 202 where it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Its run; `hyperion run show` follows it.
    pub run: Run,
    /// What the rules say of it.
    pub verdict: Verdict,
    /// The approval that it waits for, or waited for.
    pub approval_id: Option<String>,
}

/// What a hook asks: may an agent run this command, or edit this file, by itself?
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskPermission {
    /// The agent's name.
    pub agent: String,
    /// The agent's own name of its session.
    pub session: String,
    /// A command, as bash reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A program and its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// A file that it edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<String>,
    /// The folder it stands in.
    pub dir: String,
    /// The run that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whether somebody is asked where nobody agreed yet.
    #[serde(default)]
    pub asks: bool,
}

/// The answer to [`AskPermission`]. An agreement is handed out once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Permission {
    /// allow, wait (for an approval), ask (nobody was asked), or deny.
    pub answer: Answer,
    /// What the rules say.
    pub verdict: Verdict,
    /// On what ground it may: `read_only`, grant or approval.
    pub ground: Option<String>,
    /// The approval that it waits for.
    pub approval_id: Option<String>,
    /// Why it may not, where a person said so or nobody answered.
    pub reason: Option<String>,
}

/// Whether an agent may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It may.
    Allow,
    /// Somebody was asked, and has not answered.
    Wait,
    /// Somebody has to be asked.
    Ask,
    /// It may not.
    Deny,
}
