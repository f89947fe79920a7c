//! The writer, the leases and the feed under a scheduler that lets the threads' steps follow each other in many orders.
//!
//! Only with the feature `shuttle`; `cargo xtask test` runs these in a step of their own. A failure prints the
//! schedule; the seed is `HYPERION_CHAOS_SEED`, 1 unless set.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hyperion_model::machine::Stamp;
use hyperion_model::repo::{self, Repo};
use hyperion_model::{Batch, Fact};
use hyperion_store::{KeySource, Mode, NoRedaction, Store, StoreConfig, StoreError};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner, future, thread};
use tempfile::TempDir;

use crate::world::{batch, register, repo_id, retarget, stamp, time};

/// SQLite works on the stack of whichever thread calls it.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// Runs a test again and again, each time in another order.
fn explore(orders: usize, test: impl Fn(&Home) + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    let seed = std::env::var("HYPERION_CHAOS_SEED").map_or(1, |seed| seed.parse().unwrap());
    let template = Home::new();
    let made = AtomicU64::new(0);
    let scheduler = RandomScheduler::new_from_seed(seed, orders);
    let ran = Runner::new(scheduler, config).run(move || {
        if made.fetch_add(1, Ordering::Relaxed) == 0 {
            drop(template.open());
        }
        test(&template.copy());
    });
    assert_eq!(ran, orders);
}

/// A home in memory where the machine has such a place: what is tried is the order, not the disk.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        Self(tempfile::tempdir_in(memory).unwrap_or_else(|_| tempfile::tempdir().unwrap()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Store {
        Store::open(&StoreConfig {
            database: self.path("hyperion.db"),
            blobs: self.path("blobs"),
            key: KeySource::File {
                path: self.path("key"),
            },
            mode: Mode::ReadWrite,
            redact: Arc::new(NoRedaction),
            now: time(0),
        })
        .unwrap()
    }

    fn copy(&self) -> Self {
        let copy = Self::new();
        for file in ["hyperion.db", "key"] {
            std::fs::copy(self.path(file), copy.path(file)).unwrap();
        }
        copy
    }
}

// X5, M1: each producer is answered once, with its own, and not before it can be read.
#[test]
fn shuttle_every_producer_is_answered_once_and_after_its_commit() {
    explore(120, |home| {
        let store = home.open();
        let producers: Vec<_> = (0..3_u64)
            .map(|producer| {
                let store = store.clone();
                thread::spawn(move || {
                    let mut seqs = Vec::new();
                    for n in 0..2 {
                        let id = 10 * producer + n;
                        let committed = store.execute(batch(id, vec![register(id)])).unwrap();
                        assert!(store.get::<Repo>(repo_id(id)).unwrap().is_some());
                        assert_eq!(committed.first_seq, committed.last_seq);
                        seqs.push(committed.first_seq);
                    }
                    assert!(seqs.is_sorted(), "a producer's batches keep their order");
                    seqs
                })
            })
            .collect();
        let seqs: Vec<u64> = producers
            .into_iter()
            .flat_map(|producer| producer.join().unwrap())
            .collect();
        let distinct: BTreeSet<u64> = seqs.iter().copied().collect();
        assert_eq!(distinct, (1..=6).collect(), "every number once: {seqs:?}");
    });
}

// X5: who hands work in and goes away is answered all the same, and the work is done before the store closes.
#[test]
fn shuttle_what_was_handed_in_is_done_although_the_store_is_dropped() {
    explore(120, |home| {
        let store = home.open();
        let handing: Vec<_> = (0..2_u64)
            .map(|producer| {
                let store = store.clone();
                thread::spawn(move || {
                    let answers: Vec<_> = (0..3)
                        .map(|n| 10 * producer + n)
                        .map(|id| store.submit(batch(id, vec![register(id)])))
                        .collect();
                    drop(store);
                    answers
                })
            })
            .collect();
        drop(store);
        for answers in handing {
            for answer in answers.join().unwrap() {
                let committed = future::block_on(answer)
                    .expect("an answer")
                    .expect("a commit");
                assert_eq!(committed.events.len(), 1);
            }
        }
        let store = home.open();
        assert_eq!(store.last_seq().unwrap(), 6);
        assert!(store.verify().unwrap().is_sound());
    });
}

