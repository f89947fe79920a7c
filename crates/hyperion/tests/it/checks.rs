//! Checks: main's run on the merged result, nobody removes them, and they decide nothing themselves.

use crate::world::{World, items, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

/// Name, command and result of every check that a request's summary lists.
fn checks(detail: &Value) -> Vec<Value> {
    let checks = detail["summary"]["checks"].as_array().unwrap().iter();
    checks
        .map(|check| json!([check["name"], check["command"], check["result"]]))
        .collect()
}

const GATED: &[(&str, &str)] = &[
    ("hyperion.toml", "[checks]\ngate = \"test -f keep.txt\"\n"),
    ("keep.txt", "keep\n"),
];

// M4, S4, R10: done when 4 of issue 3. It asks an admin, and what main says still runs on it.
#[test]
fn a_change_that_removes_the_checks_asks_an_admin_and_is_checked() {
    let world = World::up(GATED);
    let removing = task_request("No checks any more")
        .class("docs")
        .task(task("T1", "remove the checks").replace("hyperion.toml", "[checks]\n"));
    let before = world.repo.tip("main");
    let asked = world.ask(&removing);
    let approval = world.json(&["approval", "show", &asked.approval]);
    assert_eq!(approval["level"], "admin");
    assert_eq!(
        world.repo.tip("main"),
        before,
        "it lands only once somebody agreed"
    );

    let detail = world.approve(&asked, 0);
    assert_eq!(
        checks(&detail),
        [json!(["gate", "test -f keep.txt", "passed"])]
    );
    assert_eq!(detail["summary"]["approved_by"][0]["level"], "admin");
    assert_eq!(world.repo.show("main", "hyperion.toml"), "[checks]\n");

    // From the next landing on there is none, and that is said.
    let next = world.carry_out(
        &task_request("More").task(task("T1", "more").create("more.txt", "more\n")),
        0,
    );
    assert_eq!(checks(&next), [json!(null); 0]);
    assert_eq!(next["summary"]["landed"][0]["green"], "unchecked");
    let shown = world
        .run(&["request", "show", &text(&next["id"])])
        .code(0)
        .stdout;
    assert!(shown.contains("no check"), "{shown}");
    world.assert_sound();
}

// M4: a change cannot get around a check by removing it in the same breath.
#[test]
fn a_change_that_removes_the_check_it_would_fail_does_not_land() {
    let world = World::up(GATED);
    let before = world.repo.tip("main");
    let cheating = task_request("Tidy").class("refactor").task(
        task("T1", "tidy")
            .replace("hyperion.toml", "[checks]\ngate = \"true\"\n")
            .delete("keep.txt"),
    );
    let detail = world.carry_out(&cheating, 1);
    assert_eq!(
        checks(&detail),
        [json!(["gate", "test -f keep.txt", "failed"])]
    );
    assert_eq!(detail["entries"][0]["status"], "quarantined");
    assert_eq!(world.repo.tip("main"), before);
    world.assert_sound();
}

// M4: a task adds checks of its own; they run beside main's.
#[test]
fn a_task_adds_checks_and_takes_none_away() {
    let world = World::up(GATED);
    let more = task_request("More").task(
        task("T1", "more")
            .create("more.txt", "more\n")
            .check("grep -q more more.txt")
            .check("test -f keep.txt"),
    );
    let detail = world.carry_out(&more, 0);
    assert_eq!(
        checks(&detail),
        [
            json!(["gate", "test -f keep.txt", "passed"]),
            json!(["grep -q more more.txt", "grep -q more more.txt", "passed"]),
        ]
    );
    let failing = task_request("Less").task(
        task("T1", "less")
            .create("less.txt", "less\n")
            .check("grep -q more less.txt"),
    );
    let detail = world.carry_out(&failing, 1);
    assert_eq!(detail["summary"]["not_landed"][0]["why"], "check");
    world.assert_sound();
}

// M1, M3, M4, R10, S5: what failed is kept with its evidence, and can be taken up again.
#[test]
fn a_failed_check_is_quarantined_with_its_output_and_can_be_retried() {
    let check = "echo looking; echo 'the door is shut' >&2; test -f \\\"$HOME/open\\\"";
    let config = format!("[checks]\ndoor = \"{check}\"\n");
    let world = World::up_with_home(&[("hyperion.toml", &config)]);
    let before = world.repo.tip("main");
    let request = task_request("Go in")
        .class("feature")
        .task(task("T1", "go in").create("in.txt", "in\n"));
    let detail = world.carry_out(&request, 1);
    let id = text(&detail["id"]);
    let entry = text(&detail["entries"][0]["id"]);

    // The request says why, and what to do.
    assert_eq!(detail["status"], "failed");
    let not_landed = &detail["summary"]["not_landed"][0];
    assert_eq!(
        (&not_landed["task_id"], &not_landed["why"]),
        (&json!("T1"), &json!("check"))
    );
    assert_eq!(
        not_landed["detail"],
        "check \"door\" failed on the merged result: it exited with 1"
    );
    let next = text(&not_landed["next"]);
    assert!(next.contains("hyperion queue retry"), "{next}");

    // The evidence is the end of its output.
    let shown = world.entry(&entry);
    assert_eq!(
        (&shown["status"], &shown["quarantine"]),
        (&json!("quarantined"), &json!("check"))
    );
    let evidence = &shown["evidence"];
    assert_eq!(
        (&evidence["kind"], &evidence["failure"]["code"]),
        (&json!("check"), &json!("apply.check_failed"))
    );
    assert_eq!(evidence["failure"]["exit_code"], 1);
    let tail = text(&evidence["output_tail"]);
    assert!(
        tail.contains("looking\n") && tail.contains("the door is shut\n"),
        "{tail}"
    );
    let words = world.run(&["queue", "show", &entry]).code(0).stdout;
    assert!(words.contains("| the door is shut\n"), "{words}");
    let letters = world.list(&["queue", "dead-letters"]);
    assert_eq!(
        letters
            .iter()
            .map(|letter| &letter["id"])
            .collect::<Vec<_>>(),
        [&json!(entry)]
    );
    assert_eq!(world.repo.tip("main"), before);

    // Nothing changed: it fails again, by running again.
    world.run(&["queue", "retry", &entry]).code(0);
    let again = world.request_when(&id, |detail| {
        detail["status"] == "failed" && detail["summary"]["checks"].as_array().unwrap().len() == 2
    });
    assert_eq!(again["entries"][0]["status"], "quarantined");

    // The cause is mended: it lands, without being asked again.
    fs::write(world.hyperion.user_home().join("open"), "").unwrap();
    world.run(&["queue", "retry", &entry]).code(0);
    let landed = world.request_when(&id, |detail| detail["status"] == "completed");
    assert_eq!(landed["approvals"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.repo.subjects("main"), ["go in", "Begin"]);
    assert_eq!(world.list(&["queue", "dead-letters"]), [json!(null); 0]);
    world.assert_sound();
}

// I2, M4: where it went wrong is said with the entry and with the request, not only where its output ends.
#[test]
fn a_failed_check_says_where_its_output_puts_the_cause() {
    let world = World::up(&[
        (
            "hyperion.toml",
            "[checks]\nbuild = \"rustc --crate-type lib --emit metadata -o /dev/null src/lib.rs\"\n",
        ),
        ("src/lib.rs", "pub fn seconds() -> u64 {\n    30\n}\n"),
    ]);
    let broken = task_request("Thirty")
        .class("bugfix")
        .task(task("T1", "in words").replace(
            "src/lib.rs",
            "pub fn seconds() -> u64 {\n    \"thirty\"\n}\n",
        ));
    let detail = world.carry_out(&broken, 1);
    assert_eq!(
        detail["summary"]["not_landed"][0]["detail"],
        "check \"build\" failed on the merged result: it exited with 1; src/lib.rs:2: mismatched types"
    );
    let entry = text(&detail["entries"][0]["id"]);
    let evidence = &world.entry(&entry)["evidence"];
    assert_eq!(evidence["failure"]["path"], "src/lib.rs");
    let found = &evidence["errors"][0];
    assert_eq!(
        (
            &found["kind"],
            &found["path"],
            &found["line"],
            &found["error_code"]
        ),
        (
            &json!("type"),
            &json!("src/lib.rs"),
            &json!(2),
            &json!("E0308")
        )
    );
    let words = world.run(&["queue", "show", &entry]).code(0).stdout;
    assert!(
        words.contains("    src/lib.rs:2:5: mismatched types (type, E0308)\n"),
        "{words}"
    );
    world.assert_sound();
}

// S3, S4: a process inside a run never decides. With its environment mended and the very program at hand, it
// is turned away, by the socket and by the lock, and what it wanted to approve still waits.
#[test]
fn a_check_cannot_approve_anything() {
    let script = "#!/bin/sh
export HYPERION_HOME=\"$(cat \"$HOME/home\")\"
hyperion=\"$(cat \"$HOME/program\")\"
\"$hyperion\" approval approve \"$(cat \"$HOME/victim\")\" && echo 'it let me'
exit 1
";
    let world = World::up_with_home(&[
        ("hyperion.toml", "[checks]\nattack = \"sh attack.sh\"\n"),
        ("attack.sh", script),
    ]);
    let home = world.hyperion.user_home();
    fs::write(home.join("home"), world.hyperion.home().to_str().unwrap()).unwrap();
    fs::write(home.join("program"), env!("CARGO_BIN_EXE_hyperion")).unwrap();
    let make = |name: &str| {
        task_request(name)
            .class("feature")
            .task(task("T1", name).create(&format!("{name}.txt"), "x\n"))
    };
    let victim = world.ask(&make("victim"));
    fs::write(home.join("victim"), &victim.approval).unwrap();

    let attacker = world.carry_out(&make("attacker"), 1);
    let evidence = world.entry(&text(&attacker["entries"][0]["id"]));
    let tail = text(&evidence["evidence"]["output_tail"]);
    assert!(
        !tail.contains("it let me") && tail.contains("error:"),
        "{tail}"
    );
    let approval = world.json(&["approval", "show", &victim.approval]);
    assert_eq!(
        (&approval["status"], &approval["decided_by"]),
        (&json!("pending"), &json!(null))
    );
    assert_eq!(world.repo.files("main"), ["attack.sh", "hyperion.toml"]);
    world.assert_sound();
}

// M4: a check that hangs is ended, with everything it started, and counts as failed.
#[test]
fn a_check_that_hangs_is_ended() {
    let world = World::up_with(
        TempRepo::with_files(&[(
            "hyperion.toml",
            "[checks]\nslow = \"echo waiting; sleep 600 & sleep 600\"\n",
        )]),
        &[("checks.timeout_sec", "1")],
    );
    let request = task_request("Wait").task(task("T1", "wait").create("a.txt", "a\n"));
    let detail = world.carry_out(&request, 1);
    let entry = world.entry(&text(&detail["entries"][0]["id"]));
    assert_eq!(entry["quarantine"], "check", "{entry:#}");
    assert_eq!(checks(&detail)[0][2], "killed");
    assert!(text(&entry["evidence"]["output_tail"]).contains("waiting"));
    world.assert_sound();
}

/// Files a change and approves it, and does not wait for its end; gives the request.
fn begin(world: &World, change: &RequestFile) -> String {
    let asked = world.ask(change);
    world.run(&["approval", "approve", &asked.approval]).code(0);
    asked.request
}

// M4: a lane that is busy is waited for, and nobody's attempt; other branches have lanes of their own.
#[test]
fn a_busy_lane_is_waited_for() {
    let world = World::up_with_home(&[("a.txt", "one\n")]);
    let signs = tempfile::tempdir().unwrap();
    let sign = |name: &str| signs.path().join(name).display().to_string();
    let begin_on = |branch: &str, check: &str| {
        let change = task_request(branch).class("docs").base(branch).task(
            task("T1", "say it")
                .create(&format!("{branch}.md"), "said\n")
                .check(check),
        );
        begin(&world, &change)
    };
    // Two names that share a lane.
    for branch in ["side-7", "side-8"] {
        world.repo.git(&["branch", branch]);
    }
    let holding = format!("until test -e {}; do sleep 0.05; done", sign("go"));
    let first = begin_on("side-7", &holding);
    let when = |request: &str, status: &str| {
        let detail = world.request_when(request, |detail| detail["entries"][0]["status"] == status);
        world.entry(&text(&detail["entries"][0]["id"]))
    };
    when(&first, "checking");
    let second = begin_on("side-8", "true");
    when(&second, "checking");
    // Its check runs and ends beside the one that holds the shared lane.
    let third = begin_on("main", "true");
    when(&third, "landed");
    assert_eq!(when(&second, "checking")["checks"][0]["result"], "running");
    fs::write(sign("go"), "").unwrap();
    for request in [first, second] {
        let entry = when(&request, "landed");
        assert_eq!(entry["attempts"], 0);
        let checks = entry["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 1, "{checks:#?}");
        assert_eq!(checks[0]["result"], "passed");
    }
}

// M9: a branch that moves whenever a check ends is waited for, and the entry says so.
#[test]
fn a_branch_that_never_rests_is_waited_for() {
    let world = World::up_with_home(&[("a.txt", "one\n")]);
    let signs = tempfile::tempdir().unwrap();
    let restless = signs.path().join("restless");
    fs::write(&restless, "").unwrap();
    let commit = format!(
        "test ! -e {} || (cd {} && echo more >> outside && git add outside && git -c user.name=a -c user.email=a@b commit -qm outside)",
        restless.display(),
        world.repo.path().display()
    );
    let change = task_request("Say it")
        .class("docs")
        .task(task("T1", "say it").create("b.md", "said\n").check(&commit));
    let request = begin(&world, &change);
    let detail = world.request_when(&request, |detail| {
        detail["entries"][0]["status"] == "blocked"
    });
    assert_eq!(
        text(&detail["entries"][0]["reason"]),
        "main moved 5 times while this was checked, which takes 1 s; it goes on by itself once main has not moved for that long"
    );
    let outside = world.repo.git(&["rev-list", "--count", "main"]);
    assert_eq!(outside, "6");
    fs::remove_file(&restless).unwrap();
    let detail = world.request_when(&request, |detail| detail["status"] == "completed");
    assert_eq!(detail["entries"][0]["attempts"], 0);
    world.assert_sound();
}

// X6: a check that asks for more than the machine gives waits for an admin, once; what it asks for is shown from the first day on.
#[test]
fn a_check_that_asks_for_more_waits_until_an_admin_agrees() {
    let toml = "[checks]\ntest = { run = \"true\", timeout_sec = 4000 }\n";
    let world = World::unknown(TempRepo::with_files(&[("hyperion.toml", toml)]));
    let known = world.run(&["init"]).code(0).stdout;
    assert!(known.contains("hyperion repo allow-check"), "{known}");
    let repo = world.json(&["repo", "show", "."]);
    assert_eq!(repo["checks"][0]["asks"], json!(["timeout_sec = 4000"]));
    let name = text(&repo["name"]);
    let agreed = world.json(&["repo", "allow-check", &name, "test"]);
    assert_eq!(agreed["checks"][0]["agreed"], true);
    world.carry_out(
        &task_request("More").task(task("T1", "more").create("more.txt", "more\n")),
        0,
    );
    let withdrawn = world.json(&["repo", "allow-check", &name, "test", "--withdraw"]);
    assert_eq!(withdrawn["checks"][0]["agreed"], false);
    let unknown = world.run(&["repo", "allow-check", &name, "tests"]).code(2);
    assert!(
        unknown.stderr.contains("it has: test"),
        "{}",
        unknown.stderr
    );
    world.down();
    world.assert_sound();
}

// X6, M4: checks are tried as they would run; what one reaches for is named. Without namespaces nothing runs, and the reason is said.
#[test]
fn checks_are_tried_in_their_sandbox() {
    let toml = "[checks]\nfine = \"test -f hyperion.toml\"\nkey = \"cat ~/.ssh/id_test\"\n\
                net = { run = \"echo could not resolve host: example.org; false\", network = \"off\" }\n\
                rust = \"cargo run --quiet --offline\"\nslow = { run = \"sleep 100\", timeout_sec = 3 }\n";
    let world = World::unknown(TempRepo::with_files(&[
        ("hyperion.toml", toml),
        (
            "Cargo.toml",
            "[package]\nname = \"small\"\nedition = \"2021\"\n[dependencies]\ndep = { path = \"dep\" }\n[workspace]\n",
        ),
        (
            "src/main.rs",
            "fn main() { println!(\"{}\", dep::NUMBER) }\n",
        ),
        (
            "dep/Cargo.toml",
            "[package]\nname = \"dep\"\nedition = \"2021\"\n",
        ),
        ("dep/src/lib.rs", "pub const NUMBER: u32 = 1;\n"),
    ]));
    let secret = world.hyperion.user_home().join(".ssh");
    fs::create_dir_all(&secret).unwrap();
    fs::write(secret.join("id_test"), "secret\n").unwrap();
    world.run(&["init"]).code(0);
    let patient = world.hyperion.clone().limit(Duration::from_secs(150));
    let tried = patient.run(&[
        "repo",
        "try-checks",
        ".",
        "--seconds",
        "60",
        "--format",
        "json",
    ]);
    let tried = items(&tried.code(1).json());
    let told: Vec<_> = tried
        .iter()
        .map(|check| json!([check["name"], check["result"], check["needs"]]))
        .collect();
    if told[0][1] == "not_tried" {
        assert!(tried[0]["why"].as_str().is_some_and(|why| !why.is_empty()));
        return;
    }
    let key = format!(
        "it reached for {}, which is kept from it",
        secret.join("id_test").display()
    );
    let network = ["it reached for the network"];
    assert_eq!(told[0], json!(["fine", "passed", json!([])]));
    assert_eq!(told[1], json!(["key", "failed", [key]]));
    assert_eq!(told[2], json!(["net", "failed", network]));
    assert_eq!(
        told[3],
        json!(["rust", "passed", json!([])]),
        "{:#}",
        tried[3]
    );
    assert_eq!(told[4], json!(["slow", "unfinished", json!([])]));
    world.down();
}
