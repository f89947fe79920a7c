//! Work that exists in git, handed in without writing its edits out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::List;
use crate::request::Filed;
use crate::task_request::{Class, Priority};

/// Where the work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A branch: everything on it that the branch it lands on does not have.
    Branch(String),
    /// A range of commits, `A..B`, or one commit alone.
    Commits(String),
    /// The text of a unified diff, or of mails as `git format-patch` writes them, one after the other.
    Patch(String),
}

/// Work to be handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromGit {
    /// Where it is.
    pub from: Work,
    /// What it does, in one line; told by the commits when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether each commit, or each patch, becomes a task of its own, one on top of the other.
    #[serde(default)]
    pub split: bool,
    /// The repository: a registered name, or a path; `.` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// What kind of work; guessed from the text when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// How to tell that it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<String>,
    /// Whether to ask even where policy would let it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_approval: Option<bool>,
    /// Whether all tasks land together or not at all.
    #[serde(default)]
    pub atomic: bool,
    /// The request that this is the new version of; all of it is one change, and that was sent back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revises: Option<String>,
}

/// What became of work that was handed in: a list of one request, and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandedIn {
    /// The request.
    #[serde(flatten)]
    pub requests: List<Filed>,
    /// Whether the same work was handed in before: then this is the request it became.
    pub again: bool,
    /// Whether it is the new version of what was sent back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revised: bool,
    /// What was handed in and what it starts from, in one line.
    pub what: String,
    /// What somebody should know about it.
    #[serde(default)]
    pub notes: Vec<String>,
}
