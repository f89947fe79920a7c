//! A process that a check left behind, after the engine is gone.

use crate::world::World;
use hyperion_host::confine_this_thread;
use hyperion_testkit::{Finished, Hyperion, RequestFile, task, task_request};
use std::fs;

/// Does something as a process inside a run would: with "no new privileges".
fn confined(work: impl FnOnce() -> Finished + Send) -> Finished {
    std::thread::scope(|scope| {
        let confined = scope.spawn(|| {
            confine_this_thread().unwrap();
            work()
        });
        confined.join().unwrap()
    })
}

fn change() -> RequestFile {
    task_request("Say two")
        .class("bugfix")
        .task(task("T1", "two").replace("a.txt", "two\n"))
}

// S3: a process inside a run decides nothing, also when no engine is there to turn it away.
#[test]
fn a_confined_process_does_not_become_the_engine() {
    let world = World::new(&[("a.txt", "one\n")]);
    let approval = world.ask(&change()).approval;
    let approve = ["approval", "approve", &approval];

    let refused = confined(|| world.run(&approve)).code(4);
    assert!(
        refused
            .stderr
            .contains("such a process may not decide or change anything"),
        "{}",
        refused.stderr
    );
    confined(|| world.run(&["approval", "list"])).code(0);
    let shown = world
        .run(&["approval", "show", &approval, "--format", "json"])
        .code(0)
        .json();
    assert_eq!(shown["status"], "pending");

    // A person writes it into the file of a machine that puts the mark on everything; nothing else sets it.
    let variable = world
        .hyperion
        .clone()
        .env("HYPERION_ENGINE__ALLOW_CONFINED", "true");
    confined(|| variable.run(&approve)).code(2);
    world
        .run(&["config", "set", "engine.allow_confined", "true"])
        .code(2);
    let config = world.hyperion.home().join("config.toml");
    fs::write(&config, "[engine]\nallow_confined = true\n").unwrap();
    // An engine without the mark turns away who carries it.
    world.down();
    confined(|| world.run(&["approval", "approve", &approval, "--wait"])).code(0);
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
}

// S3: nor does it change what decides: settings, repositories, the home itself.
#[test]
fn a_confined_process_changes_nothing_that_decides() {
    let world = World::new(&[("a.txt", "one\n")]);
    let config = world.hyperion.home().join("config.toml");
    let before = fs::read(&config).ok();
    let elsewhere = world.hyperion.top().join("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    for refused in [
        &["config", "set", "policy.auto_approve.enabled", "true"][..],
        &["config", "set", "approval.ttl_sec", "60"],
        &["config", "set", "request.requires_approval", "false"],
        &["config", "set", "engine.allow_confined", "true"],
        &["config", "unset", "policy.paths.deny"],
        &["init"],
        &["repo", "add", "."],
        &["backup", elsewhere],
        &["restore", elsewhere, "--replace"],
        &["doctor", "--fix"],
        &["up"],
        &["down"],
    ] {
        let refused = confined(|| world.run(refused)).code(4);
        assert!(
            refused
                .stderr
                .contains("such a process may not decide or change anything"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(fs::read(&config).ok(), before);
    assert!(!fs::exists(elsewhere).unwrap());
}

// S3: where the mark tells nothing, the run's variable does, also when a process kills the engine and takes the variable off.
#[test]
fn what_descends_from_a_run_is_known_by_its_ancestors() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    fs::write(
        world.hyperion.home().join("config.toml"),
        "[engine]\nallow_confined = true\n",
    )
    .unwrap();
    let approval = world.ask(&change()).approval;
    world.start_engine();
    let shell = Hyperion::new("sh")
        .inside(world.repo.path())
        .env("HYPERION_HOME", world.hyperion.home())
        .env("HYPERION_RUN_ID", "1");
    let washed = format!(
        "kill -KILL {}; env -u HYPERION_RUN_ID {} approval approve {approval}; exit $?",
        world.engine().pid(),
        env!("CARGO_BIN_EXE_hyperion")
    );
    let refused = shell.run(&["-c", &washed]).code(4);
    assert!(
        refused.stderr.contains("belongs to a run"),
        "{}",
        refused.stderr
    );
    world.kill_engine();
    world.run(&["approval", "approve", &approval]).code(0);
}
