//! `[run]`

use super::{Field, Setting};

/// Work at a step or a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The most output of one run that is kept, in megabytes.
    pub(crate) log_max_mb: u64,
}

impl Default for Run {
    fn default() -> Self {
        Self { log_max_mb: 1024 }
    }
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "run.log_max_mb",
    about: "The most output of one check or agent that is kept on disk; the rest is counted and dropped.",
    field: Field::Whole(
        |settings| &mut settings.run.log_max_mb,
        1..=65_536,
        "megabytes",
    ),
}];
