//! A bad world: repositories, homes and disks that are not as they should be.

use crate::world::{World, items, text};
use hyperion_host::{Launch, Limits};
use hyperion_testkit::{Finished, Hyperion, RequestFile, TempRepo, task, task_request};
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

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
    error: ~/request.json: failed to open ~: not inside a git repository (line 2)
    hint: run `git init ~`, or name a folder of a repository

    ## a request for an unknown name: exit 2
    error: ~/request.json: no repository is called "webshop"; registered: none (line 2)
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
    error: ~/request.json: /base: "v9" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2)

    ## a commit outside the branch: exit 2
    error: ~/request.json: /base: "ASIDE" is a commit outside that branch; name a branch, or a commit of branch main (line 2)

    ## a tree: exit 2
    error: ~/request.json: /base: "TREE" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2)

    ## an option: exit 2
    error: ~/request.json: /base: "--help" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2)

    ## a range: exit 2
    error: ~/request.json: /base: "main..side" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2)
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
    hint: mend the file on the branch that work lands on

    ## no TOML: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 1: unclosed table, expected `]`
    hint: mend the file on the branch that work lands on

    ## an empty check: exit 2
    error: ~/request.json: failed to read hyperion.toml: checks.lib is empty; give a command
    hint: mend the file on the branch that work lands on

    ## a loosened rule: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 2: invalid type: boolean `true`, expected a table
    hint: mend the file on the branch that work lands on

    ## no end: exit 2
    error: ~/request.json: failed to read hyperion.toml: line 3: invalid multi-line basic string, expected `"`
    hint: mend the file on the branch that work lands on

    ## a link: exit 2
    error: ~/request.json: failed to read hyperion.toml: it is a link or a folder; make it a file
    hint: mend the file on the branch that work lands on
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
        said.contains("wait for the git command there; if none is running, remove REPO/.git/refs/heads/main.lock"),
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
    error: ~/request.json: failed to open the repository REPO: it is not there any more (line 2)
    hint: put it back at REPO, or run `hyperion init` where it is now
    ");

    let approved = outside
        .run(&["approval", "approve", &asked.approval, "--wait"])
        .code(1);
    let lost = format!("{}: it is not there any more", path.display());
    assert!(approved.stderr.contains(&lost), "{}", approved.stderr);
    let entries = outside
        .run(&["queue", "list", "--format", "json"])
        .code(0)
        .json();
    let entry = text(&items(&entries)[0]["id"]);
    fs::rename(&elsewhere, &path).unwrap();
    world.run(&["queue", "retry", &entry]).code(0);
    world.request_when(&asked.request, |request| request["status"] == "completed");
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
    world.assert_sound();
}

