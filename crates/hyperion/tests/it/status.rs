//! What a person looks for first.

use crate::world::World;
use hyperion_testkit::{task, task_request};

// W8 (status): what waits, what is stuck and why, and what landed since the last look.
#[test]
fn status_tells_what_waits_what_is_stuck_and_what_is_new() {
    let world = World::up(&[("a.txt", "one\n")]);
    let status = || world.run(&["status"]).code(0).stdout;
    let shown = status();
    assert!(shown.starts_with("Nothing waits for you"), "{shown}");

    let change = |id: &str, text: &str| task(id, id).create(&format!("{id}.txt"), text);
    let landing = task_request("Land it").task(change("lands", "1\n"));
    let failing = task_request("Fail it").task(change("fails", "1\n").check("false"));
    let waiting = task_request("Wait").task(change("waits", "1\n"));
    world.carry_out(&landing, 0);
    world.carry_out(&failing, 1);
    world.ask(&waiting);
    world.file(&task_request("Do something"));
    let shown = status();
    let parts = [
        "Waits for you",
        "waits",
        "Asks you",
        "Do something",
        "Is stuck",
        "quarantined  fails",
        "check \"false\" failed",
        "Landed in the last",
        "lands",
        "The engine is up.",
    ];
    let mut rest = shown.as_str();
    for part in parts {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("no {part:?} in its place: {shown}"));
        rest = &rest[at..];
    }
    // What was seen is not new; what waits still waits, and a script's look changes nothing.
    let shown = status();
    assert!(
        !shown.contains("Landed") && shown.contains("Waits for you"),
        "{shown}"
    );
    let all = world.json(&["status", "--since", "1h"]);
    assert_eq!(all["landed"][0]["title"], "lands");
    assert_eq!(all["engine"], true);
}

// W8: what cannot land as it is and was corrected since is shown apart, and a person clears it.
#[test]
fn what_was_corrected_since_is_not_stuck() {
    let world = World::up(&[("a.txt", "one\n")]);
    let status = || world.run(&["status"]).code(0).stdout;
    let change = || task("T1", "add it").create("b.txt", "1\n");
    let failed = task_request("Add it").task(change().check("false"));
    let failed = world.carry_out(&failed, 1);
    let shown = status();
    let (stuck, remedy) = ("Is stuck", "queue retry or queue cancel");
    assert!(shown.contains(stuck) && shown.contains(remedy), "{shown}");

    let other = task_request("Add another").task(task("T1", "another").create("c.txt", "1\n"));
    world.carry_out(&other, 0);
    assert!(status().contains("Is stuck"));
    let right = task_request("Add it right").task(change());
    let commit = world.carry_out(&right, 0)["summary"]["landed"][0]["commit"].clone();
    let shown = status();
    assert!(
        !shown.contains("Is stuck")
            && shown.contains("Was corrected since")
            && shown.contains(&commit.as_str().unwrap()[..10]),
        "{shown}"
    );
    let entry = failed["entries"][0]["id"].as_str().unwrap();
    world.run(&["queue", "cancel", entry]).code(0);
    assert!(!status().contains("Was corrected since"));
}
