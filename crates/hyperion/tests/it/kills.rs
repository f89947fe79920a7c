//! Engines that are killed at random moments while people use them: nothing acknowledged is lost, nothing lands twice.
//!
//! Clients go on as people would: they file, approve, reject, call off, try again, take back, and commit themselves, with
//! whatever engine is up; what it says yes to is noted. The seed decides what each client wants and when the engine dies; the
//! machine decides what comes of that.

use crate::api::{Api, NoAnswer};
use crate::invariants::Acknowledged;
use crate::world::{SOON, World, text};
use hyperion_model::approval::Approval;
use hyperion_model::entry::{self, Entry};
use hyperion_model::request::{Request, Status};
use hyperion_store::Filter;
use hyperion_testkit::{Chaos, Dice, RequestFile, TempRepo, eventually, task, task_request};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How often an engine is killed in one round.
const KILLS: u64 = 50;
/// How many clients use it.
const CLIENTS: usize = 3;
/// How much an engine commits in its life, at most; told in events, for a busy machine does less in the same time.
const LIFE_EVENTS: u64 = 80;
/// The longest time an engine lives in which nothing more happens.
const LIFE: Duration = Duration::from_secs(3);
/// How long an engine lives that dies while it starts, at most.
const START_MS: u64 = 150;
/// The files that everybody wants to change.
const SHARED: u64 = 6;

/// What an engine has to do while it is killed.
#[derive(Clone, Copy)]
struct Load {
    /// Whether the branch is checked out, where its work tree has to follow.
    checked_out: bool,
    /// What `hyperion.toml` says of checks.
    checks: &'static str,
    /// In how many cases of a hundred a change is to a file that others change too.
    shared: u64,
    /// In how many cases of a hundred a client would rather take something back.
    takes_back: u64,
    /// Whether a person commits to the branch as well.
    own_commits: bool,
}

const QUICK: &str = "[checks]\nquick = \"test -f hyperion.toml\"\n";
const SLOW: &str = "[checks]\nslow = \"sleep 0.2; test -f hyperion.toml\"\nquick = \"true\"\n";

// M1, M5, C4, S8
#[test]
fn chaos_kills_while_changes_land_unchecked() {
    kills_under(Load {
        checked_out: false,
        checks: "",
        shared: 20,
        takes_back: 10,
        own_commits: true,
    });
}

// M1, M5, C4, S8
#[test]
fn chaos_kills_while_a_work_tree_follows() {
    kills_under(Load {
        checked_out: true,
        checks: "",
        shared: 20,
        takes_back: 10,
        own_commits: false,
    });
}

// M1, M4, M5, C4, S8
#[test]
fn chaos_kills_while_checks_run() {
    kills_under(Load {
        checked_out: false,
        checks: SLOW,
        shared: 20,
        takes_back: 10,
        own_commits: true,
    });
}

// M1, M4, M5, C4, S8
#[test]
fn chaos_kills_while_checked_changes_reach_a_work_tree() {
    kills_under(Load {
        checked_out: true,
        checks: QUICK,
        shared: 20,
        takes_back: 10,
        own_commits: false,
    });
}

// M1, M5, C4, S8
#[test]
fn chaos_kills_while_changes_conflict() {
    kills_under(Load {
        checked_out: true,
        checks: "",
        shared: 90,
        takes_back: 0,
        own_commits: false,
    });
}

// M1, M5, C4, S8, X7
#[test]
fn chaos_kills_while_landings_are_taken_back() {
    kills_under(Load {
        checked_out: false,
        checks: QUICK,
        shared: 10,
        takes_back: 60,
        own_commits: false,
    });
}

#[track_caller]
fn kills_under(load: Load) {
    let mut chaos = Chaos::from_env(1);
    while let Some(dice) = chaos.another_round() {
        round(load, dice, &mut chaos);
    }
}

