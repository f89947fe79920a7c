//! The writer thread: one transaction for many jobs, one answer for each, none before the commit.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use hyperion_fault::{Point, reached};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::chain::{self, Head, SealedHead};
use crate::connection;
use crate::error::StoreError;
use crate::footing::Footing;
use crate::key::KeyRing;
use crate::redact::Redact;
use crate::sync::mpsc::{Receiver, SyncSender};
use crate::sync::recv_within;

/// The most jobs that wait for the writer.
pub(crate) const MAX_WAITING: usize = 1024;

/// The most jobs that share one commit.
const MAX_GROUP: usize = 256;

/// How long a job that nobody waits for may wait for one that shares its commit: an agent's next call comes sooner.
const COMPANY_WAIT: Duration = Duration::from_millis(5);

/// Pages in the write-ahead log after which the writer copies them into the database. Everybody waits
/// meanwhile: four thousand took no less work together, and four times as long each.
const CHECKPOINT_PAGES: i32 = 1000;

/// Pages in the log after which it also waits for readers, so that the log cannot grow for ever.
const TRUNCATE_PAGES: i32 = 32_000;

/// How long a checkpoint waits for readers: work waits with it.
const CHECKPOINT_BUSY: Duration = Duration::from_millis(100);

/// Something to be written. It may be attempted again when the transaction around it was lost.
pub(crate) trait Job: Send {
    /// Whether nobody waits for it, so that it may wait for company.
    fn can_wait(&self) -> bool {
        false
    }

    /// Does it; when it fails, whatever it wrote is taken back.
    fn attempt(&mut self, writer: &mut Writer) -> Result<(), StoreError>;

    /// Tells whoever waits how it ended: after the commit, or after the failure.
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
}

/// What the writer thread owns.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) head: Head,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) redact: Arc<dyn Redact>,
    feed: watch::Sender<u64>,
    footing: Arc<Footing>,
    log_pages: Arc<AtomicI32>,
    data_version: i64,
}

/// What goes when a job fails.
#[derive(Clone, Copy)]
enum Undo {
    /// The work of the whole group, to be done again.
    All,
    /// Only its own.
    One,
}

/// The transaction around a group is gone.
struct Lost {
    error: StoreError,
    /// Whether one job may be why, so that the others deserve another try.
    again: bool,
}

impl Lost {
    fn of(error: impl Into<StoreError>) -> Self {
        Self {
            error: error.into(),
            again: true,
        }
    }
}

