//! What was sent back for changes: a new version takes its place, and is asked anew.

use crate::world::{World, asked, items, text};
use hyperion_testkit::{Finished, RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};

fn simple() -> RequestFile {
    task_request("Say more")
        .class("feature")
        .task(task("T1", "say more").create("more.txt", "more\n"))
}

/// A new version of T1 that makes this file.
fn makes(path: &str, content: &str) -> Value {
    json!({"id": "T1", "changes": [{"operation": "create", "path": path, "content": content}]})
}

#[track_caller]
fn send_back(world: &World, approval: &str, wanted: &str) {
    let arguments = ["approval", "request-changes", approval, "--reason", wanted];
    world.run(&arguments).code(0);
}

fn revise(world: &World, request: &str, version: &Value) -> Finished {
    let arguments = [
        "request", "revise", request, "-", "--wait", "--format", "json",
    ];
    world
        .hyperion
        .run_with_input(&arguments, version.to_string())
}

fn statuses(detail: &Value, of: &str) -> Vec<String> {
    let all = detail[of].as_array().unwrap().iter();
    all.map(|one| text(&one["status"])).collect()
}

// S3, C3: sent back with a comment the request stays open; each new version has a question and a digest of its own, the
// old decision stays in the record, and only the last version lands.
#[test]
fn a_new_version_takes_the_place_of_what_was_sent_back() {
    let world = World::up(&[("a.txt", "one\n")]);
    let first = world.ask(&simple());
    let empty = world.run(&["approval", "request-changes", &first.approval, " "]);
    assert_eq!(
        empty.code(2).stderr,
        "error: say what should be different\n"
    );
    let early = revise(&world, &first.request, &makes("less.txt", "less\n")).code(1);
    assert!(
        early.stderr.contains("waits for a new version"),
        "{}",
        early.stderr
    );
    send_back(&world, &first.approval, "name it less.txt");
    let open = world.request_when(&first.request, |detail| {
        detail["change_sets"][0]["status"] == "changes_requested"
            && detail["status"] == "awaiting_approval"
    });
    assert_eq!(open["change_sets"][0]["reason"], "name it less.txt");
    let shown = world
        .run(&["request", "show", &first.request])
        .code(0)
        .stdout;
    assert!(
        shown.contains("(name it less.txt): hyperion request revise"),
        "{shown}"
    );
    let status = world.run(&["status"]).code(0).stdout;
    assert!(
        status.contains("Was sent back") && status.contains("name it less.txt"),
        "{status}"
    );

    let second = revise(
        &world,
        &first.request,
        &json!({"tasks": [makes("less.txt", "less\n")]}),
    );
    let detail = items(&second.code(75).json())[0].clone();
    let second = asked(&detail);
    let digests: Vec<_> = detail["approvals"].as_array().unwrap().iter().collect();
    assert_ne!(digests[0]["digest"], digests[1]["digest"]);
    assert_eq!(
        json!([
            digests[0]["status"],
            digests[0]["changes_requested"],
            digests[1]["status"]
        ]),
        json!(["rejected", true, "pending"])
    );
    assert_eq!(
        statuses(&detail, "change_sets"),
        ["superseded", "previewing"]
    );
    let change = text(&detail["change_sets"][1]["id"]);
    assert_eq!(
        detail["change_sets"][1]["supersedes"],
        detail["change_sets"][0]["id"]
    );
    let diff = world
        .run(&["changes", "show", &change, "--against-former"])
        .code(0)
        .stdout;
    assert!(diff.contains("-more") && diff.contains("+less"), "{diff}");
    let shown = world
        .run(&["approval", "show", &second.approval])
        .code(0)
        .stdout;
    assert!(shown.contains("--against-former"), "{shown}");

    // Once more, as an agent hands it in.
    send_back(&world, &second.approval, "say least");
    world.request_when(&first.request, |detail| {
        detail["change_sets"][1]["status"] == "changes_requested"
    });
    let version = json!({
        "schema": "hyperion.change_request/v1", "task_id": "T1", "request_id": first.request,
        "agent": "scripted", "base_commit": world.repo.tip("main"), "summary": "say least",
        "changes": makes("least.txt", "least\n")["changes"],
    });
    let third = revise(&world, &first.request, &version).code(75);
    let third = asked(&items(&third.json())[0]);
    let detail = world.approve(&third, 0);
    assert_eq!(
        statuses(&detail, "change_sets"),
        ["superseded", "superseded", "landed"]
    );
    assert_eq!(world.repo.show("main", "least.txt"), "least\n");
    assert_eq!(world.repo.subjects("main"), ["say least", "Begin"]);
    world.assert_sound();
}

