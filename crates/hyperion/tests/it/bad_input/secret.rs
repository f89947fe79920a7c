//! Secrets that somebody put where they do not belong.

use super::*;
use hyperion_testkit::Finished;

const TOKEN: &str = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");
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

/// Gives the content of every git object that a home holds itself.
fn own_objects(home: &std::path::Path) -> String {
    let repos = fs::read_dir(home.join("repos")).unwrap();
    repos
        .map(|own| {
            let folder = own.unwrap().path().join("git");
            let written = folder.with_file_name("written");
            let objects = format!("--git-dir={}", folder.display());
            let listed = hyperion_testkit::git(
                &folder,
                &[&objects, "cat-file", "--batch-all-objects", "--batch"],
            );
            assert!(written.is_dir(), "{} is among them", written.display());
            listed
        })
        .collect()
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
    error: ~/request.json: /tasks/0/changes/0/path: holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it (line 9 column 11)

    ## in a path's old name: exit 2
    error: ~/request.json: 2 things are wrong; nothing was filed
      line 7 column 11, /tasks/0/changes/0/from_path: holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it
      line 7 column 11, /tasks/0/changes/0/from_path: the base has no file [redacted:known].txt; check the path

    ## in owns: exit 2
    error: ~/request.json: /tasks/0/owns/0: holds what looks like a secret, and names are kept and shown: choose another name; if the secret is real, revoke it (line 7 column 9)

    ## in a field that is none: exit 2
    error: ~/request.json: /agent: no agent is called "[redacted:github-token]"; use scripted (line 2 column 3)

    ## in a title that is none: exit 2
    error: ~/request.json: /title: has the control character '\n'; write one plain line (line 3 column 3)

    ## in a base: exit 2
    error: ~/request.json: /base: "[redacted:github-token]" is neither a branch nor a commit here; name a branch, or a commit of branch main (line 2 column 3)
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
    let built_on = task_request("Use it")
        .task(task("T1", "x").create("d.txt", &format!("token = {TOKEN:?}\n")))
        .task(task("T2", "y").create("e.txt", "e\n").depends_on(&["T1"]));
    let mut shown = String::new();
    let landed = world.carry_out(&told, 0);
    for refused in [&added, &patched, &built_on] {
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
    // What git stores is packed, so that its bytes show nothing.
    let objects = own_objects(&top);
    assert!(objects.contains("\nb\n"), "{objects}");
    for secret in secrets {
        assert!(!objects.contains(secret), "{secret} in {objects}");
    }
    table.world.start_engine();
}

// C8, S4, X7: what a command prints is masked wherever it shows, however it was cut; its raw output is the only place that has it.
#[test]
fn a_secret_that_a_check_prints_shows_nowhere() {
    // Neither the file nor the command has it in one piece.
    let (first, second) = TOKEN.split_at(9);
    let says = format!(
        "printf 'using {first}'; sleep 0.05; echo '{second} now'; echo 'error: denied for {first}'\"{second}\" >&2; exit 1"
    );
    let toml = format!("[checks]\nsays = {}\n", json!(says));
    let world = World::of(TempRepo::with_files(&[
        ("a.txt", "a\n"),
        ("hyperion.toml", &toml),
    ]));
    let request = task_request(&format!("Use {TOKEN}"))
        .class("feature")
        .task(task("T1", "x").create("b.txt", "b\n"));
    let ended = world.carry_out(&request, 1);
    let mut shown = format!("{ended}");
    for list in ["request", "queue", "changes", "approval"] {
        let all: &[&str] = match list {
            "queue" => &["queue", "list", "--all"],
            list => &[list, "list"],
        };
        for item in world.list(all) {
            for format in ["table", "json"] {
                let id = text(&item["id"]);
                let ended = world.run(&[list, "show", &id, "--format", format]).code(0);
                shown.push_str(&ended.stdout);
            }
        }
    }
    for command in [
        &["events", "--format", "jsonl"][..],
        &["worker", "logs"],
        &["worker", "logs", "--format", "jsonl"],
    ] {
        shown.push_str(&world.run(command).code(0).stdout);
    }
    assert!(!shown.contains(TOKEN), "{shown}");
    assert!(
        shown.contains("denied for [redacted:github-token]"),
        "{shown}"
    );

    let home = world.hyperion.home();
    let leaking = leaks(&home, &[TOKEN]);
    assert!(!leaking.is_empty(), "the raw output is kept as it is");
    for path in &leaking {
        assert!(path.starts_with(home.join("runs")), "{}", path.display());
    }
    let scanned = world.run(&["doctor", "--secrets"]).code(0);
    assert!(!scanned.stdout.contains(TOKEN), "{}", scanned.stdout);
    let lines = |scanned: &Finished| -> Vec<String> {
        let lines = scanned.stdout.lines();
        lines
            .filter(|line| line.contains("secrets"))
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                words[..words.len().min(7)].join(" ")
            })
            .collect()
    };
    let healthy = lines(&scanned);
    assert!(
        healthy[0].starts_with("✓ ok secrets none in"),
        "{healthy:?}"
    );
    assert!(
        healthy[1].starts_with("! warning secrets in output runs/"),
        "{healthy:?}"
    );

    // It does find what should not be there, also across the pieces in which a file is read.
    let mut planted = vec![b' '; 256 * 1024 - 10];
    planted.extend(format!("key {TOKEN}\n").bytes());
    fs::write(home.join("note"), &planted).unwrap();
    let sick = world.run(&["doctor", "--secrets"]).code(1);
    let sick = lines(&sick);
    assert!(
        sick[0].starts_with("✗ problem secrets note, byte 262138:"),
        "{sick:?}"
    );
}
