//! Scripts that ask, die, and go on with the answer: the real program, real scripts, engines that are killed.

use crate::world::{SOON, World, text};
use hyperion_testkit::eventually;
use serde_json::Value;
use std::path::Path;

fn clients() -> String {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients");
    clients.canonicalize().unwrap().display().to_string()
}

/// The approvals that wait.
fn pending(world: &World) -> Vec<Value> {
    world.list(&["approval", "list"])
}

#[track_caller]
fn one_pending(world: &World) -> String {
    let came = eventually(SOON, || pending(world).len() == 1);
    assert!(came, "{:?}", pending(world));
    text(&pending(world)[0]["id"])
}

fn ask<'a>(key: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let begin = ["approval", "request", "--key", key, "--action", "deploy"];
    let begin = begin.into_iter().chain(["--summary", "Deploy it"]);
    begin.chain(more.iter().copied()).collect()
}

// S5, S7: a shell and a Python script ask and die, the engine is killed, a person decides, and they go on with the answer.
#[test]
fn scripts_ask_die_and_go_on_with_the_answer() {
    let clients = clients();
    let shell = format!(
        ". {clients}/sh/hyperion.sh; hyperion_decide k deploy 'Deploy it' high; echo \"$? $HYPERION_RESUME\" > answer"
    );
    let python = format!(
        "import sys; sys.path.insert(0, '{clients}/python'); import hyperion_client as h
run = h.Run.from_env()
got = run.decide('k', 'deploy', 'Deploy it', {{'host': 'a'}}, risk='high')
print(got.status, got.decided_by, got.reason, h.is_resumed(), file=open('answer', 'w'))"
    );
    let command = "hyperion=$0; \"$hyperion\" approval request --key k --action deploy --summary 'Deploy it'; code=$?; [ $code = 75 ] && exit 75; echo $code > answer";
    let program = env!("CARGO_BIN_EXE_hyperion");
    for (script, decision, expected) in [
        (vec!["/bin/sh", "-c", &shell], "approve", "0 1\n"),
        (
            vec![
                "/usr/bin/env",
                "PATH=/usr/bin:/bin",
                "python3",
                "-c",
                &python,
            ],
            "reject",
            "rejected ada too late True\n",
        ),
        (vec!["/bin/sh", "-c", command, program], "approve", "0\n"),
    ] {
        let mut world = World::up(&[("a.txt", "one\n")]);
        let exec: Vec<_> = ["exec", "--"].into_iter().chain(script).collect();
        let left = world.run(&exec).code(75);
        let id = one_pending(&world);
        assert!(
            left.stderr.contains("waits for a decision"),
            "{}",
            left.stderr
        );
        let shown = world.run(&["approval", "show", &id]).code(0).stdout;
        assert!(shown.contains("Deploy it"), "{shown}");
        world.kill_engine();
        // This starts another engine, in the background.
        let decide = ["approval", decision, &id, "--reason", "too late"];
        world.run(&decide).code(0);
        let answer = world.repo.path().join("answer");
        let told = || std::fs::read_to_string(&answer).unwrap_or_default();
        assert!(eventually(SOON, || told() == expected), "{:?}", told());
        let runs = world.list(&["run", "list"]);
        assert_eq!(runs.len(), 2);
        assert!(eventually(SOON, || {
            let runs = world.list(&["run", "list"]);
            runs.iter().all(|run| run["status"] == "finished")
        }));
        world.down();
    }
}

// S7: a person's own script asks in their name; its status says what was decided.
#[test]
fn a_script_outside_of_runs_asks_too() {
    let world = World::up(&[("a.txt", "one\n")]);
    world.run(&ask("a", &[])).code(75);
    let first = one_pending(&world);
    world.run(&ask("a", &["--risk", "high"])).code(75);
    assert_eq!(
        pending(&world).len(),
        1,
        "the same key is the same question"
    );
    world.run(&["approval", "approve", &first]).code(0);
    world.run(&ask("a", &[])).code(0);
    let reused = world
        .run(&ask("a", &["--details", "{\"host\":\"b\"}"]))
        .code(3);
    assert!(
        reused.stderr.contains("belongs to another question"),
        "{}",
        reused.stderr
    );

    let waiting = world.hyperion.start(&ask("b", &["--wait"]));
    let second = one_pending(&world);
    let reject = ["approval", "reject", &second, "--reason", "not today"];
    world.run(&reject).code(0);
    let told = waiting.wait(SOON).code(1).stdout;
    assert!(told.contains("not today"), "{told}");

    world.run(&ask("c", &[])).code(75);
    let third = one_pending(&world);
    world.run(&["approval", "cancel", &third]).code(0);
    let json = world.run(&ask("c", &["--format", "json"])).code(76).json();
    assert_eq!(json["status"], "cancelled");

    world.run(&ask("d", &["--details", "{"])).code(2);
    world.run(&ask("d d", &[])).code(2);
}

// S3, S6: changes asked for open the next generation, more time is given, and who watches sees the end.
#[test]
fn a_question_is_sent_back_extended_and_watched() {
    let mut world = World::up(&[("a.txt", "one\n")]);
    let mut again = ask("a", &["--diff", "-"]);
    world
        .hyperion
        .run_with_input(&again, "-one\n+two\n")
        .code(75);
    let first = one_pending(&world);
    let watching = world.hyperion.start(&["approval", "watch", &first]);
    let more = [
        "approval", "extend", &first, "--by", "2h", "--format", "json",
    ];
    assert_eq!(world.run(&more).code(0).json()["extensions"], 1);
    // Who waits finds the next engine.
    world.kill_engine();
    world.start_engine();
    let changes = ["approval", "request-changes", &first, "not like this"];
    world.run(&changes).code(0);
    watching.wait(SOON).code(1);
    again.extend(["--format", "json"]);
    let next = world.hyperion.run_with_input(&again, "-one\n+three\n");
    let second = text(&next.code(75).json()["approval_id"]);
    let shown = world.run(&["approval", "show", &second]).code(0).stdout;
    for part in ["+three", "asked 2 times", "by ada"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

// S3: what a tool writes into a question does nothing to the terminal of whoever reads it.
#[test]
fn markup_and_escapes_in_a_question_are_harmless() {
    let world = World::up(&[("a.txt", "one\n")]);
    let summary = "\u{1b}[31mred\u{1b}]8;;http://x\u{7} <b>bold</b>\u{202e}";
    let mut request = ask("a", &["--details", "{\"host\":\"\\u001b[2Ja\"}"]);
    request[7] = summary;
    world.run(&request).code(75);
    let id = one_pending(&world);
    for shown in [
        world.run(&["approval", "list"]).code(0).stdout,
        world.run(&["approval", "show", &id]).code(0).stdout,
    ] {
        assert!(
            !shown.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{shown:?}"
        );
        assert!(shown.contains("red"), "{shown}");
    }
}
