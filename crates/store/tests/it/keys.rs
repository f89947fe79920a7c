//! Keys: kept apart, lost, mixed up, changed, found again.

use hyperion_model::Digest;
use hyperion_store::{
    BlobState, HeadState, KeyError, KeySource, Mode, Notice, OpenError, ReadError, Store,
    StoreConfig,
};

use crate::world::{World, ask, batch, cancel, register};

fn written() -> World {
    let world = World::new();
    let store = world.open();
    store.execute(batch(1, vec![register(1)])).unwrap();
    store.execute(ask(2, b"text", 60).1).unwrap();
    world
}

// S3: the key is made on the first start, for its owner alone.
#[test]
fn the_first_start_makes_a_private_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = written();
    for file in ["key", "hyperion.db"] {
        let mode = std::fs::metadata(world.path(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(!world.path("key.new").exists());
    std::fs::set_permissions(world.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let notices = world.open().notices().to_vec();
    assert!(
        matches!(&notices[..], [Notice::KeyExposed { .. }]),
        "{notices:?}"
    );
}

// Decision 1.8: with a lost key those blobs are set aside, and the start goes on.
#[test]
fn a_lost_key_is_told_and_the_start_goes_on() {
    let world = written();
    std::fs::rename(world.path("key"), world.path("lost")).unwrap();

    let reader = world.open_to_read();
    let found = reader.verify().unwrap();
    assert!(matches!(found.seal, HeadState::KeyMissing { .. }) && found.is_sound());
    assert_eq!(found.not_shown.len(), 3, "{:?}", found.not_shown);
    assert!(matches!(
        reader.blob(Digest::of(b"text")),
        Err(ReadError::KeyMissing { .. })
    ));

    let store = world.open();
    match store.notices() {
        [Notice::KeyLost { since_seq: 2, .. }] => {}
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        store.blob(Digest::of(b"text")),
        Err(ReadError::KeyMissing { .. })
    ));
    assert_eq!(
        store.blob_state(Digest::of(b"text")).unwrap(),
        BlobState::Unknown
    );
    // Work goes on: rows that refer to what cannot be read can still be closed.
    store
        .execute(batch(
            3,
            vec![
                register(3),
                cancel(ask(2, b"text", 60).0, "its text is lost"),
            ],
        ))
        .unwrap();
    store.execute(ask(4, b"other", 60).1).unwrap();
    let found = store.verify().unwrap();
    assert!(found.is_sound(), "{found:?}");
    assert_eq!(found.seal, HeadState::Sealed);
    assert_eq!(found.not_shown.len(), 3, "{:?}", found.not_shown);
    drop(store);
    for told in [world.open().notices(), world.open_to_read().notices()] {
        assert!(
            matches!(told, [Notice::KeyLost { since_seq: 2, .. }]),
            "it is told until the key is back: {told:?}"
        );
    }

    // Found again, it is added as a second line.
    let lines: Vec<_> = ["key", "lost"]
        .iter()
        .map(|file| std::fs::read_to_string(world.path(file)).unwrap())
        .collect();
    std::fs::write(world.path("key"), lines.concat()).unwrap();
    let store = world.open();
    assert_eq!(store.blob(Digest::of(b"text")).unwrap().unwrap(), b"text");
    assert_eq!(store.blob(Digest::of(b"other")).unwrap().unwrap(), b"other");
    assert_eq!(store.notices(), []);
    let found = store.verify().unwrap();
    assert!(found.is_sound() && found.not_shown.len() == 1, "{found:?}");
}

#[test]
fn what_a_replaced_key_had_sealed_is_checked_with_it() {
    let world = written();
    let old = std::fs::read_to_string(world.path("key")).unwrap();
    let new = format!("hyperion-key-v1 {}\n", "0f".repeat(32));
    std::fs::write(world.path("key"), format!("{new}{old}")).unwrap();
    let store = world.open();
    assert!(store.notices().is_empty() || matches!(store.notices(), [Notice::KeyExposed { .. }]));
    store.execute(batch(3, vec![register(3)])).unwrap();
    assert_eq!(store.blob(Digest::of(b"text")).unwrap().unwrap(), b"text");
    assert!(store.verify().unwrap().is_sound());
    drop(store);
    world.tamper("UPDATE former_head SET hash = zeroblob(32) WHERE seq = 2");
    let bad = world.open_to_read().verify().unwrap().first_bad.unwrap();
    assert_eq!(bad.seq, 2);
}

#[test]
fn a_wrong_key_is_refused() {
    let (world, other) = (written(), written());
    std::fs::copy(other.path("key"), world.path("key")).unwrap();
    let error = world.try_open().unwrap_err();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error:?}");
    assert!(error.hint().contains("HYPERION_KEY_FILE"));
    // Nothing was changed by trying.
    let config = StoreConfig {
        key: KeySource::Adopt {
            path: world.path("key"),
        },
        ..world.config(Mode::ReadWrite)
    };
    let store = Store::open(&config).unwrap();
    assert!(
        store
            .notices()
            .iter()
            .any(|notice| matches!(notice, Notice::KeyLost { since_seq: 2, .. }))
    );
    assert!(store.execute(batch(5, vec![register(5)])).is_ok());
}

#[test]
fn a_key_file_that_is_not_one_is_refused() {
    let world = written();
    std::fs::write(world.path("key"), "my password").unwrap();
    let error = world.try_open().unwrap_err();
    assert!(matches!(
        error,
        OpenError::Key(KeyError::Malformed { line: 1, .. })
    ));
    assert!(error.hint().contains("hyperion-key-v1"));
}

// Decision 1.8: a place that a person named may only be missing for a moment; a new key there would be hidden once it is back.
#[test]
fn no_key_is_made_at_a_named_place_for_a_store_that_has_one() {
    let world = World::new();
    let config = StoreConfig {
        key: KeySource::Named {
            path: world.path("mounted-key"),
        },
        ..world.config(Mode::ReadWrite)
    };
    drop(Store::open(&config).unwrap());
    std::fs::rename(world.path("mounted-key"), world.path("away")).unwrap();
    let error = Store::open(&config).unwrap_err();
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error:?}");
    assert!(error.hint().contains("unset HYPERION_KEY_FILE"));
    assert!(!world.path("mounted-key").exists());
    std::fs::rename(world.path("away"), world.path("mounted-key")).unwrap();
    assert_eq!(Store::open(&config).unwrap().notices(), []);
}

// A blob under a key that is only partly there is an error, not "never there".
#[test]
fn content_says_which_key_it_needs() {
    let world = written();
    world.tamper("UPDATE blob SET key_id = '0123456789abcdee'");
    match world.open().blob(Digest::of(b"text")).unwrap_err() {
        ReadError::DamagedBlob { detail, .. } => {
            assert_eq!(detail, "its row names a key that this store never had");
        }
        other => panic!("{other:?}"),
    }
    world.tamper(
        "UPDATE blob SET key_id = '0123456789abcdef'; INSERT INTO store_key VALUES ('0123456789abcdef', 0, 0)",
    );
    match world.open().blob(Digest::of(b"text")).unwrap_err() {
        ReadError::KeyMissing { key_id, .. } => assert_eq!(key_id, "0123456789abcdef"),
        other => panic!("{other:?}"),
    }
}
