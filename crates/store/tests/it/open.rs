//! Opening: what is refused, with which words and which remedy.

use hyperion_model::repo::Repo;
use hyperion_store::{Mode, OpenError, Store, StoreConfig};

use crate::world::{World, batch, register, repo_id};

#[test]
fn reading_needs_a_database() {
    let world = World::new();
    let error = Store::open(&world.config(Mode::ReadOnly)).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }));
    assert!(error.hint().contains("hyperion init"));
    assert!(
        !world.database().exists() && !world.path("key").exists(),
        "reading makes nothing"
    );
}

#[test]
fn a_home_that_cannot_be_written_is_refused() {
    let world = World::new();
    std::fs::write(world.path("file"), "").unwrap();
    let config = StoreConfig {
        database: world.path("file").join("hyperion.db"),
        ..world.config(Mode::ReadWrite)
    };
    let error = Store::open(&config).unwrap_err();
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
    assert!(error.hint().contains("HYPERION_HOME"));
    std::fs::create_dir(world.database()).unwrap();
    // A folder in its place is none of our making.
    assert!(matches!(world.try_open(), Err(OpenError::NotOurs { .. })));
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let world = World::new();
    drop(world.open());
    world.tamper("PRAGMA user_version = 99");
    for mode in [Mode::ReadWrite, Mode::ReadOnly] {
        match Store::open(&world.config(mode)).unwrap_err() {
            OpenError::NewerSchema { found: 99, known } => assert!(known < 99),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let world = World::new();
    let foreign = rusqlite::Connection::open(world.database()).unwrap();
    foreign
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    drop(foreign);
    let before = std::fs::read(world.database()).unwrap();
    assert!(matches!(world.try_open(), Err(OpenError::NotOurs { .. })));
    assert_eq!(std::fs::read(world.database()).unwrap().len(), before.len());

    let world = World::new();
    std::fs::write(
        world.database(),
        "not a database at all, but a text of some length".repeat(100),
    )
    .unwrap();
    assert!(matches!(world.try_open(), Err(OpenError::Damaged { .. })));
}

#[test]
fn changed_migrations_are_refused() {
    let world = World::new();
    drop(world.open());
    world.tamper("UPDATE migration SET checksum = 'sha256:00' WHERE number = 0");
    let error = world.try_open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "open the database: the migrations recorded in it are not those of this Hyperion"
    );
}

// Two writers are a mistake of the caller's (the home's lock is there to prevent it), but the
// chain survives it.
#[test]
fn a_second_writer_does_not_break_the_chain() {
    let world = World::new();
    let (one, two) = (world.open(), world.open());
    for n in 0..10 {
        let store = if n % 2 == 0 { &one } else { &two };
        assert_eq!(
            store
                .execute(batch(n, vec![register(n)]))
                .unwrap()
                .first_seq,
            n + 1
        );
    }
    assert!(two.get::<Repo>(repo_id(0)).unwrap().is_some());
    assert!(one.verify().unwrap().is_sound());
}
