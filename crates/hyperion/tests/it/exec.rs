//! Commands under `hyperion exec`: they behave as they do without it, and outlive whoever else dies.

use crate::world::{SOON, World, text};
use hyperion_testkit::TempRepo;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Instant;

fn world() -> World {
    World::up(&[("a.txt", "one\n")])
}

fn exec<'a>(more: &[&'a str], script: &'a str) -> Vec<&'a str> {
    let begin = ["exec"].iter().chain(more);
    let end = ["--", "/bin/sh", "-c", script];
    begin.copied().chain(end).collect()
}

/// The newest run; its end is on record when `exec` has ended.
#[track_caller]
fn ended(world: &World) -> Value {
    let run = world.list(&["run", "list", "--limit", "1"]).remove(0);
    assert!(!run["ended_at"].is_null(), "{run:#}");
    run
}

// I1, W1: streams, input and status pass through, with nothing added.
#[test]
fn a_command_behaves_as_it_does_alone() {
    let world = world();
    let script = "cat; echo wrong >&2; pwd; echo $GREETING; exit 7";
    let hyperion = world.hyperion.clone().env("GREETING", "hello");
    let done = hyperion
        .run_with_input(&exec(&[], script), "one\ntwo\n")
        .code(7);
    let here = world.repo.path().canonicalize().unwrap();
    let expected = format!("one\ntwo\n{}\nhello\n", here.display());
    assert_eq!((done.stdout, done.stderr), (expected, "wrong\n".to_owned()));

    let run = ended(&world);
    assert_eq!(
        json!([run["kind"], run["name"], run["status"], run["exit_code"]]),
        json!(["command", "sh", "failed", 7])
    );
    let id = text(&run["id"]);
    let only = world.run(&["run", "logs", &id, "--stream", "err"]);
    assert_eq!(only.code(0).stdout, "wrong\n");
    let shown = world.run(&["run", "show", &id]).code(0).stdout;
    for part in ["cat; echo wrong", "failed", "sandbox", "off", "CPU"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

// Decisions §4.7: what fails before the command does has the statuses of `env` and `timeout`.
#[test]
fn failures_of_its_own_are_told_apart() {
    let world = world();
    let missing = world.run(&["exec", "--", "no-such-program"]).code(127);
    assert!(
        missing.stderr.contains("no-such-program"),
        "{}",
        missing.stderr
    );
    let cannot = world.repo.path().join("a.txt");
    world
        .run(&["exec", "--", cannot.to_str().unwrap()])
        .code(126);
    world.run(&["exec", "--title", " ", "--", "true"]).code(125);
    let late = world
        .run(&exec(&["--timeout", "200ms"], "sleep 60"))
        .code(124);
    assert!(
        late.stderr.contains("took longer than --timeout"),
        "{}",
        late.stderr
    );
    world.run(&exec(&[], "kill -9 $$")).code(137);
    world.run(&exec(&[], "exit 75")).code(75);
}

#[test]
fn signals_are_passed_on() {
    let world = world();
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::USR1, "USR1"),
    ] {
        let script =
            format!("trap 'echo got; exit 9' {name}; echo up; while :; do sleep 0.05; done");
        let running = world.hyperion.start(&exec(&[], &script));
        running.wait_for("up", SOON);
        running.signal(signal);
        assert_eq!(running.wait(SOON).code(9).stdout, "up\ngot\n", "{name}");
    }
}

// A reader that leaves ends the command, as in any pipe; one that is slow gets everything.
#[test]
fn readers_may_be_slow_or_leave() {
    let world = world();
    let mut command = world.hyperion.command(&exec(&[], "yes"));
    let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "y");
    drop(lines);
    assert_eq!(running.wait().unwrap().code(), Some(128 + 13));

    let all = world.run(&exec(&[], "seq 1 300000")).code(0).stdout;
    assert_eq!(all.lines().count(), 300_000);
    assert!(all.starts_with("1\n2\n") && all.ends_with("\n300000\n"));
}

// S1: the engine dies under a command, which goes on; the next engine has its end.
#[test]
fn a_command_outlives_its_engine() {
    let mut world = world();
    let open = world.hyperion.user_home().join("open");
    let script = "echo begun; until test -f \"$HOME/open\"; do sleep 0.05; done; echo end; exit 3";
    let running = world.hyperion.start(&exec(&[], script));
    running.wait_for("begun", SOON);
    world.kill_engine();
    std::fs::write(open, "").unwrap();
    assert_eq!(running.wait(SOON).code(3).stdout, "begun\nend\n");
    world.start_engine();
    let run = ended(&world);
    assert_eq!(
        json!([run["status"], run["exit_code"]]),
        json!(["failed", 3])
    );
    let logs = world.run(&["run", "logs", &text(&run["id"]), "--follow"]);
    assert_eq!(logs.code(0).stdout, "begun\nend\n");
}

