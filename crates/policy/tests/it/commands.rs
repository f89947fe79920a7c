//! What holds for all commands: bounds, shapes, and rules that may only narrow.

use std::collections::BTreeMap;

use hyperion_model::Decision;
use hyperion_policy::{
    CommandRule, RepoPolicy, RuleSource, RuleVerdict, Rules, Shape, judge_argv, judge_command,
};
use proptest::prelude::*;

use crate::corpus::{commands, place, rules};

/// Things that nest, or that a parser may take for the beginning of something.
const OPENINGS: &[&str] = &[
    "(",
    "$(",
    "`",
    "{ ",
    "((",
    "$((",
    "$[",
    "[[ ! ",
    "[[ ( ",
    "if true; then ",
    "while ",
    "! ",
    "time ",
    "\"$(",
    "${x:-",
    "${x:-$(",
    "case x in x) ",
    "cat > x <<a\n",
    "a|",
    "a&&",
    "a||",
    "a;",
    "a&",
    "<(",
    "f(){ ",
    "coproc ",
    "for x in y; do ",
    "\\\n",
    "'",
    "\"",
    "\\",
    "$'",
    "a=(",
    "a[",
    "select x in y; do ",
    "function f { ",
    "!",
    "~",
    "-",
    "+",
    "?",
    "1?",
    "a=b ",
    ">",
    "<<<",
    "eval ",
    "bash -c ",
    "env ",
    "sudo ",
    "nice ",
    "xargs ",
    "{a,",
    "{",
    "*",
    "@(",
    "\n",
    " ",
    "é",
    "a b ",
    "echo $((1+",
    "echo $((-",
    "echo $((!",
];

// X2: however deep or long a command is, it is judged, and never let pass for it.
#[test]
fn deep_and_long_commands_are_judged_and_not_allowed() {
    let (rules, place) = (rules(), place());
    for opening in OPENINGS {
        for times in [8, 16, 32, 33, 301, 3_000, 100_000] {
            let text = opening.repeat(times);
            let judged = judge_command(&text, &rules, &place);
            // Of these any number does nothing.
            let does_nothing = ["nice ", "time ", "! ", "\\\n"].contains(opening);
            let refused = !judged.is_allowed() && !judged.reasons.is_empty();
            assert!(refused || does_nothing, "{opening:?} × {times}");
            judge_command(&format!("ls {text}"), &rules, &place);
            judge_command(&format!("{text} ls"), &rules, &place);
            judge_command(&format!("echo $(({text}"), &rules, &place);
            judge_command(&format!("[[ {text} ]]"), &rules, &place);
            judge_command(&format!("bash -c '{text}'"), &rules, &place);
        }
    }
    let long = format!("ls {}", "a ".repeat(20_000));
    assert_eq!(
        judge_command(&long, &rules, &place).reasons[0].code,
        "shell.too_long"
    );
    let many = "ls;".repeat(5_001);
    assert!(!judge_command(&many, &rules, &place).is_allowed());
}

/// Words of which commands are thrown together.
const WORDS: &[&str] = &[
    "ls",
    "cat",
    "rm",
    "git",
    "push",
    "status",
    "commit",
    "-m",
    "-f",
    "-rf",
    "--force",
    "origin",
    "main",
    "feature",
    "src/a.rs",
    ".env",
    "/",
    "..",
    "~",
    "/etc/passwd",
    "/tmp/x",
    "hyperion.toml",
    ".git/config",
    "x",
    "cargo",
    "test",
    "sed",
    "-i",
    "-n",
    "p",
    "s/a/b/w x",
    "find",
    "-name",
    "-delete",
    "-exec",
    "{}",
    "+",
    "xargs",
    "env",
    "A=1",
    "LANG=C",
    "sudo",
    "bash",
    "-c",
    "'ls'",
    "'rm x'",
    "|",
    "&&",
    ";",
    ">",
    "2>&1",
    "/dev/null",
    "<",
    "$X",
    "$(ls)",
    "*.rs",
    "tee",
    "cp",
    "mkdir",
    "-p",
    "rg",
    "--pre",
    "curl",
    "https://example.com",
    "sort",
    "-o",
    "timeout",
    "5",
    "chmod",
    "777",
];

