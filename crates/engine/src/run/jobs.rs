//! What is at work in this engine.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperion_host::CancelFlag;
use hyperion_model::RunId;
use tokio::sync::Notify;

use crate::Error;

/// What this engine works at now: threads of its own, and runs whose shims it watches.
#[derive(Default)]
pub struct Jobs {
    active: Mutex<HashMap<RunId, Job>>,
    changed: Condvar,
    ended: Notify,
    /// The latest of them that could not be recorded, until the reconciler says so.
    unrecorded: Mutex<Option<Error>>,
}

enum Job {
    /// A thread of this engine, which ends with it.
    Thread(CancelFlag),
    /// A process that the supervisor watches, which outlives this engine; and what was asked of it.
    Process(Asked),
}

/// What is asked of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// To end.
    pub(crate) stop: bool,
    /// To stand still, or to go on.
    pub(crate) pause: bool,
}

impl Jobs {
    /// Counts them.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Waits until one of them ends; an end that nobody waited for is not forgotten.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    pub(super) fn holds(&self, id: RunId) -> bool {
        self.lock().contains_key(&id)
    }

    pub(crate) fn add(&self, id: RunId, cancel: CancelFlag) {
        self.lock().insert(id, Job::Thread(cancel));
    }

    /// Notes that the supervisor watches a run from now on.
    pub(super) fn watch(&self, id: RunId) {
        self.lock().insert(id, Job::Process(Asked::default()));
        self.changed.notify_all();
    }

    pub(crate) fn remove(&self, id: RunId) {
        self.lock().remove(&id);
        self.changed.notify_all();
        self.ended.notify_one();
    }

    /// Waits until a run is not at work here any more.
    pub(super) fn wait(&self, id: RunId) {
        let active = self.lock();
        let waited = self
            .changed
            .wait_while(active, |active| active.contains_key(&id));
        drop(waited);
    }

    /// Notes what is asked of a run; tells whether its process has to be told. A thread is cancelled where its end is asked for.
    pub(super) fn ask(&self, id: RunId, asked: Asked) -> bool {
        match self.lock().get_mut(&id) {
            Some(Job::Process(before)) => std::mem::replace(before, asked) != asked,
            Some(Job::Thread(flag)) if asked.stop => {
                flag.cancel();
                false
            }
            Some(Job::Thread(_)) | None => false,
        }
    }

    /// Notes that how one of them went could not be recorded.
    pub(crate) fn note_unrecorded(&self, error: Error) {
        *self
            .unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Takes the note.
    pub(crate) fn take_unrecorded(&self) -> Option<Error> {
        self.unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Ends the threads and waits until they are gone; `false` when some were still there at the end. Processes go on.
    pub(crate) fn stop(&self, patience: Duration) -> bool {
        let active = self.lock();
        for job in active.values() {
            if let Job::Thread(flag) = job {
                flag.cancel();
            }
        }
        let has_threads = |active: &mut HashMap<RunId, Job>| {
            active.values().any(|job| matches!(job, Job::Thread(_)))
        };
        let waited = self
            .changed
            .wait_timeout_while(active, patience, has_threads);
        let (mut active, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !has_threads(&mut active)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Job>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
