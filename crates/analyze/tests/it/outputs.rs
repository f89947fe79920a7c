//! What is found in what real tools wrote (I2): `tests/outputs`, made by `tests/outputs/make`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hyperion_analyze::{Analysis, ErrorKind, Output, Tree, output};

/// A recorded output.
struct Recorded {
    tool: String,
    exit_code: Option<i32>,
    command: String,
    bytes: Vec<u8>,
    /// The folder it ran in.
    folder: String,
    /// The files it ran on, where they are known.
    tree: Option<Tree>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs")
}

fn table(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// Every recorded output that has a text, by name.
fn recorded() -> BTreeMap<String, Recorded> {
    // For some it is known which files there were; what came from use ran in a folder of its own.
    let trees: BTreeMap<String, (String, String)> = table("trees.tsv")
        .into_iter()
        .map(|row| {
            let [name, folder, paths] = row.try_into().unwrap();
            (name, (folder, paths))
        })
        .collect();
    table("recorded.tsv")
        .into_iter()
        .filter_map(|row| {
            let [name, tool, code, command] = row.try_into().unwrap();
            let bytes = fs::read(folder().join(format!("recorded/{name}.txt"))).ok()?;
            let exit_code = code.parse().ok();
            let known = trees.get(&name);
            let folder = known.map_or("/project", |(folder, _)| folder.as_str());
            let tree = known.map(|(_, paths)| Tree::of(paths.split(' ').map(str::to_owned)));
            Some((
                name,
                Recorded {
                    tool,
                    exit_code,
                    command,
                    bytes,
                    folder: folder.to_owned(),
                    tree,
                },
            ))
        })
        .collect()
}

/// What should be found in each, by name: `kind@place …`, or `?what` where a person is waited for.
fn expected() -> BTreeMap<String, String> {
    table("expected.tsv")
        .into_iter()
        .map(|row| {
            let [name, found] = row.try_into().unwrap();
            (name, found)
        })
        .collect()
}

fn analysis(recorded: &Recorded) -> Analysis {
    output(&Output {
        bytes: &recorded.bytes,
        exit_code: recorded.exit_code,
        command: Some(&recorded.command),
        folder: Some(&recorded.folder),
        tree: recorded.tree.as_ref(),
    })
}

fn told(analysis: &Analysis) -> String {
    if let Some(waiting) = &analysis.waiting {
        let what = serde_json::to_value(waiting.for_what).unwrap();
        return format!("?{}", what.as_str().unwrap());
    }
    let errors = analysis.errors.iter().map(|error| match &error.place {
        Some(place) => format!("{}@{place}", error.kind),
        None => error.kind.to_string(),
    });
    errors.collect::<Vec<_>>().join(" ")
}

// I2: every error of every tool, the first cause first, with its kind and its place.
#[test]
fn every_real_output_is_understood() {
    let (recorded, expected) = (recorded(), expected());
    let names: Vec<_> = recorded.keys().collect();
    assert_eq!(
        names,
        expected.keys().collect::<Vec<_>>(),
        "a row for each recorded output"
    );
    let mut wrong = String::new();
    for (name, output) in &recorded {
        let analysis = analysis(output);
        let told = told(&analysis);
        if told != expected[name] {
            writeln!(
                wrong,
                "{name}:\n  should be {}\n  but is    {told}",
                expected[name]
            )
            .unwrap();
            for error in &analysis.errors {
                writeln!(
                    wrong,
                    "    {}: {:?} {}",
                    error.at_line, error.tool, error.message
                )
                .unwrap();
            }
        }
        for error in &analysis.errors {
            assert!(!error.message.is_empty(), "{name}");
        }
    }
    assert_eq!(wrong, "");
}

fn told_of(text: &str, tree: &[&str]) -> String {
    let tree = Tree::of(tree.iter().map(|path| (*path).to_owned()));
    told(&output(&Output {
        bytes: text.as_bytes(),
        exit_code: Some(1),
        folder: Some("/project"),
        tree: Some(&tree),
        ..Output::default()
    }))
}

// I2: what a passing test writes reads like an error, and is never taken for the cause.
#[test]
fn the_cause_is_never_a_passing_test() {
    let failed = "FAIL src/b.test.js\n  ● adds\n\n    expect(received).toBe(expected)\n\n      at Object.<anonymous> (src/b.test.js:7:17)\n";
    let thrown = "Error: boom\n      at f (src/net.js:3:4)\n";
    let jest = "assertion@src/b.test.js:7:17";
    let libtest = "test tests::bad ... FAILED\n\nfailures:\n\n---- tests::bad stdout ----\nthread 'tests::bad' panicked at src/lib.rs:9:5:\nassertion failed: a\n";
    let noise = "thread 'tests::good' panicked at src/lib.rs:3:5:\nconnection refused\n";
    let rust = "assertion@src/lib.rs:9:5";
    let go = "=== RUN   TestBad\n    a_test.go:9: got 3, want 4\n--- FAIL: TestBad (0.00s)\nFAIL\nFAIL\tx/a\t0.01s\n";
    let pytest = "____ test_bad ____\n\n    def test_bad():\n>       assert 1 == 2\nE       assert 1 == 2\n\ntests/test_a.py:3: AssertionError\n";
    for (text, found) in [
        (
            format!("  console.error\n    {thrown}\nPASS src/net.test.js\n{failed}"),
            jest,
        ),
        (
            format!(
                "FAIL src/b.test.js\n  ● Console\n\n    console.error\n      {thrown}\n{}",
                &failed[19..]
            ),
            jest,
        ),
        (
            format!("stderr | src/net.test.js > logs\n{thrown}\n{failed}"),
            jest,
        ),
        (
            format!(
                "✓ says 'fatal: Permission denied'\nok 1 - ERROR: connection refused\n{failed}"
            ),
            jest,
        ),
        (
            format!("{noise}test tests::good - should panic ... ok\n{libtest}"),
            rust,
        ),
        (
            format!(
                "successes:\n\n---- tests::good stdout ----\n{noise}\n\nsuccesses:\n    tests::good\n\n{libtest}"
            ),
            rust,
        ),
        (
            format!(
                "=== RUN   TestGood\n    a_test.go:3: connection refused\n--- PASS: TestGood (0.00s)\n{go}"
            ),
            "assertion@a_test.go:9",
        ),
        (
            format!(
                "==== FAILURES ====\n{pytest}==== PASSES ====\n____ test_good ____\nERROR: connection refused\n==== 1 failed ====\n"
            ),
            "assertion@tests/test_a.py:3",
        ),
    ] {
        assert_eq!(told_of(&text, &[]), found, "{text}");
    }
}

// I2: what runs others in folders and packages says where, each in its own way.
#[test]
fn places_are_below_the_folder_that_printed_them() {
    let tree = [
        "web/src/a.ts",
        "api/src/a.ts",
        "packages/ui/src/a.ts",
        "src/net/sock.c",
        "lib/sock.c",
        "app/Program.cs",
        "old/Program.cs",
        "svc/one/a_test.go",
        "svc/two/a_test.go",
    ];
    let ts = "src/a.ts(3,5): error TS2304: Cannot find name 'x'.";
    let c = "sock.c:14:5: error: 'fd' undeclared";
    for (text, found) in [
        (format!("web:build: cache miss, executing 1f\napi:build: cache hit\nweb:build: {ts}\napi:build: {ts}\n"), "compile@web/src/a.ts:3:5 compile@api/src/a.ts:3:5"),
        (format!("packages/ui build$ tsc\npackages/ui build: {ts}\n"), "compile@packages/ui/src/a.ts:3:5"),
        (format!("@acme/ui: {ts}\nlerna ERR! npm run build exited 1 in '@acme/ui'\n"), "compile@packages/ui/src/a.ts:3:5"),
        (format!("[api]: {ts}\n[api]: Process exited (exit code 2)\n"), "compile@api/src/a.ts:3:5"),
        (format!("\n> web@1.0.0 build\n> tsc\n\n\n> @acme/ui@1.0.0 build\n> tsc\n\n{ts}\n"), "compile@packages/ui/src/a.ts:3:5"),
        (format!("> nx run api:build\n\n{ts}\n"), "compile@api/src/a.ts:3:5"),
        (format!("{ts}\n"), "compile@src/a.ts:3:5"),
        (format!("make[1]: Entering directory '/project/lib'\nmake[1]: Leaving directory '/project/lib'\nmake[1]: Entering directory '/project/src/net'\n{c}\n"), "compile@src/net/sock.c:14:5"),
        (format!("ninja: Entering directory `build'\n../lib/{c}\n"), "compile@lib/sock.c:14:5"),
        ("Program.cs(7): error CS1002: ; expected [/project/app/app.csproj]\n".to_owned(), "syntax@app/Program.cs:7"),
        (
            "--- FAIL: TestA (0.00s)\n    a_test.go:3: got 1, want 2\nFAIL\nFAIL\tx/svc/two\t0.1s\n--- FAIL: TestA (0.00s)\n    a_test.go:3: got 1, want 2\nFAIL\nFAIL\tx/svc/one\t0.1s\n".to_owned(),
            "assertion@svc/two/a_test.go:3 assertion@svc/one/a_test.go:3",
        ),
    ] {
        assert_eq!(told_of(&text, &tree), found, "{text}");
    }
}

// I2: of exceptions in a group each is told, at its own place or where the group was raised.
#[test]
fn a_group_of_exceptions_is_what_is_in_it() {
    let text = "  + Exception Group Traceback (most recent call last):\n  |   File \"/project/a.py\", line 5, in main\n  |     raise ExceptionGroup('g', errors)\n  | ExceptionGroup: g (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ExceptionGroup: inner (1 sub-exception)\n    +-+---------------- 1 ----------------\n      | Traceback (most recent call last):\n      |   File \"/project/b.py\", line 2, in f\n      |     open('x')\n      | FileNotFoundError: no x\n      +------------------------------------\n    +---------------- 2 ----------------\n    | TypeError: 2\n    +------------------------------------\n";
    assert_eq!(
        told_of(text, &["a.py", "b.py"]),
        "not_found@b.py:2 type@a.py:5"
    );
}

// I2: bytes cut anywhere are still an output, and colours change nothing.
#[test]
fn a_part_of_an_output_is_an_output() {
    for recorded in recorded().values() {
        for cut in (0..recorded.bytes.len()).step_by(97) {
            let part = Recorded {
                bytes: recorded.bytes[cut..].to_vec(),
                tool: String::new(),
                command: recorded.command.clone(),
                exit_code: recorded.exit_code,
                folder: recorded.folder.clone(),
                tree: recorded.tree.clone(),
            };
            let analysis = analysis(&part);
            assert!(analysis.errors.iter().all(|error| error.at_line >= 1));
        }
    }
    let (recorded, same) = (
        recorded(),
        |one: &str, other: &str, all: &BTreeMap<String, Recorded>| {
            assert_eq!(told(&analysis(&all[one])), told(&analysis(&all[other])));
        },
    );
    for tool in ["jest", "vitest", "pytest"] {
        same(
            &format!("{tool}-failing"),
            &format!("{tool}-colour"),
            &recorded,
        );
    }
}

// Bounded: whatever is written again and again, reading it takes no longer than its length allows.
#[test]
fn a_flood_of_anything_is_read() {
    let recorded = recorded();
    let real = [
        "cargo-test",
        "pytest-failing",
        "jest-failing",
        "java-load",
        "npm-eresolve",
        "go-test",
        "eslint-rules",
        "node-test",
    ];
    let real = real.map(|name| String::from_utf8_lossy(&recorded[name].bytes).into_owned());
    let hostile = [
        "Traceback (most recent call last):\n",
        "  File \"a\", line 1\n",
        "  File \"a\", line 1, in b\n",
        "panic: x\n",
        "  1:1  error  x\n",
        "---- a stdout ----\n",
        "error: a `b`\nCaused by:\n",
        "E   x\n",
        "____ a ____\n",
        "FAIL a.js\n  ● a\n",
        "not ok 1 - a\n",
        "npm error a\n",
        "Error: a\n",
        "a.b.CException: x\n",
        "thread 'a' panicked at a.rs:1:1:\n",
        "a: b: c: d: no such thing, timed out\n",
        "\u{1b}[",
        "\u{8}é\r",
    ];
    for part in real.iter().map(String::as_str).chain(hostile) {
        let bytes = part.repeat(100_000 / part.len());
        let analysis = output(&Output {
            bytes: bytes.as_bytes(),
            ..Output::default()
        });
        assert!(analysis.errors.len() <= 100, "{part}");
    }
}

// I2: a suggestion where there is one to make; what changes a machine needs a person's agreement.
#[test]
fn advice_is_given_and_sudo_needs_approval() {
    let recorded = recorded();
    let mut out = String::new();
    for name in [
        "bash-not-executable",
        "bash-no-command",
        "git-no-command",
        "python-import",
        "node-no-module",
        "cargo-unresolved",
        "node-port",
        "python-port",
        "cp-full",
        "git-merge",
        "git-rejected",
        "git-index-lock",
        "clippy-deny",
        "rustc-type",
        "cargo-test",
        "ssh-denied",
        "timeout-124",
    ] {
        let analysis = analysis(&recorded[name]);
        let advice = analysis.errors[0].advice.clone();
        let (what, command) = match &advice {
            Some(advice) => (
                advice.what.as_str(),
                advice.command.as_deref().unwrap_or("-"),
            ),
            None => ("-", "-"),
        };
        let asks = advice.as_ref().is_some_and(|advice| advice.needs_approval);
        writeln!(
            out,
            "{name}: {what} | {command}{}",
            if asks { " | ask" } else { "" }
        )
        .unwrap();
    }
    let run = |command| {
        let told = "cp: cannot create regular file '/etc/a': Permission denied\n";
        let output = output(&Output {
            bytes: told.as_bytes(),
            exit_code: Some(1),
            command: Some(command),
            ..Output::default()
        });
        output.errors[0].advice.clone().unwrap()
    };
    let sudo = run("cp a /etc/a");
    assert_eq!(
        (sudo.command.as_deref(), sudo.needs_approval),
        (Some("sudo cp a /etc/a"), true)
    );
    // A file's name never becomes a command of its own.
    for name in ["./a;reboot", "./$(reboot)", "./a b", "./`reboot`"] {
        let told = format!("bash: line 1: {name}: Permission denied\n");
        let output = output(&Output {
            bytes: told.as_bytes(),
            ..Output::default()
        });
        let advice = output.errors[0].advice.clone().unwrap();
        assert_eq!(advice.command, None, "{name}");
    }
    // What it would do as another user cannot be told of more than one command.
    assert_eq!(run("cp a /etc/a; rm -rf b").command, None);
    insta::assert_snapshot!(out, @"
    bash-not-executable: make it executable | chmod +x ./run.sh | ask
    bash-no-command: install `deploy_tool`, or correct its name or PATH | -
    git-no-command: correct the name of git's command | -
    python-import: install what is missing, if it is what it seems to be | pip install requests_of_nobody | ask
    node-no-module: install what is missing, if it is what it seems to be | npm install not-installed | ask
    cargo-unresolved: if you wanted to use a crate named `serde`, use `cargo add serde` to add it to your `Cargo.toml` | -
    node-port: find out who listens there, or take another port | ss -ltnp 'sport = :34489'
    python-port: find out who listens there, or take another port | ss -ltnp 'sport = :43125'
    cp-full: make room; see which file system is full | df -h
    git-merge: resolve what stands between the conflict's marks, then go on | git add -- 'a.txt'
    git-rejected: take in what was pushed meanwhile, then push again | git pull --rebase
    git-index-lock: wait until the other git has ended; only if there is none, remove the lock | -
    clippy-deny: if this is intentional, prefix it with an underscore: `_unused` | -
    rustc-type: correct main.rs:6:25 | -
    cargo-test: look at src/lib.rs:28:47 | -
    ssh-denied: sign in: a person has to set the credentials up | -
    timeout-124: find out what it waited for; only then allow it more time | -
    ");
}

/// The page of documentation that lists all of it.
fn page() -> String {
    let mut page = String::from(
        "# Reading what commands write\n\n\
         This file is written by a test of `crates/analyze`, from what the real tools wrote; do not edit it. `crates/analyze/tests/outputs/make`\n\
         records the outputs, `expected.tsv` beside it says what should be found, and the test compares. To write this file anew:\n\
         `WRITE_DOCS=1 cargo nextest run -p hyperion-analyze the_table_is_fresh`.\n\n\
         *Located* is the place of the first cause: file, line and column as far as the tool says them; — where the tool names none, such as\n\
         a command that is not there. *More* counts what else is found in the same output. A question is what a person would have to type.\n\n",
    );
    let recorded = recorded();
    let (mut kinds, mut rows, mut located) = (BTreeMap::<&str, usize>::new(), String::new(), 0);
    for (name, output) in &recorded {
        let analysis = analysis(output);
        let (kind, place) = match (&analysis.waiting, analysis.errors.first()) {
            (Some(waiting), _) => ("waits for a person", format!("asks: `{}`", waiting.prompt)),
            (None, Some(error)) => (
                error.kind.name(),
                error
                    .place
                    .as_ref()
                    .map_or("—".to_owned(), |place| format!("`{place}`")),
            ),
            (None, None) => ("nothing", "—".to_owned()),
        };
        *kinds.entry(kind).or_default() += 1;
        located += usize::from(place.starts_with('`'));
        let more = analysis.errors.len().saturating_sub(1);
        let more = if more == 0 || analysis.waiting.is_some() {
            String::new()
        } else {
            more.to_string()
        };
        writeln!(
            rows,
            "| {} | {name} | {kind} | {place} | {more} |",
            output.tool
        )
        .unwrap();
    }
    writeln!(page, "{} outputs, {located} located.\n", recorded.len()).unwrap();
    page.push_str("| kind | outputs |\n| --- | --- |\n");
    for kind in ErrorKind::ALL
        .map(ErrorKind::name)
        .into_iter()
        .chain(["waits for a person"])
    {
        writeln!(page, "| {kind} | {} |", kinds.get(kind).unwrap_or(&0)).unwrap();
    }
    page.push_str("\n| tool | output | kind | located | more |\n| --- | --- | --- | --- | --- |\n");
    page + &rows
}

// I2: the table of what is understood is made from what is understood.
#[test]
fn the_table_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/output-analysis.md");
    let page = page();
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/output-analysis.md is not what the outputs say: WRITE_DOCS=1 cargo nextest run -p hyperion-analyze the_table_is_fresh"
    );
    assert!(recorded().len() >= 60, "the table has at least 60 rows");
}
