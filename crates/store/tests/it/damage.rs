//! Damage done behind the store's back: found, named, and no larger than it is.

use hyperion_model::approval::Approval;
use hyperion_model::repo::Repo;
use hyperion_model::{Noun, Subject};
use hyperion_store::{Filter, HeadState, Mode, OpenError, ReadError, Store, StoreError};

use crate::world::{World, ask, batch, cancel, register, repo_id, retarget};

/// A store with three repositories and an approval, closed again.
fn written() -> World {
    let world = World::new();
    let store = world.open();
    for n in 1..=3 {
        store.execute(batch(n, vec![register(n)])).unwrap();
    }
    store.execute(batch(4, vec![retarget(2, "trunk")])).unwrap();
    store.execute(ask(5, b"text", 60).1).unwrap();
    drop(store);
    world
}

fn verified(world: &World) -> hyperion_store::Verification {
    world.open_to_read().verify().unwrap()
}

fn refused(world: &World) -> String {
    match world.try_open().unwrap_err() {
        OpenError::Damaged { detail } => detail,
        other => panic!("{other:?}"),
    }
}

// X5: a changed event is found, and named.
#[test]
fn a_changed_event_is_named() {
    let world = written();
    world.tamper("UPDATE event SET text = replace(text, 'repo-2', 'repo-X') WHERE seq = 2");
    let found = verified(&world);
    let bad = found.first_bad.unwrap();
    assert_eq!(bad.seq, 2);
    assert_eq!(
        bad.detail,
        "it was changed: the event 3 holds another hash of it"
    );
    assert_eq!(found.rows_differ[0].subject, Subject::Repo(repo_id(2)));
    assert_eq!(found.seal, HeadState::Sealed, "the end itself is as it was");
}

#[test]
fn a_changed_last_event_does_not_fit_the_seal() {
    let world = written();
    world.tamper("UPDATE event SET text = replace(text, 'ada', 'eve') WHERE seq = 5");
    let found = verified(&world);
    assert!(found.first_bad.is_none());
    assert!(
        matches!(found.seal, HeadState::Mismatch { .. }),
        "{found:?}"
    );
    assert!(!found.is_sound());
    assert!(refused(&world).contains("events were changed or cut off"));
}

#[test]
fn a_cut_tail_is_found() {
    let world = written();
    world.tamper("DELETE FROM event WHERE seq > 3");
    let found = verified(&world);
    assert_eq!(
        found.seal,
        HeadState::Mismatch {
            detail: "events are missing at the end: sealed was 5, the last one is 3".to_owned()
        }
    );
    let details: Vec<_> = found
        .rows_differ
        .iter()
        .map(|row| row.detail.as_str())
        .collect();
    assert_eq!(
        details,
        [
            "its state is not what its events make of it",
            "no event speaks of it"
        ]
    );
    assert_eq!(
        refused(&world),
        "its chain of events ends at 3, sealed was 5: events were changed or cut off"
    );
}

// Decision 1.4: who writes the file can recompute a chain, but not the seal on its end.
#[test]
fn a_forged_head_is_found() {
    let world = written();
    let hash = world.open_to_read().events_after(2, 1).unwrap().events[0]
        .hash
        .hex();
    world.tamper(&format!(
        "DELETE FROM event WHERE seq > 3; UPDATE head SET seq = 3, hash = x'{hash}'"
    ));
    let found = verified(&world);
    assert_eq!(
        found.seal,
        HeadState::Mismatch {
            detail: "the seal is not genuine".to_owned()
        }
    );
    assert_eq!(
        refused(&world),
        "the seal on the end of its chain of events is not genuine"
    );

    world.tamper("DELETE FROM head");
    assert_eq!(verified(&world).seal, HeadState::Unsealed);
    assert_eq!(
        refused(&world),
        "the end of its chain of events is not sealed"
    );
}

#[test]
fn a_missing_event_and_changed_columns_are_named() {
    let world = written();
    world.tamper("DELETE FROM event WHERE seq = 2");
    let bad = verified(&world).first_bad.unwrap();
    assert_eq!((bad.seq, bad.detail.as_str()), (2, "it is missing"));

    let world = written();
    world.tamper("UPDATE event SET kind = 'merge.landed' WHERE seq = 3");
    let bad = verified(&world).first_bad.unwrap();
    assert_eq!(
        (bad.seq, bad.detail.as_str()),
        (3, "its columns do not repeat its text")
    );

    let world = written();
    world.tamper("UPDATE event SET text = 'nonsense' WHERE seq = 1");
    let found = verified(&world);
    assert_eq!(found.first_bad.unwrap().seq, 1);
    let page = world.open_to_read().events_after(0, 10).unwrap();
    assert_eq!((page.events.len(), page.damaged), (4, vec![1]));
}

