//! What waits for a person reaches them.

use std::time::Duration;

use hyperion_testkit::{Hook, RequestFile, TempRepo, task, task_request};
use serde_json::Value;

use crate::world::{SOON, World, short};

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

fn told(hook: &Hook, count: usize) -> Value {
    let posted = hook.posted(count, SOON);
    serde_json::from_str(&posted[count - 1].body).unwrap()
}

fn world(hook: &Hook, more: &[(&str, &str)]) -> World {
    let mut settings = vec![("notify.webhook_url", hook.url())];
    settings.extend(more);
    World::up_with(TempRepo::with_files(&[("a.txt", "a\n")]), &settings)
}

// S3: a question is told, signed, once the moment in which it may be decided has passed.
#[test]
fn a_question_is_told_by_the_webhook() {
    let hook = Hook::answering(&[503]);
    let world = world(
        &hook,
        &[("notify.dwell_sec", "0"), ("notify.on", "needs_me,done")],
    );
    let asked = world.ask(&makes("one"));
    // The first answer was 503: it is sent again, as the same message.
    let message = told(&hook, 2);
    let posted = hook.posted(2, SOON);
    assert_eq!(posted[0].body, posted[1].body);
    assert_eq!(message["items"][0]["kind"], "needs_me");
    assert_eq!(message["items"][0]["id"], asked.approval.as_str());
    let command = format!("hyperion approval show {}", short(&asked.approval));
    assert_eq!(message["command"], command.as_str());
    world.assert_sound();
}

// S3: what is decided at once is not told; an engine that leaves tells what is left.
#[test]
fn what_is_decided_is_not_told_and_what_is_left_is_told_at_the_end() {
    let hook = Hook::answering(&[]);
    let mut world = world(
        &hook,
        &[("notify.dwell_sec", "3600"), ("notify.on", "needs_me")],
    );
    let decided = world.ask(&makes("one"));
    world.approve(&decided, 0);
    let left = world.ask(&makes("two"));
    world.stop_engine();
    let message = told(&hook, 1);
    assert_eq!(message["items"].as_array().unwrap().len(), 1, "{message:#}");
    assert_eq!(message["items"][0]["id"], left.approval.as_str());
    // Told is told: the next engine does not do it again.
    world.start_engine();
    world.stop_engine();
    assert_eq!(hook.posted(1, Duration::ZERO).len(), 1);
}

// S3: an engine that was killed before it told of a question leaves that to the next.
#[test]
fn a_killed_engine_forgets_no_question() {
    let hook = Hook::answering(&[]);
    let mut world = world(
        &hook,
        &[("notify.dwell_sec", "3600"), ("notify.on", "needs_me")],
    );
    let asked = world.ask(&makes("one"));
    world.kill_engine();
    world
        .run(&["config", "set", "notify.dwell_sec", "0"])
        .code(0);
    world.start_engine();
    assert_eq!(told(&hook, 1)["items"][0]["id"], asked.approval.as_str());
}

// S3: whether messages arrive can be tried, and the doctor says why they do not.
#[test]
fn a_test_says_whether_messages_arrive() {
    let hook = Hook::answering(&[]);
    let mut world = world(&hook, &[]);
    let sent = world.run(&["notify", "test"]).code(0);
    assert_eq!(sent.stdout, "webhook: sent\n");
    let doctor = world.run(&["doctor"]).code(0).stdout;
    assert!(
        doctor.contains("told by a webhook at 127.0.0.1"),
        "{doctor}"
    );
    world
        .run(&[
            "config",
            "set",
            "notify.webhook_secret_file",
            "/nowhere/secret",
        ])
        .code(0);
    world.stop_engine();
    world.start_engine();
    let failed = world.run(&["notify", "test"]).code(1);
    assert!(
        failed.stdout.contains("/nowhere/secret"),
        "{}",
        failed.stdout
    );
    let doctor = world.run(&["doctor"]).stdout;
    assert!(doctor.contains("/nowhere/secret"), "{doctor}");
    let plain = ["config", "set", "notify.webhook_url", "http://example.org/"];
    let refused = world.run(&plain).code(2);
    assert!(refused.stderr.contains("https"), "{}", refused.stderr);
}
