//! How much the store takes in: commits of one event, whole intakes, lives of queue entries; alone,
//! and over a million archived rows.
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

use harness::{Asked, PRODUCERS, produce, repeat};
use hyperion_model::approval::Approval;
use hyperion_model::entry::Entry;
use hyperion_model::request::Request;
use hyperion_model::{RepoId, Time, Uuid};
use hyperion_policy::Redactor;
use hyperion_store::{Filter, KeySource, Mode, Store, StoreConfig};

/// A producer's next call: it waits for one commit, and tells how many units of work are done by it.
type Call = Box<dyn FnMut() -> u64>;

/// Makes a producer for a store and a repository.
type Work = fn(Store, RepoId) -> Call;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WORKS: [(&str, Work); 3] = [("commits", commits), ("intakes", intakes), ("lives", lives)];

/// What stands behind the name of a case that is measured over the archive.
const OVER_ARCHIVE: &str = "1,000,000 archived rows";

/// How many producers work over it.
const ARCHIVE_PRODUCERS: usize = 16;

fn main() {
    let asked = Asked::read();
    for (name, work) in WORKS {
        for producers in PRODUCERS {
            let case = format!("{name}, {producers} producers");
            if asked.wants(&case) {
                // Each in a store of its own, so that none pays for the one before.
                let store = open(&asked.fresh("store"));
                measure(&store, work, &case, producers, &asked);
            }
        }
    }
    if asked.wants(OVER_ARCHIVE) {
        over_archive(&asked);
    }
}

fn over_archive(asked: &Asked) {
    let folder = asked.fresh("archive");
    let request = work::history::seed(&open(&folder));
    work::history::multiply(&folder.join("hyperion.db"));
    let case = |name: &str| format!("{name}, {OVER_ARCHIVE}");
    repeat(asked, || drop(open(&folder))).print("store", &case("open and close"));
    let store = open(&folder);
    for (name, work) in WORKS {
        let name = format!("{name}, {ARCHIVE_PRODUCERS} producers");
        measure(&store, work, &case(&name), ARCHIVE_PRODUCERS, asked);
    }
    let reads: [(&str, &dyn Fn()); 5] = [
        ("get an archived request", &|| {
            assert!(store.get::<Request>(request).unwrap().is_some());
        }),
        ("list the 100 newest entries", &|| {
            let page = store.list::<Entry>(&Filter::default().newest()).unwrap();
            assert_eq!(page.rows.len(), 100);
        }),
        ("list the 100 newest entries, archived ones too", &|| {
            let filter = Filter::default().newest().archived();
            assert_eq!(store.list::<Entry>(&filter).unwrap().rows.len(), 100);
        }),
        ("count all requests", &|| {
            let count = store.count::<Request>(&Filter::default().archived());
            assert!(count.unwrap() > 200_000);
        }),
        ("look for what is due", &|| {
            assert!(store.due::<Approval>(Time::UNIX_EPOCH, 100).is_ok());
        }),
    ];
    for (name, read) in reads {
        repeat(asked, read).print("store", &case(name));
    }
}

fn measure(store: &Store, work: Work, case: &str, producers: usize, asked: &Asked) {
    let repo = RepoId::new(Uuid::now_v7());
    let figure = produce(producers, asked, "/s", |_| work(store.clone(), repo));
    figure.print("store", case);
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

/// One row, one event.
fn commits(store: Store, _: RepoId) -> Call {
    Box::new(move || {
        store.execute(work::registration()).unwrap();
        1
    })
}

/// Four rows, five events, five encrypted blobs.
fn intakes(store: Store, repo: RepoId) -> Call {
    Box::new(move || {
        let (_, batch) = work::intake(repo);
        store.execute(batch).unwrap();
        1
    })
}

/// Sixteen queue entries from enqueued to landed: seven events each, in three commits together.
fn lives(store: Store, repo: RepoId) -> Call {
    let mut left = Vec::new().into_iter();
    Box::new(move || {
        if left.len() == 0 {
            left = Vec::from(work::lives(repo)).into_iter();
        }
        store.execute(left.next().unwrap()).unwrap();
        if left.len() == 0 { work::A_LEASE } else { 0 }
    })
}
