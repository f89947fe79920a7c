//! The protocol's own conformance suite, over HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Case, Outcome, Scene, UP, build_test};
use crate::process::{Service, program, run_within};
use crate::tools::{ensure_node, ensure_npm};

/// A version that knows the newest revision of the protocol: the last one that does not came a year before.
const SUITE: (&str, &str) = ("@modelcontextprotocol/conformance", "0.2.0-alpha.12");

/// Every revision that the suite speaks differently: with a handshake, and without.
const REVISIONS: [(&str, &str); 2] = [
    ("2025-11-25", "conformance suite, 2025-11-25"),
    ("2026-07-28", "conformance suite, 2026-07-28"),
];

/// How long all scenarios of a revision may take.
const ALL: Duration = Duration::from_secs(300);

/// What does not apply: `REVISION<tab>SCENARIO<tab>REASON` in each line; `*` is every revision.
const NOT_APPLICABLE: &str = "crates/mcp/tests/conformance/not-applicable.tsv";

/// How many checks of a scenario went well, and how many did not.
type Counts = (usize, usize);

/// Runs every scenario of each revision.
pub(super) fn run(scene: &Scene) -> Result<Vec<Case>, String> {
    let node = ensure_node(&scene.root, &scene.target)?;
    let package = ensure_npm(&node, SUITE, &scene.root, &scene.target)?;
    let fixture = build_test(&scene.root, "hyperion-mcp", "conformance")?;
    let list = scene.root.join(NOT_APPLICABLE);
    let list =
        fs::read_to_string(&list).map_err(|error| format!("read {}: {error}", list.display()))?;
    let mut cases = Vec::new();
    for (revision, by) in REVISIONS {
        let (_serving, url) = Service::start(program(&fixture, &scene.root).arg("--serve"), UP)?;
        let results = scene.folder.join(revision);
        let mut suite = program(&node.program, &scene.root);
        suite
            .arg(package.join("dist/index.js"))
            .args([
                "server",
                "--suite",
                "all",
                "--url",
                &url,
                "--spec-version",
                revision,
            ])
            .arg("--output-dir")
            .arg(&results);
        let ended = run_within(&mut suite, ALL)?;
        let summary = summary(&ended.stdout);
        if summary.is_empty() {
            return Err(format!("the suite said {}{}", ended.stdout, ended.stderr));
        }
        let why = |scenario: &str| failures(&results, scenario);
        cases.extend(judged(by, &summary, &not_applicable(&list, revision)?, why));
    }
    Ok(cases)
}

/// Reads the lines `✓ ping: 1 passed, 0 failed` at the end.
fn summary(said: &str) -> BTreeMap<String, Counts> {
    let lines = said.rsplit("=== SUMMARY ===").next().unwrap_or_default();
    let read = |line: &str| {
        let line = line.strip_prefix(['✓', '✗'])?.trim();
        let (scenario, counts) = line.split_once(": ")?;
        let (passed, failed) = counts.split_once(" passed, ")?;
        let failed = failed.strip_suffix(" failed")?;
        Some((
            scenario.to_owned(),
            (passed.parse().ok()?, failed.parse().ok()?),
        ))
    };
    lines.lines().filter_map(read).collect()
}

/// Gives why each scenario does not apply.
fn not_applicable<'l>(list: &'l str, revision: &str) -> Result<BTreeMap<&'l str, &'l str>, String> {
    let mut reasons = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.splitn(3, '\t');
        let (Some(of), Some(scenario), Some(reason)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(format!("{NOT_APPLICABLE}: {line:?} has not three fields"));
        };
        if of == "*" || of == revision {
            reasons.insert(scenario, reason);
        }
    }
    Ok(reasons)
}

/// A scenario passes that has checks and none that failed. What is listed has to fail: else the list is out of date.
fn judged(
    by: &'static str,
    summary: &BTreeMap<String, Counts>,
    not_applicable: &BTreeMap<&str, &str>,
    why: impl Fn(&str) -> String,
) -> Vec<Case> {
    let judge = |scenario: &String, counts: &Counts| {
        let passed = matches!(counts, (1.., 0));
        match (passed, not_applicable.get(scenario.as_str())) {
            (true, None) => Outcome::Passed,
            (false, Some(reason)) => Outcome::NotApplicable((*reason).to_owned()),
            (true, Some(_)) => {
                Outcome::Failed(format!("it passes: take it out of {NOT_APPLICABLE}"))
            }
            (false, None) => Outcome::Failed(why(scenario)),
        }
    };
    let mut cases: Vec<Case> = summary
        .iter()
        .map(|(scenario, counts)| Case {
            by,
            name: scenario.clone(),
            outcome: judge(scenario, counts),
        })
        .collect();
    let stale = not_applicable
        .keys()
        .filter(|listed| !summary.contains_key(**listed));
    cases.extend(stale.map(|listed| Case {
        by,
        name: (*listed).to_owned(),
        outcome: Outcome::Failed(format!("there is none: take it out of {NOT_APPLICABLE}")),
    }));
    cases
}

/// Says which checks of a scenario failed, as it wrote them down.
fn failures(results: &Path, scenario: &str) -> String {
    let prefix = format!("server-{scenario}-2");
    let folders = fs::read_dir(results).into_iter().flatten().flatten();
    let mut said = Vec::new();
    for folder in folders {
        if !folder.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        let checks = fs::read(folder.path().join("checks.json")).unwrap_or_default();
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap_or_default();
        let failed = checks.iter().filter(|check| check["status"] == "FAILURE");
        said.extend(failed.map(|check| format!("{}: {}", check["id"], check["errorMessage"])));
    }
    match said.is_empty() {
        true => "nothing of it could be checked".to_owned(),
        false => said.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_out_of_date_fails_as_a_scenario_does() {
        let said = "✗ none: 9 passed, 9 failed\n=== SUMMARY ===\n✓ ping: 1 passed, 0 failed\n\
                    ✗ tasks: 1 passed, 2 failed\n✓ skipped: 0 passed, 0 failed\n✓ listed: 3 passed, 0 failed\n\nTotal: 1 passed\n";
        let list = "# why\n*\ttasks\tno tasks\n2025\tskipped\tnothing\n*\tlisted\twrong\n*\tgone\twrong\n1999\tping\told\n";
        let reasons = not_applicable(list, "2025").unwrap();
        let cases = judged("suite", &summary(said), &reasons, |_| "why".to_owned());
        let told: Vec<_> = cases
            .iter()
            .map(|case| match &case.outcome {
                Outcome::Passed => format!("{} passed", case.name),
                Outcome::NotApplicable(why) => format!("{} n/a {why}", case.name),
                Outcome::Failed(why) => format!("{} failed {}", case.name, &why[..8]),
            })
            .collect();
        assert_eq!(
            told,
            [
                "listed failed it passe",
                "ping passed",
                "skipped n/a nothing",
                "tasks n/a no tasks",
                "gone failed there is"
            ]
        );
        assert!(not_applicable("ping\tno reason", "2025").is_err());
    }
}