impl Writer {
    pub(crate) fn new(
        mut conn: Connection,
        keys: Arc<KeyRing>,
        redact: Arc<dyn Redact>,
        footing: Arc<Footing>,
    ) -> Result<Self, rusqlite::Error> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&log_pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let head = SealedHead::load(&conn)?.map_or(Head::START, |sealed| sealed.head);
        let (feed, _) = watch::channel(head.seq);
        let data_version = data_version(&conn)?;
        Ok(Self {
            conn,
            head,
            keys,
            redact,
            feed,
            footing,
            log_pages,
            data_version,
        })
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.feed.subscribe()
    }

    /// Works until every sender is gone, then closes the database.
    pub(crate) fn run(mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let mut group = vec![first];
            group.extend(jobs.try_iter().take(MAX_GROUP - 1));
            if group.iter().all(|job| job.can_wait())
                && let Some(company) = recv_within(jobs, COMPANY_WAIT)
            {
                group.push(company);
                group.extend(jobs.try_iter().take(MAX_GROUP.saturating_sub(group.len())));
            }
            match self.footing.check() {
                Ok(()) => {
                    self.commit_group(group);
                    self.checkpoint();
                }
                Err(displaced) => self.refuse_displaced(group, &displaced),
            }
        }
        self.copy_log("TRUNCATE");
    }

    fn commit_group(&mut self, mut group: Vec<Box<dyn Job>>) {
        match self.try_commit(&mut group) {
            Ok(results) => {
                reached(Point::StoreGroupCommitted);
                // What was committed to a file that nobody finds any more is not promised to anybody.
                if let Err(displaced) = self.footing.check() {
                    return self.refuse_displaced(group, &displaced);
                }
                self.publish();
                reached(Point::StoreGroupPublished);
                for (job, result) in group.into_iter().zip(results) {
                    job.answer(result);
                }
            }
            Err(Lost { error, again: true }) if group.len() > 1 => {
                tracing::warn!(%error, jobs = group.len(), "a group was lost; its jobs are tried one by one");
                for job in group {
                    self.commit_group(vec![job]);
                }
            }
            Err(Lost { error, again: _ }) => {
                for job in group {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Answers jobs when a file of the store is gone, and wakes whoever follows the feed, to find that out.
    fn refuse_displaced(&self, group: Vec<Box<dyn Job>>, displaced: &StoreError) {
        for job in group {
            job.answer(Err(displaced.clone()));
        }
        self.feed.send_modify(|_| {});
    }

    /// Runs a group in one transaction; gives each job's result once all of it is durable.
    fn try_commit(
        &mut self,
        group: &mut [Box<dyn Job>],
    ) -> Result<Vec<Result<(), StoreError>>, Lost> {
        // A savepoint keeps a copy of every page that its job changes, and nearly all jobs succeed:
        // so they go without first. Where one fails, all begin again, each in its own.
        match self.run_or_undo(group, Undo::All) {
            Err(Lost { again: true, .. }) => self.run_or_undo(group, Undo::One),
            outcome => outcome,
        }
    }

    fn run_or_undo(
        &mut self,
        group: &mut [Box<dyn Job>],
        undo: Undo,
    ) -> Result<Vec<Result<(), StoreError>>, Lost> {
        let outcome = self.run_group(group, undo);
        if outcome.is_err() {
            // Whatever stands now: the transaction goes, and memory follows the disk.
            if !self.conn.is_autocommit()
                && let Err(error) = self.conn.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a transaction could not be rolled back");
            }
            self.reload_head();
        }
        outcome
    }

    fn run_group(
        &mut self,
        group: &mut [Box<dyn Job>],
        undo: Undo,
    ) -> Result<Vec<Result<(), StoreError>>, Lost> {
        self.begin().map_err(|error| Lost {
            error,
            again: false,
        })?;
        reached(Point::StoreGroupBegun);
        let start = self.head;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            results.push(match undo {
                Undo::All => Ok(self.run_bare_job(job.as_mut())?),
                Undo::One => self.run_job(job.as_mut())?,
            });
        }
        self.finish(start).map_err(Lost::of)?;
        Ok(results)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        // IMMEDIATE: a transaction that begins by reading fails at once when it wants to write.
        self.statement("BEGIN IMMEDIATE")?;
        let now = data_version(&self.conn)?;
        if now != self.data_version {
            tracing::warn!(
                "another process wrote the database; the end of the chain is read again"
            );
            self.data_version = now;
            self.head = SealedHead::load(&self.conn)?.map_or(Head::START, |sealed| sealed.head);
        }
        Ok(())
    }

    /// Attempts a job. A defect in it must not end the thread that all others wait for: whatever it had written is undone.
    fn attempt(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        catch_unwind(AssertUnwindSafe(|| job.attempt(self)))
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }

    /// Runs one job; if it fails, the whole transaction is lost.
    fn run_bare_job(&mut self, job: &mut dyn Job) -> Result<(), Lost> {
        self.attempt(job).map_err(Lost::of)?;
        if self.conn.is_autocommit() {
            return Err(Lost::of(ended_by_itself()));
        }
        reached(Point::StoreJobDone);
        Ok(())
    }

    /// Runs one job in a savepoint. SQLite may roll back the whole transaction on a full disk,
    /// on IO errors, without memory or when interrupted: then everything before is gone too.
    fn run_job(&mut self, job: &mut dyn Job) -> Result<Result<(), StoreError>, Lost> {
        let before = self.head;
        self.statement("SAVEPOINT job").map_err(Lost::of)?;
        let result = self.attempt(job);
        if self.conn.is_autocommit() {
            return Err(Lost::of(result.err().unwrap_or_else(ended_by_itself)));
        }
        match result {
            Ok(()) => {
                self.statement("RELEASE job").map_err(Lost::of)?;
                reached(Point::StoreJobDone);
            }
            Err(_) => {
                self.statement("ROLLBACK TO job").map_err(Lost::of)?;
                self.statement("RELEASE job").map_err(Lost::of)?;
                self.head = before;
            }
        }
        if let Err(StoreError::Quarantined { subject, detail }) = &result {
            crate::quarantine::record(&self.conn, *subject, detail, before.seq)
                .map_err(Lost::of)?;
        }
        Ok(result)
    }

    fn finish(&mut self, start: Head) -> Result<(), rusqlite::Error> {
        if self.head != start
            && let Some(key) = self.keys.current()
        {
            SealedHead::seal(self.head, key).save(&self.conn)?;
        }
        reached(Point::StoreGroupWritten);
        self.statement("COMMIT")
    }

    fn statement(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn publish(&self) {
        self.feed.send_if_modified(|seq| {
            let moved = *seq != self.head.seq;
            *seq = self.head.seq;
            moved
        });
    }

    fn reload_head(&mut self) {
        match chain::last_event(&self.conn) {
            Ok(head) => self.head = head,
            Err(error) => tracing::error!(%error, "the end of the chain could not be read again"),
        }
    }

    /// Copies the log into the database once it is long enough; only the writer does.
    fn checkpoint(&self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < CHECKPOINT_PAGES {
            return;
        }
        let mode = if pages < TRUNCATE_PAGES {
            "PASSIVE"
        } else {
            "TRUNCATE"
        };
        self.copy_log(mode);
        self.log_pages.store(0, Ordering::Relaxed);
    }

    /// Copies as much of the log as readers allow; the rest waits for the next time.
    fn copy_log(&self, mode: &str) {
        reached(Point::StoreLogCopying);
        let copied = self.conn.busy_timeout(CHECKPOINT_BUSY).and_then(|()| {
            self.conn
                .execute_batch(&format!("PRAGMA wal_checkpoint({mode})"))?;
            self.conn.busy_timeout(connection::WRITER_BUSY)
        });
        reached(Point::StoreLogCopied);
        if let Err(error) = copied {
            tracing::warn!(%error, mode, "the log could not be copied into the database");
        }
    }
}

fn ended_by_itself() -> StoreError {
    StoreError::Damaged {
        detail: "the transaction ended by itself".to_owned(),
    }
}

/// Says what a panic said.
fn panicked(panic: &(dyn Any + Send)) -> StoreError {
    let said = panic
        .downcast_ref::<&str>()
        .map(|said| (*said).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    let detail = said.unwrap_or_else(|| "without a word".to_owned());
    tracing::error!(%detail, "a job of the writer panicked; its transaction is rolled back");
    StoreError::Panicked { detail }
}

fn data_version(conn: &Connection) -> Result<i64, rusqlite::Error> {
    conn.prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// Where an answer goes.
pub(crate) enum Reply<T> {
    /// To a thread that waits.
    Thread(SyncSender<Result<T, StoreError>>),
    /// To a task that waits.
    Task(tokio::sync::oneshot::Sender<Result<T, StoreError>>),
    /// To nobody.
    Nobody,
}

impl<T> Reply<T> {
    pub(crate) fn send(self, result: Result<T, StoreError>) {
        // Whoever asked may have gone; what was committed stays committed.
        match self {
            Reply::Thread(sender) => drop(sender.send(result)),
            Reply::Task(sender) => drop(sender.send(result)),
            Reply::Nobody => {}
        }
    }
}

/// A small write to operational tables.
pub(crate) struct Operation<T, F> {
    pub(crate) work: F,
    pub(crate) made: Option<T>,
    pub(crate) reply: Reply<T>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: Fn(&mut Writer) -> Result<T, StoreError> + Send,
{
    fn can_wait(&self) -> bool {
        matches!(self.reply, Reply::Nobody)
    }

    fn attempt(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        self.made = Some((self.work)(writer)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let Self {
            work: _,
            made,
            reply,
        } = *self;
        reply.send(result.and_then(|()| made.ok_or(StoreError::Closed)));
    }
}

#[cfg(test)]
mod tests;
