//! What is checked out where, and what a landing does about it.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};
use std::fs;

const FILES: &[(&str, &str)] = &[("a.txt", "one\n"), ("b.txt", "two\n")];

/// Changes one file and makes another.
fn change() -> RequestFile {
    task_request("Say more").class("feature").task(
        task("T1", "say more")
            .modify("a.txt", "one\n", "one\nmore\n")
            .create("new.txt", "new\n"),
    )
}

/// Files the change and approves it; it is about to land or to find something in its way.
fn approve(world: &World) -> String {
    let asked = world.ask(&change());
    world.run(&["approval", "approve", &asked.approval]).code(0);
    asked.request
}

/// The request's one entry, once it is in this state.
fn entry_when(world: &World, request: &str, status: &str) -> Value {
    let detail = world.request_when(request, |detail| detail["entries"][0]["status"] == status);
    detail["entries"][0].clone()
}

// M3, M5: an index that is not refreshed would stage the inverse of what landed.
#[test]
fn a_clean_work_tree_and_its_index_follow() {
    let world = World::up(FILES);
    world.repo.write("ignored.log", "mine\n");
    fs::write(world.repo.path().join(".git/info/exclude"), "*.log\n").unwrap();
    let detail = world.carry_out(&change(), 0);
    assert_eq!(world.repo.status(), [""; 0]);
    assert_eq!(world.repo.git(&["diff", "--cached", "--stat"]), "");
    assert_eq!(world.repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    assert_eq!(world.repo.read("a.txt"), "one\nmore\n");
    assert_eq!(world.repo.read("new.txt"), "new\n");
    assert_eq!(
        world.repo.read("ignored.log"),
        "mine\n",
        "what is nobody's business stays"
    );
    assert_eq!(
        detail["summary"]["landed"][0]["commit"],
        json!(world.repo.tip("main"))
    );

    // The person goes on as if they had committed it.
    world.repo.commit("Go on", &[("b.txt", "three\n")]);
    assert_eq!(world.repo.show("main", "a.txt"), "one\nmore\n");
}

// M3, M5: with an engine up it resolves by itself.
#[test]
fn an_edited_file_blocks_what_changes_it_until_it_is_clean() {
    let world = World::up(FILES);
    let before = world.repo.tip("main");
    world.repo.write("a.txt", "mine\n");
    let request = approve(&world);
    let entry = entry_when(&world, &request, "blocked");
    let place = world.repo.path().display();
    assert_eq!(
        text(&entry["reason"]),
        format!(
            "commit or stash the changes to a.txt in {place}; an engine that is up then goes on, else run `hyperion drain`"
        )
    );
    assert_eq!(world.repo.tip("main"), before);
    assert_eq!(
        world.repo.status(),
        [" M a.txt"],
        "what the person did is untouched"
    );
    let listed = world.run(&["queue", "list", "--status", "blocked"]).code(0);
    assert!(listed.stdout.contains("say more"), "{}", listed.stdout);

    // What changes another file goes past it.
    let other = task_request("Say less")
        .class("feature")
        .task(task("T1", "say less").modify("b.txt", "two\n", "less\n"));
    world.carry_out(&other, 0);
    assert_eq!(world.repo.status(), [" M a.txt"]);
    assert_eq!(world.repo.read("b.txt"), "less\n");
    entry_when(&world, &request, "blocked");

    world.repo.git(&["checkout", "--", "a.txt"]);
    entry_when(&world, &request, "landed");
    assert_eq!(world.repo.tip("main~2"), before);
    assert_eq!(world.repo.read("a.txt"), "one\nmore\n");
    world.assert_sound();
}

// M3, M5: edits of other files, staged or not, are carried along as they are.
#[test]
fn edits_of_other_files_are_carried_along() {
    let world = World::up(FILES);
    world.repo.write("b.txt", "staged\n");
    world.repo.write("mine.txt", "mine\n");
    world.repo.git(&["add", "b.txt", "mine.txt"]);
    world.repo.write("b.txt", "edited\n");
    world.carry_out(&change(), 0);
    assert_eq!(world.repo.status(), ["MM b.txt", "A  mine.txt"]);
    assert_eq!(world.repo.show("", "b.txt"), "staged\n");
    assert_eq!(world.repo.read("b.txt"), "edited\n");
    assert_eq!(world.repo.read("a.txt"), "one\nmore\n");
    world.repo.git(&["reset", "--quiet", "--hard"]);
    world.assert_sound();
}

// M3, M5: without one, the next command that works resolves it.
#[test]
fn without_an_engine_a_blocked_entry_waits_for_the_next_command() {
    let world = World::new(FILES);
    world.repo.write("a.txt", "mine\none\n");
    let asked = world.ask(&change());
    let blocked = world.approve(&asked, 75);
    assert_eq!(blocked["entries"][0]["status"], "blocked");
    let shown = world
        .run(&["request", "show", &asked.request])
        .code(0)
        .stdout;
    assert!(
        shown.contains("next         commit or stash the changes to a.txt in "),
        "{shown}"
    );
    world.repo.git(&["checkout", "--", "a.txt"]);
    world.repo.commit("Mine", &[("b.txt", "mine\n")]);
    world.run(&["drain"]).code(0);
    let landed = world.request(&asked.request);
    assert_eq!(landed["status"], "completed", "{landed:#}");
    assert_eq!(world.repo.subjects("main"), ["say more", "Mine", "Begin"]);
    assert_eq!(world.repo.read("b.txt"), "mine\n");
    world.assert_sound();
}

// M3, C5: a file that git does not know of is never overwritten.
#[test]
fn an_untracked_file_in_the_way_blocks() {
    let world = World::up(FILES);
    world.repo.write("new.txt", "mine, and nowhere else\n");
    let request = approve(&world);
    let entry = entry_when(&world, &request, "blocked");
    let place = world.repo.path().display();
    assert_eq!(
        text(&entry["reason"]),
        format!(
            "move new.txt in {place} away, which git does not track; an engine that is up then goes on, else run `hyperion drain`"
        )
    );
    assert_eq!(world.repo.read("new.txt"), "mine, and nowhere else\n");
    world.repo.remove("new.txt");
    entry_when(&world, &request, "landed");
    assert_eq!(world.repo.read("new.txt"), "new\n");
    world.assert_sound();
}

// M3: an untracked file beside what lands is nobody's business.
#[test]
fn an_untracked_file_elsewhere_stays_and_blocks_nothing() {
    let world = World::up(FILES);
    world.repo.write("notes.txt", "mine\n");
    world.carry_out(&change(), 0);
    assert_eq!(world.repo.status(), ["?? notes.txt"]);
    assert_eq!(world.repo.read("notes.txt"), "mine\n");
}

// M3, M6
#[test]
fn a_bare_repository_lands_and_rolls_back() {
    let origin = TempRepo::with_files(FILES);
    let world = World::up_with(origin.bare_clone(), &[]);
    let begin = world.repo.tip("main");
    let detail = world.carry_out(&change(), 0);
    assert_eq!(world.repo.show("main", "a.txt"), "one\nmore\n");
    world
        .run(&["rollback", &text(&detail["id"]), "--wait"])
        .code(0);
    assert_eq!(
        world.repo.git(&["rev-parse", "main^{tree}"]),
        world.repo.git(&["rev-parse", &format!("{begin}^{{tree}}")])
    );
    world.repo.git(&["fsck", "--strict", "--no-dangling"]);
    world.assert_nothing_unlanded_shows();
}

// M3, M5: wherever the branch is checked out, that work tree follows, and an edit in it blocks what changes the file.
#[test]
fn a_linked_worktree_that_has_the_branch_follows() {
    let mut world = World::unknown(TempRepo::with_files(FILES));
    world.repo.checkout("--detach");
    let linked = world.repo.linked_worktree("main");
    world.start_engine();
    let unclear = world.run(&["init"]).code(2);
    assert!(
        unclear.stderr.contains("HEAD is detached"),
        "{}",
        unclear.stderr
    );
    world.run(&["init", "--branch", "main"]).code(0);
    linked.write("a.txt", "mine\n");
    let request = approve(&world);
    let reason = text(&entry_when(&world, &request, "blocked")["reason"]);
    assert!(
        reason.contains(&linked.path().display().to_string()),
        "{reason}"
    );
    linked.git(&["checkout", "--", "a.txt"]);
    entry_when(&world, &request, "landed");
    assert_eq!(linked.status(), [""; 0]);
    assert_eq!(linked.read("a.txt"), "one\nmore\n");
    assert_eq!(linked.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");

    // The detached one stays where the person left it.
    assert_eq!(world.repo.read("a.txt"), "one\n");
    assert_eq!(world.repo.status(), [""; 0]);
    assert_eq!(world.repo.tip("HEAD"), world.repo.tip("main~1"));
}

// M3: a work tree on another branch is not touched, edited or not.
#[test]
fn another_branch_checked_out_is_left_alone() {
    let world = World::up(FILES);
    world.repo.branch("mine", "main");
    world.repo.checkout("mine");
    world.repo.write("a.txt", "half done\n");
    let detail = world.carry_out(&change().base("main"), 0);
    assert_eq!(detail["branch"], "main");
    assert_eq!(world.repo.show("main", "a.txt"), "one\nmore\n");
    assert_eq!(world.repo.status(), [" M a.txt"]);
    assert_eq!(world.repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/mine");
    assert_eq!(world.repo.tip("mine"), world.repo.tip("main~1"));
}

// M4: an edit that git was told not to look at keeps the branch where it is; what comes after it is not held up for ever.
#[test]
fn a_hidden_edit_blocks_and_says_how_it_is_shown() {
    let world = World::up(FILES);
    let before = world.repo.tip("main");
    world
        .repo
        .git(&["update-index", "--assume-unchanged", "a.txt"]);
    world.repo.write("a.txt", "mine\n");
    let request = approve(&world);
    let entry = entry_when(&world, &request, "blocked");
    let place = world.repo.path().display();
    assert_eq!(
        text(&entry["reason"]),
        format!(
            "a.txt: the index hides its edits (assume-unchanged); run `git update-index --no-assume-unchanged a.txt` in {place}, then commit or stash them"
        )
    );
    assert_eq!(world.repo.tip("main"), before);
    // Another file is nobody's business.
    let other = task_request("Say less")
        .class("feature")
        .task(task("T1", "say less").modify("b.txt", "two\n", "less\n"));
    let other = world.ask(&other);
    world.run(&["approval", "approve", &other.approval]).code(0);
    entry_when(&world, &other.request, "landed");
    world
        .repo
        .git(&["update-index", "--no-assume-unchanged", "a.txt"]);
    world.repo.git(&["checkout", "-q", "a.txt"]);
    entry_when(&world, &request, "landed");
    assert_eq!(world.repo.status(), [""; 0]);
}

// M4: what lands is what `git add` would have stored.
#[test]
fn line_ends_are_stored_as_the_attributes_say() {
    let world = World::up(&[
        (".gitattributes", "*.bat text eol=crlf\n*.bin filter=lfs\n"),
        ("a.bat", "x\ny\n"),
    ]);
    let change = task_request("Shout")
        .class("bugfix")
        .task(task("T1", "shout").modify("a.bat", "x\ny\n", "x\r\nY\r\n"));
    world.carry_out(&change, 0);
    assert_eq!(world.repo.show("main", "a.bat"), "x\nY\n");
    assert_eq!(world.repo.read("a.bat"), "x\r\nY\r\n");
    world.repo.git(&["read-tree", "HEAD"]);
    assert_eq!(world.repo.status(), [""; 0]);

    let change = task_request("Add")
        .class("bugfix")
        .task(task("T1", "add").create("new.bin", "new binary\n"));
    let refused = world.file_with(&change, &[]);
    assert!(
        refused.stderr.contains("must be an LFS pointer"),
        "{}",
        refused.stderr
    );
    assert_eq!(world.repo.status(), [""; 0]);
}
