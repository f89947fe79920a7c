//! Requests on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::summary::Summary;

/// A step of a request's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its number, from 1.
    pub number: u32,
    /// The task it carries out.
    pub task_id: String,
    /// What it is about.
    pub title: String,
    /// pending, in_progress, completed, skipped or failed.
    pub status: String,
    /// The tasks that come before it.
    pub depends_on: Vec<String>,
    /// The latest run at it.
    pub run_id: Option<String>,
    /// The change set that came of it.
    pub change_set_id: Option<String>,
    /// Why it failed or was skipped.
    pub reason: Option<String>,
}

/// How far a plan is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// All steps.
    pub total: u32,
    /// Steps that completed.
    pub completed: u32,
    /// Steps being worked on.
    pub in_progress: u32,
    /// Steps not begun.
    pub pending: u32,
    /// Steps that failed.
    pub failed: u32,
    /// Steps passed over.
    pub skipped: u32,
    /// Ended steps in percent of all.
    pub percent: u32,
}

/// A request's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Its id.
    pub id: String,
    /// draft, active, completed or abandoned.
    pub status: String,
    /// Its steps.
    pub steps: Vec<Step>,
    /// How far it is.
    pub progress: Progress,
}

/// The request as the Engineer understood it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// What is in scope.
    pub scope: Vec<String>,
    /// What is not.
    pub non_goals: Vec<String>,
    /// How to tell that it is done.
    pub acceptance: Vec<String>,
    /// What is not clear.
    pub open_questions: Vec<String>,
    /// Paths found in the text.
    pub paths: Vec<String>,
    /// Symbols found in the text.
    pub symbols: Vec<String>,
    /// The words that carry the meaning, the most frequent first.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// The errors that the text, its stack trace and its logs show.
    #[serde(default)]
    pub errors: Vec<ErrorPlace>,
    /// Patterns worth searching for.
    pub search_patterns: Vec<String>,
}

/// An error that a request tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorPlace {
    /// What it says, in one line, or its name.
    pub message: String,
    /// Its code, such as `E0308`, or the name of the exception.
    pub code: Option<String>,
    /// The file it leads to.
    pub path: Option<String>,
    /// The line of that file, from 1.
    pub line: Option<u32>,
}

/// A request as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// What is wanted.
    pub title: String,
    /// feature, bugfix, refactor, docs, debug or diagnose.
    pub class: String,
    /// low, medium, high or critical.
    pub priority: String,
    /// See the contracts, §3a.
    pub status: String,
    /// The repository's name.
    pub repo: String,
    /// The branch it lands on.
    pub branch: String,
    /// Which agent.
    pub agent: String,
    /// cli, chat, http, web, slack or github.
    pub source: String,
    /// Whether it lands nothing.
    pub dry_run: bool,
    /// Who filed it.
    pub submitted_by: String,
    /// When.
    pub submitted_at: String,
    /// When work began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Why it failed or was cancelled.
    pub reason: Option<String>,
    /// The request it takes back.
    pub rolls_back: Option<String>,
    /// The request that took it back.
    pub rolled_back_by: Option<String>,
    /// Approvals that wait for a person now.
    pub waiting_approvals: Vec<String>,
    /// Whether a change of it was sent back and waits for a new version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent_back: bool,
}

/// What came of filing a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filed {
    /// The request as it is now.
    #[serde(flatten)]
    pub request: Request,
    /// Whether its idempotency key stood for it already: then nothing was filed.
    #[serde(default)]
    pub existed: bool,
}

/// A request with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestDetail {
    /// What lists show.
    #[serde(flatten)]
    pub request: Request,
    /// What is wanted, in full.
    pub description: String,
    /// How to tell that it is done.
    pub acceptance: Vec<String>,
    /// The questions that wait for an answer.
    pub questions: Vec<String>,
    /// The answers so far.
    pub answers: Vec<String>,
    /// How the Engineer understood it.
    pub brief: Option<Brief>,
    /// Its plan.
    pub plan: Option<Plan>,
    /// Its change sets.
    pub change_sets: Vec<crate::change_set::ChangeSet>,
    /// Its queue entries.
    pub entries: Vec<crate::queue::Entry>,
    /// Its approvals.
    pub approvals: Vec<crate::approval::Approval>,
    /// How it ended.
    pub summary: Option<Summary>,
}

/// Fields that every request of what is filed takes, unless it says the same itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The repository: a registered name, or a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// What kind of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<crate::task_request::Class>,
    /// How urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<crate::task_request::Priority>,
    /// How to tell that it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<String>,
}

/// An answer to a request's questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The answer.
    pub text: String,
}

/// Why something is called off or taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// In one line.
    #[serde(default)]
    pub reason: Option<String>,
}
