//! What is found in the text of a request (R7), and when a person is asked for more (R2).

use std::fmt::Write as _;

use hyperion_analyze::{Findings, request};
use proptest::prelude::*;

fn told(text: &str) -> String {
    let Findings {
        paths,
        symbols,
        keywords,
        errors,
        patterns,
        class_hint,
        vague,
    } = request(text);
    let mut out = String::new();
    for found in paths {
        let at = |number: Option<u32>| number.map_or(String::new(), |number| format!(":{number}"));
        writeln!(
            out,
            "path {}{}{}",
            found.path,
            at(found.line),
            at(found.column)
        )
        .unwrap();
    }
    for (name, list) in [
        ("symbols", symbols),
        ("keywords", keywords),
        ("errors", errors),
    ] {
        if !list.is_empty() {
            writeln!(out, "{name}: {}", list.join(", ")).unwrap();
        }
    }
    for pattern in patterns {
        writeln!(out, "search {}  # {}", pattern.pattern, pattern.why).unwrap();
    }
    if let Some(class) = class_hint {
        writeln!(out, "class {}", class.name()).unwrap();
    }
    for question in vague.into_iter().flatten() {
        writeln!(out, "? {question}").unwrap();
    }
    out
}

// R7: paths, symbols and searches come from the text alone.
#[test]
fn a_precise_bug_report() {
    insta::assert_snapshot!(told(
        "Clamp the retry delay. `RetryPolicy::next_delay()` in src/retry.rs:42:7 doubles without bound; \
         cap it at MAX_DELAY (see docs/retry.md). Ticket: https://tracker.example.org/browse/src/x.rs"
    ), @"
    path src/retry.rs:42:7
    path docs/retry.md
    symbols: RetryPolicy::next_delay, MAX_DELAY
    keywords: clamp, retry, delay, doubles, bound, cap, ticket
    search (fn|def|func|function) +next_delay  # where `RetryPolicy::next_delay` is defined
    search RetryPolicy::next_delay  # where `RetryPolicy::next_delay` is used
    search MAX_DELAY  # where `MAX_DELAY` is used
    search retry  # what else mentions src/retry.rs
    class bugfix
    ");
}

#[test]
fn a_compiler_error() {
    insta::assert_snapshot!(told(
        "The build fails since yesterday:\n```\nerror[E0382]: borrow of moved value: `config`\n  --> crates/engine/src/queue.rs:118:21\n```\nFix it please."
    ), @"
    path crates/engine/src/queue.rs:118:21
    symbols: config
    keywords: build, fails, yesterday, fix
    errors: E0382
    search (fn|def|func|function) +config  # where `config` is defined
    search config  # where `config` is used
    search E0382  # where `E0382` is raised or handled
    search queue  # what else mentions crates/engine/src/queue.rs
    class bugfix
    ");
}

#[test]
fn a_python_trace() {
    insta::assert_snapshot!(told(
        "Import crashes with KeyError.\nTraceback (most recent call last):\n  File \"app/importer.py\", line 88, in load_rows\nKeyError: 'id'\nIt says \"could not read row 7\" before it exits with code 1."
    ), @"
    path app/importer.py:88
    symbols: load_rows
    keywords: import, crashes, traceback, recent, call, says, read, row, exits, code
    errors: KeyError, exit code 1
    search (fn|def|func|function) +load_rows  # where `load_rows` is defined
    search load_rows  # where `load_rows` is used
    search could not read row 7  # a text that the request quotes
    search KeyError  # where `KeyError` is raised or handled
    search importer  # what else mentions app/importer.py
    class bugfix
    ");
}

// R7: stack traces of all five languages lead to files and lines; what is the language's own is left out.
#[test]
fn a_trace_of_each_language() {
    let trace = |name: &str| {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs/recorded");
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        told(&format!("It fails since Monday:\n```\n{text}\n```"))
    };
    insta::assert_snapshot!(trace("rust-panic.txt"), @"
    path src/main.rs:2:5
    path src/main.rs:6:20
    symbols: shop::pick, shop::main
    keywords: fails, monday
    search (fn|def|func|function) +pick  # where `shop::pick` is defined
    search shop::pick  # where `shop::pick` is used
    search (fn|def|func|function) +main  # where `shop::main` is defined
    search shop::main  # where `shop::main` is used
    search main  # what else mentions src/main.rs
    class bugfix
    ");
    insta::assert_snapshot!(trace("python-type.txt"), @"
    path shop/cart.py:5
    path run.py:5
    path run.py:8
    symbols: main, total, sum
    keywords: fails, monday
    errors: TypeError
    search (fn|def|func|function) +main  # where `main` is defined
    search main  # where `main` is used
    search (fn|def|func|function) +total  # where `total` is defined
    search total  # where `total` is used
    search (fn|def|func|function) +sum  # where `sum` is defined
    search sum  # where `sum` is used
    search TypeError  # where `TypeError` is raised or handled
    search cart  # what else mentions shop/cart.py
    class bugfix
    ");
    insta::assert_snapshot!(trace("node-type-error.txt"), @r#"
    path run.js:2:22
    path run.js:5:16
    path run.js:7:13
    symbols: item.amount.toFixed, toFixed, Array.map, Function.executeUserEntryPoint, runMain, Node.js
    keywords: fails, monday
    errors: TypeError
    search (fn|def|func|function) +toFixed  # where `item.amount.toFixed` is defined
    search item\.amount\.toFixed  # where `item.amount.toFixed` is used
    search toFixed  # where `toFixed` is used
    search (fn|def|func|function) +map  # where `Array.map` is defined
    search Array\.map  # where `Array.map` is used
    search (fn|def|func|function) +executeUserEntryPoint  # where `Function.executeUserEntryPoint` is defined
    search Function\.executeUserEntryPoint  # where `Function.executeUserEntryPoint` is used
    search (fn|def|func|function) +runMain  # where `runMain` is defined
    search runMain  # where `runMain` is used
    search (fn|def|func|function) +js  # where `Node.js` is defined
    search Node\.js  # where `Node.js` is used
    search TypeError  # where `TypeError` is raised or handled
    class bugfix
    "#);
    insta::assert_snapshot!(trace("go-panic.txt"), @r#"
    path main.go:8
    path main.go:12
    symbols: main.price, main.main
    keywords: fails, monday
    errors: SIGSEGV, exit status 2
    search (fn|def|func|function) +price  # where `main.price` is defined
    search main\.price  # where `main.price` is used
    search (fn|def|func|function) +main  # where `main.main` is defined
    search main\.main  # where `main.main` is used
    search SIGSEGV  # where `SIGSEGV` is raised or handled
    search main  # what else mentions main.go
    class bugfix
    "#);
    insta::assert_snapshot!(trace("java-load.txt"), @r#"
    path prices.csv
    path Shop.java:6
    path Shop.java:8
    path Shop.java:18
    symbols: Shop.load, Shop.main
    keywords: fails, monday
    errors: IllegalStateException, NoSuchFileException
    search (fn|def|func|function) +load  # where `Shop.load` is defined
    search Shop\.load  # where `Shop.load` is used
    search (fn|def|func|function) +main  # where `Shop.main` is defined
    search Shop\.main  # where `Shop.main` is used
    search IllegalStateException  # where `IllegalStateException` is raised or handled
    search NoSuchFileException  # where `NoSuchFileException` is raised or handled
    search prices  # what else mentions prices.csv
    search Shop  # what else mentions Shop.java
    class bugfix
    "#);
}

#[test]
fn a_typescript_error() {
    insta::assert_snapshot!(told(
        "web/src/pages/Queue.tsx(31,5): error TS2345: Argument of type 'string' is not assignable. useQueue should return null on HTTP 404."
    ), @"
    path web/src/pages/Queue.tsx:31:5
    symbols: useQueue
    keywords: error, argument, type, string, assignable, return, null, http
    errors: TS2345, HTTP 404
    search (fn|def|func|function) +useQueue  # where `useQueue` is defined
    search useQueue  # where `useQueue` is used
    search TS2345  # where `TS2345` is raised or handled
    search Queue  # what else mentions web/src/pages/Queue.tsx
    ");
}

#[test]
fn a_feature() {
    insta::assert_snapshot!(told(
        "Add a dark mode to the settings page; remember the choice per user. It needs a toggle in web/src/settings/ and a column in migrations/."
    ), @"
    path web/src/settings
    path migrations
    keywords: add, dark, mode, settings, page, remember, choice, user, toggle, column
    search settings  # what else mentions web/src/settings
    search migrations  # what else mentions migrations
    search dark  # the request speaks of `dark`
    search mode  # the request speaks of `mode`
    search remember  # the request speaks of `remember`
    class feature
    ");
}

#[test]
fn a_question() {
    insta::assert_snapshot!(told("Why does config.load return the old value after os.environ changes?"), @r"
    symbols: config.load, os.environ
    keywords: return, value, changes
    search (fn|def|func|function) +load  # where `config.load` is defined
    search config\.load  # where `config.load` is used
    search (fn|def|func|function) +environ  # where `os.environ` is defined
    search os\.environ  # where `os.environ` is used
    class debug
    ");
}

#[test]
fn docs_and_refactorings_are_told_apart() {
    let class = |text: &str| {
        request(text)
            .class_hint
            .map_or("none", hyperion_model::facts::Class::name)
    };
    for (text, expected) in [
        ("Fix typo in README.md", "docs"),
        ("Document the retry settings", "docs"),
        (
            "Fix the crash in the docs generator when a page is empty",
            "bugfix",
        ),
        ("Rename Foo to Bar everywhere", "refactor"),
        ("Extract the parser into its own crate", "refactor"),
        ("Please add pagination to the list", "feature"),
        ("Implement export to CSV", "feature"),
        ("Diagnose high memory on the web server", "diagnose"),
        ("Why is the disk full?", "diagnose"),
        ("Explain the scheduler", "debug"),
        ("The weather is nice", "none"),
        ("", "none"),
    ] {
        assert_eq!(class(text), expected, "{text}");
    }
}

#[test]
fn what_looks_like_a_path_and_is_none() {
    for text in [
        "read/write and/or either/or 1/2 24/7 n/a TCP/IP",
        "https://example.org/src/main.rs http://a.b/c.py www.example.com/x.js",
        "C:\\Users\\me\\src\\main.rs",
        "/etc/passwd ~/notes.txt ../outside.rs a/../../b.rs .git/config",
        "Node.js Next.js asp.net version 1.2.3 e.g. i.e. me@example.org",
        "github.com/owner/repo/main.rs",
        "It works.But not always.",
    ] {
        assert_eq!(request(text).paths, [], "{text}");
    }
    let found = |text: &str| {
        let paths = request(text).paths;
        paths
            .iter()
            .map(|found| found.path.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        found("see (src/a.rs), \"lib/b.py\"; `c.go`: ./d.ts, Makefile and Cargo.lock."),
        "src/a.rs lib/b.py c.go d.ts Makefile Cargo.lock"
    );
    assert_eq!(
        found("[src/[id]/page.tsx] .github/workflows/ci.yml src/api/ Größe/größe.rs"),
        "src/[id]/page.tsx .github/workflows/ci.yml src/api Größe/größe.rs"
    );
    let lines = |text: &str| request(text).paths.first().and_then(|found| found.line);
    assert_eq!(lines("line 12 of src/a.rs"), Some(12));
    assert_eq!(lines("src/a.rs at line 12"), Some(12));
    assert_eq!(lines("src/a.rs#L12-L20"), Some(12));
    assert_eq!(lines("src/a.rs:12-20"), Some(12));
    assert_eq!(lines("src/a.rs:0"), None);
    assert_eq!(lines("src/a.rs:99999999999"), None);
}

#[test]
fn symbols_are_told_from_words() {
    let symbols = |text: &str| request(text).symbols.join(" ");
    assert_eq!(
        symbols(
            "call parse_config() and Tree::walk, `walk`, useEffect, HTTPServer, fs.readFile, MAX_LEN"
        ),
        "parse_config Tree::walk walk useEffect HTTPServer fs.readFile MAX_LEN"
    );
    assert_eq!(
        symbols(
            "GitHub, JavaScript, file(s), PRs, IDs, U.S., e.g. this/that, done.Then more. --flag"
        ),
        ""
    );
    assert_eq!(
        symbols("std::collections::HashMap<String, u32> println!(\"x\") obj.method()"),
        "std::collections::HashMap println obj.method"
    );
}

// R2: a request that is too vague stops with questions a person can answer.
#[test]
fn vague_requests_ask() {
    let questions = |text: &str| request(text).vague.unwrap_or_default().join("\n");
    insta::assert_snapshot!(questions(""), @"
    What should be done? One sentence is enough.
    Where is it: which file, command or page?
    How can one tell that it is done?
    ");
    insta::assert_snapshot!(questions("fix it"), @"
    What goes wrong, and what should happen instead?
    Is there an error message, or a way to see it happen?
    Where is it: which file, command or page?
    How can one tell that it is done?
    ");
    insta::assert_snapshot!(questions("Fix login"), @"
    What goes wrong with `login`, and what should happen instead?
    Is there an error message, or a way to see it happen?
    Where is it: which file, command or page?
    How can one tell that it is done?
    ");
    insta::assert_snapshot!(questions("Please make the app faster!"), @"
    What is too slow, and how fast should it be?
    Where is it: which file, command or page?
    How can one tell that it is done?
    ");
    insta::assert_snapshot!(questions("improve src/retry.rs"), @"
    What exactly should change in src/retry.rs?
    How can one tell that it is done?
    ");
    for text in [
        "Clamp the retry delay",
        "Add dark mode",
        "fix src/retry.rs:42",
        "improve the backoff in src/retry.rs",
        "ENOENT on start",
        "refactor parse_config()",
        "Die Wartezeit beim Wiederholen begrenzen",
    ] {
        assert_eq!(request(text).vague, None, "{text}");
    }
}

#[test]
fn a_flood_is_bounded() {
    let flood: String = (0..40_000)
        .map(|at| format!("src/file_{at}.rs:{at} name_{at}() E{at:04} \"quote {at}\" "))
        .collect();
    let found = request(&flood);
    assert!(found.paths.len() <= 50 && found.symbols.len() <= 50 && found.patterns.len() <= 30);
    assert!(found.keywords.len() <= 20 && found.errors.len() <= 20);
    let odd = "`".repeat(100_000) + &"(".repeat(100_000) + &"\"a b".repeat(20_000);
    assert_eq!(request(&odd), request(&odd));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_the_same_twice(text in any::<String>(), tail in "[ -~\\n`\"()./:#]{0,200}") {
        let text = format!("{text}{tail}");
        prop_assert_eq!(request(&text), request(&text));
        hyperion_analyze::brief(&text, &tail, &[]);
    }
}
