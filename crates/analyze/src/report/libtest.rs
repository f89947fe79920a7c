//! What `cargo test` writes for people: its sums, one a binary.

use super::{Reader, Unreadable, malformed};
use crate::output::plain;

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = plain(bytes).text;
    let mut sums = 0;
    for line in text.lines() {
        // `test result: FAILED. 1 passed; 3 failed; 1 ignored; 0 measured; …`
        let Some((_, rest)) = line
            .trim()
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            continue;
        };
        sums += 1;
        for part in rest.split("; ") {
            let Some((number, what)) = part.split_once(' ') else {
                continue;
            };
            let number = number.parse::<u64>().unwrap_or(0);
            let report = &mut reader.report;
            match what {
                "passed" => report.passed = report.passed.saturating_add(number),
                "failed" => report.failed = report.failed.saturating_add(number),
                "ignored" => report.skipped = report.skipped.saturating_add(number),
                _ => {}
            }
        }
    }
    if sums == 0 {
        return Err(malformed("there is no line `test result:`"));
    }
    reader.text(bytes);
    Ok(())
}