#[test]
fn a_changed_row_is_named() {
    for (sql, expected) in [
        (
            "UPDATE repo SET doc = replace(doc, 'trunk', 'other')",
            "its state is not what its events make of it",
        ),
        (
            "UPDATE repo SET status = 'forgotten' WHERE created_seq = 2",
            "its columns do not follow from its state",
        ),
        (
            "UPDATE repo SET open = 0 WHERE created_seq = 2",
            "its columns do not follow from its state",
        ),
        (
            "UPDATE repo SET updated_seq = 2 WHERE created_seq = 2",
            "its numbers or times are not those of its events",
        ),
        ("DELETE FROM repo WHERE created_seq = 2", "its row is gone"),
    ] {
        let world = written();
        world.tamper(sql);
        let found = verified(&world);
        assert_eq!(found.rows_differing, 1, "{sql}");
        assert_eq!(
            found.rows_differ[0].subject,
            Subject::Repo(repo_id(2)),
            "{sql}"
        );
        assert_eq!(found.rows_differ[0].detail, expected, "{sql}");
        assert!(found.first_bad.is_none() && found.seal == HeadState::Sealed);
        // Written anew from its events, it is sound again.
        let store = world.open();
        store.rebuild(Subject::Repo(repo_id(2))).unwrap();
        assert!(store.verify().unwrap().is_sound(), "{sql}");
    }
    let world = written();
    world.tamper("DELETE FROM reference");
    let found = verified(&world);
    assert!(
        found.rows_differ[0]
            .detail
            .starts_with("its reference to sha256:"),
        "{found:?}"
    );
    let store = world.open();
    store.rebuild(found.rows_differ[0].subject).unwrap();
    assert!(store.verify().unwrap().is_sound());
}

// Decision 1.10: a bad row is set aside and everything else goes on.
#[test]
fn a_row_that_cannot_be_read_is_set_aside() {
    let world = written();
    world.tamper("UPDATE repo SET doc = '{' WHERE created_seq = 2");
    let store = world.open();
    let page = store.list::<Repo>(&Filter::default()).unwrap();
    assert_eq!(
        (page.rows.len(), page.damaged),
        (2, vec![repo_id(2).uuid()])
    );
    assert!(matches!(
        store.get::<Repo>(repo_id(2)),
        Err(ReadError::Quarantined { .. })
    ));
    assert!(matches!(
        store.execute(batch(6, vec![retarget(1, "a"), retarget(2, "b")])),
        Err(StoreError::Quarantined { .. })
    ));
    assert_eq!(
        store
            .get::<Repo>(repo_id(1))
            .unwrap()
            .unwrap()
            .branch
            .as_str(),
        "main"
    );
    store.execute(batch(7, vec![retarget(1, "a")])).unwrap();
    let aside = store.quarantined().unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(
        (aside[0].subject, aside[0].found_seq),
        (Subject::Repo(repo_id(2)), 5)
    );

    store.rebuild(Subject::Repo(repo_id(2))).unwrap();
    assert_eq!(
        store
            .get::<Repo>(repo_id(2))
            .unwrap()
            .unwrap()
            .branch
            .as_str(),
        "trunk"
    );
    assert!(store.quarantined().unwrap().is_empty());
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_row_found_by_the_writer_is_set_aside_too() {
    let world = written();
    let id = ask(5, b"text", 60).0;
    world.tamper("UPDATE approval SET doc = '[]'");
    let store = world.open();
    assert!(matches!(
        store.execute(batch(6, vec![cancel(id, "x")])),
        Err(StoreError::Quarantined { .. })
    ));
    assert_eq!(
        store.quarantined().unwrap()[0].subject.noun(),
        Noun::Approval
    );
    // Reading alone only says so.
    drop(store);
    let reader = world.open_to_read();
    assert_eq!(
        reader.list::<Approval>(&Filter::default()).unwrap().damaged,
        [id.uuid()]
    );
}

#[test]
fn damaged_pages_are_found_and_a_strange_schema_is_named() {
    let world = written();
    world.tamper("DROP INDEX event_request; CREATE TABLE extra (x)");
    assert_eq!(refused(&world), "the schema lacks index event_request");
    let found = world.open_to_read().check_structure().unwrap();
    assert_eq!(
        found.problems,
        [
            "the schema lacks index event_request",
            "the schema has table extra, which is not Hyperion's",
        ]
    );
    assert!(!found.is_sound());

    let world = written();
    let store = world.open();
    assert!(store.check_structure().unwrap().is_sound());
    drop(store);
    let mut bytes = std::fs::read(world.database()).unwrap();
    let page = 4096;
    for at in (2 * page..bytes.len()).step_by(page) {
        bytes[at..at + 64].fill(0xff);
    }
    std::fs::write(world.database(), &bytes).unwrap();
    match Store::open(&world.config(Mode::ReadOnly)) {
        Err(OpenError::Damaged { .. }) => {}
        Ok(store) => assert!(!store.check_structure().unwrap().is_sound()),
        Err(other) => panic!("{other:?}"),
    }
}
