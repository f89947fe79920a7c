//! Finds where a change makes tests prove less (X3).

use std::collections::{BTreeMap, BTreeSet};

use hyperion_model::facts::{ItemFacts, Operation};

use crate::language::Language;
use crate::risk::{RiskKind, Risks, Severity};
use crate::rules::Rules;

/// Marks that stand before or in the line that begins a test.
const TEST_STARTS: &[&str] = &[
    "#[test]",
    "#[test(",
    "::test]",
    "::test(",
    "#[rstest",
    "#[test_case",
    "#[quickcheck",
    "proptest!",
    "def test",
    "func Test",
    "func Fuzz",
    "func Example",
    "@Test",
    "@ParameterizedTest",
    "[Test]",
    "[Fact]",
    "[Theory]",
    "[TestMethod]",
    "TEST(",
    "TEST_F(",
    "TEST_CASE(",
    "function test",
    "func test",
];

/// Calls that begin a test in JavaScript and Ruby; not after a word's letter or a dot.
const TEST_CALLS: &[&str] = &[
    "it(",
    "test(",
    "it.each(",
    "test.each(",
    "it \"",
    "it '",
    "specify ",
];

/// Words of a line that checks something.
const ASSERTIONS: &[&str] = &[
    "assert",
    "expect(",
    "expect!",
    "EXPECT_",
    "ASSERT_",
    "CHECK(",
    "REQUIRE(",
    "require.",
    "should(",
    ".should.",
    ".to eq",
    "XCTAssert",
    "t.Error",
    "t.Fatal",
    "t.Fail",
    "verify(",
    "prop_assert",
    "panic!(",
    "pytest.raises",
];

/// Words that leave a test out.
const SKIPS: &[&str] = &[
    "#[ignore",
    "#[cfg(any())]",
    "#[cfg(false)]",
    ".skip(",
    ".only(",
    ".todo(",
    ".skipIf(",
    ".failing(",
    "xit(",
    "xtest(",
    "xdescribe(",
    "fit(",
    "fdescribe(",
    "xcontext",
    "@pytest.mark.skip",
    "@pytest.mark.xfail",
    "pytest.skip(",
    "pytest.xfail(",
    "@unittest.skip",
    "@unittest.expectedFailure",
    "self.skipTest(",
    "SkipTest",
    "collect_ignore",
    "t.Skip(",
    "t.SkipNow(",
    "t.Skipf(",
    "@Disabled",
    "@Ignore",
    "[Ignore",
    "Skip = \"",
    "GTEST_SKIP",
    "DISABLED_",
    "XCTSkip",
    "markTestSkipped",
    "markTestIncomplete",
    "testPathIgnorePatterns",
    "autotests = false",
    "doctest = false",
    "test = false",
];

/// Assertions that hold whatever the code does.
const EMPTY_ASSERTIONS: &[&str] = &[
    "assert!(true)",
    "assert!(true,",
    "assert_eq!(true, true)",
    "assert_eq!(1, 1)",
    "assert True",
    "assert 1",
    "assertTrue(true)",
    "assertTrue(True)",
    "self.assertTrue(True)",
    "expect(true).toBe(true)",
    "expect(true).toBeTruthy()",
    "expect(1).toBe(1)",
    "assert.ok(true)",
    "assert(true)",
    "|| true)",
    "or True",
];

/// Lines that switch off what follows them, in a test file.
const SWITCHED_OFF: &[&str] = &[
    "/*",
    "=begin",
    "#if 0",
    "if false {",
    "if (false) {",
    "if (false)",
    "if False:",
    "if (0) {",
];

/// What the whole change adds to tests, because tests may move from file to file.
struct Added {
    names: BTreeSet<String>,
    /// How often each assertion is added.
    assertions: BTreeMap<String, usize>,
    /// Whether the change takes away more tests than it adds.
    fewer: bool,
}

/// Notes how a change weakens tests.
pub(crate) fn read(items: &[ItemFacts], rules: &Rules, risks: &mut Risks) {
    let mut weak = |severity, says: String, item: &ItemFacts| {
        risks.add(RiskKind::WeakenedTests, severity, says, &item.path);
    };
    let mut added = all_added(items, rules);
    for item in items {
        let path = item.path.as_str();
        let was = item.from_path.as_ref().unwrap_or(&item.path).as_str();
        let (was_test, is_test) = (rules.tests.covers(was), rules.tests.covers(path));
        if was_test && item.operation == Operation::Delete {
            weak(Severity::High, "deletes a test file".to_owned(), item);
            continue;
        }
        if was_test && !is_test {
            let says = "moves a test file to where tests are not looked for";
            weak(Severity::High, says.to_owned(), item);
        }
        if rules.test_settings.covers(path) || rules.test_settings.covers(was) {
            weak(
                Severity::Medium,
                "changes how tests are run".to_owned(),
                item,
            );
        }
        let recorded = rules.recorded.covers(path) || rules.recorded.covers(was);
        if recorded && (!item.removed.is_empty() || item.operation == Operation::Delete) {
            weak(
                Severity::Medium,
                "changes recorded expectations".to_owned(),
                item,
            );
        }
        read_lines(item, is_test || was_test, &mut added, &mut weak);
    }
}

