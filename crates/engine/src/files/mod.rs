//! File modifications: which files changed beneath repositories and agents' clones, and by which run.
//!
//! | found by | when | how |
//! | --- | --- | --- |
//! | `watch` | as it happens | the kernel tells ([`hyperion_watch::Watch`]), on a thread of its own |
//! | `comparison` | once a run has ended | the times of files, and what git misses, for what nobody heard: an engine was down, or the folder not watched |
//!
//! Records are operational: bounded, not chained, free to lose; nothing is decided by them. What waits for a person at the
//! repository is looked at again as soon as a file there changes, instead of at its next turn.
//!
//! A run is named where it is the only one at work in that folder. Its folder is read from its spec: nobody has to tell.

mod compare;
mod news;
mod places;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyperion_model::{Name, Time};
use hyperion_watch::{Limits, Watch};

use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

pub use news::{FileNews, State};

/// How often it is looked which folders there are to watch.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon it is tried again to watch where that failed.
const TRY_AGAIN: Duration = Duration::from_secs(300);
/// The bounds of watching: each folder takes about a kilobyte of the kernel's memory.
const LIMITS: Limits = Limits {
    folders: 20_000,
    pending: 2_000,
    quiet: Duration::from_millis(200),
};

/// Has folders watched, and compares what runs left.
pub(crate) struct Files {
    name: Name,
    watch: Option<Watch>,
    /// When it is looked next which folders there are.
    next: Option<Time>,
    /// When it is tried next to watch at all.
    retry: Option<Time>,
    comparing: Option<JoinHandle<()>>,
    /// Up to which event runs that ended were looked for.
    seen: Option<u64>,
}

impl Files {
    pub(crate) const fn new(name: Name) -> Self {
        Self {
            name,
            watch: None,
            next: None,
            retry: None,
            comparing: None,
            seen: None,
        }
    }

    /// Watches the folders that there are now; says when to look again.
    fn watch(&mut self, cx: &Arc<Cx>, now: Time) -> Result<Option<Time>, Error> {
        // One that is further away than it can be was set before the clock went back.
        if let Some(next) = self
            .next
            .filter(|next| now < *next && *next <= now + LOOK_EVERY)
        {
            return Ok(Some(next));
        }
        self.next = Some(now + LOOK_EVERY);
        let places = places::find(cx)?;
        let roots = places.roots();
        let have_changed = cx.files.set_places(places);
        if !cx.settings.watch_files {
            return Ok(None);
        }
        let is_retry = self.retry.is_none_or(|retry| retry <= now);
        if self.watch.is_none() && is_retry {
            let hearing = Arc::clone(cx);
            match Watch::start(LIMITS, move |heard| news::hear(&hearing, &heard)) {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => {
                    tracing::warn!(%error, "changes of files are not watched");
                    cx.files.set_state(State::Failed(error.to_string()));
                    self.retry = Some(now + TRY_AGAIN);
                }
            }
        }
        if let Some(watch) = &self.watch {
            let failed = || watch.states().values().any(Result::is_err);
            if have_changed || (is_retry && failed()) {
                watch.set_roots(roots);
                self.retry = Some(now + TRY_AGAIN);
            }
            cx.files.set_state(State::Watching(watch.states()));
        }
        Ok(None)
    }
}

impl Reconcile for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let wake_at = self.watch(cx, cx.now())?;
        self.compare(cx)?;
        Ok(Progress::Idle { wake_at })
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.watch = None;
        if let Some(thread) = self.comparing.take() {
            // A panic in there was printed.
            let _ = thread.join();
        }
    }
}
