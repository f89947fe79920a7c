//! `cargo … --message-format json`: what the compiler says, one a line.

use std::collections::BTreeSet;

use super::{Reader, Unreadable, json_lines, json_number, malformed};
use crate::output::{FoundError, Place, of_rustc};

/// The most messages that are told from those that say the same.
const MAX_TOLD: usize = 10_000;

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let (mut messages, mut told) = (0, BTreeSet::new());
    for line in json_lines(bytes) {
        let Some(reason) = line["reason"].as_str() else {
            continue;
        };
        messages += 1;
        if reason != "compiler-message" {
            continue;
        }
        let said = &line["message"];
        let text = said["message"].as_str().unwrap_or_default();
        let level = said["level"].as_str();
        // The sums at the end have no place, and are nothing of their own.
        let is_sum = text.starts_with("aborting due to")
            || text.ends_with(" emitted") && said["spans"].as_array().is_none_or(Vec::is_empty);
        if is_sum || !matches!(level, Some("error" | "warning")) {
            continue;
        }
        let spans = said["spans"].as_array().into_iter().flatten();
        let primary = spans.into_iter().find(|span| span["is_primary"] == true);
        let place = primary.and_then(|span| {
            let file = span["file_name"].as_str()?;
            Place::new(
                file,
                json_number(&span["line_start"]),
                json_number(&span["column_start"]),
            )
        });
        let code = said["code"]["code"].as_str();
        let is_lint = code.is_some_and(|code| code.contains("::") || code.contains('_'));
        // A library is compiled again for its tests, and says the same again.
        let at = place.as_ref().map(ToString::to_string);
        if told.len() < MAX_TOLD && !told.insert((level == Some("error"), text.to_owned(), at)) {
            continue;
        }
        let found = FoundError {
            kind: of_rustc(code, text),
            message: text.to_owned(),
            code: code.map(str::to_owned),
            tool: Some(if is_lint { "clippy" } else { "rustc" }.to_owned()),
            place,
            ..FoundError::default()
        };
        if level == Some("warning") {
            reader.warning(found);
        } else {
            reader.report.failed += 1;
            reader.problem(found);
        }
    }
    if messages == 0 {
        return Err(malformed("there are no messages of cargo"));
    }
    Ok(())
}
