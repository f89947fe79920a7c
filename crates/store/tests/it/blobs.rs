//! Content: encrypted, checked, purged when nothing needs it.

use hyperion_model::{Digest, NewBlob};
use hyperion_store::{BlobState, INLINE_BLOB_BYTES, PurgeLimits, ReadError, StoreError};

use crate::world::{World, ask, batch, cancel, question, time};

fn limits(now: i64) -> PurgeLimits {
    PurgeLimits {
        now: time(now),
        unreferenced_before: time(now - 100),
        receipts_before: time(now - 100),
    }
}

fn files(world: &World) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for shelf in std::fs::read_dir(world.path("blobs")).unwrap() {
        for file in std::fs::read_dir(shelf.unwrap().path()).unwrap() {
            found.push(file.unwrap().path());
        }
    }
    found
}

// C8: stored diffs and contents are encrypted at rest.
#[test]
fn content_comes_back_and_is_not_on_the_disk_in_the_clear() {
    let world = World::new();
    let store = world.open();
    let small = b"a small secret text".repeat(10);
    let large = b"a large secret text".repeat(10_000);
    for bytes in [
        small.as_slice(),
        &large,
        b"",
        &vec![7; INLINE_BLOB_BYTES],
        &vec![7; INLINE_BLOB_BYTES + 1],
    ] {
        let digest = store.put_blob(bytes, time(0)).unwrap();
        assert_eq!(digest, Digest::of(bytes));
        assert_eq!(store.blob(digest).unwrap().unwrap(), bytes);
        assert_eq!(
            store.blob_state(digest).unwrap(),
            BlobState::Present {
                bytes: bytes.len() as u64
            }
        );
    }
    assert_eq!(store.blob(Digest::of(b"never")).unwrap(), None);
    assert_eq!(
        store.blob_state(Digest::of(b"never")).unwrap(),
        BlobState::Missing
    );
    let kept = files(&world);
    assert_eq!(kept.len(), 2);
    let mut everything = std::fs::read(world.path("hyperion.db-wal")).unwrap();
    everything.extend(kept.iter().flat_map(|file| std::fs::read(file).unwrap()));
    assert!(
        !everything
            .windows(11)
            .any(|window| window == b"secret text")
    );

    // The same content again: one file.
    store.put_blob(&large, time(1)).unwrap();
    assert_eq!(files(&world).len(), 2);
    let too_large = vec![0; hyperion_store::MAX_BLOB_BYTES + 1];
    assert!(matches!(
        store.put_blob(&too_large, time(0)),
        Err(StoreError::TooLarge { .. })
    ));
}

#[test]
fn a_fact_cannot_refer_to_content_that_is_not_there() {
    let world = World::new();
    let store = world.open();
    let (_, mut asked) = ask(1, b"text", 60);
    asked.blobs.clear();
    assert!(matches!(
        store.execute(asked.clone()),
        Err(StoreError::MissingBlob { .. })
    ));
    store.put_blob(b"text", time(0)).unwrap();
    store.execute(asked.clone()).unwrap();

    let (_, question) = question(2, Digest::of(b"other"), 60);
    let lying = NewBlob {
        digest: Digest::of(b"other"),
        bytes: b"text".to_vec(),
    };
    asked.commands = vec![hyperion_model::Command::Approval(
        question.id(),
        hyperion_model::approval::Command::Ask(question),
    )];
    asked.blobs = vec![lying];
    assert!(matches!(
        store.execute(asked),
        Err(StoreError::Damaged { .. })
    ));
}

#[test]
fn changed_content_is_found_out() {
    let world = World::new();
    let store = world.open();
    let large = vec![b'x'; 100_000];
    let (_, asked) = ask(1, &large, 60);
    store.execute(asked).unwrap();
    let (_, asked) = ask(2, b"small", 60);
    store.execute(asked).unwrap();
    assert_eq!(store.verify().unwrap().blobs_checked, 2);

    let file = files(&world).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    world.tamper("UPDATE blob SET body = zeroblob(60) WHERE place = 0");
    for digest in [Digest::of(&large), Digest::of(b"small")] {
        assert!(matches!(
            store.blob(digest),
            Err(ReadError::DamagedBlob { .. })
        ));
    }
    std::fs::remove_file(&file).unwrap();
    let gone = store.blob(Digest::of(&large)).unwrap_err();
    assert!(
        gone.to_string().ends_with(" is gone") && gone.to_string().contains("its file "),
        "{gone}"
    );
    let verified = store.verify().unwrap();
    assert_eq!(verified.damaged_blobs.len(), 2);
    assert!(!verified.is_sound() && verified.first_bad.is_none());
}

