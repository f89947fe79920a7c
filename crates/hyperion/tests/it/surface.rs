//! The command line itself: lists and their forms, terminals and pipes, settings, completions, manual pages.

use crate::world::{World, text};
use hyperion_testkit::{Hyperion, RequestFile, TempRepo, task, task_request};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ESCAPE: char = '\u{1b}';

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

/// The home on a terminal of this width, with `script` holding the other end.
pub(crate) fn on_terminal(
    world: &World,
    columns: u32,
    command: &str,
    typed: &str,
) -> hyperion_testkit::Finished {
    on_screen(world, (columns, 0), &[], command, typed)
}

/// Runs `script` and types once the question is there: `$1` is the command, `$2` the typescript, `$3` what is typed.
///
/// The digest stands right above the prompt.
const TYPE_WHEN_ASKED: &str = r#"
    rm -f "$2" "$2.seen" && mkfifo "$2.seen"
    type_when_asked() {
        timeout 60 tail -n +1 -F "$2" 2>/dev/null >"$2.seen" & follower=$!
        grep -q -m1 digest <"$2.seen"
        kill $follower
        printf %s "$3"
    }
    type_when_asked "$@" | script -qefc "$1" "$2"
"#;

/// The home on a terminal of so many columns and rows (0: it does not say), with more variables.
pub(crate) fn on_screen(
    world: &World,
    (columns, rows): (u32, u32),
    variables: &[(&str, &str)],
    command: &str,
    typed: &str,
) -> hyperion_testkit::Finished {
    let command = format!(
        "stty cols {columns} rows {rows} -echo; exec {} {command}",
        env!("CARGO_BIN_EXE_hyperion")
    );
    // A file and not /dev/null, which a program with all rights might replace.
    let typescript = world.hyperion.user_home().join("typescript");
    let place = typescript.to_str().unwrap();
    let (program, arguments) = match typed {
        "" => ("script", vec!["-qec", &command, place]),
        _ => (
            "sh",
            vec!["-c", TYPE_WHEN_ASKED, "sh", &command, place, typed],
        ),
    };
    let script = Hyperion::new(program);
    let script = variables
        .iter()
        .fold(script, |script, (name, value)| script.env(*name, *value));
    script
        .inside(world.repo.path())
        .env("HYPERION_HOME", world.hyperion.home())
        .env("HOME", world.hyperion.user_home())
        .env("USER", "ada")
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        .run_with_input(&arguments, "")
}

/// What is left of a text when nothing paints it.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter == ESCAPE {
            rest.find(char::is_ascii_alphabetic);
        } else if letter != '\r' {
            plain.push(letter);
        }
    }
    plain
}

// W1: every list in every form, newest first, no more than asked for, nothing painted into a pipe.
#[test]
fn every_list_takes_format_since_and_limit() {
    let world = World::up(&[("a.txt", "a\n")]);
    world.carry_out(&makes("one"), 0);
    world.carry_out(&makes("two"), 0);
    for name in ["bad", "worse"] {
        world.carry_out(
            &makes(name).task(task("T2", "fail").create("c.txt", "c\n").check("false")),
            1,
        );
    }
    let other = TempRepo::with_files(&[("b.txt", "b\n")]);
    world
        .run(&["init", other.path().to_str().unwrap(), "--name", "other"])
        .code(0);
    for list in [
        &["request", "list"][..],
        &["approval", "list", "--all"],
        &["changes", "list"],
        &["queue", "list", "--all"],
        &["queue", "dead-letters"],
        &["history"],
        &["worker", "logs"],
        &["events"],
        &["repo", "list"],
    ] {
        let with = |more: &[&str]| {
            let arguments: Vec<_> = list.iter().chain(more).copied().collect();
            world.run(&arguments).code(0)
        };
        let all = world.list(list);
        assert!(all.len() >= 2, "{list:?}: {all:#?}");
        let lines = with(&["--format", "jsonl"]).json_lines();
        assert_eq!(lines, all, "{list:?}");
        let table = with(&[]).stdout;
        assert!(!table.contains(ESCAPE), "{table}");
        let headings = usize::from(*list != ["events"]);
        assert_eq!(
            table.lines().count(),
            all.len() + headings,
            "{list:?}: {table}"
        );
        assert!(
            with(&["--color", "always"]).stdout.contains(ESCAPE),
            "{list:?}"
        );

        // The newest; of events the last.
        let one = with(&["--format", "jsonl", "--limit", "1"]).json_lines();
        let newest = if *list == ["events"] {
            all.last()
        } else {
            all.first()
        };
        assert_eq!(
            one.iter().collect::<Vec<_>>(),
            newest.into_iter().collect::<Vec<_>>(),
            "{list:?}"
        );
        assert_eq!(
            with(&["--format", "jsonl", "--since", "1h"]).json_lines(),
            all,
            "{list:?}"
        );
        assert_eq!(
            with(&["--format", "json", "--since", "2999-01-01"]).json()["items"],
            json!([]),
            "{list:?}"
        );
        let nothing = with(&["--since", "2999-01-01"]);
        assert!(
            nothing.stdout.is_empty() && nothing.stderr.ends_with(".\n"),
            "{}",
            nothing.stderr
        );
        for wrong in [["--since", "soon"], ["--limit", "0"], ["--format", "xml"]] {
            let arguments: Vec<_> = list.iter().chain(&wrong).copied().collect();
            let refused = world.run(&arguments).code(2);
            assert!(refused.stderr.starts_with("error: ") && refused.stdout.is_empty());
        }
    }
    // Filters by state.
    assert_eq!(
        world
            .list(&["queue", "list", "--status", "quarantined"])
            .len(),
        2
    );
    assert_eq!(
        world
            .list(&["request", "list", "--status", "completed"])
            .len(),
        2
    );
    world.run(&["queue", "list", "--status", "lost"]).code(2);
    assert_eq!(
        world.list(&["queue", "list", "--repo", "other"]),
        [json!(null); 0]
    );
}

