//! Approvals on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One question to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// pending, approved, rejected, expired or cancelled.
    pub status: String,
    /// What would be done, for instance `land`.
    pub action: String,
    /// What it is about, in one line.
    pub summary: String,
    /// The repository it is about.
    #[serde(default)]
    pub repo: String,
    /// The branch that it would land on.
    #[serde(default)]
    pub branch: String,
    /// How many files it changes.
    #[serde(default)]
    pub files: u32,
    /// Lines added.
    #[serde(default)]
    pub additions: u32,
    /// Lines taken away.
    #[serde(default)]
    pub deletions: u32,
    /// The commands that the change brings along as checks; they are run before it lands. Redacted.
    #[serde(default)]
    pub checks: Vec<String>,
    /// The landings that it takes back.
    #[serde(default)]
    pub takes_back: Vec<TakenBack>,
    /// Who has to agree: team-lead, admin or manual-only.
    pub level: String,
    /// low, medium, high or critical.
    pub risk: String,
    /// Why it is asked.
    pub reasons: Vec<String>,
    /// What an answer is bound to; send it along so that a stale answer is noticed.
    pub digest: String,
    /// How often the same question was asked before, plus one.
    pub generation: u32,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// The change set it is about.
    pub change_set_id: Option<String>,
    /// The version of that change that was sent back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_change_set_id: Option<String>,
    /// The registered key whose signature of the change was verified, where it came from outside and was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// When it was asked.
    pub asked_at: String,
    /// When it expires.
    pub expires_at: String,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<String>,
    /// What they said.
    pub reason: Option<String>,
    /// Whether they asked for a revision.
    pub changes_requested: bool,
}

/// A landing that a change takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TakenBack {
    /// The commit it landed as.
    pub commit: String,
    /// What it did, in one line.
    pub title: String,
}

/// A question with what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalDetail {
    /// What lists show.
    #[serde(flatten)]
    pub approval: Approval,
    /// The unified diff it is about; redacted, unless it was asked for unmasked.
    pub diff: Option<String>,
    /// The hunks of its patches that were not where the patch says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_hunks: Vec<crate::change_set::MovedHunk>,
    /// How many lines of diff and checks have something masked. Above 0 it is approved only by somebody who was shown
    /// it unmasked.
    #[serde(default)]
    pub lines_masked: u32,
    /// Who was shown it unmasked last.
    #[serde(default)]
    pub looked_at_by: Option<String>,
}

/// Asks to be shown a question with nothing masked; that it was shown is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookAtWhole {
    /// The digest of what is meant.
    #[serde(default)]
    pub digest: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Why, in one line.
    #[serde(default)]
    pub reason: Option<String>,
    /// What to change, for `request-changes`.
    #[serde(default)]
    pub comment: Option<String>,
    /// The digest of what was looked at.
    #[serde(default)]
    pub digest: Option<String>,
}
