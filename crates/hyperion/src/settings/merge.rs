//! `[merge]`

use super::{Field, Setting};

/// The merge queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merge {
    /// How many entries are worked on at once.
    pub(crate) workers: u64,
    /// How often an entry is tried.
    pub(crate) max_attempts: u64,
    /// How long a worker may be silent, in seconds.
    pub(crate) lease_sec: u64,
    /// The pause before the second attempt, in seconds.
    pub(crate) retry_delay_sec: u64,
    /// When ended requests leave the lists, in days.
    pub(crate) archive_after_days: u64,
    /// When dead letters end, in days.
    pub(crate) dead_letter_days: u64,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            workers: 3,
            max_attempts: 5,
            lease_sec: 60,
            retry_delay_sec: 2,
            archive_after_days: 30,
            dead_letter_days: 30,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "merge.workers",
        about: "How many entries of the queue are worked on at the same time. For now it is one on each branch, whatever this says.",
        field: Field::Whole(|settings| &mut settings.merge.workers, 1..=64, "workers"),
    },
    Setting {
        key: "merge.max_attempts",
        about: "How often an entry is tried again after its worker failed, before it is a dead letter.",
        field: Field::Whole(
            |settings| &mut settings.merge.max_attempts,
            1..=100,
            "attempts",
        ),
    },
    Setting {
        key: "merge.lease_sec",
        about: "How long a worker may be silent before its entry is given to another one.",
        field: Field::Whole(
            |settings| &mut settings.merge.lease_sec,
            5..=3600,
            "seconds",
        ),
    },
    Setting {
        key: "merge.retry_delay_sec",
        about: "The pause before the second attempt; it doubles with every further one.",
        field: Field::Whole(
            |settings| &mut settings.merge.retry_delay_sec,
            0..=3600,
            "seconds",
        ),
    },
    Setting {
        key: "merge.archive_after_days",
        about: "After how many days an ended request leaves the lists, with all that belongs to it. `--archived` shows it, its id still finds it, and its events stay for ever. It stays at least as long as its content (`files.backup_retention_hours`).",
        field: Field::Whole(
            |settings| &mut settings.merge.archive_after_days,
            1..=3650,
            "days",
        ),
    },
    Setting {
        key: "merge.dead_letter_days",
        about: "After how many days a dead letter that nobody retried is cancelled. Its events stay for ever.",
        field: Field::Whole(
            |settings| &mut settings.merge.dead_letter_days,
            1..=3650,
            "days",
        ),
    },
];
