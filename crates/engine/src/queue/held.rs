//! What an engine holds of the entries that it works at: their leases, and how they are given back.

use std::time::Duration;

use hyperion_fault::{Point, reached};
use hyperion_model::entry::{self, Cause, Entry, Status};
use hyperion_model::{Command, EntryId, ShortText};
use hyperion_store::Lease;

use super::merge::sets_of;
use super::pause::MAX_PAUSE;
use super::work::{LOOK_AGAIN, Queue, is_active};
use crate::error::chain;
use crate::reconcile::Progress;
use crate::{Cx, Error};

impl Queue {
    /// Keeps the lease of an entry. What another engine left half-way is gone on with where its processes or the world may have gone on, too; else it
    /// goes back to the queue.
    pub(super) fn hold(&mut self, cx: &Cx, entry: &Entry) -> Result<bool, Error> {
        let now = cx.now();
        if let Some(lease) = self.leases.get(&entry.id) {
            let half = lease.acquired_at + cx.settings.lease / 2;
            if now < half {
                return Ok(true);
            }
            if let Some(renewed) = cx.store.renew(lease, cx.settings.lease, now)? {
                self.leases.insert(entry.id, renewed);
                return Ok(true);
            }
            // Given back, not only forgotten: to a clock that is set back it would be alive again, and nobody's.
            if let Some(ended) = self.leases.remove(&entry.id) {
                cx.store.release(&ended)?;
            }
        }
        if matches!(entry.status, Status::Checking | Status::Dispatching) {
            // A check outlives its engine. A landing is finished or undone, never started over: the branch may have moved already.
            let lease = cx.store.lease(
                &resource(entry.id),
                cx.instance.as_str(),
                cx.settings.lease,
                now,
            )?;
            return Ok(lease.is_some_and(|lease| {
                self.leases.insert(entry.id, lease);
                true
            }));
        }
        self.release(cx, entry, left_half_way(cx))?;
        Ok(false)
    }

    pub(super) fn lease(&mut self, cx: &Cx, entry: &Entry) -> Result<(), Error> {
        let now = cx.now();
        let taken = cx.store.lease(
            &resource(entry.id),
            cx.instance.as_str(),
            cx.settings.lease,
            now,
        )?;
        let Some(lease) = taken else { return Ok(()) };
        reached(Point::EntryLeaseTaken);
        let commands = vec![
            Command::Entry(entry.id, entry::Command::Lease { fence: lease.fence }),
            Command::Entry(entry.id, entry::Command::Merge),
        ];
        self.leases.insert(entry.id, lease);
        cx.execute(cx.stamp(&self.name), commands, vec![])?;
        reached(Point::EntryLeased);
        Ok(())
    }

    fn release(&mut self, cx: &Cx, entry: &Entry, release: entry::Command) -> Result<(), Error> {
        cx.execute(
            cx.stamp(&self.name),
            vec![Command::Entry(entry.id, release)],
            vec![],
        )?;
        reached(Point::EntryReleased);
        self.forget(cx, entry.id)
    }

    /// Lets go of what this engine holds of an entry.
    pub(super) fn forget(&mut self, cx: &Cx, id: EntryId) -> Result<(), Error> {
        self.permits.remove(&id);
        self.stuck.remove(&id);
        if let Some(lease) = self.leases.remove(&id) {
            cx.store.release(&lease)?;
        }
        Ok(())
    }

    /// Lets go of what this engine holds of those entries that are not at work any more.
    pub(super) fn forget_ended(&mut self, cx: &Cx, ids: &[EntryId]) -> Result<(), Error> {
        let mut given_back = Vec::new();
        for id in ids {
            if cx
                .store
                .get::<Entry>(*id)?
                .is_some_and(|entry| is_active(&entry))
            {
                continue;
            }
            self.permits.remove(id);
            self.stuck.remove(id);
            given_back.extend(self.leases.remove(id));
        }
        if !given_back.is_empty() {
            cx.store.release_each(given_back)?;
        }
        Ok(())
    }

    /// Notes that this engine holds the lease of an entry.
    pub(super) fn keep(&mut self, id: EntryId, lease: Lease) {
        self.leases.insert(id, lease);
    }

    /// Notes a fault of the world: the entry is tried again later, a limited number of times.
    pub(super) fn stumble(
        &mut self,
        cx: &Cx,
        entry: &Entry,
        error: &Error,
    ) -> Result<Progress, Error> {
        self.give_back(cx, entry, Cause::Fault, &chain(error))
    }

    /// Gives an entry back that cannot be done now: it is tried again later, a limited number of times.
    pub(super) fn give_back(
        &mut self,
        cx: &Cx,
        entry: &Entry,
        cause: Cause,
        why: &str,
    ) -> Result<Progress, Error> {
        tracing::warn!(entry = %entry.id, %why, "working at a queue entry failed");
        self.log(cx, entry, "work", "error", 0, None);
        let until = cx.now() + pause(cx, entry.attempts);
        let Some(now) = cx.store.get::<Entry>(entry.id)? else {
            return Ok(Progress::Worked);
        };
        if now.status == Status::Dispatching {
            let stuck = self.stuck.entry(entry.id).or_default();
            *stuck += 1;
            if *stuck >= cx.settings.max_attempts {
                // It stays dispatching, for the next engine or the next look; nothing is guessed.
                return Ok(Progress::Idle {
                    wake_at: Some(cx.now() + LOOK_AGAIN * 15),
                });
            }
        } else if is_active(&now) {
            if let Some(reason) = lost_base(cx, &now)? {
                // Trying again brings nothing back.
                let cause = Cause::LostBase;
                let fail = entry::Command::Fail { cause, reason };
                self.command(cx, &now, fail, vec![])?;
                self.forget(cx, now.id)?;
                return Ok(Progress::Worked);
            }
            self.release(cx, &now, release_because(cx, cause, why))?;
        }
        self.not_before.insert(entry.id, until);
        Ok(Progress::Delayed { until })
    }
}

fn release_because(cx: &Cx, cause: Cause, why: &str) -> entry::Command {
    entry::Command::Release {
        cause,
        reason: ShortText::cut(why),
        max_attempts: cx.settings.max_attempts,
    }
}

/// Puts an entry back into the queue that an engine had which ended.
pub(super) fn left_half_way(cx: &Cx) -> entry::Command {
    let why = "the engine that worked at it ended before it was done";
    release_because(cx, Cause::EngineEnded, why)
}

/// Says that what a change of an entry was made on is gone, if it is.
fn lost_base(cx: &Cx, entry: &Entry) -> Result<Option<ShortText>, Error> {
    for set in sets_of(cx, entry)? {
        let lost = cx
            .repos
            .lost_base(cx, set.proposal.repo, &set.proposal.base_commit);
        if lost.is_some() {
            return Ok(lost);
        }
    }
    Ok(None)
}

/// Gives the pause after a failed attempt: it doubles with every one, up to [`MAX_PAUSE`].
fn pause(cx: &Cx, attempts: u32) -> Duration {
    let factor = 1_u32.checked_shl(attempts.min(16)).unwrap_or(u32::MAX);
    cx.settings
        .retry_delay
        .saturating_mul(factor)
        .min(MAX_PAUSE)
}

pub(super) fn resource(id: EntryId) -> String {
    format!("entry:{id}")
}
