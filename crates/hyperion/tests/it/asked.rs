//! What a person is shown before they agree, and what their answer is bound to.

use crate::api::Api;
use crate::surface::on_terminal;
use crate::world::{World, text};
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::json;

fn more(check: &str) -> RequestFile {
    task_request("Say more").class("feature").task(
        task("T1", "say more")
            .create("more.txt", "more\n\tand more \r\n")
            .check(check),
    )
}

// S3, M3: the commands that a change brings along are part of what is asked, on every surface.
#[test]
fn own_checks_are_shown_wherever_somebody_decides() {
    let world = World::up(&[("a.txt", "a\n")]);
    let asked = world.ask(&more("test -s more.txt && make check"));
    let shown = world.json(&["approval", "show", &asked.approval]);
    let own = json!(["test -s more.txt && make check"]);
    assert_eq!(shown["checks"], own);
    assert_eq!(
        [
            &shown["branch"],
            &shown["files"],
            &shown["additions"],
            &shown["deletions"]
        ],
        [&json!("main"), &json!(1), &json!(2), &json!(0)]
    );
    assert!(!text(&shown["repo"]).is_empty());
    let reasons = shown["reasons"].to_string();
    assert!(reasons.contains("its own check `test -s"), "{reasons}");
    let change = world.json(&["changes", "show", &text(&shown["change_set_id"])]);
    assert_eq!(
        (&change["checks"], &change["branch"]),
        (&own, &json!("main"))
    );
    // What differs in blanks alone is seen to differ.
    let told = world.run(&["approval", "show", &asked.approval]).code(0);
    for part in [
        "  would        land on main of ",
        "  runs itself  $ test -s",
        "+more\n",
        "+→\tand more·␍\n",
    ] {
        assert!(told.stdout.contains(part), "{part:?} in {}", told.stdout);
    }
    let told = world
        .run(&["changes", "show", &text(&change["id"])])
        .code(0);
    assert!(
        told.stdout.contains("  runs itself  $ test -s"),
        "{}",
        told.stdout
    );

    // What nobody may run refuses the change, whoever would agree.
    let refused = world.file_to_end(&more("git push --force origin main; sudo rm -rf /"), 4);
    let why = &refused["summary"]["not_landed"][0];
    assert_eq!(why["why"], "policy");
    assert!(
        text(&why["detail"]).starts_with("check.denied: its own check `git push"),
        "{why}"
    );
}

// S3, X7: what is masked is agreed to by nobody who was not shown it, over any surface and any restart.
#[test]
fn what_is_masked_is_looked_at_whole_before_it_is_approved() {
    let secret = "api_token = \"q8Zr2LmX0vTn5KpW7yBd3HsF\"\n";
    let old = format!("# settings\n{secret}retries = 1\n");
    let mut world = World::up(&[("settings.ini", &old)]);
    let new = old.replace("= 1", "= 2");
    let change = task_request("Retry twice")
        .class("feature")
        .task(task("T1", "retry twice").modify("settings.ini", &old, &new));
    let asked = world.ask(&change);
    let shown = world.json(&["approval", "show", &asked.approval]);
    assert_eq!(
        (&shown["lines_masked"], &shown["looked_at_by"]),
        (&json!(1), &json!(null))
    );
    assert!(text(&shown["diff"]).contains("[redacted:"));

    let refused = world.run(&["approval", "approve", &asked.approval]).code(3);
    let short = &asked.approval[asked.approval.len() - 8..];
    assert!(
        refused
            .stderr
            .contains(&format!("hyperion approval show {short} --unmasked")),
        "{}",
        refused.stderr
    );
    let api = Api::new(&world.hyperion);
    let path = |verb: &str| format!("/api/approvals/{}/{verb}", asked.approval);
    let refused = api.post(&path("approve"), &json!({})).unwrap().unwrap_err();
    assert_eq!(refused.code, "approval.masked");
    // Into a file or a program nothing is written unmasked.
    world
        .run(&["approval", "show", &asked.approval, "--unmasked"])
        .code(2);
    let stale = json!({"digest": format!("sha256:{}", "0".repeat(64))});
    let stale = api.post(&path("unmasked"), &stale).unwrap().unwrap_err();
    assert_eq!(stale.code, "approval.stale");

    // On a terminal it is shown whole, by the command and by the prompt; over HTTP to whoever asks for it.
    let command = format!("approval show {} --unmasked", asked.approval);
    let seen = on_terminal(&world, 80, &command, "").code(0);
    assert!(
        seen.stdout.contains("q8Zr2LmX0vTn5KpW7yBd3HsF"),
        "{}",
        seen.stdout
    );
    let whole = api.post(&path("unmasked"), &json!({"digest": shown["digest"]}));
    let whole = whole.unwrap().unwrap();
    assert!(text(&whole["diff"]).contains(secret.trim()), "{whole:#}");
    assert_eq!(whole["looked_at_by"], "ada");
    world.kill_engine();
    world.start_engine_anew();
    let landed = world.approve(&asked, 0);
    assert_eq!(landed["status"], "completed");

    // The prompt offers it as well, and takes no yes before.
    let next = task_request("Retry thrice")
        .class("feature")
        .task(task("T1", "retry thrice").modify("settings.ini", &new, &new.replace("= 2", "= 3")));
    let file = next.write_to(world.hyperion.user_home());
    let command = format!("request {} --wait", file.display());
    let done = on_terminal(&world, 80, &command, "y\nu\ny\n").code(0);
    for part in [
        "/ [u]nmasked diff /",
        "1 line masked: answer u",
        "q8Zr2LmX0vTn5KpW7yBd3HsF",
    ] {
        assert!(done.stdout.contains(part), "{part} in {}", done.stdout);
    }
    world.assert_sound();
}

