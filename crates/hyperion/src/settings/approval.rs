//! `[approval]`

use super::{Field, Setting};

/// Questions to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    /// How long a question waits, in seconds.
    pub(crate) ttl_sec: u64,
    /// How long before its end it is announced, in seconds.
    pub(crate) warn_before_sec: u64,
}

impl Default for Approval {
    fn default() -> Self {
        Self {
            ttl_sec: 86_400,
            warn_before_sec: 3600,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "approval.ttl_sec",
        about: "How long a question waits for an answer before it expires. Expired means neither approved nor rejected.",
        field: Field::Whole(
            |settings| &mut settings.approval.ttl_sec,
            1..=31_536_000,
            "seconds",
        ),
    },
    Setting {
        key: "approval.warn_before_sec",
        about: "How long before a question expires people are reminded of it; 0 sends no reminder.",
        field: Field::Whole(
            |settings| &mut settings.approval.warn_before_sec,
            0..=31_536_000,
            "seconds",
        ),
    },
];
