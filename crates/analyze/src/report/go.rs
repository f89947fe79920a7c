//! `go test -json`: events, one a line.

use std::collections::BTreeMap;

use super::{MAX_SAID_BYTES, Reader, Unreadable, json_lines, malformed};
use crate::output::{ErrorKind, FoundError, Output, output};

/// The most tests whose words are kept at a time.
const MAX_TESTS: usize = 10_000;

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let mut said: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut failed: Vec<(String, String)> = Vec::new();
    let mut events = 0;
    for event in json_lines(bytes) {
        let Some(action) = event["Action"].as_str() else {
            continue;
        };
        events += 1;
        let of = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        // What is built has an import path; what is run a package.
        let package = [of("Package"), of("ImportPath")].concat();
        let (test, is_test) = (of("Test"), event["Test"].is_string());
        let key = (package, test);
        match action {
            "output" | "build-output" => {
                let room = said.len() < MAX_TESTS || said.contains_key(&key);
                let kept = room.then(|| said.entry(key).or_default());
                if let (Some(kept), Some(text)) = (kept, event["Output"].as_str())
                    && kept.len() < MAX_SAID_BYTES
                {
                    kept.push_str(text);
                }
            }
            "pass" if is_test => {
                said.remove(&key);
                reader.report.passed += 1;
            }
            "skip" if is_test => {
                said.remove(&key);
                reader.report.skipped += 1;
            }
            "fail" | "build-fail" => {
                reader.report.failed += u64::from(is_test);
                if failed.len() < MAX_TESTS {
                    failed.push(key);
                }
            }
            _ => {}
        }
    }
    if events == 0 {
        return Err(malformed("there are no events of `go test -json`"));
    }
    let parents = failed.clone();
    for (package, test) in failed {
        let below = format!("{test}/");
        let is_parent = parents
            .iter()
            .any(|(other, name)| *other == package && name.starts_with(&below));
        let text = said
            .remove(&(package.clone(), test.clone()))
            .unwrap_or_default();
        if is_parent && !test.is_empty() {
            continue;
        }
        let before = reader.report.problems.len();
        for mut error in output(&Output {
            bytes: text.as_bytes(),
            ..Output::default()
        })
        .errors
        {
            if !test.is_empty() {
                error.test = Some(test.clone());
                error.tool = Some("go test".to_owned());
            }
            // That a test failed is told by its event; a package fails because its tests did.
            if error.kind != ErrorKind::TestFailure || error.place.is_some() {
                reader.problem(error);
            }
        }
        if reader.report.problems.len() == before && !test.is_empty() {
            reader.problem(FoundError {
                kind: ErrorKind::TestFailure,
                message: format!("{test} failed"),
                tool: Some("go test".to_owned()),
                test: Some(test),
                ..FoundError::default()
            });
        } else if test.is_empty() && text.contains("[build failed]") {
            reader.report.failed += 1;
        }
    }
    Ok(())
}
