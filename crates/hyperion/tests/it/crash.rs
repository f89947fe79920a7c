//! Engines that are killed where they stand: nothing is lost, nothing lands twice.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, task, task_request};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}")).class("feature").task(
        task("T1", &format!("make {name}"))
            .create(&format!("made/{name}.txt"), &format!("{name}\n")),
    )
}

/// Always the same numbers: a failure can be looked at again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// How long nothing may happen before there is nothing left that could.
const SILENCE: Duration = Duration::from_secs(1);

/// Waits until so many more things happened, or nothing happens any more.
fn let_happen(world: &World, events: u64) {
    let after = world.list(&["events", "--limit", "1"])[0]["seq"].to_string();
    let arguments = ["events", "--follow", "--after", &after, "--format", "jsonl"];
    let mut feed = world
        .hyperion
        .command(&arguments)
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
    let mut seen = 0;
    while seen < events && happening.recv_timeout(SILENCE).is_ok() {
        seen += 1;
    }
    feed.kill().unwrap();
    feed.wait().unwrap();
}

// M1, M4, M5, S8: a check that lost its engine goes on, once, and its verdict counts; its change lands once.
#[test]
fn an_engine_killed_in_the_middle_of_a_check_is_made_up_for() {
    let check = "[checks]\ngate = \"echo $$ >> \\\"$HOME/pids\\\"; until test -f \\\"$HOME/go\\\"; do sleep 0.05; done\"\n";
    let mut world = World::up_with_home(&[("hyperion.toml", check)]);
    let home = world.hyperion.user_home();
    let asked = world.ask(&makes("a"));
    let approving = world
        .hyperion
        .start(&["approval", "approve", &asked.approval, "--wait"]);
    approving.wait_for("running     check gate", crate::world::SOON);
    world.kill_engine();
    // Whoever waited takes the lock itself, and watches the check on.
    fs::write(home.join("go"), "").unwrap();
    approving.wait(crate::world::SOON).code(0);
    let detail = world.request(&asked.request);
    let checks: Vec<_> = detail["summary"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| text(&check["result"]))
        .collect();
    assert_eq!(checks, ["passed"]);
    let pids = fs::read_to_string(home.join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 1, "it was started once");
    assert_eq!(world.repo.subjects("main"), ["make a", "Begin"]);
    world.assert_sound();
}

// C4, M1, M5, S8, X7: killed at any moment of a burst, again and again, every change lands exactly once;
// and the same when all of it is taken back.
#[test]
fn engines_killed_during_bursts_lose_and_double_nothing() {
    const CHANGES: usize = 6;
    const KILLS: usize = 4;
    let mut dice = Dice(20_261_121);
    let mut world = World::up(&[(
        "hyperion.toml",
        "[checks]\nfew = \"test -f hyperion.toml\"\n",
    )]);
    let requests: Vec<_> = (0..CHANGES)
        .map(|number| {
            let asked = world.ask(&makes(&number.to_string()));
            world.run(&["approval", "approve", &asked.approval]).code(0);
            asked.request
        })
        .collect();
    for _ in 0..KILLS {
        let_happen(&world, 1 + dice.below(25));
        world.kill_engine();
        world.start_engine();
    }
    world.stop_engine();
    world.run(&["drain"]).code(0);
    for request in &requests {
        assert_eq!(world.request(request)["status"], "completed");
    }
    let mut subjects = world.repo.subjects("main");
    subjects.sort();
    let mut expected: Vec<_> = (0..CHANGES)
        .map(|number| format!("make {number}"))
        .collect();
    expected.insert(0, "Begin".to_owned());
    assert_eq!(subjects, expected);
    assert_eq!(world.repo.files("main").len(), CHANGES + 1);
    world.assert_sound();

    world.start_engine();
    for request in &requests {
        world.run(&["rollback", request]).code(0);
    }
    for _ in 0..KILLS {
        let_happen(&world, 1 + dice.below(25));
        world.kill_engine();
        world.start_engine();
    }
    world.stop_engine();
    world.run(&["drain"]).code(0);
    for request in &requests {
        assert_eq!(world.request(request)["status"], "rolled_back");
    }
    assert_eq!(world.repo.files("main"), ["hyperion.toml"]);
    assert_eq!(world.repo.subjects("main").len(), 2 * CHANGES + 1);
    world.assert_sound();
}

// M5, S8: the command that was the engine itself is killed; the next one finds everything as it was.
#[test]
fn a_command_killed_while_it_was_the_engine_loses_nothing() {
    let mut world = World::new(&[("a.txt", "a\n")]);
    world.hyperion = world.hyperion.env("HYPERION_ENGINE__DETACH", "false");
    let file = makes("a").write_to(world.hyperion.user_home());
    let filing = world
        .hyperion
        .start(&["request", file.to_str().unwrap(), "--wait"]);
    filing.wait_for("asks", crate::world::SOON);
    filing.kill();
    filing.wait(crate::world::SOON);
    let waiting = world.list(&["approval", "list"]);
    assert_eq!(waiting.len(), 1);
    let approving =
        world
            .hyperion
            .start(&["approval", "approve", &text(&waiting[0]["id"]), "--wait"]);
    approving.wait_for("queued", crate::world::SOON);
    approving.kill();
    approving.wait(crate::world::SOON);
    world.run(&["drain"]).code(0);
    assert_eq!(world.repo.subjects("main"), ["make a", "Begin"]);
    world.assert_sound();
}