#[track_caller]
fn round(load: Load, mut dice: Dice, chaos: &mut Chaos) {
    let shared: Vec<_> = (0..SHARED)
        .map(|number| (format!("shared/{number}.txt"), lines(0)))
        .chain([("hyperion.toml".to_owned(), load.checks.to_owned())])
        .collect();
    let files: Vec<_> = shared
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let repo = TempRepo::with_files(&files);
    let began_at = repo.tip("main");
    // An entry is not given up for its engine's deaths, of which there are many here.
    let settings = [
        ("merge.max_attempts", "100"),
        ("merge.retry_delay_sec", "0"),
    ];
    let mut world = World::up_with(repo, &settings);
    if !load.checked_out {
        world.repo.git(&["checkout", "--quiet", "--detach"]);
    }

    let stop = Arc::new(AtomicBool::new(false));
    let ids = Arc::new(AtomicU64::new(0));
    // A client that ends before it is told to has failed.
    let (ended, ending) = mpsc::channel::<()>();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client {
                api: Api::new(&world.hyperion),
                dice: dice.fork(),
                load,
                said: Acknowledged::default(),
                repo: world.repo.path().display().to_string(),
                commits: load.own_commits && number == 0,
                ids: Arc::clone(&ids),
                stop: Arc::clone(&stop),
            };
            let ended = ended.clone();
            thread::spawn(move || {
                let _ended = ended;
                client.go_on()
            })
        })
        .collect();
    drop(ended);

    let api = Api::new(&world.hyperion);
    let store = world.store();
    for _ in 0..KILLS {
        // Some die before they are up, most while they work.
        let is_over = || ending.try_recv() == Err(mpsc::TryRecvError::Disconnected);
        if dice.chance(80) {
            assert!(
                eventually(SOON, || api.answers() || !world.engine().is_running()),
                "an engine neither came up nor ended"
            );
            world.assert_engine_runs();
            let until = store.last_seq().unwrap() + dice.below(LIFE_EVENTS);
            eventually(LIFE, || store.last_seq().unwrap() >= until || is_over());
        } else {
            eventually(Duration::from_millis(dice.below(START_MS)), is_over);
        }
        assert!(!is_over(), "a client failed");
        world.kill_engine();
        world.start_engine_anew();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(
        eventually(SOON, || api.answers()),
        "the last engine does not come up"
    );
    let mut said = Acknowledged::default();
    for client in clients {
        said.merge(client.join().unwrap());
    }
    let idle = api.rest();
    assert!(
        matches!(&idle, Ok(idle) if idle["idle"] == true),
        "the engine does not come to rest: {idle:?}"
    );
    world.stop_engine();

    let mut violations = world.violations(&began_at, &said);
    for request in store.open_rows::<Request>(&Filter::open()).unwrap().rows {
        let questions = store
            .count::<Approval>(&Filter::open().request(request.id))
            .unwrap();
        let waits = request.status == Status::NeedsClarification || questions > 0;
        if !waits {
            violations.push(format!(
                "request {} is {} and waits for nobody",
                request.id, request.status
            ));
        }
    }
    let landed = Filter::default().status(entry::Status::Landed.name());
    let landings = store.count::<Entry>(&landed).unwrap();
    chaos.count("kills", KILLS);
    chaos.count("requests", said.filed.len() as u64);
    chaos.count("decisions", said.decided.len() as u64);
    chaos.count("rollbacks", said.taken_back.len() as u64);
    chaos.count("landings", landings);
    assert!(
        violations.is_empty(),
        "seed {}, round {}: {} violated:\n{}",
        chaos.seed(),
        chaos.round(),
        violations.len(),
        violations.join("\n")
    );
    // A test in which nothing happens proves nothing.
    assert!(landings > 0, "nothing landed");
    assert!(said.filed.len() > 10, "hardly anything was filed: {said:?}");
}

/// Twenty lines that say who wrote them; changes of one of them merge with changes of others.
fn lines(version: u64) -> String {
    (0..20)
        .map(|line| format!("line {line} of {version}\n"))
        .collect()
}

