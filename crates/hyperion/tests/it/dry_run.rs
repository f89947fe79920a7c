//! Dry runs: validated, merged and checked, and nothing moves.

use crate::world::{World, items, text};
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::{Value, json};

const FILES: &[(&str, &str)] = &[
    (
        "hyperion.toml",
        "[checks]\nno-bad = \"! test -f bad.txt\"\n",
    ),
    ("a.txt", "1\n2\n3\n"),
];

/// Tries a request out and requires that nothing moved; gives all about it.
fn tried(world: &World, request: &RequestFile, code: i32) -> Value {
    let before = (world.repo.git(&["for-each-ref"]), world.repo.read("a.txt"));
    let ended = world
        .file_with(request, &["--dry-run", "--wait"])
        .code(code);
    let detail = items(&ended.json())[0].clone();
    assert_eq!(
        (world.repo.git(&["for-each-ref"]), world.repo.read("a.txt")),
        before
    );
    assert_eq!(world.repo.status(), [""; 0]);
    assert_eq!(detail["dry_run"], true);
    assert_eq!(
        detail["approvals"],
        json!([]),
        "what lands nothing asks nobody"
    );
    assert_eq!(detail["summary"]["take_back"], json!(null));
    detail
}

// M8, R10
#[test]
fn a_dry_run_says_what_would_land_and_moves_nothing() {
    let world = World::up(FILES);
    let request = task_request("Count on")
        .class("feature")
        .task(task("one", "count on").modify("a.txt", "1\n2\n3\n", "1\n2\n3\n4\n"))
        .task(task("two", "and on").depends_on(&["one"]).modify(
            "a.txt",
            "1\n2\n3\n4\n",
            "1\n2\n3\n4\n5\n",
        ));
    let detail = tried(&world, &request, 0);
    let landed: Vec<_> = detail["summary"]["landed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["task_ids"], one["commit"], one["paths"], one["green"]]))
        .collect();
    assert_eq!(
        landed,
        [
            json!([["one"], null, ["a.txt"], "strict"]),
            json!([["two"], null, ["a.txt"], "strict"]),
        ]
    );
    assert_eq!(
        detail["summary"]["checks"].as_array().map(Vec::len),
        Some(2)
    );
    let words = world
        .run(&["request", "show", &text(&detail["id"])])
        .code(0)
        .stdout;
    assert!(words.contains("would land"), "{words}");
    let refused = world.run(&["rollback", &text(&detail["id"])]).code(3);
    assert!(
        refused.stderr.contains("dry run") || refused.stderr.contains("nothing of it landed"),
        "{}",
        refused.stderr
    );

    // The same request lands when it is meant.
    world.carry_out(&request, 0);
    assert_eq!(world.repo.show("main", "a.txt"), "1\n2\n3\n4\n5\n");
    world.assert_sound();
}

// M8: it says of every obstacle what the real thing would say, with the same exit status.
#[test]
fn a_dry_run_finds_what_would_stop_the_work() {
    let world = World::up(FILES);
    let base = world.repo.tip("main");
    world.repo.commit("By hand", &[("a.txt", "1\nzwei\n3\n")]);
    for (request, code, why) in [
        (
            task_request("Bad").task(task("T1", "bad").create("bad.txt", "bad\n")),
            1,
            "check",
        ),
        (
            task_request("Two")
                .base(&base)
                .task(task("T1", "two").replace("a.txt", "1\ntwo\n3\n")),
            3,
            "conflict",
        ),
        (
            task_request("Env").task(task("T1", "env").create(".env", "A=1\n")),
            4,
            "policy",
        ),
    ] {
        let detail = tried(&world, &request, code);
        assert_eq!(detail["summary"]["not_landed"][0]["why"], why);
        assert_eq!(detail["summary"]["landed"], json!([]));
    }
    world.assert_sound();
}

// M8, M3: what lies about in the work tree is no obstacle to a dry run.
#[test]
fn a_dry_run_does_not_mind_a_dirty_work_tree() {
    let world = World::up(FILES);
    world.repo.write("a.txt", "mine\n");
    let request = task_request("More").task(task("T1", "more").create("more.txt", "more\n"));
    let ended = world.file_with(&request, &["--dry-run", "--wait"]).code(0);
    assert_eq!(items(&ended.json())[0]["summary"]["outcome"], "completed");
    assert_eq!(world.repo.read("a.txt"), "mine\n");
    assert!(!world.repo.path().join("more.txt").exists());
}
