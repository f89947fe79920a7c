//! Works at one branch: begins with whose turns come next, goes on with what is at work, finishes what is landing.

use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_model::entry::{Entry, Status};
use hyperion_model::{Command, EntryId, Name, RepoId, Time};
use hyperion_store::StoreError;

use super::held::left_half_way;
use super::merge::sets_of;
use super::paused::is_paused;
use super::ride::{self, TrainEntry};
use super::work::{Queue, branch_of};
use super::{depend, land, line, pause, train};
use crate::error::chain;
use crate::reconcile::Progress;
use crate::{Cx, Error, remote};

/// How many entries of a priority are read at once.
const PAGE: u32 = 320;

impl Queue {
    pub(super) fn work_branch(
        &mut self,
        cx: &Arc<Cx>,
        (repo, branch): (RepoId, &Name),
        active: Vec<Entry>,
    ) -> Result<Progress, Error> {
        if !active.is_empty() {
            return self.go_on(cx, active);
        }
        if is_paused(cx, repo)? {
            return Ok(Progress::IDLE);
        }
        let now = cx.now();
        self.not_before.retain(|_, at| pause::is_on(Some(*at), now));
        let turns = line::turns(
            &cx.store,
            (repo, branch),
            now,
            |id| !self.not_before.contains_key(&id),
            |on| depend::has_landed(cx, on),
            (train::MAX_ENTRIES, PAGE),
        )?;
        if let Some(first) = turns.first() {
            // What others pushed is brought in before candidates are made.
            if let Some(until) = remote::hold(cx, repo, branch)? {
                return Ok(Progress::Delayed { until });
            }
            return self.take_turns(cx, first, &turns);
        }
        let mut delayed: Option<Time> = None;
        for (id, at) in &self.not_before {
            let entry = cx.store.get::<Entry>(*id)?;
            if entry.is_some_and(|entry| {
                entry.status == Status::Queued
                    && entry.admission.repo == repo
                    && entry.admission.branch == *branch
            }) {
                delayed = Some(delayed.map_or(*at, |delayed| delayed.min(*at)));
            }
        }
        Ok(delayed.map_or(Progress::IDLE, |until| Progress::Delayed { until }))
    }

    /// Begins with the entries whose turns come next, with as many as can go together.
    fn take_turns(
        &mut self,
        cx: &Arc<Cx>,
        first: &Entry,
        turns: &[Entry],
    ) -> Result<Progress, Error> {
        let opened = cx.repos.open(cx, first.admission.repo);
        if let Ok(opened) = &opened
            && let Ok(tip) = opened.tip(&first.admission.branch)
            && let Ok((file, _)) = opened.file_and_rules(cx, &tip)
            && remote::blocked(cx, first.admission.repo, &first.admission.branch).is_none()
            && !self.goes_alone(first)
            && let length @ 2.. = train::length(turns, !file.checks.is_empty())
            && let Some(line) = turns.get(..length)
        {
            return match ride::ride(self, cx, opened, line) {
                Err(error) if !error.is_passing() => {
                    // Whose fault it is shows when each goes alone.
                    tracing::warn!(error = chain(&error), "a train stopped on its way");
                    self.go_alone(first, length);
                    Ok(Progress::Worked)
                }
                ended => ended,
            };
        }
        // Whatever keeps the repository from being used is counted against the entry it is found with.
        self.lease(cx, first)?;
        self.work_at(cx, first.id)
    }

    /// Goes on with what is at work already: with a landing first, for the world may have changed already.
    fn go_on(&mut self, cx: &Arc<Cx>, active: Vec<Entry>) -> Result<Progress, Error> {
        let (landing, others): (Vec<_>, Vec<_>) = active
            .into_iter()
            .partition(|entry| entry.status == Status::Dispatching);
        let mut trains = train::in_order(landing);
        if let Some(train) = trains.pop() {
            return self.finish(cx, train);
        }
        if let [one] = others.as_slice() {
            return self.work_at(cx, one.id);
        }
        // A train that did not get as far as its intents.
        let (ours, left): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|entry| self.leases.contains_key(&entry.id));
        self.release_all(cx, &left)?;
        if let Some(first) = ours.first() {
            let opened = cx.repos.open(cx, first.admission.repo)?;
            ride::take_back(self, cx, &opened, first, &ours)?;
            let ids: Vec<_> = ours.iter().map(|entry| entry.id).collect();
            self.forget_ended(cx, &ids)?;
        }
        Ok(Progress::Worked)
    }

    /// Finishes a train whose intents are committed.
    fn finish(&mut self, cx: &Arc<Cx>, train: Vec<Entry>) -> Result<Progress, Error> {
        let now = cx.now();
        let ids: Vec<_> = train.iter().map(|entry| entry.id).collect();
        if let Some(until) = ids.iter().filter_map(|id| self.pause_of(*id, now)).max() {
            return Ok(Progress::Delayed { until });
        }
        for entry in &train {
            if !self.hold(cx, entry)? {
                return Ok(Progress::Worked);
            }
        }
        let Some(first) = train.first().cloned() else {
            return Ok(Progress::Worked);
        };
        let finished = cx
            .repos
            .open(cx, first.admission.repo)
            .and_then(|opened| land::finish(self, cx, &opened, &train_entries(cx, train)?));
        match finished {
            Ok(()) => {
                self.forget_ended(cx, &ids)?;
                Ok(Progress::Worked)
            }
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                let progress = self.stumble(cx, &first, &error)?;
                if let Some(until) = self.not_before.get(&first.id).copied() {
                    self.not_before.extend(ids.iter().map(|id| (*id, until)));
                }
                Ok(progress)
            }
        }
    }

    /// Sends the next entries of a branch one by one: something is in the way of one of them.
    pub(super) fn go_alone(&mut self, entry: &Entry, entries: usize) {
        self.alone.insert(branch_of(entry), entries);
    }

    /// Tells whether the next entry of a branch goes alone, and counts it.
    fn goes_alone(&mut self, entry: &Entry) -> bool {
        let branch = branch_of(entry);
        let Some(left) = self.alone.get_mut(&branch) else {
            return false;
        };
        *left -= 1;
        if *left == 0 {
            self.alone.remove(&branch);
        }
        true
    }

    /// Gives until when an entry pauses, if it does.
    pub(super) fn pause_of(&self, id: EntryId, now: Time) -> Option<Time> {
        let until = self.not_before.get(&id).copied();
        until.filter(|until| pause::is_on(Some(*until), now))
    }

    /// Puts entries back into the queue that an engine had which ended.
    fn release_all(&mut self, cx: &Cx, entries: &[Entry]) -> Result<(), Error> {
        let lists = entries.iter().map(|entry| {
            let release = left_half_way(cx);
            (vec![Command::Entry(entry.id, release)], vec![])
        });
        for answer in cx.execute_each(&cx.stamp(&self.name), lists) {
            match answer {
                Ok(_) | Err(StoreError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        reached(Point::EntryReleased);
        Ok(())
    }
}

/// Looks up what the entries of a train bring.
pub(super) fn train_entries(cx: &Cx, train: Vec<Entry>) -> Result<Vec<TrainEntry>, Error> {
    let train_entry = |entry| {
        let sets = sets_of(cx, &entry)?;
        Ok(TrainEntry { entry, sets })
    };
    train.into_iter().map(train_entry).collect()
}
