//! A request whose parts were checked, one by one and against each other.

use hyperion_api::task_request::{Change, TaskRequest};
use hyperion_model::facts::{Class, Priority};
use hyperion_model::request::Source;
use hyperion_model::{Name, TaskId};

/// A task that contradicts nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftTask {
    /// Its id.
    pub id: TaskId,
    /// Its place in the request as it was written.
    pub index: usize,
    /// What it is about.
    pub title: String,
    /// What to do.
    pub instructions: String,
    /// Globs of the paths it may change.
    pub owns: Vec<String>,
    /// The ids of the tasks before it.
    pub depends_on: Vec<TaskId>,
    /// Commands that must pass on the merged result.
    pub checks: Vec<String>,
    /// Its edits.
    pub changes: Vec<Change>,
}

/// A request that contradicts neither itself nor the limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What was filed, as it was filed.
    pub request: TaskRequest,
    /// What every pointer into it starts with.
    pub pointer: String,
    /// What kind of work.
    pub class: Class,
    /// How urgent.
    pub priority: Priority,
    /// Where it came from.
    pub source: Source,
    /// Which agent.
    pub agent: Name,
    /// Its tasks, each after those it depends on.
    pub tasks: Vec<DraftTask>,
}
