//! The archive: whole requests move away and come back; nobody who reads one thing notices.

use std::collections::BTreeMap;

use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{self, Entry};
use hyperion_model::machine::Machine as _;
use hyperion_model::plan::Plan;
use hyperion_model::request::{self, Request, Submission};
use hyperion_model::run::Run;
use hyperion_model::{Batch, Command, Fact, RequestId, Subject, Uuid};
use hyperion_store::{Archived, By, Filter, Order, PurgeLimits, Store, Stored};
use hyperion_testkit::{Life, Until};
use proptest::prelude::*;

use crate::world::{World, batch, time};

const DAY: i64 = 86_400;

fn lead(store: &Store, number: u64, seconds: i64, until: Until) -> Life {
    let life = Life::new(number);
    store.execute(life.batch(time(seconds), until)).unwrap();
    life
}

fn archive(store: &Store, before: i64) -> Archived {
    store.archive(time(before), u64::MAX).unwrap()
}

fn listed<M: Stored>(store: &Store, filter: &Filter) -> usize {
    store.list::<M>(filter).unwrap().rows.len()
}

fn sound(store: &Store) {
    rows_sound(store);
    assert!(store.check_structure().unwrap().is_sound());
}

fn rows_sound(store: &Store) {
    let verified = store.verify().unwrap();
    assert!(verified.is_sound(), "{verified:?}");
}

fn roll_back(life: &Life, by: RequestId) -> Command {
    Command::Request(life.request(), request::Command::RollBack { by })
}

/// Reads a list a row at a time.
fn paged<M: Stored>(store: &Store, filter: &Filter) -> Vec<Uuid> {
    let (mut filter, mut found) = (filter.clone().limit(1), Vec::new());
    loop {
        let page = store.list::<M>(&filter).unwrap();
        found.extend(page.rows.iter().map(M::own_uuid));
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return found,
        }
    }
}

// W1, M6: what changed last comes first, whenever it was made, and from the archive as well; parts of ids find it.
#[test]
fn what_changed_last_comes_first() {
    let world = World::new();
    let store = world.open();
    let old = lead(&store, 1, 0, Until::Landed);
    let young = lead(&store, 2, 5 * DAY, Until::Landed);
    let back = vec![roll_back(&old, young.request())];
    store.execute(batch(6 * DAY as u64, back)).unwrap();
    let newest = Filter::default().newest().archived();
    let changed = Filter {
        by: By::Changed,
        ..newest.clone()
    };
    let (old_id, young_id) = (old.request().uuid(), young.request().uuid());
    for archived in [0, 1] {
        assert_eq!(paged::<Request>(&store, &newest), [young_id, old_id]);
        assert_eq!(paged::<Request>(&store, &changed), [old_id, young_id]);
        let since = Filter {
            since: Some(time(6 * DAY)),
            ..changed.clone()
        };
        assert_eq!(paged::<Request>(&store, &since), [old_id]);
        let digits = old_id.simple().to_string();
        for part in [&digits[..], &digits[..20], &digits[20..]] {
            assert_eq!(store.find::<Request>(part).unwrap(), [old_id], "{part}");
        }
        if archived == 0 {
            assert_eq!(archive(&store, 7 * DAY).units, 2);
        }
    }
}