// S3: a rejected change stays rejected, also when it is filed again; another one is asked about.
#[test]
fn what_was_rejected_is_not_asked_again() {
    let world = World::up(&[("a.txt", "a\n")]);
    let asked = world.ask(&more("true"));
    let no = [
        "approval",
        "reject",
        &asked.approval,
        "--reason",
        "not this release",
    ];
    world.run(&no).code(0);
    let again = world.file_to_end(&more("true"), 1);
    let why = &again["summary"]["not_landed"][0];
    assert_eq!(
        (&why["why"], &again["approvals"]),
        (&json!("rejected"), &json!([]))
    );
    let detail = text(&why["detail"]);
    assert!(
        detail.starts_with("this very change was rejected before, by ")
            && detail.ends_with(": not this release"),
        "{detail}"
    );
    // Nor in other words: with other blanks around its check, or what is renamed as made and taken away.
    world.file_to_end(&more(" true "), 1);
    world.ask(&more("test -s more.txt"));
    let moves = |task| task_request("Move it").class("feature").task(task);
    let asked = world.ask(&moves(task("T1", "move it").rename("a.txt", "b.txt")));
    world.run(&["approval", "reject", &asked.approval]).code(0);
    let same = task("T1", "move it").create("b.txt", "a\n").delete("a.txt");
    let again = world.file_to_end(&moves(same), 1);
    assert_eq!(
        again["summary"]["not_landed"][0]["why"], "rejected",
        "{again:#}"
    );
}

// X9, S3: a rollback says what it takes back; what landed keeps the time it landed at.
#[test]
fn a_rollback_says_what_it_takes_back_and_where_it_came_from() {
    let world = World::up(&[("a.txt", "a\n")]);
    let landed = world.carry_out(&more("true"), 0);
    let commit = text(&landed["summary"]["landed"][0]["commit"]);
    let change = text(&landed["change_sets"][0]["id"]);
    let applied_at = world.json(&["changes", "show", &change])["applied_at"].clone();
    assert!(applied_at.is_string());
    let api = Api::new(&world.hyperion);
    let path = format!("/api/requests/{}/rollback", text(&landed["id"]));
    let filed = api.post(&path, &json!({"reason": "x"})).unwrap().unwrap();
    assert_eq!(filed["source"], "http");
    let back = world.request_when(&text(&filed["id"]), |detail| {
        detail["status"] == "completed"
    });
    let taken = &back["approvals"][0]["takes_back"];
    assert_eq!(taken, &json!([{"commit": commit, "title": "say more"}]));
    let change = world.json(&["changes", "show", &change]);
    assert_eq!(
        (&change["status"], &change["applied_at"]),
        (&json!("rolled_back"), &applied_at)
    );
}
