//! What counts of a change is what it leaves behind: not what it takes away, moves, or was packed in.

use crate::world::World;
use hyperion_testkit::{TempRepo, task, task_request, unified_diff};
use serde_json::json;
use std::fs;

/// Bytes that cannot be packed, the same each time.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    (0..bytes.div_ceil(8))
        .flat_map(|_| next())
        .take(bytes)
        .collect()
}

/// Makes a patch of a new binary file as git does.
fn binary_patch(content: &[u8]) -> String {
    let repo = TempRepo::with_files(&[("a", "a\n")]);
    repo.write("new.bin", content);
    repo.git(&["add", "new.bin"]);
    repo.git(&["diff", "--cached", "--binary"]) + "\n\n"
}

// X1: a file that is large already can be taken away, moved and replaced; a line of it can be changed.
#[test]
fn what_is_large_already_can_go_and_move() {
    let repo = TempRepo::new();
    repo.write("model.bin", noise(30_000_000));
    repo.write("old.bin", noise(12_000_000));
    let line = format!("{}\n", "word ".repeat(20));
    let (long, changed) = (line.repeat(6_000), line.repeat(5_999) + "last\n");
    repo.write("long.txt", &long);
    repo.write("bin.txt", noise(11_000_000));
    repo.commit_all("Large files");
    let world = World::up_with(repo, &[]);
    let request = task_request("Make room").class("feature").task(
        task("T1", "make room")
            .delete("old.bin")
            .rename("model.bin", "assets/model.bin")
            .modify("long.txt", &long, &changed)
            .replace("bin.txt", "small\n"),
    );
    world.carry_out(&request, 0);
    assert_eq!(
        world.repo.files("main"),
        ["assets/model.bin", "bin.txt", "long.txt"]
    );
    assert_eq!(world.repo.status(), [""; 0]);
    world.assert_sound();
}

// X1, C7: what a binary patch writes is counted, not how it is written.
#[test]
fn a_binary_patch_is_measured_by_its_content() {
    let world = World::up(&[("a", "a\n")]);
    let request = |content: &[u8]| {
        let patch = binary_patch(content);
        let change = json!({"operation": "create", "path": "new.bin", "patch": patch});
        let request = task_request("Add it")
            .class("feature")
            .task(task("T1", "add").change(change));
        (patch.len(), request)
    };
    // Base64 and base85 make a quarter more of it, zlib next to nothing of a lot.
    let (patch, fits) = request(&noise(480_000));
    assert!(patch > 512_000, "{patch}");
    world.carry_out(&fits, 0);
    assert_eq!(
        fs::read(world.repo.path().join("new.bin")).unwrap(),
        noise(480_000)
    );
    let (patch, packed) = request(&[0; 600_000]);
    assert!(patch < 5_000, "{patch}");
    let refused = world.file_with(&packed, &[]).code(2);
    assert!(
        refused
            .stderr
            .contains("writes 600000 bytes; at most 512000"),
        "{}",
        refused.stderr
    );
}

// X1: a lock file is written whole by a tool, and nobody can split it.
#[test]
fn a_lock_file_may_be_larger() {
    let world = World::up(&[("a", "a\n")]);
    let content = "{\"dependency\": \"1.0.0\"}\n".repeat(22_000);
    let request = |path: &str| {
        let task = task("T1", "lock").create(path, &content);
        task_request("Lock it").class("feature").task(task)
    };
    let refused = world.file_with(&request("web/package.json"), &[]).code(2);
    assert!(
        refused.stderr.contains("policy.tool_write_max_kb"),
        "{}",
        refused.stderr
    );
    world.carry_out(&request("web/package-lock.json"), 0);
    assert_eq!(world.repo.show("main", "web/package-lock.json"), content);
}

// X1, R5: a task that names no paths of its own owns those it changes, however many they are.
#[test]
fn a_task_may_own_all_paths_it_changes() {
    let files: Vec<_> = (0..1200).map(|at| format!("src/[{at}]/!a.txt")).collect();
    let repo = TempRepo::new();
    files.iter().for_each(|file| repo.write(file, "a\n"));
    repo.write("!b", "b\n");
    repo.commit_all("Many files");
    let world = World::up_with(repo, &[("policy.limits.max_files", "1300")]);
    let all = files
        .iter()
        .fold(task("T1", "remove them").delete("!b"), |task, file| {
            task.delete(file)
        });
    let keep = all.create("kept", "kept\n");
    let asked = world.ask(&task_request("Remove them").class("feature").task(keep));
    // Landing so many takes longer than `--wait` waits for an engine that says nothing.
    world.run(&["approval", "approve", &asked.approval]).code(0);
    world.request_when(&asked.request, |detail| detail["status"] == "completed");
    assert_eq!(world.repo.files("main"), ["kept"]);
}