// M1, S9: what ended is out of the way, and is read as if it were not.
#[test]
fn a_request_is_archived_with_all_that_belongs_to_it() {
    let world = World::new();
    let store = world.open();
    let old = lead(&store, 1, 0, Until::Landed);
    let young = lead(&store, 2, 5 * DAY, Until::Landed);
    let before = store.get::<Request>(old.request()).unwrap();

    let moved = archive(&store, DAY);
    assert_eq!((moved.units, moved.rows, moved.more), (1, 6, false));

    assert_eq!(store.get::<Request>(old.request()).unwrap(), before);
    assert!(store.get::<Plan>(old.plan()).unwrap().is_some());
    assert!(store.get::<Run>(old.run()).unwrap().is_some());
    assert!(store.get::<ChangeSet>(old.change_set()).unwrap().is_some());
    assert!(store.get::<Approval>(old.approval()).unwrap().is_some());
    assert!(store.get::<Entry>(old.entry()).unwrap().is_some());

    let all = Filter::default();
    let rows = store.list::<Request>(&all).unwrap().rows;
    assert_eq!(
        rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        [young.request()]
    );
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut filter = Filter {
            order,
            ..all.clone().archived().limit(1)
        };
        let first = store.list::<Entry>(&filter).unwrap();
        filter.after = first.next;
        let second = store.list::<Entry>(&filter).unwrap();
        let mut found = [first.rows[0].id, second.rows[0].id];
        assert_eq!(second.next, None);
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert_eq!(
            found,
            [old.entry(), young.entry()],
            "in the order of creation"
        );
    }
    // Whoever asks about one thing asks about all of it.
    let of_it = Filter::default().request(old.request());
    assert_eq!(listed::<Entry>(&store, &of_it), 1);
    assert_eq!(store.count::<Approval>(&of_it).unwrap(), 1);
    assert_eq!(
        listed::<Run>(&store, &all.clone().parent(old.plan().uuid())),
        1
    );
    assert_eq!(listed::<ChangeSet>(&store, &all.clone().run(old.run())), 1);
    let tail = old.request().to_string().replace('-', "");
    assert_eq!(
        store.find::<Request>(&tail[24..]).unwrap(),
        [old.request().uuid()]
    );

    let landed = all.clone().status(entry::Status::Landed.name());
    assert_eq!(store.count::<Entry>(&landed).unwrap(), 1);
    assert_eq!(store.count::<Entry>(&landed.clone().archived()).unwrap(), 2);
    assert_eq!(store.count::<Entry>(&all.clone().archived()).unwrap(), 2);
    assert_eq!(store.count::<Entry>(&Filter::open().archived()).unwrap(), 0);
    let since = Filter {
        since: Some(time(-1)),
        ..all.archived()
    };
    assert_eq!(store.count::<Entry>(&since).unwrap(), 2);
    assert_eq!(archive(&store, DAY).units, 0, "once is enough");
    sound(&store);

    drop(store);
    let reading = world.open_to_read();
    assert_eq!(reading.get::<Request>(old.request()).unwrap(), before);
}

// M1: a unit moves as a whole or not at all, and not while anything needs it.
#[test]
fn what_may_be_needed_stays() {
    let world = World::new();
    let store = world.open();
    lead(&store, 1, 0, Until::Queued);
    lead(&store, 2, 0, Until::Dead);
    let landed = lead(&store, 3, 0, Until::Landed);
    let gone = lead(&store, 4, 0, Until::CalledOff);
    // Taken back by somebody who has not come to an end.
    let back = Life::new(5);
    let mut filing = back.batch(time(0), Until::Queued);
    filing.commands.truncate(1);
    let Command::Request(_, request::Command::Submit { submission, .. }) = &mut filing.commands[0]
    else {
        panic!("a life begins with its request");
    };
    submission.rolls_back = Some(landed.request());
    store.execute(filing).unwrap();
    // One whose last row changed a little too late.
    let late = lead(&store, 6, 0, Until::Landed);
    store
        .execute(batch(
            2 * DAY as u64,
            vec![roll_back(&late, back.request())],
        ))
        .unwrap();

    assert_eq!(archive(&store, DAY).units, 1);
    assert_eq!(
        store
            .count::<Request>(&Filter::default().archived())
            .unwrap(),
        6
    );
    let left: Vec<_> = store
        .list::<Request>(&Filter::default())
        .unwrap()
        .rows
        .iter()
        .map(|row| row.id)
        .collect();
    assert!(!left.contains(&gone.request()) && left.len() == 5);

    let reason = hyperion_model::ShortText::cut("no");
    let cancel = Command::Request(back.request(), request::Command::Cancel { reason });
    store.execute(batch(7, vec![cancel])).unwrap();
    let moved = archive(&store, DAY);
    assert_eq!(
        moved.units, 2,
        "the one taken back, and the one that would have"
    );
    sound(&store);
}

