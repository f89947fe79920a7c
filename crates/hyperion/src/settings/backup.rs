//! `[backup]`

use super::{Field, Setting};

/// Shipping to another folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backup {
    /// The folder; empty ships nothing.
    pub(crate) ship_to: String,
    /// How often, in seconds.
    pub(crate) ship_every_sec: u64,
    /// How far back a restore can go, in days.
    pub(crate) keep_days: u64,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            ship_to: String::new(),
            ship_every_sec: 10,
            keep_days: 14,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "backup.ship_to",
        about: "A folder, best on another disk or machine, to which an engine ships everything that is committed, all the time; empty ships nothing. `hyperion restore` makes a home from it, as it was at any moment that is kept.",
        field: Field::Folder(|settings| &mut settings.backup.ship_to),
    },
    Setting {
        key: "backup.ship_every_sec",
        about: "How often what is new is shipped: the most that can be lost together with the home while an engine is up and the folder can be written.",
        field: Field::Whole(
            |settings| &mut settings.backup.ship_every_sec,
            1..=3600,
            "seconds",
        ),
    },
    Setting {
        key: "backup.keep_days",
        about: "How far back a restore from that folder can go; what is older is removed once something newer is complete.",
        field: Field::Whole(|settings| &mut settings.backup.keep_days, 1..=3650, "days"),
    },
];
