//! A queue that a person stops and lets go on.

use crate::world::{World, text};
use hyperion_testkit::{task, task_request};

// M1, W8: stopped, it says so wherever the queue is looked at, and what waits for it; resumed, all of it lands.
#[test]
fn a_paused_queue_says_so_everywhere_until_it_is_resumed() {
    let mut world = World::up(&[("a.txt", "one\n")]);
    let name = text(&world.list(&["repo", "list"])[0]["name"]);
    let early = ["queue", "pause", "--repo", &name, "--reason", "soon"];
    world.run(&early).code(0);
    // Another reason takes the place of the first.
    let stop = ["queue", "pause", "--repo", &name, "--reason", "release day"];
    let paused = world.run(&stop).code(0).stdout;
    assert!(
        paused.starts_with(&format!("The queue of {name} is paused by ")),
        "{paused}"
    );
    assert!(paused.contains(": release day\n"), "{paused}");
    assert!(
        paused.contains(&format!("hyperion queue resume --repo {name}")),
        "{paused}"
    );

    let change = task_request("Land it").task(task("T1", "lands").create("b.txt", "1\n"));
    let asked = world.ask(&change);
    let approve = ["approval", "approve", &asked.approval, "--wait"];
    let waits = world.run(&approve).code(75);
    let is_said = |said: &str| {
        assert!(
            said.contains(&format!("queue of {name} is paused by ")),
            "{said}"
        );
        assert!(said.contains("release day"), "{said}");
    };
    is_said(&waits.stderr);
    world.stop_engine();
    world.start_engine();
    let id = asked.request;
    for look in [
        &["queue", "list"][..],
        &["status"],
        &["queue-metrics"],
        &["request", "show", &id],
    ] {
        is_said(&world.run(look).code(0).stdout);
    }
    is_said(&world.run(&["drain"]).code(0).stderr);
    let entry = &world.list(&["queue", "list"])[0];
    assert_eq!(
        (&entry["status"], &entry["cause"]),
        (&"queued".into(), &"paused".into())
    );

    let goes_on = world
        .run(&["queue", "resume", "--repo", &name])
        .code(0)
        .stdout;
    assert_eq!(goes_on.trim_end(), format!("The queue of {name} goes on."));
    world.request_when(&id, |detail| detail["status"] == "completed");
    let listed = world.run(&["queue", "list", "--format", "table"]).code(0);
    assert!(!listed.stdout.contains("is paused"), "{}", listed.stdout);
    let unknown = world.run(&["queue", "pause", "--repo", "nosuch"]).code(2);
    assert!(
        unknown
            .stderr
            .contains("no repository is called \"nosuch\""),
        "{}",
        unknown.stderr
    );
    world.assert_sound();
}
