//! Stale bases and conflicts.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::json;

fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(|number| format!("{number}\n")).collect()
}

/// Replaces one of the twenty lines, made on this commit.
fn replaces(line: u32, with: &str, base: &str) -> RequestFile {
    let old = lines(1..=20);
    let new = old.replace(&format!("\n{line}\n"), &format!("\n{with}\n"));
    task_request(&format!("Say {with}"))
        .class("feature")
        .base(base)
        .task(task("T1", &format!("say {with}")).modify("count.txt", &old, &new))
}

// M3, C5: a base that is behind is merged three ways, whoever moved the branch.
#[test]
fn a_stale_base_merges_three_ways() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let base = world.repo.tip("main");
    world.carry_out(&replaces(3, "three", &base), 0);
    world.repo.commit(
        "By hand",
        &[(
            "count.txt",
            &world
                .repo
                .read("count.txt")
                .replace("\n19\n", "\nnineteen\n"),
        )],
    );
    let detail = world.carry_out(&replaces(10, "ten", &base), 0);
    let expected = lines(1..=20)
        .replace("\n3\n", "\nthree\n")
        .replace("\n19\n", "\nnineteen\n")
        .replace("\n10\n", "\nten\n");
    assert_eq!(world.repo.show("main", "count.txt"), expected);
    assert_eq!(world.repo.read("count.txt"), expected);
    assert_eq!(
        world.repo.subjects("main"),
        ["say ten", "By hand", "say three", "Begin"]
    );
    assert_eq!(detail["change_sets"][0]["base"], json!(base));
    world.assert_sound();
}

// M1, M3, R10: a real conflict is evidence, and nothing is dropped.
#[test]
fn a_conflict_is_quarantined_with_both_sides_and_what_caused_it() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let base = world.repo.tip("main");
    let winner = world.carry_out(&replaces(10, "ten", &base), 0);
    let tip = world.repo.tip("main");

    let detail = world.carry_out(&replaces(10, "dix", &base), 3);
    assert_eq!(detail["status"], "failed");
    let entry = text(&detail["entries"][0]["id"]);
    let not_landed = &detail["summary"]["not_landed"][0];
    assert_eq!(not_landed["why"], "conflict");
    assert_eq!(
        not_landed["detail"],
        format!(
            "it conflicts with main in count.txt, changed meanwhile by {} (say ten)",
            &tip[..10]
        )
    );

    let shown = world.entry(&entry);
    assert_eq!(
        (&shown["status"], &shown["quarantine"]),
        (&json!("quarantined"), &json!("conflict"))
    );
    let file = &shown["evidence"]["conflicts"][0];
    assert_eq!(
        json!([file["path"], file["hunks"], file["caused_by"]]),
        json!([
            "count.txt",
            [{"line": 10, "base": "10\n", "ours": "ten\n", "theirs": "dix\n"}],
            {
                "commit": tip,
                "subject": "say ten",
                "author": file["caused_by"]["author"],
                "entry_id": winner["entries"][0]["id"],
            },
        ])
    );
    let words = world.run(&["queue", "show", &entry]).code(0).stdout;
    for line in [
        "    base   | 10\n",
        "    branch | ten\n",
        "    change | dix\n",
    ] {
        assert!(words.contains(line), "{words}");
    }

    // Nothing moved, nothing is dropped: the change and its diff are there to be made anew.
    assert_eq!(world.repo.tip("main"), tip);
    let letters = world.list(&["queue", "dead-letters"]);
    assert_eq!(
        letters
            .iter()
            .map(|letter| &letter["id"])
            .collect::<Vec<_>>(),
        [&json!(entry)]
    );
    let change = text(&detail["change_sets"][0]["id"]);
    let diff = world
        .run(&["changes", "show", &change, "--diff-only"])
        .code(0)
        .stdout;
    assert!(diff.contains("-10\n+dix\n"), "{diff}");
    assert_eq!(world.json(&["queue-metrics"])["conflicts"], 1);
    world.assert_sound();
}

