//! The nouns of Hyperion as plain values: ids, states, commands, events, and the pure functions
//! `decide` and `apply` between them.
//!
//! Architecture invariant: nothing here does IO, reads a clock, draws a random number or is
//! async. Ids and `now` arrive inside the command, so the same inputs always give the same facts.

pub mod actor;
pub mod approval;
pub mod audit;
pub mod canonical;
pub mod change_set;
pub mod command;
pub mod digest;
pub mod entry;
pub mod event;
pub mod facts;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
pub mod grant;
pub mod id;
pub mod kinds;
pub mod level;
pub mod machine;
pub mod path;
pub mod plan;
pub mod repo;
pub mod request;
pub mod run;
pub mod states_doc;
pub mod text;
pub mod token;
pub mod user;

pub use actor::{Actor, Role};
pub use command::{Batch, Command, NewBlob, Subject};
pub use digest::Digest;
pub use event::{Event, Fact, StoredEvent};
pub use facts::ChangeFacts;
pub use id::*;
pub use kinds::event_kinds;
pub use level::{Decision, Level};
pub use machine::{Corrupt, Machine, Noun, Refusal, Stamp};
pub use path::{PathError, RepoPath};
pub use text::{GitId, GitIdError, Name, NameError, ShortText, TaskId};

/// A point in time, to the millisecond; printed as RFC 3339 in UTC.
pub type Time = jiff::Timestamp;