// C8, decision 1.11: purging waits until no open row refers to the content.
#[test]
fn content_is_purged_when_it_was_let_go_of_and_nothing_else_holds_it() {
    let world = World::new();
    let store = world.open();
    let large = vec![b'x'; 100_000];
    let (id, asked) = ask(1, &large, 60);
    store.execute(asked).unwrap();
    let digest = Digest::of(&large);
    let let_go = |before| store.let_go(time(before), time(100), 1000).unwrap();
    assert_eq!(let_go(500).rows, 0, "the approval is open");
    assert_eq!(store.purge(&limits(500)).unwrap().blobs, 0);
    store
        .execute(batch(2, vec![cancel(id, "no longer wanted")]))
        .unwrap();
    assert_eq!(let_go(2).rows, 0, "it did not end before then");
    assert_eq!(store.purge(&limits(500)).unwrap().blobs, 0);
    assert_eq!(let_go(50).rows, 1);
    assert_eq!(let_go(50).rows, 0, "once is enough");
    assert_eq!(
        store.purge(&limits(99)).unwrap().blobs,
        0,
        "it is too early"
    );
    let purged = store.purge(&limits(100)).unwrap();
    assert_eq!((purged.blobs, purged.bytes), (1, 100_000));
    assert_eq!(store.blob(digest).unwrap(), None);
    assert_eq!(store.blob_state(digest).unwrap(), BlobState::Purged);
    assert_eq!(files(&world), [""; 0].map(std::path::PathBuf::from));
    assert!(store.verify().unwrap().is_sound(), "a purge is no damage");

    // The same content may come again.
    let (_, asked) = ask(3, &large, 60);
    store.execute(asked).unwrap();
    assert_eq!(store.blob(digest).unwrap().unwrap(), large);
    assert_eq!(
        store.purge(&limits(900)).unwrap().blobs,
        0,
        "the mark is gone"
    );
}

#[test]
fn content_that_nothing_refers_to_goes_after_a_while() {
    let world = World::new();
    let store = world.open();
    store.put_blob(b"small", time(0)).unwrap();
    store.put_blob(&[1; 50_000], time(50)).unwrap();
    assert_eq!(store.purge(&limits(90)).unwrap().blobs, 0);
    assert_eq!(store.purge(&limits(120)).unwrap().blobs, 1);
    assert_eq!(
        store.blob_state(Digest::of(b"small")).unwrap(),
        BlobState::Missing
    );
    // Handed in again, it is young again.
    store.put_blob(&[1; 50_000], time(140)).unwrap();
    assert_eq!(store.purge(&limits(160)).unwrap().blobs, 0);
    assert_eq!(store.purge(&limits(241)).unwrap().blobs, 1);
}

#[test]
fn files_of_interrupted_writes_are_swept() {
    let world = World::new();
    let store = world.open();
    store.put_blob(&[1; 50_000], time(0)).unwrap();
    let kept = files(&world).remove(0);
    let orphan = kept.with_extension("00000000deadbeef");
    std::fs::copy(&kept, &orphan).unwrap();
    std::fs::write(world.path("blobs").join("README"), "not ours").unwrap();
    let sweep = |now| {
        let never = hyperion_model::Time::UNIX_EPOCH;
        store
            .purge(&PurgeLimits {
                now,
                unreferenced_before: never,
                receipts_before: never,
            })
            .unwrap()
            .files_swept
    };
    let written =
        hyperion_model::Time::try_from(orphan.metadata().unwrap().modified().unwrap()).unwrap();
    let hour = std::time::Duration::from_secs(3602);
    assert_eq!(sweep(written), 0, "its row may be on the way");
    assert_eq!(sweep(written + hour), 1);
    assert_eq!(files_kept(&world), [kept]);
}

fn files_kept(world: &World) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(world.path("blobs"))
        .unwrap()
        .map(|shelf| shelf.unwrap().path())
        .filter(|shelf| shelf.is_dir())
        .flat_map(|shelf| std::fs::read_dir(shelf).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}
