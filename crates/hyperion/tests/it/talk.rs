//! What a command says to a person: what was filed, how it ended, what to do next, and on how many columns.

use crate::surface::{on_screen, on_terminal, plain};
use crate::world::{World, text};
use hyperion_testkit::{RequestFile, task, task_request};

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), "x\n"))
}

// W1, R5: filing says what was filed and what comes next; filing again says that nothing was.
#[test]
fn what_was_filed_is_told() {
    let world = World::up(&[("a.txt", "a\n")]);
    let request = makes("one").idempotency_key("once").task(
        task("T2", "make two")
            .create("two.txt", "2\n")
            .depends_on(&["T1"]),
    );
    let file = request.write_to(world.hyperion.user_home());
    let file = file.to_str().unwrap();
    let filed = world.run(&["request", file]).code(0);
    let id = text(&world.list(&["request", "list"])[0]["id"]);
    let short = crate::world::short(&id);
    let beginning = format!(
        "Filed request {short}  Make one\n  lands on     main of repo\n  tasks        T1 make one\n               T2 make two (after T1)\n  next         "
    );
    assert!(filed.stdout.starts_with(&beginning), "{}", filed.stdout);

    let again = world.run(&["request", file]).code(0);
    let said = format!(
        "Nothing was filed: request {short} (Make one) is the same, and is there already (status: "
    );
    assert!(
        again.stderr.starts_with(&said) && again.stdout.is_empty(),
        "{}",
        again.stderr
    );

    world.run(&["request", "cancel", &id]).code(0);
    let cancelled = world.run(&["request", file]).code(76);
    let hint = "hint: to file it again, give it another `idempotency_key`, or none\n";
    assert_eq!(cancelled.stderr, format!("{said}cancelled).\n{hint}"));
    let waited = world.run(&["request", file, "--wait"]).code(76);
    assert!(waited.stderr.starts_with(&said), "{}", waited.stderr);
    assert_eq!(world.list(&["request", "list"]).len(), 1);
}

// W1: whoever takes work up again can see it through, and the status says how it ended.
#[test]
fn a_retry_is_seen_through() {
    let world = World::up(&[("a.txt", "a\n")]);
    let fails = makes("one").task(task("T2", "fail").create("c.txt", "c\n").check("false"));
    let ended = world.carry_out(&fails, 1);
    let entry = ended["entries"].as_array().unwrap().iter();
    let entry = entry.clone().find(|entry| entry["status"] == "quarantined");
    let retried = world
        .run(&["queue", "retry", &text(&entry.unwrap()["id"]), "--wait"])
        .code(1);
    for part in [
        "✗ T2 (check)",
        "next: see the output with `hyperion run logs",
    ] {
        assert!(retried.stdout.contains(part), "{part}: {}", retried.stdout);
    }
}

// W1: the question explains itself, its diff can be paged through, and to quit is to decide later.
#[test]
fn a_question_explains_itself_and_pages_its_diff() {
    let world = World::up(&[("a.txt", "a\n")]);
    let lines: String = (0..60).map(|line| format!("line {line}\n")).collect();
    let long = task_request("Make it long")
        .class("feature")
        .task(task("T1", "make it long").create("long.txt", &lines));
    let file = long.write_to(world.hyperion.user_home());
    let paged = world.hyperion.user_home().join("paged");
    let pager = format!("cat > {}", paged.display());
    let pager = [("HYPERION_PAGER", pager.as_str())];
    let command = format!("request {} --wait", file.display());
    let asked = on_screen(&world, (60, 24), &pager, &command, "?\nd\nq\n").code(75);
    let words = plain(&asked.stdout);
    for part in [
        "lines: answer d to see the whole diff",
        "Approve? [y]es / [n]o / [r]equest changes / [d]iff / [l]ater\n/ [?] help: ",
        "  r  send it back with what should be different\n",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(
        !words.contains("line 59"),
        "it is longer than the screen: {words}"
    );
    let whole = std::fs::read_to_string(&paged).unwrap();
    assert!(whole.contains("\u{1b}[32m+line 59\u{1b}[0m\n"), "{whole}");

    let change = text(&world.list(&["changes", "list"])[0]["id"]);
    std::fs::remove_file(&paged).unwrap();
    for (command, is_paged) in [("--no-pager ", false), ("", true)] {
        let command = format!("{command}changes show {change}");
        let shown = on_screen(&world, (80, 24), &pager, &command, "").code(0);
        assert_eq!(paged.exists(), is_paged, "{command}: {}", shown.stdout);
    }
    assert!(plain(&std::fs::read_to_string(&paged).unwrap()).starts_with("Change "));
}

// W1: prose is broken between words, and commands stay whole.
#[test]
fn prose_fits_the_terminal() {
    let world = World::up(&[("a.txt", "a\n")]);
    let title = "Say something that is rather too long for a terminal of only sixty columns";
    let request = task_request(title)
        .class("feature")
        .task(task("T1", title).create("b.txt", "b\n"));
    let id = text(&world.carry_out(&request, 0)["id"]);
    for columns in [60, 80] {
        for command in [
            format!("request show {id}"),
            "request show 1a2b3c4d".to_owned(),
            "doctor".to_owned(),
        ] {
            let shown = plain(&on_terminal(&world, columns, &command, "").stdout);
            let is_command = |line: &str| line.trim_start().starts_with("hyperion ");
            for line in shown.lines().filter(|line| !is_command(line)) {
                assert!(
                    line.chars().count() <= columns as usize,
                    "{command} at {columns}: {line:?}\n{shown}"
                );
            }
        }
    }
}
