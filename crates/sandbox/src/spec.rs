//! What is wished for, and what was had.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How much of the machine a process sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Everything that its user sees; no new privileges.
    Off,
    /// Landlock alone: files are kept from it, but not the sockets of other programs.
    Partial,
    /// Namespaces with Landlock inside: it sees what the list names, and nothing else exists.
    #[default]
    Full,
}

/// What a process reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Loopback alone.
    #[default]
    Off,
    /// Loopback, and models through the gateway.
    Gateway,
    /// Also the hosts that the settings list, through the engine's proxy.
    Listed,
    /// Whatever the machine reaches.
    On,
}

/// The wish: everything a process may see, as one value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// How much.
    pub level: Level,
    /// What it reaches.
    pub network: Network,
    /// Folders and files it may read and run, besides those of the system; what does not exist is left out.
    pub read: Vec<PathBuf>,
    /// Folders it may write in: the lane or clone, the folder for reports.
    pub write: Vec<PathBuf>,
    /// The folder that is its HOME, at the path of the person's own one. None: HOME is empty and goes with the run.
    pub home: Option<PathBuf>,
    /// The person's HOME, which `home` takes the place of.
    pub person_home: Option<PathBuf>,
    /// Caches of tool chains.
    pub caches: Vec<Cache>,
    /// Files and folders that it sees empty.
    pub masks: Vec<PathBuf>,
    /// The folder with the run's socket; inside it is [`Sandbox::SOCKET_FOLDER`].
    pub socket_folder: Option<PathBuf>,
    /// Whether nothing is started with less than this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_required: bool,
}

impl Sandbox {
    /// Where a process inside namespaces finds the folder of its run's socket.
    pub const SOCKET_FOLDER: &str = "/run/hyperion";
}

/// The cache of a tool chain: read and written inside, and what is written there reaches nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Where it is, outside and inside.
    pub path: PathBuf,
    /// The folder that takes what is written. None: it goes with the run.
    pub upper: Option<PathBuf>,
    /// Files in it that are seen empty, relative: credentials.
    pub masks: Vec<PathBuf>,
}

/// What a process tree may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// How long it may take.
    pub wall_ms: Option<u64>,
    /// Memory of the whole tree, sampled.
    pub memory_max_mb: Option<u64>,
    /// Processes of the whole tree, sampled.
    pub processes_max: Option<u64>,
    /// Open files of a process.
    pub files_max: Option<u64>,
    /// CPU seconds of a process.
    pub cpu_sec: Option<u64>,
    /// Bytes of output that are kept; the middle of a longer one is dropped.
    pub output_max_bytes: Option<u64>,
}

/// One layer of protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// A user namespace: no privileges outside.
    UserNamespace,
    /// Own mounts: what is not listed does not exist.
    MountNamespace,
    /// Own processes: others are not seen, and all end with the first.
    PidNamespace,
    /// Own network with loopback alone.
    NetworkNamespace,
    /// Files outside of the list are refused.
    Landlock,
    /// The worst system calls are refused.
    Seccomp,
    /// No program gives it more privileges.
    NoNewPrivileges,
    /// Caches by overlay.
    CacheOverlay,
    /// A control group that bounds the tree.
    Cgroup,
}

impl Layer {
    /// All of them, the outermost first.
    pub const ALL: [Self; 9] = [
        Self::UserNamespace,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetworkNamespace,
        Self::Landlock,
        Self::Seccomp,
        Self::NoNewPrivileges,
        Self::CacheOverlay,
        Self::Cgroup,
    ];

    /// What it is called.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::UserNamespace => "a user namespace",
            Self::MountNamespace => "mounts of its own",
            Self::PidNamespace => "processes of its own",
            Self::NetworkNamespace => "a network of its own",
            Self::Landlock => "Landlock",
            Self::Seccomp => "a filter of system calls",
            Self::NoNewPrivileges => "no new privileges",
            Self::CacheOverlay => "caches by overlay",
            Self::Cgroup => "a control group",
        }
    }
}

/// A layer that was wished for and could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// Which.
    pub layer: Layer,
    /// Why, in one line, with what would give it.
    pub why: String,
}

/// What a process really had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Had {
    /// The level that this comes to.
    pub level: Level,
    /// What it reached: a network that could not be taken away is said here.
    pub network: Network,
    /// The layers.
    pub layers: Vec<Layer>,
    /// What is missing.
    pub lacks: Vec<Lack>,
}
