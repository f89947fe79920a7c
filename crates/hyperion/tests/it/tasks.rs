//! Requests of several tasks, and whose turn it is.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};
use std::fs;

/// Each task's step: its status, and the reason where it has one.
fn steps(detail: &Value) -> Vec<Value> {
    let steps = detail["plan"]["steps"].as_array().unwrap().iter();
    steps
        .map(|step| json!([step["task_id"], step["status"], step["reason"]]))
        .collect()
}

/// Three tasks, the second on top of the first in the same file, the third after both.
fn stacked() -> RequestFile {
    task_request("Count")
        .class("feature")
        .task(
            task("three", "say three")
                .owns(&["c.txt"])
                .depends_on(&["one", "two"])
                .create("c.txt", "3\n"),
        )
        .task(
            task("one", "say one")
                .owns(&["a.txt"])
                .create("a.txt", "1\n"),
        )
        .task(
            task("two", "say two")
                .owns(&["a.txt", "b.txt"])
                .depends_on(&["one"])
                .rename("a.txt", "b.txt"),
        )
}

// R3, P1, M1, M5: in the order of their dependencies, each change on top of what it depends on.
#[test]
fn dependent_tasks_land_in_order() {
    let world = World::up(&[("README", "x\n")]);
    let request = task_request("Count")
        .class("feature")
        .task(
            task("two", "say two")
                .depends_on(&["one"])
                .modify("a.txt", "1\n", "1\n2\n"),
        )
        .task(task("one", "say one").create("a.txt", "1\n"));
    let detail = world.carry_out(&request, 0);
    assert_eq!(world.repo.subjects("main"), ["say two", "say one", "Begin"]);
    assert_eq!(world.repo.show("main", "a.txt"), "1\n2\n");
    assert_eq!(world.repo.show("main~1", "a.txt"), "1\n");
    assert_eq!(world.trailers("main", "Hyperion-Task"), ["two"]);
    assert_eq!(
        steps(&detail),
        [
            json!(["one", "completed", null]),
            json!(["two", "completed", null])
        ]
    );
    assert_eq!(
        detail["summary"]["approved_by"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(detail["plan"]["progress"]["percent"], 100);

    // One command takes both back.
    world
        .run(&["rollback", &text(&detail["id"]), "--wait"])
        .code(0);
    assert_eq!(world.repo.files("main"), ["README"]);
    assert_eq!(world.repo.subjects("main").len(), 4);
    world.assert_sound();
}

// R3, P1, R10: what depends on something that was rejected ends with it, and says so.
#[test]
fn a_rejected_dependency_ends_what_depends_on_it() {
    let world = World::up(&[("README", "x\n")]);
    let request = task_request("Count")
        .class("feature")
        .task(task("one", "say one").create("a.txt", "1\n"))
        .task(
            task("two", "say two")
                .depends_on(&["one"])
                .create("b.txt", "2\n"),
        )
        .task(task("other", "say other").create("other.txt", "o\n"));
    let asked = world.ask(&request);
    let waiting = world.list(&["approval", "list"]);
    let of = |summary: &str| {
        let found = waiting
            .iter()
            .find(|approval| approval["summary"] == summary);
        text(&found.unwrap_or_else(|| panic!("{summary} in {waiting:#?}"))["id"])
    };
    let (first, other) = (of("say one"), of("say other"));
    world.run(&["approval", "approve", &other]).code(0);
    world
        .run(&["approval", "reject", &first, "--reason", "nobody counts"])
        .code(0);
    let detail = world.request_when(&asked.request, |detail| detail["status"] == "partly_landed");
    assert_eq!(
        steps(&detail),
        [
            json!(["one", "failed", "rejected: nobody counts"]),
            json!([
                "two",
                "failed",
                "task one did not land, and this depends on it"
            ]),
            json!(["other", "completed", null]),
        ]
    );
    let whys: Vec<_> = detail["summary"]["not_landed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["task_id"], one["why"]]))
        .collect();
    assert_eq!(
        whys,
        [json!(["one", "rejected"]), json!(["two", "dependency"])]
    );
    assert_eq!(world.repo.files("main"), ["README", "other.txt"]);
    assert_eq!(
        world.list(&["approval", "list"]),
        [json!(null); 0],
        "nothing is asked any more"
    );
    world.assert_sound();
}

// M5, C4: all or nothing, in one commit that names every task.
#[test]
fn an_atomic_request_lands_as_one_commit() {
    let world = World::up(&[("README", "x\n")]);
    let detail = world.carry_out(&stacked().atomic(), 0);
    assert_eq!(world.repo.subjects("main"), ["Count", "Begin"]);
    assert_eq!(world.repo.files("main"), ["README", "b.txt", "c.txt"]);
    assert_eq!(
        world.trailers("main", "Hyperion-Task"),
        ["one", "two", "three"]
    );
    assert_eq!(world.trailers("main", "Hyperion-Change-Set").len(), 3);
    assert_eq!(world.trailers("main", "Hyperion-Entry").len(), 1);
    assert_eq!(detail["entries"].as_array().map(Vec::len), Some(1));
    world
        .run(&["rollback", &text(&detail["id"]), "--wait"])
        .code(0);
    assert_eq!(world.repo.files("main"), ["README"]);
    world.assert_sound();
}

// S3, R10: what is approved but waits for the others does not make the request look as if it went on.
#[test]
fn a_request_waits_while_only_a_person_can_go_on() {
    let world = World::up(&[("README", "x\n")]);
    for request in [stacked().atomic(), stacked()] {
        let asked = world.ask(&request);
        let mut waiting = world.list(&["approval", "list"]);
        waiting.retain(|approval| approval["summary"] != "say one");
        for approval in &waiting {
            let id = text(&approval["id"]);
            let ended = world
                .run(&["approval", "approve", &id, "--wait", "--format", "json"])
                .code(75);
            assert_eq!(
                crate::world::items(&ended.json())[0]["status"],
                "awaiting_approval"
            );
        }
        world.run(&["request", "cancel", &asked.request]).code(0);
    }
}

// C4: one part that is refused keeps every part away.
#[test]
fn an_atomic_request_with_a_rejected_part_lands_nothing() {
    let world = World::up(&[("README", "x\n")]);
    let asked = world.ask(&stacked().atomic());
    for (at, approval) in world.list(&["approval", "list"]).iter().enumerate() {
        let verb = if at == 0 { "reject" } else { "approve" };
        // Once one is rejected the others are not asked any more, which may be faster than we are.
        world.run(&["approval", verb, &text(&approval["id"])]);
    }
    let detail = world.request_when(&asked.request, |detail| detail["status"] == "failed");
    assert_eq!(world.repo.files("main"), ["README"]);
    assert_eq!(detail["summary"]["landed"], json!([]));
    assert_eq!(
        detail["summary"]["not_landed"].as_array().map(Vec::len),
        Some(3)
    );
    world.assert_sound();
}

// C4, M4: an atomic request is checked as a whole.
#[test]
fn an_atomic_request_that_fails_a_check_lands_nothing() {
    let world = World::up(&[("hyperion.toml", "[checks]\nno-c = \"! test -f c.txt\"\n")]);
    let detail = world.carry_out(&stacked().atomic(), 1);
    assert_eq!(world.repo.subjects("main"), ["Begin"]);
    assert_eq!(
        detail["summary"]["not_landed"].as_array().map(Vec::len),
        Some(3)
    );
    world.assert_sound();
}

// M1: first in, first out within a priority; the urgent one goes before what already waits.
#[test]
fn the_urgent_goes_first_among_those_that_wait() {
    let check = "[checks]\ngate = \"until test -f \\\"$HOME/go\\\"; do sleep 0.05; done\"\n";
    let world = World::up_with_home(&[("hyperion.toml", check)]);
    let home = world.hyperion.user_home();
    let make = |name: &str, priority: &str| {
        task_request(name)
            .class("feature")
            .priority(priority)
            .task(task("T1", name).create(&format!("{name}.txt"), "x\n"))
    };
    let approve = |name: &str, priority: &str| {
        let asked = world.ask(&make(name, priority));
        world.run(&["approval", "approve", &asked.approval]).code(0);
        asked.request
    };
    let first = approve("first", "low");
    world.request_when(&first, |detail| {
        detail["entries"][0]["status"] == "checking"
    });
    let mut requests = vec![first];
    for (name, priority) in [
        ("low", "low"),
        ("medium", "medium"),
        ("again-medium", "medium"),
        ("critical", "critical"),
    ] {
        let id = approve(name, priority);
        world.request_when(&id, |detail| detail["entries"][0]["status"] == "queued");
        requests.push(id);
    }
    let listed = world.list(&["queue", "list", "--status", "queued"]);
    assert_eq!(listed.len(), 4);
    fs::write(home.join("go"), "").unwrap();
    for request in &requests {
        world.request_when(request, |detail| detail["status"] == "completed");
    }
    assert_eq!(
        world.repo.subjects("main"),
        [
            "low",
            "again-medium",
            "medium",
            "critical",
            "first",
            "Begin"
        ]
    );
    world.assert_sound();
}

// R3, M1, M2 (in order, one lane): tasks that share nothing land one after the other, as they were asked for.
#[test]
fn disjoint_tasks_land_in_their_order() {
    let repo = TempRepo::with_files(&[("README", "x\n")]);
    let world = World::up_with(repo, &[("policy.auto_approve.enabled", "true")]);
    let names = ["one", "two", "three", "four"];
    let request = names.iter().fold(
        task_request("Count").class("docs").requires_approval(false),
        |request, name| {
            request.task(
                task(name, &format!("say {name}"))
                    .owns(&[&format!("docs/{name}.md")])
                    .create(&format!("docs/{name}.md"), "x\n"),
            )
        },
    );
    let detail = world.file_to_end(&request, 0);
    let mut subjects = world.repo.subjects("main");
    subjects.reverse();
    assert_eq!(
        subjects,
        ["Begin", "say one", "say two", "say three", "say four"]
    );
    assert_eq!(
        detail["summary"]["landed"].as_array().map(Vec::len),
        Some(4)
    );
    world
        .run(&["rollback", &text(&detail["id"]), "--wait"])
        .code(0);
    assert_eq!(world.repo.files("main"), ["README"]);
    world.assert_sound();
}

// R3, R5, S3: it stops to ask only when all of it that can be asked is there to be looked at.
#[test]
fn every_question_of_a_request_is_asked_before_it_waits() {
    let world = World::up(&[("a.txt", "0\n")]);
    let request = (1..=10).fold(task_request("Count").class("feature"), |request, number| {
        let before = format!("t{}", number - 1);
        let on: &[&str] = if number > 1 { &[&before] } else { &[] };
        request.task(
            task(&format!("t{number}"), &format!("say {number}"))
                .depends_on(on)
                .replace("a.txt", &format!("{number}\n")),
        )
    });
    let detail = world.file_to_end(&request, 75);
    assert_eq!(detail["status"], "awaiting_approval");
    assert_eq!(
        detail["waiting_approvals"].as_array().map(Vec::len),
        Some(10)
    );
}
