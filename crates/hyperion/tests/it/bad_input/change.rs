//! Changes that do not fit their file.

use super::*;

// C2: what does not fit its file.
#[test]
fn a_change_that_does_not_fit() {
    let mut table = Table::new();
    let patch = unified_diff("src/retry.rs", RETRY, CLAMPED);
    let elsewhere = unified_diff("src/other.rs", RETRY, CLAMPED);
    let other_text = unified_diff(
        "src/retry.rs",
        "fn other() {\n    1\n}\n",
        "fn other() {\n    2\n}\n",
    );
    let both = format!("{patch}{elsewhere}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    table
        .change("another path", modify(&elsewhere))
        .change("another text", modify(&other_text))
        .change("two files", modify(&both))
        .change("no patch", modify("please clamp it"))
        .change("cut off", modify(&patch[..patch.len() - 12]))
        .change("another operation", json!({"operation": "create", "path": "src/retry.rs", "patch": patch}))
        .change("a patch for a deletion", json!({"operation": "delete", "path": "src/retry.rs", "patch": patch}))
        .change("there already", json!({"operation": "create", "path": "README.md", "content": "x\n"}))
        .change("not there", json!({"operation": "modify", "path": "src/none.rs", "content": "x\n"}))
        .change("nothing to delete", json!({"operation": "delete", "path": "src/none.rs"}))
        .change("nothing changes", json!({"operation": "modify", "path": "src/retry.rs", "content": RETRY}))
        .change("the mode it has", json!({"operation": "chmod", "path": "run.sh", "mode": "100755"}))
        .change("no mode", json!({"operation": "chmod", "path": "run.sh", "mode": "0777"}))
        .change("a file becomes a link", json!({"operation": "chmod", "path": "run.sh", "mode": "120000"}))
        .change("both", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "content": CLAMPED}))
        .change("neither", json!({"operation": "modify", "path": "src/retry.rs"}))
        .change("renamed from nowhere", json!({"operation": "rename", "path": "src/new.rs"}))
        .change("renamed onto another", json!({"operation": "rename", "from_path": "README.md", "path": "run.sh"}))
        .change("600 KB", json!({"operation": "create", "path": "big.txt", "content": "x".repeat(600_000)}))
        .change("bad base64", json!({"operation": "create", "path": "b", "content": "a*b", "encoding": "base64"}))
        .change("wrong result_hash", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "result_hash": wrong}))
        .change("wrong base_hash", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "base_hash": wrong}))
        .change("no hash", json!({"operation": "modify", "path": "src/retry.rs", "patch": patch, "base_hash": "sha256:12"}))
        .task("a path twice", good().delete("src/retry.rs"))
        .request(
            "tasks before it contradict each other",
            &minimal()
                .task(task("T1", "x").owns(&["a"]).create("a", "x\n"))
                .task(task("T2", "x").owns(&["a/b"]).create("a/b", "x\n"))
                .task(task("T3", "x").owns(&["c"]).depends_on(&["T1", "T2"]).create("c", "x\n")),
        );
    insta::assert_snapshot!(table.end(), @r#"
    ## another path: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: modifies src/other.rs, but the change is a modify of src/retry.rs: correct `operation` and `path`, or the patch (line 8 column 11)

    ## another text: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: failed to apply hunk 1 at line 1: expected `fn other() {`, found `fn delay(n: u32) -> u32 {`; make the patch against the file as it is now (line 8 column 11)

    ## two files: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: changes 2 files; give each path its own change (line 8 column 11)

    ## no patch: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: failed to read line 1 of the patch: there is no file in it; give a unified diff, as `git diff` prints it (line 8 column 11)

    ## cut off: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: failed to read line 9 of the patch: the hunk ends too early: by its header 1 old and 1 new lines are missing; correct the header's counts, or the patch is cut off (line 8 column 11)

    ## another operation: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: modifies src/retry.rs, but the change is a create of src/retry.rs: correct `operation` and `path`, or the patch (line 8 column 11)

    ## a patch for a deletion: exit 2
    error: ~/request.json: /tasks/0/changes/0/patch: does not go with this operation; leave it out (line 8 column 11)

    ## there already: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: README.md is there already; use "operation": "modify" (line 9 column 11)

    ## not there: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the base has no file src/none.rs; check the path, or use "operation": "create" (line 9 column 11)

    ## nothing to delete: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: the base has no file src/none.rs; check the path (line 8 column 11)

    ## nothing changes: exit 2
    error: ~/request.json: /tasks/0/changes/0: src/retry.rs is already as the change would make it: leave the change out (line 6 column 9)

    ## the mode it has: exit 2
    error: ~/request.json: /tasks/0/changes/0: run.sh is already as the change would make it: leave the change out (line 6 column 9)

    ## no mode: exit 2
    error: ~/request.json: /tasks/0/changes/0/mode: "0777" is not a mode; write "100644", "100755" or "120000" (line 7 column 11)

    ## a file becomes a link: exit 2
    error: ~/request.json: /tasks/0/changes/0/mode: what a link holds is where it leads, so a file that becomes a link, or a link a file, needs its whole `content` beside `mode` (line 7 column 11)

    ## both: exit 2
    error: ~/request.json: /tasks/0/changes/0: has both `patch` and `content`; give exactly one (line 6 column 9)

    ## neither: exit 2
    error: ~/request.json: /tasks/0/changes/0: has neither `patch` nor `content`; give exactly one (line 6 column 9)

    ## renamed from nowhere: exit 2
    error: ~/request.json: /tasks/0/changes/0/from_path: is missing; a rename says where the file comes from (line 6 column 9)

    ## renamed onto another: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: run.sh is there already, and a rename overwrites nothing; delete it in a task before (line 9 column 11)

    ## 600 KB: exit 2
    error: ~/request.json: /tasks/0/changes/0/content: writes 600000 bytes; at most 512000 (setting policy.tool_write_max_kb): split it, or have an admin raise the setting (line 7 column 11)

    ## bad base64: exit 2
    error: ~/request.json: /tasks/0/changes/0/content: is not base64 (Invalid symbol 42, offset 1.); make it on one line: base64 -w0 FILE (line 7 column 11)

    ## wrong result_hash: exit 2
    error: ~/request.json: /tasks/0/changes/0/result_hash: the result is sha256:0de58beca9561df0c6735d9be4081a03ae04e2a7b500e8ec7fde5bce86ab892e, not sha256:0000000000000000000000000000000000000000000000000000000000000000: make the change again, or leave the hash out (line 10 column 11)

    ## wrong base_hash: exit 3
    error: ~/request.json: /tasks/0/changes/0/base_hash: the base has sha256:f2167daa0947469b38f7af4e64070aabadd2cbf34aecd9bf9c276f0bca371f49, not sha256:0000000000000000000000000000000000000000000000000000000000000000: the file changed since (line 7 column 11)
    hint: make the change again on the branch's tip, or name in `base` the commit it was made on

    ## no hash: exit 2
    error: ~/request.json: /tasks/0/changes/0/base_hash: "sha256:12" is not a digest; write `sha256:` and 64 hexadecimal digits (line 7 column 11)

    ## a path twice: exit 2
    error: ~/request.json: /tasks/0/changes/1/path: "src/retry.rs" is already changed by change 0: make one change of both (line 13 column 11)

    ## tasks before it contradict each other: exit 2
    error: ~/request.json: /tasks/2/depends_on: the tasks it depends on contradict each other in a; let one of them depend on the other (line 40 column 7)
    "#);
}