// C1, C4: a folder becomes a file, a link a file and a file a link, in one task; and all of it back again.
#[test]
fn one_task_may_change_what_a_path_is() {
    let repo = TempRepo::new();
    repo.write("guide/one.md", "one\n");
    repo.write("guide/more/two.md", "two\n");
    repo.write("api/spec.md", "spec\n");
    repo.symlink("latest", "api/spec.md");
    repo.write("copy.md", "api/spec.md");
    repo.commit_all("Begin");
    let before = repo.git(&["rev-parse", "main^{tree}"]);
    let world = World::up_with(repo, &[]);
    let guide =
        |task: hyperion_testkit::TaskEntry| task.delete("guide/one.md").create("guide", "all\n");
    let left = guide(task("T1", "leaves a file in it"));
    let refused = world
        .file_with(&task_request("Leave one").task(left), &[])
        .code(2);
    assert!(
        refused
            .stderr
            .contains("guide is a folder with other files in it"),
        "{}",
        refused.stderr
    );
    let all = guide(task("T1", "one page"))
        .delete("guide/more/two.md")
        .rename("api/spec.md", "api")
        .change(
            json!({"operation": "modify", "path": "latest", "mode": "100644", "content": "spec\n"}),
        )
        .change(
            json!({"operation": "modify", "path": "copy.md", "mode": "120000", "content": "api"}),
        );
    let detail = world.carry_out(&task_request("One page").class("feature").task(all), 0);
    let listed = world.repo.git(&["ls-tree", "main"]);
    let modes: Vec<_> = listed
        .lines()
        .map(|line| (&line[..6], line.rsplit('\t').next().unwrap()))
        .collect();
    assert_eq!(
        modes,
        [
            ("100644", "api"),
            ("120000", "copy.md"),
            ("100644", "guide"),
            ("100644", "latest")
        ]
    );
    assert_eq!(world.repo.status(), [""; 0]);
    assert_eq!(
        fs::read_link(world.repo.path().join("copy.md"))
            .unwrap()
            .to_str(),
        Some("api")
    );
    let ended = world.run(&[
        "rollback",
        detail["id"].as_str().unwrap(),
        "--wait",
        "--format",
        "json",
    ]);
    if ended.exit() == Some(75) {
        let detail = &crate::world::items(&ended.json())[0];
        world.approve(&crate::world::asked(detail), 0);
    }
    assert_eq!(world.repo.git(&["rev-parse", "main^{tree}"]), before);
    assert_eq!(world.repo.status(), [""; 0]);
}

// C8: a file that becomes a link leads where its content says, also if that is what it held before.
#[test]
fn a_file_that_becomes_a_link_out_is_refused() {
    let world = World::up(&[("notes/out", "../../../etc/passwd")]);
    let change = json!({"operation": "modify", "path": "notes/out", "mode": "120000", "content": "../../../etc/passwd"});
    let task = task("T1", "link").change(change);
    let ended = world.file_with(
        &task_request("Link it").class("feature").task(task),
        &["--wait"],
    );
    assert_ne!(ended.exit(), Some(0));
    assert!(
        ended.stderr.contains("leads out of the repository")
            || ended.stdout.contains("leads out of the repository"),
        "{} {}",
        ended.stdout,
        ended.stderr
    );
}

// C2: where a hunk's lines stand twice nothing is guessed, and where they moved is shown to whoever decides.
#[test]
fn a_hunk_that_fits_twice_is_refused_and_a_moved_one_is_shown() {
    let function = |name: &str, body: &str| {
        format!("def {name}():\n    \"\"\"{name}.\"\"\"\n\n{body}    return x\n\n")
    };
    let twice = [
        function("first", &"    y = 0\n".repeat(9)),
        function("second", "    x = 1\n"),
        function("third", "    x = 1\n"),
    ]
    .concat();
    let world = World::up(&[("m.py", &twice), ("once.txt", "0\n0\na\nb\nc\nd\n")]);
    let change = |path: &str, patch: &str| {
        let change = json!({"operation": "modify", "path": path, "patch": patch});
        task_request("Two")
            .class("feature")
            .task(task("T1", "two").change(change))
    };
    let patch =
        "--- a/m.py\n+++ b/m.py\n@@ -20,2 +20,2 @@\n-    x = 1\n+    x = 2\n     return x\n";
    let refused = world.file_with(&change("m.py", patch), &[]).code(2);
    assert!(
        refused
            .stderr
            .contains("its lines are at line 18 and at line 24"),
        "{}",
        refused.stderr
    );

    let moved = unified_diff("once.txt", "a\nb\nc\nd\n", "a\nB\nc\nd\n")
        .replace("@@ -1,4 +1,4 @@", "@@ -2,4 +2,4 @@");
    let asked = world.ask(&change("once.txt", &moved));
    let shown = json!([{"path": "once.txt", "hunk": 1, "stated_line": 2, "line": 3}]);
    let approval = world.json(&["approval", "show", &asked.approval]);
    assert_eq!(approval["moved_hunks"], shown);
    let set = world.json(&[
        "changes",
        "show",
        approval["change_set_id"].as_str().unwrap(),
    ]);
    assert_eq!(set["moved_hunks"], shown);
    let said = world
        .run(&["approval", "show", &asked.approval])
        .code(0)
        .stdout;
    assert!(
        said.contains("once.txt: hunk 1 of the patch says line 2, and was applied at line 3"),
        "{said}"
    );
}
