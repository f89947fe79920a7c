//! `[run]`

use super::{Field, Setting};

/// What runs leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// The most output of a run that is kept, in megabytes.
    pub(crate) log_max_mb: u64,
}

impl Default for Run {
    fn default() -> Self {
        Self { log_max_mb: 1024 }
    }
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "run.log_max_mb",
    about: "The most output of one run that is kept. Of a longer one the middle is left out, and said to be.",
    field: Field::Whole(
        |settings| &mut settings.run.log_max_mb,
        1..=1_048_576,
        "megabytes",
    ),
}];
