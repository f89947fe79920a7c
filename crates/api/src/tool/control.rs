//! The control tools: what became of the work, and handing a branch in with words of its own.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::git::HandedIn;
use super::{Effect, Tool, Toolset, input, output};
use crate::queue::FoundError;
use crate::run::NetworkLevel;

/// The server's name.
pub const SERVER: &str = "control";

/// The server.
pub(super) static TOOLSET: Toolset = Toolset {
    name: SERVER,
    instructions: "Shows what became of work in this repository: its plan, its place in the queue, its approvals. It asks people for an approval, too, and runs commands that your own sandbox keeps from you. Nothing is decided from here: approvals are for people.",
    tools: LazyLock::new(tools),
};

/// Parameters of `plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The request: its id, or the last digits of it.
    pub request: String,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its number.
    pub number: u32,
    /// The task that it carries out.
    pub task: String,
    /// Where it stands.
    pub status: String,
    /// The steps that come before it.
    pub depends_on: Vec<u32>,
    /// Why it failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What `plan` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanResult {
    /// The request.
    pub request: String,
    /// What was asked for, in one line.
    pub title: String,
    /// Where the request stands.
    pub status: String,
    /// Why it ended as it did, where that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its steps; empty before it is planned.
    pub steps: Vec<Step>,
    /// Its change sets.
    pub change_sets: Vec<ChangeSet>,
}

/// A change set of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeSet {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: String,
    /// The task that it is for.
    pub task: String,
    /// The commit that it landed as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why it ended, where it did not land.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Parameters of `queue`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// Only the entries of this request, also those that have ended.
    #[serde(default)]
    pub request: Option<String>,
}

/// An entry of the merge queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueEntry {
    /// Its id.
    pub id: String,
    /// The request that it belongs to.
    pub request: String,
    /// Where it stands.
    pub status: String,
    /// The branch that it is to land on.
    pub branch: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The commit that it landed as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why it waits, or ended without landing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What `queue` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueResult {
    /// The repository's entries: those that are open, or those of the request; the oldest first.
    pub entries: Vec<QueueEntry>,
    /// Whether there are more.
    pub more: bool,
}

/// Parameters of `approval`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// The request.
    pub request: String,
}

/// A question to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: String,
    /// Who may decide it.
    pub level: String,
    /// How risky it is.
    pub risk: String,
    /// When it expires.
    pub expires_at: String,
    /// Who decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// What was said with the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The command by which a person sees it and decides.
    pub look: String,
}

/// What `approval` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalResult {
    /// The request.
    pub request: String,
    /// Where it stands.
    pub status: String,
    /// Its questions, the oldest first; empty when nobody was asked.
    pub questions: Vec<Question>,
}

/// Parameters of `requestApproval`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestApproval {
    /// Names the question: the same key gives the same approval again, also once it is decided. Letters, digits and `.`, `_`, `-`, `/`, `:`.
    pub key: String,
    /// What would be done, in a sentence.
    pub summary: String,
    /// What would be done, in a word: `deploy`.
    #[serde(default)]
    pub action: Option<String>,
    /// All that the person has to know, such as the exact command; what is approved is exactly this.
    #[serde(default)]
    pub details: Option<serde_json::Value>,
    /// low, medium, high or critical; medium when left out.
    #[serde(default)]
    pub risk: Option<String>,
    /// What it changes, as a patch.
    #[serde(default)]
    pub diff: Option<String>,
}

/// Parameters of `approvalStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalStatus {
    /// The approval that `requestApproval` named.
    pub approval: String,
}

/// What `requestApproval` and `approvalStatus` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The approval.
    pub approval: String,
    /// pending, approved, rejected, expired or cancelled.
    pub status: String,
    /// How often it was asked.
    pub generation: u32,
    /// Who may decide it.
    pub level: String,
    /// When it expires.
    pub expires_at: String,
    /// Who decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// What was said with the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it was rejected so that something else is asked under the same key.
    pub changes_requested: bool,
    /// The command by which a person sees it and decides.
    pub look: String,
}

