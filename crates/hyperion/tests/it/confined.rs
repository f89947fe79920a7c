//! A process that a check left behind, after the engine is gone.

use crate::world::World;
use hyperion_host::confine_this_thread;
use hyperion_testkit::{Finished, task, task_request};

/// Runs the program as a process inside a run would: with "no new privileges".
fn run_confined(world: &World, arguments: &[&str]) -> Finished {
    std::thread::scope(|scope| {
        let confined = scope.spawn(|| {
            confine_this_thread().unwrap();
            world.run(arguments)
        });
        confined.join().unwrap()
    })
}

// S3: a process inside a run decides nothing, also when no engine is there to turn it away.
#[test]
fn a_confined_process_does_not_become_the_engine() {
    let world = World::new(&[("a.txt", "one\n")]);
    let change = task_request("Say two")
        .class("bugfix")
        .task(task("T1", "two").replace("a.txt", "two\n"));
    let file = change.write_to(world.hyperion.home().parent().unwrap());
    let asked = world
        .run(&["request", file.to_str().unwrap(), "--wait"])
        .code(75);
    let approval = asked
        .stderr
        .split_whitespace()
        .find(|word| word.len() == 37 && word.ends_with('.'));
    let approval = approval.unwrap().trim_end_matches('.');

    let refused = run_confined(&world, &["approval", "approve", approval]).code(4);
    assert!(
        refused.stderr.contains("such a process decides nothing"),
        "{}",
        refused.stderr
    );
    run_confined(&world, &["approval", "list"]).code(0);
    let shown = world
        .run(&["approval", "show", approval, "--format", "json"])
        .code(0)
        .json();
    assert_eq!(shown["status"], "pending");

    world
        .run(&["config", "set", "engine.allow_confined", "true"])
        .code(0);
    run_confined(&world, &["approval", "approve", approval]).code(0);
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
}
