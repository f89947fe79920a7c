//! How long a landing takes in a whole engine: from queued to landed, and from filed to landed.
//!
//! A driver, reconcilers, a store on the disk, a repository whose branch is checked out: as in a home. Nothing is left
//! out but checks, and people: whoever is asked says yes at once.

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
mod queued;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{Asked, Figure};
use hyperion_engine::{Clock, Engine, Ids, Parts, Settings, Sizes, approval, intake, repo};
use hyperion_git::{Git, GitOptions};
use hyperion_host::{Home, Locations, boot_id};
use hyperion_model::request::Source;
use hyperion_model::{Actor, Name, Role, Time, Uuid};
use hyperion_policy::{Redactor, RuleSource};
use hyperion_store::{EventFilter, Filter, KeySource, Mode, Store, StoreConfig};
use hyperion_testkit::{task, task_request};
use queued::{Come, Place};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sizes of repositories.
const SIZES: [(&str, usize); 2] = [("5k", 5_000), ("50k", 50_000)];

/// How many entries wait when an engine starts.
const QUEUED: usize = 100_000;

/// How many changes are landed.
const CHANGES: usize = 500;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Time {
        let now = Time::now();
        Time::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

struct Random;

impl Ids for Random {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

fn main() {
    let asked = Asked::read();
    for (name, files) in SIZES {
        let case = format!("landing, {name} files");
        if asked.wants(&case) {
            let changes = if asked.is_short() {
                CHANGES / 10
            } else {
                CHANGES
            };
            let (landing, road) = measure(files, changes);
            landing.print("landing", &case);
            road.print("landing", &format!("from filing to landed, {name} files"));
        }
    }
    let case = "ready with 100,000 queued";
    if asked.wants(case) {
        let entries = if asked.is_short() {
            QUEUED / 50
        } else {
            QUEUED
        };
        ready(entries).print("landing", case);
    }
}

/// From opening the home to the first entry at work, with much in the queue.
fn ready(entries: usize) -> Figure {
    let scratch = scratch();
    let folder = scratch.path();
    let repo = history::repository(folder, 100);
    let first = engine(folder);
    let wanted = hyperion_api::repo::RegisterRepo {
        path: repo.to_str().unwrap().to_owned(),
        name: Some("bench".to_owned()),
        branch: Some("main".to_owned()),
    };
    let owner = Actor::Person {
        id: name("ada"),
        role: Role::Admin,
    };
    repo::register(first.cx(), &owner, &wanted).unwrap();
    let page = first
        .cx()
        .store
        .list::<hyperion_model::repo::Repo>(&Filter::open())
        .unwrap();
    let opened = first.cx().repos.open(first.cx(), page.rows[0].id).unwrap();
    let tip = opened.tip(&name("main")).unwrap();
    let tree = opened.git.tree_of(&tip).unwrap();
    let git_id = |oid: &hyperion_git::Oid| hyperion_model::GitId::new(oid.as_str()).unwrap();
    first.stop();
    drop(first);
    let store = store(folder);
    let place = Place {
        repo: page.rows[0].id,
        tip: git_id(&tip),
        tree: git_id(&tree),
    };
    queued::fill(&store, &place, Come::Queued, entries);
    let last = store.last_seq().unwrap();
    drop(opened);
    drop(store);

    let began = Instant::now();
    let engine = engine(folder);
    let mut commits = engine.cx().store.subscribe();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { commits.wait_for(|seq| *seq > last).await.map(drop).unwrap() });
    let took = began.elapsed();
    engine.stop();
    Figure {
        value: took.as_secs_f64() * 1e3,
        unit: "ms",
        calls: vec![],
        cpu: None,
        kib: None,
    }
}

fn measure(files: usize, changes: usize) -> (Figure, Figure) {
    let scratch = scratch();
    let folder = scratch.path();
    let repo = history::repository(folder, files);
    let engine = engine(folder);
    let cx = Arc::clone(engine.cx());
    let owner = Actor::Person {
        id: name("ada"),
        role: Role::Admin,
    };
    let wanted = hyperion_api::repo::RegisterRepo {
        path: repo.to_str().unwrap().to_owned(),
        name: Some("bench".to_owned()),
        branch: Some("main".to_owned()),
    };
    repo::register(&cx, &owner, &wanted).unwrap();

    let filing = Instant::now();
    for change in 0..changes {
        let number = history::changed(change, files);
        let title = format!("Change {change}");
        let task = task("T1", &title).replace(
            &history::path(number),
            &history::content(number, Some(change)),
        );
        let request = task_request(&title).class("bugfix").task(task);
        let how = intake::Submitting {
            actor: &owner,
            dir: Some(&repo),
            dry_run: false,
            source: Source::Cli,
            agent: None,
            given: None,
        };
        intake::submit(&cx, request.text().as_bytes(), &how).unwrap();
    }
    wait_for(&engine);
    let prepared = filing.elapsed();
    let cpu = harness::processor_time();
    let landing = Instant::now();
    let mut answered = 0;
    let mut open = Filter::open().limit(1000);
    loop {
        let page = cx
            .store
            .list::<hyperion_model::approval::Approval>(&open)
            .unwrap();
        for question in page.rows {
            let yes = approval::Decision::Approve;
            approval::decide(&cx, &owner, question.id, yes, None, None).unwrap();
            answered += 1;
        }
        match page.next {
            Some(next) => open = open.after(next),
            None => break,
        }
    }
    assert_eq!(answered, changes);
    wait_for(&engine);
    let landed_in = landing.elapsed();
    let cpu = harness::processor_time() - cpu;
    let (first, last) = (
        times(&cx.store, "merge.enqueued"),
        times(&cx.store, "merge.landed"),
    );
    assert_eq!(last.len(), changes, "everything landed");
    let from_queued = last.last().unwrap().duration_since(*first.first().unwrap());
    let count = changes as f64;
    let work_tree = history::path(history::changed(changes - 1, files));
    let text = std::fs::read_to_string(repo.join(work_tree)).unwrap();
    assert!(text.contains("was here"), "the work tree moved along");
    let landing = Figure {
        value: from_queued.as_secs_f64() * 1e3 / count,
        unit: "ms",
        calls: vec![],
        cpu: Some(cpu / u32::try_from(changes).unwrap()),
        kib: None,
    };
    let road = Figure {
        value: (prepared + landed_in).as_secs_f64() * 1e3 / count,
        unit: "ms",
        calls: vec![],
        cpu: None,
        kib: None,
    };
    engine.stop();
    (landing, road)
}

/// Gives when events of a kind were committed, oldest first.
fn times(store: &Store, kind: &str) -> Vec<Time> {
    let mut times = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .events(&EventFilter {
                kinds: vec![kind.to_owned()],
                after,
                limit: 1000,
                ..EventFilter::default()
            })
            .unwrap();
        times.extend(page.events.iter().map(|event| event.event.stamp.time));
        match page.next {
            Some(next) => after = Some(next),
            None => return times,
        }
    }
}

