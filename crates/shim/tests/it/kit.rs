//! A run in a folder of its own, owned by a real shim.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyperion_sandbox::{Level, Limits, Network, Sandbox};
use hyperion_shim::{
    Attachment, Body, Ended, Found, Frame, HeartbeatFrom, Spec, Stdin, Stream, VERSION, look,
    spool, start, write_spec,
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Run {
    pub(crate) folder: tempfile::TempDir,
}

/// What runs a script without a sandbox.
pub(crate) fn script(text: &str) -> Spec {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Spec {
        version: VERSION,
        run: format!("run-{}-{count}", std::process::id()),
        lineage: None,
        token: Some("secret".to_owned()),
        argv: ["/bin/sh", "-c", text].map(str::to_owned).to_vec(),
        cwd: "/".into(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        umask: None,
        stdin: Stdin::Null,
        terminal: None,
        sandbox: Sandbox {
            level: Level::Off,
            network: Network::On,
            ..Sandbox::default()
        },
        limits: Limits::default(),
        background: false,
        heartbeat: HeartbeatFrom::Nobody,
        grace_ms: 2000,
        channels: Vec::new(),
        channel_socket: None,
    }
}

/// The example of this crate, which is built beside its tests.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/shim")
}

impl Run {
    pub(crate) fn start(spec: &Spec) -> Self {
        let run = Self::prepare(spec);
        start(&program(), run.path()).unwrap();
        run
    }

    pub(crate) fn prepare(spec: &Spec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_spec(folder.path(), spec).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn frames(&self) -> Vec<Frame> {
        spool::read(self.path(), 0, usize::MAX).unwrap()
    }

    /// What it wrote to one stream, so far.
    pub(crate) fn text(&self, of: Stream) -> String {
        let mut bytes = Vec::new();
        for frame in self.frames() {
            match frame.body {
                Body::Output(stream, more) if stream == of => bytes.extend(more),
                _ => {}
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn attach(&self) -> Attachment {
        Attachment::open(self.path(), 1, 0).unwrap()
    }

    /// Waits until its standard output holds this.
    pub(crate) fn await_text(&self, wanted: &str) {
        wait_until(|| self.text(Stream::Out).contains(wanted));
    }

    /// Waits for its end.
    pub(crate) fn ended(&self) -> Ended {
        let mut ended = None;
        wait_until(|| match look(self.path()).unwrap() {
            Found::Ended(how) => {
                ended = Some(how);
                true
            }
            _ => false,
        });
        ended.unwrap()
    }
}

/// Looks again and again: files and processes tell nobody.
pub(crate) fn wait_until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "it does not happen");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether a process is there, and no zombie.
pub(crate) fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| {
        !stat
            .rsplit_once(')')
            .unwrap()
            .1
            .trim_start()
            .starts_with('Z')
    })
}
