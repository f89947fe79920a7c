//! What a developer hands in; contracts §3.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::task_request::{Change, Encoding, Operation};

/// The schema's name, as it stands in `schema`.
pub const SCHEMA: &str = "hyperion.change_request/v1";

/// A check that the developer ran itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// The command.
    pub command: String,
    /// How it exited.
    pub exit_code: i32,
    /// The digest of its output.
    #[serde(default)]
    pub log: Option<String>,
}

/// Who vouches for the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Always `ed25519`.
    pub algorithm: String,
    /// Which key.
    pub key_id: String,
    /// The signature, base64.
    pub value: String,
}

/// A proposed change, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Always `hyperion.change_request/v1`.
    pub schema: String,
    /// The task it carries out.
    pub task_id: String,
    /// The request it serves; empty, or left out, where it is to become one of its own.
    #[serde(default)]
    pub request_id: String,
    /// Who made it.
    pub agent: String,
    /// The commit it was made on.
    pub base_commit: String,
    /// What it does, in one line: the subject of the landing's commit.
    pub summary: String,
    /// Its paths, in order.
    pub changes: Vec<Change>,
    /// Checks that the developer ran itself.
    #[serde(default)]
    pub checks: Vec<CheckReport>,
    /// Who vouches for it.
    #[serde(default)]
    pub signature: Option<Signature>,
}

/// Why a change could not be applied or landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The queue entry, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_id: Option<String>,
    /// The task.
    pub task_id: String,
    /// The path, where one path is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The stable code.
    pub code: FailureCode,
    /// What happened and what to do.
    pub detail: String,
    /// The exit status of the command, where one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Where its output is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_ref: Option<String>,
    /// Where its errors are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_ref: Option<String>,
}

/// The stable codes of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FailureCode {
    /// The patch cannot be read.
    #[serde(rename = "apply.invalid_patch")]
    InvalidPatch,
    /// The text around the change is not what the patch expects.
    #[serde(rename = "apply.context_mismatch")]
    ContextMismatch,
    /// The file to change is not there (or the file to create is).
    #[serde(rename = "apply.target_missing")]
    TargetMissing,
    /// The path may not be changed.
    #[serde(rename = "apply.permission_denied")]
    PermissionDenied,
    /// A content hash differs from the one given.
    #[serde(rename = "apply.hash_mismatch")]
    HashMismatch,
    /// The disk or git failed.
    #[serde(rename = "apply.io")]
    Io,
    /// A check failed on the merged result.
    #[serde(rename = "apply.check_failed")]
    CheckFailed,
    /// It conflicts with what landed before it.
    #[serde(rename = "apply.conflict")]
    Conflict,
}
