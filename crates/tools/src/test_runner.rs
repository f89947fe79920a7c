//! A project's own tools: which there are, how each is asked for machine-readable answers, and what these say.
//!
//! Everything here is pure but [`Seen::look`], which reads the top of a folder: what is run, within which limits and on whose word,
//! is decided and done above.
//!
//! | part | does |
//! | --- | --- |
//! | `seen` | notes what lies at the top of the root |
//! | `argument` | refuses what would be taken for an option, leads out of the root, or is no text |
//! | `cargo`, `node`, `python`, `go`, `jvm`, `make` | one tool chain each: by what it is known, what it runs for each verb |
//! | `plan` | which steps a call has |
//! | `reading` | what a step's output and reports say |
//!
//! Architecture invariant: a value that a caller gave is an argument of its own, behind something that keeps it from being an
//! option, and never a part of a text that a shell reads.

mod argument;
mod cargo;
mod go;
mod jvm;
mod kept;
mod make;
mod node;
mod plan;
mod python;
mod reading;
mod reports;
mod seen;
#[cfg(test)]
mod tests;

pub use argument::{File, Pattern, Wanted};
pub use kept::Keeper;
pub use plan::{Plan, Program, ReportAt, Step, plan, shown};
pub use reading::{Ended, Left, Read, read};
pub use reports::{BOUNDS, Bounds, Found, Reports};
pub use seen::Seen;

/// What a project's tools are asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Are the types right?
    Typecheck,
    /// What do the linters find?
    Lint,
    /// Do the tests pass?
    Test,
    /// Can it be built?
    Build,
    /// Is it formatted?
    FormatCheck,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 5] = [
        Self::Typecheck,
        Self::Lint,
        Self::Test,
        Self::Build,
        Self::FormatCheck,
    ];

    /// Gives the verb of a tool's name.
    pub fn of(tool: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == tool)
    }

    /// Names it as the tool is.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Typecheck => "typecheck",
            Self::Lint => "lint",
            Self::Test => "test",
            Self::Build => "build",
            Self::FormatCheck => "formatCheck",
        }
    }
}
