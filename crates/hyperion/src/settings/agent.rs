//! `[agent]`

use super::{Field, Setting};

/// Who does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    /// The agent of requests that name none.
    pub(crate) default: String,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            default: "scripted".into(),
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "agent.default",
    about: "The agent of requests that name none. `scripted` carries out the changes that the request itself contains. `HYPERION_AGENT` sets it too.",
    field: Field::Name(|settings| &mut settings.agent.default),
}];