fn wait_for(engine: &Engine) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let activity = runtime.block_on(engine.idle());
    assert!(activity.troubles.is_empty(), "{:?}", activity.troubles);
}

fn engine(folder: &Path) -> Engine {
    let home = home(folder);
    for part in ["cache", "cache/git"] {
        hyperion_host::create_private_dir(&folder.join(part)).unwrap();
    }
    let git = Git::probe(&GitOptions {
        program: None,
        scratch: folder.join("cache/git"),
        search_path: "/usr/local/bin:/usr/bin:/bin".into(),
        user_home: None,
        person: Vec::new(),
    });
    Engine::start(Parts {
        store: store(folder),
        clock: Arc::new(WallClock),
        ids: Arc::new(Random),
        settings: settings(),
        redactor: Redactor::default(),
        git: git.unwrap(),
        home,
        boot_id: boot_id().unwrap(),
    })
    .unwrap()
}

/// A home is never below a repository, so not in the folder that was given: that is below this one.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn home(folder: &Path) -> Home {
    let locations = Locations {
        home: folder.join("home"),
        cache: folder.join("cache"),
        runtime: folder.join("runtime"),
    };
    Home::open_or_create(&locations).unwrap()
}

fn store(folder: &Path) -> Store {
    let home = home(folder);
    Store::open(&StoreConfig {
        database: home.database(),
        blobs: home.blobs(),
        key: KeySource::File { path: home.key() },
        mode: Mode::ReadWrite,
        redact: Arc::new(Redactor::default()),
        now: Time::now(),
    })
    .unwrap()
}

fn settings() -> Settings {
    Settings {
        keys: Vec::new(),
        default_agent: name("scripted"),
        requires_approval: true,
        rules: RuleSource::default(),
        max_steps: 50,
        tools: hyperion_engine::ToolLimits {
            read_bytes: 1024 * 1024,
            write_bytes: 500 * 1024,
            changes_per_minute: 100,
            looks_per_minute: 6000,
            run_time: Duration::from_secs(60),
        },
        sizes: Sizes {
            max_content_bytes: 500 * 1024,
            max_lock_bytes: 8 * 1024 * 1024,
            max_file_bytes: 10 * 1024 * 1024,
        },
        approval_ttl: Duration::from_secs(86_400),
        approval_warn_before: Duration::from_secs(3600),
        lease: Duration::from_secs(60),
        max_attempts: 5,
        retry_delay: Duration::from_secs(2),
        check_timeout: Duration::from_secs(60),
        log_max_bytes: 1024 * 1024,
        retention: Duration::from_secs(86_400),
        digests: Default::default(),
        notify: hyperion_engine::notify::Notify::default(),
        sandbox: hyperion_engine::SandboxSettings::default(),
        supervision: hyperion_engine::Supervision::default(),
        shim_program: "/proc/self/exe".into(),
        check_environment: vec![],
        watch_files: false,
        backup: hyperion_engine::Backup::default(),
        archive_after: Duration::from_secs(30 * 86_400),
        dead_letters_after: Duration::from_secs(30 * 86_400),
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
