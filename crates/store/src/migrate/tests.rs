//! Migrations that are interrupted, that do not fit, and that work.

use std::sync::Arc;

use hyperion_model::{Batch, BatchId, Uuid};

use super::*;
use crate::{KeySource, Mode, NoRedaction, Store, StoreConfig};

fn config(folder: &Path, mode: Mode) -> StoreConfig {
    StoreConfig {
        database: folder.join("hyperion.db"),
        blobs: folder.join("blobs"),
        key: KeySource::File {
            path: folder.join("key"),
        },
        mode,
        redact: Arc::new(NoRedaction),
        now: Time::UNIX_EPOCH,
    }
}

/// A database as the first version left it, with an event in it.
fn first_version(path: &Path) {
    let conn = Connection::open(path).unwrap();
    apply(&conn, 0, 1, Time::UNIX_EPOCH, &mut || {}).unwrap();
    conn.execute("INSERT INTO receipt VALUES ('old', 1, 0, 5)", [])
        .unwrap();
}

#[test]
fn an_old_database_is_copied_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hyperion.db");
    first_version(&path);
    assert!(matches!(
        Store::open(&config(folder.path(), Mode::ReadOnly)),
        Err(OpenError::NeedsMigration {
            found: 1,
            known: KNOWN
        })
    ));
    // A copy from an attempt that failed is replaced.
    let backup = folder.path().join("hyperion.db.v1.backup");
    fs::write(&backup, "stale").unwrap();

    let store = Store::open(&config(folder.path(), Mode::ReadWrite)).unwrap();
    assert_eq!(
        store.notices(),
        [Notice::Migrated {
            from: 1,
            to: KNOWN,
            backup: backup.clone()
        }]
    );
    assert!(store.check_structure().unwrap().is_sound());
    let stamp = hyperion_model::machine::Stamp {
        time: Time::UNIX_EPOCH,
        actor: hyperion_model::Actor::Engine {
            id: hyperion_model::Name::new("t").unwrap(),
        },
    };
    let batch = Batch::new(BatchId::new(Uuid::nil()), stamp, Vec::new());
    let old = store
        .execute(Batch {
            key: Some("old".to_owned()),
            ..batch
        })
        .unwrap();
    assert!(old.replayed, "what was there before is still there");
    drop(store);
    assert_eq!(
        Store::open(&config(folder.path(), Mode::ReadWrite))
            .unwrap()
            .notices(),
        []
    );

    let copy = Connection::open(&backup).unwrap();
    assert_eq!(version(&copy, &backup).unwrap(), Some(1));
    let kept: u64 = copy
        .query_row("SELECT count(*) FROM receipt", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hyperion.db");
    first_version(&path);
    // In the way of the second migration.
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE queue_log (x)")
        .unwrap();
    assert!(Store::open(&config(folder.path(), Mode::ReadWrite)).is_err());
    let conn = Connection::open(&path).unwrap();
    assert_eq!(version(&conn, &path).unwrap(), Some(1));
    let leases: u64 = conn
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'lease'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(leases, 0);
}

#[test]
fn migrations_are_numbered_without_gaps() {
    for (number, migration) in MIGRATIONS.iter().enumerate() {
        assert!(migration.name.starts_with(&format!("{number:04}_")));
    }
}

#[path = "../../tests/fixtures/load.rs"]
mod load;

/// Copies a folder as a crash would leave it: what readers share in memory is gone.
fn crashed_copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_file() && !name.to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), to.path().join(name)).unwrap();
        }
    }
    to
}

