//! `[engine]`

use super::{Field, Setting};

/// The engine itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Whether a command that finds no engine starts one in the background, or is it itself.
    pub(crate) detach: bool,
    /// How long an engine in the background stays when nobody needs it, in seconds.
    pub(crate) idle_exit_sec: u64,
    /// Whether a process that carries "no new privileges" may decide anything.
    pub(crate) allow_confined: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            detach: true,
            idle_exit_sec: 10,
            allow_confined: false,
        }
    }
}

const ALLOW_CONFINED: &str = "engine.allow_confined";

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "engine.detach",
        about: "Whether a command that changes something and finds no engine starts one in the background, and ends as soon as it has its answer. Without it the command is the engine itself until nothing can go on without a person: for containers, where nothing may outlive a command.",
        field: Field::Switch(|settings| &mut settings.engine.detach),
    },
    Setting {
        key: "engine.idle_exit_sec",
        about: "How long an engine in the background stays without work, without anybody connected and without an agent that uses its tools.",
        field: Field::Whole(
            |settings| &mut settings.engine.idle_exit_sec,
            1..=86_400,
            "seconds",
        ),
    },
    Setting {
        key: ALLOW_CONFINED,
        about: "Whether a process that carries \"no new privileges\" may be the engine and decide. Every process that a check starts carries it, so leave it off, except in a container that puts it on everything. It is set by hand only: no command and no variable sets it.",
        field: Field::Switch(|settings| &mut settings.engine.allow_confined),
    },
];

impl Setting {
    /// Whether it stands in the file because a person wrote it there, and can be set in no other way.
    pub(crate) fn is_by_hand(&self) -> bool {
        self.key == ALLOW_CONFINED
    }
}
