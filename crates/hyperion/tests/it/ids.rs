//! Any id for any command, several at once, and ids that the shell completes.

use crate::world::{World, short, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::Value;

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

fn makes_two() -> RequestFile {
    makes("two").task(task("T2", "make more").create("more.txt", "x\n"))
}

/// Everything that belongs to a request, by its short id: request, change, approval, entry, commit.
fn belonging(detail: &Value) -> [(&'static str, String); 5] {
    let id = |value: &Value| short(&text(value)).to_owned();
    let entry = &detail["entries"][0];
    [
        ("request", id(&detail["id"])),
        ("change", id(&detail["change_sets"][0]["id"])),
        ("approval", id(&detail["approvals"][0]["id"])),
        ("entry", id(&entry["id"])),
        ("commit", text(&entry["commit"])[..7].to_owned()),
    ]
}

// W1: a request, a change, an approval, an entry and a commit lead to one another; what does more than was named is refused.
#[test]
fn any_command_takes_any_id() {
    let world = World::up(&[("a.txt", "a\n")]);
    let ids = belonging(&world.carry_out(&makes("one"), 0));
    let mut table = String::new();
    for (kind, id) in &ids {
        for command in [
            ["request", "show"],
            ["changes", "show"],
            ["approval", "show"],
            ["queue", "show"],
            ["request", "cancel"],
            ["approval", "reject"],
            ["queue", "retry"],
        ] {
            let done = world.run(&[command[0], command[1], id]);
            let said = format!("{}{}", done.stdout, done.stderr);
            let first = said.lines().next().unwrap_or_default();
            // Without the moment of the decision.
            let first = first.split(" at ").next().unwrap_or_default();
            let exit = done.exit().unwrap_or_default();
            table.push_str(&format!("{} {kind}: {exit} {first}\n", command.join(" ")));
        }
        let landed = world.list(&["history", id]);
        assert_eq!(landed.len(), 1, "{kind}");
        assert_eq!(landed[0]["title"], "make one");
    }
    for (kind, id) in &ids {
        table = table.replace(id, kind);
    }
    insta::assert_snapshot!(table, @r#"
    request show request: 0 Request request  Make one
    changes show request: 0 Change change  make one
    approval show request: 0 Approval approval  make one
    queue show request: 0 Entry entry  make one
    request cancel request: 1 error: request request has landed, so there is nothing to cancel
    approval reject request: 3 error: already approved by ada
    queue retry request: 1 error: its change set is landed, so there is nothing to retry
    request show change: 0 Request request  Make one
    changes show change: 0 Change change  make one
    approval show change: 0 Approval approval  make one
    queue show change: 0 Entry entry  make one
    request cancel change: 5 error: change is a change set ("make one"); its request is request
    approval reject change: 3 error: already approved by ada
    queue retry change: 1 error: its change set is landed, so there is nothing to retry
    request show approval: 0 Request request  Make one
    changes show approval: 0 Change change  make one
    approval show approval: 0 Approval approval  make one
    queue show approval: 0 Entry entry  make one
    request cancel approval: 5 error: approval is an approval ("make one"); its request is request
    approval reject approval: 3 error: already approved by ada
    queue retry approval: 1 error: its change set is landed, so there is nothing to retry
    request show entry: 0 Request request  Make one
    changes show entry: 0 Change change  make one
    approval show entry: 0 Approval approval  make one
    queue show entry: 0 Entry entry  make one
    request cancel entry: 5 error: entry is a queue entry ("make one"); its request is request
    approval reject entry: 3 error: already approved by ada
    queue retry entry: 1 error: its change set is landed, so there is nothing to retry
    request show commit: 0 Request request  Make one
    changes show commit: 0 Change change  make one
    approval show commit: 0 Approval approval  make one
    queue show commit: 0 Entry entry  make one
    request cancel commit: 5 error: commit is the commit of a queue entry ("make one"); its request is request
    approval reject commit: 3 error: already approved by ada
    queue retry commit: 1 error: its change set is landed, so there is nothing to retry
    "#);

    let (_, commit) = &ids[4];
    world.run(&["rollback", commit, "--wait"]).code(0);
    let history = world.run(&["history"]).code(0).stdout;
    assert!(history.contains("rolled back by"), "{history}");
    let again = world.run(&["rollback", &ids[2].1]).code(3);
    assert!(
        again.stderr.contains("rolled back already"),
        "{}",
        again.stderr
    );
}

// W1: several ids are each tried; the exit status is that of all, and JSON is one list.
#[test]
fn several_ids_at_once() {
    let world = World::up(&[("a.txt", "a\n")]);
    let (one, other) = (world.ask(&makes("one")), world.ask(&makes("other")));
    let shown = world
        .run(&["request", "show", &one.request, "00000000", &other.request])
        .code(5);
    assert!(
        shown.stdout.contains("Make one") && shown.stdout.contains("Make other"),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stderr.contains("there is no request 00000000"),
        "{}",
        shown.stderr
    );
    let list = world.list(&["approval", "show", &one.approval, &other.request]);
    assert_eq!(list.len(), 2);

    let approved = [
        "approval",
        "approve",
        &one.approval,
        &other.request,
        "--wait",
    ];
    world.run(&approved).code(0);
    let landed = world.list(&["history"]);
    assert_eq!(landed.len(), 2, "{landed:#?}");
    let commits: Vec<_> = landed
        .iter()
        .map(|landing| text(&landing["commit"]))
        .collect();
    world
        .run(&["rollback", &commits[0][..7], &commits[1][..7], "--wait"])
        .code(0);
    assert!(world.list(&["history"])[2]["taken_back_by"].is_string());
    world
        .run(&["queue", "retry", &one.request, &other.request])
        .code(1);
    world.run(&["request", "show"]).code(2);
}

// W1, S3: all that waits of a request is shown with its digests, and that is what is approved.
#[test]
fn all_approvals_of_a_request_at_once() {
    let world = World::up(&[("a.txt", "a\n")]);
    let asked = world.ask(&makes_two());
    let several = world.run(&["approval", "approve", &asked.request]).code(2);
    let hint = format!("hyperion approval approve --request {}", asked.request);
    assert!(
        several.stderr.contains("it has 2 approvals") && several.stderr.contains(&hint),
        "{}",
        several.stderr
    );
    let waiting = world.list(&["approval", "list", "--request", &asked.request]);
    assert_eq!(waiting.len(), 2);
    let all = [
        "approval",
        "approve",
        "--request",
        short(&asked.request),
        "--wait",
    ];
    let approved = world.run(&all).code(0);
    for approval in &waiting {
        let digest = text(&approval["digest"]);
        assert!(approved.stderr.contains(&digest), "{}", approved.stderr);
    }
    assert_eq!(world.list(&["approval", "list"]), [Value::Null; 0]);
    world.run(&all).code(5);
}

// W1: the shell is offered ids with their titles, by the state they are in, and nothing where there is no home.
#[test]
fn the_shell_completes_ids() {
    let world = World::up(&[("a.txt", "a\n")]);
    let asked = world.ask(&makes("one"));
    let offered = |world: &World, words: &[&str]| {
        let at = (words.len() - 1).to_string();
        let shell = world.hyperion.clone().env("COMPLETE", "zsh");
        let words = [&["--"], words].concat();
        shell
            .env("_CLAP_COMPLETE_INDEX", at)
            .env("_CLAP_IFS", "\n")
            .run(&words)
            .code(0)
            .stdout
    };
    let approvals = offered(&world, &["hyperion", "approval", "approve", ""]);
    let expected = format!("{}:make one (pending)", short(&asked.approval));
    assert!(
        approvals.lines().any(|line| line == expected),
        "{approvals}"
    );
    let requests = offered(
        &world,
        &[
            "hyperion",
            "events",
            "--request",
            &short(&asked.request)[..3],
        ],
    );
    assert_eq!(
        requests.trim_end(),
        format!("{}:Make one (awaiting_approval)", short(&asked.request))
    );
    let repos = offered(&world, &["hyperion", "queue", "list", "--repo", ""]);
    assert!(repos.starts_with("repo:"), "{repos}");
    let runs = offered(&world, &["hyperion", "run", "logs", ""]);
    assert!(runs.contains(":make one (finished)"), "{runs}");
    let revise = offered(&world, &["hyperion", "request", "revise", ""]);
    assert!(revise.contains("Make one (awaiting_approval)"), "{revise}");
    for (words, expected) in [
        (&["repo", "show", "re"][..], "repo:"),
        (&["exec", "--sandbox", "f"], "full"),
        (&["exec", "--network", "l"], "listed"),
        (&["run", "list", "--status", "fin"], "finished"),
        (&["request", "list", "--status", "aw"], "awaiting_approval"),
        (&["exec", "--", "gi"], "git"),
        (&["exec", "--", "cat", "a.t"], "a.txt"),
    ] {
        let found = offered(&world, &[&["hyperion"][..], words].concat());
        let mut lines = found.lines();
        assert!(
            lines.any(|line| line.starts_with(expected)),
            "{words:?}: {found}"
        );
    }
    let retry = offered(&world, &["hyperion", "queue", "retry", ""]);
    assert!(!retry.contains("make one"), "{retry}");

    let nowhere = World::unknown(TempRepo::with_files(&[("a.txt", "a\n")]));
    let nothing = offered(&nowhere, &["hyperion", "approval", "approve", ""]);
    assert!(!nothing.contains("pending"), "{nothing}");
    assert!(!nowhere.hyperion.home().exists());
}

// W1, W8: while no engine is up, nothing of the queue is said to run, and the check that outlived it is; for programs the states are as they
// are kept.
#[test]
fn nothing_runs_while_no_engine_is_up() {
    let mut world = World::up(&[("a.txt", "a\n")]);
    let checked = makes("one").set("class", "feature");
    let checked = checked.task(task("T2", "wait").create("c.txt", "c\n").check("sleep 100"));
    let asked = world.ask(&checked);
    let all = ["approval", "approve", "--request", &asked.request];
    world.run(&all).code(0);
    let is_checking = |request: &Value| {
        let mut entries = request["entries"].as_array().into_iter().flatten();
        entries.any(|entry| entry["status"] == "checking")
    };
    world.request_when(&asked.request, is_checking);
    let queue = world.run(&["queue", "list"]).code(0);
    assert!(queue.stdout.contains("checking"), "{}", queue.stdout);
    world.kill_engine();
    for command in [
        &["queue", "list"][..],
        &["request", "list"],
        &["request", "show", &asked.request],
        &["queue-metrics"],
    ] {
        let shown = world.run(command).code(0);
        for word in ["checking", "running", "in_progress"] {
            assert!(!shown.stdout.contains(word), "{word}: {}", shown.stdout);
        }
        assert!(shown.stdout.contains("interrupted"), "{}", shown.stdout);
    }
    let status = world.run(&["status"]).code(0).stdout;
    let (queue, runs) = status.split_once("Runs now").unwrap();
    assert!(queue.contains("interrupted"), "{status}");
    assert!(runs.contains("check: sleep 100"), "{status}");
    let kept = world.list(&["queue", "list"]);
    assert!(
        kept.iter().any(|entry| entry["status"] == "checking"),
        "{kept:#?}"
    );
}

// W1: the queue's list is of what is on its way, and says what it leaves out; every list is narrowed by what its items belong to.
#[test]
fn lists_say_what_they_leave_out() {
    let world = World::up(&[("a.txt", "a\n")]);
    let landed = world.carry_out(&makes("one"), 0);
    let failing = makes("bad").task(task("T2", "fail").create("c.txt", "c\n").check("false"));
    let aside = world.carry_out(&failing, 1);
    let empty = world.run(&["queue", "list"]).code(0);
    assert_eq!(
        (empty.stdout.as_str(), world.list(&["queue", "list"]).len()),
        ("", 0)
    );
    insta::assert_snapshot!(empty.stderr, @r"
    Nothing is on its way.
    Not shown: 2 landed, 1 quarantined (--all).
    ");
    assert_eq!(world.list(&["queue", "list", "--all"]).len(), 3);
    let of = |list: &[&str], request: &Value| {
        let request = text(&request["id"]);
        world.list(&[list, &["--request", &request]].concat()).len()
    };
    for (list, one, other) in [
        (&["queue", "list", "--all"][..], 1, 2),
        (&["queue", "dead-letters"], 0, 1),
        (&["changes", "list"], 1, 2),
        (&["approval", "list", "--all"], 1, 2),
        (&["history"], 1, 1),
    ] {
        assert_eq!(
            (of(list, &landed), of(list, &aside)),
            (one, other),
            "{list:?}"
        );
        assert_eq!(
            world.list(&[list, &["--repo", "repo"]].concat()),
            world.list(list),
            "{list:?}"
        );
    }
    let requests = world.run(&["request", "list"]).code(0).stdout;
    assert!(requests.contains("check \"false\" failed"), "{requests}");
    let changes = world.run(&["changes", "list"]).code(0).stdout;
    let line = changes
        .lines()
        .find(|line| line.contains("quarantined"))
        .unwrap_or(&changes);
    assert!(
        line.contains("fail") && line.contains("check \"false\" failed"),
        "{changes}"
    );
}

// W1: of several ids, each error says which it is about, and what is meant instead.
#[test]
fn what_ended_says_what_to_do_instead_of_cancelling() {
    let world = World::up(&[("a.txt", "one\n")]);
    let change = |id: &str| task(id, id).create(&format!("{id}.txt"), "1\n");
    let done = world.carry_out(&task_request("Land").task(change("lands")), 0);
    let failed = task_request("Fail").task(change("fails").check("false"));
    let failed = world.carry_out(&failed, 1);
    let waits = world.ask(&task_request("Wait").task(change("waits")));
    let id = |detail: &Value| detail["id"].as_str().unwrap().to_owned();
    let (done, entry, failed) = (id(&done), id(&failed["entries"][0]), id(&failed));
    let told = world.run(&["request", "cancel", &done, &failed]).code(1);
    let known = [&done, &entry, &failed, &waits.request];
    let names = ["done", "entry", "failed", "waits"];
    let shown = |text: &str| {
        let pairs = known.iter().zip(names);
        pairs.fold(text.to_owned(), |text, (id, name)| {
            text.replace(short(id), name)
        })
    };
    insta::assert_snapshot!(shown(&told.stderr), @"
    error: request done has landed, so there is nothing to cancel
    hint: to undo it, roll it back with `hyperion rollback done`
    error: request failed has failed, so there is nothing to cancel
    hint: its change is kept for a retry; `hyperion queue cancel entry` gives that up
    ");
    let told = world.run(&["rollback", &waits.request]).code(3);
    insta::assert_snapshot!(shown(&told.stderr), @r"
    error: request waits goes on: nothing of it has landed for good
    hint: cancel it instead with `hyperion request cancel waits`; what landed by itself is rolled back by its commit
    ");
    let told = world.run(&["queue", "retry", &entry, "abcd1234"]);
    assert!(told.stderr.contains("abcd1234"), "{}", told.stderr);
}
