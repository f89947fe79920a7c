//! The processes at work in this engine.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperion_host::CancelFlag;
use hyperion_model::RunId;
use tokio::sync::Notify;

use crate::Error;

/// The runs that have a thread in this engine now.
#[derive(Default)]
pub struct Jobs {
    active: Mutex<HashMap<RunId, CancelFlag>>,
    changed: Condvar,
    ended: Notify,
    /// The latest of them that could not be recorded, until the reconciler says so.
    unrecorded: Mutex<Option<Error>>,
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

    /// Lists them.
    pub(super) fn ids(&self) -> Vec<RunId> {
        self.lock().keys().copied().collect()
    }

    pub(crate) fn add(&self, id: RunId, cancel: CancelFlag) {
        self.lock().insert(id, cancel);
    }

    pub(crate) fn remove(&self, id: RunId) {
        self.lock().remove(&id);
        self.changed.notify_all();
        self.ended.notify_one();
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

    pub(super) fn cancel(&self, id: RunId) {
        if let Some(flag) = self.lock().get(&id) {
            flag.cancel();
        }
    }

    /// Ends them all and waits until they are gone; `false` when some were still there at the end.
    pub(crate) fn stop(&self, patience: Duration) -> bool {
        let active = self.lock();
        for flag in active.values() {
            flag.cancel();
        }
        let waited = self
            .changed
            .wait_timeout_while(active, patience, |active| !active.is_empty());
        let (active, _) = waited.unwrap_or_else(PoisonError::into_inner);
        active.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, CancelFlag>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
