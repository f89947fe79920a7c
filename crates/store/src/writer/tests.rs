//! Transactions that are lost, disks that are full: from inside, where the writer can be made to stumble.

use std::sync::{Arc, mpsc};

use hyperion_model::machine::Stamp;
use hyperion_model::repo::{self, Repo};
use hyperion_model::{Actor, Batch, BatchId, Command, Digest, Name, RepoId, Time, Uuid};
use tempfile::TempDir;

use super::*;
use crate::{Committed, Filter, KeySource, Mode, NoRedaction, Store, StoreConfig};

fn open() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreConfig {
        database: folder.path().join("hyperion.db"),
        blobs: folder.path().join("blobs"),
        key: KeySource::File {
            path: folder.path().join("key"),
        },
        mode: Mode::ReadWrite,
        redact: Arc::new(NoRedaction),
        now: Time::UNIX_EPOCH,
    })
    .unwrap();
    (folder, store)
}

fn register(n: u128, path: String) -> Batch {
    let id = RepoId::new(Uuid::from_u128(n));
    let command = repo::Command::Register {
        id,
        name: Name::new(format!("repo-{n}")).unwrap(),
        path,
        branch: Name::new("main").unwrap(),
    };
    let actor = Actor::Engine {
        id: Name::new("test").unwrap(),
    };
    let stamp = Stamp {
        time: Time::UNIX_EPOCH,
        actor,
    };
    Batch::new(
        BatchId::new(Uuid::from_u128(n)),
        stamp,
        vec![Command::Repo(id, command)],
    )
}

/// Ends the transaction under everybody's feet, as a full disk may.
struct Stumble {
    answer: mpsc::Sender<StoreError>,
}

impl Job for Stumble {
    fn attempt(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        writer.conn.execute_batch("ROLLBACK")?;
        Err(StoreError::Full)
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        self.answer.send(result.unwrap_err()).unwrap();
    }
}

/// Keeps the writer busy until the other end is dropped, so that what follows shares a commit.
fn hold(store: &Store) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, wait) = mpsc::channel();
    let held = std::sync::Mutex::new(held);
    store.try_send(Operation {
        work: move |_: &mut Writer| {
            begun.send(()).unwrap();
            let _ = held.lock().unwrap().recv();
            Ok(())
        },
        made: None,
        reply: Reply::Nobody,
    });
    wait.recv().unwrap();
    release
}

// Decision 1.6: if the transaction is lost, the chain's end is read again and each is tried alone.
#[test]
fn a_lost_group_is_retried_one_by_one() {
    let (_folder, store) = open();
    store.execute(register(1, "/one".to_owned())).unwrap();
    let release = hold(&store);
    let before = store.submit(register(2, "/two".to_owned()));
    let (answer, stumbled) = mpsc::channel();
    store.try_send(Stumble { answer });
    let after = store.submit(register(3, "/three".to_owned()));
    let refused = store.submit(register(2, "/again".to_owned()));
    drop(release);
    let seqs = |committed: Committed| (committed.first_seq, committed.last_seq);
    assert_eq!(seqs(before.blocking_recv().unwrap().unwrap()), (2, 2));
    assert!(matches!(stumbled.recv().unwrap(), StoreError::Full));
    assert_eq!(seqs(after.blocking_recv().unwrap().unwrap()), (3, 3));
    assert!(matches!(
        refused.blocking_recv().unwrap(),
        Err(StoreError::Refused { .. })
    ));
    assert_eq!(*store.subscribe().borrow(), 3);
    let verified = store.verify().unwrap();
    assert!(verified.is_sound(), "{verified:?}");
}

// Nothing is published, and nobody is answered, before the commit.
#[test]
fn nothing_is_published_before_the_commit() {
    let (_folder, store) = open();
    let release = hold(&store);
    let answer = store.submit(register(1, "/one".to_owned()));
    assert_eq!(*store.subscribe().borrow(), 0);
    assert_eq!(store.last_seq().unwrap(), 0);
    drop(release);
    answer.blocking_recv().unwrap().unwrap();
    assert_eq!(*store.subscribe().borrow(), 1);
}

