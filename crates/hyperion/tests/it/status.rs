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
