//! The shape of a reconciler.

use std::sync::Arc;

use hyperion_model::Time;

use crate::{Cx, Error};

/// What a look at the facts came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something was done; look again.
    Worked,
    /// Work goes on by itself, but not before this time.
    Delayed {
        /// When.
        until: Time,
    },
    /// Nothing can be done now.
    Idle {
        /// When something could be done even if nothing happens until then.
        wake_at: Option<Time>,
    },
}

impl Progress {
    /// Nothing can be done before something happens.
    pub const IDLE: Self = Self::Idle { wake_at: None };

    /// Tells what was done.
    pub const fn worked(worked: bool) -> Self {
        if worked { Self::Worked } else { Self::IDLE }
    }
}

/// Looks at committed facts and does what is missing.
///
/// It takes no input and is called after a click, a tick and a crash alike, always from the one
/// thread of the driver, so two reconcilers never act at once. What takes long runs in a thread
/// of its own and reports by committing.
pub trait Reconcile: Send {
    /// Gives its name, as it stands in logs and as the actor of its events.
    fn name(&self) -> &'static str;

    /// Does what can be done now.
    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error>;
}
