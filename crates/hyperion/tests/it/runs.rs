//! Runs: what agents and checks did, and what they wrote.

use crate::api::Api;
use crate::world::{World, text};
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn checked(check: &str) -> World {
    let config = format!("[checks]\ndoor = \"{check}\"\n");
    World::up_with_home(&[("hyperion.toml", &config)])
}

fn go_in() -> RequestFile {
    task_request("Go in")
        .class("feature")
        .task(task("T1", "go in").create("in.txt", "in\n"))
}

// W1, M4, R10: the failure names the command that shows the output, as it was written and without its secrets.
#[test]
fn what_a_failed_check_wrote_is_one_command_away() {
    let token = concat!("ghp_", "kX9vQ2mZ7rT4wB8nL5cJ1hG6dF3sP0yAeRuV");
    let world = checked(&format!(
        "seq 1 5; echo token {token}; echo the door is shut >&2; exit 3"
    ));
    let detail = world.carry_out(&go_in(), 1);
    let next = text(&detail["summary"]["not_landed"][0]["next"]);
    let command = next.split('`').nth(1).unwrap();
    let run = command.strip_prefix("hyperion run logs ").unwrap();

    let whole = world.run(&["run", "logs", run]).code(0).stdout;
    let lines: Vec<_> = whole.lines().collect();
    assert_eq!(lines[..5], ["1", "2", "3", "4", "5"]);
    assert!(
        !whole.contains(token) && lines[5].starts_with("token "),
        "{whole}"
    );
    assert_eq!(lines[6..], ["the door is shut"]);
    let end = world.run(&["run", "logs", run, "--tail", "1", "--follow"]);
    assert_eq!(end.code(0).stdout, "the door is shut\n");

    let id = text(&detail["id"]);
    let runs = world.list(&["run", "list", "--request", &id]);
    let said: Vec<_> = runs
        .iter()
        .map(|run| {
            json!([
                run["kind"],
                run["name"],
                run["status"],
                run["exit_code"],
                run["task_ids"]
            ])
        })
        .collect();
    assert_eq!(
        said,
        [
            json!(["check", "door", "failed", 3, ["T1"]]),
            json!(["agent", "scripted", "finished", null, ["T1"]]),
        ]
    );
    let shown = world.run(&["run", "show", run]).code(0).stdout;
    for part in [
        "check door: seq 1 5",
        "failed: it exited with 3",
        "hyperion run logs",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let ended = world.list(&["run", "list", "--status", "running"]);
    assert_eq!(ended, [json!(null); 0]);
    let several = world.run(&["run", "logs", &id]).code(2).stderr;
    let meant = format!("name the one you mean: hyperion run logs {run}");
    assert!(several.contains(&meant), "{several}");
    let unknown = world.run(&["run", "logs", "00000000"]).code(5);
    assert!(
        unknown.stderr.contains("there is no run"),
        "{}",
        unknown.stderr
    );
}

// Issue 13: a thousand runs are listed in one go or page by page, each once, the newest first, and soon.
#[test]
fn a_thousand_runs_are_listed_soon_and_page_by_page() {
    const RUNS: usize = 1000;
    let world = World::up(&[("a.txt", "one\n")]);
    let api = Api::new(&world.hyperion);
    let mut wish =
        json!({"argv": ["true"], "cwd": world.repo.path(), "env": [["PATH", "/usr/bin"]]});
    for number in 0..RUNS {
        wish["title"] = json!(format!("run {number}"));
        api.post("/api/runs", &wish).unwrap().unwrap();
    }
    let titles = |list: &Value| {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|run| text(&run["title"])).collect::<Vec<_>>()
    };
    let began = Instant::now();
    let whole = api.get("/api/runs?limit=1000").unwrap().unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let expected: Vec<_> = (0..RUNS)
        .rev()
        .map(|number| format!("run {number}"))
        .collect();
    assert_eq!(titles(&whole), expected);
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api
            .get(&format!("/api/runs?limit=300{cursor}"))
            .unwrap()
            .unwrap();
        paged.extend(titles(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, expected);
    let shown = world
        .run(&["run", "list", "--limit", "1000"])
        .code(0)
        .stdout;
    assert_eq!(
        shown.lines().filter(|line| line.contains("run 9")).count(),
        111,
        "{shown}"
    );
}

// W1: what a check writes is seen while it runs, and the command ends with it.
#[test]
fn an_output_is_followed_until_the_run_ends() {
    let world =
        checked("echo begin; until test -f \\\"$HOME/open\\\"; do sleep 0.05; done; echo end");
    let asked = world.ask(&go_in());
    world.run(&["approval", "approve", &asked.approval]).code(0);
    let at_work = || {
        world.list(&[
            "run",
            "list",
            "--request",
            &asked.request,
            "--status",
            "running",
        ])
    };
    world.request_when(&asked.request, |_| !at_work().is_empty());
    let run = text(&at_work()[0]["id"]);
    let mut following = world
        .hyperion
        .command(&["run", "logs", &run, "--follow"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begin");
    std::fs::write(world.hyperion.user_home().join("open"), "").unwrap();
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert_eq!(rest, ["end"]);
    assert!(following.wait().unwrap().success());
    world.request_when(&asked.request, |detail| detail["status"] == "completed");
    world.assert_sound();
}
