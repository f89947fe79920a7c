//! Harnesses: how Hyperion drives each kind of agent.
//!
//! There is one kind so far, [`scripted`]: deterministic, without a model. It carries out what the
//! request itself says and never invents an edit.

pub mod scripted;

/// The names of the agents that exist without any configuration.
pub const BUILT_IN: &[&str] = &[scripted::NAME];
