//! Reaches the home's engine.
//!
//! A stand-in until the engine is wired in: it speaks to an engine that is up, and is never one itself.

use hyperion_api::Client;
use hyperion_api::client::UnixTransport;
use hyperion_host::Locations;

use crate::settings::Settings;

/// What a command is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only look.
    Read,
    /// Change something.
    Change,
}

/// A way to the home's engine.
pub(crate) struct Connection {
    /// Speaks to it.
    pub(crate) client: Client,
}

impl Connection {
    /// Reaches the home's engine over its socket, becomes it when nobody is (Change), or opens the data read-only (Read).
    pub(crate) async fn open(
        _settings: &Settings,
        locations: &Locations,
        _access: Access,
    ) -> Result<Self, anyhow::Error> {
        let client = Client::new(UnixTransport::new(locations.socket()));
        Ok(Self { client })
    }

    /// Drives what was begun until nothing can go on without a person, lingers, leaves.
    pub(crate) async fn close(self) -> Result<(), anyhow::Error> {
        Ok(())
    }

    /// Serves until told to stop.
    pub(crate) async fn serve_until(
        self,
        stop: impl Future<Output = ()>,
    ) -> Result<(), anyhow::Error> {
        stop.await;
        Ok(())
    }
}
