//! The log: whole, replayable, followed without a gap, and witness against who rewrites history.

use crate::api::Api;
use crate::world::{SOON, World, text};
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::{Value, json};

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

// X7, M7: who asked, who approved, what was checked, what landed: from the log alone, as in the database.
#[test]
fn the_log_alone_tells_what_landed() {
    let world = World::up(&[(
        "hyperion.toml",
        "[checks]\none = \"true\"\ntwo = \"true\"\n",
    )]);
    let first = world.carry_out(&makes("a"), 0);
    let second = world.carry_out(&makes("b"), 0);
    let failed = world.carry_out(
        &makes("c").task(task("T2", "fail").create("d.txt", "d\n").check("false")),
        1,
    );
    let replay = world.json(&["audit", "replay"]);
    let landing = |detail: &Value| {
        let entry = &detail["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["status"] == "landed")
            .unwrap();
        json!({
            "entry_id": entry["id"],
            "request_id": detail["id"],
            "asked_by": "ada",
            "approved_by": ["ada"],
            "checks": 2,
            "results": [
                {"name": "one", "result": "passed"},
                {"name": "two", "result": "passed"},
            ],
            "commit": entry["commit"],
            "landed_at": entry["ended_at"],
        })
    };
    let expected = [landing(&first), landing(&second), landing(&failed)];
    assert_eq!(replay["landings"], json!(expected));
    assert_eq!(replay["queue"], json!({"landed": 3, "quarantined": 1}));
    assert_eq!(replay["same_as_database"], true);
    let mut history = world.list(&["history"]);
    // What the rows say beside the log.
    for landing in history.iter_mut().filter_map(Value::as_object_mut) {
        assert_eq!(landing.remove("repo"), Some(json!("repo")));
        assert!(landing.remove("title").is_some());
    }
    history.reverse();
    assert_eq!(json!(history), replay["landings"]);
    let words = world.run(&["audit", "replay"]).code(0).stdout;
    assert!(words.ends_with("✓ The database says the same\n"), "{words}");
    assert!(words.contains("one passed, two passed"), "{words}");

    // Every event names who did it, and the chain has no gap.
    let events = world.list(&["events", "--limit", "1000"]);
    let mut before = json!(null);
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], at + 1);
        assert!(
            before.is_null() || event["prev_hash"] == before,
            "{event:#}"
        );
        before = event["hash"].clone();
    }
    assert_eq!(replay["events"], events.len());

    // The same as JSON lines in a file, which is never overwritten.
    let file = world.hyperion.user_home().join("audit.jsonl");
    let file = file.to_str().unwrap();
    world.run(&["audit", "export", "--out", file]).code(0);
    let exported: Vec<Value> = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(exported, events);
    let refused = world
        .run(&["audit", "export", "--out", file])
        .code(3)
        .stderr;
    assert!(
        refused.contains("exists already, and was not overwritten"),
        "{refused}"
    );
    world.assert_sound();
}

// X7, M5: a branch that was reset is told apart from a broken log; whoever looks is told which landing is gone.
#[test]
fn a_branch_that_was_reset_is_reported() {
    let world = World::up(&[("a.txt", "a\n")]);
    let landed = world.carry_out(&makes("gone"), 0);
    let commit = text(&landed["summary"]["landed"][0]["commit"]);
    let entry = text(&landed["entries"][0]["id"]);
    world.assert_sound();
    world.repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let reported = world
        .run(&["audit", "verify", "--format", "json"])
        .code(1)
        .json();
    assert_eq!(
        json!([
            reported["ok"],
            reported["head"],
            reported["rows_differ"],
            reported["landings_differ"]
        ]),
        json!([true, "sealed", [], []])
    );
    let told = world.run(&["audit", "verify"]).code(1).stdout;
    assert!(
        told.starts_with("✗ The audit log holds, but a branch was moved: see `moved`\n"),
        "{told}"
    );
    let moved = format!(
        "main of repo was moved: 1 landing is no longer on it ({}, queue entry {})",
        &commit[..10],
        &entry[entry.len() - 8..]
    );
    assert_eq!(reported["landings_moved"], json!([moved]));
    let doctor = world.run(&["doctor", "--format", "json"]).json();
    let findings = doctor["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|one| one["detail"] == json!(moved)),
        "{doctor:#}"
    );
    let history = world.list(&["history"]);
    assert_eq!(
        history[0]["note"],
        json!("no longer on main, which was moved")
    );

    // The log itself still holds, and work goes on from where the branch is now.
    world.carry_out(&makes("next"), 0);
    assert_eq!(world.repo.files("main"), ["a.txt", "next.txt"]);
    world.repo.git(&["merge", "--quiet", "--no-edit", &commit]);
    world.assert_sound();
}