fn all_added(items: &[ItemFacts], rules: &Rules) -> Added {
    let mut added = Added {
        names: BTreeSet::new(),
        assertions: BTreeMap::new(),
        fewer: false,
    };
    let (mut more, mut less) = (0usize, 0usize);
    for item in items {
        let is_test = rules.tests.covers(item.path.as_str());
        let lines = code(item, &item.added);
        added
            .names
            .extend(lines.iter().filter_map(|line| test_name(line)));
        more += lines.iter().filter(|line| starts_test(line)).count();
        less += code(item, &item.removed)
            .iter()
            .filter(|line| starts_test(line))
            .count();
        for line in lines.into_iter().filter(|line| is_assertion(line, is_test)) {
            *added.assertions.entry(line).or_default() += 1;
        }
    }
    added.fewer = less > more;
    added
}

/// Gives the lines that are code, trimmed; prose has none.
fn code(item: &ItemFacts, lines: &[String]) -> Vec<String> {
    let language = Language::of(item.path.as_str());
    if language == Language::Prose {
        return Vec::new();
    }
    let code = lines.iter().filter(|line| !language.is_comment(line));
    code.map(|line| line.trim().to_owned()).collect()
}

fn read_lines(
    item: &ItemFacts,
    is_test: bool,
    all: &mut Added,
    weak: &mut impl FnMut(Severity, String, &ItemFacts),
) {
    let (added, removed) = (code(item, &item.added), code(item, &item.removed));

    let names = removed.iter().filter_map(|line| test_name(line));
    let gone: Vec<String> = names.filter(|name| !all.names.contains(name)).collect();
    let starts = |lines: &[String]| lines.iter().filter(|line| starts_test(line)).count();
    if !gone.is_empty() {
        weak(
            Severity::High,
            format!("removes the test{}", listed(&gone)),
            item,
        );
    } else if all.fewer && starts(&removed) > starts(&added) {
        weak(
            Severity::High,
            "removes more tests than it adds".to_owned(),
            item,
        );
    }

    let asserts = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| is_assertion(line, is_test))
            .cloned()
            .collect()
    };
    let (asserted, was_asserted) = (asserts(&added), asserts(&removed));
    let mut lost = was_asserted.clone();
    lost.retain(|line| match all.assertions.get_mut(line) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        Some(_) | None => true,
    });
    if !lost.is_empty() && was_asserted.len() > asserted.len() {
        weak(
            Severity::High,
            "removes more assertions than it adds".to_owned(),
            item,
        );
    } else if !lost.is_empty() {
        weak(
            Severity::Medium,
            "changes what existing tests expect".to_owned(),
            item,
        );
    }

    let count = |lines: &[String], words: &[&str]| {
        lines
            .iter()
            .filter(|line| words.iter().any(|word| stands_in(line, word)))
            .count()
    };
    if count(&added, SKIPS) > count(&removed, SKIPS) {
        weak(Severity::High, "leaves tests out".to_owned(), item);
    }
    if count(&added, EMPTY_ASSERTIONS) > count(&removed, EMPTY_ASSERTIONS) && !asserted.is_empty() {
        weak(
            Severity::High,
            "adds assertions that always hold".to_owned(),
            item,
        );
    }
    // Here the comment marks themselves matter, so the lines are read as they stand.
    let off = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| SWITCHED_OFF.contains(&line.trim()))
            .count()
    };
    if is_test && off(&item.added) > off(&item.removed) {
        weak(
            Severity::High,
            "switches parts of a test off".to_owned(),
            item,
        );
    }
}

fn starts_test(line: &str) -> bool {
    TEST_STARTS.iter().any(|mark| line.contains(mark))
        || TEST_CALLS.iter().any(|call| line.starts_with(call))
}

/// Gives the name of the test that a line begins, where the line itself has one.
fn test_name(line: &str) -> Option<String> {
    let line = line.trim();
    for mark in [
        "def test",
        "func Test",
        "func Fuzz",
        "function test",
        "func test",
    ] {
        if let Some(at) = line.find(mark) {
            let start = at + mark.find(' ')? + 1;
            let name: String = line[start..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            return Some(name);
        }
    }
    let call = TEST_CALLS.iter().find(|call| line.starts_with(*call))?;
    let quoted = line.get(call.len().saturating_sub(1)..)?;
    let open = quoted.find(['"', '\'', '`'])?;
    let quote = quoted[open..].chars().next()?;
    let rest = &quoted[open + 1..];
    let name = &rest[..rest.find(quote)?];
    Some(name.chars().take(80).collect())
}

/// Tells whether a line is an assertion; outside test files only unmistakable ones count.
fn is_assertion(line: &str, is_test: bool) -> bool {
    let words = if is_test {
        ASSERTIONS
    } else {
        &["assert", "expect(", "EXPECT_", "XCTAssert"]
    };
    words.iter().any(|word| stands_in(line, word))
}

/// Finds a word that does not start in the middle of another.
fn stands_in(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let starts_with_letter = word.chars().next().is_some_and(letter);
    line.match_indices(word)
        .any(|(at, _)| !starts_with_letter || !line[..at].chars().next_back().is_some_and(letter))
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    match names.len().saturating_sub(SHOWN) {
        0 => format!("{plural} {}", shown.join(", ")),
        more => format!("{plural} {} and {more} more", shown.join(", ")),
    }
}
