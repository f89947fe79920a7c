//! Which entries land together: a train, in which each is merged onto the one before it.
//!
//! Everything here is decided from values alone. A train is an ordered prefix of what waits for a branch: its last
//! candidate holds all of it, so objects, refs and work trees have to be moved once for all.

use std::collections::{HashMap, HashSet};

use hyperion_model::GitId;
use hyperion_model::entry::Entry;

/// The most entries that land together: what is lost when the branch moves under them is merged again.
pub(super) const MAX_ENTRIES: usize = 256;
/// The most change sets that land together; they are recorded as intents in one batch.
const MAX_CHANGE_SETS: usize = 400;

/// Gives how many of the entries, in the order of their turns, may land together; at least one where there is any.
///
/// `checked` tells whether the branch has checks of its own: then each candidate has to pass them before the next is
/// worth making, and entries go one by one.
pub(super) fn length(turns: &[Entry], checked: bool) -> usize {
    let mut sets = 0;
    let together = turns
        .iter()
        .take(MAX_ENTRIES)
        .take_while(|entry| {
            sets += entry.admission.change_sets.len();
            !checked && may_ride(entry) && sets <= MAX_CHANGE_SETS
        })
        .count();
    together.max(1).min(turns.len())
}

/// A dry run is no part of what lands, checks of its own take their time, and what was at work when an engine died may
/// be why it died: each of them goes alone.
fn may_ride(entry: &Entry) -> bool {
    !entry.admission.dry_run && entry.admission.checks.is_none() && entry.attempts == 0
}

/// Puts entries that are being landed in the order in which their candidates stand on each other.
///
/// It is one train unless intents were taken back in part; then each list is a train of its own.
pub(super) fn in_order(dispatching: Vec<Entry>) -> Vec<Vec<Entry>> {
    let candidates: HashSet<GitId> = dispatching
        .iter()
        .filter_map(|entry| Some(entry.dispatch.as_ref()?.candidate.clone()))
        .collect();
    let mut trains = Vec::new();
    let mut behind: HashMap<GitId, Vec<Entry>> = HashMap::new();
    for entry in dispatching {
        match &entry.dispatch {
            Some(intent) if candidates.contains(&intent.expected_tip) => {
                behind
                    .entry(intent.expected_tip.clone())
                    .or_default()
                    .push(entry);
            }
            Some(_) | None => trains.push(vec![entry]),
        }
    }
    let mut at = 0;
    loop {
        while let Some(train) = trains.get_mut(at) {
            let last = train.last().and_then(|last| last.dispatch.as_ref());
            match last.and_then(|last| behind.get_mut(&last.candidate)?.pop()) {
                Some(next) => train.push(next),
                None => at += 1,
            }
        }
        // Two on one candidate cannot be, but what cannot be must not be forgotten either.
        let Some(left) = behind.values_mut().find_map(Vec::pop) else {
            return trains;
        };
        trains.push(vec![left]);
    }
}

