//! Work that exists in git, handed in by its name.

use std::fs;

use hyperion_testkit::TempRepo;
use serde_json::json;

use crate::world::{World, asked, items, text};

const LINES: &str = "one\ntwo\nthree\nfour\nfive\n";

/// A repository that lands on `main`, with work of two commits on `fix/clamp`, which is checked out.
fn branched() -> World {
    let repo = TempRepo::with_files(&[("src/a.txt", LINES)]);
    repo.git(&["switch", "--quiet", "--create", "fix/clamp"]);
    repo.commit(
        "Clamp it\n\nBecause.",
        &[("src/a.txt", &LINES.replace("two", "2"))],
    );
    repo.commit(
        "Clamp it more",
        &[("src/a.txt", &LINES.replace("two", "3"))],
    );
    let world = World::unknown(repo);
    world.run(&["init", "--branch", "main"]).code(0);
    world
}

// R11, S3: a branch that was sent back is handed in again, and is the new version of its request; where rules alone would
// let it pass by now, it is asked about all the same.
#[test]
fn a_branch_that_was_sent_back_is_its_own_new_version() {
    let world = branched();
    let hand_in = [
        "request",
        "--branch",
        "fix/clamp",
        "--wait",
        "--format",
        "json",
    ];
    let filed = items(&world.run(&hand_in).code(75).json())[0].clone();
    let back = [
        "approval",
        "request-changes",
        &asked(&filed).approval,
        "--reason",
        "say three",
    ];
    world.run(&back).code(0);
    world.request_when(&text(&filed["id"]), |detail| {
        detail["change_sets"][0]["status"] == "changes_requested"
            && detail["status"] == "awaiting_approval"
    });
    let listed = world.run(&["request", "list"]).code(0).stdout;
    assert!(listed.contains("sent back"), "{listed}");
    let early = world.run(&hand_in[..3]).code(0).stderr;
    assert!(
        early.contains("(Clamp it (+1 more), sent back)")
            && early
                .contains("(say three): commit that, then `hyperion request --branch fix/clamp`"),
        "{early}"
    );
    for (setting, value) in [
        ("policy.auto_approve.enabled", "true"),
        ("request.requires_approval", "false"),
    ] {
        world.run(&["config", "set", setting, value]).code(0);
    }
    world.repo.commit(
        "Say three",
        &[("src/a.txt", &LINES.replace("two", "three"))],
    );
    let again = world
        .run(&[&hand_in[..], &["--class", "docs", "--split"]].concat())
        .code(75);
    assert!(
        again.stderr.contains("--split, --class are not used"),
        "{}",
        again.stderr
    );
    let again = items(&again.json())[0].clone();
    assert_eq!(again["id"], filed["id"]);
    assert_eq!(again["change_sets"][1]["title"], "Clamp it (+2 more)");
    world.approve(&asked(&again), 0);
    assert_eq!(
        world.repo.show("main", "src/a.txt"),
        LINES.replace("two", "three")
    );
    world.assert_sound();
}

// R11: from any folder of the repository, by one command, and seen through.
#[test]
fn a_branch_is_handed_in_from_a_folder_of_it_and_lands() {
    let world = branched();
    let inside = world.hyperion.clone().inside(world.repo.path().join("src"));
    let filed = inside.run(&["request", "--branch", "HEAD", "--wait", "--format", "json"]);
    let filed = filed.code(75);
    let base = world.repo.tip("main");
    assert!(
        filed
            .stderr
            .contains(&format!("branch fix/clamp: 2 commits on {}", &base[..10])),
        "{}",
        filed.stderr
    );
    let detail = items(&filed.json())[0].clone();
    assert_eq!(detail["title"], "Clamp it (+1 more)");
    world.approve(&asked(&detail), 0);
    assert_eq!(
        world.repo.show("main", "src/a.txt"),
        world.repo.show("fix/clamp", "src/a.txt")
    );
    let again = inside
        .run(&["request", "--branch", "fix/clamp", "--format", "json"])
        .code(0);
    assert_eq!(items(&again.json())[0]["id"], detail["id"]);
    let id = &detail["id"].as_str().unwrap()[28..];
    assert_eq!(
        again.stderr.trim_end(),
        format!(
            "Nothing was filed: fix/clamp was handed in before as request {id} (Clamp it (+1 more), completed).\n\
             hint: `hyperion request show {id}` says how far it is"
        )
    );
    world.assert_sound();
}

