//! What policy lets pass by itself, what it asks about, and what it refuses.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, TaskEntry, TempRepo, task, task_request};
use serde_json::json;

const FILES: &[(&str, &str)] = &[
    ("README.md", "Read me.\n"),
    ("src/lib.rs", "pub fn one() -> u32 {\n    1\n}\n"),
    (
        "tests/one.rs",
        "#[test]\nfn one() {\n    assert_eq!(lib::one(), 1);\n}\n",
    ),
    ("Cargo.toml", "[package]\nname = \"lib\"\n"),
];

fn request(
    class: &str,
    change: impl FnOnce(hyperion_testkit::TaskEntry) -> hyperion_testkit::TaskEntry,
) -> RequestFile {
    task_request("Change it")
        .class(class)
        .task(change(task("T1", "change it")))
}

fn small_docs() -> RequestFile {
    request("docs", |task| {
        task.replace("README.md", "Read me, please.\n")
    })
}

// S4, X3: switched on by the machine and not asked for by the request, small low-risk changes land without asking.
#[test]
fn small_low_risk_changes_land_by_policy() {
    let world = World::up_with(
        TempRepo::with_files(FILES),
        &[("policy.auto_approve.enabled", "true")],
    );
    let detail = world.file_to_end(&small_docs().requires_approval(false), 0);
    assert_eq!(world.repo.show("main", "README.md"), "Read me, please.\n");
    assert_eq!(world.trailers("main", "Hyperion-Approved-By"), ["policy"]);
    assert_eq!(
        json!([
            detail["approvals"],
            detail["summary"]["approved_by"][0]["by"]
        ]),
        json!([[], "policy"])
    );
    assert_eq!(
        world.list(&["history"])[0]["approved_by"],
        json!(["policy"])
    );

    // Everything else still asks, and says why.
    for (request, level) in [
        (
            request("feature", |task| task.create("src/two.rs", "fn two() {}\n")),
            "team-lead",
        ),
        (
            request("refactor", |task| task.delete("tests/one.rs")),
            "team-lead",
        ),
        (
            request("docs", |task| {
                task.replace(
                    "Cargo.toml",
                    "[package]\nname = \"lib\"\n\n[dependencies]\nx = \"1\"\n",
                )
            }),
            "team-lead",
        ),
        (
            request("docs", |task| {
                task.create("migrations/1.sql", "drop table users;\n")
            }),
            "admin",
        ),
    ] {
        let asked = world.ask(&request.requires_approval(false));
        let approval = world.json(&["approval", "show", &asked.approval]);
        assert_eq!(approval["level"], level, "{approval:#}");
        assert!(
            !approval["reasons"].as_array().unwrap().is_empty(),
            "{approval:#}"
        );
    }
    // A person's wish to be asked is never overruled.
    world.ask(
        &request("docs", |task| task.replace("README.md", "Read me now.\n"))
            .requires_approval(true),
    );
    assert_eq!(world.repo.subjects("main").len(), 2);
    world.assert_sound();
}

// S4, X3: as shipped everything asks, whatever the request says.
#[test]
fn as_shipped_everything_asks() {
    let world = World::up(FILES);
    world.ask(&small_docs().requires_approval(false));
    world.ask(&small_docs());
    assert_eq!(world.repo.subjects("main"), ["Begin"]);
}

// S4: the repository may narrow what the machine allows, and only from the target's tip.
#[test]
fn the_repository_narrows_and_never_loosens() {
    let narrowing = "[policy]\npaths.deny = [\"vendor/**\"]\nprotected = [\"deploy/**\"]\n";
    let repo = TempRepo::with_files(&[("hyperion.toml", narrowing), ("a.txt", "a\n")]);
    let world = World::up_with(repo, &[("policy.auto_approve.enabled", "true")]);
    let denied = request("docs", |task| task.create("vendor/x.txt", "x\n"));
    let detail = world.file_to_end(&denied, 4);
    assert_eq!(detail["summary"]["not_landed"][0]["why"], "policy");
    let asked = world
        .ask(&request("docs", |task| task.create("deploy/x.txt", "x\n")).requires_approval(false));
    assert_eq!(
        world.json(&["approval", "show", &asked.approval])["level"],
        "admin"
    );
}

