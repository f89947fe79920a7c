//! What every route uses.

use std::sync::Arc;

use hyperion_engine::{Cx, Engine};
use hyperion_model::Actor;
use tokio::sync::watch;

/// An engine, and who speaks to it.
#[derive(Clone)]
pub struct Server {
    engine: Arc<Engine>,
    actor: Actor,
    version: &'static str,
    closing: watch::Receiver<bool>,
}

impl Server {
    /// Serves an engine to its home's owner; feeds end when `closing` says so.
    pub const fn new(
        engine: Arc<Engine>,
        actor: Actor,
        version: &'static str,
        closing: watch::Receiver<bool>,
    ) -> Self {
        Self {
            engine,
            actor,
            version,
            closing,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }

    pub(crate) fn cx(&self) -> &Cx {
        self.engine.cx()
    }

    pub(crate) const fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) const fn version(&self) -> &'static str {
        self.version
    }
}