/// Parameters of `propose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Propose {
    /// What the change does, in one line.
    pub title: String,
    /// Why, and whatever a reviewer has to know.
    pub description: String,
    /// The branch of a clone; the one that is checked out when left out.
    #[serde(default)]
    pub branch: Option<String>,
}

/// Parameters of `runCommand`: a command with `command` or `argv`, or `run` to come back to one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunCommand {
    /// A command, as bash reads it.
    #[serde(default)]
    pub command: Option<String>,
    /// A program and its arguments.
    #[serde(default)]
    pub argv: Option<Vec<String>>,
    /// The folder it starts in, below the one that the server is bound to; that one when left out.
    #[serde(default)]
    pub directory: Option<String>,
    /// What it reaches: off (when left out), listed or on.
    #[serde(default)]
    pub network: Option<NetworkLevel>,
    /// How long it may take; ten minutes when left out.
    #[serde(default)]
    pub timeout_sec: Option<u64>,
    /// The run of a command that this tool took before: nothing is run again.
    #[serde(default)]
    pub run: Option<String>,
    /// How long to wait for its end, or for a person's decision: 30 s when left out, at most 240.
    #[serde(default)]
    pub wait_sec: Option<u64>,
}

/// What `runCommand` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandResult {
    /// The command's run; give it as `run` to come back.
    pub run: String,
    /// parked while a person has to decide; starting or running; finished, failed, killed or lost when it has ended.
    pub status: String,
    /// On what ground it runs: sandbox, `read_only`, grant or approval; held while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
    /// The approval that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Why somebody has to agree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended as it did, where that was not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The end of what it wrote, with secrets masked.
    pub output: String,
    /// Whether the beginning of that is left out.
    pub truncated: bool,
    /// What it failed of, where its output tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<FoundError>,
}

/// Makes the list of this server's tools.
fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "plan",
            title: "Show a plan",
            description: "Shows a request of this repository: where it stands, its steps, and what became of its change sets.",
            effect: Effect::Reads,
            input: input::<Plan>(),
            output: output::<PlanResult>(),
        },
        Tool {
            name: "queue",
            title: "Show the merge queue",
            description: "Lists what waits to land in this repository, or the entries of one request with what became of them.",
            effect: Effect::Reads,
            input: input::<Queue>(),
            output: output::<QueueResult>(),
        },
        Tool {
            name: "approval",
            title: "Show approvals",
            description: "Shows what people were asked about a request, and what they decided. Nothing is decided by this tool.",
            effect: Effect::Reads,
            input: input::<Approval>(),
            output: output::<ApprovalResult>(),
        },
        Tool {
            name: "requestApproval",
            title: "Ask for an approval",
            description: "Asks people whether something may be done, and answers at once how that stands. Ask again with the same key, or call approvalStatus, to learn what was decided.",
            effect: Effect::Writes,
            input: input::<RequestApproval>(),
            output: output::<Standing>(),
        },
        Tool {
            name: "approvalStatus",
            title: "Look how an approval stands",
            description: "Says how something that requestApproval asked stands: who decided, and what they said.",
            effect: Effect::Reads,
            input: input::<ApprovalStatus>(),
            output: output::<Standing>(),
        },
        Tool {
            name: "propose",
            title: "Propose a change",
            description: "Hands an agent/ branch of a clone in, as the git server's push does, with a title and a description of your own.",
            effect: Effect::Writes,
            input: input::<Propose>(),
            output: output::<HandedIn>(),
        },
        Tool {
            name: "runCommand",
            title: "Run a command",
            description: "Runs a command outside of your own sandbox: one that needs more than you have. The rules judge it; it runs, waits until a person agrees, or is refused. While it waits, do something else, and come back with `run`.",
            effect: Effect::Runs,
            input: input::<RunCommand>(),
            output: output::<CommandResult>(),
        },
    ]
}
