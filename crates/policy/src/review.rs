//! Reviews a change by rules, where no model does (X4).

use hyperion_model::RepoPath;
use hyperion_model::facts::{ChangeFacts, Class, ItemFacts, Operation};
use serde::{Deserialize, Serialize};

use crate::assess::Assessment;
use crate::language::Language;
use crate::limits::{LARGE_FILES, LARGE_LINES};
use crate::risk::RiskKind;
use crate::rules::Rules;

/// The most entries of each list.
pub const MAX_ENTRIES: usize = 50;
/// The longest line that is read without a word about it.
const LONG_LINE: usize = 300;

/// What a reviewer says of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Whether nothing has to be mended first.
    pub approved: bool,
    /// What has to be mended first.
    pub issues: Vec<String>,
    /// What could be better.
    pub suggestions: Vec<String>,
    /// What touches security.
    pub security_concerns: Vec<String>,
    /// How far tests cover the change, one sentence.
    pub test_coverage: String,
    /// Which tests are missing.
    pub test_suggestions: Vec<String>,
}

/// Reviews a change that was assessed.
pub fn review(facts: &ChangeFacts, rules: &Rules, assessment: &Assessment) -> Review {
    let mut issues: Vec<String> = assessment
        .blockers
        .iter()
        .map(|blocker| blocker.detail.clone())
        .collect();
    let mut suggestions = Vec::new();
    for item in &facts.items {
        lines(item, rules, &mut issues, &mut suggestions);
    }
    if assessment.changed_lines >= LARGE_LINES || facts.items.len() >= LARGE_FILES {
        suggestions.push("split the change: it is too large to be read as a whole".to_owned());
    }
    let mut security_concerns = Vec::new();
    for risk in &assessment.risks {
        let files: Vec<&str> = risk
            .affected_files
            .iter()
            .take(3)
            .map(RepoPath::as_str)
            .collect();
        let says = format!("{} ({})", risk.description, files.join(", "));
        match risk.kind {
            RiskKind::Security | RiskKind::ProtectedPath | RiskKind::Submodule => {
                security_concerns.push(says);
            }
            RiskKind::WeakenedTests => issues.push(format!("the change {says}")),
            RiskKind::BreakingChange
            | RiskKind::DataLoss
            | RiskKind::Schema
            | RiskKind::Dependency
            | RiskKind::Api
            | RiskKind::Performance
            | RiskKind::Executable
            | RiskKind::Symlink
            | RiskKind::Binary => suggestions.push(format!("look again: the change {says}")),
            RiskKind::Large => {}
        }
    }
    let (test_coverage, test_suggestions) = tests(facts, rules);
    for list in [&mut issues, &mut suggestions, &mut security_concerns] {
        list.truncate(MAX_ENTRIES);
    }
    Review {
        approved: issues.is_empty() && assessment.allowed(),
        issues,
        suggestions,
        security_concerns,
        test_coverage,
        test_suggestions,
    }
}

/// Notes what single lines show.
fn lines(item: &ItemFacts, rules: &Rules, issues: &mut Vec<String>, suggestions: &mut Vec<String>) {
    let path = &item.path;
    let has = |test: &dyn Fn(&str) -> bool| item.added.iter().any(|line| test(line));
    // Seven characters at the start of a line, as git writes them.
    if has(&|line| line.starts_with("<<<<<<< ")) && has(&|line| line.starts_with(">>>>>>> ")) {
        issues.push(format!("{path} holds the marks of an unresolved conflict"));
    }
    let language = Language::of(path.as_str());
    if matches!(language, Language::Prose | Language::Json | Language::Other) {
        return;
    }
    if has(&|line| line.contains("TODO") || line.contains("FIXME") || line.contains("XXX:")) {
        suggestions.push(format!("{path} adds a note about work left to do"));
    }
    let is_test = rules.tests.covers(path.as_str());
    let shows = |words: &[&str]| {
        has(&|line| !language.is_comment(line) && words.iter().any(|word| line.contains(word)))
    };
    if !is_test
        && shows(&[
            "dbg!(",
            "console.log(",
            "console.debug(",
            "debugger;",
            "breakpoint()",
            "pdb.set_trace",
        ])
    {
        suggestions.push(format!("{path} prints or stops for debugging"));
    }
    if !is_test && shows(&["todo!(", "unimplemented!(", "raise NotImplementedError"]) {
        issues.push(format!("{path} adds code that is not written yet"));
    }
    if shows(&[
        "except:",
        "except Exception: pass",
        "catch (e) {}",
        "catch {}",
    ]) {
        suggestions.push(format!("{path} swallows errors"));
    }
    if shows(&[
        "@ts-ignore",
        "@ts-nocheck",
        "eslint-disable",
        "# type: ignore",
        "# noqa",
        "#[allow(",
        "//nolint",
    ]) {
        suggestions.push(format!("{path} silences a checker"));
    }
    if has(&|line| line.len() > LONG_LINE) {
        suggestions.push(format!(
            "{path} has lines of more than {LONG_LINE} characters"
        ));
    }
}

/// Says how far tests cover the change, and which are missing.
fn tests(facts: &ChangeFacts, rules: &Rules) -> (String, Vec<String>) {
    let is_code = |item: &&ItemFacts| {
        !matches!(
            Language::of(item.path.as_str()),
            Language::Prose | Language::Json | Language::Other | Language::Css
        ) && item.operation != Operation::Delete
            && !item.added.is_empty()
    };
    let (tests, code): (Vec<&ItemFacts>, Vec<&ItemFacts>) = facts
        .items
        .iter()
        .filter(is_code)
        .partition(|item| rules.tests.covers(item.path.as_str()));
    let inline = |item: &&ItemFacts| item.added.iter().any(|line| line.trim() == "#[test]");
    let tested = !tests.is_empty() || code.iter().any(inline);
    let says = match (code.is_empty(), tested) {
        (true, true) => "the change is tests".to_owned(),
        (true, false) => "the change has no code to test".to_owned(),
        (false, true) => "the change brings tests along".to_owned(),
        (false, false) => "the change brings no tests".to_owned(),
    };
    if code.is_empty() || tested {
        return (says, Vec::new());
    }
    let what = match facts.class {
        Class::Bugfix | Class::Debug => "a test that fails without the fix",
        Class::Feature => "tests of the new behaviour and of its refusals",
        Class::Refactor => "a test that shows the behaviour is the same",
        Class::Docs | Class::Diagnose => "a test of the changed code",
    };
    let suggestions = code
        .iter()
        .take(MAX_ENTRIES)
        .map(|item| format!("add {what}: {}", item.path))
        .collect();
    (says, suggestions)
}
