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
    /// What it is found again by, together with who asks.
    #[serde(default)]
    pub key: String,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// The run that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Which roles may decide it.
    #[serde(default)]
    pub may_decide: Vec<String>,
    /// How often it was given more time.
    #[serde(default)]
    pub extensions: u32,
}

/// Where what is asked about would happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The names of the environment variables that it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
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
    /// All that whoever asks says about it, as JSON that people can read; redacted, unless it was asked for unmasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Why it is as risky as it is said to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risk_reasons: Vec<String>,
    /// Where it would happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The rule by which it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// The tree that its checks run on, as git names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
}

/// What `POST /api/approvals` takes: a question of a person's own script. A tool inside a run asks on the run's socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApproval {
    /// Names the question: the same key by the same person gives the same approval again.
    pub key: String,
    /// What would be done, in a word: `deploy`.
    pub action: String,
    /// What would be done, in a sentence.
    pub summary: String,
    /// All that is to be known about it; what is approved is exactly this.
    #[serde(default)]
    pub details: serde_json::Value,
    /// low, medium, high or critical; medium when left out.
    #[serde(default)]
    pub risk: Option<String>,
    /// What it changes, as a patch.
    #[serde(default)]
    pub diff: Option<String>,
    /// How long the question stands, in seconds; else as the settings say.
    #[serde(default)]
    pub ttl_sec: Option<u64>,
    /// The repository it is about.
    #[serde(default)]
    pub repo: Option<String>,
    /// Where it would happen.
    #[serde(default)]
    pub place: Option<Place>,
}

/// Gives more time to decide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// How much more, in seconds; an hour when left out.
    #[serde(default)]
    pub by_sec: Option<u64>,
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