/// Somebody who uses the home, whichever engine is up.
struct Client {
    api: Api,
    dice: Dice,
    load: Load,
    said: Acknowledged,
    repo: String,
    commits: bool,
    ids: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Client {
    /// Does one thing after the other until told to stop; gives what was acknowledged.
    fn go_on(mut self) -> Acknowledged {
        while !self.stop.load(Ordering::Relaxed) {
            if self.something().is_err() {
                // The next engine is on its way.
                let up = || self.stop.load(Ordering::Relaxed) || self.api.answers();
                eventually(SOON, up);
            }
        }
        self.said
    }

    fn something(&mut self) -> Result<(), NoAnswer> {
        if self.dice.chance(self.load.takes_back) {
            return self.take_back();
        }
        match self.dice.below(100) {
            0..40 => self.file(),
            40..80 => self.decide(),
            80..84 => self.call_off(),
            84..88 => self.try_again(),
            88..91 => self.call_entry_off(),
            91..95 => self.take_back(),
            _ if self.commits => {
                self.commit();
                Ok(())
            }
            _ => self.decide(),
        }
    }

    fn file(&mut self) -> Result<(), NoAnswer> {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut request = task_request(&format!("Change {number}"))
            .class("feature")
            .idempotency_key(&format!("change {number}"))
            .requires_approval(self.dice.chance(90));
        let tasks = 1 + self.dice.below(3);
        let mut last: Option<String> = None;
        for at in 1..=tasks {
            let id = format!("T{at}");
            let mut one = task(&id, &format!("part {at} of {number}"));
            if let Some(before) = last.filter(|_| self.dice.chance(50)) {
                one = one.depends_on(&[&before]);
            }
            one = if at == 1 && self.dice.chance(self.load.shared) {
                let path = format!("shared/{}.txt", self.dice.below(SHARED));
                one.change(json!({"operation": "modify", "path": path, "content": lines(number)}))
            } else {
                one.create(&format!("made/{number}-{at}.txt"), &format!("{number}\n"))
            };
            request = request.task(one);
            last = Some(id);
        }
        if tasks > 1 && self.dice.chance(30) {
            request = request.atomic();
        }
        self.insist(&request)
    }

    /// Files a request until somebody says that it is filed: with its key it is filed once.
    fn insist(&mut self, request: &RequestFile) -> Result<(), NoAnswer> {
        let path = format!("/api/requests?dir={}", self.repo);
        loop {
            match self.api.post(&path, &request.json()) {
                Ok(Ok(filed)) => {
                    let id = text(&filed["items"][0]["id"]);
                    self.said.filed.push(id);
                    return Ok(());
                }
                Ok(Err(problem)) => {
                    assert!(problem.status < 500, "filing failed: {problem:?}");
                    return Ok(());
                }
                Err(NoAnswer) if self.dice.chance(70) && !self.stop.load(Ordering::Relaxed) => {
                    let api = &self.api;
                    eventually(SOON, || api.answers());
                }
                Err(NoAnswer) => return Err(NoAnswer),
            }
        }
    }

    fn decide(&mut self) -> Result<(), NoAnswer> {
        let Some(approval) = self.any("/api/approvals?status=pending")? else {
            return self.file();
        };
        let id = text(&approval["id"]);
        let grants = self.dice.chance(85);
        let verb = if grants { "approve" } else { "reject" };
        if self.act(&format!("/api/approvals/{id}/{verb}"))?.is_some() {
            self.said.decided.push((id, grants));
        }
        Ok(())
    }

    fn call_off(&mut self) -> Result<(), NoAnswer> {
        let Some(request) =
            self.any("/api/requests?status=pending,planned,running,awaiting_approval")?
        else {
            return Ok(());
        };
        let id = text(&request["id"]);
        if self.act(&format!("/api/requests/{id}/cancel"))?.is_some() {
            self.said.called_off.push(id);
        }
        Ok(())
    }

    fn try_again(&mut self) -> Result<(), NoAnswer> {
        let Some(entry) = self.any("/api/queue/dead-letters")? else {
            return Ok(());
        };
        let id = text(&entry["id"]);
        self.act(&format!("/api/queue/{id}/retry")).map(drop)
    }

    fn call_entry_off(&mut self) -> Result<(), NoAnswer> {
        let Some(entry) =
            self.any("/api/queue?status=queued,leased,merging,checking,ready,blocked")?
        else {
            return Ok(());
        };
        let id = text(&entry["id"]);
        if self.act(&format!("/api/queue/{id}/cancel"))?.is_some() {
            self.said.entries_called_off.push(id);
        }
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), NoAnswer> {
        let Some(request) = self.any("/api/requests?status=completed")? else {
            return self.decide();
        };
        let id = text(&request["id"]);
        self.said.ended.push((id.clone(), "completed".to_owned()));
        if let Some(filed) = self.act(&format!("/api/requests/{id}/rollback"))? {
            self.said.taken_back.push((id, text(&filed["id"])));
        }
        Ok(())
    }

    /// Commits to the branch by hand, if nobody moves it in that very moment.
    fn commit(&mut self) {
        let git = |arguments: &[&str]| {
            hyperion_testkit::try_git(Path::new(&self.repo), arguments)
                .map(|said| said.trim().to_owned())
        };
        let made = git(&["rev-parse", "main"]).and_then(|tip| {
            let tree = git(&["rev-parse", &format!("{tip}^{{tree}}")])?;
            let commit = git(&["commit-tree", &tree, "-p", &tip, "-m", "Somebody's own"])?;
            git(&["update-ref", "refs/heads/main", &commit, &tip])
        });
        // Git refuses when the branch is being moved, which is right.
        drop(made);
    }

    /// One of what a list shows.
    fn any(&mut self, list: &str) -> Result<Option<Value>, NoAnswer> {
        let listed = self.api.get(list)?;
        let listed = listed.unwrap_or_else(|problem| panic!("{list}: {problem:?}"));
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        Ok((!items.is_empty()).then(|| self.dice.pick(&items).clone()))
    }

    /// Does something that may be refused, because somebody else was faster; never by a fault of the engine.
    fn act(&mut self, path: &str) -> Result<Option<Value>, NoAnswer> {
        match self.api.post(path, &json!({}))? {
            Ok(done) => Ok(Some(done)),
            Err(problem) => {
                assert!(problem.status < 500, "{path}: {problem:?}");
                Ok(None)
            }
        }
    }
}