// X1 (the deny list), X5, C8: no approval lets a credential or a secret pass.
#[test]
fn what_policy_refuses_nobody_can_approve() {
    let world = World::up(FILES);
    // Put together here, so that nobody takes this file for a leak.
    let body = "MIIEpAIBAAKCAQEA7bq9UvXcVdZ8wL3kR5yTgF1hJ0sN2mPq\n".repeat(8);
    let key = format!(
        "-----{0} RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n",
        "BEGIN"
    );
    for refused in [
        request("docs", |task| task.create(".env", "A=1\n")),
        request("docs", |task| task.create("notes.txt", &key)),
    ] {
        let detail = world.file_to_end(&refused, 4);
        let not_landed = &detail["summary"]["not_landed"][0];
        assert_eq!(not_landed["why"], "policy", "{not_landed:#}");
        let change = &detail["change_sets"][0];
        assert_eq!(change["assessment"]["allowed"], false);
        assert!(
            !change["assessment"]["blockers"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        let shown = world
            .run(&["changes", "show", &text(&change["id"])])
            .code(0)
            .stdout;
        assert!(
            !shown.contains("MIIEpAIBAAKCAQEA7bq9"),
            "it is shown redacted: {shown}"
        );
    }
    assert_eq!(world.repo.subjects("main"), ["Begin"]);
    world.assert_sound();
}

fn link(task: TaskEntry, path: &str, target: &str) -> TaskEntry {
    task.change(json!({"operation": "create", "path": path, "mode": "120000", "content": target}))
}

// X1: links are judged by where they lead through one another, in the tree that would land.
#[test]
fn links_that_lead_out_together_are_refused() {
    let repo = TempRepo::with_files(FILES);
    repo.write("one/here.txt", "here\n");
    repo.write("p/q/here.txt", "here\n");
    repo.commit_all("Add folders");
    let world = World::up_with(repo, &[]);
    let base = world.repo.tip("main");
    let refused = |request: &RequestFile| {
        let detail = world.file_to_end(request, 4);
        text(&detail["change_sets"][0]["assessment"]["blockers"][0]["detail"])
    };
    let chained = request("docs", |task| {
        link(link(task, "a", "b/../../etc"), "b", "one")
    });
    assert_eq!(refused(&chained), "the link a leads out of the repository");
    // Harmless while there is no `deep` ...
    let leaning = request("docs", |task| link(task, "a", "p/q/deep/../../x"));
    world.carry_out(&leaning, 0);
    // ... and not when it is a link to a folder that lies higher.
    let lifted = request("docs", |task| link(task, "p/q/deep", "../../one"));
    assert_eq!(refused(&lifted), "the link a leads out of the repository");
    // The same, made on the commit before `a`: only the merge shows it.
    let asked = world.ask(&lifted.base(&base));
    let detail = world.approve(&asked, 4);
    let why = detail["summary"]["not_landed"][0]["detail"].to_string();
    assert!(
        why.contains("the link a leads out of the repository"),
        "{detail:#}"
    );
    world.assert_sound();
}

// X2, X1, X3: what the rules say can be tried without doing anything, with exit statuses for scripts.
#[test]
fn the_rules_can_be_tried() {
    let world = World::up(FILES);
    let tried = |arguments: &[&str], status: i32| {
        let mut all = vec!["policy", "test", "--format", "json"];
        all.extend(arguments);
        world.run(&all).code(status).json()
    };
    let read = tried(&["--command", "git status"], 0);
    assert_eq!(
        json!([read["verdict"], read["level"], read["reasons"]]),
        json!(["allow", "auto", []])
    );
    let asked = tried(&["--command", "mkdir -p src/new"], 75);
    assert_eq!(
        json!([
            asked["verdict"],
            asked["level"],
            asked["reasons"][0]["code"],
            asked["shape"]
        ]),
        json!(["ask", "team-lead", "command.changes", "mkdir -p <path>"])
    );
    let refused = tried(&["--command", "git push --force origin main"], 4);
    assert_eq!(
        json!([
            refused["verdict"],
            refused["level"],
            refused["reasons"][0]["code"]
        ]),
        json!(["deny", null, "git.force_push"])
    );
    assert_eq!(tried(&["--path", "src/lib.rs"], 0)["verdict"], "allow");
    assert_eq!(
        tried(&["--path", "../other", "--write"], 4)["reasons"][0]["code"],
        "path.outside"
    );
    assert_eq!(
        tried(&["--path", "hyperion.toml", "--write"], 75)["level"],
        "admin"
    );

    // A change is judged from its diff; what a repository says narrows it.
    let folder = tempfile::tempdir().unwrap();
    let diff = folder.path().join("a.diff");
    let diff = diff.to_str().unwrap();
    let patch = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-let a = 1;\n+let a = 2;\n";
    std::fs::write(diff, patch).unwrap();
    let change = tried(&["--diff", diff], 75);
    assert_eq!(
        json!([
            change["verdict"],
            change["level"],
            change["reasons"][0]["code"]
        ]),
        json!(["ask", "team-lead", "change.risk"])
    );
    std::fs::write(diff, patch.replace("src/a.rs", ".env")).unwrap();
    assert_eq!(
        tried(&["--diff", diff], 4)["reasons"][0]["code"],
        "path.denied"
    );
    let rules = folder.path().join("hyperion.toml");
    let rules = rules.to_str().unwrap();
    let narrows = "[[policy.commands]]\nprefix = [\"ls\"]\nverdict = \"deny\"\nexamples = [\"deny ls -la\"]\n";
    std::fs::write(rules, narrows).unwrap();
    assert_eq!(
        tried(&["--rules", rules, "--command", "ls"], 4)["reasons"][0]["code"],
        "rule.denies"
    );
    std::fs::write(rules, narrows.replace("deny", "allow")).unwrap();
    let loosens = world
        .run(&["policy", "test", "--rules", rules, "--command", "ls"])
        .code(2);
    assert!(
        loosens.stderr.contains("may only narrow policy"),
        "{}",
        loosens.stderr
    );
    std::fs::write(diff, "no diff").unwrap();
    world.run(&["policy", "test", "--diff", diff]).code(2);

    // For people the same in words, and what is in force says where it comes from.
    let words = world
        .run(&["policy", "test", "--command", "cat .env"])
        .code(4);
    assert!(
        words
            .stdout
            .starts_with("refused: nobody can agree to it here\n"),
        "{}",
        words.stdout
    );
    let shown = world.json(&["policy", "show"]);
    assert_eq!(shown["sources"]["policy.commands"], "shipped");
}

// O4: a list that replaces a shipped one is taken, and whoever looks is told what it no longer has.
#[test]
fn a_replaced_list_says_what_is_lost_wherever_one_looks() {
    let world = World::new(FILES);
    let key = "policy.paths.deny";
    let says = "replaces the shipped list and no longer has `.env`";
    let set = world.run(&["config", "set", key, "*.key"]).code(0);
    let shown = world.run(&["policy", "show"]).code(0);
    let doctor = world.run(&["doctor"]).code(0);
    for told in [&set.stderr, &shown.stdout, &doctor.stdout] {
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(says), "{told}");
    }
    let lost = world.json(&["policy", "show"])["lost"][key].clone();
    assert!(
        lost.as_array().unwrap().contains(&json!(".netrc*")),
        "{lost}"
    );

    world.run(&["config", "set", key, "...,*.sqlite"]).code(0);
    for arguments in [
        ["config", "check"],
        ["policy", "show"],
        ["doctor", "--format=table"],
    ] {
        let told = world.run(&arguments).code(0);
        assert!(!told.stdout.contains("shipped list") && !told.stderr.contains("shipped list"));
    }
    let refused = world.run(&["policy", "test", "--path", ".env"]).code(4);
    assert!(refused.stdout.contains("policy.paths.deny"));
}

// S4: what nobody outside can call breaks nobody; told by the tip, which the change cannot choose.
#[test]
fn an_interface_is_one_only_where_others_can_call_it() {
    for (manifest, level) in [
        ("[package]\nname = \"lib\"\n", "admin"),
        ("[package]\nname = \"lib\"\npublish = false\n", "team-lead"),
    ] {
        let mut files = FILES.to_vec();
        files[3] = ("Cargo.toml", manifest);
        let world = World::up(&files);
        let asked = world.ask(&request("refactor", |task| {
            task.replace("src/lib.rs", "pub fn two() -> u32 {\n    2\n}\n")
        }));
        let approval = world.json(&["approval", "show", &asked.approval]);
        assert_eq!(approval["level"], level, "{manifest}");
    }
}
