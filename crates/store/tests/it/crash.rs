//! Crashes: a copy of the files as they stand is what a killed process leaves behind.

use hyperion_model::repo::Repo;
use hyperion_store::Filter;

use crate::world::{World, ask, batch, register, repo_id};

#[test]
fn what_was_answered_is_there_after_a_crash_at_any_time() {
    let world = World::new();
    let store = world.open();
    for n in 1..=30 {
        store
            .execute(batch(n, vec![register(n), register(n + 100)]))
            .unwrap();
        store
            .execute(ask(n + 200, &vec![b'x'; usize::try_from(n).unwrap() * 3000], 60).1)
            .unwrap();
        if n % 5 == 0 {
            let crashed = world.crashed_copy();
            let after = crashed.open();
            assert_eq!(after.last_seq().unwrap(), 3 * n);
            assert!(after.get::<Repo>(repo_id(n + 100)).unwrap().is_some());
            let verified = after.verify().unwrap();
            assert!(verified.is_sound(), "{verified:?}");
            assert_eq!(
                after
                    .execute(batch(50, vec![register(50)]))
                    .unwrap()
                    .first_seq,
                3 * n + 1
            );
        }
    }
}

// A log that was cut in the middle of a commit: that commit is gone, everything before it stands.
#[test]
fn a_torn_log_loses_only_what_was_not_answered() {
    let world = World::new();
    let store = world.open();
    for n in 1..=5 {
        store.execute(batch(n, vec![register(n)])).unwrap();
    }
    let answered = std::fs::metadata(world.path("hyperion.db-wal"))
        .unwrap()
        .len();
    store
        .execute(batch(6, vec![register(6), register(7)]))
        .unwrap();
    let whole = std::fs::metadata(world.path("hyperion.db-wal"))
        .unwrap()
        .len();
    for cut in [answered, answered + 1, (answered + whole) / 2, whole - 1] {
        let crashed = world.crashed_copy();
        let log = std::fs::OpenOptions::new()
            .write(true)
            .open(crashed.path("hyperion.db-wal"))
            .unwrap();
        log.set_len(cut).unwrap();
        let after = crashed.open();
        assert_eq!(after.count::<Repo>(&Filter::default()).unwrap(), 5);
        assert!(after.verify().unwrap().is_sound());
        assert!(after.check_structure().unwrap().is_sound());
    }
}

// The log of a crashed engine is read by whoever only looks, too.
#[test]
fn reading_alone_sees_what_a_crashed_engine_had_answered() {
    let world = World::new();
    let store = world.open();
    store.execute(batch(1, vec![register(1)])).unwrap();
    let crashed = world.crashed_copy();
    let reader = crashed.open_to_read();
    assert!(reader.get::<Repo>(repo_id(1)).unwrap().is_some());
    assert!(reader.verify().unwrap().is_sound());
    drop(reader);
    assert_eq!(crashed.open().last_seq().unwrap(), 1);
}