// S4, O4: homes that are none.
#[test]
fn a_home_that_cannot_be_used() {
    let world = World::unknown(repo());
    let mut seen = Seen::of(&world);
    let with_home = |home: &str| world.hyperion.clone().env("HYPERION_HOME", home);
    let repo = world.repo.path();
    let inside = repo.join("home");
    let file = repo.join("a.txt");
    for (name, home) in [
        ("inside a repository", inside.to_str().unwrap()),
        ("inside a repository, relative", "home"),
        ("a file", file.to_str().unwrap()),
        ("below a file", file.join("home").to_str().unwrap()),
        ("where nothing can be made", "/proc/hyperion"),
    ] {
        seen.row(name, &with_home(home).run(&["init"]));
    }
    seen.row(
        "nowhere",
        &world
            .hyperion
            .clone()
            .env("HOME", "")
            .env("HYPERION_HOME", "")
            .run(&["init"]),
    );
    seen.row("none yet", &world.run(&["request", "list"]));
    assert_eq!(world.repo.status(), [""; 0], "nothing was left there");
    assert!(!world.hyperion.home().exists());

    let home = world.hyperion.home();
    fs::create_dir(&home).unwrap();
    fs::write(home.join("hyperion.db"), "a letter, not a database\n").unwrap();
    seen.row("somebody else's database", &world.run(&["init"]));
    assert_eq!(
        fs::read_to_string(home.join("hyperion.db")).unwrap(),
        "a letter, not a database\n"
    );
    insta::assert_snapshot!(seen.rows, @r"
    ## inside a repository: exit 69
    error: failed to use REPO/home as a home: it is inside the git repository REPO
    hint: set HYPERION_HOME (and XDG_CACHE_HOME, for the cache) to a folder outside of any repository

    ## inside a repository, relative: exit 69
    error: failed to use REPO/home as a home: it is inside the git repository REPO
    hint: set HYPERION_HOME (and XDG_CACHE_HOME, for the cache) to a folder outside of any repository

    ## a file: exit 69
    error: failed to use REPO/a.txt as a home: it is not a folder
    hint: set HYPERION_HOME to a folder, or move that file away

    ## below a file: exit 69
    error: failed to write to REPO/a.txt/home: Not a directory (os error 20)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder

    ## where nothing can be made: exit 69
    error: failed to write to /proc/hyperion: No such file or directory (os error 2)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder

    ## nowhere: exit 2
    error: failed to find a home: none of HYPERION_HOME, XDG_DATA_HOME and HOME is set (set HYPERION_HOME to a folder)

    ## none yet: exit 69
    error: there is no home at HOME yet
    hint: run `hyperion init` in a repository, or set HYPERION_HOME to where it is

    ## somebody else's database: exit 69
    error: failed to open the database: file is not a database
    hint: look at it with `hyperion audit verify` and restore the latest backup; nothing was changed
    ");
}

// S4: settings are named with their line, all at once, and nothing is done.
#[test]
fn settings_that_are_wrong() {
    let world = World::unknown(repo());
    let mut seen = Seen::of(&world);
    let config = world.hyperion.home().join("config.toml");
    fs::create_dir(world.hyperion.home()).unwrap();
    for (name, settings) in [
        ("an unknown key", "[merge]\nworkers = 2\nworkerz = 3\n"),
        ("an unknown table", "[murge]\nworkers = 2\n"),
        (
            "two wrong values",
            "[merge]\nworkers = \"many\"\nlease_sec = -1\n",
        ),
        ("no TOML", "[merge\n"),
    ] {
        fs::write(&config, settings).unwrap();
        seen.row(name, &world.run(&["init"]));
    }
    fs::write(&config, b"[merge]\n# caf\xe9\n").unwrap();
    seen.row("not UTF-8", &world.run(&["init"]));
    fs::remove_file(&config).unwrap();
    let variable = world
        .hyperion
        .clone()
        .env("HYPERION_MERGE__WORKERS", "many");
    seen.row("a variable", &variable.run(&["init"]));
    insta::assert_snapshot!(seen.rows, @r#"
    ## an unknown key: exit 2
    error: a setting is wrong
      HOME/config.toml:3: there is no setting `merge.workerz`; did you mean `merge.workers`?
    hint: `hyperion config list` shows what can be set; nothing was done

    ## an unknown table: exit 2
    error: a setting is wrong
      HOME/config.toml:1: there is no setting `murge`; `hyperion config list` shows all
    hint: `hyperion config list` shows what can be set; nothing was done

    ## two wrong values: exit 2
    error: 2 settings are wrong
      HOME/config.toml:2: `merge.workers` expects workers from 1 to 64, not the text "many"
      HOME/config.toml:3: `merge.lease_sec` expects seconds from 5 to 3600, not -1
    hint: `hyperion config list` shows what can be set; nothing was done

    ## no TOML: exit 2
    error: a setting is wrong
      HOME/config.toml:1: unclosed table, expected `]`
    hint: `hyperion config list` shows what can be set; nothing was done

    ## not UTF-8: exit 2
    error: a setting is wrong
      HOME/config.toml: is not UTF-8
    hint: `hyperion config list` shows what can be set; nothing was done

    ## a variable: exit 2
    error: a setting is wrong
      HYPERION_MERGE__WORKERS: expects workers from 1 to 64, not `many`
    hint: `hyperion config list` shows what can be set; nothing was done
    "#);
    assert!(!world.hyperion.home().join("hyperion.db").exists());
}

// O4: an older Hyperion does not touch what a newer one wrote.
#[test]
fn a_home_from_a_newer_version() {
    let world = World::of(repo());
    let database = world.hyperion.home().join("hyperion.db");
    let mut bytes = fs::read(&database).unwrap();
    // SQLite keeps the version of the schema in the file's header, where no SQL is needed to change it.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    let mut seen = Seen::of(&world);
    seen.row("looking", &world.run(&["request", "list"]))
        .row("changing", &file(&world, &request()));
    insta::assert_snapshot!(seen.rows, @r"
    ## looking: exit 69
    error: failed to open the database: its schema is version 99, this Hyperion knows up to 2
    hint: use the newer Hyperion again; a migration is not taken back, but a copy from before it lies beside the database

    ## changing: exit 69
    error: failed to open the database: its schema is version 99, this Hyperion knows up to 2
    hint: use the newer Hyperion again; a migration is not taken back, but a copy from before it lies beside the database
    ");
    assert!(fs::read(&database).unwrap() == bytes, "nothing was changed");
}

/// Prepares a command of somebody who may not write where we may; none where nobody can be that.
fn somebody_else(world: &World) -> Option<impl Fn(&Path, &[&str]) -> Finished> {
    let user = world.hyperion.user_home();
    let program = user.join("hyperion");
    // Where the build is, others may not look.
    fs::copy(env!("CARGO_BIN_EXE_hyperion"), &program).unwrap();
    for folder in [user.parent().unwrap(), &user] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let try_it = Launch::new("setpriv", "/").args(nobody).arg("true");
    let limits = Limits {
        wall: Duration::from_secs(10),
        output_max: 4096,
    };
    if !hyperion_host::run(&try_it.env("PATH", "/usr/bin:/bin"), &limits)
        .is_ok_and(|out| out.exit.success())
    {
        return None;
    }
    let other = Hyperion::new("setpriv").inside(world.repo.path());
    Some(move |home: &Path, command: &[&str]| {
        let words: Vec<_> = nobody
            .iter()
            .copied()
            .chain([program.to_str().unwrap()])
            .chain(command.iter().copied())
            .collect();
        other.clone().env("HYPERION_HOME", home).run(&words)
    })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

// S4: a home that may not be written.
#[test]
fn a_home_that_cannot_be_written() {
    let world = World::unknown(repo());
    let read_only = world.hyperion.user_home().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o555)).unwrap();
    let home = read_only.join("home");
    let ended = if is_root() {
        let Some(other) = somebody_else(&world) else {
            eprintln!(
                "skipped: nothing is unwritable to root, and setpriv makes nobody else of it here"
            );
            return;
        };
        other(&home, &["init"])
    } else {
        world
            .hyperion
            .clone()
            .env("HYPERION_HOME", &home)
            .run(&["init"])
    };
    let mut seen = Seen::default().at(&read_only, "READ-ONLY");
    seen.row("init", &ended);
    insta::assert_snapshot!(seen.rows, @r"
    ## init: exit 69
    error: failed to write to READ-ONLY/home: Permission denied (os error 13)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder
    ");
}

// S4: a home of somebody else.
#[test]
fn a_home_of_somebody_else() {
    let world = World::of(repo());
    let Some(other) = somebody_else(&world) else {
        eprintln!("skipped: setpriv makes nobody else of us here, which only root can ask for");
        return;
    };
    let home = world.hyperion.home();
    let mut seen = Seen::of(&world);
    seen.row("to change", &other(&home, &["init"]));
    seen.row("to look", &other(&home, &["request", "list"]));
    let owner = format!("user {},", fs::metadata(&home).unwrap().uid());
    insta::assert_snapshot!(seen.rows.replace(&owner, "user OWNER,"), @r"
    ## to change: exit 69
    error: failed to use HOME: it belongs to user OWNER, not to user 65534
    hint: run as that user, or set HYPERION_HOME to a folder of your own

    ## to look: exit 69
    error: failed to use HOME: it belongs to user OWNER, not to user 65534
    hint: run as that user, or set HYPERION_HOME to a folder of your own
    ");
}

// O4: with no room left nothing is half-written, and everything goes on once there is some.
#[test]
fn a_disk_that_is_full() {
    let world = World::unknown(repo());
    let file = request().write_to(world.hyperion.user_home());
    // In a mount of its own, which goes with the last process in it.
    let script = r#"
        mount -t tmpfs -o size=16m tmpfs "$SMALL" 2>/dev/null || exit 99
        say() { echo "== $1: exit $2" >&2; }
        try() { name=$1; shift; "$PROGRAM" "$@" >/dev/null 2>"$SAID"; code=$?; say "$name" $code; cat "$SAID" >&2; echo >&2; }
        "$PROGRAM" init >/dev/null 2>&1 || exit 98
        cat /dev/zero >"$SMALL/full" 2>/dev/null
        try "becoming the engine" request "$REQUEST"
        try "looking" request list
        rm "$SMALL/full"
        "$PROGRAM" up >/dev/null 2>&1 &
        up=$!
        until [ -S "$HYPERION_HOME/socket" ]; do sleep 0.05; done
        cat /dev/zero >"$SMALL/full" 2>/dev/null
        try "an engine that is up" request "$REQUEST"
        rm "$SMALL/full"
        "$PROGRAM" request list --format json
        try "once there is room" request "$REQUEST" --format json
        try "and the log" audit verify
        # Little room, so that the disk is full at one step or another.
        for kib in 4 8 12 16 24 32 40 60 80 120; do
            cat /dev/zero >"$SMALL/full" 2>/dev/null; truncate -s "-${kib}K" "$SMALL/full"
            "$PROGRAM" request "$REQUEST" >/dev/null 2>&1
            rm "$SMALL/full"
        done
        until "$PROGRAM" request list --format json | grep -e '"status"' -e '"reason": "' | sort -u >"$SAID"; ! grep -q -e pending -e planned -e running "$SAID"; do
            sleep 0.1
        done
        cat "$SAID" >&2
        try "and the log, after all of that" audit verify
        kill "$up"
        wait "$up"
    "#;
    let small = world.hyperion.user_home().join("small");
    fs::create_dir(&small).unwrap();
    let shell = Hyperion::new("unshare")
        .inside(world.repo.path())
        .env("SMALL", &small)
        .env("HYPERION_HOME", small.join("home"))
        .env("SAID", world.hyperion.user_home().join("said"))
        .env("REQUEST", &file)
        .env("PROGRAM", env!("CARGO_BIN_EXE_hyperion"));
    let apart = if is_root() { "-m" } else { "-rm" };
    let ended = shell.run(&[apart, "sh", "-c", script]);
    if ended.exit() == Some(99) || ended.stderr.starts_with("unshare: ") {
        eprintln!(
            "skipped: a small disk cannot be mounted here: {}",
            ended.stderr
        );
        return;
    }
    let said = ended.stderr.replace(small.to_str().unwrap(), "SMALL");
    let said = said.replace(world.hyperion.user_home().to_str().unwrap(), "~");
    assert_eq!(ended.json()["items"], json!([]), "nothing was half-queued");
    // Whichever file it was that could not be written.
    let (before, after) = said.split_once("SMALL/home/repos/").unwrap();
    let after = after.split_once(": No space").unwrap().1;
    let said = format!("{before}SMALL/home/repos/…: No space{after}");
    insta::assert_snapshot!(said, @r#"
    == becoming the engine: exit 69
    error: failed to write to SMALL/home: No space left on device (os error 28)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder

    == looking: exit 69
    error: failed to open the database: the disk is full
    hint: free some space and try again

    == an engine that is up: exit 69
    error: ~/request.json: failed to use SMALL/home/repos/…: No space left on device (os error 28)
    hint: free some space and try again; nothing was half-written

    == once there is room: exit 0

    == and the log: exit 0

          "status": "awaiting_approval",
    == and the log, after all of that: exit 0
    "#);
}
