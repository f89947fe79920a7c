//! Requests that contradict themselves or pass a limit.

use super::*;

// R3, R5: what contradicts itself.
#[test]
fn a_request_that_contradicts_itself() {
    let mut table = Table::new();
    let many = (0..10_000).fold(minimal(), |request, at| {
        request.task(task(&format!("T{at}"), "x"))
    });
    table
        .request("an empty title", &task_request("  "))
        .request("a long title", &task_request(&"x".repeat(201)))
        .request(
            "a title with an escape",
            &task_request("Clamp \u{1b}[2Jthe delay"),
        )
        .request("a title of two lines", &task_request("Clamp\nthe delay"))
        .request(
            "a long description",
            &minimal().description(&"x".repeat(70_000)),
        )
        .request("unknown agent", &minimal().set("agent", "gpt-7"))
        .request("an empty key", &minimal().idempotency_key(""))
        .request("10,000 tasks", &many)
        .request(
            "a task id twice",
            &minimal()
                .task(good())
                .task(task("T1", "again").create("x", "x\n")),
        )
        .task("a task id that is none", task("T 1", "x"))
        .task("an unknown dependency", task("T1", "x").depends_on(&["T9"]))
        .task(
            "a dependency on itself",
            task("T1", "x").depends_on(&["T1"]),
        )
        .request(
            "a circle",
            &minimal()
                .task(task("T1", "x").depends_on(&["T3"]))
                .task(task("T2", "x").depends_on(&["T1"]))
                .task(task("T3", "x").depends_on(&["T2"]))
                .task(task("T4", "x").depends_on(&["T5"]))
                .task(task("T5", "x").depends_on(&["T4"])),
        )
        .request(
            "overlapping owns",
            &minimal()
                .task(task("T1", "x").owns(&["src/**"]).create("src/a.rs", "a\n"))
                .task(
                    task("T2", "x")
                        .owns(&["src/*.rs"])
                        .create("src/b.rs", "b\n"),
                ),
        )
        .request(
            "the same path without owns",
            &minimal()
                .task(task("T1", "x").replace("README.md", "a\n"))
                .task(task("T2", "x").replace("README.md", "b\n")),
        )
        .task(
            "outside of owns",
            task("T1", "x")
                .owns(&["docs/**"])
                .modify("src/retry.rs", RETRY, CLAMPED),
        )
        .task("owns a folder", task("T1", "x").owns(&["src/"]))
        .task("owns outside", task("T1", "x").owns(&["../**"]))
        .task("owns no glob", task("T1", "x").owns(&["src/[a"]))
        .task("a check of two lines", task("T1", "x").check("true\nfalse"));
    insta::assert_snapshot!(table.end(), @r#"
    ## an empty title: exit 2
    error: ~/request.json: /title: is empty; say in one line what is wanted (line 3 column 3)

    ## a long title: exit 2
    error: ~/request.json: /title: has 201 characters; at most 200: put the rest into `description` (line 3 column 3)

    ## a title with an escape: exit 2
    error: ~/request.json: /title: has the control character '\u{1b}'; write one plain line (line 3 column 3)

    ## a title of two lines: exit 2
    error: ~/request.json: /title: has the control character '\n'; write one plain line (line 3 column 3)

    ## a long description: exit 2
    error: ~/request.json: /description: has 70000 bytes; at most 65536: shorten it, or put it into a file of the repository (line 2 column 3)

    ## unknown agent: exit 2
    error: ~/request.json: /agent: no agent is called "gpt-7"; use scripted (line 2 column 3)

    ## an empty key: exit 2
    error: ~/request.json: /idempotency_key: has 0 characters; give 1 to 1000, or leave it out (line 2 column 3)

    ## 10,000 tasks: exit 2
    error: ~/request.json: /tasks: has 10000 tasks; a plan has at most 50 steps (setting plan.max_steps): split the request (line 3 column 3)

    ## a task id twice: exit 2
    error: ~/request.json: /tasks/1/id: "T1" is the id of task 0 already; give each task its own (line 23 column 7)

    ## a task id that is none: exit 2
    error: ~/request.json: /tasks/0/id: "T 1" has the character ' '; a name has letters, digits, `.`, `_`, `-`, `/`, `:`, `@` and `+`, and starts with a letter or digit (line 5 column 7)

    ## an unknown dependency: exit 2
    error: ~/request.json: /tasks/0/depends_on/0: there is no task "T9", and no other task to depend on; take it out (line 6 column 9)

    ## a dependency on itself: exit 2
    error: ~/request.json: /tasks/0/depends_on/0: a task cannot depend on itself; take it out (line 6 column 9)

    ## a circle: exit 2
    error: ~/request.json: 2 things are wrong; nothing was filed
      line 5 column 7, /tasks/0/depends_on: tasks depend on each other in a circle: T1 → T3 → T2 → T1; take one of these out
      line 26 column 7, /tasks/3/depends_on: tasks depend on each other in a circle: T4 → T5 → T4; take one of these out

    ## overlapping owns: exit 2
    error: ~/request.json: /tasks/1/owns: "src/*.rs" overlaps "src/**" of task T1: give each path to one task, or let T2 depend on T1 (line 27 column 7)

    ## the same path without owns: exit 2
    error: ~/request.json: /tasks/1/owns: "README.md" overlaps "README.md" of task T1: give each path to one task, or let T2 depend on T1 (line 15 column 5)

    ## outside of owns: exit 2
    error: ~/request.json: /tasks/0/changes/0/path: "src/retry.rs" lies outside what task T1 owns: docs/**; add it to `owns`, or give it to the task that owns it (line 9 column 11)

    ## owns a folder: exit 2
    error: ~/request.json: /tasks/0/owns/0: "src/" names a folder; write "src/**" for everything in it (line 7 column 9)

    ## owns outside: exit 2
    error: ~/request.json: /tasks/0/owns/0: "../**" has a `..`, `.` or empty part; write it without (line 7 column 9)

    ## owns no glob: exit 2
    error: ~/request.json: /tasks/0/owns/0: "src/[a" is not a glob: unclosed character class; missing ']' (line 7 column 9)

    ## a check of two lines: exit 2
    error: ~/request.json: /tasks/0/checks/0: has several lines, or a NUL; write one line (line 6 column 9)
    "#);
}

// R5: everything that is wrong is said at once, in the file's order, and no part of it is filed.
#[test]
fn everything_at_once() {
    let mut table = Table::new();
    let broken = task_request("")
        .set("agent", "nobody")
        .task(
            task("T1", "x")
                .owns(&["src/**"])
                .depends_on(&["T9"])
                .modify("README.md", "old\n", "new\n"),
        )
        .task(task("T2", "x").depends_on(&["T3"]).create("a", "a\n"))
        .task(task("T3", "x").depends_on(&["T2"]).create("../b", "b\n"))
        .task(
            task("T4", "x")
                .owns(&["docs/*"])
                .replace("docs/guide.md", "other\n")
                .create("docs/new.md", "x\n"),
        )
        .task(task("T5", "x").owns(&["docs/guide.md"]))
        .task(
            task("T6", "x")
                .modify("src/retry.rs", "fn other()\n", "fn another()\n")
                .delete("none"),
        )
        .task(task("T6", "again"))
        // What builds on something wrong is not judged.
        .task(
            task("T8", "x")
                .depends_on(&["T6"])
                .modify("src/retry.rs", "fn another()\n", "x\n"),
        );
    let one_bad = json!([
        minimal().task(good()).json(),
        minimal().repo("/nowhere").json(),
        minimal().task(task("T1", "x").delete("none")).json(),
        minimal().base("v9").json(),
        minimal().task(good()).json(),
    ]);
    table
        .request("one request", &broken)
        .bytes("some of several", format!("{one_bad:#}"));
    insta::assert_snapshot!(table.end(), @r#"
    ## one request: exit 2
    error: ~/request.json: 12 things are wrong; nothing was filed
      line 2 column 3, /agent: no agent is called "nobody"; use scripted
      line 10 column 11, /tasks/0/changes/0/path: "README.md" lies outside what task T1 owns: src/**; add it to `owns`, or give it to the task that owns it
      line 14 column 9, /tasks/0/depends_on/0: there is no task "T9"; the others are T2, T3, T4, T5, T6, T8
      line 30 column 7, /tasks/1/depends_on: tasks depend on each other in a circle: T2 → T3 → T2; take one of these out
      line 41 column 11, /tasks/2/changes/0/path: the path "../b" has a `..`, `.` or empty part; write it without
      line 71 column 7, /tasks/4/owns: "docs/guide.md" overlaps "docs/*" of task T4: give each path to one task, or let T5 depend on T4
      line 76 column 5, /tasks/5/owns: "src/retry.rs" overlaps "src/**" of task T1: give each path to one task, or let T6 depend on T1
      line 80 column 11, /tasks/5/changes/0/patch: failed to apply hunk 1 at line 1: expected `fn other()`, found `fn delay(n: u32) -> u32 {`; make the patch against the file as it is now
      line 85 column 11, /tasks/5/changes/1/path: the base has no file none; check the path
      line 92 column 7, /tasks/6/id: "T6" is the id of task 5 already; give each task its own
      line 95 column 5, /tasks/7/owns: "src/retry.rs" overlaps "src/**" of task T1: give each path to one task, or let T8 depend on T1
      line 110 column 3, /title: is empty; say in one line what is wanted

    ## some of several: exit 2
    error: ~/request.json: 3 things are wrong; nothing was filed
      line 20 column 5, /1/repo: failed to open /nowhere: no such folder; check the path
      line 31 column 13, /2/tasks/0/changes/0/path: the base has no file none; check the path
      line 41 column 5, /3/base: "v9" is neither a branch nor a commit here; name a branch, or a commit of branch main
    "#);
}

// A report that nobody reads to its end says how long it would have been.
#[test]
fn too_many_errors_are_counted() {
    let mut table = Table::new();
    let many = (0..50).fold(minimal(), |request, at| {
        let empty = task(&format!("T{at}"), "x");
        request.task((0..10).fold(empty, |task, file| {
            task.create(&format!("../{at}/{file}"), "")
        }))
    });
    table.request("500 errors", &many);
    let said = table.end();
    assert_eq!(said.lines().count(), 203, "{said}");
    let head: Vec<_> = said.lines().take(3).collect();
    insta::assert_snapshot!(head.join("\n"), @r#"
    ## 500 errors: exit 2
    error: ~/request.json: 500 things are wrong, the first 200 are listed; nothing was filed
      line 9 column 11, /tasks/0/changes/0/path: the path "../0/0" has a `..`, `.` or empty part; write it without
    "#);
}

// R3: one task after the other may own the same paths.
#[test]
fn what_is_put_in_order_may_overlap() {
    let table = Table::new();
    let request = minimal()
        .task(good().owns(&["src/**"]))
        .task(
            task("T2", "again")
                .owns(&["src/**"])
                .depends_on(&["T1"])
                .modify("src/retry.rs", CLAMPED, RETRY),
        )
        // Names with brackets are names, and a file may be where a link was.
        .task(task("T3", "pages").create("app/[id]/page.tsx", "id\n"))
        .task(task("T4", "pages").create("app/[slug]/page.tsx", "slug\n"))
        .task(
            task("T5", "unlink")
                .delete("link")
                .create("link/real.md", "real\n"),
        );
    table.world.file(&request);
}

// R1: a sentence can be of any length; its first line becomes the title.
#[test]
fn a_long_sentence_is_a_request() {
    let table = Table::new();
    let sentence = "please clamp the delay ".repeat(20);
    let filed = table
        .world
        .run(&["request", &sentence, "--format", "json"])
        .code(0);
    let title = text(&items(&filed.json())[0]["title"]);
    assert!(
        title.starts_with("please clamp") && title.ends_with('…'),
        "{title}"
    );
    assert!(title.chars().count() <= 200);
}
