//! One person's machine: a home, a repository, and the program between them.

use hyperion_testkit::{Finished, Hyperion, RequestFile, Running, TempRepo};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that is waited for may take; two busy cores are slow.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A home and a repository it knows.
pub(crate) struct World {
    // First, so that an engine that is up goes before its home does.
    up: Option<Running>,
    pub(crate) hyperion: Hyperion,
    pub(crate) repo: TempRepo,
}

/// For tests whose checks look for a file in the test's HOME, which no sandbox shows them.
pub(crate) const CHECKS_SEE_HOME: &[(&str, &str)] = &[("sandbox.checks", "off")];

/// A request that waits for a decision.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) request: String,
    pub(crate) approval: String,
}

impl World {
    /// Knows a repository whose first commit has these files; no engine is up.
    #[track_caller]
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::of(TempRepo::with_files(files))
    }

    /// Knows this repository; no engine is up.
    #[track_caller]
    pub(crate) fn of(repo: TempRepo) -> Self {
        let world = Self::unknown(repo);
        world.run(&["init"]).code(0);
        world.down();
        world
    }

    /// Ends the engine in the background, so that the home is nobody's.
    #[track_caller]
    pub(crate) fn down(&self) {
        self.run(&["down"]).code(0);
    }

    /// Has a repository that the home does not know yet.
    pub(crate) fn unknown(repo: TempRepo) -> Self {
        let hyperion = Hyperion::new(env!("CARGO_BIN_EXE_hyperion"))
            .inside(repo.path())
            .env("USER", "ada");
        Self {
            up: None,
            hyperion,
            repo,
        }
    }

    /// Puts this program and this repository together, whatever they know of each other.
    pub(crate) fn on(hyperion: Hyperion, repo: TempRepo) -> Self {
        Self {
            up: None,
            hyperion: hyperion.inside(repo.path()).env("USER", "ada"),
            repo,
        }
    }

    /// Knows a repository with these files, with an engine up.
    #[track_caller]
    pub(crate) fn up(files: &[(&str, &str)]) -> Self {
        Self::up_with(TempRepo::with_files(files), &[])
    }

    /// Knows a repository with these files, with an engine up whose checks see the HOME of the test.
    #[track_caller]
    pub(crate) fn up_with_home(files: &[(&str, &str)]) -> Self {
        Self::up_with(TempRepo::with_files(files), CHECKS_SEE_HOME)
    }

    /// Knows this repository, with an engine up under these settings.
    #[track_caller]
    pub(crate) fn up_with(repo: TempRepo, settings: &[(&str, &str)]) -> Self {
        let mut world = Self::unknown(repo);
        for (key, value) in settings {
            world.run(&["config", "set", key, value]).code(0);
        }
        world.start_engine();
        world.run(&["init"]).code(0);
        world
    }

    /// Starts `hyperion up` and waits until it listens.
    #[track_caller]
    pub(crate) fn start_engine(&mut self) {
        let up = self.hyperion.start(&["up"]);
        up.wait_for("is up", SOON);
        self.up = Some(up);
    }

    /// Starts `hyperion up` and waits for nothing.
    #[track_caller]
    pub(crate) fn start_engine_anew(&mut self) {
        self.up = Some(self.hyperion.start(&["up"]));
    }

    /// Requires that the engine did not end by itself; shows what it said if it did.
    #[track_caller]
    pub(crate) fn assert_engine_runs(&mut self) {
        if !self.engine().is_running() {
            let ended = self.up.take().expect("an engine was up").wait(SOON);
            panic!(
                "an engine ended by itself, with {:?}:\n{}",
                ended.exit(),
                ended.stderr
            );
        }
    }

    /// Starts `hyperion up` with more variables, for a test that waits for its end itself.
    #[cfg(feature = "fail-points")]
    #[track_caller]
    pub(crate) fn start_engine_with(&self, variables: &[(&str, &str)]) -> Running {
        let with = |hyperion: Hyperion, (name, value): &(&str, &str)| hyperion.env(*name, *value);
        let hyperion = variables.iter().fold(self.hyperion.clone(), with);
        hyperion.start(&["up"])
    }

    /// Ends `hyperion up` in good order.
    #[track_caller]
    pub(crate) fn stop_engine(&mut self) -> Finished {
        let up = self.up.take().expect("an engine is up");
        up.interrupt();
        up.wait(SOON).code(0)
    }

    /// Waits for `hyperion up` to end by itself.
    #[track_caller]
    pub(crate) fn engine_ends(&mut self) -> Finished {
        self.up.take().expect("an engine is up").wait(SOON)
    }

    /// Kills `hyperion up` where it stands, as a crash does.
    #[track_caller]
    pub(crate) fn kill_engine(&mut self) {
        let up = self.up.take().expect("an engine is up");
        up.kill();
        assert_eq!(up.wait(SOON).exit(), None, "it was to die of a signal");
    }

    /// The engine that is up.
    pub(crate) fn engine(&self) -> &Running {
        self.up.as_ref().expect("an engine is up")
    }

    /// Runs a command in the repository.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.hyperion.run(arguments)
    }

    /// Runs a command that has to work and gives its JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> = arguments
            .iter()
            .copied()
            .chain(["--format", "json"])
            .collect();
        self.run(&arguments).code(0).json()
    }

    /// Runs a list command that has to work and gives its items.
    #[track_caller]
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<Value> {
        items(&self.json(arguments))
    }

    /// Files a request and goes on; gives its id.
    #[track_caller]
    pub(crate) fn file(&self, request: &RequestFile) -> String {
        let filed = self.file_with(request, &[]).code(0);
        text(&items(&filed.json())[0]["id"])
    }

    /// Files a request with more arguments, as JSON.
    #[track_caller]
    pub(crate) fn file_with(&self, request: &RequestFile, more: &[&str]) -> Finished {
        let arguments: Vec<_> = ["request", "-", "--format", "json"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        self.hyperion.run_with_input(&arguments, request.text())
    }

    /// Files a request and sees it through, to an end with this exit status; gives all about it.
    #[track_caller]
    pub(crate) fn file_to_end(&self, request: &RequestFile, code: i32) -> Value {
        let ended = self.file_with(request, &["--wait"]).code(code);
        items(&ended.json())[0].clone()
    }

    /// Files a request and waits until it asks for an approval, which it has to.
    #[track_caller]
    pub(crate) fn ask(&self, request: &RequestFile) -> Asked {
        let detail = self.file_to_end(request, 75);
        asked(&detail)
    }

    /// Approves, and sees the request through to this exit status; gives all about it.
    #[track_caller]
    pub(crate) fn approve(&self, asked: &Asked, code: i32) -> Value {
        let arguments = [
            "approval",
            "approve",
            &asked.approval,
            "--wait",
            "--format",
            "json",
        ];
        let ended = self.run(&arguments).code(code);
        items(&ended.json())[0].clone()
    }

    /// Files a request, approves whatever it asks, and waits for its end with this exit status; gives all about it.
    #[track_caller]
    pub(crate) fn carry_out(&self, request: &RequestFile, code: i32) -> Value {
        let mut ended = self.file_with(request, &["--wait"]);
        loop {
            let detail = items(&ended.json())[0].clone();
            if ended.exit() != Some(75) {
                ended.code(code);
                return detail;
            }
            let approval = asked(&detail).approval;
            ended = self.run(&[
                "approval", "approve", &approval, "--wait", "--format", "json",
            ]);
        }
    }

    /// All about a request.
    #[track_caller]
    pub(crate) fn request(&self, id: &str) -> Value {
        self.json(&["request", "show", id])
    }

    /// All about a queue entry.
    #[track_caller]
    pub(crate) fn entry(&self, id: &str) -> Value {
        self.json(&["queue", "show", id])
    }

    /// Looks at a request whenever something happens to it, until it is as wanted; gives all about it.
    #[track_caller]
    pub(crate) fn request_when(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let feed = [
            "events",
            "--request",
            id,
            "--follow",
            "--limit",
            "1",
            "--format",
            "jsonl",
        ];
        let mut feed = self
            .hyperion
            .command(&feed)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(feed.stdout.take().unwrap()).lines();
        let (happened, happening) = mpsc::channel();
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|_| happened.send(()))
        });
        let deadline = Instant::now() + SOON;
        let found = loop {
            let detail = self.request(id);
            if wanted(&detail) {
                break Ok(detail);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if happening.recv_timeout(left).is_err() {
                break Err(detail);
            }
            while happening.try_recv().is_ok() {}
        };
        // It may have ended by itself.
        let _ = feed.kill();
        feed.wait().unwrap();
        found.unwrap_or_else(|detail| panic!("it never came to that: {detail:#}"))
    }

    /// Requires that the log holds, that the queue can be rebuilt from it, and that the repository is whole:
    /// what a home has to be after whatever happened to it.
    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        let verified = self.json(&["audit", "verify"]);
        assert_eq!(verified["ok"], true, "{verified:#}");
        assert_eq!(verified["head"], "sealed", "{verified:#}");
        let replayed = self.json(&["audit", "replay"]);
        assert_eq!(replayed["same_as_database"], true, "{replayed:#}");
        self.repo.git(&["fsck", "--strict", "--no-dangling"]);
        if self.repo.git(&["rev-parse", "--is-bare-repository"]) == "false" {
            assert_eq!(
                self.repo.status(),
                [""; 0],
                "the work tree follows what landed"
            );
        }
        self.assert_nothing_unlanded_shows();
    }

    /// Requires that the repository shows nothing but its branches: no candidate, no ref of ours, no stray file of git's.
    #[track_caller]
    pub(crate) fn assert_nothing_unlanded_shows(&self) {
        let refs = self.repo.git(&["for-each-ref", "--format=%(refname)"]);
        let ours: Vec<_> = refs
            .lines()
            .filter(|name| !name.starts_with("refs/heads/"))
            .collect();
        assert_eq!(ours, [""; 0]);
        let all = self.repo.git(&["rev-list", "--all"]);
        let branches = self.repo.git(&["rev-list", "--branches"]);
        assert_eq!(all, branches);
    }

    /// The whole message of a commit.
    #[track_caller]
    pub(crate) fn message(&self, revision: &str) -> String {
        self.repo.git(&["log", "-1", "--format=%B", revision])
    }

    /// The value of a trailer, once for each time the commit has it.
    #[track_caller]
    pub(crate) fn trailers(&self, revision: &str, name: &str) -> Vec<String> {
        let format = format!("--format=%(trailers:key={name},valueonly)");
        let values = self.repo.git(&["log", "-1", &format, revision]);
        values
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// The items of a list's JSON.
#[track_caller]
pub(crate) fn items(list: &Value) -> Vec<Value> {
    list["items"]
        .as_array()
        .unwrap_or_else(|| panic!("no items: {list:#}"))
        .clone()
}

/// A JSON string's text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value:#}"))
        .to_owned()
}

/// The first approval that a request waits for.
#[track_caller]
pub(crate) fn asked(detail: &Value) -> Asked {
    assert_eq!(detail["status"], "awaiting_approval", "{detail:#}");
    Asked {
        request: text(&detail["id"]),
        approval: text(&detail["waiting_approvals"][0]),
    }
}

/// The last part of an id, which people see.
pub(crate) fn short(id: &str) -> &str {
    id.rsplit('-')
        .next()
        .map_or(id, |last| &last[last.len() - 8..])
}
