//! What policy says of a change, rule by rule (S4, X1, X3, X5).

use hyperion_model::facts::{ChangeFacts, Class, ItemFacts};
use hyperion_model::{Decision, Level};
use hyperion_policy::{Redactor, RiskKind, assess, review};

use crate::change::{
    auto_rules, bugfix, create, delete, edit, judge, moded, outcome, rename, shipped_rules, told,
};

fn of_class(class: Class, items: Vec<ItemFacts>) -> ChangeFacts {
    ChangeFacts {
        class,
        ..bugfix(items)
    }
}

fn small() -> ItemFacts {
    edit(
        "src/retry.rs",
        &[
            "-    let delay = base << attempt;",
            "+    let delay = (base << attempt).min(MAX);",
        ],
    )
}

fn whitespace(path: &str, lines: &[&str]) -> ItemFacts {
    ItemFacts {
        only_whitespace: true,
        ..edit(path, lines)
    }
}

#[test]
fn a_small_fix_passes_where_switched_on() {
    insta::assert_snapshot!(told(&judge(&bugfix([small()]))), @r#"
    Allow, level auto, severity low, 2 lines
    - is small (2 lines, under 20): policy lets it pass
    "#);
}

#[test]
fn auto_approval_is_off_by_default() {
    let assessment = assess(&bugfix([small()]), &shipped_rules(), &Redactor::default());
    insta::assert_snapshot!(told(&assessment), @r#"
    Ask(TeamLead), level team-lead, severity low, 2 lines
    - auto-approval is switched off (`policy.auto_approve.enabled`): asks a team lead
    "#);
}

#[test]
fn a_feature_asks_a_team_lead() {
    let facts = of_class(
        Class::Feature,
        vec![small(), create("src/cap.rs", &["pub fn cap() {}"])],
    );
    insta::assert_snapshot!(told(&judge(&facts)), @r#"
    Ask(TeamLead), level team-lead, severity low, 3 lines
    risk api (low): adds to what others may call: `fn cap` [src/cap.rs]
    - is a feature: asks a team lead
    - adds to what others may call: `fn cap` (src/cap.rs): asks a team lead
    "#);
}

#[test]
fn what_guards_the_repository_asks_an_admin() {
    let facts = bugfix([edit("hyperion.toml", &["-cmd = \"cargo test\""]), small()]);
    insta::assert_snapshot!(told(&judge(&facts)), @r#"
    Ask(Admin), level admin, severity high, 3 lines
    risk protected_path (high): changes what guards the repository [hyperion.toml]
    - changes what guards the repository (hyperion.toml): asks an admin
    "#);
}

#[test]
fn everything_wrong_is_named_at_once() {
    let token = format!("{}_{}", "ghp", "aZ3kQ9wR7tY1uI5oP2sD8fG4hJ6lX0cV1bN3");
    let facts = ChangeFacts {
        owns: vec!["src/**".to_owned(), "config/**".to_owned()],
        ..bugfix([
            edit("src/deep/.ENV", &["+A=1"]),
            create(
                "src/client.rs",
                &["//! Talks.", "", &format!("const T: &str = \"{token}\";")],
            ),
            edit("docs/a.md", &["+text"]),
            rename("src/a.rs", "lib/a.rs"),
            moded(
                create("config/link", &["../../outside"]),
                None,
                Some(0o120_000),
            ),
        ])
    };
    let assessment = judge(&facts);
    let text = told(&assessment);
    assert!(!text.contains(&token), "{text}");
    insta::assert_snapshot!(text, @r#"
    Deny, level auto, severity low, 6 lines
    blocker path.denied src/deep/.ENV: src/deep/.ENV is on the list of paths that no change may touch
      leave the file out of the change; a person can edit it by hand, or take it out of `policy.paths.deny` on the machine
    blocker path.not_owned docs/a.md: docs/a.md is not among the paths that the task owns
      leave the file out of the change, or let the task own it
    blocker path.not_owned lib/a.rs: lib/a.rs is not among the paths that the task owns
      leave the file out of the change, or let the task own it
    blocker secret.added src/client.rs:3: line 3 of src/client.rs holds a secret (rule `github-token`)
      take the secret out and read it from the environment; if it was ever real, revoke it; if the file holds samples, `policy.secret_samples` on the machine can name it
    blocker path.link_escapes config/link: the link config/link leads out of the repository
      copy the file instead, or link to a path inside the repository
    - refused: src/deep/.ENV is on the list of paths that no change may touch
    - refused: docs/a.md is not among the paths that the task owns
    - refused: lib/a.rs is not among the paths that the task owns
    - refused: line 3 of src/client.rs holds a secret (rule `github-token`)
    - refused: the link config/link leads out of the repository
    "#);
}

#[test]
fn only_sound_grounds_pass_without_a_person() {
    let lines: Vec<String> = (0..19).map(|at| format!("+    step({at});")).collect();
    let nineteen: Vec<&str> = lines.iter().map(String::as_str).collect();
    let twenty: Vec<&str> = [&nineteen[..], &["+    done();"]].concat();
    let long = format!("+    run({});", "x".repeat(5000));
    let many: Vec<String> = (0..300).map(|at| format!("    call({at});")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: Vec<(&str, ChangeFacts)> = vec![
        ("19 lines", bugfix([edit("src/a.rs", &nineteen)])),
        ("20 lines", bugfix([edit("src/a.rs", &twenty)])),
        (
            "one line of 5,000 characters",
            bugfix([edit("src/a.rs", &[&long])]),
        ),
        (
            "300 lines of tests",
            bugfix([create("tests/retry.rs", &many)]),
        ),
        (
            "tests and code",
            bugfix([create("tests/retry.rs", &many), small()]),
        ),
        (
            "a test moved in from the code",
            bugfix([
                rename("src/check.rs", "tests/check.rs"),
                create("tests/b.rs", &many),
            ]),
        ),
        (
            "small refactoring",
            of_class(Class::Refactor, vec![small()]),
        ),
        (
            "small text",
            of_class(Class::Docs, vec![edit("README.md", &["+Read me."])]),
        ),
        ("small feature", of_class(Class::Feature, vec![small()])),
        ("debug", of_class(Class::Debug, vec![small()])),
        ("diagnose", of_class(Class::Diagnose, vec![small()])),
        (
            "from outside",
            ChangeFacts {
                from_outside: true,
                ..bugfix([small()])
            },
        ),
        (
            "a rollback",
            ChangeFacts {
                is_rollback: true,
                ..bugfix([small()])
            },
        ),
        ("nothing", bugfix([])),
        (
            "binary",
            bugfix([ItemFacts {
                binary: true,
                ..edit("src/a.bin", &[])
            }]),
        ),
        (
            "a binary fixture of a test",
            bugfix([ItemFacts {
                binary: true,
                ..edit("tests/a.bin", &[])
            }]),
        ),
    ];
    let table: Vec<String> = cases
        .iter()
        .map(|(name, facts)| format!("{name}: {}", outcome(facts)))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    19 lines: allow
    20 lines: team-lead
    one line of 5,000 characters: team-lead
    300 lines of tests: allow
    tests and code: team-lead
    a test moved in from the code: team-lead
    small refactoring: allow
    small text: allow
    small feature: team-lead
    debug: team-lead
    diagnose: team-lead
    from outside: team-lead
    a rollback: team-lead
    nothing: team-lead
    binary: team-lead binary
    a binary fixture of a test: team-lead binary
    "#);
}

// White space is not always nothing: what could change meaning is counted as lines.
#[test]
fn formatting_is_believed_only_where_white_space_means_nothing() {
    let bulk = |path: &str, before: &str, after: &str| {
        let lines: Vec<String> = (0..15)
            .flat_map(|_| [format!("-{before}"), format!("+{after}")])
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        whitespace(path, &lines)
    };
    let cases: Vec<(&str, ItemFacts)> = vec![
        (
            "rust, indented",
            bulk("src/a.rs", "  let x = \"a b\";", "    let x = \"a b\";"),
        ),
        (
            "rust, spaced",
            bulk("src/a.rs", "foo( a,b );", "foo(a, b);"),
        ),
        (
            "rust, text changed",
            bulk("src/a.rs", "let x = \"a b\";", "let x = \"ab\";"),
        ),
        (
            "rust, words joined",
            bulk("src/a.rs", "let ab = c d;", "let ab = cd;"),
        ),
        (
            "rust, operators joined",
            bulk("src/a.rs", "a - -b;", "a --b;"),
        ),
        (
            "rust, code drawn into a comment",
            bulk("src/a.rs", "// why", "// why check();"),
        ),
        (
            "javascript, indented",
            bulk("src/a.js", "  return x;", "    return x;"),
        ),
        (
            "javascript, line broken after return",
            whitespace("src/a.js", &["-return x;", "+return", "+x;"].repeat(10)),
        ),
        (
            "python, indented",
            bulk("src/a.py", "    return x", "        return x"),
        ),
        (
            "python, trailing blanks",
            bulk("src/a.py", "    return x  ", "    return x"),
        ),
        ("yaml, indented", bulk("a.yaml", "  a: b", "a: b")),
        (
            "a mode too",
            moded(
                bulk("src/a.rs", " a();", "  a();"),
                Some(0o100_644),
                Some(0o100_755),
            ),
        ),
    ];
    let table: Vec<String> = cases
        .into_iter()
        .map(|(name, item)| {
            let reason = judge(&bugfix([item])).reasons.remove(0);
            format!("{name}: {reason}")
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    rust, indented: changes only formatting: policy lets it pass
    rust, spaced: changes only formatting: policy lets it pass
    rust, text changed: is not small (30 lines, the limit is under 20): asks a team lead
    rust, words joined: is not small (30 lines, the limit is under 20): asks a team lead
    rust, operators joined: is not small (30 lines, the limit is under 20): asks a team lead
    rust, code drawn into a comment: is not small (30 lines, the limit is under 20): asks a team lead
    javascript, indented: changes only formatting: policy lets it pass
    javascript, line broken after return: is not small (30 lines, the limit is under 20): asks a team lead
    python, indented: is not small (30 lines, the limit is under 20): asks a team lead
    python, trailing blanks: changes only formatting: policy lets it pass
    yaml, indented: is not small (30 lines, the limit is under 20): asks a team lead
    a mode too: makes a file that can be run (src/a.rs): asks a team lead
    "#);
}

// X9: a rollback asks for what its landing asked for, so its own risks only inform.
#[test]
fn a_rollback_is_raised_by_its_landing_not_by_its_risks() {
    let facts = ChangeFacts {
        is_rollback: true,
        ..bugfix([
            delete("src/cap.rs", &["pub fn cap() {}"]),
            delete("tests/cap.rs", &["#[test]"]),
        ])
    };
    let assessment = judge(&facts);
    assert_eq!(assessment.decision, Decision::Ask(Level::TeamLead));
    assert!(
        assessment
            .risks
            .iter()
            .any(|risk| risk.kind == RiskKind::BreakingChange)
    );
    let raised = assessment.at_least(Level::Admin, "the landing asked an admin");
    insta::assert_snapshot!(told(&raised), @r#"
    Ask(Admin), level admin, severity high, 2 lines
    risk breaking_change (high): removes or changes what others may call: `fn cap` [src/cap.rs]
    risk weakened_tests (high): deletes a test file [tests/cap.rs]
    - the landing asked an admin: asks an admin
    - takes a landing back: asks a team lead
    "#);
}

// X9, S3: but what guards the repository is asked about in whatever direction it changes.
#[test]
fn a_rollback_of_what_guards_the_repository_asks_an_admin() {
    let facts = ChangeFacts {
        is_rollback: true,
        ..bugfix([delete("hyperion.toml", &["[checks]"])])
    };
    assert_eq!(judge(&facts).decision, Decision::Ask(Level::Admin));
}

#[test]
fn raising_never_lowers_and_never_unrefuses() {
    let refused = judge(&bugfix([create(".env", &["A=1"])]));
    assert_eq!(
        refused.clone().at_least(Level::ManualOnly, "why").decision,
        Decision::Deny
    );
    let admin = judge(&bugfix([edit("hyperion.toml", &["+a = 1"])]));
    assert_eq!(admin.clone().at_least(Level::TeamLead, "why"), admin);
    let small = judge(&bugfix([small()]));
    assert_eq!(small.decision, Decision::Allow);
    assert_eq!(
        small.at_least(Level::TeamLead, "asked for").decision,
        Decision::Ask(Level::TeamLead)
    );
}

#[test]
fn an_assessment_survives_json() {
    let assessment = judge(&bugfix([
        create(".env", &["A=1"]),
        edit("hyperion.toml", &["+a = 1"]),
    ]));
    let text = serde_json::to_string(&assessment).unwrap();
    assert_eq!(
        serde_json::from_str::<hyperion_policy::Assessment>(&text).unwrap(),
        assessment
    );
    assert!(text.contains("\"path.denied\""), "{text}");
}

// X4: without a model the rules review.
#[test]
fn the_rules_review_a_change() {
    let facts = bugfix([
        edit(
            "src/retry.rs",
            &[
                "+    dbg!(delay);",
                "+    todo!(\"later\")",
                "+<<<<<<< ours",
                "+>>>>>>> theirs",
            ],
        ),
        edit("src/auth/token.rs", &["+#[allow(dead_code)]"]),
        edit("tests/a.rs", &["+#[ignore]"]),
    ]);
    let found = review(&facts, &shipped_rules(), &judge(&facts));
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
    {
      "approved": false,
      "issues": [
        "src/retry.rs holds the marks of an unresolved conflict",
        "src/retry.rs adds code that is not written yet",
        "the change leaves tests out (tests/a.rs)"
      ],
      "suggestions": [
        "src/retry.rs prints or stops for debugging",
        "src/auth/token.rs silences a checker"
      ],
      "security_concerns": [
        "touches code that is about security (src/auth/token.rs)"
      ],
      "test_coverage": "the change brings tests along",
      "test_suggestions": []
    }
    "#);
    let facts = bugfix([small()]);
    let found = review(&facts, &shipped_rules(), &judge(&facts));
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap(), @r#"
    {
      "approved": true,
      "issues": [],
      "suggestions": [],
      "security_concerns": [],
      "test_coverage": "the change brings no tests",
      "test_suggestions": [
        "add a test that fails without the fix: src/retry.rs"
      ]
    }
    "#);
}

// X2, M3: the checks that a change brings along are judged as the commands they are.
#[test]
fn a_changes_own_checks_are_judged_as_commands() {
    let rules = auto_rules();
    let with =
        |checks: &[&str]| judge(&bugfix([small()])).with_own_checks(checks.iter().copied(), &rules);
    assert_eq!(with(&["test -s more.txt"]).decision, Decision::Allow);
    assert_eq!(
        with(&["cargo test"]).decision,
        Decision::Ask(Level::TeamLead)
    );
    assert_eq!(
        with(&["true", "sudo make install"]).decision,
        Decision::Ask(Level::Admin)
    );
    let refused = with(&["cargo test", "git push --force origin main; rm -rf /"]);
    assert_eq!(
        (refused.decision, refused.blockers.len()),
        (Decision::Deny, 1)
    );
    assert_eq!(refused.blockers[0].code.name(), "check.denied");
    assert!(
        refused.reasons[0].starts_with("refused: its own check `git push"),
        "{:?}",
        refused.reasons
    );
    assert!(
        refused
            .reasons
            .iter()
            .any(|reason| reason.contains("`cargo test`")),
        "{:?}",
        refused.reasons
    );
}

// S4: text that nobody sees, and names that only look like another, are for an admin, wherever they stand.
#[test]
fn what_cannot_be_seen_asks_an_admin() {
    let cases = [
        ("a.js", "f('\u{e0165}\u{e0155}\u{e0161}');", true),
        ("README.md", "note\u{e0069}\u{e0067}\u{e006e}", true),
        ("a.js", "foo();\u{200b}\u{2063}", true),
        ("a.js", "let \u{3164} = 1;", true),
        ("a.py", "x = 1 # \u{202e}1 = x", true),
        ("a.js", "if (is_\u{430}dmin) {}", true),
        ("p\u{430}y.js", "pay();", true),
        ("README.md", "❤\u{fe0f} done, 10\u{a0}€", false),
        ("a.py", "print('привет', Δt)", false),
    ];
    for (path, line, asks) in cases {
        let judged = judge(&bugfix([edit(path, &[&format!("+{line}")])]));
        let seen = judged.decision == Decision::Ask(Level::Admin);
        assert_eq!(seen, asks, "{path}: {line:?}: {judged:?}");
    }
}