// S3, R5: a new version changes what was sent back and nothing else; what is wrong is told with its place.
#[test]
fn a_new_version_says_nothing_else() {
    let world = World::up(&[("a.txt", "one\n")]);
    let request = simple().task(task("T2", "say even more").create("even.txt", "even\n"));
    let first = world.ask(&request);
    send_back(&world, &first.approval, "not so");
    world.request_when(&first.request, |detail| {
        statuses(detail, "change_sets").contains(&"changes_requested".to_owned())
    });
    let detail = world.request(&first.request);
    let sets = detail["change_sets"].as_array().unwrap();
    let back = sets
        .iter()
        .find(|set| set["status"] == "changes_requested")
        .unwrap();
    let (back, other) = match text(&back["task_id"]).as_str() {
        "T1" => ("T1", "T2"),
        _ => ("T2", "T1"),
    };
    let task = |id: &str, more: Value| {
        let mut task = makes("new.txt", "new\n");
        task["id"] = json!(id);
        for (name, value) in more.as_object().unwrap() {
            task[name.as_str()] = value.clone();
        }
        task
    };
    let with_title = request.clone().set("title", "Say less").json();
    let same = request.json()["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|task| task["id"] == back)
        .cloned()
        .unwrap();
    for (version, said) in [
        (json!({"tasks": []}), "has no task"),
        (json!({"id": back}), "/changes: is missing"),
        (task(other, json!({})), "was not sent back"),
        (task("T9", json!({})), "is no task of the request"),
        (
            task(back, json!({"depends_on": [other]})),
            "/depends_on: a new version keeps",
        ),
        (
            task(back, json!({"surprise": 1})),
            "/surprise: unknown field",
        ),
        (task(back, json!({"changes": []})), "/changes: is empty"),
        (
            task(back, json!({"made_by": {"agent": "mallory"}})),
            "/made_by: is noted by Hyperion",
        ),
        (with_title, "/title: is not as it was filed"),
        (
            json!([same]),
            "/0/changes: come to exactly what was sent back",
        ),
        (
            json!([task(
                back,
                json!({"changes": [{"operation": "delete", "path": "no.txt"}]})
            )]),
            "/0/changes/0",
        ),
        (
            json!({"schema": "x"}),
            "/schema: \\\"x\\\" is not known here",
        ),
    ] {
        let refused = revise(&world, &first.request, &version).code(2);
        assert!(
            refused.stderr.contains(said),
            "{said} in {}",
            refused.stderr
        );
    }
    let detail = world.request(&first.request);
    assert!(statuses(&detail, "change_sets").contains(&"changes_requested".to_owned()));
    world.run(&["request", "cancel", &first.request]).code(0);
    world.assert_sound();
}

// S3, P1, C4: what builds on a revised change is made anew on top of it and asked anew, also where it was approved.
#[test]
fn what_builds_on_a_revised_change_is_asked_anew() {
    let world = World::up(&[("a.txt", "one\n")]);
    let request = task_request("Count")
        .class("feature")
        .task(task("T1", "two").replace("a.txt", "one\ntwo\n"))
        .task(
            task("T2", "three")
                .depends_on(&["T1"])
                .owns(&["b.txt"])
                .create("b.txt", "three\n"),
        );
    let first = world.ask(&request);
    let detail = world.request_when(&first.request, |detail| {
        detail["waiting_approvals"].as_array().unwrap().len() == 2
    });
    let approval_of = |detail: &Value, task: &str| {
        let sets = detail["change_sets"].as_array().unwrap();
        let mut of_task = sets.iter().filter(|set| set["task_id"] == task);
        text(&of_task.next_back().unwrap()["approval_id"])
    };
    world
        .run(&["approval", "approve", &approval_of(&detail, "T2")])
        .code(0);
    send_back(&world, &approval_of(&detail, "T1"), "in capitals");
    world.request_when(&first.request, |detail| {
        statuses(detail, "change_sets") == ["changes_requested", "approved"]
    });
    let version = json!([{"id": "T1", "changes": [
        {"operation": "modify", "path": "a.txt", "content": "one\nTWO\n"},
    ]}]);
    revise(&world, &first.request, &version).code(75);
    let detail = world.request_when(&first.request, |detail| {
        detail["waiting_approvals"].as_array().unwrap().len() == 2
    });
    assert_eq!(
        statuses(&detail, "change_sets"),
        ["superseded", "superseded", "previewing", "previewing"]
    );
    for task in ["T1", "T2"] {
        world
            .run(&["approval", "approve", &approval_of(&detail, task)])
            .code(0);
    }
    world.request_when(&first.request, |detail| detail["status"] == "completed");
    assert_eq!(world.repo.show("main", "a.txt"), "one\nTWO\n");
    assert_eq!(world.repo.show("main", "b.txt"), "three\n");
    world.assert_sound();
}

// S6, R10: nobody hands a new version in; then the work ends in time, and says what was wanted.
#[test]
fn what_was_sent_back_expires() {
    let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
    let world = World::up_with(repo, &[("approval.ttl_sec", "4")]);
    let first = world.ask(&simple());
    send_back(&world, &first.approval, "name it less.txt");
    let detail = world.request_when(&first.request, |detail| !detail["summary"].is_null());
    let not_landed = &detail["summary"]["not_landed"][0];
    assert_eq!(
        json!([not_landed["why"], not_landed["detail"]]),
        json!([
            "expired",
            "no new version came in time; wanted was: name it less.txt"
        ])
    );
    assert_eq!(statuses(&detail, "change_sets"), ["expired"]);
    world.assert_sound();
}

// W1, R11: a new version comes from a branch or a patch of any name; what it says besides is used, or said not to be.
#[test]
fn a_new_version_comes_from_a_branch_or_a_patch() {
    let world = World::up(&[("a.txt", "one\n")]);
    let first = world.ask(&simple());
    send_back(&world, &first.approval, "name it less.txt");
    world
        .repo
        .git(&["switch", "--quiet", "--create", "less", "main"]);
    world.repo.commit("Say less", &[("less.txt", "less\n")]);
    let revise = |more: &[&str]| {
        let arguments = [
            "request",
            "revise",
            &first.request,
            "--wait",
            "--format",
            "json",
        ];
        world.run(&[&arguments[..], more].concat())
    };
    assert!(
        revise(&["--branch", "less", "x.json"])
            .code(2)
            .stderr
            .contains("cannot be used")
    );
    let two_lines = revise(&["--branch", "less", "--title", "a\nb"]).code(2);
    assert!(
        two_lines.stderr.contains("more than one line"),
        "{}",
        two_lines.stderr
    );
    let second = revise(&["--branch", "less", "--title", "Say less"]).code(75);
    let detail = items(&second.json())[0].clone();
    let change = &detail["change_sets"][1];
    assert_eq!(change["title"], "Say less");
    let shown = world
        .run(&["changes", "show", &text(&change["id"]), "--against-former"])
        .code(0);
    assert!(
        shown.stderr.contains("was called   say more"),
        "{}",
        shown.stderr
    );
    assert!(shown.stdout.starts_with("diff --git"), "{}", shown.stdout);

    send_back(&world, &asked(&detail).approval, "say least");
    world.request_when(&first.request, |detail| {
        detail["change_sets"][1]["status"] == "changes_requested"
    });
    let patch = world
        .repo
        .git(&["diff", "main", "less"])
        .replace("+less", "+least");
    let file = world.hyperion.user_home().join("least.patch");
    std::fs::write(&file, format!("{patch}\n")).unwrap();
    let third = revise(&["--patch", file.to_str().unwrap()]).code(75);
    world.approve(&asked(&items(&third.json())[0]), 0);
    assert_eq!(world.repo.show("main", "less.txt"), "least\n");
    world.assert_sound();
}