// M1: a limit leaves the rest for the next time.
#[test]
fn a_limit_ends_in_the_middle_and_the_next_look_goes_on() {
    let world = World::new();
    let store = world.open();
    for batch in Life::batches(1..=25, time(0), Until::CalledOff) {
        store.execute(batch).unwrap();
    }
    let first = store.archive(time(DAY), 10).unwrap();
    assert_eq!((first.units, first.rows, first.more), (10, 60, true));
    sound(&store);
    let second = store.archive(time(DAY), 1000).unwrap();
    assert_eq!((second.units, second.rows, second.more), (15, 90, false));
    assert_eq!(store.count::<Run>(&Filter::default()).unwrap(), 0);
    assert_eq!(
        store.count::<Run>(&Filter::default().archived()).unwrap(),
        25
    );
    sound(&store);
}

// M1, M7: a command finds what it needs, wherever it lies, and takes it out as a whole.
#[test]
fn a_command_brings_its_request_back() {
    let world = World::new();
    let store = world.open();
    let life = lead(&store, 1, 0, Until::Landed);
    let other = lead(&store, 2, 0, Until::Landed);
    assert_eq!(archive(&store, DAY).units, 2);

    // Refused, so nothing moved.
    let refused = store.execute(batch(
        1,
        vec![Command::Request(life.request(), request::Command::Reopen)],
    ));
    assert!(refused.is_err());
    assert_eq!(store.count::<Request>(&Filter::default()).unwrap(), 0);

    store
        .execute(batch(2, vec![roll_back(&life, other.request())]))
        .unwrap();
    assert_eq!(store.count::<Request>(&Filter::default()).unwrap(), 1);
    assert_eq!(store.count::<Entry>(&Filter::default()).unwrap(), 1);
    let now = store.get::<Request>(life.request()).unwrap().unwrap();
    assert_eq!(now.status, request::Status::RolledBack);
    sound(&store);
    assert_eq!(archive(&store, DAY).units, 1, "and it goes again");
    sound(&store);
}

// M7: what is to be taken back comes out of the archive with the request that takes it back.
#[test]
fn what_something_new_refers_to_comes_back() {
    let world = World::new();
    let store = world.open();
    let life = lead(&store, 1, 0, Until::Landed);
    archive(&store, DAY);
    let back = Life::new(2);
    let submission = Submission {
        rolls_back: Some(life.request()),
        rolls_back_entry: None,
        ..store
            .get::<Request>(life.request())
            .unwrap()
            .unwrap()
            .submission
    };
    let submit = request::Command::Submit {
        id: back.request(),
        submission,
    };
    store
        .execute(batch(3, vec![Command::Request(back.request(), submit)]))
        .unwrap();
    assert_eq!(store.count::<Request>(&Filter::default()).unwrap(), 2);
    assert_eq!(archive(&store, DAY).units, 0);
    sound(&store);
}

// C8: a row in the archive still keeps what lists show of it.
#[test]
fn titles_that_only_the_archive_refers_to_are_not_purged() {
    let world = World::new();
    let store = world.open();
    let life = lead(&store, 1, 0, Until::Landed);
    archive(&store, DAY);
    let purged = store
        .purge(&PurgeLimits {
            now: time(3 * DAY),
            unreferenced_before: time(3 * DAY),
            receipts_before: time(3 * DAY),
        })
        .unwrap();
    assert_eq!(purged.blobs, 1, "the change itself");
    assert!(store.blob(life.title().digest).unwrap().is_some());
}

