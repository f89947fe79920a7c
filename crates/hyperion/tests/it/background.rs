//! The engine in the background: a command starts it and ends; it works on, and leaves when nobody needs it.

use crate::api::Api;
use crate::world::{CHECKS_SEE_HOME, SOON, World, text};
use hyperion_testkit::{Hyperion, RequestFile, TempRepo, eventually, task, task_request};
use std::fs;

/// A check that ends as soon as the test says so.
const GATE: &[(&str, &str)] = &[(
    "hyperion.toml",
    "[checks]\ngate = \"until test -f \\\"$HOME/go\\\"; do sleep 0.05; done\"\n",
)];

/// A home that knows a repository with these files, with the engine up that was started for that.
#[track_caller]
fn world(files: &[(&str, &str)]) -> World {
    let world = World::unknown(TempRepo::with_files(files));
    for (key, value) in CHECKS_SEE_HOME {
        world.run(&["config", "set", key, value]).code(0);
    }
    world.run(&["init"]).code(0);
    world
}

fn change() -> RequestFile {
    task_request("Say two")
        .class("feature")
        .task(task("T1", "say two").create("b.txt", "two\n"))
}

/// The process of the engine that is up, by its own word.
#[track_caller]
fn engine_of(world: &World) -> u32 {
    let health = Api::new(&world.hyperion).get("/healthz").unwrap().unwrap();
    u32::try_from(health["pid"].as_u64().unwrap()).unwrap()
}

#[track_caller]
fn assert_ends(pid: u32) {
    let process = format!("/proc/{pid}");
    assert!(
        eventually(SOON, || !fs::exists(&process).unwrap()),
        "process {pid} is still there"
    );
}

fn let_go(world: &World) {
    fs::write(world.hyperion.user_home().join("go"), "").unwrap();
}

// W1: a command ends with its last line; what it began goes on without it.
#[test]
fn a_command_ends_at_once_and_its_work_lands_anyway() {
    let world = self::world(GATE);
    let asked = world.ask(&change());
    world.run(&["approval", "approve", &asked.approval]).code(0);
    // The check still runs, and nobody is at a terminal.
    let engine = engine_of(&world);
    assert_eq!(world.hyperion.processes(), [engine]);
    let_go(&world);
    world.request_when(&asked.request, |detail| detail["status"] == "completed");
    assert_eq!(engine_of(&world), engine);
    assert_eq!(world.repo.show("main", "b.txt"), "two\n");
    world.assert_sound();
    // It keeps no folder of anybody's busy, and has no terminal.
    let folder = fs::read_link(format!("/proc/{engine}/cwd")).unwrap();
    assert_eq!(folder.to_str(), Some("/"));
    let session = fs::read_to_string(format!("/proc/{engine}/stat")).unwrap();
    let session = session
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(3);
    assert_eq!(session, Some(engine.to_string().as_str()));
}

// T1: whoever comes at the same moment works with the same engine.
#[test]
fn commands_that_start_at_once_share_one_engine() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    let started: Vec<_> = (0..6).map(|_| world.hyperion.start(&["init"])).collect();
    for command in started {
        command.wait(SOON).code(0);
    }
    let engine = engine_of(&world);
    assert!(eventually(SOON, || world.hyperion.processes() == [engine]));
    assert_eq!(world.list(&["repo", "list"]).len(), 1);
}

// O4: nobody needs it, so it leaves; the next command starts another.
#[test]
fn an_engine_that_nobody_needs_leaves() {
    let mut world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    world.hyperion = world.hyperion.env("HYPERION_ENGINE__IDLE_EXIT_SEC", "1");
    world.run(&["init"]).code(0);
    let first = engine_of(&world);
    assert_ends(first);
    assert!(!fs::exists(world.hyperion.home().join("socket")).unwrap());
    let said = fs::read_to_string(world.hyperion.home().join("engine.log")).unwrap();
    assert!(said.contains("needed by nobody any more"), "{said}");
    world.ask(&change());
    assert_ne!(engine_of(&world), first);
}

// W1: Ctrl-C ends who waits, and nothing else.
#[test]
fn whoever_stops_waiting_stops_nothing() {
    let world = self::world(GATE);
    let asked = world.ask(&change());
    let approve = ["approval", "approve", &asked.approval, "--wait"];
    let waiting = world.hyperion.start(&approve);
    waiting.wait_for("running     check gate", SOON);
    waiting.interrupt();
    let stopped = waiting.wait(SOON).code(130);
    assert!(
        stopped
            .stderr
            .contains("The work is kept: the engine carries it on by itself."),
        "{}",
        stopped.stderr
    );
    let_go(&world);
    let detail = world.request_when(&asked.request, |detail| detail["status"] == "completed");
    let checks = detail["summary"]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 1, "it was not interrupted: {checks:?}");
}