// W1: without an engine a reading command reads, and leaves nothing behind.
#[test]
fn reading_needs_no_engine_and_no_home() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "a\n")]));
    for arguments in [
        &["request", "list"][..],
        &["queue", "list"],
        &["doctor"],
        &["audit", "verify"],
    ] {
        let refused = world.run(arguments).code(69);
        assert!(
            refused.stderr.contains("there is no home at")
                && refused.stderr.contains("hint: run `hyperion init`"),
            "{}",
            refused.stderr
        );
    }
    assert!(!world.hyperion.home().exists());
    world.run(&["config", "list"]).code(0);
    world.run(&["init"]).code(0);
    assert_eq!(world.list(&["request", "list"]), [json!(null); 0]);
    for what in [
        &["request", "show"][..],
        &["approval", "show"],
        &["changes", "show"],
        &["queue", "show"],
    ] {
        let arguments: Vec<_> = what.iter().copied().chain(["1a2b3c4d"]).collect();
        let unknown = world.run(&arguments).code(5);
        assert!(unknown.stderr.starts_with("error: "), "{}", unknown.stderr);
    }
}

// W1, S3: on a terminal it shows the diff in colour, asks, and goes on at once.
#[test]
fn on_a_terminal_it_shows_the_diff_and_asks() {
    let world = World::up(&[("a.txt", "one\n")]);
    let request = task_request("Say more")
        .class("feature")
        .task(task("T1", "say more").replace("a.txt", "one\ntwo\n"));
    let file = request.write_to(world.hyperion.user_home());
    let command = format!("request {} --wait", file.display());

    // Later is no answer.
    let later = on_terminal(&world, 80, &command, "what?\nl\n").code(75);
    assert!(
        later.stdout.contains("Please answer with y, n, r, d or l;"),
        "{}",
        later.stdout
    );
    let waiting = world.list(&["request", "list"]);
    world
        .run(&["request", "cancel", &text(&waiting[0]["id"])])
        .code(0);

    let done = on_terminal(&world, 80, &command, "y\n").code(0);
    assert!(
        done.stdout.contains("\u{1b}[32m+two"),
        "the diff is in colour: {}",
        done.stdout
    );
    let words = plain(&done.stdout);
    for part in [
        "Approve? [y]es / [n]o / [r]equest changes / [d]iff / [l]ater / [?] help: ",
        "landed",
        "roll back with: hyperion rollback",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(world.repo.show("main", "a.txt"), "one\ntwo\n");

    let rejected = on_terminal(
        &world,
        80,
        &format!(
            "rollback {} --wait",
            text(&world.list(&["request", "list"])[0]["id"])
        ),
        "",
    )
    .code(0);
    assert!(
        plain(&rejected.stdout).contains("landed"),
        "{}",
        rejected.stdout
    );
    assert_eq!(world.repo.show("main", "a.txt"), "one\n");
    let no = on_terminal(&world, 80, &command, "n\nnot today\n").code(1);
    assert!(plain(&no.stdout).contains("not today"), "{}", no.stdout);
    world.assert_sound();
}

// W1: a narrow terminal is never overrun; NO_COLOR is heard.
#[test]
fn a_narrow_terminal_is_not_overrun() {
    let world = World::up(&[("a.txt", "one\n")]);
    let long = "Say something that is much too long for any narrow terminal to show in one line";
    world.carry_out(
        &task_request(long)
            .class("feature")
            .task(task("T1", long).create("b.txt", "b\n")),
        0,
    );
    for list in [
        "request list",
        "queue list --all",
        "history",
        "worker logs",
        "events",
        "changes list",
        "run list",
        "approval list --all",
    ] {
        for columns in [40, 60, 100] {
            let shown = on_terminal(&world, columns, list, "").code(0).stdout;
            assert!(shown.contains(ESCAPE), "{list}");
            for line in plain(&shown).lines() {
                assert!(
                    line.chars().count() <= columns as usize,
                    "{list} at {columns}: {line:?}"
                );
            }
        }
        let command = format!("{list} --color never");
        assert!(
            !on_terminal(&world, 80, &command, "")
                .code(0)
                .stdout
                .contains(ESCAPE),
            "{list}"
        );
    }
    let quiet = world
        .hyperion
        .clone()
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "1")
        .run(&["request", "list"])
        .code(0);
    assert!(!quiet.stdout.contains(ESCAPE));
    let forced = world
        .hyperion
        .clone()
        .env("CLICOLOR_FORCE", "1")
        .run(&["request", "list"])
        .code(0);
    assert!(forced.stdout.contains(ESCAPE));
}

