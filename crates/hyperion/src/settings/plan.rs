//! `[plan]`

use super::{Field, Setting};

/// How work is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The most steps of a plan.
    pub(crate) max_steps: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { max_steps: 50 }
    }
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "plan.max_steps",
    about: "The most steps that one plan may have; a request with more tasks is refused.",
    field: Field::Whole(|settings| &mut settings.plan.max_steps, 1..=1000, "steps"),
}];