// X7: a landing whose commit was rewritten (another trailer, another author) is another commit.
#[test]
fn a_commit_that_was_rewritten_is_reported() {
    let world = World::up(&[("a.txt", "a\n")]);
    world.carry_out(&makes("b"), 0);
    let message = world
        .message("main")
        .replace("Hyperion-Approved-By: ada", "Hyperion-Approved-By: eve");
    world
        .repo
        .git(&["commit", "--quiet", "--amend", "--message", &message]);
    let reported = world.run(&["audit", "verify"]).code(1);
    assert!(
        reported.stdout.contains("✗ The audit log does not hold")
            && reported.stdout.contains("no longer part of main"),
        "{}",
        reported.stdout
    );
}

// X7, W1: who follows the feed misses nothing and sees nothing twice, over an engine that is killed and one that leaves.
#[test]
fn the_feed_is_followed_through_engines_that_come_and_go() {
    let mut world = World::up(&[("a.txt", "a\n")]);
    let follower = world
        .hyperion
        .start(&["events", "--follow", "--limit", "1000", "--format", "jsonl"]);
    world.carry_out(&makes("one"), 0);
    world.kill_engine();
    world.start_engine();
    world.carry_out(&makes("two"), 0);
    world.stop_engine();
    let ended = world.carry_out(&makes("three"), 0);
    let last = world.list(&["events", "--limit", "1"])[0].clone();
    assert_eq!(last["request_id"], ended["id"]);
    follower.wait_for(&text(&last["hash"]), SOON);
    follower.interrupt();
    let seen = follower.wait(SOON).json_lines();
    let seen: Vec<_> = seen
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    let all: Vec<_> = (1..=last["seq"].as_u64().unwrap()).collect();
    assert_eq!(seen, all);

    // And from any number on, filtered.
    let landed = world.list(&["events", "--kinds", "merge.landed", "--after", "0"]);
    assert_eq!(landed.len(), 3);
    let after = landed[0]["seq"].to_string();
    assert_eq!(
        world.list(&["events", "--kinds", "merge.landed", "--after", &after]),
        landed[1..]
    );
    let of_one = world.list(&[
        "events",
        "--request",
        &text(&ended["id"]),
        "--limit",
        "1000",
    ]);
    assert!(
        of_one
            .iter()
            .all(|event| event["request_id"] == ended["id"]),
        "{of_one:#?}"
    );
    assert_eq!(of_one[0]["kind"], "request.submitted");
    world.assert_sound();
}

// X7: what is no part of a request is in the chain as well, in words, and holds when it is verified.
#[cfg(feature = "fail-points")]
#[test]
fn what_is_done_beside_requests_joins_the_chain() {
    let mut world = World::up(&[("a.txt", "a\n")]);
    let api = Api::new(&world.hyperion);
    let call = |token: &str, tool: &str, body: &Value| {
        let path = format!("/api/tools/filesystem/{tool}");
        api.post_as(token, &path, body).unwrap()
    };
    let root = world.repo.path().to_str().unwrap();
    let session = api
        .post("/api/tools/sessions", &json!({"root": root}))
        .unwrap()
        .unwrap();
    let token = text(&session["token"]);
    let written = call(
        &token,
        "writeFile",
        &json!({"path": "b.txt", "content": "b\n"}),
    )
    .unwrap();
    assert_eq!(written["is_error"], false, "{written:#}");
    for _ in 0..3 {
        call(&token, "readFile", &json!({"path": "b.txt"})).unwrap();
        let unknown = call("nobody", "readFile", &json!({"path": "b.txt"})).unwrap_err();
        assert_eq!(unknown.code, "tool.session_unknown");
    }
    let folder = world.hyperion.user_home().join("backups");
    world.run(&["backup", folder.to_str().unwrap()]).code(0);
    world.run(&["config", "set", "merge.workers", "2"]).code(0);
    world.stop_engine();
    world.start_engine();

    let log = world.run(&["audit", "log"]).code(0).stdout;
    for part in [
        "agent unnamed called filesystem writeFile (b.txt): done",
        "agent unnamed called filesystem readFile",
        "POST /api/tools/filesystem/readFile: 401 tool.session_unknown",
        "copied up to event ",
        "an engine started with other settings (merge.workers)",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let records = world
        .run(&["audit", "log", "--format", "jsonl"])
        .code(0)
        .json_lines();
    let refused = records
        .iter()
        .filter(|record| record["kind"] == "call.refused");
    let count: u64 = refused
        .filter_map(|record| record["data"]["count"].as_u64())
        .sum();
    assert_eq!(count, 3);
    let verified = world.json(&["audit", "verify"]);
    assert_eq!(verified["ok"], true, "{verified:#}");
    // Nothing joins twice.
    world.stop_engine();
    world.start_engine();
    let again = world
        .run(&["audit", "log", "--format", "jsonl"])
        .code(0)
        .json_lines();
    assert_eq!(again, records);
}
