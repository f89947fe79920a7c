//! Retention: content of what ended is purged after its time; facts stay for ever.

mod bases;

use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_model::change_set::ChangeSet;
use hyperion_model::machine::Machine as _;
use hyperion_model::run::Run;
use hyperion_model::{RunId, Time};
use hyperion_store::{Filter, Order, PurgeLimits};

use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

/// How often it is looked for content to purge.
const EVERY: Duration = Duration::from_secs(3600);
/// How long to wait for a backup that is being made.
const WHILE_COPIED: Duration = Duration::from_secs(60);
/// How many change sets are looked at in one go.
const BATCH: u32 = 500;
/// How many times in one look; the rest waits for the next.
const MAX_BATCHES: u32 = 200;

/// How many folders of runs are looked at in one look; the rest waits for the next.
const MAX_FOLDERS: usize = 50_000;

/// Under which name the store keeps when it was looked last.
const LOOKED_AT: &str = "retention.looked_at";

/// Purges content.
#[derive(Default)]
pub(crate) struct Retention {
    next: Option<Time>,
}

impl Retention {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Marks the content of change sets that ended long enough ago.
    fn mark(&self, cx: &Cx, before: Time) -> Result<(), Error> {
        let filter = Filter {
            order: Order::OldestFirst,
            until: Some(before),
            ..Filter::default()
        };
        let mut filter = filter.limit(BATCH);
        filter.open = Some(false);
        for _ in 0..MAX_BATCHES {
            let page = cx.store.list::<ChangeSet>(&filter)?;
            for set in page
                .rows
                .iter()
                .filter(|set| set.ended_at.is_some_and(|at| at <= before))
            {
                cx.store.mark_purgeable(&set.row().blobs, cx.now())?;
            }
            match page.next {
                Some(next) => filter = filter.after(next),
                None => break,
            }
        }
        Ok(())
    }
}

impl Retention {
    /// Removes the output of runs that ended long enough ago; their records keep its end.
    fn remove_logs(&self, cx: &Cx, before: Time) -> Result<(), Error> {
        let folder = cx.home.runs();
        let failed = |source| Error::Io {
            what: folder.display().to_string(),
            source,
        };
        for entry in std::fs::read_dir(&folder)
            .map_err(failed)?
            .take(MAX_FOLDERS)
        {
            let entry = entry.map_err(failed)?;
            let id = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<RunId>().ok());
            let Some(id) = id else { continue };
            let run = cx.store.get::<Run>(id)?;
            if run
                .and_then(|run| run.ended_at)
                .is_some_and(|ended| ended <= before)
            {
                hyperion_host::remove_tree(&entry.path()).map_err(failed)?;
                reached(Point::PurgeLogRemoved);
            }
        }
        Ok(())
    }
}

impl Reconcile for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
        let now = cx.now();
        let next = match self.next {
            Some(next) => Some(next),
            // An engine of a single command looks only when its turn has come.
            None => looked_at(cx)?.map(|at| at + EVERY),
        };
        // One that is further away than it can be was set before the clock went back.
        if let Some(next) = next.filter(|next| now < *next && *next <= now + EVERY) {
            self.next = Some(next);
            return Ok(Progress::Idle {
                wake_at: Some(next),
            });
        }
        // Nothing goes while a backup is made of it; whoever makes one and dies is not waited for.
        let Ok(Some(_hold)) = cx.home.may_remove_content() else {
            self.next = Some(now + WHILE_COPIED);
            return Ok(Progress::Idle { wake_at: self.next });
        };
        let before = now - cx.settings.retention;
        self.mark(cx, before)?;
        reached(Point::PurgeMarked);
        let purged = cx.store.purge(&PurgeLimits {
            now,
            unreferenced_before: before,
            receipts_before: before,
        })?;
        self.remove_logs(cx, before)?;
        bases::look_after(cx);
        reached(Point::PurgeDone);
        if purged.blobs > 0 {
            tracing::info!(
                blobs = purged.blobs,
                bytes = purged.bytes,
                "purged content past its retention time"
            );
        }
        cx.store.set_meta(LOOKED_AT, &now.to_string())?;
        self.next = Some(now + EVERY);
        Ok(Progress::Idle { wake_at: self.next })
    }
}

/// Tells when it was looked last, by whatever engine.
fn looked_at(cx: &Cx) -> Result<Option<Time>, Error> {
    Ok(cx.store.meta(LOOKED_AT)?.and_then(|text| text.parse().ok()))
}
