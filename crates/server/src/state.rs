//! What every route uses.

use std::sync::Arc;

use hyperion_engine::{Cx, Engine};
use hyperion_model::Actor;

use crate::Life;
use crate::feed::Feed;
use crate::streams::Streams;

/// An engine, and whose it is.
#[derive(Clone)]
pub struct Server {
    engine: Arc<Engine>,
    owner: Actor,
    life: Arc<Life>,
    feed: Arc<Feed>,
    streams: Arc<Streams>,
}

impl Server {
    /// Serves an engine to its home's owner; feeds end when its life does.
    pub fn new(engine: Arc<Engine>, owner: Actor, life: Arc<Life>) -> Self {
        Self {
            engine,
            owner,
            life,
            feed: Arc::default(),
            streams: Arc::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) fn cx(&self) -> &Arc<Cx> {
        self.engine.cx()
    }

    pub(crate) const fn owner(&self) -> &Actor {
        &self.owner
    }

    pub(crate) fn version(&self) -> &'static str {
        self.life.version
    }
}
