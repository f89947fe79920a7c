//! A bad world: repositories, homes and disks that are not as they should be.

use crate::world::{World, items, text};
use hyperion_host::{Launch, Limits};
use hyperion_testkit::{Finished, Hyperion, RequestFile, TempRepo, task, task_request};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

mod disk;
mod home;

/// What people saw, with the places of this run taken out.
#[derive(Default)]
struct Seen {
    rows: String,
    places: Vec<(String, &'static str)>,
}

impl Seen {
    fn of(world: &World) -> Self {
        Self::default()
            .at(&world.hyperion.home(), "HOME")
            .at(&world.hyperion.user_home(), "~")
            .at(world.repo.path(), "REPO")
    }

    fn at(mut self, path: &Path, name: &'static str) -> Self {
        self.places.push((path.to_str().unwrap().to_owned(), name));
        self
    }

    fn row(&mut self, name: &str, ended: &Finished) -> &mut Self {
        let mut said = ended.stderr.clone();
        for (path, name) in &self.places {
            said = said.replace(path, name);
        }
        writeln!(
            self.rows,
            "## {name}: exit {}\n{said}",
            ended.exit().unwrap()
        )
        .unwrap();
        self
    }
}

fn request() -> RequestFile {
    task_request("Say two").task(task("T1", "say two").modify("a.txt", "one\n", "two\n"))
}

fn repo() -> TempRepo {
    TempRepo::with_files(&[("a.txt", "one\n")])
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Files a request that nothing may come of.
fn file(world: &World, request: &RequestFile) -> Finished {
    let file = request.write_to(world.hyperion.user_home());
    world.run(&["request", file.to_str().unwrap()])
}

// W1: what cannot be registered.
#[test]
fn a_repository_that_cannot_be_used() {
    let mut world = World::unknown(TempRepo::new());
    world.start_engine();
    let mut seen = Seen::of(&world);
    seen.row("nothing was committed", &world.run(&["init"]));
    world.repo.commit("Begin", &[("a.txt", "one\n")]);
    seen.row("not registered", &file(&world, &request()));
    world.repo.checkout("HEAD~0");
    seen.row("detached", &world.run(&["init"]));
    seen.row("no such branch", &world.run(&["init", "--branch", "none"]));
    let user = world.hyperion.user_home();
    seen.row(
        "no repository",
        &world.run(&["init", user.to_str().unwrap()]),
    );
    seen.row("no folder", &world.run(&["init", "/nowhere"]));
    seen.row(
        "a request for no repository",
        &file(&world, &request().repo(&user)),
    );
    seen.row(
        "a request for an unknown name",
        &file(&world, &request().set("repo", "webshop")),
    );
    insta::assert_snapshot!(seen.rows, @r#"
    ## nothing was committed: exit 2
    error: failed to use branch refs/heads/main of REPO: it has no commits
    hint: make a first commit, for example: git commit --allow-empty -m start

    ## not registered: exit 2
    error: ~/request.json: the repository at REPO is not registered
    hint: run `hyperion init REPO` first

    ## detached: exit 2
    error: failed to choose a branch of REPO: HEAD is detached at d31262bc3421
    hint: name the branch to land on, or check one out: git switch main

    ## no such branch: exit 2
    error: failed to use branch refs/heads/none of REPO: there is no such branch
    hint: create it (git branch none), or name another

    ## no repository: exit 2
    error: failed to open ~: not inside a git repository
    hint: run `git init ~`, or name a folder of a repository

    ## no folder: exit 2
    error: failed to open /nowhere: no such folder
    hint: check the path

    ## a request for no repository: exit 2
    error: ~/request.json: failed to open ~: not inside a git repository (line 2 column 3)
    hint: run `git init ~`, or name a folder of a repository

    ## a request for an unknown name: exit 2
    error: ~/request.json: no repository is called "webshop"; registered are: none (line 2 column 3)
    hint: give a registered name or a path, or run `hyperion init` in the repository
    "#);
    assert_eq!(world.list(&["repo", "list"]).len(), 0);
    assert_eq!(world.list(&["request", "list"]).len(), 0);
}

// C3: what a base may be.
#[test]
fn a_base_that_is_none() {
    let world = World::up(&[("a.txt", "one\n")]);
    let repo = &world.repo;
    repo.branch("side", "main");
    repo.checkout("side");
    let aside = repo.commit("Aside", &[("b.txt", "b\n")]);
    repo.checkout("main");
    let tree = repo.git(&["rev-parse", "main^{tree}"]);
    let mut seen = Seen::of(&world)
        .at(Path::new(&aside), "ASIDE")
        .at(Path::new(&tree), "TREE");
    for (name, base) in [
        ("no such branch", "v9"),
        ("a commit outside the branch", aside.as_str()),
        ("a tree", tree.as_str()),
        ("an option", "--help"),
        ("a range", "main..side"),
    ] {
        seen.row(name, &file(&world, &request().base(base)));
    }
    insta::assert_snapshot!(seen.rows, @r#"
    ## no such branch: exit 2
    error: ~/request.json: /base: "v9" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2 column 3)

    ## a commit outside the branch: exit 2
    error: ~/request.json: /base: "ASIDE" is a commit outside that branch; name a branch, or a commit of branch main (line 2 column 3)

    ## a tree: exit 2
    error: ~/request.json: /base: "TREE" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2 column 3)

    ## an option: exit 2
    error: ~/request.json: /base: "--help" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2 column 3)

    ## a range: exit 2
    error: ~/request.json: /base: "main..side" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2 column 3)
    "#);
    assert_eq!(world.list(&["request", "list"]).len(), 0);
}

