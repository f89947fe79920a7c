//! `[checks]`

use super::{Field, Setting};

/// What runs on a merged result before it lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checks {
    /// How long one check may take, in seconds.
    pub(crate) timeout_sec: u64,
}

impl Default for Checks {
    fn default() -> Self {
        Self { timeout_sec: 300 }
    }
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "checks.timeout_sec",
    about: "How long one check may take before it is ended and counts as failed. The checks themselves are in the repository's `hyperion.toml`.",
    field: Field::Whole(
        |settings| &mut settings.checks.timeout_sec,
        1..=86_400,
        "seconds",
    ),
}];