// R11: a series of patches from standard input, a task each; the HEAD of a linked work tree is its own.
#[test]
fn patches_and_commits_are_handed_in() {
    let world = branched();
    let series = world
        .repo
        .git(&["format-patch", "--stdout", "main..fix/clamp"]);
    let filed = world.hyperion.run_with_input(
        &[
            "request",
            "--patch",
            "-",
            "--split",
            "--dry-run",
            "--wait",
            "--format",
            "json",
        ],
        series,
    );
    let detail = items(&filed.code(0).json())[0].clone();
    let titles: Vec<_> = detail["plan"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| text(&step["title"]))
        .collect();
    assert_eq!(titles, ["Clamp it", "Clamp it more"]);

    world.repo.checkout("main");
    let linked = world.repo.linked_worktree("fix/clamp");
    let there = world.hyperion.clone().inside(linked.path());
    let filed = there.run(&[
        "request",
        "--commits",
        "HEAD~1",
        "--title",
        "Half of it",
        "--format",
        "json",
    ]);
    assert_eq!(items(&filed.code(0).json())[0]["title"], "Half of it");
}

// R11: one work at a time, and nothing else beside it.
#[test]
fn what_contradicts_itself_is_refused() {
    let world = World::new(&[("a.txt", "a\n")]);
    for arguments in [
        &["request", "--branch", "a", "--commits", "b"] as &[&str],
        &["request", "--branch", "a", "request.json"],
        &["request", "--title", "x", "a sentence of words"],
        &["request", "--patch", "missing.patch"],
        &["request"],
    ] {
        world.run(arguments).code(2);
    }
    let refused = world
        .run(&["request", "--branch", "nowhere", "--format", "json"])
        .code(2);
    assert!(
        refused.stderr.contains("has no branch nowhere"),
        "{}",
        refused.stderr
    );
    fs::write(world.repo.path().join("a.patch"), "no patch").unwrap();
    let refused = world.run(&["request", "--patch", "a.patch"]).code(2);
    assert!(
        refused
            .stderr
            .contains("the patch is no patch that can be used"),
        "{}",
        refused.stderr
    );
}

// R11, C9: a change that was made elsewhere, as data; what is wrong with it is said with its line.
#[test]
fn a_change_from_outside_is_handed_in() {
    let world = World::new(&[("a.txt", "zero\n")]);
    let change = |path: &str| {
        let change = json!({
            "schema": "hyperion.change_request/v1", "task_id": "T1", "agent": "codex",
            "base_commit": world.repo.tip("main"), "summary": "Count from one",
            "changes": [{"operation": "modify", "path": path, "content": "one\n"}],
        });
        format!("{change:#}")
    };
    let propose = |text: String, code| {
        let arguments = ["propose", "-", "--wait", "--format", "json"];
        world.hyperion.run_with_input(&arguments, text).code(code)
    };
    let refused = propose(change("b.txt"), 2);
    assert!(
        refused
            .stderr
            .contains("/changes/0/path: the base has no file b.txt"),
        "{}",
        refused.stderr
    );
    let asked = asked(&items(&propose(change("a.txt"), 75).json())[0]);
    let done = world.approve(&asked, 0);
    assert_eq!(done["change_sets"][0]["agent"], "codex");
    assert_eq!(world.repo.show("main", "a.txt"), "one\n");
    world.run(&["propose", "missing.json"]).code(2);

    let keys = |public: &str| format!("[{{ id = \"ci\", public = \"{public}\" }}]");
    let key = keys("6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=");
    world.run(&["config", "set", "policy.keys", &key]).code(0);
    world
        .run(&["config", "set", "policy.keys", &keys("AAAA")])
        .code(2);
    let signed = change("a.txt").replace("\"schema\"", "\"signature\": {\"algorithm\": \"ed25519\", \"key_id\": \"other\", \"value\": \"\"}, \"schema\"");
    let refused = propose(signed, 2);
    assert!(
        refused
            .stderr
            .contains(r#"no key \"other\" is registered, there is: ci"#),
        "{}",
        refused.stderr
    );
    world.assert_sound();
}
