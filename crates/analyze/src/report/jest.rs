//! JSON of jest and vitest: files, and in each its tests.

use serde_json::Value;

use super::{Reader, Unreadable, json, malformed};
use crate::output::plain;

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let report = json(bytes)?;
    let files = report["testResults"]
        .as_array()
        .ok_or_else(|| malformed("there are no testResults"))?;
    for file in files {
        let path = file["name"].as_str();
        let tests = file["assertionResults"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        for test in tests {
            match test["status"].as_str() {
                Some("passed") => reader.report.passed += 1,
                Some("failed") => {
                    reader.report.failed += 1;
                    failed(test, path, reader);
                }
                Some(_) => reader.report.skipped += 1,
                None => return Err(malformed("a test without a status")),
            }
        }
        // A file that cannot be loaded has no tests, and says why.
        if tests.is_empty() && file["status"] == "failed" {
            reader.report.failed += 1;
            let said = text(file["message"].as_str().unwrap_or_default());
            let said_lines = said.lines().map(|line| line.trim_start_matches(['●', ' ']));
            let message = said_lines
                .clone()
                .find(|line| !line.is_empty() && !line.starts_with("Test suite failed"));
            let name = path.unwrap_or("a file of tests");
            reader.test("jest", name, None, message.unwrap_or_default(), &said, path);
        }
    }
    Ok(())
}

fn failed(test: &Value, path: Option<&str>, reader: &mut Reader<'_>) {
    let titles = test["ancestorTitles"].as_array().into_iter().flatten();
    let titles = titles.chain([&test["title"]]).filter_map(Value::as_str);
    let name = titles
        .filter(|title| !title.is_empty())
        .collect::<Vec<_>>()
        .join(" > ");
    let said = test["failureMessages"].as_array().into_iter().flatten();
    let said = text(
        &said
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n"),
    );
    let first = said.lines().next().unwrap_or_default();
    let (thrown, message) = match first.split_once(": ") {
        // jest calls what `expect` throws an Error.
        Some(("Error", message)) => (None, message),
        Some((name, message)) if name.ends_with("Error") && !name.contains(' ') => {
            (Some(name), message)
        }
        Some(_) | None => (None, first),
    };
    reader.test("jest", &name, thrown, message, &said, path);
}

fn text(said: &str) -> String {
    plain(said.as_bytes()).text
}