/// Judges a command and notes its shape: one shape has one verdict, and what is refused has none.
fn note(seen: &mut BTreeMap<String, (Decision, String)>, text: &str, rules: &Rules) {
    let judged = judge_command(text, rules, &place());
    assert!(!judged.is_denied() || judged.shape.is_none(), "{text:?}");
    if let Some(shape) = &judged.shape {
        let first = seen
            .entry(shape.as_str().to_owned())
            .or_insert_with(|| (judged.decision, text.to_owned()));
        assert_eq!(
            first.0, judged.decision,
            "{shape}: {:?} and {text:?}",
            first.1
        );
    }
}

// X2, S7: whoever grants a shape grants exactly what was judged like it; nothing that is refused.
#[test]
fn commands_of_one_shape_are_judged_alike() {
    let rules = rules();
    let mut seen = BTreeMap::new();
    for case in commands() {
        note(&mut seen, &case.text, &rules);
        // The same command about other things.
        for (from, to) in [
            ("a.txt", "b.txt"),
            ("a.txt", ".env"),
            ("src", "/etc"),
            ("feature", "main"),
            ("target", "/"),
            ("a.txt", "hyperion.toml"),
        ] {
            note(&mut seen, &case.text.replace(from, to), &rules);
        }
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 6_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let words = prop::collection::vec(prop::sample::select(WORDS), 1..7);
    let seen = std::cell::RefCell::new(seen);
    runner
        .run(&words, |words| {
            note(&mut seen.borrow_mut(), &words.join(" "), &rules);
            Ok(())
        })
        .unwrap();
    assert!(seen.into_inner().len() > 300);
}

#[test]
fn shapes_say_what_is_granted() {
    let (rules, place) = (rules(), place());
    let shape = |text: &str| {
        judge_command(text, &rules, &place)
            .shape
            .map(|shape| shape.to_string())
    };
    for (text, expected) in [
        ("git commit -m 'Fix it'", Some("git commit -m <text>")),
        ("mkdir -p src/new", Some("mkdir -p <path>")),
        ("rm -r -f target a", Some("rm -f -r <path>")),
        ("cargo test retry", Some("cargo test retry")),
        ("made-up --option x", Some("made-up --option x")),
        ("ls | tee out.txt", Some("ls | tee <path>")),
        (
            "bash -lc 'touch x && ls'",
            Some("bash -lc (touch <path> && ls)"),
        ),
        ("cp a.txt /tmp/x", Some("cp <path> /tmp/x")),
        ("python3 -c 'print(1)'", Some("python3 -c 'print(1)'")),
        ("rm -rf /", None),
        ("cat .env", None),
        ("rm $X", None),
        ("find . | xargs rm", None),
        ("git push --force origin feature", None),
        ("echo x > $OUT", None),
    ] {
        assert_eq!(shape(text).as_deref(), expected, "{text}");
    }
    let granted = judge_command("mkdir -p src/new", &rules, &place)
        .shape
        .unwrap();
    assert_eq!(granted, Shape::kept("mkdir -p <path>"));
}

// X2: a program and its arguments are judged without a shell in between.
#[test]
fn arguments_are_judged_as_they_are() {
    let (rules, place) = (rules(), place());
    let judged = |argv: &[&str]| {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        judge_argv(&argv, &rules, &place).verdict()
    };
    assert_eq!(judged(&["ls", "$(rm -rf /)", "*"]), "allow");
    assert_eq!(
        judged(&["git", "push", "--force", "origin", "main"]),
        "deny"
    );
    assert_eq!(judged(&["sh", "-c", "rm -rf /"]), "deny");
    assert_eq!(judged(&["cat", ".env"]), "deny");
    assert_eq!(judged(&["touch", "a"]), "ask");
    assert_eq!(judged(&[]), "ask");
}

fn rule(prefix: &[&str], verdict: RuleVerdict, examples: &[&str]) -> CommandRule {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    CommandRule {
        prefix: owned(prefix),
        verdict,
        reason: String::new(),
        examples: owned(examples),
    }
}

fn with(commands: Vec<CommandRule>) -> Result<Rules, String> {
    let source = RuleSource {
        commands,
        ..RuleSource::default()
    };
    Rules::compile(source).map_err(|error| error.to_string())
}

// X2: a rule of the settings lifts what its program asks, and nothing else.
#[test]
fn a_rule_lets_pass_what_it_shows_and_no_more() {
    let examples = [
        "allow cargo test",
        "allow cargo test retry -- --nocapture",
        "allow cargo test 2>&1 | tail -20",
        "allow bash -lc 'cargo test'",
        "ask cargo test > log",
        "ask cargo test $X",
        "ask cargo test; touch a",
        "ask RUSTC_WRAPPER=./x cargo test",
        "ask sudo cargo test",
        "ask cargo build",
        "deny cargo test; rm -rf /",
        "deny cargo test --manifest-path .env",
    ];
    with(vec![rule(
        &["cargo", "test"],
        RuleVerdict::Allow,
        &examples,
    )])
    .unwrap();
    // What is refused, or asked by hand, stays so.
    for (prefix, example) in [
        (&["rm"], "deny rm -rf /"),
        (&["git"], "ask git push -f origin x"),
        (&["cat"], "deny cat .env"),
    ] {
        with(vec![rule(prefix, RuleVerdict::Allow, &[example])]).unwrap();
    }
    with(vec![rule(
        &["ls"],
        RuleVerdict::Ask,
        &["ask ls -la", "ask pwd && ls"],
    )])
    .unwrap();
    with(vec![rule(
        &["npm", "publish"],
        RuleVerdict::Deny,
        &["deny npm publish", "ask npm test"],
    )])
    .unwrap();
}

#[test]
fn a_wrong_example_is_an_error_that_says_what_is_right() {
    let refused = |rule: CommandRule| with(vec![rule]).unwrap_err();
    insta::assert_snapshot!(refused(rule(&["cargo", "test"], RuleVerdict::Allow, &["allow cargo test", "allow cargo test > x"])), @"read `policy.commands`: rule 1 (`cargo test`) says `allow` of `cargo test > x`, but the verdict is `ask` (writes `x`); correct the example or the rule");
    insta::assert_snapshot!(refused(rule(&["ls"], RuleVerdict::Deny, &["no ls"])), @r#"read `policy.commands`: rule 1 (`ls`) has the example "no ls", which is no verdict and command: write `ask ls`"#);
    insta::assert_snapshot!(refused(rule(&["ls"], RuleVerdict::Deny, &[])), @"read `policy.commands`: rule 1 (`ls`) has no example that begins with it; add `deny ls`");
    insta::assert_snapshot!(refused(rule(&["/bin/ls"], RuleVerdict::Deny, &["deny ls"])), @"read `policy.commands`: rule 1 (`/bin/ls`) begins with a path or several words; give the program's plain name, then each word by itself");
    insta::assert_snapshot!(refused(rule(&[], RuleVerdict::Deny, &["deny ls"])), @r#"read `policy.commands`: rule 1 (``) needs a `prefix` of 1 to 16 plain words, for instance ["cargo", "test"]"#);
}

// X2: a repository may only narrow: no command is judged more mildly for what it says.
#[test]
fn a_repository_makes_no_command_milder() {
    let machine = with(vec![rule(
        &["cargo"],
        RuleVerdict::Allow,
        &["allow cargo test"],
    )])
    .unwrap();
    let loosening = RepoPolicy {
        commands: vec![rule(&["npm"], RuleVerdict::Allow, &["allow npm test"])],
        ..RepoPolicy::default()
    };
    insta::assert_snapshot!(machine.narrowed(&loosening).unwrap_err(), @"narrow policy by the repository's `policy.commands`: it would let `npm` run without asking; a repository may only narrow policy, so set it on the machine or remove it");

    let rank = |rules: &Rules, text: &str| match judge_command(text, rules, &place()).decision {
        Decision::Allow => 0,
        Decision::Ask(level) => 1 + level as u8,
        Decision::Deny => 9,
    };
    let prefixes: Vec<&[&str]> = vec![
        &["ls"],
        &["cargo"],
        &["cargo", "test"],
        &["git"],
        &["git", "status"],
        &["rm"],
        &["bash"],
        &["echo", "hi"],
    ];
    for prefix in prefixes {
        for verdict in [RuleVerdict::Ask, RuleVerdict::Deny] {
            let example = format!("{} {}", verdict.name(), prefix.join(" "));
            let mut narrowing = RepoPolicy {
                commands: vec![rule(prefix, verdict, &[example.as_str()])],
                ..RepoPolicy::default()
            };
            narrowing.paths.deny.push("src/b.rs".to_owned());
            let narrowed = match machine.narrowed(&narrowing) {
                Ok(narrowed) => narrowed,
                // Where the example is refused anyway, the rule is not wrong for it.
                Err(error) => panic!("{error}"),
            };
            for case in commands() {
                let (before, after) = (rank(&machine, &case.text), rank(&narrowed, &case.text));
                assert!(after >= before, "{:?}: {before} became {after}", case.text);
            }
        }
    }
}
