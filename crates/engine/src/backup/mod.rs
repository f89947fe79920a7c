//! What an engine does about backups ([`hyperion_backup`]): it is what they are made of, and it ships.

mod shipper;
#[cfg(test)]
mod tests;

pub(crate) use shipper::Shipper;

use std::path::Path;
use std::time::Duration;

use hyperion_backup::{InClones, Source};
use hyperion_git::Git;
use hyperion_host::Home;
use hyperion_model::Time;
use hyperion_store::Store;

use crate::{Cx, tool};

impl Source for Cx {
    fn store(&self) -> &Store {
        &self.store
    }

    fn home(&self) -> &Home {
        &self.home
    }

    fn git(&self) -> &Git {
        &self.git
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn ship_to(&self) -> Option<&Path> {
        self.settings.backup.ship_to.as_deref()
    }

    fn keep(&self) -> Duration {
        self.settings.backup.keep
    }

    fn in_clones(&self) -> InClones {
        tool::in_clones(self)
    }
}
