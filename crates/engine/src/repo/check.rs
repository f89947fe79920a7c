//! A check in `hyperion.toml`: what it runs, and what it asks for of the machine.

use std::fmt;
use std::time::Duration;

use hyperion_model::Digest;
use hyperion_sandbox::{Level, Network};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::Settings;

/// The longest time a check may ask for, in seconds.
pub(super) const MAX_TIMEOUT_SEC: u64 = 86_400;

/// A command that must pass, with what it asks for; what it does not say is as the machine says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The command, for `sh -c`.
    pub run: String,
    /// How much of the machine it is kept from.
    pub sandbox: Option<Level>,
    /// What it reaches.
    pub network: Option<Network>,
    /// How long it may take, in seconds.
    pub timeout_sec: Option<u64>,
}

impl Check {
    /// A command as the machine runs it.
    #[must_use]
    pub fn plain(run: impl Into<String>) -> Self {
        Self {
            run: run.into(),
            sandbox: None,
            network: None,
            timeout_sec: None,
        }
    }

    /// Digests all of it: an admin agrees to exactly this.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Exhaustive, so that whoever lets it ask for more decides whether an agreement is bound to it.
        let Self {
            run,
            sandbox,
            network,
            timeout_sec,
        } = self;
        Digest::of_json(&json!({
            "run": run,
            "sandbox": sandbox.map(level_name),
            "network": network.map(network_name),
            "timeout_sec": timeout_sec,
        }))
    }

    /// Names what it asks for beyond what the machine gives to checks, as it stands in the file; nothing where an admin need not agree.
    #[must_use]
    pub fn asks_beyond(&self, settings: &Settings) -> Vec<String> {
        let machine = &settings.sandbox;
        let mut asks = Vec::new();
        if let Some(level) = self.sandbox.filter(|level| *level < machine.checks) {
            asks.push(format!("sandbox = \"{}\"", level_name(level)));
        }
        if let Some(network) = (self.network).filter(|network| *network > machine.checks_network) {
            asks.push(format!("network = \"{}\"", network_name(network)));
        }
        let longer = |seconds: &u64| Duration::from_secs(*seconds) > settings.check_timeout;
        if let Some(seconds) = self.timeout_sec.filter(longer) {
            asks.push(format!("timeout_sec = {seconds}"));
        }
        asks
    }
}

/// Names a level as settings do.
#[must_use]
pub const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Off => "off",
        Level::Partial => "partial",
        Level::Full => "full",
    }
}

/// Names a network as settings do.
#[must_use]
pub const fn network_name(network: Network) -> &'static str {
    match network {
        Network::Off => "off",
        Network::Gateway => "gateway",
        Network::Listed => "listed",
        Network::On => "on",
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

struct TextOrTable;

impl<'de> Visitor<'de> for TextOrTable {
    type Value = Check;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command, or a table with `run`")
    }

    fn visit_str<E>(self, run: &str) -> Result<Check, E> {
        Ok(Check::plain(run))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Check, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Check {
            run: table.run,
            sandbox: table.sandbox,
            network: table.network.map(Network::from),
            timeout_sec: table.timeout_sec,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    run: String,
    sandbox: Option<Level>,
    network: Option<Reach>,
    timeout_sec: Option<u64>,
}

/// What a check may ask to reach: models are for agents.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reach {
    Off,
    Listed,
    On,
}

impl From<Reach> for Network {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Off => Self::Off,
            Reach::Listed => Self::Listed,
            Reach::On => Self::On,
        }
    }
}