// M1: what the branch has already is neither landed again nor told to be done.
#[test]
fn a_change_that_the_branch_has_already_does_not_end_as_completed() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let base = world.repo.tip("main");
    world.carry_out(&replaces(10, "ten", &base), 0);
    let tip = world.repo.tip("main");
    let detail = world.carry_out(&replaces(10, "ten", &base), 3);
    let not_landed = &detail["summary"]["not_landed"][0];
    assert_eq!(
        json!([detail["status"], not_landed["why"], not_landed["detail"]]),
        json!([
            "failed",
            "empty",
            format!(
                "nothing is left of it to land: merging it with main changes nothing since {} (say ten), which changed count.txt",
                &tip[..10]
            ),
        ])
    );
    assert_eq!(world.repo.tip("main"), tip);
    world.assert_sound();
}

// R9: a commit, an entry or a change names one landing; only a request's id means all that it landed.
#[test]
fn one_landing_of_several_is_taken_back_by_its_commit() {
    let world = World::up(&[("a.txt", "a\n")]);
    let both = task_request("Two files")
        .class("feature")
        .task(task("T1", "add b").create("b.txt", "b\n"))
        .task(task("T2", "add c").create("c.txt", "c\n"));
    let detail = world.carry_out(&both, 0);
    let landed = &detail["summary"]["landed"];
    let one = landed.as_array().unwrap().iter();
    let one = one
        .clone()
        .find(|one| one["paths"] == json!(["b.txt"]))
        .unwrap();
    world.repo.checkout("main");
    let name = match world.repo.tip("main") == text(&one["commit"]) {
        true => "HEAD",
        false => "HEAD~1",
    };
    world.run(&["rollback", name, "--wait"]).code(0);
    world.run(&["rollback", "HEAD~99"]).code(2);
    assert_eq!(world.repo.files("main"), ["a.txt", "c.txt"]);
    let id = text(&detail["id"]);
    assert_eq!(world.request(&id)["status"], "completed");
    world.run(&["rollback", &text(&one["entry_id"])]).code(3);
    world.run(&["rollback", &"0".repeat(40)]).code(5);
    world.run(&["rollback", &id, "--wait"]).code(0);
    assert_eq!(world.repo.files("main"), ["a.txt"]);
    assert_eq!(world.request(&id)["status"], "rolled_back");
    world.assert_sound();
}

// C5, C9: what cannot apply to the base it names is refused at once; nothing is queued.
#[test]
fn what_does_not_fit_its_base_is_refused_when_filed() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let old_hash = {
        let change = world.carry_out(&replaces(10, "ten", "main"), 0);
        text(
            &world.json(&["changes", "show", &text(&change["change_sets"][0]["id"])])["items"][0]["old_hash"],
        )
    };
    let patch = world
        .file_with(&replaces(10, "dix", "main"), &["--wait"])
        .code(2);
    let problem = |failed: &hyperion_testkit::Finished| -> serde_json::Value {
        serde_json::from_str(failed.stderr.lines().last().unwrap()).unwrap()
    };
    assert_eq!(
        problem(&patch)["detail"],
        "standard input: /tasks/0/changes/0/patch: failed to apply hunk 1 at line 10: expected `10`, \
         found `ten`; make the patch against the file as it is now"
    );
    let stale = task_request("Say dix").task(task("T1", "say dix").change(json!({
        "operation": "modify", "path": "count.txt", "content": "dix\n", "base_hash": old_hash,
    })));
    let stale = world.file_with(&stale, &["--wait"]).code(3);
    assert_eq!(
        problem(&stale)["hint"],
        "make the change again on the branch's tip, or name in `base` the commit it was made on"
    );
    assert_eq!(world.list(&["request", "list"]).len(), 1);
    world.assert_sound();
}

// M3, M6: what cannot be taken back cleanly is said to conflict, and nothing moves.
#[test]
fn a_rollback_of_what_changed_since_is_refused_as_a_conflict() {
    let world = World::up(&[("count.txt", &lines(1..=20))]);
    let landed = world.carry_out(&replaces(10, "ten", "main"), 0);
    world.repo.commit(
        "By hand",
        &[(
            "count.txt",
            &world.repo.read("count.txt").replace("\nten\n", "\n10.0\n"),
        )],
    );
    let tip = world.repo.tip("main");
    let refused = world
        .run(&["rollback", &text(&landed["id"]), "--wait"])
        .code(3);
    assert!(
        refused
            .stdout
            .contains("count.txt changed since it landed as"),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    assert_eq!(world.repo.tip("main"), tip);
    let original = world.request(&text(&landed["id"]));
    assert_eq!(original["status"], "completed");
    world.assert_sound();
}
