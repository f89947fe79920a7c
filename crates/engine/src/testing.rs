//! A throw-away engine for tests: a real repository, a real store, a clock that stands still.
//!
//! Its reconcilers are called one by one, so a test can let the engine die between any two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hyperion_git::{Git, GitOptions};
use hyperion_host::{Home, Locations, boot_id};
use hyperion_model::entry::Entry;
use hyperion_model::request::{Request, Source};
use hyperion_model::{Actor, EntryId, Name, RequestId, Role, Time, Uuid, approval};
use hyperion_policy::{Redactor, RuleSource};
use hyperion_store::{Filter, KeySource, Mode, Store, StoreConfig};
use hyperion_testkit::{FixedClock, IdSource, RequestFile, TempRepo};

use crate::cx::{Clock, Cx, Ids};
use crate::engine::{Parts, context};
use crate::reconcile::{Progress, Reconcile};
use crate::{
    Settings, Sizes, ToolLimits, approval as approvals, change_set, command, grant, intake, plan,
    queue, repo, request, run,
};

/// A home with one registered repository.
pub(crate) struct World {
    pub(crate) repo: TempRepo,
    pub(crate) clock: FixedClock,
    jumped_ms: Arc<AtomicI64>,
    /// This engine's context; another engine gets another one.
    pub(crate) cx: Arc<Cx>,
    /// What runs beside the queue, in the driver's order.
    others: Vec<Box<dyn Reconcile>>,
    pub(crate) queue: queue::Queue,
    folder: tempfile::TempDir,
    starts: u16,
}

/// The secret key that belongs to the key `ci`.
pub(crate) const TEST_KEY: [u8; 32] = [7; 32];

struct TestClock {
    wall: FixedClock,
    /// By how many milliseconds the clock on the wall was set on, in all.
    jumped_ms: Arc<AtomicI64>,
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        self.wall.now()
    }

    fn since_boot(&self) -> Option<Duration> {
        let wall_ms = self.wall.now().as_millisecond();
        let boot_ms = wall_ms - self.jumped_ms.load(Ordering::Relaxed);
        u64::try_from(boot_ms).ok().map(Duration::from_millis)
    }
}

struct TestIds(std::sync::Mutex<IdSource>);

impl Ids for TestIds {
    fn next(&self) -> Uuid {
        self.0.lock().unwrap().uuid()
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn admin() -> Actor {
    Actor::Person {
        id: name("ada"),
        role: Role::Admin,
    }
}

/// The program whose `shim` command is that of `hyperion`; cargo builds examples beside tests.
fn shim_program() -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(std::path::Path::parent).unwrap();
    folder.join("examples/engine_shim")
}

fn settings() -> Settings {
    Settings {
        default_agent: name("scripted"),
        requires_approval: true,
        rules: RuleSource::default(),
        keys: vec![intake::SigningKey {
            id: "ci".to_owned(),
            public: ed25519_dalek::SigningKey::from_bytes(&TEST_KEY)
                .verifying_key()
                .to_bytes(),
        }],
        max_steps: 50,
        sizes: Sizes {
            max_content_bytes: 500 * 1024,
            max_lock_bytes: 8 * 1024 * 1024,
            max_file_bytes: 10 * 1024 * 1024,
        },
        tools: ToolLimits {
            read_bytes: 1024 * 1024,
            write_bytes: 500 * 1024,
            changes_per_minute: 100,
            looks_per_minute: 6000,
            run_time: Duration::from_secs(60),
        },
        approval_ttl: Duration::from_secs(86_400),
        approval_warn_before: Duration::from_secs(3600),
        lease: Duration::from_secs(60),
        max_attempts: 5,
        retry_delay: Duration::from_secs(2),
        check_timeout: Duration::from_secs(60),
        log_max_bytes: 1024 * 1024,
        retention: Duration::from_secs(86_400),
        watch_files: true,
        backup: crate::Backup::default(),
        archive_after: Duration::from_secs(30 * 86_400),
        dead_letters_after: Duration::from_secs(30 * 86_400),
        sandbox: crate::SandboxSettings::default(),
        supervision: crate::Supervision::default(),
        digests: Default::default(),
        notify: crate::notify::Notify::default(),
        shim_program: shim_program(),
        check_environment: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
    }
}

impl World {
    /// Registers a repository whose `main` nobody has checked out.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let repo = TempRepo::with_files(files);
        repo.git(&["switch", "--quiet", "--create", "elsewhere"]);
        let folder = tempfile::tempdir().unwrap();
        let clock = FixedClock::new();
        let jumped_ms = Arc::new(AtomicI64::new(0));
        let cx = open(&folder, &clock, &jumped_ms, 1);
        let wanted = hyperion_api::repo::RegisterRepo {
            path: repo.path().to_str().unwrap().to_owned(),
            name: Some("repo".to_owned()),
            branch: Some("main".to_owned()),
        };
        repo::register(&cx, &admin(), &wanted).unwrap();
        Self {
            repo,
            clock,
            jumped_ms,
            others: others(),
            queue: queue::Queue::new(name("queue")),
            cx,
            folder,
            starts: 1,
        }
    }

    /// Dies and is started again: nothing is left of the engine but what it committed.
    pub(crate) fn restart(&mut self) {
        self.starts += 1;
        self.others.clear();
        self.queue = queue::Queue::new(name("queue"));
        let fresh = open(&self.folder, &self.clock, &self.jumped_ms, self.starts);
        let dead = std::mem::replace(&mut self.cx, fresh);
        self.cx
            .store
            .break_leases_of_dead(dead.instance.as_str())
            .unwrap();
        self.others = others();
    }