#[test]
fn a_full_disk_is_told_and_work_goes_on_once_there_is_room() {
    let (_folder, store) = open();
    store.execute(register(1, "/one".to_owned())).unwrap();
    let pages = |limit: u32| {
        store
            .operate(move |writer| {
                let sql = format!("PRAGMA max_page_count = {limit}");
                Ok(writer
                    .conn
                    .query_row(&sql, [], |row| row.get::<_, u32>(0))?)
            })
            .unwrap()
    };
    let limit = pages(1) + 3;
    pages(limit);
    let mut stored = 1;
    let mut failed = 0;
    for n in 2..60 {
        match store.execute(register(n, format!("/{}", "x".repeat(3000)))) {
            Ok(committed) => {
                stored += 1;
                assert_eq!(committed.first_seq, stored);
            }
            Err(StoreError::Full) => failed += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(stored < 10 && failed > 40, "{stored} {failed}");
    // Several at once: those that fit are not dragged down by those that do not.
    let release = hold(&store);
    let answers: Vec<_> = (100..110)
        .map(|n| store.submit(register(n, format!("/{}", "x".repeat(3000)))))
        .collect();
    let empty = store.submit(Batch {
        commands: Vec::new(),
        ..register(200, String::new())
    });
    drop(release);
    assert!(
        answers
            .into_iter()
            .all(|answer| matches!(answer.blocking_recv().unwrap(), Err(StoreError::Full)))
    );
    assert!(empty.blocking_recv().unwrap().is_ok());

    // Nothing of what failed is there, and reading goes on.
    assert_eq!(store.last_seq().unwrap(), stored);
    assert_eq!(store.count::<Repo>(&Filter::default()).unwrap(), stored);
    assert!(matches!(
        store.put_blob(&[1; 30_000], Time::UNIX_EPOCH),
        Err(StoreError::Full)
    ));
    assert!(store.verify().unwrap().is_sound());
    pages(100_000);
    store.execute(register(60, "/room".to_owned())).unwrap();
    assert!(store.put_blob(&[1; 30_000], Time::UNIX_EPOCH).is_ok());
    assert!(store.verify().unwrap().is_sound());
    assert!(store.check_structure().unwrap().is_sound());
}

// What is written to a file before its row does not stay when the row does not come.
#[test]
fn the_file_of_content_that_was_not_committed_goes_again() {
    let (folder, store) = open();
    let release = hold(&store);
    let (answer, stumbled) = mpsc::channel();
    let waiting = {
        let store = store.clone();
        std::thread::spawn(move || store.put_blob(&[1; 100_000], Time::UNIX_EPOCH))
    };
    store.try_send(Stumble { answer });
    drop(release);
    stumbled.recv().unwrap();
    let digest = waiting.join().unwrap().unwrap();
    assert!(store.blob(digest).unwrap().is_some());

    let refused = Batch {
        blobs: vec![hyperion_model::NewBlob::new(vec![2; 100_000])],
        ..register(1, "x".repeat(5000))
    };
    assert!(matches!(
        store.execute(refused),
        Err(StoreError::Refused { .. })
    ));
    assert_eq!(store.blob(Digest::of(&[2; 100_000])).unwrap(), None);
    let files: usize = std::fs::read_dir(folder.path().join("blobs"))
        .unwrap()
        .map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap().count())
        .sum();
    assert_eq!(files, 1);
}

#[test]
fn a_submitter_is_told_when_too_much_is_waiting() {
    let (_folder, store) = open();
    let release = hold(&store);
    let answers: Vec<_> = (0..1100)
        .map(|n| store.submit(register(n, format!("/{n}"))))
        .collect();
    drop(release);
    let (mut done, mut overloaded) = (0, 0);
    for answer in answers {
        match answer.blocking_recv().unwrap() {
            Ok(_) => done += 1,
            Err(StoreError::Overloaded) => overloaded += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((done, overloaded), (MAX_WAITING, 1100 - MAX_WAITING));
}

// The log is emptied into the database while it is used, by the writer alone.
#[test]
fn the_log_does_not_grow_for_ever() {
    let (folder, store) = open();
    for n in 0..60 {
        let fill = move |writer: &mut Writer| {
            let sql = "INSERT INTO meta (key, value) VALUES (?1, hex(zeroblob(400000)))";
            Ok(writer.conn.execute(sql, [n]).map(drop)?)
        };
        store.operate(fill).unwrap();
    }
    let log = std::fs::metadata(folder.path().join("hyperion.db-wal"))
        .unwrap()
        .len();
    assert!(log < 20_000_000, "{log}");
    let database = std::fs::metadata(folder.path().join("hyperion.db"))
        .unwrap()
        .len();
    assert!(database > 30_000_000, "{database}");
}

// S9: a defect in one job is answered, leaves nothing behind, and everything else goes on.
#[test]
fn a_job_that_panics_is_taken_back_and_the_others_go_on() {
    let (_folder, store) = open();
    store.execute(register(1, "/srv/one".to_owned())).unwrap();
    let before = store.head().unwrap();
    for say in [
        |writer: &mut Writer| -> Result<(), StoreError> {
            writer.conn.execute_batch("DELETE FROM repo").unwrap();
            writer.head.seq += 7;
            panic!("a stone in the shoe");
        },
        |_: &mut Writer| std::panic::panic_any(7),
    ] {
        let error = store.operate(say).unwrap_err();
        assert!(
            matches!(&error, StoreError::Panicked { detail } if detail == "a stone in the shoe" || detail == "without a word"),
            "{error:?}"
        );
    }
    assert_eq!(store.head().unwrap(), before);
    store.execute(register(2, "/srv/two".to_owned())).unwrap();
    let repos = store.list::<Repo>(&Filter::default()).unwrap();
    assert_eq!(repos.rows.len(), 2);
    assert!(store.verify().unwrap().is_sound());
}

// T1: what went to a file that nobody finds any more is not acknowledged, nor is anything after it.
#[test]
fn nothing_is_acknowledged_once_the_database_is_gone() {
    let (folder, store) = open();
    store.execute(register(1, "/one".to_owned())).unwrap();
    let database = folder.path().join("hyperion.db");
    let aside = folder.path().join("aside");
    std::fs::rename(&database, &aside).unwrap();
    let gone = |result| matches!(result, Err(StoreError::Displaced { path }) if path == database);
    assert!(gone(
        store.execute(register(2, "/two".to_owned())).map(drop)
    ));
    std::fs::rename(&aside, &database).unwrap();
    assert!(gone(store.stands()));
    assert!(gone(
        store.execute(register(3, "/three".to_owned())).map(drop)
    ));
}
