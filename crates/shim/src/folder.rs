//! The folder of a run: what is in it, and what it tells.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hyperion_host::{
    Detached, Launch, ProcessMark, RUN_VARIABLE, SpawnError, is_alive, kill_marked, read_bounded,
    write_atomic,
};
use serde::de::DeserializeOwned;

use crate::private::Private;
use crate::spec::{Ended, ShimRecord, Spec, VERSION};

pub(crate) const SPEC: &str = "spec.json";
pub(crate) const SHIM: &str = "shim.json";
pub(crate) const ENDED: &str = "ended.json";
pub(crate) const LOG: &str = "shim.log";

/// What a shim says on standard output once it is the run's owner; anything else is why it is not.
pub(crate) const READY: &str = "ready";
/// The run has an owner already.
pub(crate) const TAKEN: &str = "taken";

/// The most bytes of a spec: an environment may be large.
const SPEC_MAX_BYTES: u64 = 16 * 1024 * 1024;
const RECORD_MAX_BYTES: u64 = 1024 * 1024;
/// How long a shim may take until it says something: a machine may be busy with a hundred others.
const START_MAX: Duration = Duration::from_secs(60);
const LINE_MAX_BYTES: usize = 64 * 1024;

/// A run was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was started before, by whomever: [`look`] tells what became of it.
    #[error("start a run in {}: it was started before", folder.display())]
    StartedBefore {
        /// Its folder.
        folder: PathBuf,
    },
    /// The shim could not be started.
    #[error("start a run")]
    Spawn(#[from] SpawnError),
    /// The shim began and gave up before it started anything.
    #[error("start a run in {}: {why}", folder.display())]
    GaveUp {
        /// Its folder.
        folder: PathBuf,
        /// What it said.
        why: String,
    },
    /// It said nothing in time. It may still come up: [`look`] tells.
    #[error("start a run in {}: its shim says nothing", folder.display())]
    Silent {
        /// Its folder.
        folder: PathBuf,
    },
    /// Its records could not be read.
    #[error("start a run in {}", folder.display())]
    Io {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What a run's folder tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No shim was there.
    NotStarted,
    /// Its shim lives.
    Live {
        /// Which process the shim is.
        mark: ProcessMark,
        /// The version of its protocol.
        version: u32,
    },
    /// It ended, and said how.
    Ended(Ended),
    /// Its shim is gone without a word: killed, or the machine went down. Call [`end_what_is_left`].
    Dead,
}

/// Writes what a run is, once: a spec that is there is never changed.
pub fn write_spec(folder: &Path, spec: &Spec) -> io::Result<()> {
    hyperion_host::create_private_dir(folder)?;
    let path = folder.join(SPEC);
    if path.try_exists()? {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there already", path.display()),
        ));
    }
    write_atomic(&path, &serde_json::to_vec(spec)?, 0o600)
}

/// Writes what a run is without what is [`Private`]: whoever starts it hands that over with [`start_with`].
pub fn write_public_spec(folder: &Path, spec: &Spec) -> io::Result<()> {
    let public = Spec {
        argv: Vec::new(),
        env: Vec::new(),
        ..spec.clone()
    };
    write_spec(folder, &public)
}

/// Starts the shim of a run, whose spec is in the folder; returns when it is the run's owner, before or after what it runs has begun.
///
/// `program` is one whose `shim` command is [`main_of_shim`](crate::main_of_shim). Of several that are started in one folder, at any
/// time, one becomes the owner.
pub fn start(program: &Path, folder: &Path) -> Result<ProcessMark, StartError> {
    start_reading(program, folder, Stdio::null())
}

/// Does the same for a run whose spec was written by [`write_public_spec`].
pub fn start_with(
    program: &Path,
    folder: &Path,
    private: &Private,
) -> Result<ProcessMark, StartError> {
    let file = private.to_file().map_err(|source| StartError::Io {
        folder: folder.to_path_buf(),
        source,
    })?;
    start_reading(program, folder, Stdio::from(file))
}

