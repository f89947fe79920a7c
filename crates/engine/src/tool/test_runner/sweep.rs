//! What a dead engine's runs left: processes, reports, and notes without an end.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hyperion_api::tool::test_runner::SERVER;
use hyperion_host::{kill_marked, remove_tree};
use hyperion_model::Uuid;
use hyperion_store::ToolRecord;
use sha2::{Digest as _, Sha256};

use crate::run::RUN_MARK;
use crate::{Cx, Error};

/// The outcome of a run whose engine died.
const LOST: &str = "lost";

/// The most runs that are swept up at a start; an engine that dies leaves a few.
const LEFT_MAX: u32 = 1000;

/// The thread that sweeps.
#[derive(Default)]
pub(in crate::tool) struct Sweep(Mutex<Option<JoinHandle<()>>>);

impl Sweep {
    /// Looks what a dead engine noted and did not end, and ends what is left of it. Before any call: theirs is not swept.
    pub(in crate::tool) fn start(cx: &Arc<Cx>) -> Result<Self, Error> {
        let reports = reports(cx);
        if let Err(error) = remove_tree(&reports) {
            tracing::warn!(%error, "could not remove the reports of a dead engine's runs");
        }
        let unended = cx.store.tools_intended(SERVER, LEFT_MAX)?;
        if unended.is_empty() {
            return Ok(Self::default());
        }
        let cx = Arc::clone(cx);
        let thread = std::thread::Builder::new()
            .name("tool-sweep".to_owned())
            .spawn(move || end(&cx, &unended))
            .map_err(|source| Error::Io {
                what: "the thread that ends what a dead engine ran".to_owned(),
                source,
            })?;
        Ok(Self(Mutex::new(Some(thread))))
    }

    /// Waits until it is done.
    pub(in crate::tool) fn stop(&self) {
        let thread = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in there was printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.stop();
    }
}

fn end(cx: &Cx, unended: &[(i64, ToolRecord)]) {
    let marks: Vec<_> = unended
        .iter()
        .map(|(id, record)| mark(cx, record.session, *id))
        .collect();
    match kill_marked(RUN_MARK, &marks) {
        Ok(true) => {}
        Ok(false) => tracing::warn!("what is left of a dead engine's runs does not end"),
        Err(error) => {
            tracing::warn!(%error, "could not look what is left of a dead engine's runs");
            // The next engine looks again.
            return;
        }
    }
    for (id, _) in unended {
        if let Err(error) = cx.store.end_tool(*id, LOST) {
            tracing::warn!(%error, "could not note that a run was lost");
        }
    }
}

/// The mark of a run's processes: known from its record alone, and another one in every home.
pub(super) fn mark(cx: &Cx, session: Uuid, record: i64) -> String {
    // Hashed: a session's id is its token, and no token is given to what is run.
    let mut hash = Sha256::new();
    hash.update(b"hyperion run of a tool\n");
    // A home that was copied has the same sessions and records.
    hash.update(cx.home.path().as_os_str().as_bytes());
    hash.update(session.as_bytes());
    hash.update(record.to_be_bytes());
    let hash = hash.finalize();
    let hex: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("tool-{hex}")
}

/// Where reports go: a folder of its own for each run, in the cache.
pub(super) fn reports(cx: &Cx) -> PathBuf {
    cx.home.cache().join("reports")
}
