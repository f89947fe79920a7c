//! What pytest writes for people: a sum at the end.

use super::{Reader, Unreadable, malformed};
use crate::output::plain;

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = plain(bytes).text;
    // `====== 3 failed, 1 passed, 1 skipped, 1 error in 0.12s ======`, or the same without a frame.
    let sum = text.lines().rev().find_map(|line| {
        let line = line.trim().trim_matches('=').trim();
        let (parts, _) = line.rsplit_once(" in ")?;
        parts
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(parts)
    });
    let none = text.contains("no tests ran");
    let parts = sum
        .or(none.then_some(""))
        .ok_or_else(|| malformed("there is no sum of tests"))?;
    for part in parts.split(", ") {
        let Some((number, what)) = part.split_once(' ') else {
            continue;
        };
        let number = number.parse::<u64>().unwrap_or(0);
        let report = &mut reader.report;
        match what {
            "passed" | "xpassed" => report.passed = report.passed.saturating_add(number),
            "failed" | "error" | "errors" => report.failed = report.failed.saturating_add(number),
            "skipped" | "xfailed" | "deselected" => {
                report.skipped = report.skipped.saturating_add(number);
            }
            "warning" | "warnings" => report.warnings = report.warnings.saturating_add(number),
            _ => {}
        }
    }
    reader.text(bytes);
    Ok(())
}
