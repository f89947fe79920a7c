//! What policy needs to know of a change, as plain values: gathered by the engine, judged by `policy`.

use serde::{Deserialize, Serialize};

use crate::RepoPath;

/// What is asked for, by kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Something new (also accepted on the wire as `implement`).
    Feature,
    /// A mended fault (also accepted as `fix`).
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

impl Class {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Feature => "feature",
            Class::Bugfix => "bugfix",
            Class::Refactor => "refactor",
            Class::Docs => "docs",
            Class::Debug => "debug",
            Class::Diagnose => "diagnose",
        }
    }
}

/// How urgent a request is; the order is the order in the queue.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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

impl Priority {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }
}

/// What an item does to its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Makes a file that was not there.
    Create,
    /// Changes a file's content.
    Modify,
    /// Removes a file.
    Delete,
    /// Moves a file, perhaps changing it too.
    Rename,
    /// Changes only the mode.
    Chmod,
}

impl Operation {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Modify => "modify",
            Operation::Delete => "delete",
            Operation::Rename => "rename",
            Operation::Chmod => "chmod",
        }
    }
}

/// One path of a change, as policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFacts {
    /// The path after the change.
    pub path: RepoPath,
    /// The path before, where it moved.
    pub from_path: Option<RepoPath>,
    /// What happens to it.
    pub operation: Operation,
    /// Lines that the change adds, without their line ends; empty for binary content.
    pub added: Vec<String>,
    /// Lines that the change takes away.
    pub removed: Vec<String>,
    /// Whether the content is binary.
    pub binary: bool,
    /// The text in binary content, which no diff shows; empty where the content is text.
    pub binary_text: Vec<String>,
    /// The text that was in it before.
    pub binary_text_before: Vec<String>,
    /// Whether it has the content it had before, byte for byte.
    pub same_content: bool,
    /// Whether old and new content are the same but for white space.
    pub only_whitespace: bool,
    /// The git mode after the change (`0o100644`, `0o100755`, `0o120000`), none when deleted.
    pub mode: Option<u32>,
    /// The git mode before, none when created.
    pub old_mode: Option<u32>,
    /// Size of the new content in bytes.
    pub new_size: u64,
    /// Whether nobody outside of the repository can call what the file declares: a program, a private module.
    pub is_internal: bool,
}

/// A whole change, as policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFacts {
    /// The class of the request it belongs to.
    pub class: Class,
    /// What it does, path by path.
    pub items: Vec<ItemFacts>,
    /// The globs that the assignment owns; empty: no restriction.
    pub owns: Vec<String>,
    /// Whether the work came from outside the organisation (a forge issue): never lands unapproved.
    pub from_outside: bool,
    /// Whether it takes a landing back.
    pub is_rollback: bool,
}