// X5: jobs of one group that are refused do not touch the others; each gets its own answer.
#[test]
fn shuttle_a_refused_batch_leaves_the_others_of_its_group_alone() {
    explore(120, |home| {
        let store = home.open();
        let racing: Vec<_> = (0..3_u64)
            .map(|n| {
                let store = store.clone();
                // All want the same repository; what they add to it stands or falls with that.
                thread::spawn(move || {
                    store
                        .execute(batch(n, vec![register(n + 1), register(9)]))
                        .is_ok()
                })
            })
            .collect();
        let won: Vec<bool> = racing
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        for (n, won) in (1..).zip(&won) {
            assert_eq!(store.get::<Repo>(repo_id(n)).unwrap().is_some(), *won);
        }
        assert_eq!(store.last_seq().unwrap(), 2);
    });
}

// M7: holders follow each other by their fences; what is done under a lease is never done under an older one later.
#[test]
fn shuttle_leases_have_one_holder_and_fences_only_grow() {
    explore(120, |home| {
        let store = home.open();
        store.execute(batch(1, vec![register(1)])).unwrap();
        let clock = Arc::new(AtomicI64::new(10));
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (store, clock) = (store.clone(), Arc::clone(&clock));
                thread::spawn(move || work(&store, &clock, worker))
            })
            .collect();
        let held: Vec<u64> = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect();
        let distinct: BTreeSet<u64> = held.iter().copied().collect();
        assert_eq!(distinct.len(), held.len(), "two held one fence: {held:?}");
        let done: Vec<u64> = store
            .events_after(1, 100)
            .unwrap()
            .events
            .iter()
            .filter_map(|event| match &event.event.fact {
                Fact::Repo(repo::Event::Retargeted { branch }) => branch.as_str()[1..].parse().ok(),
                _ => None,
            })
            .collect();
        assert!(
            done.is_sorted(),
            "work under an old fence came after a newer one: {done:?}"
        );
    });
}

/// Takes the lease, works under it, oversleeps now and then; gives the fences it held.
fn work(store: &Store, clock: &AtomicI64, worker: u64) -> Vec<u64> {
    let ttl = Duration::from_secs(5);
    let mut held = Vec::new();
    for n in 0..2 {
        let now = time(clock.fetch_add(1, Ordering::Relaxed));
        let Some(lease) = store
            .lease("branch", &format!("worker-{worker}"), ttl, now)
            .unwrap()
        else {
            continue;
        };
        held.push(lease.fence);
        // The first worker oversleeps: its lease ends, and somebody else may have it by now.
        let slept = if worker == 0 { 6 } else { 0 };
        let now = clock.fetch_add(1 + slept, Ordering::Relaxed) + slept;
        let lease = match store.renew(&lease, ttl, time(now)).unwrap() {
            Some(renewed) => renewed,
            None => lease,
        };
        let moved = Batch {
            stamp: Stamp {
                time: time(now),
                ..stamp(now)
            },
            ..batch(
                100 + 10 * worker + n,
                vec![retarget(1, &format!("f{}", lease.fence))],
            )
        };
        match store.execute_under(moved, &lease) {
            Ok(_) | Err(StoreError::LeaseLost { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        if n == 0 {
            store.release(&lease).unwrap();
        }
    }
    held
}

// X5: a follower of the feed misses nothing, and is told of nothing that it cannot read yet.
#[test]
fn shuttle_followers_of_the_feed_see_no_gap() {
    const EVENTS: u64 = 5;
    explore(120, |home| {
        let store = home.open();
        let followers: Vec<_> = (0..2)
            .map(|_| {
                let store = store.clone();
                thread::spawn(move || {
                    let mut feed = store.subscribe();
                    let mut seen = Vec::new();
                    loop {
                        let told = *feed.borrow_and_update();
                        let behind = seen.last().copied().unwrap_or(0);
                        let page = store.events_after(behind, 100).unwrap();
                        seen.extend(page.events.iter().map(|event| event.seq));
                        assert!(
                            seen.last().copied().unwrap_or(0) >= told,
                            "told before it could be read"
                        );
                        if seen.len() as u64 == EVENTS {
                            return seen;
                        }
                        future::block_on(feed.changed()).unwrap();
                    }
                })
            })
            .collect();
        let writing = {
            let store = store.clone();
            thread::spawn(move || {
                for n in 2..EVENTS {
                    store.execute(batch(n, vec![register(n)])).unwrap();
                }
            })
        };
        for n in [0, 1] {
            store.execute(batch(n, vec![register(n)])).unwrap();
        }
        writing.join().unwrap();
        for follower in followers {
            assert_eq!(follower.join().unwrap(), (1..=EVENTS).collect::<Vec<_>>());
        }
    });
}
