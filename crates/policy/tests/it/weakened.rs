//! How a change that weakens tests is seen (X3).

use hyperion_model::facts::ItemFacts;

use crate::change::{bugfix, create, delete, edit, outcome, rename};

// X3: deleting or weakening a test is never "only tests".
#[test]
fn weakened_tests_are_seen() {
    let cases: Vec<(&str, Vec<ItemFacts>)> = vec![
        (
            "test file gone",
            vec![delete("tests/retry.rs", &["#[test]", "fn caps() {"])],
        ),
        (
            "moved out of sight",
            vec![rename("tests/retry.rs", "old/retry.rs")],
        ),
        (
            "moved among tests",
            vec![rename("tests/retry.rs", "tests/retry/cap.rs")],
        ),
        (
            "test gone",
            vec![edit(
                "tests/retry.rs",
                &["-#[test]", "-fn caps() {", "-    cap();", "-}"],
            )],
        ),
        (
            "inline test gone",
            vec![edit("src/retry.rs", &["-    #[test]", "-    fn caps() {"])],
        ),
        (
            "python test gone",
            vec![edit(
                "tests/test_a.py",
                &["-def test_caps():", "-    cap()"],
            )],
        ),
        (
            "python test moved",
            vec![
                edit("tests/test_a.py", &["-def test_caps():"]),
                edit("tests/test_b.py", &["+def test_caps():"]),
            ],
        ),
        (
            "python test renamed",
            vec![edit(
                "tests/test_a.py",
                &["-def test_caps():", "+def test_cap():"],
            )],
        ),
        (
            "javascript test gone",
            vec![edit("a.test.ts", &["-  it('caps the delay', () => {"])],
        ),
        (
            "assertion gone",
            vec![edit("tests/a.rs", &["-    assert_eq!(cap(9), 5);"])],
        ),
        (
            "assertion commented out",
            vec![edit(
                "tests/a.rs",
                &[
                    "-    assert_eq!(cap(9), 5);",
                    "+    // assert_eq!(cap(9), 5);",
                ],
            )],
        ),
        (
            "assertion emptied",
            vec![edit(
                "tests/a.rs",
                &["-    assert_eq!(cap(9), 5);", "+    assert!(true);"],
            )],
        ),
        (
            "expectation changed",
            vec![edit(
                "tests/a.rs",
                &["-    assert_eq!(cap(9), 5);", "+    assert_eq!(cap(9), 6);"],
            )],
        ),
        (
            "assertion added",
            vec![edit("tests/a.rs", &["+    assert_eq!(cap(9), 5);"])],
        ),
        (
            "assertion indented",
            vec![edit(
                "tests/a.rs",
                &["-  assert_eq!(cap(9), 5);", "+    assert_eq!(cap(9), 5);"],
            )],
        ),
        ("ignored", vec![edit("tests/a.rs", &["+#[ignore]"])]),
        (
            "ignored inline",
            vec![edit("src/a.rs", &["+    #[ignore = \"slow\"]"])],
        ),
        (
            "no longer ignored",
            vec![edit("tests/a.rs", &["-#[ignore]"])],
        ),
        (
            "skipped",
            vec![edit(
                "a.spec.ts",
                &["-it('caps', f)", "+it.skip('caps', f)"],
            )],
        ),
        (
            "xit",
            vec![edit("a.spec.ts", &["-it('caps', f)", "+xit('caps', f)"])],
        ),
        (
            "only",
            vec![edit("a.spec.ts", &["+describe.only('one', f)"])],
        ),
        (
            "xfail",
            vec![edit("tests/test_a.py", &["+@pytest.mark.xfail"])],
        ),
        (
            "go skip",
            vec![edit("a_test.go", &["+\tt.Skip(\"later\")"])],
        ),
        (
            "java disabled",
            vec![edit("src/ATest.java", &["+    @Disabled"])],
        ),
        (
            "switched off",
            vec![edit("tests/a.rs", &["+    if false {"])],
        ),
        (
            "in a comment block",
            vec![edit("tests/a.rs", &["+/*", "+*/"])],
        ),
        (
            "recorded output",
            vec![edit("tests/snapshots/a.snap", &["-5", "+6"])],
        ),
        (
            "test settings",
            vec![edit("jest.config.js", &["+  bail: 1,"])],
        ),
        (
            "switched off in the manifest",
            vec![edit("Cargo.toml", &["+autotests = false"])],
        ),
        (
            "prose about tests",
            vec![edit("docs/a.md", &["-assert!(x)", "-#[test]"])],
        ),
        (
            "new test",
            vec![create(
                "tests/b.rs",
                &["#[test]", "fn works() {", "    assert!(cap(1) == 1);", "}"],
            )],
        ),
    ];
    let table: Vec<String> = cases
        .into_iter()
        .map(|(name, items)| format!("{name}: {}", outcome(&bugfix(items))))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    test file gone: team-lead weakened_tests
    moved out of sight: team-lead weakened_tests
    moved among tests: allow
    test gone: team-lead weakened_tests
    inline test gone: team-lead weakened_tests
    python test gone: team-lead weakened_tests
    python test moved: allow
    python test renamed: team-lead weakened_tests
    javascript test gone: team-lead weakened_tests
    assertion gone: team-lead weakened_tests
    assertion commented out: team-lead weakened_tests
    assertion emptied: team-lead weakened_tests
    expectation changed: team-lead weakened_tests
    assertion added: allow
    assertion indented: allow
    ignored: team-lead weakened_tests
    ignored inline: team-lead weakened_tests
    no longer ignored: allow
    skipped: team-lead weakened_tests
    xit: team-lead weakened_tests
    only: team-lead weakened_tests
    xfail: team-lead weakened_tests
    go skip: team-lead weakened_tests
    java disabled: team-lead weakened_tests
    switched off: team-lead weakened_tests
    in a comment block: team-lead weakened_tests
    recorded output: team-lead weakened_tests
    test settings: team-lead weakened_tests
    switched off in the manifest: team-lead weakened_tests dependency
    prose about tests: allow
    new test: allow
    "#);
}
