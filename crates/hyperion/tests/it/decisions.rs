//! What people decide: about a change, about parts of it, once, in time.

use crate::world::{World, items, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};

fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(|number| format!("{number}\n")).collect()
}

/// Two hunks in one file, and another file.
fn parts() -> RequestFile {
    let old = lines(1..=20);
    let new = old
        .replace("\n2\n", "\ntwo\n")
        .replace("\n18\n", "\neighteen\n");
    task_request("Say it in words").class("feature").task(
        task("T1", "say it in words")
            .modify("count.txt", &old, &new)
            .create("extra.txt", "extra\n"),
    )
}

fn simple() -> RequestFile {
    task_request("Say more")
        .class("feature")
        .task(task("T1", "say more").create("more.txt", "more\n"))
}

/// The question that waits now, once it is of this generation.
fn question(world: &World, request: &str, generation: u32) -> Value {
    let detail = world.request_when(request, |detail| {
        detail["status"] == "awaiting_approval"
            && detail["approvals"]
                .as_array()
                .unwrap()
                .iter()
                .any(|approval| {
                    approval["generation"] == generation && approval["status"] == "pending"
                })
    });
    let mut asked = detail["approvals"].as_array().unwrap().iter();
    asked
        .find(|approval| approval["generation"] == generation)
        .cloned()
        .unwrap()
}

// C2, C3, S3: only accepted parts land, and what is asked is always what would land.
#[test]
fn a_rejected_hunk_is_asked_anew_without_it_and_does_not_land() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let asked = world.ask(&parts());
    let first = world.json(&["approval", "show", &asked.approval]);
    let change = text(&first["change_set_id"]);
    let shown = world.json(&["changes", "show", &change]);
    let read = world.run(&["changes", "show", &change]).code(0).stdout;
    for part in [
        "1:1  @@",
        "1:2  @@",
        "2:1  @@",
        "lands when the change is approved",
    ] {
        assert!(read.contains(part), "{part} in {read}");
    }
    let hunks = shown["items"][0]["hunks"].as_array().unwrap();
    assert_eq!(hunks.len(), 2);
    assert_eq!(
        (&shown["additions"], &shown["deletions"]),
        (&json!(3), &json!(2))
    );

    world
        .run(&["changes", "reject", &change, "--hunk", "count.txt:1"])
        .code(0);
    let second = question(&world, &asked.request, 2);
    assert_ne!(second["digest"], first["digest"]);
    let diff = world.json(&["approval", "show", &text(&second["id"])]);
    let diff = text(&diff["diff"]);
    assert!(
        diff.contains("+eighteen") && !diff.contains("+two"),
        "{diff}"
    );

    // The first question is over; an answer to it, or to what it asked, decides nothing.
    let first = world.json(&["approval", "show", &asked.approval]);
    assert_eq!(first["status"], "cancelled");
    let late = world.run(&["approval", "approve", &asked.approval]).code(3);
    assert!(late.stderr.starts_with("error: "), "{}", late.stderr);
    let stale = [
        "approval",
        "approve",
        &text(&second["id"]),
        "--digest",
        &text(&first["digest"]),
    ];
    let stale = world.run(&stale).code(3);
    assert!(
        stale.stderr.contains("hyperion approval show"),
        "{}",
        stale.stderr
    );
    assert_eq!(question(&world, &asked.request, 2)["status"], "pending");

    let landed = [
        "approval",
        "approve",
        &text(&second["id"]),
        "--wait",
        "--format",
        "json",
    ];
    let landed = items(&world.run(&landed).code(0).json())[0].clone();
    assert_eq!(
        world.repo.show("main", "count.txt"),
        lines(1..=20).replace("\n18\n", "\neighteen\n")
    );
    assert_eq!(world.repo.show("main", "extra.txt"), "extra\n");
    let size = &landed["summary"]["landed"][0];
    assert_eq!(
        (&size["additions"], &size["deletions"]),
        (&json!(2), &json!(1))
    );
    world.assert_sound();
}

// C3: by item, and back again; what nobody accepts is rejected as a whole.
#[test]
fn items_are_rejected_and_accepted_again() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let asked = world.ask(&parts());
    let change = text(&world.request(&asked.request)["change_sets"][0]["id"]);
    world
        .run(&["changes", "reject", &change, "--item", "1"])
        .code(0);
    question(&world, &asked.request, 2);
    world
        .run(&["changes", "reject", &change, "--item", "extra.txt"])
        .code(0);
    let detail = world.request_when(&asked.request, |detail| detail["status"] == "failed");
    let not_landed = &detail["summary"]["not_landed"][0];
    assert_eq!(not_landed["why"], "rejected");
    assert_eq!(not_landed["detail"], "every part of it was rejected");
    assert_eq!(world.list(&["approval", "list"]), [json!(null); 0]);

    let asked = world.ask(&parts());
    let change = text(&world.request(&asked.request)["change_sets"][0]["id"]);
    world
        .run(&["changes", "reject", &change, "--item", "1"])
        .code(0);
    question(&world, &asked.request, 2);
    world
        .run(&["changes", "accept", &change, "--hunk", "1:2"])
        .code(0);
    let third = question(&world, &asked.request, 3);
    world
        .run(&["approval", "approve", &text(&third["id"]), "--wait"])
        .code(0);
    assert_eq!(
        world.repo.show("main", "count.txt"),
        lines(1..=20).replace("\n18\n", "\neighteen\n")
    );
    let none = world
        .run(&["changes", "reject", &change, "--item", "nothing"])
        .code(5);
    assert!(none.stderr.contains("1. count.txt"), "{}", none.stderr);
    let none = world
        .run(&["changes", "reject", &change, "--hunk", "1:3"])
        .code(5);
    assert!(none.stderr.contains("no hunk 3"), "{}", none.stderr);
    world.assert_sound();
}

