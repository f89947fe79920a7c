//! Runs shell commands in a sandbox, as root and as nobody.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperion_host::{Launch, Limits, run};
use hyperion_sandbox::{Had, Layer, Network, Sandbox};
use serde::Deserialize;
use tempfile::TempDir;

/// The user of processes without rights.
pub(crate) const NOBODY: u32 = 65534;

/// What came of a command.
#[derive(Debug, Deserialize)]
pub(crate) struct Ran {
    pub(crate) had: Had,
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Folders of a run and of its neighbours, owned by the user who runs it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) user: u32,
    program: PathBuf,
}

impl World {
    /// One whose user is root (or whoever runs the tests) and one whose user is nobody, if that can be had.
    pub(crate) fn both() -> Vec<Self> {
        let own = rustix::process::geteuid().as_raw();
        let mut worlds = vec![Self::of(own)];
        if own == 0 {
            worlds.push(Self::of(NOBODY));
        }
        worlds
    }

    pub(crate) fn new() -> Self {
        Self::of(rustix::process::geteuid().as_raw())
    }

    fn of(user: u32) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("sandbox")
            .tempdir_in("/tmp")
            .unwrap();
        let world = Self {
            program: folder.path().join("enter"),
            folder,
            user,
        };
        fs::set_permissions(world.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let built = std::env::current_exe().unwrap();
        let built = built.ancestors().nth(2).unwrap().join("examples/enter");
        fs::copy(built, &world.program).unwrap();
        for name in [
            "lane",
            "home",
            "other-run",
            "person",
            "person/.cargo",
            "state",
            "upper",
            "socket",
        ] {
            world.make(name);
        }
        world
    }

    /// Where something of this world is.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make(&self, name: &str) {
        fs::create_dir(self.at(name)).unwrap();
        self.give(&self.at(name));
    }

    fn give(&self, path: &Path) {
        if self.user == NOBODY {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, content).unwrap();
        self.give(&path);
        path
    }

    /// A lane to write in and a private HOME; no network.
    pub(crate) fn wish(&self) -> Sandbox {
        Sandbox {
            network: Network::Off,
            write: vec![self.at("lane")],
            home: Some(self.at("home")),
            person_home: Some(self.at("person")),
            socket_folder: Some(self.at("socket")),
            ..Sandbox::default()
        }
    }

    pub(crate) fn launch(&self, args: &[&str]) -> Launch {
        let launch = if self.user == NOBODY {
            let who = ["--reuid=65534", "--regid=65534", "--clear-groups"];
            Launch::new("/usr/bin/setpriv", "/")
                .args(who)
                .arg(&self.program)
        } else {
            Launch::new(&self.program, "/")
        };
        launch.args(args).env("PATH", "/usr/bin:/bin")
    }

    pub(crate) fn try_run(&self, wish: &Sandbox, command: &str) -> Result<Ran, String> {
        let wish = serde_json::to_string(wish).unwrap();
        answer(&self.launch(&[&wish, command]))
    }

    pub(crate) fn run(&self, wish: &Sandbox, command: &str) -> Ran {
        self.try_run(wish, command).unwrap()
    }
}

pub(crate) fn answer(launch: &Launch) -> Result<Ran, String> {
    let limits = Limits {
        wall: Duration::from_secs(60),
        output_max: 1024 * 1024,
    };
    let outcome = run(launch, &limits).unwrap();
    serde_json::from_slice(&outcome.stdout.bytes).map_err(|_| outcome.stderr.text())
}

impl Ran {
    /// Whether it was inside namespaces. A machine without them must have said so.
    pub(crate) fn was_full(&self) -> bool {
        let full = self.had.has(Layer::MountNamespace) && self.had.has(Layer::PidNamespace);
        assert!(full || !self.had.lacks.is_empty(), "{:?}", self.had);
        full
    }
}