// W1: one in the background is watched, paused, continued and stopped from elsewhere.
#[test]
fn one_in_the_background_is_steered_from_elsewhere() {
    let world = world();
    let script = "echo up; echo trouble >&2; while :; do sleep 0.05; done";
    let started = world
        .run(&exec(&["--background", "--title", "spin"], script))
        .code(0);
    let id = started.stdout.trim().to_owned();
    let following = world.hyperion.start(&["run", "logs", &id, "--follow"]);
    following.wait_for("trouble", SOON);
    let status = || text(&world.json(&["run", "show", &id])["status"]);
    wait_until(|| status() == "running");
    world.run(&["run", "pause", &id]).code(0);
    wait_until(|| status() == "paused");
    world.run(&["run", "resume", &id]).code(0);
    wait_until(|| status() == "running");
    let listed = world.run(&["status"]).code(0).stdout;
    assert!(
        listed.contains("Runs now") && listed.contains("spin"),
        "{listed}"
    );
    world.run(&["run", "stop", &id]).code(0);
    following.wait(SOON).code(0);
    wait_until(|| status() == "killed");
    let again = world.run(&["run", "stop", &id]).code(1);
    assert!(again.stderr.contains("has ended"), "{}", again.stderr);
}

// S9: in a sandbox it works in its folder and has a HOME of its own; where the machine gives none, that is said.
#[test]
fn a_sandbox_leaves_its_folder_and_a_home_of_its_own() {
    let world = world();
    std::fs::write(world.hyperion.user_home().join("secret"), "mine\n").unwrap();
    let script = "echo new > made.txt; ls -A $HOME; cat $HOME/secret 2>/dev/null; true";
    let done = world
        .run(&exec(&["--sandbox", "full", "--network", "off"], script))
        .code(0);
    let made = std::fs::read_to_string(world.repo.path().join("made.txt")).unwrap();
    assert_eq!(made, "new\n");
    let run = text(&ended(&world)["id"]);
    let had = world.json(&["run", "show", &run])["sandbox"].clone();
    if had["level"] == "full" {
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    } else {
        assert!(done.stderr.contains("went without"), "{had:#}");
    }
}

// X6: a command in a sandbox works with the repository, and makes git run nothing later.
#[test]
fn a_sandbox_keeps_a_command_from_what_git_runs() {
    let world = world();
    let script = "git add -A; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m made; \
                  echo x >> .git/config; mkdir .git/hooks; echo x > .git/hooks/post-commit; mv .git away; git config core.pager x; \
                  cd vendor/other; echo x >> .git/config; mkdir -p .git/hooks; echo x > .git/hooks/post-commit; mv .git away";
    let hooks = world.repo.path().join(".git/hooks");
    // A repository may have no hooks at all.
    let _ = std::fs::remove_dir_all(&hooks);
    let below = world.repo.path().join("vendor/other");
    let other = below.join(".git");
    std::fs::create_dir_all(&below).unwrap();
    world.repo.git(&["init", "--quiet", "vendor/other"]);
    let _ = std::fs::remove_dir_all(other.join("hooks"));
    let before = world.repo.git(&["config", "--list", "--local"]);
    world.run(&exec(&["--sandbox", "full", "--network", "off"], script));
    let run = text(&ended(&world)["id"]);
    if world.json(&["run", "show", &run])["sandbox"]["level"] == "full" {
        assert_eq!(world.repo.subjects("main")[0], "made");
        assert_eq!(world.repo.git(&["config", "--list", "--local"]), before);
        assert!(!hooks.join("post-commit").exists());
        assert!(!world.repo.path().join("away").exists());
        assert!(!other.join("hooks/post-commit").exists() && !below.join("away").exists());
        let config = std::fs::read_to_string(other.join("config")).unwrap();
        assert!(!config.contains('x'), "{config}");
    }
}

// Decisions §4.7: arguments and environment of a command lie nowhere in the home as they are, and it has them all the same, also when it
// is started again.
#[test]
fn what_a_command_was_given_is_not_in_its_folder() {
    let token = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");
    let settings = [
        ("supervisor.heartbeat_interval_sec", "1"),
        ("supervisor.stall_after_sec", "2"),
        ("supervisor.on_stall", "restart"),
        ("supervisor.max_restarts", "1"),
    ];
    let world = World::up_with(TempRepo::with_files(&[("a.txt", "one\n")]), &settings);
    let hyperion = world.hyperion.clone().env("DEPLOY_KEY", token);
    let out = world.repo.path().join("seen");
    let script = format!(
        "echo \"$DEPLOY_KEY $1\" >> {}; exec sleep 100",
        out.display()
    );
    let words = ["exec", "--background", "--heartbeat-from", "output", "--"];
    let words = words
        .into_iter()
        .chain(["/bin/sh", "-c", &script, "sh", token]);
    hyperion.run(&words.collect::<Vec<_>>()).code(0);
    wait_until(|| std::fs::read_to_string(&out).is_ok_and(|seen| seen.lines().count() == 2));
    let seen = std::fs::read_to_string(&out).unwrap();
    assert!(
        seen.lines().all(|line| line == format!("{token} {token}")),
        "{seen}"
    );
    for run in std::fs::read_dir(world.hyperion.home().join("runs")).unwrap() {
        let spec = std::fs::read_to_string(run.unwrap().path().join("spec.json")).unwrap();
        assert!(
            !spec.contains(token) && !spec.contains("DEPLOY_KEY"),
            "{spec}"
        );
    }
    for run in world.list(&["run", "list", "--status", "running"]) {
        world.run(&["run", "stop", &text(&run["id"])]).code(0);
    }
}

