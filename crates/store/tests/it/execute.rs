//! Batches: all or nothing, once, in order, durable.

use std::sync::Arc;
use std::thread;

use hyperion_model::machine::Refusal;
use hyperion_model::repo::{self, Repo};
use hyperion_model::{Batch, Command, Noun, StoredEvent};
use hyperion_store::{EventFilter, Filter, Order, Redact, StoreError};

use crate::world::{World, ask, batch, cancel, forget, name, register, repo_id, retarget, time};

// X5: every state change writes one chained event in the same transaction.
#[test]
fn a_batch_writes_rows_and_chained_events() {
    let world = World::new();
    let store = world.open();
    let committed = store
        .execute(batch(
            1,
            vec![register(1), retarget(1, "trunk"), register(2)],
        ))
        .unwrap();
    assert_eq!(
        (committed.first_seq, committed.last_seq, committed.replayed),
        (1, 3, false)
    );

    let repo: Repo = store.get(repo_id(1)).unwrap().unwrap();
    assert_eq!(repo.branch, name("trunk"));
    assert_eq!(store.count::<Repo>(&Filter::open()).unwrap(), 2);

    // What is answered is what is stored, to the byte.
    for event in &committed.events {
        let text = store.event_text(event.seq).unwrap().unwrap();
        assert_eq!(StoredEvent::parse(&text).unwrap(), **event);
        assert_eq!(event.event.seal(event.seq, event.prev_hash), text);
    }
    let kinds: Vec<_> = committed.events.iter().map(|event| event.kind()).collect();
    assert_eq!(
        kinds,
        ["repo.registered", "repo.retargeted", "repo.registered"]
    );
    assert!(
        committed
            .events
            .windows(2)
            .all(|pair| pair[1].prev_hash == pair[0].hash)
    );
    assert_eq!(store.head().unwrap().hash, committed.events[2].hash);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_refused_batch_leaves_nothing() {
    let world = World::new();
    let store = world.open();
    store.execute(batch(1, vec![register(1)])).unwrap();
    let (_, mut refused) = ask(2, b"question", 60);
    refused.commands.extend([retarget(1, "trunk"), register(1)]);
    refused.key = Some("k".to_owned());
    match store.execute(refused.clone()).unwrap_err() {
        StoreError::Refused {
            index,
            subject,
            refusal,
        } => {
            assert_eq!(
                (index, subject.noun(), refusal),
                (2, Noun::Repo, Refusal::Exists(Noun::Repo))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.last_seq().unwrap(), 1);
    assert_eq!(
        store.get::<Repo>(repo_id(1)).unwrap().unwrap().branch,
        name("main")
    );
    assert_eq!(store.blob(refused.blobs[0].digest).unwrap(), None);
    // The number and the hash went back as well: the next event fits.
    refused.commands.pop();
    let committed = store.execute(refused).unwrap();
    assert_eq!(
        (committed.first_seq, committed.last_seq, committed.replayed),
        (2, 3, false)
    );
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn the_id_inside_a_command_has_to_be_its_subjects() {
    let world = World::new();
    let store = world.open();
    let Command::Repo(_, command) = register(1) else {
        unreachable!()
    };
    let mixed_up = Command::Repo(repo_id(2), command);
    let refused = store.execute(batch(1, vec![mixed_up])).unwrap_err();
    assert!(matches!(
        refused,
        StoreError::Refused {
            refusal: Refusal::Inconsistent(_),
            ..
        }
    ));
}

#[test]
fn a_key_answers_what_was_answered_before() {
    let world = World::new();
    let store = world.open();
    let keyed = |n| Batch {
        key: Some("same".to_owned()),
        ..batch(n, vec![register(1)])
    };
    let first = store.execute(keyed(1)).unwrap();
    let second = store.execute(keyed(2)).unwrap();
    assert!(second.replayed && !first.replayed);
    assert_eq!(first.events, second.events);
    assert_eq!(store.last_seq().unwrap(), 1);

    drop(store);
    let third = world.open().execute(keyed(3)).unwrap();
    assert_eq!(third.events, first.events);
}

#[test]
fn everything_is_there_again_after_a_restart() {
    let world = World::new();
    let store = world.open();
    for n in 1..=20 {
        store.execute(batch(n, vec![register(n)])).unwrap();
    }
    let head = store.head().unwrap();
    drop(store);
    assert!(
        !world.path("hyperion.db-wal").exists(),
        "a clean end leaves no log"
    );

    let store = world.open();
    assert_eq!(store.head().unwrap(), head);
    assert_eq!(*store.subscribe().borrow(), 20);
    assert_eq!(
        store.list::<Repo>(&Filter::default()).unwrap().rows.len(),
        20
    );
    assert_eq!(
        store
            .execute(batch(21, vec![forget(20)]))
            .unwrap()
            .first_seq,
        21
    );
}

// Many threads share commits; each sees its own answer, and the chain has no gap.
#[test]
fn sixteen_threads_write_one_chain() {
    let world = World::new();
    let store = world.open();
    let threads: Vec<_> = (0..16_u64)
        .map(|thread| {
            let store = store.clone();
            thread::spawn(move || {
                for n in 0..25 {
                    let number = thread * 1000 + n;
                    let committed = store
                        .execute(batch(
                            number,
                            vec![register(number), register(number + 500)],
                        ))
                        .unwrap();
                    assert_eq!(committed.last_seq, committed.first_seq + 1);
                    // Durable and visible before it is answered.
                    assert!(store.get::<Repo>(repo_id(number)).unwrap().is_some());
                    assert!(*store.subscribe().borrow() >= committed.last_seq);
                    // A refusal in the same group disturbs nobody.
                    assert!(
                        store
                            .execute(batch(number + 1, vec![register(number)]))
                            .is_err()
                    );
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(store.last_seq().unwrap(), 16 * 25 * 2);
    let verified = store.verify().unwrap();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!(verified.rows_compared, 16 * 25 * 2);
}

#[tokio::test]
async fn the_feed_wakes_and_is_read_from_the_database() {
    let world = World::new();
    let store = world.open();
    let mut feed = store.subscribe();
    let answer = store.submit(batch(
        1,
        vec![register(1), retarget(1, "a"), retarget(1, "b")],
    ));
    feed.changed().await.unwrap();
    assert_eq!(*feed.borrow(), 3);
    assert_eq!(answer.await.unwrap().unwrap().last_seq, 3);

    let page = store.events_after(0, 2).unwrap();
    assert_eq!(
        page.events
            .iter()
            .map(|event| event.seq)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    let rest = store.events_after(page.next.unwrap(), 2).unwrap();
    assert_eq!((rest.events.len(), rest.next), (1, None));

    let retargeted = EventFilter {
        kinds: vec!["repo.retargeted".to_owned()],
        order: Order::NewestFirst,
        ..EventFilter::default()
    };
    let seqs = |filter: &EventFilter| {
        store
            .events(filter)
            .unwrap()
            .events
            .iter()
            .map(|event| event.seq)
            .collect::<Vec<_>>()
    };
    assert_eq!(seqs(&retargeted), [3, 2]);
    assert_eq!(
        seqs(&EventFilter {
            after: Some(3),
            ..retargeted.clone()
        }),
        [2]
    );
    assert_eq!(
        seqs(&EventFilter {
            kinds: vec!["repo.".to_owned()],
            ..EventFilter::default()
        }),
        [1, 2, 3]
    );
    assert_eq!(
        seqs(&EventFilter {
            since: Some(time(2)),
            ..EventFilter::default()
        }),
        [0_u64; 0]
    );
    let subject = hyperion_model::Subject::Repo(repo_id(1));
    assert_eq!(
        seqs(&EventFilter {
            subject: Some(subject),
            ..EventFilter::default()
        }),
        [1, 2, 3]
    );
}

#[test]
fn a_read_only_store_reads_while_another_writes() {
    let world = World::new();
    let writer = world.open();
    let reader = world.open_to_read();
    writer.execute(batch(1, vec![register(1)])).unwrap();
    assert_eq!(reader.last_seq().unwrap(), 1);
    assert!(reader.get::<Repo>(repo_id(1)).unwrap().is_some());
    assert!(matches!(
        reader.execute(batch(2, vec![register(2)])),
        Err(StoreError::ReadOnly)
    ));
    assert!(matches!(
        reader.put_blob(b"x", time(0)),
        Err(StoreError::ReadOnly)
    ));
    drop(writer);
    assert_eq!(reader.last_seq().unwrap(), 1);
    assert!(reader.verify().unwrap().is_sound());
}

#[test]
fn lists_come_in_pages_and_are_filtered() {
    let world = World::new();
    let store = world.open();
    for n in 1..=5 {
        store.execute(batch(n, vec![register(n)])).unwrap();
    }
    store.execute(batch(6, vec![forget(2), forget(4)])).unwrap();
    let names = |filter: &Filter| {
        let page = store.list::<Repo>(filter).unwrap();
        (
            page.rows
                .iter()
                .map(|repo| repo.name.to_string())
                .collect::<Vec<_>>(),
            page.next,
        )
    };
    assert_eq!(names(&Filter::open()).0, ["repo-1", "repo-3", "repo-5"]);
    assert_eq!(
        names(&Filter::default().status(repo::Status::Forgotten.name())).0,
        ["repo-2", "repo-4"]
    );
    assert_eq!(names(&Filter::default().repo(repo_id(3))).0, ["repo-3"]);
    assert_eq!(
        names(&Filter {
            since: Some(time(4)),
            ..Filter::default()
        })
        .0,
        ["repo-4", "repo-5"]
    );
    let (first, next) = names(&Filter::default().newest().limit(3));
    assert_eq!(first, ["repo-5", "repo-4", "repo-3"]);
    let next: hyperion_store::Cursor = next.unwrap().to_string().parse().unwrap();
    assert_eq!(
        names(&Filter::default().newest().limit(3).after(next)),
        (vec!["repo-2".to_owned(), "repo-1".to_owned()], None)
    );
    assert_eq!(
        store
            .open_rows::<Repo>(&Filter::default().limit(1))
            .unwrap()
            .rows
            .len(),
        3
    );
    assert_eq!(store.find::<Repo>("00000003").unwrap(), [repo_id(3).uuid()]);
    assert!(store.find::<Repo>("no").unwrap().is_empty());
}

#[test]
fn what_is_due_comes_first_and_only_while_open() {
    use hyperion_model::approval::Approval;
    let world = World::new();
    let store = world.open();
    let ids: Vec<_> = [(1, 300), (2, 100), (3, 200), (4, 50)]
        .into_iter()
        .map(|(n, expires)| {
            let (id, batch) = ask(n, b"text", expires);
            store.execute(batch).unwrap();
            id
        })
        .collect();
    store
        .execute(batch(9, vec![cancel(ids[3], "gone")]))
        .unwrap();
    let due = |at| {
        let page = store.due::<Approval>(time(at), 10).unwrap();
        page.rows
            .iter()
            .map(|approval| approval.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(due(99), []);
    assert_eq!(due(200), [ids[1], ids[2]]);
    assert_eq!(due(1000), [ids[1], ids[2], ids[0]]);
}

struct Masking;
impl Redact for Masking {
    fn redact(&self, text: &str) -> Option<String> {
        text.contains("hunter2")
            .then(|| text.replace("hunter2", "[masked]"))
    }
}

// X7, C8: no secret reaches an event or a row.
#[test]
fn secrets_are_masked_before_an_event_is_sealed() {
    use hyperion_model::approval::Approval;
    let world = World::new();
    let store = world.open_redacting(Masking);
    let (id, asked) = ask(1, b"text", 60);
    store.execute(asked).unwrap();
    let committed = store
        .execute(batch(2, vec![cancel(id, "the password hunter2 is out")]))
        .unwrap();
    let text = store.event_text(committed.last_seq).unwrap().unwrap();
    assert!(text.contains("the password [masked] is out"), "{text}");
    let approval: Approval = store.get(id).unwrap().unwrap();
    assert_eq!(
        approval.verdict.unwrap().reason.unwrap().as_str(),
        "the password [masked] is out"
    );
    assert!(store.verify().unwrap().is_sound());

    // Where a mask cannot stand, nothing is written at all.
    store.execute(batch(3, vec![register(3)])).unwrap();
    let refused = store
        .execute(batch(4, vec![retarget(3, "hunter2")]))
        .unwrap_err();
    assert!(matches!(refused, StoreError::Secret { .. }), "{refused:?}");
    let bytes = std::fs::read(world.database()).unwrap();
    let log = std::fs::read(world.path("hyperion.db-wal")).unwrap();
    assert!(
        ![bytes, log]
            .concat()
            .windows(7)
            .any(|window| window == b"hunter2")
    );
}

#[test]
fn limits_are_told_before_anything_is_written() {
    let world = World::new();
    let store = world.open();
    let commands = (0..1025).map(register).collect();
    assert!(matches!(
        store.execute(batch(1, commands)),
        Err(StoreError::TooLarge {
            given: 1025,
            max: 1024,
            ..
        })
    ));
    let keyed = Batch {
        key: Some("k".repeat(300)),
        ..batch(1, vec![])
    };
    assert!(matches!(
        store.execute(keyed),
        Err(StoreError::TooLarge { .. })
    ));
    let empty = store.execute(batch(1, vec![])).unwrap();
    assert!(empty.last_seq < empty.first_seq && empty.events.is_empty());
}

// The writer's channel is bounded; a submitter is told instead of made to wait.
#[test]
fn answers_outlive_their_askers() {
    let world = World::new();
    let store = world.open();
    let answers: Vec<_> = (1..=200)
        .map(|n| store.submit(batch(n, vec![register(n)])))
        .collect();
    drop(answers);
    let store = Arc::new(store);
    drop(store);
    assert_eq!(
        world.open().last_seq().unwrap(),
        200,
        "what was handed over is written before the end"
    );
}

// X7: a key stands for one thing; who asks for another under it is told, and nothing is done.
#[test]
fn an_idempotency_key_is_bound_to_what_was_asked_first() {
    let world = World::new();
    let store = world.open();
    let under_key = |n: u64, command| Batch {
        key: Some("k".to_owned()),
        ..batch(n, vec![command])
    };
    let first = store.execute(under_key(1, register(1))).unwrap();
    let again = store.execute(under_key(2, register(1))).unwrap();
    assert!(again.replayed);
    assert_eq!(again.events, first.events);
    let other = store.execute(under_key(3, register(2))).unwrap_err();
    assert_eq!(
        format!("{other}; {}", other.hint()),
        "write under the idempotency key \"k\": it was used for something else; choose a new key for each thing you ask for; repeat a key only to repeat the very same"
    );
    assert_eq!(store.last_seq().unwrap(), 1);
}

// X7: the same batch executed twice without a key is two batches; no two events share an id.
#[test]
fn a_batch_that_is_executed_twice_gives_events_of_their_own() {
    let world = World::new();
    let store = world.open();
    store.execute(batch(1, vec![register(1)])).unwrap();
    let moved = batch(2, vec![retarget(1, "trunk")]);
    let once = store.execute(moved.clone()).unwrap();
    let twice = store.execute(moved).unwrap();
    assert_ne!(once.events[0].event.id, twice.events[0].event.id);
}
