//! Takes a train through the queue: leased, merged one onto the other, judged and landed, each step once for all.
//!
//! | step | committed with it | after a crash behind it |
//! | --- | --- | --- |
//! | lease | `leased`, `merging`, each for itself | back to the queue, and from then on alone |
//! | merge | candidates and verdicts, each for itself | the same; candidates are made again |
//! | intend | `dispatched` of all, as one | finished as a train, or taken back from the first that did not land |
//! | land | nothing; git moves the branch once | the same |
//! | record | `landed`, each for itself | the rest is recorded |
//!
//! What cannot be merged is judged only against the branch itself: an entry that fits the branch but not what rides
//! before it steps aside, and is the first of a later train.

use std::collections::HashSet;
use std::sync::Arc;

use hyperion_fault::{Point, reached};
use hyperion_git::Oid;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{self, Candidate, Entry, Green, Verdict};
use hyperion_model::{Command, EntryId};
use hyperion_store::StoreError;

use super::held::resource;
use super::merge::{self, Outcome, sets_of};
use super::paused::is_paused;
use super::work::{Queue, millis};
use super::{checks, land};
use crate::error::{MissingFact, git_id};
use crate::reconcile::Progress;
use crate::repo::Opened;
use crate::{Cx, Error};

/// One entry of a train, with what it brings.
pub(super) struct TrainEntry {
    /// The entry.
    pub(super) entry: Entry,
    /// Its change sets, in order.
    pub(super) sets: Vec<ChangeSet>,
}

/// What merging a line of entries came to.
#[derive(Default)]
pub(super) struct Merged {
    /// Those that stand on each other, first to last.
    pub(super) train_entries: Vec<(TrainEntry, Candidate, Verdict)>,
    /// Those that go back to the queue.
    pub(super) aside: Vec<Entry>,
}

/// Takes the entries of a line, in this order, as far as they get together.
pub(super) fn ride(
    queue: &mut Queue,
    cx: &Arc<Cx>,
    opened: &Opened,
    line: &[Entry],
) -> Result<Progress, Error> {
    let taken = lease(queue, cx, line)?;
    let ids: Vec<EntryId> = taken.iter().map(|entry| entry.id).collect();
    if let Some(first) = taken.first() {
        let merged = merge_all(queue, cx, opened, first, &taken)?;
        let train_entries = settle(queue, cx, opened, first, merged)?;
        if is_paused(cx, first.admission.repo)? {
            let entries: Vec<_> = train_entries
                .into_iter()
                .map(|train_entry| train_entry.entry)
                .collect();
            take_back(queue, cx, opened, first, &entries)?;
        } else if land::dispatch(queue, cx, opened, &train_entries)? {
            let train_entries = reread(cx, train_entries)?;
            land::finish(queue, cx, opened, &train_entries)?;
        }
    }
    queue.forget_ended(cx, &ids)?;
    Ok(Progress::Worked)
}

/// Leases the entries, each for itself; gives those that are ours now.
pub(super) fn lease(queue: &mut Queue, cx: &Cx, line: &[Entry]) -> Result<Vec<Entry>, Error> {
    let resources: Vec<_> = line.iter().map(|entry| resource(entry.id)).collect();
    let owner = cx.instance.as_str();
    let leases = cx
        .store
        .lease_each(&resources, owner, cx.settings.lease, cx.now())?;
    reached(Point::EntryLeaseTaken);
    let held: Vec<_> = line
        .iter()
        .zip(leases)
        .filter_map(|(entry, lease)| Some((entry, lease?)))
        .collect();
    let lists = held.iter().map(|(entry, lease)| {
        let lease = entry::Command::Lease { fence: lease.fence };
        let commands = vec![
            Command::Entry(entry.id, lease),
            Command::Entry(entry.id, entry::Command::Merge),
        ];
        (commands, vec![])
    });
    let answers = cx.execute_each(&cx.stamp(&queue.name), lists);
    reached(Point::EntryLeased);
    let mut taken = Vec::new();
    let mut lost = Vec::new();
    let mut fault = None;
    for ((entry, lease), answer) in held.into_iter().zip(answers) {
        match answer {
            Ok(_) => {
                queue.keep(entry.id, lease);
                taken.push(entry.clone());
            }
            // Called off in this very moment.
            Err(StoreError::Refused { .. }) => lost.push(lease),
            Err(error) => {
                lost.push(lease);
                fault = Some(error);
            }
        }
    }
    if !lost.is_empty() {
        cx.store.release_each(lost)?;
    }
    match fault {
        Some(error) => Err(error.into()),
        None => Ok(taken),
    }
}

/// Merges each entry onto the one before it, in memory.
pub(super) fn merge_all(
    queue: &mut Queue,
    cx: &Cx,
    opened: &Opened,
    first: &Entry,
    line: &[Entry],
) -> Result<Merged, Error> {
    let mut merged = Merged::default();
    let mut aside: HashSet<EntryId> = HashSet::new();
    let Some(mut onto) = opened.tip_if_there(&first.admission.branch)? else {
        land::block_waiting(queue, cx, line.iter())?;
        return Ok(merged);
    };
    for entry in line {
        if entry
            .admission
            .depends_on
            .iter()
            .any(|on| aside.contains(on))
        {
            aside.insert(entry.id);
            merged.aside.push(entry.clone());
            continue;
        }
        // Only what the branch itself says of an entry is final.
        let at_the_tip = merged.train_entries.is_empty();
        match merge_one(queue, cx, opened, entry, &onto, at_the_tip) {
            Ok(MergedEntry::Rides(train_entry)) => {
                onto = crate::error::oid(&train_entry.1.commit)?;
                merged.train_entries.push(*train_entry);
            }
            Ok(MergedEntry::Ended) => {
                aside.insert(entry.id);
            }
            Ok(MergedEntry::StepsAside) => {
                aside.insert(entry.id);
                merged.aside.push(entry.clone());
            }
            Err(error) if error.is_passing() => return Err(error),
            Err(error) if at_the_tip => {
                aside.insert(entry.id);
                queue.stumble(cx, entry, &error)?;
            }
            Err(error) => {
                tracing::debug!(entry = %entry.id, %error, "it steps out of its train");
                aside.insert(entry.id);
                merged.aside.push(entry.clone());
            }
        }
    }
    Ok(merged)
}

