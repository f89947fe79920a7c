//! Power loss and failing disks, for the program under test and everything it starts.
//!
//! A small C library, compiled when first needed, is preloaded into the program ([`Power::variables`]). It records every
//! file system call below one folder, those of git included. From the folder as it was before and the recording, [`Disk`]
//! makes the folder as it would be had the power gone at some moment: what nobody synced is lost, in part or whole.
//! The same library lets writes find the disk full, syncs fail, and git die in the middle of a write.

mod disk;
mod trace;

pub use disk::{Disk, Loss};
pub use trace::{Trace, What};

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use trace::{MARK, Record};

const RECORDER: &str = include_str!("power/recorder.c");

/// The recorder's `struct fault`.
const FAULT_BYTES: usize = 256;

/// What goes wrong with calls below the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What takes room finds none: writes, new files and folders, new names.
    DiskFull,
    /// A sync fails with an input/output error.
    SyncFails,
    /// A process named git is killed before what takes room, with half of a write done.
    GitDies,
    /// The engine is, or a command that has to be one; also before a sync.
    EngineDies,
}

/// A preloaded library, and what it writes and reads.
#[derive(Debug)]
pub struct Power {
    folder: TempDir,
    root: PathBuf,
    records: bool,
}

impl Power {
    /// Watches this folder, and records what happens below it.
    ///
    /// # Panics
    /// When the machine has no C compiler, which building this project needs as well.
    pub fn record(root: &Path) -> Self {
        Self::new(root, true)
    }

    /// Watches this folder for [`fail`](Self::fail) alone: syncs are counted, and nothing is kept.
    pub fn watch(root: &Path) -> Self {
        Self::new(root, false)
    }

    fn new(root: &Path, records: bool) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("power")
            .tempdir()
            .expect("make a temporary folder");
        let power = Self {
            root: root.canonicalize().expect("resolve the folder"),
            folder,
            records,
        };
        fs::write(power.path("recorder.c"), RECORDER).expect("write the recorder's source");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-o"])
            .args([power.path("recorder.so"), power.path("recorder.c")])
            .arg("-ldl")
            .output()
            .expect("start the C compiler");
        assert!(
            built.status.success(),
            "compile the recorder: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        fs::write(power.path("trace"), "").expect("make the trace");
        fs::write(power.path("fault"), [0; FAULT_BYTES]).expect("make the fault's counters");
        power.boot(1);
        power
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The environment of a program that is to be watched; what it starts is watched as well.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let mut variables = vec![
            ("LD_PRELOAD".into(), self.path("recorder.so").into()),
            ("POWER_ROOT".into(), self.root.clone().into()),
            ("POWER_FAULT".into(), self.path("fault").into()),
            ("POWER_BOOT".into(), self.path("boot").into()),
        ];
        if self.records {
            variables.push(("POWER_TRACE".into(), self.path("trace").into()));
        }
        variables
    }

    /// The environment of a program after a later boot: the recorder shows it another boot id, and keeps out of the rest.
    pub fn rebooted(&self, boot: u64) -> Vec<(OsString, OsString)> {
        self.boot(boot);
        vec![
            ("LD_PRELOAD".into(), self.path("recorder.so").into()),
            ("POWER_BOOT".into(), self.path("boot").into()),
        ]
    }

    fn boot(&self, boot: u64) {
        let id = format!("{boot:08x}-0000-4000-8000-000000000000\n");
        fs::write(self.path("boot"), id).expect("write a boot id");
    }

    /// Notes in the trace that something was acknowledged: what came before must not be lost from here on.
    pub fn mark(&self, label: &str) {
        let record = Record::bytes_of_mark(label);
        let mut trace = OpenOptions::new()
            .append(true)
            .open(self.path("trace"))
            .expect("open the trace");
        trace.write_all(&record).expect("mark the trace");
        const { assert!(MARK == b'A') };
    }

    /// Reads what was recorded until now.
    pub fn trace(&self) -> Trace {
        Trace::read(&self.path("trace"))
    }

    /// Lets the call with this number (from 1) go wrong, and with `lasts` every later one too; counting starts anew.
    pub fn fail(&self, fault: Fault, at: u64, lasts: bool) {
        self.set([0, at, u64::from(lasts), 0, 0], "");
        self.arm(fault);
    }

    /// Last, so that no process sees half of what was set.
    fn arm(&self, fault: Fault) {
        let mode: u64 = match fault {
            Fault::DiskFull => 1,
            Fault::SyncFails => 2,
            Fault::GitDies => 3,
            Fault::EngineDies => 4,
        };
        self.counters()
            .write_all_at(&mode.to_le_bytes(), 0)
            .expect("set the fault");
    }

    /// Lets the first sync of what has a path with this end fail.
    ///
    /// # Panics
    /// When the end is too long to be told.
    pub fn fail_sync_of(&self, path: &str) {
        self.set([0, 1, 0, 0, 0], path);
        self.arm(Fault::SyncFails);
    }

    /// Counts the calls that this fault could strike, and strikes none.
    pub fn count(&self, fault: Fault) {
        self.fail(fault, 0, false);
    }

    /// Lets everything work again; tells how many calls counted, and how many went wrong.
    pub fn relent(&self) -> (u64, u64) {
        let seen = self.seen();
        self.set([0, 0, 0, 0, 0], "");
        seen
    }

    /// How many calls counted since the fault was set, and how many of them went wrong.
    pub fn seen(&self) -> (u64, u64) {
        let mut bytes = [0; 16];
        self.counters()
            .read_exact_at(&mut bytes, 24)
            .expect("read the fault's counters");
        let number = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        (number(0), number(8))
    }

    fn set(&self, words: [u64; 5], path: &str) {
        let mut bytes: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(path.as_bytes());
        assert!(bytes.len() < FAULT_BYTES, "a shorter end of a path");
        bytes.resize(FAULT_BYTES, 0);
        self.counters()
            .write_all_at(&bytes, 0)
            .expect("write the fault's counters");
    }

    fn counters(&self) -> File {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path("fault"))
            .expect("open the fault's counters")
    }
}