// T1: why there is no engine is told where the command was typed, in the same words as if it were the engine itself.
#[test]
fn why_an_engine_does_not_start_is_told() {
    let world = self::world(&[("a.txt", "one\n")]);
    world.down();
    fs::write(world.hyperion.home().join("key"), "no key\n").unwrap();
    let itself = world
        .hyperion
        .clone()
        .env("HYPERION_ENGINE__DETACH", "false");
    let (started, itself) = (world.run(&["init"]), itself.run(&["init"]));
    assert_eq!(started.exit(), Some(69), "{}", started.stderr);
    assert_eq!(started.stderr, itself.stderr);
    assert_eq!(world.hyperion.processes(), [0; 0]);
}

// T1: the engine in the foreground takes the place of one in the background, also while it is at work and somebody waits.
#[test]
fn an_engine_in_the_foreground_takes_over() {
    let mut world = self::world(GATE);
    let asked = world.ask(&change());
    let approve = ["approval", "approve", &asked.approval, "--wait"];
    let waiting = world.hyperion.start(&approve);
    waiting.wait_for("running     check gate", SOON);
    let background = engine_of(&world);
    world.start_engine();
    assert_eq!(engine_of(&world), world.engine().pid());
    assert_ends(background);
    let refused = world.run(&["down"]).code(1);
    assert!(
        refused
            .stderr
            .contains("stop it with Ctrl-C in its terminal"),
        "{}",
        refused.stderr
    );
    let_go(&world);
    waiting.wait(SOON).code(0);
    world.stop_engine();
    world.assert_sound();
}

// M5, S8: an engine that is killed while it starts leaves nothing that keeps the next one from starting.
#[test]
fn an_engine_killed_while_it_starts_is_made_up_for() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    for _ in 0..5 {
        let command = world.hyperion.start(&["init"]);
        let started = || {
            let found = world.hyperion.processes();
            found.into_iter().find(|pid| *pid != command.pid())
        };
        let mut engine = None;
        eventually(SOON, || {
            engine = started();
            engine.is_some() || !command.is_running()
        });
        if let Some(pid) = engine.and_then(|pid| i32::try_from(pid).ok()) {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        // It may have come as far as the answer, or not.
        let ended = command.wait(SOON);
        assert!(matches!(ended.exit(), Some(0 | 69)), "{}", ended.stderr);
    }
    world.run(&["init"]).code(0);
    assert_eq!(world.list(&["repo", "list"]).len(), 1);
    world.assert_sound();
}

// O4: settings count for the next command, although an engine of the old ones is still there.
#[test]
fn an_idle_engine_of_other_settings_makes_room() {
    let world = self::world(&[("a.txt", "one\n")]);
    let before = engine_of(&world);
    world
        .run(&["config", "set", "request.requires_approval", "false"])
        .code(0);
    world.run(&["init"]).code(0);
    let after = engine_of(&world);
    assert_ne!(after, before);
    world.run(&["init"]).code(0);
    assert_eq!(engine_of(&world), after, "with the same settings it stays");
    // It is at work under its own settings; whoever comes with others is told.
    let gated = self::world(GATE);
    let asked = gated.ask(&change());
    gated.run(&["approval", "approve", &asked.approval]).code(0);
    gated.run(&["config", "set", "merge.workers", "1"]).code(0);
    let told = gated.run(&["init"]).code(0);
    assert!(
        told.stderr.contains("was started with other settings"),
        "{}",
        told.stderr
    );
}

// T1: one command ends it, in good order, and says what it did.
#[test]
fn an_engine_is_ended_by_one_command() {
    let world = self::world(&[("a.txt", "one\n")]);
    let engine = engine_of(&world);
    let ended = world.run(&["down"]).code(0);
    assert!(
        ended
            .stderr
            .starts_with(&format!("The engine, process {engine}, has ended."))
    );
    assert_ends(engine);
    assert_eq!(world.run(&["down"]).code(0).stderr, "No engine is up.\n");
}

// T1: a home that is gone takes its engine with it.
#[test]
fn an_engine_ends_with_its_home() {
    let world = self::world(&[("a.txt", "one\n")]);
    let engine = engine_of(&world);
    fs::remove_dir_all(world.hyperion.home()).unwrap();
    assert_ends(engine);
}

// Where nothing may outlive a command, the command is the engine.
#[test]
fn without_a_background_the_command_is_the_engine_until_work_ends() {
    let mut world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    world.hyperion = world.hyperion.env("HYPERION_ENGINE__DETACH", "false");
    world.run(&["init"]).code(0);
    let detail = world.carry_out(&change(), 0);
    assert_eq!(text(&detail["status"]), "completed");
    assert_eq!(world.hyperion.processes(), [0; 0]);
}

// What the command was given by its caller is not kept open: a lock, a pipe of a build.
#[test]
fn an_engine_keeps_nothing_of_its_starters_open() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    let shell = Hyperion::new("sh")
        .inside(world.repo.path())
        .env("HYPERION_HOME", world.hyperion.home());
    let file = shell.top().join("held");
    let script = format!(
        "exec 9>{}; {} init",
        file.display(),
        env!("CARGO_BIN_EXE_hyperion")
    );
    shell.run(&["-c", &script]).code(0);
    let open = fs::read_dir(format!("/proc/{}/fd", engine_of(&world))).unwrap();
    let open = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    assert!(!open.into_iter().any(|of| of == file));
}
