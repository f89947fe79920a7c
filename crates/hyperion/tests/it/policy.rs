//! What policy lets pass by itself, what it asks about, and what it refuses.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
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
