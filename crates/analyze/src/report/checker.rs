//! What mypy and tsc write for people: errors, one a line, and of mypy a sum.

use super::{Reader, Unreadable, malformed};
use crate::output::plain;

/// `Found 3 errors in 1 file (checked 1 source file)`, or `Success: no issues found in 2 source files`.
pub(super) fn mypy(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = plain(bytes).text;
    let sum = text.lines().rev().find_map(|line| {
        if line.starts_with("Success: no issues found") {
            return Some(0);
        }
        let (number, rest) = line.strip_prefix("Found ")?.split_once(' ')?;
        (rest.starts_with("error in ") || rest.starts_with("errors in "))
            .then(|| number.parse::<u64>().ok())?
    });
    reader.report.failed = sum.ok_or_else(|| malformed("there is no sum of errors"))?;
    reader.text(bytes);
    Ok(())
}

/// `src/cart.ts(1,21): error TS2307: …`; without an error nothing at all.
pub(super) fn tsc(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let text = plain(bytes).text;
    let errors = text.lines().filter(|line| {
        let said = line
            .split_once("error TS")
            .filter(|(before, _)| before.is_empty() || before.ends_with("): "));
        said.is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let errors = errors.count() as u64;
    if errors == 0 {
        return Err(malformed("there is no error of the compiler"));
    }
    reader.report.failed = errors;
    reader.text(bytes);
    Ok(())
}
