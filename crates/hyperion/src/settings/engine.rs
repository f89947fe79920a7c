//! `[engine]`

use super::{Field, Setting};

/// The engine itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Whether a process that carries "no new privileges" may decide anything.
    pub(crate) allow_confined: bool,
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "engine.allow_confined",
    about: "Whether a process that carries \"no new privileges\" may be the engine and decide. Every process that a check starts carries it, so leave it off, except in a container that puts it on everything.",
    field: Field::Switch(|settings| &mut settings.engine.allow_confined),
}];