// O4: settings are listed with where they come from, checked as they are set, and a wrong file is told by its lines.
#[test]
fn settings_are_listed_set_and_checked() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "a\n")]));
    let list = world.json(&["config", "list"]);
    let keys: BTreeSet<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(&item["key"]))
        .collect();
    for key in [
        "request.requires_approval",
        "policy.auto_approve.enabled",
        "policy.auto_approve.max_lines",
        "approval.ttl_sec",
        "merge.max_attempts",
        "merge.lease_sec",
        "checks.timeout_sec",
        "plan.max_steps",
        "files.backup_retention_hours",
    ] {
        assert!(keys.contains(key), "{key} in {keys:?}");
    }
    assert_eq!(
        world
            .run(&["config", "get", "merge.workers"])
            .code(0)
            .stdout,
        "3\n"
    );
    world.run(&["config", "set", "merge.workers", "2"]).code(0);
    let changed = world.json(&["config", "list", "--changed"]);
    // The world of these tests opens no port.
    let changed = changed["items"].as_array().unwrap().iter();
    let changed: Vec<_> = changed
        .filter(|setting| setting["key"] != "server.bind")
        .collect();
    assert_eq!(
        (changed.len(), &changed[0]["key"], &changed[0]["value"]),
        (1, &json!("merge.workers"), &json!(2))
    );
    assert!(text(&changed[0]["origin"]).contains("config.toml"));
    let overridden = world.hyperion.clone().env("HYPERION_MERGE__WORKERS", "1");
    assert_eq!(
        overridden
            .run(&["config", "get", "merge.workers"])
            .code(0)
            .stdout,
        "1\n"
    );
    for wrong in [["merge.workers", "many"], ["merge.worker", "2"]] {
        let refused = world.run(&["config", "set", wrong[0], wrong[1]]).code(2);
        assert!(
            refused.stderr.contains("merge.workers"),
            "{}",
            refused.stderr
        );
    }
    world.run(&["config", "unset", "merge.workers"]).code(0);
    assert_eq!(
        world
            .run(&["config", "get", "merge.workers"])
            .code(0)
            .stdout,
        "3\n"
    );

    let path = world.run(&["config", "path"]).code(0).stdout;
    std::fs::write(
        path.trim_end(),
        "[merge]\nworkers = 2\nworker = 3\n\n[policy]\nx = 1\n",
    )
    .unwrap();
    let wrong = world.run(&["config", "check"]).code(2);
    for place in ["config.toml:3", "config.toml:6"] {
        assert!(wrong.stderr.contains(place), "{place} in {}", wrong.stderr);
    }
    // Nothing works under settings that nobody can mean.
    world.run(&["init"]).code(2);
}

// O2: everything is looked at, nothing is wrong, and what could be better says how.
#[test]
fn a_healthy_home_has_no_errors() {
    let world = World::up(&[("a.txt", "a\n")]);
    world.carry_out(&makes("one"), 0);
    let report = world.json(&["doctor"]);
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        assert_ne!(finding["health"], "error", "{finding:#}");
        assert!(
            finding["health"] == "ok" || finding["fix"].is_string(),
            "{finding:#}"
        );
    }
    let names: Vec<_> = findings
        .iter()
        .map(|finding| text(&finding["name"]))
        .collect();
    for name in [
        "store",
        "key",
        "git",
        "disk",
        "clock",
        "repo repo",
        "queue",
        "sandbox",
    ] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} in {names:?}"
        );
    }
    std::fs::remove_dir_all(world.repo.path()).unwrap();
    let outside = world.hyperion.clone().inside(world.hyperion.user_home());
    let sick = outside.run(&["doctor", "--format", "json"]).code(1).json();
    let repo: &Value = sick["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["name"] == "repo repo")
        .unwrap();
    assert_eq!(repo["health"], "error");
    assert!(repo["fix"].is_string(), "{repo:#}");
}

