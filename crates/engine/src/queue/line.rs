//! The line at a branch: who waits for it, read as far as it takes to know whose turns come next.
//!
//! Within a priority the first to come has the first turn, whatever the time; ageing only moves priorities against each
//! other. So the first of each are read, and more of a priority only where all that was read of it has its turn, or cannot.

use std::collections::{BTreeMap, HashMap, HashSet};

use hyperion_model::entry::Entry;
use hyperion_model::facts::Priority;
use hyperion_model::{EntryId, Name, RepoId, Time};
use hyperion_store::Store;

use super::order;
use crate::Error;

/// Every priority.
const PRIORITIES: [Priority; 4] = [
    Priority::Critical,
    Priority::High,
    Priority::Medium,
    Priority::Low,
];

/// What was read of one priority.
struct Read {
    priority: Priority,
    next: Option<u64>,
    is_short: bool,
    is_over: bool,
}

/// Gives the entries whose turns come next at a branch, at most `limit` of them.
///
/// `may_go` tells which may have a turn as far as they themselves are concerned, `landed` which have landed; `page` is
/// how many are read at once.
pub(super) fn turns(
    store: &Store,
    (repo, branch): (RepoId, &Name),
    now: Time,
    may_go: impl Fn(EntryId) -> bool,
    landed: impl Fn(EntryId) -> bool,
    (limit, page): (usize, u32),
) -> Result<Vec<Entry>, Error> {
    let mut reads = PRIORITIES.map(|priority| Read {
        priority,
        next: None,
        is_short: true,
        is_over: false,
    });
    // In the order in which they came.
    let mut waiting: BTreeMap<u64, Entry> = BTreeMap::new();
    let mut known: HashMap<EntryId, bool> = HashMap::new();
    loop {
        for read in reads.iter_mut().filter(|read| read.is_short) {
            let found = store.queued(repo, branch, read.priority, read.next, page)?;
            read.next = found.next;
            read.is_over = found.next.is_none();
            let entries = found.entries.into_iter();
            waiting.extend(entries.filter(|(_, entry)| may_go(entry.id)));
        }
        for on in waiting
            .values()
            .flat_map(|entry| &entry.admission.depends_on)
        {
            known.entry(*on).or_insert_with(|| landed(*on));
        }
        let has_landed = |on: &EntryId| known.get(on).copied().unwrap_or(false);
        let turns = order::turns(waiting.values(), now, |on| has_landed(&on), limit);
        let taken: HashSet<EntryId> = turns.iter().map(|entry| entry.id).collect();
        for read in &mut reads {
            // One that could have gone and did not get its turn: nobody behind it gets one either.
            let is_enough = waiting.values().any(|entry| {
                entry.admission.priority == read.priority
                    && !taken.contains(&entry.id)
                    && entry.admission.depends_on.iter().all(has_landed)
            });
            read.is_short = !is_enough && !read.is_over;
        }
        if !reads.iter().any(|read| read.is_short) {
            return Ok(turns.into_iter().cloned().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use hyperion_model::entry::{Admission, Command};
    use hyperion_model::{Actor, Batch, BatchId, ChangeSetId, Level, RequestId, Stamp, Uuid};
    use hyperion_policy::Redactor;
    use hyperion_store::{Filter, KeySource, Mode, StoreConfig};
    use proptest::prelude::*;

    use super::*;

    const REPO: RepoId = RepoId::new(Uuid::nil());

    fn time(minute: i64) -> Time {
        Time::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn open(folder: &std::path::Path) -> Store {
        Store::open(&StoreConfig {
            database: folder.join("hyperion.db"),
            blobs: folder.join("blobs"),
            key: KeySource::File {
                path: folder.join("key"),
            },
            mode: Mode::ReadWrite,
            redact: std::sync::Arc::new(Redactor::default()),
            now: time(0),
        })
        .unwrap()
    }

    /// An entry before it is committed: when it comes, how urgent it is, and what it waits for.
    type Coming = (i64, usize, Vec<usize>, bool);

    fn enqueue(store: &Store, number: usize, (minute, urgency, on, elsewhere): &Coming) {
        let id = |number: usize| EntryId::new(Uuid::from_u128(1000 + number as u128));
        let admission = Admission {
            repo: REPO,
            branch: name(if *elsewhere { "elsewhere" } else { "main" }),
            request: RequestId::new(Uuid::nil()),
            change_sets: vec![ChangeSetId::new(Uuid::from_u128(number as u128))],
            depends_on: on
                .iter()
                .copied()
                .filter(|on| *on < number)
                .map(id)
                .collect(),
            priority: PRIORITIES[*urgency],
            level: Level::TeamLead,
            checks: None,
            dry_run: false,
        };
        let id = id(number);
        let command = Command::Enqueue { id, admission };
        store
            .execute(Batch {
                id: BatchId::new(Uuid::from_u128(number as u128)),
                stamp: Stamp {
                    time: time(*minute),
                    actor: Actor::Engine { id: name("test") },
                },
                key: None,
                commands: vec![hyperion_model::Command::Entry(id, command)],
                blobs: vec![],
            })
            .unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        // M1: reading only the beginning of the line gives the very turns that reading all of it gives.
        #[test]
        fn the_beginning_of_the_line_is_enough(
            coming in prop::collection::vec(
                (0_i64..60, 0_usize..4, prop::collection::vec(0_usize..40, 0..2), prop::bool::weighted(0.1)),
                1..40,
            ),
            now in 0_i64..120,
            limit in 1_usize..8,
            page in 1_u32..6,
            landed_below in 0_u128..1010,
            backing_off in prop::collection::vec(0_u128..40, 0..4),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path());
            // However long between one and the next: the clock does not go back.
            let mut coming = coming;
            coming.sort_by_key(|coming| coming.0);
            for (number, coming) in coming.iter().enumerate() {
                enqueue(&store, number, coming);
            }
            let may_go = |id: EntryId| !backing_off.contains(&(id.uuid().as_u128() - 1000));
            let landed = |id: EntryId| id.uuid().as_u128() < landed_below;
            let all: Vec<Entry> = store
                .list::<Entry>(&Filter::open())
                .unwrap()
                .rows
                .into_iter()
                .filter(|entry| entry.admission.branch.as_str() == "main" && may_go(entry.id))
                .collect();
            let ids = |entries: Vec<&Entry>| entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
            let expected = ids(order::turns(&all, time(now), landed, limit));
            let main = name("main");
            let found = turns(&store, (REPO, &main), time(now), may_go, landed, (limit, page)).unwrap();
            prop_assert_eq!(ids(found.iter().collect()), expected);
            let branches = store.queued_branches().unwrap();
            let elsewhere = coming.iter().any(|coming| coming.3);
            prop_assert_eq!(branches.contains(&(REPO, name("elsewhere"))), elsewhere);
            prop_assert_eq!(branches.len(), usize::from(elsewhere) + usize::from(coming.iter().any(|coming| !coming.3)));
        }
    }
}
