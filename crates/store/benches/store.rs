//! How much the store takes in: commits of one event, whole intakes, lives of queue entries.
//!
//! Everything as in an engine at work: the real redactor, encrypted blobs, chained events, a
//! sealed head, `synchronous=FULL`. Each producer is a thread that waits for its answer.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../../../bench/harness.rs"]
mod harness;
mod work;

use std::path::Path;
use std::sync::Arc;

use harness::{Asked, Figure, PRODUCERS, produce};
use hyperion_model::{Batch, RepoId, Time, Uuid};
use hyperion_policy::Redactor;
use hyperion_store::{KeySource, Mode, Store, StoreConfig};

/// Does some units of work against a repository and tells how many.
type Work = fn(&Store, RepoId) -> u64;

fn main() {
    let asked = Asked::read();
    let works: [(&str, Work); 3] = [("commits", commit), ("intakes", intake), ("lives", lives)];
    for (name, work) in works {
        for producers in PRODUCERS {
            let case = format!("{name}, {producers} producers");
            if asked.wants(&case) {
                // Each in a store of its own, so that none pays for the one before.
                let store = open(&asked.fresh("store"));
                measure(&store, producers, &asked, work).print("store", &case);
            }
        }
    }
}

fn measure(store: &Store, producers: usize, asked: &Asked, work: Work) -> Figure {
    let repo = RepoId::new(Uuid::now_v7());
    produce(producers, asked, "/s", |_| {
        let store = store.clone();
        move || work(&store, repo)
    })
}

fn open(folder: &Path) -> Store {
    let redact = Arc::new(Redactor::new(["hunter2-hunter2"]));
    Store::open(&StoreConfig {
        database: folder.join("hyperion.db"),
        blobs: folder.join("blobs"),
        key: KeySource::File {
            path: folder.join("key"),
        },
        mode: Mode::ReadWrite,
        redact,
        now: Time::now(),
    })
    .unwrap()
}

fn execute(store: &Store, batch: Batch) {
    store.execute(batch).unwrap();
}

/// One row, one event.
fn commit(store: &Store, _: RepoId) -> u64 {
    execute(store, work::registration());
    1
}

/// Four rows, five events, five encrypted blobs.
fn intake(store: &Store, repo: RepoId) -> u64 {
    execute(store, work::intake(repo));
    1
}

/// Sixteen queue entries from enqueued to landed: seven events each, in three commits together.
fn lives(store: &Store, repo: RepoId) -> u64 {
    for batch in work::lives(repo) {
        execute(store, batch);
    }
    work::A_LEASE
}
