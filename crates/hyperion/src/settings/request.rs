//! `[request]`

use super::{Field, Setting};

/// What holds for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Whether every change asks, whatever policy says.
    pub(crate) requires_approval: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            requires_approval: true,
        }
    }
}

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: "request.requires_approval",
    about: "Whether a change asks a person even where policy would let it pass, for requests that do not say. What policy asks for is asked in any case.",
    field: Field::Switch(|settings| &mut settings.request.requires_approval),
}];
