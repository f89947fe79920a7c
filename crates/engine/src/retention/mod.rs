//! Retention: dead letters end, content of what ended is purged, and what ended long ago is archived; facts stay for ever.

mod bases;
mod dead_letters;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_model::run::Run;
use hyperion_model::{Name, RunId, Time};
use hyperion_store::PurgeLimits;

use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error, run};

/// How often it is looked for what is past its time.
const EVERY: Duration = Duration::from_secs(3600);
/// How long to wait for a backup that is being made.
const WHILE_COPIED: Duration = Duration::from_secs(60);
/// How soon it is looked again when a look did not come to an end.
const SOON: Duration = Duration::from_millis(500);
/// How many rows let go of their content in one look: everything else waits meanwhile.
const MAX_ROWS: u64 = 250;
/// How many requests are archived in one look.
const MAX_UNITS: u64 = 100;

/// How many folders of runs are looked at in one look; the rest waits for the next.
const MAX_FOLDERS: usize = 50_000;

/// What nobody knows of is nobody's once it was not written to for so long: no git command and no start of a run takes this long.
const ORPHANED_AFTER: Duration = Duration::from_secs(3600);

/// Under which name the store keeps when it was looked last.
const LOOKED_AT: &str = "retention.looked_at";

/// Ends dead letters, purges content, archives what ended.
pub(crate) struct Retention {
    name: Name,
    next: Option<Time>,
}

impl Retention {
    pub(crate) const fn new(name: Name) -> Self {
        Self { name, next: None }
    }

    /// Does one part of what is due; tells whether there is more to do.
    fn look(&self, cx: &Cx, now: Time) -> Result<bool, Error> {
        let before = now - cx.settings.retention;
        dead_letters::end(cx, &self.name, now)?;
        let let_go = cx.store.let_go(before, now, MAX_ROWS)?;
        reached(Point::PurgeMarked);
        let purged = cx.store.purge(&PurgeLimits {
            now,
            unreferenced_before: before,
            receipts_before: before,
        })?;
        if purged.blobs > 0 {
            tracing::info!(
                blobs = purged.blobs,
                bytes = purged.bytes,
                "purged content past its retention time"
            );
        }
        if let_go.more {
            return Ok(true);
        }
        // Content goes before its request does: what is in the archive holds nothing but titles.
        let kept = cx.settings.archive_after.max(cx.settings.retention);
        let archived = cx.store.archive(now - kept, MAX_UNITS)?;
        if archived.units > 0 {
            tracing::info!(
                requests = archived.units,
                rows = archived.rows,
                "archived what ended long ago"
            );
        }
        if archived.more {
            return Ok(true);
        }
        cx.store.forget_files(now - kept)?;
        self.remove_logs(cx, before)?;
        run::sweep_homes(cx, before.into())?;
        bases::look_after(cx);
        reached(Point::PurgeDone);
        Ok(false)
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
            let is_over = match cx.store.get::<Run>(id)? {
                Some(run) => run.ended_at.is_some_and(|ended| ended <= before),
                // Of a run that this log never had, or does not have any more since an earlier state was restored.
                None => is_orphan(&entry, cx.now()),
            };
            if is_over {
                hyperion_host::remove_tree(&entry.path()).map_err(failed)?;
                reached(Point::PurgeLogRemoved);
            }
        }
        Ok(())
    }
}

/// Tells whether a folder was not written to for so long that nobody will come for it.
fn is_orphan(entry: &std::fs::DirEntry, now: Time) -> bool {
    let bound = std::time::SystemTime::from(now - ORPHANED_AFTER);
    let metadata = entry.metadata();
    metadata.is_ok_and(|metadata| metadata.modified().is_ok_and(|at| at < bound))
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
        if self.look(cx, now)? {
            // Others have their turn, and a command that only passes by need not stay for it.
            self.next = Some(now + SOON);
            return Ok(Progress::Idle { wake_at: self.next });
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