/// What became of one entry of a line.
enum MergedEntry {
    /// It has a candidate, and needs nothing more to land.
    Rides(Box<(TrainEntry, Candidate, Verdict)>),
    /// It ended: in quarantine, or because merging it changes nothing of the branch.
    Ended,
    /// It goes back to the queue.
    StepsAside,
}

fn merge_one(
    queue: &Queue,
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    onto: &Oid,
    at_the_tip: bool,
) -> Result<MergedEntry, Error> {
    let began = cx.now();
    let sets = sets_of(cx, entry)?;
    let outcome = merge::merge(cx, opened, entry, &sets, onto)?;
    reached(Point::EntryMerged);
    let candidate = match outcome {
        Outcome::Candidate(candidate) => candidate,
        Outcome::Nothing { .. } | Outcome::Conflict { .. } | Outcome::Policy { .. }
            if !at_the_tip =>
        {
            return Ok(MergedEntry::StepsAside);
        }
        outcome => {
            queue.judge(cx, opened, entry, &sets, began, outcome)?;
            return Ok(MergedEntry::Ended);
        }
    };
    let wanted = checks::wanted(cx, opened, entry, &candidate)?;
    let (runs, green) = match checks::verdict(cx, entry, &candidate, wanted)? {
        checks::Verdict::Unchecked => (vec![], Green::Unchecked),
        checks::Verdict::Green { runs, took_ms: _ } => (runs, Green::Strict),
        checks::Verdict::Wait
        | checks::Verdict::Start(_)
        | checks::Verdict::Lost(_)
        | checks::Verdict::Failed { .. } => return Ok(MergedEntry::StepsAside),
    };
    queue.log(cx, entry, "merge", "clean", millis(began, cx.now()), None);
    let verdict = Verdict {
        tree: candidate.tree.clone(),
        runs,
        green,
    };
    let train_entry = TrainEntry {
        entry: entry.clone(),
        sets,
    };
    Ok(MergedEntry::Rides(Box::new((
        train_entry,
        candidate,
        verdict,
    ))))
}

/// Commits candidates and verdicts; gives those that stand on each other and are ready.
pub(super) fn settle(
    queue: &Queue,
    cx: &Cx,
    opened: &Opened,
    first: &Entry,
    merged: Merged,
) -> Result<Vec<TrainEntry>, Error> {
    // The facts about to be committed name these objects: they have to be durable first.
    opened.git.sync()?;
    let Merged {
        train_entries,
        aside,
    } = merged;
    let made = train_entries
        .iter()
        .map(|(train_entry, candidate, verdict)| {
            let candidate = candidate.clone();
            let commands = vec![
                Command::Entry(train_entry.entry.id, entry::Command::Check { candidate }),
                Command::Entry(train_entry.entry.id, entry::Command::Pass(verdict.clone())),
            ];
            (commands, vec![])
        });
    let answers = cx.execute_each(&cx.stamp(&queue.name), made);
    let mut ready = Vec::new();
    let mut behind = aside;
    let mut gap = false;
    let mut fault = None;
    for ((train_entry, ..), answer) in train_entries.into_iter().zip(answers) {
        match answer {
            Ok(_) if !gap => ready.push(train_entry),
            // It stands on one that is not there any more.
            Ok(_) => behind.push(train_entry.entry),
            Err(StoreError::Refused { .. }) => gap = true,
            Err(error) => {
                gap = true;
                fault = Some(error);
            }
        }
    }
    take_back(queue, cx, opened, first, &behind)?;
    match fault {
        Some(error) => Err(error.into()),
        None => reread(cx, ready),
    }
}

/// Puts entries back into the queue that did not get along; one that was called off meanwhile stays as it is.
pub(super) fn take_back(
    queue: &Queue,
    cx: &Cx,
    opened: &Opened,
    first: &Entry,
    entries: &[Entry],
) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let Some(tip) = opened.tip_if_there(&first.admission.branch)? else {
        return land::block_waiting(queue, cx, entries.iter());
    };
    let tip = git_id(&tip)?;
    let back = entries.iter().map(|entry| {
        let refresh = entry::Command::Refresh { tip: tip.clone() };
        (vec![Command::Entry(entry.id, refresh)], vec![])
    });
    for answer in cx.execute_each(&cx.stamp(&queue.name), back) {
        match answer {
            Ok(_) | Err(StoreError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Looks the entries up again: what was committed decides, not what was meant.
pub(super) fn reread(cx: &Cx, train_entries: Vec<TrainEntry>) -> Result<Vec<TrainEntry>, Error> {
    let again = |train_entry: TrainEntry| {
        let entry = cx.store.get::<Entry>(train_entry.entry.id)?;
        let entry = entry.ok_or(MissingFact::Entry(train_entry.entry.id))?;
        Ok(TrainEntry {
            entry,
            ..train_entry
        })
    };
    train_entries.into_iter().map(again).collect()
}
