//! What `cargo nextest run` writes for people: a sum at the end.

use super::{Reader, Unreadable, malformed};
use crate::output::plain;

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = plain(bytes).text;
    // `     Summary [   1.009s] 4 tests run: 1 passed (1 slow), 3 failed, 1 timed out, 0 skipped`
    let sum = text
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("Summary ["));
    let sum = sum.and_then(|line| line.split_once(" run: "));
    let (_, parts) = sum.ok_or_else(|| malformed("there is no line `Summary`"))?;
    for part in parts.split(", ") {
        let Some((number, what)) = part.split_once(' ') else {
            continue;
        };
        let number = number.parse::<u64>().unwrap_or(0);
        let report = &mut reader.report;
        match what.split(" (").next().unwrap_or(what) {
            "passed" => report.passed = report.passed.saturating_add(number),
            "failed" | "timed out" | "exec failed" => {
                report.failed = report.failed.saturating_add(number);
            }
            "skipped" => report.skipped = report.skipped.saturating_add(number),
            _ => {}
        }
    }
    reader.text(bytes);
    Ok(())
}
