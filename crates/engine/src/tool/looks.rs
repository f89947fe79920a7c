//! What was looked at: noted together, one record a second for each session and tool.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyperion_model::{Time, Uuid};
use hyperion_store::ToolRecord;

use super::session::Session;
use crate::{Cx, Error};

/// How long looks are gathered for.
const EVERY: Duration = Duration::from_secs(1);
/// How many paths one record names.
const PATHS_MAX: usize = 50;

/// Looks that are still to be noted.
type Pending = Arc<Mutex<BTreeMap<(Uuid, &'static str), ToolRecord>>>;

/// Gathers looks, and notes them from a thread of its own.
#[derive(Default)]
pub(super) struct Looks {
    pending: Pending,
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

impl Looks {
    pub(super) fn start(cx: &Arc<Cx>) -> Result<Self, Error> {
        let pending = Pending::default();
        let (looked, looks) = mpsc::channel();
        let gathered = Arc::clone(&pending);
        let cx = Arc::clone(cx);
        let thread = std::thread::Builder::new()
            .name("tool-looks".to_owned())
            .spawn(move || run(&cx, &gathered, &looks))
            .map_err(|source| Error::Io {
                what: "the thread that notes what tools look at".to_owned(),
                source,
            })?;
        Ok(Self {
            pending,
            thread: Mutex::new(Some((looked, thread))),
        })
    }

    /// Notes a look, soon.
    pub(super) fn note(
        &self,
        now: Time,
        session: &Session,
        server: &str,
        tool: &'static str,
        path: Option<String>,
    ) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = pending.is_empty();
        let record = pending
            .entry((session.id, tool))
            .or_insert_with(|| ToolRecord {
                time: now,
                session: session.id,
                actor: session.actor.to_string(),
                root: session.root.clone(),
                server: server.to_owned(),
                tool: tool.to_owned(),
                calls: 0,
                paths: Vec::new(),
                old_sha256: None,
                new_sha256: None,
                outcome: "looked".to_owned(),
            });
        record.calls = record.calls.saturating_add(1);
        if let Some(path) = path
            && record.paths.len() < PATHS_MAX
            && !record.paths.contains(&path)
        {
            record.paths.push(path);
        }
        drop(pending);
        if is_first
            && let Some((looked, _)) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner)
        {
            // A thread that is gone was told to go.
            let _ = looked.send(());
        }
    }

    /// Notes what is left, and ends the thread.
    pub(super) fn stop(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((looked, thread)) = thread {
            drop(looked);
            // A panic in there was printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(cx: &Cx, pending: &Pending, looks: &Receiver<()>) {
    let mut stops = false;
    while !stops && looks.recv().is_ok() {
        stops = loop {
            match looks.recv_timeout(EVERY) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        write(cx, pending);
    }
    write(cx, pending);
}

fn write(cx: &Cx, pending: &Pending) {
    let gathered = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
    for record in gathered.into_values() {
        if let Err(error) = cx.store.log_tool(&record) {
            tracing::warn!(%error, tool = record.tool, calls = record.calls, "could not note what a tool looked at");
        }
    }
    cx.records.look();
}