// S2: how far a command is, as it says itself, is seen wherever runs are, and told to whoever follows.
#[test]
fn what_a_command_says_of_itself_is_seen() {
    let world = world();
    let mut following = world
        .hyperion
        .command(&["events", "--follow", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let script = "import json, os, socket, time\n\
                  s = socket.socket(socket.AF_UNIX); s.connect(os.environ['HYPERION_SOCKET'])\n\
                  say = lambda done, what: s.sendall((json.dumps({'jsonrpc': '2.0', 'method': 'heartbeat', 'params': \
                  {'token': os.environ['HYPERION_RUN_TOKEN'], 'progress': done, 'action': what}}) + '\\n').encode())\n\
                  [(say(done, 'step %d' % done), time.sleep(0.05)) for done in range(41)]\n\
                  time.sleep(100)";
    let words = ["exec", "--background", "--", "python3", "-c", script];
    let id = world.run(&words).code(0).stdout.trim().to_owned();
    wait_until(|| world.json(&["run", "show", &id])["progress"] == 40);
    let shown = world.run(&["run", "show", &id]).code(0).stdout;
    assert!(shown.contains("40 %, step 40"), "{shown}");
    for look in [&["run", "list"][..], &["status"]] {
        let text = world.run(look).code(0).stdout;
        assert!(text.contains("(40 %, step 40)"), "{text}");
    }
    let mut told = Vec::new();
    while told.last() != Some(&json!(40)) {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if line["kind"] == "run.progressed" {
            assert_eq!(line["run_id"], id);
            told.push(line["progress"].clone());
        }
    }
    // Forty of them came within a few seconds.
    assert!(told.len() < 20, "{told:?}");
    following.kill().unwrap();
    following.wait().unwrap();
    world.run(&["run", "stop", &id]).code(0);
}

// The first cause is pinned at the end of what a failed run wrote.
#[test]
fn the_first_error_is_told_last() {
    let world = world();
    let script = "echo 'src/main.rs:3:5: error: expected `;`'; echo more; exit 1";
    world.run(&exec(&[], script)).code(1);
    let id = text(&ended(&world)["id"]);
    let logs = world.run(&["run", "logs", &id]).code(0);
    assert!(
        logs.stderr.contains("src/main.rs:3:5: expected `;`"),
        "{}",
        logs.stderr
    );
    let shown = world.run(&["run", "show", &id]).code(0).stdout;
    assert!(shown.contains("expected `;`"), "{shown}");
}

// W1: on a terminal the command has one of the same size, keys reach it, Ctrl-Z gives the shell back, and the terminal is as before
// at the end.
#[test]
fn a_command_on_a_terminal_has_one() {
    let world = world();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let resize = |ws_row, ws_col| {
        let size = Winsize {
            ws_row,
            ws_col,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
    };
    resize(40, 100);
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let open = || {
        std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap()
    };
    let terminal = open();
    let is_as_before = || {
        let modes = tcgetattr(&terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    };
    let script = "trap 'stty size' WINCH; trap 'exit 5' INT; stty size; read line; echo \"got $line\"; \
                  echo err >&2; while :; do sleep 0.05; done";
    let mut command = world.hyperion.command(&exec(&[], script));
    let mut running = command
        .env("TERM", "xterm")
        .stdin(open())
        .stdout(open())
        .stderr(open())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&running);
    let shown = Shown::of(master.try_clone().unwrap());
    shown.wait_for("40 100");
    assert!(!is_as_before());
    rustix::io::write(&master, b"hello\r").unwrap();
    shown.wait_for("got hello");
    shown.wait_for("err");
    resize(50, 120);
    kill_process(pid, Signal::WINCH).unwrap();
    shown.wait_for("50 120");
    rustix::io::write(&master, b"\x1a").unwrap();
    wait_until(|| is_stopped(running.id()));
    assert!(is_as_before());
    kill_process(pid, Signal::CONT).unwrap();
    wait_until(|| !is_as_before());
    rustix::io::write(&master, b"\x03").unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(5));
    assert!(is_as_before());
}

/// What a terminal shows.
struct Shown(Arc<Mutex<String>>);

impl Shown {
    fn of(master: OwnedFd) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = rustix::io::read(&master, &mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                kept.lock().unwrap().push_str(&text);
            }
        });
        Self(text)
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + SOON;
        while !self.0.lock().unwrap().contains(text) {
            let shown = self.0.lock().unwrap().clone();
            assert!(Instant::now() < deadline, "no {text:?} in {shown:?}");
            std::thread::yield_now();
        }
    }
}

fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('T'))
}

#[track_caller]
fn wait_until(mut wanted: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !wanted() {
        assert!(Instant::now() < deadline, "it never came to that");
        std::thread::yield_now();
    }
}