// X7: verification covers the archive, and a damaged row there is written anew.
#[test]
fn damage_in_the_archive_is_found_and_mended() {
    let world = World::new();
    let store = world.open();
    let life = lead(&store, 1, 0, Until::Landed);
    lead(&store, 2, 0, Until::Landed);
    archive(&store, DAY);
    drop(store);
    let hex = life.entry().uuid().simple().to_string();
    for (sql, finding) in [
        (
            "UPDATE entry_archive SET doc = '{' WHERE id = x'ID'",
            "its row cannot be read",
        ),
        (
            "DELETE FROM entry_archive WHERE id = x'ID'",
            "its row is gone",
        ),
        (
            "INSERT INTO entry SELECT * FROM entry_archive WHERE id = x'ID'",
            "it is both in the archive and outside of it",
        ),
        (
            "INSERT INTO entry SELECT * FROM entry_archive WHERE id = x'ID';
             DELETE FROM entry_archive WHERE id = x'ID'",
            "the request it belongs to is archived, but it is not",
        ),
        (
            "UPDATE entry_archive SET status = 'dead' WHERE id = x'ID'",
            "its columns do not follow from its state",
        ),
    ] {
        let copy = world.crashed_copy();
        copy.tamper(&sql.replace("ID", &hex));
        let store = copy.open();
        let verified = store.verify().unwrap();
        let found: Vec<_> = verified.rows_differ.iter().map(|row| &row.detail).collect();
        assert!(
            found.iter().any(|detail| detail.starts_with(finding)),
            "{sql}: {found:?}"
        );
        store.rebuild(Subject::Entry(life.entry())).unwrap();
        assert_eq!(
            store.count::<Request>(&Filter::default()).unwrap(),
            1,
            "out of the archive as a whole"
        );
        rows_sound(&store);
        assert_eq!(archive(&store, DAY).units, 1);
        rows_sound(&store);
    }
    world.tamper("UPDATE archive_count SET rows = 7 WHERE noun = 'run'");
    let store = world.open();
    assert_eq!(
        store.verify().unwrap().wrong_figure.as_deref(),
        Some("the archive says that it has 7 runs that are finished; it has 2")
    );
}

/// What may happen to lives and their archive.
#[derive(Debug, Clone)]
enum Act {
    Lead(u64, Until),
    RollBack(u64, u64),
    Retry(u64),
    CancelEntry(u64),
    Archive(u64),
    LetGo(u64),
    Rebuild(u64, u8),
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let until = prop_oneof![
        Just(Until::Queued),
        Just(Until::Landed),
        Just(Until::Landed),
        Just(Until::CalledOff),
        Just(Until::Dead)
    ];
    let act = prop_oneof![
        4 => (1..8_u64, until).prop_map(|(n, until)| Act::Lead(n, until)),
        2 => (1..8_u64, 1..8_u64).prop_map(|(n, by)| Act::RollBack(n, by)),
        1 => (1..8_u64).prop_map(Act::Retry),
        1 => (1..8_u64).prop_map(Act::CancelEntry),
        4 => (1..4_u64).prop_map(Act::Archive),
        2 => (0..4_u64).prop_map(Act::LetGo),
        2 => (1..8_u64, 0..6_u8).prop_map(|(n, which)| Act::Rebuild(n, which)),
        1 => Just(Act::Reopen),
    ];
    prop::collection::vec(act, 1..40)
}

/// Every state there should be, without a store.
#[derive(Default)]
struct Plain {
    requests: BTreeMap<Uuid, Request>,
    entries: BTreeMap<Uuid, Entry>,
}

impl Plain {
    fn follow(&mut self, store: &Store, batch: Batch) {
        let stamp = batch.stamp.clone();
        let Ok(committed) = store.execute(batch) else {
            return;
        };
        for stored in committed.events {
            let id = stored.event.subject.uuid();
            match &stored.event.fact {
                Fact::Request(event) => {
                    let state = Request::apply(self.requests.remove(&id), event, &stamp).unwrap();
                    self.requests.insert(id, state);
                }
                Fact::Entry(event) => {
                    let state = Entry::apply(self.entries.remove(&id), event, &stamp).unwrap();
                    self.entries.insert(id, state);
                }
                _ => {}
            }
        }
    }

