//! The one door for commands that somebody other than a person wants run.
//!
//! A command is judged by the rules, then it runs on a ground, waits for somebody's agreement, or is refused ([`ground`]). Its run is
//! registered first, in one commit with the ground or with the use of a grant; [`Door`] looks after those that wait, and the runs'
//! reconciler starts those that may. [`begin`] judges once more right before a start and mints the permit, so that a rule that was added
//! meanwhile holds, also after a crash.

mod ask;
mod door;
mod ground;
mod permission;
mod site;
mod start;
mod submit;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use hyperion_model::{LineageId, Name, RepoId, RequestId};
use hyperion_policy::{Access, Judgement, Place, Rules, judge_argv, judge_command, judge_path};
pub use hyperion_sandbox::{Level, Network};
use serde::{Deserialize, Serialize};

pub(crate) use door::Door;
pub use permission::{Permission, Question, permission};
pub(crate) use site::Machine;
pub use site::{Site, asker};
pub(crate) use start::{Begun, begin};
pub use submit::{Submitted, submit, waits_for};

/// What an approval of a command is an approval of.
pub const ACTION: &str = "command";

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A command, as bash reads it.
    Command(String),
    /// A program and its arguments, which no shell reads.
    Argv(Vec<String>),
    /// A file that an agent edits by itself.
    Edit(String),
}

impl What {
    /// Judges it by rules, at a place.
    pub fn judge(&self, rules: &Rules, place: &Place) -> Judgement {
        match self {
            What::Command(text) => judge_command(text, rules, place),
            What::Argv(argv) => judge_argv(argv, rules, place),
            What::Edit(path) => judge_path(path, Access::Write, rules, place).judgement,
        }
    }

    /// Writes it as one would type it.
    pub fn shown(&self) -> String {
        match self {
            What::Command(text) => text.clone(),
            What::Argv(argv) => crate::run::line(argv),
            What::Edit(path) => format!("edit {path}"),
        }
    }
}

/// For whom a command is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// The run that wants it, in all its starts, or a session of an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<LineageId>,
    /// The request that it works at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
}

/// A command that somebody wants run.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The command.
    pub what: What,
    /// The folder it starts in.
    pub dir: PathBuf,
    /// How much of the machine it is kept from.
    pub sandbox: Level,
    /// What it reaches.
    pub network: Network,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Finds the same command again: a second wish with the same key is the first one.
    pub key: Option<Name>,
    /// For whom.
    pub asker: Asker,
}

/// A command as its run keeps it: all that its agreement is bound to. In an encrypted blob; shown with its secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What lists show.
    pub(crate) title: String,
    /// The command line, without what may be a secret.
    pub(crate) command: String,
    /// The folder it starts in.
    pub(crate) cwd: PathBuf,
    pub(crate) what: What,
    pub(crate) sandbox: Level,
    pub(crate) network: Network,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_sec: Option<u64>,
    pub(crate) asker: Asker,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repo: Option<RepoId>,
    /// Who runs it: an agent that only asks whether it may, or else the supervisor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by_itself: Option<Name>,
    /// Whether it can be asked for again by a key.
    #[serde(default)]
    pub(crate) has_key: bool,
}
