//! Grants on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::approval::Approval;

/// A person's agreement, beforehand, to every command of one shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The shape of the commands, redacted; null once it was purged.
    pub shape: Option<String>,
    /// What it is given for: `run`, `request` or `repo`.
    pub scope: String,
    /// The run's lineage, the request or the repository.
    pub subject_id: String,
    /// What that is called, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The strictest question that it answers: `team-lead` or `admin`.
    pub level: String,
    /// active, `used_up`, expired or revoked.
    pub status: String,
    /// How often it may be used; null: without end.
    pub uses_max: Option<u32>,
    /// How often it was.
    pub uses: u32,
    /// When it was used last.
    pub used_at: Option<String>,
    /// Until when it holds.
    pub expires_at: Option<String>,
    /// Who agreed.
    pub granted_by: String,
    /// When.
    pub granted_at: String,
    /// Who took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a grant is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One run, in all its starts.
    Run,
    /// All that is done for one request.
    Request,
    /// Everything in one repository; takes an admin.
    Repo,
}

/// What `POST /api/grants` and `POST /api/grants/rehearse` take. The shape is said by itself, by a command or by an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// The shape of the commands, as `hyperion policy test --command` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// A command of that shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// An approval of such a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// What it is given for. With an approval: its request, or else its run, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The run, the request, or the repository's id or name; with an approval its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
    /// How often it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_max: Option<u32>,
    /// Until when it holds. One for a run ends after a day, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// What a grant would have come to over the last questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rehearsal {
    /// The shape, redacted.
    pub shape: String,
    /// What the grant is given for.
    pub scope: String,
    /// The run's lineage, the request or the repository.
    pub subject_id: String,
    /// The strictest question that it would answer.
    pub level: String,
    /// How many questions were looked at.
    pub looked_at: u32,
    /// Those that it would have answered, oldest first.
    pub answered: Vec<Approval>,
    /// Those that would still have been asked.
    pub still_asked: Vec<StillAsked>,
}

/// A question that a grant would not have answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StillAsked {
    /// The question.
    pub approval: Approval,
    /// Why: `no_command`, `no_shape`, `other_shape`, `other_scope`, `stricter` or `used_up`.
    pub why: String,
    /// The same in words.
    pub detail: String,
}

/// What `POST /api/grants/{id}/revoke` takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Why, in one line.
    #[serde(default)]
    pub reason: Option<String>,
}
