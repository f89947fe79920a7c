//! What the hooks of all agents have in common: pure.

use std::path::PathBuf;

use serde_json::Value;

use crate::exit::Exit;

/// A tool call that an agent is about to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The agent's own name of its session.
    pub(super) session: String,
    /// The folder that it stands in.
    pub(super) dir: PathBuf,
    /// What it is about to do; one judgement each, the worst counts.
    pub(super) acts: Vec<Act>,
}

/// One thing that a tool call does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Runs a command, as bash reads it.
    Command(String),
    /// Reads a file.
    Read(String),
    /// Writes or deletes a file.
    Edit(String),
}

/// What an agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing: its own rules hold.
    Pass,
    /// Go ahead, and why.
    Allow(String),
    /// Ask your person, and why.
    Ask(String),
    /// Do not, and why.
    Deny(String),
}

/// What is said to an agent, in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) stdout: Option<Value>,
    pub(super) stderr: Option<String>,
    pub(super) exit: Exit,
}

impl Said {
    /// Nothing.
    pub(super) const NOTHING: Self = Self {
        stdout: None,
        stderr: None,
        exit: Exit::Done,
    };

    /// Says JSON.
    pub(super) const fn json(value: Value) -> Self {
        Self {
            stdout: Some(value),
            stderr: None,
            exit: Exit::Done,
        }
    }
}

/// How one kind of agent speaks with its hooks.
pub(super) trait Adapter: Sync {
    /// The agent's name, as it stands in records.
    fn name(&self) -> &'static str;

    /// Reads the call that it is about to make; none where no rule is about such a tool.
    fn read(&self, payload: &Value) -> Result<Option<Call>, String>;

    /// Puts an answer into its own format.
    fn say(&self, told: &Told) -> Said;

    /// The settings that make the agent call the hook, and where they belong.
    fn settings(&self, program: &str) -> Snippet;
}

/// Settings of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snippet {
    /// The file, below the project's folder.
    pub(super) file: &'static str,
    /// What stands in it.
    pub(super) text: String,
}

/// How long an agent waits for its hook, by the settings that we print; the hook itself gives up a little earlier.
pub(super) const TIMEOUT_SEC: u64 = 300;
/// How long the hook waits for a decision then.
pub(super) const WAIT_SEC: u64 = TIMEOUT_SEC - 15;
