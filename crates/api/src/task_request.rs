//! What `hyperion request FILE` reads; contracts §1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change_request::{CheckReport, Signature};

/// The schema's name, as it stands in `schema`.
pub const SCHEMA: &str = "hyperion.task_request/v1";

/// What kind of work is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Something new.
    #[serde(alias = "implement")]
    #[schemars(extend("x-aliases" = ["implement"]))]
    Feature,
    /// A mended fault.
    #[serde(alias = "fix")]
    #[schemars(extend("x-aliases" = ["fix"]))]
    Bugfix,
    /// The same behaviour in a better shape.
    Refactor,
    /// Text for people.
    Docs,
    /// A question about a fault.
    Debug,
    /// A question about a machine.
    Diagnose,
}

/// How urgent it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Whenever there is room.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Before the usual.
    High,
    /// Before everything.
    Critical,
}

/// What a change does to its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Makes a file that was not there.
    Create,
    /// Changes a file's content.
    Modify,
    /// Removes a file.
    Delete,
    /// Moves a file from `from_path`, perhaps with a patch.
    Rename,
    /// Changes only the mode.
    Chmod,
}

/// How `content` is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// As text.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// As base64 (RFC 4648 §4, padded), for binary files.
    #[serde(rename = "base64")]
    Base64,
}

/// One path of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What happens to the path.
    pub operation: Operation,
    /// The path, relative to the repository's top.
    pub path: String,
    /// Where it comes from, when it is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_path: Option<String>,
    /// The git mode afterwards: `100644`, `100755` or `120000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The digest of the content before, `sha256:…`; checked when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
    /// A unified diff of this path; exactly one of `patch` and `content` for create and modify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// The whole new content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How `content` is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The digest of the content after, `sha256:…`; checked when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_hash: Option<String>,
}

/// One task of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its id, unique in the request.
    pub id: String,
    /// What it is about, in one line.
    #[serde(default)]
    pub title: String,
    /// What to do.
    #[serde(default)]
    pub instructions: String,
    /// Globs of the paths it may change; none given: whatever its changes name.
    #[serde(default)]
    pub owns: Vec<String>,
    /// The tasks that come before it.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Commands that must pass on the merged result, besides the repository's own.
    #[serde(default)]
    pub checks: Vec<String>,
    /// The edits themselves, where they are known already.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Who made the edits, where they came as a change request. It is noted when that is taken, and cannot be filed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<MadeBy>,
}

/// Who made a task's edits, and what was said of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MadeBy {
    /// Who made them.
    pub agent: String,
    /// Checks that whoever made them ran.
    #[serde(default)]
    pub checks: Vec<CheckReport>,
    /// Who vouches for them.
    #[serde(default)]
    pub signature: Option<Signature>,
}

/// What went wrong, for requests about a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorContext {
    /// The message.
    #[serde(default)]
    pub error_message: String,
    /// The stack trace.
    #[serde(default)]
    pub stack_trace: Option<String>,
    /// Lines of a log.
    #[serde(default)]
    pub logs: Option<String>,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The command line.
    Cli,
    /// A chat session.
    Chat,
    /// The HTTP API.
    Http,
    /// The web page.
    Web,
    /// Slack.
    Slack,
    /// A GitHub issue.
    Github,
}

/// Where a request came from, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The surface.
    pub kind: SourceKind,
    /// The channel, where the surface has channels.
    #[serde(default)]
    pub channel: Option<String>,
    /// The thread, where the surface has threads.
    #[serde(default)]
    pub thread: Option<String>,
}

/// A request for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// Always `hyperion.task_request/v1`.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// What is wanted, in one line.
    pub title: String,
    /// What is wanted, in full.
    #[serde(default)]
    pub description: String,
    /// What kind of work; guessed from the text when absent.
    #[serde(default)]
    pub class: Option<Class>,
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// The repository: a registered name, or a path; `.` when absent.
    #[serde(default)]
    pub repo: Option<String>,
    /// A branch to land on, or a commit of the repository's branch that the changes were made on.
    #[serde(default)]
    pub base: Option<String>,
    /// How to tell that it is done.
    #[serde(default)]
    pub acceptance: Vec<String>,
    /// Which agent; the configured default when absent.
    #[serde(default)]
    pub agent: Option<String>,
    /// Whether to ask even where policy would let it pass; never lowers what policy asks for.
    #[serde(default)]
    pub requires_approval: Option<bool>,
    /// Whether all tasks land together or not at all.
    #[serde(default)]
    pub atomic: bool,
    /// Files the work is about.
    #[serde(default)]
    pub target_files: Vec<String>,
    /// What went wrong.
    #[serde(default)]
    pub error_context: Option<ErrorContext>,
    /// The proposed request this one was accepted from.
    #[serde(default)]
    pub feature_request_id: Option<String>,
    /// The session it belongs to.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Where it came from.
    #[serde(default)]
    pub source: Option<Source>,
    /// The same key answers the same request.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// The tasks, where they are known already.
    #[serde(default)]
    pub tasks: Vec<Task>,
}