// C9, W1: a repository whose rules cannot be read begins nothing.
#[test]
fn settings_of_the_repository_that_cannot_be_read() {
    let world = World::up(&[("a.txt", "one\n"), ("hyperion.toml", "[checks]\n")]);
    let mut seen = Seen::of(&world);
    for (name, text) in [
        (
            "a table that is none",
            "[checks]\nlib = \"true\"\n[chekcs]\n",
        ),
        ("no TOML", "[checks\n"),
        ("an empty check", "[checks]\nlib = \" \"\n"),
        ("a loosened rule", "[policy]\nauto_approve = true\n"),
        ("no end", "[checks]\nlib = \"\"\"\n"),
    ] {
        world.repo.commit(name, &[("hyperion.toml", text)]);
        seen.row(name, &file(&world, &request()));
    }
    world.repo.remove("hyperion.toml");
    world.repo.symlink("hyperion.toml", "a.txt");
    world.repo.commit_all("A link");
    seen.row("a link", &file(&world, &request()));
    insta::assert_snapshot!(seen.rows, @r#"
    ## a table that is none: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 3: unknown field `chekcs`, expected one of `checks`, `targets`, `owners`, `policy`
    hint: correct the file on the branch that work lands on, and commit it

    ## no TOML: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 1: unclosed table, expected `]`
    hint: correct the file on the branch that work lands on, and commit it

    ## an empty check: exit 2
    error: ~/request.json: failed to read hyperion.toml: checks.lib is empty; give a command
    hint: correct the file on the branch that work lands on, and commit it

    ## a loosened rule: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 2: invalid type: boolean `true`, expected a table
    hint: correct the file on the branch that work lands on, and commit it

    ## no end: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 3: invalid multi-line basic string, expected `"`
    hint: correct the file on the branch that work lands on, and commit it

    ## a link: exit 2
    error: ~/request.json: failed to read hyperion.toml: it is a link or a folder; make it a file
    hint: correct the file on the branch that work lands on, and commit it
    "#);
    assert_eq!(world.list(&["request", "list"]).len(), 0);
}

// M6: a lock that git, or a crash of it, left is waited for.
#[test]
fn a_branch_that_is_locked() {
    let world = World::up(&[("a.txt", "one\n")]);
    let lock = world.repo.path().join(".git/refs/heads/main.lock");
    let asked = world.ask(&request());
    fs::write(&lock, "").unwrap();
    let approved = world
        .run(&["approval", "approve", &asked.approval, "--wait"])
        .code(75);
    let said = approved
        .stderr
        .replace(world.repo.path().to_str().unwrap(), "REPO");
    assert!(
        said.contains("a git command of yours has a lock: wait for it; if none is running, remove REPO/.git/refs/heads/main.lock"),
        "{said}"
    );
    let [entry] = &world.list(&["queue", "list"])[..] else {
        panic!("one entry")
    };
    assert_eq!(entry["status"], "blocked", "{entry:#}");
    fs::remove_file(&lock).unwrap();
    world.request_when(&asked.request, |request| request["status"] == "completed");
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
    world.assert_sound();
}

// W1: a repository that is moved away while its change waits is missed, and found again.
#[test]
fn a_repository_that_is_moved_away() {
    let world = World::up_with(repo(), &[("merge.max_attempts", "1")]);
    let asked = world.ask(&request());
    let path = world.repo.path().to_owned();
    let elsewhere = path.with_file_name("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    let outside = world.hyperion.clone().inside(world.hyperion.user_home());
    let mut seen = Seen::of(&world);
    let unknown = outside
        .clone()
        .inside(&elsewhere)
        .run(&["request", "Say two or three"]);
    let places = std::mem::take(&mut seen.places);
    seen.places
        .push((elsewhere.to_str().unwrap().to_owned(), "ELSEWHERE"));
    seen.places.extend(places);
    seen.row("from its new place", &unknown);
    let by_name = request()
        .set("repo", "repo")
        .write_to(world.hyperion.user_home());
    seen.row(
        "by its name",
        &outside.run(&["request", by_name.to_str().unwrap()]),
    );
    insta::assert_snapshot!(seen.rows, @r"
    ## from its new place: exit 2
    error: the repository at ELSEWHERE is not registered
    hint: run `hyperion init ELSEWHERE` first

    ## by its name: exit 2
    error: ~/request.json: failed to open the repository REPO: it is not there any more (line 2 column 3)
    hint: put it back at REPO, or say where it is now: hyperion repo move NAME PATH
    ");

    let approved = outside
        .run(&["approval", "approve", &asked.approval, "--wait"])
        .code(1);
    let lost = format!("{}: it is not there any more", path.display());
    assert!(approved.stderr.contains(&lost), "{}", approved.stderr);
    let entries = outside
        .run(&["queue", "list", "--all", "--format", "json"])
        .code(0)
        .json();
    let entry = text(&items(&entries)[0]["id"]);
    fs::rename(&elsewhere, &path).unwrap();
    world.run(&["queue", "retry", &entry]).code(0);
    world.request_when(&asked.request, |request| request["status"] == "completed");
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
    world.assert_sound();
}