// W1, O1 (its figures), S4: the rules and the queue in words and in figures.
#[test]
fn policy_and_metrics_are_shown() {
    let world = World::up(&[(
        "hyperion.toml",
        "[checks]\nok = \"true\"\n\n[policy]\npaths.deny = [\"vendor/**\"]\n",
    )]);
    world.carry_out(&makes("one"), 0);
    let machine = world.json(&["policy", "show"]);
    let narrowed = world.json(&["policy", "show", "--repo", "repo"]);
    assert_eq!(machine["repo"], json!(null));
    assert_ne!(machine["digest"], narrowed["digest"]);
    assert!(
        narrowed["paths_deny"]
            .as_array()
            .unwrap()
            .contains(&json!("vendor/**"))
    );
    assert_eq!(
        json!([
            machine["requires_approval"],
            machine["auto_approve_enabled"]
        ]),
        json!([true, false])
    );
    let metrics = world.json(&["queue-metrics"]);
    assert_eq!(
        json!([
            metrics["depth"],
            metrics["by_status"],
            metrics["success_rate"],
            metrics["dead_letters"],
            metrics["conflicts"]
        ]),
        json!([0, {"landed": 1}, 1.0, 0, 0])
    );
    let logs = world.list(&["worker", "logs"]);
    let stages: Vec<_> = logs
        .iter()
        .map(|log| json!([log["stage"], log["outcome"]]))
        .collect();
    assert_eq!(
        stages,
        [
            json!(["land", "landed"]),
            json!(["check", "green"]),
            json!(["merge", "clean"])
        ]
    );
    let entry = text(&logs[0]["entry_id"]);
    assert_eq!(world.list(&["worker", "logs", "--entry", &entry]), logs);
}

// W1: completions and manual pages are there for every command.
#[test]
fn completions_and_manual_pages_are_written() {
    let world = World::unknown(TempRepo::with_files(&[("a.txt", "a\n")]));
    for (shell, sign) in [
        ("bash", "complete -o nospace"),
        ("zsh", "#compdef hyperion"),
        ("fish", "--command hyperion"),
    ] {
        let written = world.run(&["completions", shell]).code(0).stdout;
        assert!(
            written.contains(sign) && written.contains("COMPLETE"),
            "{shell}: {written}"
        );
    }
    world.run(&["completions", "cmd"]).code(2);
    assert!(
        world
            .run(&["man"])
            .code(0)
            .stdout
            .contains(".TH hyperion 1")
    );
    let pages = world.hyperion.user_home().join("man1");
    world
        .run(&["man", "--out", pages.to_str().unwrap()])
        .code(0);
    let pages: BTreeSet<_> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in [
        "hyperion.1",
        "hyperion-request.1",
        "hyperion-request-answer.1",
        "hyperion-approval-approve.1",
        "hyperion-queue-retry.1",
    ] {
        assert!(pages.contains(page), "{page} in {pages:?}");
    }
    assert!(
        !world.hyperion.home().exists(),
        "reading leaves no home behind"
    );

    let overview = world.run(&[]).code(0).stdout;
    assert!(
        overview.contains("hyperion request FILE --wait"),
        "{overview}"
    );
    let help = world.run(&["--help"]).code(0).stdout;
    assert!(
        help.contains("Exit status:\n") && help.contains(" 75  it waits for a person\n"),
        "{help}"
    );
    let mistyped = world.run(&["requets"]).code(2);
    assert!(mistyped.stderr.contains("request"), "{}", mistyped.stderr);
}

// W1: where the result is wanted as JSON, so is the error: one line, the last on standard error, whichever command fails.
#[test]
fn an_error_is_json_where_the_result_is() {
    let world = World::new(&[("a.txt", "a\n")]);
    let file = world.hyperion.user_home().join("request.json");
    std::fs::write(&file, "{\"title\": 7}").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, status, code) in [
        (&["request", file][..], 2, "request.invalid"),
        (&["request", "show", "123456"], 5, "subject.not_found"),
        (&["queue", "list", "--status", "odd"], 2, "input.invalid"),
        (&["events", "--kinds", "merge.lande"], 2, "input.invalid"),
        (&["policy", "test", "--diff", "missing"], 2, "input.invalid"),
        (&["quue"], 2, "input.invalid"),
    ] {
        let arguments = [arguments, &["--format", "json"]].concat();
        let failed = world.run(&arguments).code(status);
        assert_eq!(failed.stdout, "", "{arguments:?}");
        let last = failed.stderr.lines().last().unwrap();
        let problem: Value = serde_json::from_str(last).unwrap();
        assert_eq!(problem["code"], code, "{arguments:?}: {problem:#}");
        let said = world.run(&arguments[..arguments.len() - 2]).stderr;
        assert!(said.starts_with("error: "), "{said}");
    }
}
