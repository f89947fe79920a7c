//! Secrets that somebody put where they do not belong.

use super::*;

const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const KEY: &str = "AKIAIOSFODNN7EXAMPL2";
const HELD: &str = "correct-horse-battery";

/// Finds files with a secret in their bytes.
fn leaks(folder: &std::path::Path, secrets: &[&str]) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leaks(&path, secrets));
        } else if let Ok(bytes) = fs::read(&path) {
            let holds = |secret: &&str| {
                bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes())
            };
            if secrets.iter().any(holds) {
                found.push(path);
            }
        }
    }
    found
}

// S4, X7: a secret that was typed into a request shows nowhere, and lands nowhere.
#[test]
fn a_secret_shows_nowhere() {
    let mut table = Table::new();
    table.world.hyperion = table.world.hyperion.clone().env("DEPLOY_TOKEN", HELD);
    table.world.stop_engine();
    table.world.start_engine();
    table
        .change(
            "in a path",
            json!({"operation": "create", "path": format!("{KEY}/a"), "content": "x\n"}),
        )
        .change(
            "in a path's old name",
            json!({"operation": "rename", "from_path": format!("{HELD}.txt"), "path": "b"}),
        )
        .task("in owns", task("T1", "x").owns(&[&format!("{KEY}/**")]))
        .request("in a field that is none", &minimal().set("agent", TOKEN))
        .request(
            "in a title that is none",
            &task_request(&format!("Use {TOKEN}\nnow")),
        )
        .request("in a base", &minimal().base(TOKEN));
    insta::assert_snapshot!(table.end(), @r#"
    ## in a path: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it (line 9)

    ## in a path's old name: exit 2
    error: ~/request.json: 2 things are wrong; nothing was filed
      line 7, /tasks/0/changes/0/from_path: holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it
      line 7, /tasks/0/changes/0/from_path: the base has no file [redacted:known].txt; check the path

    ## in owns: exit 2
    error: ~/request.json: /tasks/0/owns/0: holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it (line 7)

    ## in a field that is none: exit 2
    error: ~/request.json: /agent: no agent is called "[redacted:github-token]"; there is: scripted (line 2)

    ## in a title that is none: exit 2
    error: ~/request.json: /title: has the control character '\n'; write one plain line (line 3)

    ## in a base: exit 2
    error: ~/request.json: /base: "[redacted:github-token]" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2)
    "#);

    let secrets = [TOKEN, KEY, HELD];
    let world = &table.world;
    let told = task_request(&format!("Use {TOKEN}"))
        .description(&format!("The key is {KEY}, the other {HELD}."))
        .set("error_context", json!({"logs": format!("token={TOKEN}")}))
        .task(
            task("T1", &format!("use {TOKEN}"))
                .instructions(HELD)
                .create("b.txt", "b\n"),
        );
    let added = task_request("Use it")
        .task(task("T1", "x").create("c.txt", &format!("a = 1\ntoken = {TOKEN:?}\n")));
    let patched = task_request("Use it").task(task("T1", "x").modify(
        "README.md",
        "# Retry\n",
        &format!("# {HELD}\n"),
    ));
    let mut shown = String::new();
    let landed = world.carry_out(&told, 0);
    for refused in [&added, &patched] {
        let ended = world.file_with(refused, &["--wait"]).code(4);
        shown.push_str(&format!("{}{}", ended.stdout, ended.stderr));
    }
    shown.push_str(&format!("{landed}"));
    for list in ["request", "queue", "changes", "approval"] {
        for format in ["table", "json"] {
            let ended = world.run(&[list, "list", "--format", format]).code(0);
            shown.push_str(&ended.stdout);
        }
        for item in world.list(&[list, "list"]) {
            let ended = world.run(&[list, "show", &text(&item["id"])]).code(0);
            shown.push_str(&ended.stdout);
        }
    }
    for command in [
        &["events", "--format", "jsonl"][..],
        &["history"],
        &["audit", "verify"],
        &["doctor"],
    ] {
        let ended = world.run(command);
        shown.push_str(&format!("{}{}", ended.stdout, ended.stderr));
    }
    shown.push_str(&world.message("main"));
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("Use [redacted:github-token]"), "{shown}");
    table.world.stop_engine();
    let top = table.world.hyperion.home();
    assert_eq!(
        leaks(top.parent().unwrap(), &secrets),
        [table.world.hyperion.user_home().join("request.json")]
    );
    table.world.start_engine();
}