// O6, S9: whoever dies at any statement of a migration leaves the database as it was; the next start does all of it.
#[test]
fn a_migration_that_dies_at_any_statement_is_done_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    load::unpack_v0(folder.path());
    let path = folder.path().join("hyperion.db");
    let conn = crate::connection::open_writer(&path).unwrap();
    crate::connection::prepare_writer(&conn).unwrap();
    // Written through at once, so that there is something to roll back.
    conn.execute_batch("PRAGMA cache_spill = 1; PRAGMA cache_size = 1;")
        .unwrap();
    let mut copies = Vec::new();
    apply(&conn, 2, KNOWN, Time::UNIX_EPOCH, &mut || {
        copies.push(crashed_copy(folder.path()));
    })
    .unwrap();
    assert!(copies.len() > 20, "{}", copies.len());
    for (at, copy) in copies.iter().enumerate() {
        let store = Store::open(&config(copy.path(), Mode::ReadWrite)).unwrap();
        let backup = copy_of(&copy.path().join("hyperion.db"), 2);
        assert_eq!(
            store.notices(),
            [Notice::Migrated {
                from: 2,
                to: KNOWN,
                backup
            }],
            "after statement {at}"
        );
        assert_eq!(store.last_seq().unwrap(), 396);
        assert!(store.check_structure().unwrap().is_sound(), "{at}");
    }
}

// O6: half a copy is not taken for one, and the one that is named is whole, private and durable.
#[test]
fn a_copy_that_was_begun_is_begun_anew() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    load::unpack_v0(folder.path());
    let path = folder.path().join("hyperion.db");
    let growing = folder.path().join("hyperion.db.v2.backup.new");
    fs::write(&growing, "half a co").unwrap();
    drop(Store::open(&config(folder.path(), Mode::ReadWrite)).unwrap());
    assert!(!growing.exists());
    let backup = copy_of(&path, 2);
    assert_eq!(
        fs::metadata(&backup).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // It is a home of version 0 once more.
    let again = tempfile::tempdir().unwrap();
    load::unpack_v0(again.path());
    fs::remove_file(again.path().join("hyperion.db-wal")).unwrap();
    fs::copy(&backup, again.path().join("hyperion.db")).unwrap();
    let store = Store::open(&config(again.path(), Mode::ReadWrite)).unwrap();
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_copy_that_cannot_be_made_stops_the_migration() {
    let folder = tempfile::tempdir().unwrap();
    load::unpack_v0(folder.path());
    let path = folder.path().join("hyperion.db");
    // In the way: a folder that is not empty.
    fs::create_dir(folder.path().join("hyperion.db.v2.backup.new")).unwrap();
    fs::write(folder.path().join("hyperion.db.v2.backup.new/x"), "").unwrap();
    Store::open(&config(folder.path(), Mode::ReadWrite)).unwrap_err();
    let conn = Connection::open(&path).unwrap();
    assert_eq!(version(&conn, &path).unwrap(), Some(2));
}

#[test]
fn only_the_newest_copies_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hyperion.db");
    for name in [
        "hyperion.db.v0.backup",
        "hyperion.db.v1.backup",
        "hyperion.db.v2.backup",
        "other.v0.backup",
        "hyperion.db.v0.backup.mine",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    remove_old_copies(&path).unwrap();
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [
            "hyperion.db.v0.backup.mine",
            "hyperion.db.v1.backup",
            "hyperion.db.v2.backup",
            "other.v0.backup"
        ]
    );
}

// O6: what was done by another Hyperion under the same name is not gone on with.
#[test]
fn a_migration_that_was_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    load::unpack_v0(folder.path());
    let path = folder.path().join("hyperion.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE migration SET checksum = 'sha256:00' WHERE number = 1")
        .unwrap();
    for mode in [Mode::ReadWrite, Mode::ReadOnly] {
        let error = Store::open(&config(folder.path(), mode)).unwrap_err();
        match mode {
            Mode::ReadWrite => assert_eq!(
                error.to_string(),
                "open the database: the migrations recorded in it are not those of this Hyperion"
            ),
            Mode::ReadOnly => assert!(matches!(error, OpenError::NeedsMigration { .. })),
        }
    }
    assert!(!copy_of(&path, 2).exists(), "nothing was begun");
}
