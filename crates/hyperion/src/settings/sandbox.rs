//! `[sandbox]`

use super::{Field, Setting};

/// What processes may see, reach and use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sandbox {
    /// How much of the machine checks are kept from.
    pub(crate) checks: &'static str,
    /// What checks reach.
    pub(crate) checks_network: &'static str,
    /// How much of the machine agents are kept from.
    pub(crate) agents: &'static str,
    /// The hosts of the network `listed`.
    pub(crate) network_hosts: Vec<String>,
    /// The most memory of a run, in megabytes.
    pub(crate) memory_max_mb: u64,
    /// The most processes of a run.
    pub(crate) processes_max: u64,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            checks: "full",
            checks_network: "on",
            agents: "full",
            network_hosts: Vec::new(),
            memory_max_mb: 4096,
            processes_max: 512,
        }
    }
}

const LEVELS: &[&str] = &["full", "partial", "off"];
const NETWORKS: &[&str] = &["off", "listed", "on"];

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "sandbox.checks",
        about: "How much of the machine checks, and runs of the test-runner's tools, are kept from. `full`: they see the lane, the tool chains and a HOME of their own, and nothing else exists. `partial`: Landlock alone keeps files from them, but not the sockets of other programs. `off`: they see what you see. What the kernel does not give is said in the run's record.",
        field: Field::Choice(|settings| &mut settings.sandbox.checks, LEVELS),
    },
    Setting {
        key: "sandbox.checks_network",
        about: "What checks reach. `off`: only themselves (127.0.0.1). `listed`: also the hosts of `sandbox.network_hosts`, through a proxy. `on`: whatever the machine reaches.",
        field: Field::Choice(|settings| &mut settings.sandbox.checks_network, NETWORKS),
    },
    Setting {
        key: "sandbox.agents",
        about: "How much of the machine agents are kept from, in the same words. Below `full`, what an agent does to files or by commands asks.",
        field: Field::Choice(|settings| &mut settings.sandbox.agents, LEVELS),
    },
    Setting {
        key: "sandbox.network_hosts",
        about: "The hosts that a run with the network `listed` reaches: names, `*.` before one for all below it, and `:PORT` behind it for another port than 80 and 443.",
        field: Field::Hosts(|settings| &mut settings.sandbox.network_hosts),
    },
    Setting {
        key: "sandbox.memory_max_mb",
        about: "The most memory that all processes of a run may have together. It is looked at twice a second; a run above it is ended.",
        field: Field::Whole(
            |settings| &mut settings.sandbox.memory_max_mb,
            64..=16_777_216,
            "megabytes",
        ),
    },
    Setting {
        key: "sandbox.processes_max",
        about: "The most processes that a run may have at a time, its threads not counted. It is looked at twice a second; a run above it is ended.",
        field: Field::Whole(
            |settings| &mut settings.sandbox.processes_max,
            8..=1_000_000,
            "processes",
        ),
    },
];
