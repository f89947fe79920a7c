//! How long a command takes from its start to its end, as a shell sees it: alone, and over a home with much in it.
//!
//! No engine is up, so that each command opens the home's data itself: that is the longer way.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../../../bench/harness.rs"]
mod harness;
#[path = "../../../bench/history.rs"]
mod history;
#[path = "../../engine/benches/queued/mod.rs"]
mod queued;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{Asked, Figure};
use hyperion_host::{Home, Locations};
use hyperion_model::{GitId, RepoId, Time, Uuid};
use hyperion_policy::Redactor;
use hyperion_store::{KeySource, Mode, Store, StoreConfig};
use queued::{Come, Place};

/// How many requests are in the archive, and how many wait in the queue.
const ENTRIES: usize = 100_000;
/// How many questions wait for a person.
const QUESTIONS: usize = 2_000;
/// How often a command is run.
const RUNS: usize = 60;

/// The lists that people look at most.
const LISTS: [&[&str]; 6] = [
    &["queue", "list"],
    &["request", "list"],
    &["changes", "list"],
    &["approval", "list"],
    &["history"],
    &["history", "--archived"],
];

fn main() {
    let asked = Asked::read();
    let runs = if asked.is_short() { RUNS / 10 } else { RUNS };
    let hyperion = Path::new(env!("CARGO_BIN_EXE_hyperion"));
    let nowhere = tempfile::tempdir().unwrap();
    let case = "start: --version over /bin/true";
    if asked.wants(case) {
        // In turns, so that a slow spell of the machine meets both.
        let (mut ours, mut least) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            least.push(run(nowhere.path(), Path::new("/bin/true"), &[]));
            ours.push(run(nowhere.path(), hyperion, &["--version"]));
        }
        let over = median(&mut ours).saturating_sub(median(&mut least));
        figure(over, vec![]).print("cli", case);
    }
    if !LISTS.iter().any(|list| asked.wants(&case_of(list))) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (entries, questions) = if asked.is_short() {
        (ENTRIES / 50, QUESTIONS / 50)
    } else {
        (ENTRIES, QUESTIONS)
    };
    fill(scratch.path(), entries, questions);
    for list in LISTS {
        let case = case_of(list);
        if asked.wants(&case) {
            let mut times: Vec<_> = (0..runs)
                .map(|_| run(scratch.path(), hyperion, list))
                .collect();
            figure(median(&mut times), times).print("cli", &case);
        }
    }
}

fn case_of(list: &[&str]) -> String {
    format!("{}, 100,000 archived and queued", list.join(" "))
}

/// Runs a command to its end; its home is `home` in the folder.
fn run(folder: &Path, program: &Path, args: &[&str]) -> Duration {
    let mut command = history::command(program);
    command
        .args(args)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .env("HYPERION_HOME", folder.join("home"))
        .current_dir(folder);
    let began = Instant::now();
    history::run(&mut command);
    began.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn figure(median: Duration, calls: Vec<Duration>) -> Figure {
    Figure {
        value: median.as_secs_f64() * 1e3,
        unit: "ms",
        calls,
        cpu: None,
        kib: None,
    }
}

/// Makes a home with so many requests in the archive, as many in the queue, and questions.
fn fill(folder: &Path, entries: usize, questions: usize) {
    let home = Home::open_or_create(&Locations {
        home: folder.join("home"),
        cache: folder.join("cache"),
        runtime: folder.join("runtime"),
    })
    .unwrap();
    let store = Store::open(&StoreConfig {
        database: home.database(),
        blobs: home.blobs(),
        key: KeySource::File { path: home.key() },
        mode: Mode::ReadWrite,
        redact: Arc::new(Redactor::default()),
        now: Time::now(),
    })
    .unwrap();
    let place = Place {
        repo: RepoId::new(Uuid::now_v7()),
        tip: GitId::new("1".repeat(40)).unwrap(),
        tree: GitId::new("2".repeat(40)).unwrap(),
    };
    queued::register(&store, &place);
    queued::fill(&store, &place, Come::Landed, entries);
    let later = Time::from_second(Time::now().as_second() + 60).unwrap();
    assert_eq!(
        store.archive(later, u64::MAX).unwrap().units,
        entries as u64
    );
    queued::fill(&store, &place, Come::Landed, entries / 10);
    queued::fill(&store, &place, Come::Asked, questions);
    queued::fill(&store, &place, Come::Queued, entries);
}
