//! Homes that older versions wrote.

use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_store::{Filter, Mode, Notice, OpenError, QueueLogFilter, Store, Stored};

use crate::fixtures::unpack_v0;
use crate::world::World;

/// How many rows of a noun can be read; none may be damaged.
fn rows<M: Stored>(store: &Store) -> usize {
    let page = store.list::<M>(&Filter::default().limit(1000)).unwrap();
    assert!(page.damaged.is_empty(), "{:?}", page.damaged);
    page.rows.len()
}

// O6: done when a data file of every released version opens, migrates, and holds.
#[test]
fn what_version_0_wrote_is_migrated_and_whole() {
    let world = World::new();
    unpack_v0(world.database().parent().unwrap());
    // Reading alone changes nothing, and says what to do.
    let error = Store::open(&world.config(Mode::ReadOnly)).unwrap_err();
    assert!(
        matches!(error, OpenError::NeedsMigration { found: 2, .. }),
        "{error:?}"
    );
    assert_eq!(
        error.hint(),
        "run `hyperion up` (or any command that changes something) once: it migrates the database, after copying it"
    );

    let store = world.open();
    assert!(matches!(
        store.notices(),
        [Notice::Migrated { from: 2, .. }]
    ));
    let found = store.verify().unwrap();
    assert!(found.is_sound(), "{found:#?}");
    assert_eq!((found.events, found.blobs_checked > 100), (396, true));
    assert_eq!(
        [
            rows::<Repo>(&store),
            rows::<Request>(&store),
            rows::<Plan>(&store),
            rows::<Run>(&store),
            rows::<ChangeSet>(&store),
            rows::<Approval>(&store),
            rows::<Entry>(&store),
        ],
        [1, 15, 14, 23, 14, 14, 10]
    );
    let log = QueueLogFilter {
        entry: None,
        newest: false,
        limit: 100,
    };
    assert_eq!(store.queue_log(&log).unwrap().len(), 23);
    assert_eq!(store.leases().unwrap().len(), 1);
    assert!(store.check_structure().unwrap().is_sound());
    drop(store);
    assert_eq!(world.open().notices(), [], "it is done once");
}