    fn compare(&self, store: &Store) -> Result<(), TestCaseError> {
        for state in self.requests.values() {
            let found = store.get::<Request>(state.id).unwrap();
            prop_assert_eq!(found.as_ref(), Some(state));
        }
        for state in self.entries.values() {
            let found = store.get::<Entry>(state.id).unwrap();
            prop_assert_eq!(found.as_ref(), Some(state));
        }
        let all = Filter::default().archived();
        prop_assert_eq!(
            store.count::<Request>(&all).unwrap(),
            self.requests.len() as u64
        );
        prop_assert_eq!(
            listed::<Entry>(store, &all.clone().newest()),
            self.entries.len()
        );
        for status in entry::Status::ALL {
            let there = self
                .entries
                .values()
                .filter(|entry| entry.status == *status)
                .count();
            let counted = store.count::<Entry>(&all.clone().status(status.name()));
            prop_assert_eq!(counted.unwrap(), there as u64);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // M1, X7: whatever moves in and out, and is written anew: every row is what its events make of it.
    #[test]
    fn the_archive_changes_nothing_but_where_things_lie(acts in acts()) {
        let world = World::new();
        let mut store = world.open();
        let mut plain = Plain::default();
        let mut filed = std::collections::BTreeSet::new();
        for (n, act) in acts.into_iter().enumerate() {
            let now = i64::try_from(n).unwrap() * DAY;
            let serial = u64::try_from(now).unwrap();
            match act {
                Act::Lead(number, until) if filed.insert(number) => {
                    let before = plain.requests.len();
                    plain.follow(&store, Life::new(number).batch(time(now), until));
                    prop_assert_eq!(plain.requests.len(), before + 1);
                }
                Act::Lead(..) => {}
                Act::RollBack(number, by) => {
                    let by = Life::new(by).request();
                    plain.follow(&store, batch(serial, vec![roll_back(&Life::new(number), by)]));
                }
                Act::Retry(number) => {
                    let retry = Command::Entry(Life::new(number).entry(), entry::Command::Retry);
                    plain.follow(&store, batch(serial, vec![retry]));
                }
                Act::CancelEntry(number) => {
                    let cancel = entry::Command::Cancel {
                        reason: hyperion_model::ShortText::cut("enough"),
                    };
                    let cancel = Command::Entry(Life::new(number).entry(), cancel);
                    plain.follow(&store, batch(serial, vec![cancel]));
                }
                Act::Archive(age) => {
                    store.archive(time(now - i64::try_from(age).unwrap() * DAY), 3).unwrap();
                }
                Act::LetGo(age) => {
                    let before = time(now - i64::try_from(age).unwrap() * DAY);
                    store.let_go(before, time(now), 20).unwrap();
                    purge(&store, now);
                }
                Act::Rebuild(number, which) if filed.contains(&number) => {
                    let life = Life::new(number);
                    let subject = match which {
                        0 => Subject::Request(life.request()),
                        1 => Subject::Plan(life.plan()),
                        2 => Subject::Run(life.run()),
                        3 => Subject::ChangeSet(life.change_set()),
                        4 => Subject::Approval(life.approval()),
                        _ => Subject::Entry(life.entry()),
                    };
                    store.rebuild(subject).unwrap();
                }
                Act::Rebuild(..) => {}
                Act::Reopen => {
                    drop(store);
                    store = world.open();
                }
            }
            plain.compare(&store)?;
        }
        let verified = store.verify().unwrap();
        prop_assert!(verified.is_sound(), "{:?}", verified);
        // What may still be needed was never purged.
        for number in filed {
            let life = Life::new(number);
            let entry = store.get::<Entry>(life.entry()).unwrap().unwrap();
            let waits = entry.status.is_open() || entry.status == entry::Status::Dead;
            let there = store.blob(life.change().digest).unwrap().is_some();
            prop_assert!(there || !waits, "{:?}", entry);
            prop_assert!(store.blob(life.title().digest).unwrap().is_some());
        }
    }
}

fn purge(store: &Store, now: i64) -> u64 {
    let limits = PurgeLimits {
        now: time(now),
        unreferenced_before: time(now - DAY),
        receipts_before: time(now - DAY),
    };
    store.purge(&limits).unwrap().blobs
}

// C8: content goes when all of its request has come to rest for long enough; titles stay with the rows.
#[test]
fn content_is_let_go_of_and_titles_are_kept() {
    let world = World::new();
    let store = world.open();
    let landed = lead(&store, 1, 0, Until::Landed);
    let queued = lead(&store, 2, 0, Until::Queued);
    let dead = lead(&store, 3, 0, Until::Dead);
    let young = lead(&store, 4, 2 * DAY, Until::Landed);
    let there = |life: &Life| {
        [life.document(), life.change(), life.title()]
            .map(|blob| store.blob(blob.digest).unwrap().is_some())
    };
    assert_eq!(purge(&store, 3 * DAY), 0, "nothing let go of it");
    store.let_go(time(DAY), time(3 * DAY), u64::MAX).unwrap();
    assert_eq!(purge(&store, 3 * DAY), 1);
    // The summary of how a request ended is kept as well; a life uses its document for it.
    assert_eq!(there(&landed), [true, false, true]);
    for life in [queued, dead, young] {
        assert_eq!(there(&life), [true; 3], "somebody may need it");
    }
    sound(&store);
    // Called off at last: then it is its turn.
    let reason = hyperion_model::ShortText::cut("enough");
    let cancel = Command::Entry(dead.entry(), entry::Command::Cancel { reason });
    store.execute(batch(3 * DAY as u64, vec![cancel])).unwrap();
    assert_eq!(purge(&store, 9 * DAY), 0);
    store
        .let_go(time(5 * DAY), time(9 * DAY), u64::MAX)
        .unwrap();
    assert_eq!(
        purge(&store, 9 * DAY),
        2,
        "its own, and that of the young one"
    );
    archive(&store, 5 * DAY);
    assert_eq!(purge(&store, 99 * DAY), 0);
    assert_eq!(there(&dead), [true, false, true]);
    sound(&store);
}

// C8: what two requests refer to stays until both have come to rest.
#[test]
fn shared_content_stays_while_anybody_may_need_it() {
    let world = World::new();
    let store = world.open();
    let first = lead(&store, 1, 0, Until::Landed);
    let second = Life::new(2);
    let mut batch = second.batch(time(0), Until::Dead);
    for command in &mut batch.commands {
        if let Command::ChangeSet(
            _,
            hyperion_model::change_set::Command::Propose { proposal, .. },
        ) = command
        {
            proposal.document = first.change().digest;
        }
    }
    store.execute(batch).unwrap();
    store.let_go(time(DAY), time(2 * DAY), u64::MAX).unwrap();
    purge(&store, 2 * DAY);
    assert!(store.blob(first.change().digest).unwrap().is_some());
    sound(&store);
}

// C8: a limit ends in the middle; the next look goes on behind it, also in another process.
#[test]
fn letting_go_is_resumed_where_it_stopped() {
    let world = World::new();
    let store = world.open();
    for batch in Life::batches(1..=120, time(0), Until::CalledOff) {
        store.execute(batch).unwrap();
    }
    let first = store.let_go(time(DAY), time(DAY), 60).unwrap();
    assert!(first.more && first.rows == 100, "{first:?}");
    drop(store);
    let store = world.open();
    let second = store.let_go(time(DAY), time(DAY), u64::MAX).unwrap();
    assert_eq!((second.rows, second.more), (620, false));
    assert_eq!(purge(&store, 2 * DAY), 240, "documents and changes");
    sound(&store);
}