    /// Sets the clock on the wall by so many seconds, back when negative, while no time passes.
    pub(crate) fn jump(&self, seconds: i64) {
        self.jumped_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
        let jumped = self.clock.now().as_millisecond() + seconds * 1000;
        self.clock.set(Time::from_millisecond(jumped).unwrap());
    }

    /// Files a request and gives its id.
    pub(crate) fn file(&self, request: &RequestFile) -> RequestId {
        self.submit(request, false)
    }

    /// Files a request that lands nothing and gives its id.
    pub(crate) fn file_dry(&self, request: &RequestFile) -> RequestId {
        self.submit(request, true)
    }

    fn submit(&self, request: &RequestFile, dry_run: bool) -> RequestId {
        let how = intake::Submitting {
            actor: &admin(),
            dir: Some(self.repo.path()),
            dry_run,
            source: Source::Cli,
            agent: None,
            given: None,
        };
        intake::submit(&self.cx, request.text().as_bytes(), &how).unwrap()[0]
    }

    /// Calls everything but the queue once, as the driver does before the queue has its turn.
    pub(crate) fn look_once(&mut self) {
        for reconciler in &mut self.others {
            reconciler.reconcile(&self.cx).unwrap();
        }
    }

    /// Calls everything but the queue until nothing is left to do for it.
    pub(crate) fn settle_others(&mut self) {
        for _ in 0..200 {
            let mut worked = false;
            for reconciler in &mut self.others {
                match reconciler.reconcile(&self.cx).unwrap() {
                    Progress::Worked => worked = true,
                    // A shim that is about to end, or to answer: time passes for it alone.
                    Progress::Delayed { .. } => {
                        std::thread::park_timeout(Duration::from_millis(10));
                        worked = true;
                    }
                    Progress::Idle { .. } => {}
                }
            }
            if !worked {
                return;
            }
        }
        panic!("the engine does not come to rest");
    }

    /// Calls everything until nothing is left to do; processes at work are waited for.
    pub(crate) fn settle(&mut self) {
        for _ in 0..2000 {
            let before = self.cx.store.last_seq().unwrap();
            let jobs_before = self.cx.jobs.count();
            self.settle_others();
            match self.queue.reconcile(&self.cx).unwrap() {
                Progress::Worked => {}
                Progress::Delayed { until } => self.clock.set(until),
                Progress::Idle { .. } if self.cx.jobs.count() > 0 => {
                    let mut commits = self.cx.store.subscribe();
                    let waiting = async {
                        tokio::select! {
                            _ = commits.changed() => {}
                            () = self.cx.jobs.ended() => {}
                        }
                    };
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    runtime.block_on(waiting);
                }
                // A check may have ended while it was looked at; the driver looks again, too.
                Progress::Idle { .. }
                    if jobs_before > 0 || self.cx.store.last_seq().unwrap() != before => {}
                Progress::Idle { .. } => return,
            }
        }
        panic!("the engine does not come to rest");
    }

    /// Approves every question that waits.
    pub(crate) fn approve_all(&mut self) {
        let waiting = self
            .cx
            .store
            .list::<approval::Approval>(&Filter::open())
            .unwrap()
            .rows;
        for question in waiting {
            let decision = approvals::Decision::Approve;
            approvals::decide(&self.cx, &admin(), question.id, decision, None, None).unwrap();
        }
        self.settle_others();
    }

    pub(crate) fn request(&self, id: RequestId) -> Request {
        self.cx.store.get(id).unwrap().unwrap()
    }

    pub(crate) fn entry(&self, id: EntryId) -> Entry {
        self.cx.store.get(id).unwrap().unwrap()
    }

    /// Lists every entry, oldest first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.cx.store.list(&Filter::default()).unwrap().rows
    }
}

fn others() -> Vec<Box<dyn Reconcile>> {
    vec![
        Box::new(intake::Intake::new(name("intake"))),
        Box::new(plan::Dispatch::new(name("dispatch"))),
        Box::new(change_set::Assess::new(name("policy"))),
        Box::new(approvals::Approvals::new(name("approval"))),
        Box::new(grant::Grants::new(name("grant"))),
        Box::new(command::Door::new(name("command"))),
        Box::new(run::Runs::new(name("check"))),
        Box::new(plan::Settle::new(name("plan"))),
        Box::new(request::Requests::new(name("request"))),
    ]
}

fn open(
    folder: &tempfile::TempDir,
    clock: &FixedClock,
    jumped_ms: &Arc<AtomicI64>,
    start: u16,
) -> Arc<Cx> {
    let at = |part: &str| folder.path().join(part);
    let locations = Locations {
        home: at("home"),
        cache: at("cache"),
        runtime: at("runtime"),
    };
    let home = Home::open_or_create(&locations).unwrap();
    for folder in ["cache", "cache/git"] {
        hyperion_host::create_private_dir(&at(folder)).unwrap();
    }
    let store = Store::open(&StoreConfig {
        database: home.database(),
        blobs: home.blobs(),
        key: KeySource::File { path: home.key() },
        mode: Mode::ReadWrite,
        redact: Arc::new(Redactor::default()),
        now: clock.now(),
    });
    let git = Git::probe(&GitOptions {
        program: None,
        scratch: at("cache/git"),
        search_path: "/usr/local/bin:/usr/bin:/bin".into(),
        user_home: None,
        person: Vec::new(),
    });
    let parts = Parts {
        store: store.unwrap(),
        clock: Arc::new(TestClock {
            wall: clock.clone(),
            jumped_ms: Arc::clone(jumped_ms),
        }),
        ids: Arc::new(TestIds(std::sync::Mutex::new(IdSource::of_this_process(
            start,
        )))),
        settings: settings(),
        redactor: Redactor::default(),
        git: git.unwrap(),
        home,
        boot_id: boot_id().unwrap(),
    };
    Arc::new(context(parts, true).unwrap())
}
