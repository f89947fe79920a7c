//! Several terminals at once, with no engine up: whoever takes the lock works for all.

use crate::world::{SOON, World, asked, items, text};
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// A request that makes one file of its own.
fn makes(number: usize) -> RequestFile {
    let path = format!("made/{number}.txt");
    task_request(&format!("Make file {number}"))
        .class("feature")
        .task(task("T1", &format!("make file {number}")).create(&path, &format!("{number}\n")))
}

/// Files as many requests as there are terminals at the same moment, then approves them all at the same moment.
fn all_at_once(terminals: usize) {
    let world = World::new(&[("hyperion.toml", "[checks]\nfew = \"test -d made\"\n")]);
    let folder = world.hyperion.user_home();
    let files = (0..terminals).map(|number| {
        let file = folder.join(format!("{number}.json"));
        fs::write(&file, makes(number).text()).unwrap();
        file.to_str().unwrap().to_owned()
    });
    let waiting: Vec<_> = files
        .map(|file| {
            world
                .hyperion
                .start(&["request", &file, "--wait", "--format", "json"])
        })
        .collect();
    let asked: Vec<_> = waiting
        .into_iter()
        .map(|running| asked(&items(&running.wait(SOON).code(75).json())[0]))
        .collect();
    let different: BTreeSet<_> = asked.iter().map(|asked| &asked.request).collect();
    assert_eq!(different.len(), terminals, "each filed one of its own");

    let approving: Vec<_> = asked
        .iter()
        .map(|asked| {
            world.hyperion.start(&[
                "approval",
                "approve",
                &asked.approval,
                "--wait",
                "--format",
                "json",
            ])
        })
        .collect();
    let ended: Vec<Value> = approving
        .into_iter()
        .map(|running| items(&running.wait(SOON).code(0).json())[0].clone())
        .collect();

    // Nothing is lost and nothing is doubled: one commit and one file for each.
    let mut commits: Vec<_> = ended
        .iter()
        .map(|detail| {
            assert_eq!(
                detail["summary"]["landed"].as_array().map(Vec::len),
                Some(1),
                "{detail:#}"
            );
            text(&detail["summary"]["landed"][0]["commit"])
        })
        .collect();
    let history = world.repo.git(&["rev-list", "main~1"]);
    assert_eq!(history.lines().count(), terminals);
    let history = world.repo.git(&["rev-list", "main"]);
    let mut landed: Vec<_> = history.lines().take(terminals).map(str::to_owned).collect();
    landed.sort();
    commits.sort();
    assert_eq!(landed, commits);
    let mut expected: Vec<_> = (0..terminals)
        .map(|number| format!("made/{number}.txt"))
        .collect();
    expected.push("hyperion.toml".to_owned());
    expected.sort();
    assert_eq!(world.repo.files("main"), expected);
    assert_eq!(
        world
            .list(&["request", "list", "--status", "completed"])
            .len(),
        terminals
    );
    assert_eq!(
        world.json(&["queue-metrics"])["by_status"],
        json!({"landed": terminals})
    );
    world.assert_sound();
}

// R1, R5, M1, M5, W1: done when 3 of issue 3.
#[test]
fn three_terminals_work_through_whichever_took_the_lock() {
    all_at_once(3);
}

// R1, R5, M1, M5
#[test]
fn eight_terminals_work_through_whichever_took_the_lock() {
    all_at_once(8);
}

// W1: a command works through the engine that is up, and says who has the home.
#[test]
fn a_second_engine_is_refused_and_the_first_serves_on() {
    let world = World::up(&[("a.txt", "one\n")]);
    let second = world.run(&["up"]).code(1);
    assert_eq!(
        second.stderr,
        format!(
            "error: an engine is up already: process {}\nhint: every command uses it; stop it with Ctrl-C in its terminal\n",
            world.engine().pid()
        )
    );
    world.carry_out(&makes(1), 0);
    assert!(world.engine().is_running());
    world.assert_sound();
}