// S3: the first decision wins; whoever comes later is told who was faster and when.
#[test]
fn the_first_decision_wins() {
    let world = World::up(&[("a.txt", "one\n")]);
    let asked = world.ask(&simple());
    world.approve(&asked, 0);
    let decided_at = text(&world.json(&["approval", "show", &asked.approval])["decided_at"]);
    for verb in ["approve", "reject"] {
        let late = world.run(&["approval", verb, &asked.approval]).code(3);
        assert!(
            late.stderr.contains("ada at 20") && !late.stderr.contains(&decided_at),
            "{}",
            late.stderr
        );
    }
    assert_eq!(world.repo.subjects("main"), ["say more", "Begin"]);

    // Many at once: one wins.
    let asked = world.ask(
        &task_request("Once")
            .class("feature")
            .task(task("T1", "once").create("once.txt", "1\n")),
    );
    let racing: Vec<_> = (0..4)
        .map(|number| {
            let verb = if number % 2 == 0 { "approve" } else { "reject" };
            world.hyperion.start(&["approval", verb, &asked.approval])
        })
        .collect();
    let mut exits: Vec<_> = racing
        .into_iter()
        .map(|running| running.wait(crate::world::SOON).exit().unwrap())
        .collect();
    exits.sort_unstable();
    assert_eq!(exits, [0, 3, 3, 3]);
    world.request_when(&asked.request, |detail| {
        detail["status"] == "completed" || detail["status"] == "failed"
    });
    world.assert_sound();
}

// S3, S5, R10: whoever asked is told why not.
#[test]
fn a_rejection_tells_its_reason() {
    let world = World::up(&[("a.txt", "one\n")]);
    let before = world.repo.tip("main");
    let asked = world.ask(&simple());
    let rejecting = [
        "approval",
        "reject",
        &asked.approval,
        "--reason",
        "not this release",
        "--wait",
    ];
    let ended = world.run(&rejecting).code(1);
    assert!(
        ended.stdout.contains("rejected: not this release"),
        "{}",
        ended.stdout
    );
    let detail = world.request(&asked.request);
    assert_eq!(
        json!([
            detail["status"],
            detail["summary"]["not_landed"][0]["why"],
            detail["approvals"][0]["decided_by"]
        ]),
        json!(["failed", "rejected", "ada"])
    );
    assert_eq!(world.repo.tip("main"), before);
    world.assert_sound();
}

// S6, R10: nobody decided in time; that is neither a yes nor a no, and the work ends.
#[test]
fn a_question_expires() {
    let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
    let world = World::up_with(repo, &[("approval.ttl_sec", "1")]);
    let request = simple().idempotency_key("once");
    let asked = world.ask(&request);
    let detail = world.request_when(&asked.request, |detail| !detail["summary"].is_null());
    assert_eq!(detail["approvals"][0]["status"], "expired");
    let not_landed = &detail["summary"]["not_landed"][0];
    assert_eq!(
        json!([not_landed["why"], not_landed["detail"], not_landed["next"]]),
        json!([
            "expired",
            "nobody decided in time",
            "to ask anew, file it again (`hyperion request FILE`, or `--branch NAME`)"
        ])
    );
    // The key finds the same request, and its end is the exit status.
    let again = world.file_with(&request, &["--wait"]).code(76);
    assert_eq!(items(&again.json())[0]["id"], json!(asked.request));
    let late = world.run(&["approval", "approve", &asked.approval]).code(3);
    assert!(late.stderr.contains("expired"), "{}", late.stderr);
    assert_eq!(world.repo.subjects("main"), ["Begin"]);
    let kinds = world.list(&["events", "--request", &asked.request, "--limit", "1000"]);
    let kinds: Vec<_> = kinds.iter().map(|event| text(&event["kind"])).collect();
    let at = |kind: &str| kinds.iter().position(|known| known == kind);
    assert!(
        at("approval.expiring") < at("approval.expired") && at("approval.expiring").is_some(),
        "{kinds:?}"
    );
    world.assert_sound();
}
