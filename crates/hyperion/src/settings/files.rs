//! `[files]`

use super::{Field, Setting};

/// Kept content, and files that change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// How long content is kept after its change ended, in hours.
    pub(crate) backup_retention_hours: u64,
    /// The largest file that is read or shown, in megabytes.
    pub(crate) max_file_size_mb: u64,
    /// Whether files that change are watched.
    pub(crate) watch: bool,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            backup_retention_hours: 24,
            max_file_size_mb: 10,
            watch: true,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "files.backup_retention_hours",
        about: "How long the stored content of a change is kept after the change ended. What landed stays in git.",
        field: Field::Whole(
            |settings| &mut settings.files.backup_retention_hours,
            1..=87_600,
            "hours",
        ),
    },
    Setting {
        key: "files.max_file_size_mb",
        about: "The largest file that a patch may start from; what a change only deletes, moves or replaces may be larger.",
        field: Field::Whole(
            |settings| &mut settings.files.max_file_size_mb,
            1..=1024,
            "megabytes",
        ),
    },
    Setting {
        key: "files.watch",
        about: "Whether an engine that is up watches the files of repositories and agents' clones: what changed, and by which run, is noted, and what waits for a change goes on at once.",
        field: Field::Switch(|settings| &mut settings.files.watch),
    },
];
