//! `[engine]`

use super::{Field, Setting};

/// The engine itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Whether a process that carries "no new privileges" may decide anything.
    pub(crate) allow_confined: bool,
}

const ALLOW_CONFINED: &str = "engine.allow_confined";

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: ALLOW_CONFINED,
    about: "Whether a process that carries \"no new privileges\" may be the engine and decide. Every process that a check starts carries it, so leave it off, except in a container that puts it on everything. It is set by hand only: no command and no variable sets it.",
    field: Field::Switch(|settings| &mut settings.engine.allow_confined),
}];

impl Setting {
    /// Whether it stands in the file because a person wrote it there, and can be set in no other way.
    pub(crate) fn is_by_hand(&self) -> bool {
        self.key == ALLOW_CONFINED
    }
}
