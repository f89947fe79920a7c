//! Ways to file a request, to answer its questions, and to call it off.

use crate::world::{World, items, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

// R1, R5: filed twice with the same key it is one request.
#[test]
fn a_key_stands_for_one_request() {
    let world = World::up(&[("a.txt", "a\n")]);
    let request = makes("once").idempotency_key("release 7");
    let first = world.file(&request);
    assert_eq!(world.file(&request), first);
    assert_eq!(world.list(&["request", "list"]).len(), 1);
    let other = makes("other").idempotency_key("release 7");
    let refused = world.file_with(&other, &[]).code(2);
    assert!(
        refused.stderr.contains(crate::world::short(&first)),
        "it names the request that has the key: {}",
        refused.stderr
    );
    assert_eq!(world.list(&["request", "list"]).len(), 1);
}

// R1, R5: one object, an array, or JSON lines; from a file or from standard input.
#[test]
fn several_requests_are_filed_at_once() {
    let world = World::up(&[("a.txt", "a\n")]);
    let array = json!([makes("a1").json(), makes("a2").json()]).to_string();
    let lines = format!("{}\n\n{}\n", makes("l1").json(), makes("l2").json());
    let file = world.hyperion.user_home().join("requests.jsonl");
    std::fs::write(&file, lines).unwrap();
    let filed = world
        .hyperion
        .run_with_input(&["request", "-", "--format", "jsonl"], array)
        .code(0)
        .json_lines();
    let more = world
        .run(&["request", file.to_str().unwrap(), "--format", "json"])
        .code(0)
        .json();
    let titles: Vec<_> = filed
        .iter()
        .chain(&items(&more))
        .map(|request| text(&request["title"]))
        .collect();
    assert_eq!(titles, ["Make a1", "Make a2", "Make l1", "Make l2"]);
    assert_eq!(world.list(&["request", "list"]).len(), 4);

    // All of a file or none of it.
    let half = json!([makes("b1").json(), makes("b2").set("surprise", 1).json()]).to_string();
    let refused = world
        .hyperion
        .run_with_input(&["request", "-"], half)
        .code(2);
    assert!(refused.stderr.contains("surprise"), "{}", refused.stderr);
    assert_eq!(world.list(&["request", "list"]).len(), 4);
}

// R2 (its questions), R5, R7: nothing is invented; what is missing is asked, and the answer goes on.
#[test]
fn a_sentence_is_asked_about_and_an_answer_goes_on() {
    let world = World::up(&[("src/retry.rs", "const DELAY: u64 = 1;\n")]);
    let sentence = "Clamp the delay in src/retry.rs to 30 s, see `DELAY`";
    let ended = world
        .run(&["request", sentence, "--wait", "--format", "json"])
        .code(75);
    let detail = items(&ended.json())[0].clone();
    let id = text(&detail["id"]);
    assert_eq!(detail["status"], "needs_clarification");
    assert_eq!(detail["title"], sentence);
    let questions = detail["questions"].as_array().unwrap();
    assert!(
        text(&questions[0]).starts_with("The request carries no edits"),
        "{questions:#?}"
    );
    assert!(
        ended.stderr.contains(&format!(
            "hyperion request answer {}",
            crate::world::short(&id)
        )),
        "{}",
        ended.stderr
    );

    // What cannot be used is asked again, with what is wrong.
    let tasks = |path: &str| {
        json!({"tasks": [{"id": "T1", "title": "clamp it", "changes": [
            {"operation": "modify", "path": path, "content": "const DELAY: u64 = 30;\n"}
        ]}]})
        .to_string()
    };
    let wrong = world
        .run(&[
            "request",
            "answer",
            &id,
            &tasks("src/nothing.rs"),
            "--wait",
            "--format",
            "json",
        ])
        .code(75);
    let wrong = items(&wrong.json())[0].clone();
    assert_eq!(wrong["status"], "needs_clarification");
    assert!(
        wrong["questions"].to_string().contains("src/nothing.rs"),
        "{:#}",
        wrong["questions"]
    );

    let file = world.hyperion.user_home().join("edits.json");
    std::fs::write(&file, tasks("src/retry.rs")).unwrap();
    let shown = world.run(&["request", "show", &id]).code(0).stdout;
    assert!(
        shown.contains("answered") && shown.contains("src/nothing.rs"),
        "{shown}"
    );
    let asked = world
        .run(&[
            "request",
            "answer",
            &id,
            file.to_str().unwrap(),
            "--wait",
            "--format",
            "json",
        ])
        .code(75);
    let asked = crate::world::asked(&items(&asked.json())[0]);
    let done = world.approve(&asked, 0);
    assert_eq!(
        world.repo.show("main", "src/retry.rs"),
        "const DELAY: u64 = 30;\n"
    );
    let brief = &done["brief"];
    assert!(
        brief["paths"]
            .as_array()
            .unwrap()
            .contains(&json!("src/retry.rs"))
            && brief["symbols"]
                .as_array()
                .unwrap()
                .contains(&json!("DELAY")),
        "{brief:#}"
    );
    assert_eq!(done["answers"].as_array().map(Vec::len), Some(2));
    let shown = world.run(&["request", "show", &id]).code(0).stdout;
    for part in ["files        src/retry.rs", "symbols      DELAY"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    world.assert_sound();
}

// R1, R5: what a sentence cannot say is given beside it; a file may leave it out, and is never overruled.
#[test]
fn what_is_given_beside_a_request_overrules_nothing() {
    let world = World::up(&[("a.txt", "a\n")]);
    let name = text(&world.list(&["repo", "list"])[0]["name"]);
    let given = [
        "--repo",
        &name,
        "--class",
        "docs",
        "--priority",
        "high",
        "--accept",
        "it reads well",
        "--accept",
        "no typo",
    ];
    let sentence: Vec<_> = ["request", "Fix the typo in a.txt"]
        .iter()
        .chain(&given)
        .copied()
        .collect();
    let elsewhere = world.hyperion.clone().inside(world.hyperion.user_home());
    let filed = elsewhere
        .run(&[&sentence[..], &["--format", "json"]].concat())
        .code(0)
        .json();
    let said = |id: &Value| {
        let detail = world.request(&text(id));
        json!([
            detail["repo"],
            detail["class"],
            detail["priority"],
            detail["acceptance"]
        ])
    };
    let wanted = json!([name, "docs", "high", ["it reads well", "no typo"]]);
    assert_eq!(said(&items(&filed)[0]["id"]), wanted);

    // The class of this file is its own.
    let request = makes("b");
    let filed = world
        .file_with(&request, &["--priority", "high"])
        .code(0)
        .json();
    let detail = world.request(&text(&items(&filed)[0]["id"]));
    assert_eq!(
        json!([detail["class"], detail["priority"]]),
        json!(["feature", "high"])
    );
    let refused = world.file_with(&request, &["--class", "docs"]).code(2);
    assert!(
        refused
            .stderr
            .contains(r#"/class: the file says \"feature\""#)
            && refused.stderr.contains(r#"says \"docs\""#),
        "{}",
        refused.stderr
    );
    let unknown = world
        .run(&["request", "Fix the typo in a.txt", "--class", "chore"])
        .code(2);
    assert!(
        unknown.stderr.contains("expected one of `feature`"),
        "{}",
        unknown.stderr
    );
}

// R1: what says nothing, or would steer a terminal, is no request.
#[test]
fn nothing_and_control_characters_are_no_request() {
    let world = World::up(&[("a.txt", "a\n")]);
    for (sentence, said) in [
        ("", "error: the request is empty\n"),
        (" \t\n", "error: the request is empty\n"),
        (
            "fix \u{1b}[2J it",
            "error: the request has a control character (U+001B)\n",
        ),
    ] {
        let refused = world.run(&["request", sentence]).code(2);
        assert!(refused.stderr.starts_with(said), "{}", refused.stderr);
    }
    assert_eq!(world.list(&["request", "list"]), [json!(null); 0]);
}

// R1, S3: called off with everything that waits for it; what is over cannot be called off.
#[test]
fn a_request_is_called_off() {
    let world = World::up(&[("a.txt", "a\n")]);
    let asked = world.ask(&makes("never"));
    let cancelled = [
        "request",
        "cancel",
        &asked.request,
        "--reason",
        "done by hand",
        "--format",
        "json",
    ];
    let cancelled: Value = world.run(&cancelled).code(0).json();
    assert_eq!(
        json!([cancelled["status"], cancelled["reason"]]),
        json!(["cancelled", "done by hand"])
    );
    // R10: it has ended, with all its steps, and says how.
    let ended = world.request(&asked.request);
    let step = &ended["plan"]["steps"][0];
    let why = &ended["summary"]["not_landed"][0];
    assert_eq!(
        json!([step["status"], step["reason"], ended["summary"]["outcome"]]),
        json!(["skipped", "done by hand", "cancelled"])
    );
    assert_eq!(
        json!([why["why"], why["detail"], why["task_id"]]),
        json!(["cancelled", "done by hand", step["task_id"]])
    );
    let approval = world.json(&["approval", "show", &asked.approval]);
    assert_eq!(approval["status"], "cancelled");
    world.run(&["approval", "approve", &asked.approval]).code(3);
    assert_eq!(world.repo.subjects("main"), ["Begin"]);

    let done = world.carry_out(&makes("done"), 0);
    let late = world
        .run(&["request", "cancel", &text(&done["id"])])
        .code(1);
    assert!(late.stderr.starts_with("error: "), "{}", late.stderr);
    world.run(&["request", "cancel", "ffffffff"]).code(5);
    world.assert_sound();
}

// R1, W1: what is filed without waiting is carried on by whoever works next.
#[test]
fn filed_without_waiting_it_goes_on_by_itself() {
    let world = World::up(&[("a.txt", "a\n")]);
    let id = world.file(&makes("later"));
    let detail = world.request_when(&id, |detail| detail["status"] == "awaiting_approval");
    let waiting = world.run(&["drain"]).code(0);
    assert!(
        waiting.stderr.contains("1 approval waits"),
        "{}",
        waiting.stderr
    );
    world
        .run(&[
            "approval",
            "approve",
            &text(&detail["waiting_approvals"][0]),
        ])
        .code(0);
    world.request_when(&id, |detail| detail["status"] == "completed");
    world.assert_sound();
}

// R1, S3, S9: called off at any moment of the road, nothing of it is asked or lands any more.
#[test]
fn a_request_called_off_at_any_moment_leaves_nothing_open() {
    const REQUESTS: usize = 12;
    let repo = TempRepo::with_files(&[("a.txt", "a\n")]);
    let world = World::up_with(repo, &[("policy.auto_approve.enabled", "true")]);
    let mut called_off = 0;
    for number in 0..REQUESTS {
        // Some parts pass by themselves and some ask.
        let request = (0..6).fold(
            task_request(&format!("Count {number}"))
                .class("docs")
                .requires_approval(false),
            |request, part| {
                let path = if part % 2 == 0 {
                    format!("docs/{number}-{part}.md")
                } else {
                    format!("src/{number}-{part}.rs")
                };
                request.task(task(&format!("t{part}"), "count").create(&path, "x\n"))
            },
        );
        let id = world.file(&request.atomic());
        let cancelled = world.run(&["request", "cancel", &id]);
        called_off += usize::from(cancelled.exit() == Some(0));
    }
    world.run(&["drain"]);
    assert!(called_off > 0);
    for request in world.list(&["request", "list", "--status", "cancelled"]) {
        let detail = world.request(&text(&request["id"]));
        let open: Vec<_> = ["change_sets", "entries", "approvals"]
            .iter()
            .flat_map(|part| detail[part].as_array().unwrap())
            .filter(|part| part["status"] != "cancelled" && part["status"] != "rejected")
            .collect();
        assert!(open.is_empty(), "{open:#?}");
    }
    world.assert_sound();
}
