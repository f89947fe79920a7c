//! `[supervisor]`

use super::{Field, Setting};

/// How runs are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supervisor {
    /// How often a run is expected to give a sign of life, in seconds.
    pub(crate) heartbeat_interval_sec: u64,
    /// After how long a silence a run counts as stalled, in seconds.
    pub(crate) stall_after_sec: u64,
    /// What becomes of a stalled run.
    pub(crate) on_stall: &'static str,
    /// How often a run is started again.
    pub(crate) max_restarts: u64,
    /// What becomes of a run whose engine ended.
    pub(crate) on_orphan: &'static str,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self {
            heartbeat_interval_sec: 10,
            stall_after_sec: 60,
            on_stall: "warn",
            max_restarts: 3,
            on_orphan: "adopt",
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "supervisor.heartbeat_interval_sec",
        about: "How often a run that gives signs of life is expected to give one.",
        field: Field::Whole(
            |settings| &mut settings.supervisor.heartbeat_interval_sec,
            1..=3600,
            "seconds",
        ),
    },
    Setting {
        key: "supervisor.stall_after_sec",
        about: "After how long a silence such a run counts as stalled; never sooner than after two intervals.",
        field: Field::Whole(
            |settings| &mut settings.supervisor.stall_after_sec,
            2..=86_400,
            "seconds",
        ),
    },
    Setting {
        key: "supervisor.on_stall",
        about: "What becomes of a stalled run. `warn`: it is said, and nothing else happens. `restart`: it is ended and started again, `supervisor.max_restarts` times at most. `kill`: it is ended.",
        field: Field::Choice(
            |settings| &mut settings.supervisor.on_stall,
            &["warn", "restart", "kill"],
        ),
    },
    Setting {
        key: "supervisor.max_restarts",
        about: "How often a run is started again after it stalled or was lost, before it counts as failed.",
        field: Field::Whole(
            |settings| &mut settings.supervisor.max_restarts,
            0..=100,
            "restarts",
        ),
    },
    Setting {
        key: "supervisor.on_orphan",
        about: "What becomes of a run that is still at work when the next engine starts. `adopt`: it goes on, and how it ends counts. `kill`: it is ended.",
        field: Field::Choice(
            |settings| &mut settings.supervisor.on_orphan,
            &["adopt", "kill"],
        ),
    },
];