/// Counts the entries of a train that are part of the branch, when some question tells of each whether it is.
///
/// Whoever is part of the branch has all before it with it, so half of them need not be asked.
pub(super) fn landed<E>(
    length: usize,
    mut is_landed: impl FnMut(usize) -> Result<bool, E>,
) -> Result<usize, E> {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low.midpoint(high);
        if is_landed(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hyperion_model::entry::{Admission, Candidate, Command, Dispatch, Green, Verdict};
    use hyperion_model::facts::Priority;
    use hyperion_model::machine::{Machine as _, Stamp};
    use hyperion_model::{
        Actor, ChangeSetId, Digest, EntryId, Level, Name, RepoId, RequestId, ShortText, Time, Uuid,
    };

    use super::*;

    fn git_id(number: u32) -> GitId {
        GitId::new(format!("{number:040x}")).unwrap()
    }

    fn played(number: u128, sets: usize, commands: &[Command]) -> Entry {
        let id = EntryId::new(Uuid::from_u128(number));
        let admission = Admission {
            repo: RepoId::new(Uuid::nil()),
            branch: Name::new("main").unwrap(),
            request: RequestId::new(Uuid::nil()),
            change_sets: vec![ChangeSetId::new(Uuid::nil()); sets],
            depends_on: vec![],
            priority: Priority::Medium,
            level: Level::TeamLead,
            checks: None,
            dry_run: false,
        };
        let stamp = Stamp {
            time: Time::from_second(0).unwrap(),
            actor: Actor::Engine {
                id: Name::new("test").unwrap(),
            },
        };
        let enqueue = Command::Enqueue { id, admission };
        let mut entry = None;
        for command in std::iter::once(&enqueue).chain(commands) {
            for event in Entry::decide(entry.as_ref(), command, &stamp).unwrap() {
                entry = Some(Entry::apply(entry.take(), &event, &stamp).unwrap());
            }
        }
        entry.unwrap()
    }

    fn waiting(number: u128) -> Entry {
        played(number, 1, &[])
    }

    fn dispatching(tip: u32, candidate: u32) -> Entry {
        let made = Candidate {
            tip: git_id(tip),
            tree: git_id(candidate),
            commit: git_id(candidate),
        };
        let verdict = Verdict {
            tree: git_id(candidate),
            runs: vec![],
            green: Green::Unchecked,
        };
        let intent = Dispatch {
            candidate: git_id(candidate),
            expected_tip: git_id(tip),
            payload: Digest::of(b""),
            policy: Digest::of(b""),
        };
        played(
            u128::from(candidate),
            1,
            &[
                Command::Lease { fence: 1 },
                Command::Merge,
                Command::Check { candidate: made },
                Command::Pass(verdict),
                Command::Dispatch(intent),
            ],
        )
    }

    // M1: what needs more than a merge goes alone, and keeps nobody before it from riding together.
    #[test]
    fn what_may_ride_rides_together() {
        let plain: Vec<_> = (1..=300).map(waiting).collect();
        assert_eq!(length(&plain, false), MAX_ENTRIES);
        assert_eq!(length(&plain, true), 1, "each is checked before the next");
        assert_eq!(length(&[], false), 0);

        let with = |change: fn(&mut Entry)| {
            let mut line: Vec<_> = (1..=5).map(waiting).collect();
            change(&mut line[2]);
            (length(&line, false), length(&line[2..], false))
        };
        assert_eq!(with(|entry| entry.admission.dry_run = true), (2, 1));
        assert_eq!(
            with(|entry| entry.admission.checks = Some(Digest::of(b"checks"))),
            (2, 1)
        );
        let release = Command::Release {
            cause: hyperion_model::entry::Cause::EngineEnded,
            reason: ShortText::cut("its engine died"),
            max_attempts: 5,
        };
        let suspect = played(3, 1, &[Command::Lease { fence: 1 }, release]);
        let line = [waiting(1), waiting(2), suspect, waiting(4)];
        assert_eq!(length(&line, false), 2);
        assert_eq!(length(&line[2..], false), 1);
        let large = [waiting(1), played(2, MAX_CHANGE_SETS, &[]), waiting(3)];
        assert_eq!(length(&large, false), 1);
        assert_eq!(length(&large[1..], false), 1);
    }

    // M5: a train is put together again from its intents, whatever order they are read in.
    #[test]
    fn a_train_is_known_by_what_each_stands_on() {
        let numbers = |trains: Vec<Vec<Entry>>| -> Vec<Vec<u128>> {
            let mut all: Vec<Vec<u128>> = trains
                .iter()
                .map(|train| train.iter().map(|e| e.id.uuid().as_u128()).collect())
                .collect();
            all.sort();
            all
        };
        let train = vec![
            dispatching(12, 13),
            dispatching(10, 11),
            dispatching(11, 12),
        ];
        assert_eq!(numbers(in_order(train)), [[11, 12, 13]]);
        let two = vec![dispatching(21, 22), dispatching(10, 11)];
        assert_eq!(numbers(in_order(two)), [[11], [22]]);
        let fork = vec![
            dispatching(10, 11),
            dispatching(11, 12),
            dispatching(11, 13),
        ];
        let all: Vec<u128> = numbers(in_order(fork)).concat();
        assert_eq!(all.len(), 3, "nobody is forgotten: {all:?}");
        assert!(in_order(vec![]).is_empty());
    }

    #[test]
    fn how_far_a_train_has_landed_is_found() {
        for length in 0..20 {
            for there in 0..=length {
                let found = landed(length, |at| Ok::<_, Infallible>(at < there));
                assert_eq!(found, Ok(there));
            }
        }
    }
}