fn start_reading(program: &Path, folder: &Path, stdin: Stdio) -> Result<ProcessMark, StartError> {
    let io_error = |source| StartError::Io {
        folder: folder.to_path_buf(),
        source,
    };
    let mut launch = Launch::new(program, "/").arg("shim").arg(folder);
    launch.env = inherited();
    let shim = Detached::start_one_of_many(&launch, &folder.join(LOG), stdin)?;
    let deadline = Instant::now() + START_MAX;
    let line = shim
        .first_line(LINE_MAX_BYTES, deadline)
        .map_err(io_error)?;
    let line = line.map(|line| String::from_utf8_lossy(&line).into_owned());
    match line.as_deref() {
        Some(READY) => match record(folder).map_err(io_error)? {
            Some(record) => Ok(record.1),
            None => Err(io_error(io::ErrorKind::NotFound.into())),
        },
        Some(TAKEN) => Err(StartError::StartedBefore {
            folder: folder.to_path_buf(),
        }),
        Some(why) => Err(StartError::GaveUp {
            folder: folder.to_path_buf(),
            why: why.to_owned(),
        }),
        None if Instant::now() >= deadline => Err(StartError::Silent {
            folder: folder.to_path_buf(),
        }),
        None => Err(StartError::GaveUp {
            folder: folder.to_path_buf(),
            why: format!("its shim ended at once; see {LOG} there"),
        }),
    }
}

/// Says what became of a run, from its folder alone.
pub fn look(folder: &Path) -> io::Result<Found> {
    if let Some(ended) = read_json(&folder.join(ENDED), RECORD_MAX_BYTES)? {
        return Ok(Found::Ended(ended));
    }
    let Some((record, mark)) = record(folder)? else {
        return Ok(Found::NotStarted);
    };
    if is_alive(&mark) {
        return Ok(Found::Live {
            mark,
            version: record.version,
        });
    }
    // It may have ended between the two looks, or died when the end was in the spool alone.
    let ended = match read_json(&folder.join(ENDED), RECORD_MAX_BYTES)? {
        Some(ended) => Some(ended),
        None => crate::spool::end(folder)?,
    };
    Ok(ended.map_or(Found::Dead, Found::Ended))
}

/// Ends what a shim that is [`Found::Dead`] left running; tells whether nothing is left.
///
/// It is found by the run's id in its environment. Where the run had a pid namespace, the kernel did all of this.
pub fn end_what_is_left(_folder: &Path, spec: &Spec) -> io::Result<bool> {
    kill_marked(RUN_VARIABLE, std::slice::from_ref(&spec.run))
}

/// Reads what a run is.
pub fn read_spec(folder: &Path) -> io::Result<Spec> {
    let path = folder.join(SPEC);
    let spec: Spec = read_json(&path, SPEC_MAX_BYTES)?.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("read {}: it is not there", path.display()),
        )
    })?;
    if spec.version > VERSION {
        let what = format!(
            "read {}: it has version {}, and this program knows {VERSION} at most",
            path.display(),
            spec.version
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(spec)
}

/// What a shim needs of this process's environment: orders of tests.
pub(crate) fn inherited() -> Vec<(OsString, OsString)> {
    hyperion_fault::variables()
}

/// Claims a run for this process; false when another one did before.
pub(crate) fn claim(folder: &Path) -> io::Result<bool> {
    let pid = std::process::id();
    let mark = ProcessMark::of(pid)?.ok_or(io::ErrorKind::NotFound)?;
    let record = ShimRecord {
        version: VERSION,
        mark: mark.to_string(),
    };
    let draft = folder.join(format!("{SHIM}.{pid}"));
    // Durable before anything is started: a run without this record is one that was never begun.
    let mut file = hyperion_host::create_private(&draft)?;
    file.write_all(&serde_json::to_vec(&record)?)?;
    file.sync_all()?;
    match hyperion_host::rename_new(&draft, &folder.join(SHIM)) {
        Ok(()) => hyperion_host::fsync_dir(folder).map(|()| true),
        Err(error) => {
            let _ = fs::remove_file(&draft);
            match error.kind() {
                io::ErrorKind::AlreadyExists => Ok(false),
                _ => Err(error),
            }
        }
    }
}

fn record(folder: &Path) -> io::Result<Option<(ShimRecord, ProcessMark)>> {
    let path = folder.join(SHIM);
    let Some(record): Option<ShimRecord> = read_json(&path, RECORD_MAX_BYTES)? else {
        return Ok(None);
    };
    let mark = record.mark.parse().map_err(|error| {
        let what = format!("read {}: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })?;
    Ok(Some((record, mark)))
}

/// None when the file is not there.
fn read_json<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> io::Result<Option<T>> {
    if !path.try_exists()? {
        return Ok(None);
    }
    let bytes = read_bounded(path, max_bytes).map_err(io::Error::other)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let what = format!("read {}: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}
