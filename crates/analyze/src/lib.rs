//! Pure analysis: what a request names, what a command's output says, where a stack trace leads, what a test report counts.
//!
//! [`request()`] says what a text names and whether a person has to say more; [`brief()`] is what the engineer role makes of
//! a request where no model does. [`output()`] finds the errors in what a command wrote, [`traces()`] reads stack traces, and
//! [`report`] reads what test runners and linters write for machines.
//!
//! Architecture invariant: nothing here does IO, and nothing here fails. The same text always
//! gives the same findings, in time linear in the text, within the limits of [`limits`].

pub mod brief;
pub mod limits;
pub mod output;
pub mod report;
pub mod request;
pub mod trace;

mod class;
mod error_name;
mod keyword;
mod pattern;
mod place;
mod symbol;
mod vague;
mod word;

pub use brief::{Brief, brief};
pub use output::{
    Advice, Analysis, ErrorKind, FoundError, MAX_TREE_FILES, Output, Place, Tree, Waiting,
    WaitsFor, output,
};
pub use pattern::SearchPattern;
pub use place::FoundPath;
pub use report::{Format, Report, Unreadable, report};
pub use request::{Findings, request};
pub use trace::{Frame, Language, Trace, traces};
