//! `cargo … --message-format json`: what the compiler says, one a line.

use super::{Reader, Unreadable, json_lines, json_number, malformed};
use crate::output::{FoundError, Place, of_rustc};

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let mut messages = 0;
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
        match said["level"].as_str() {
            Some("warning") => reader.report.warnings += 1,
            // The sum at the end has no place, and is no error of its own.
            Some("error") if !text.starts_with("aborting due to") => {
                reader.report.failed += 1;
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
                reader.problem(FoundError {
                    kind: of_rustc(code, text),
                    message: text.to_owned(),
                    code: code.map(str::to_owned),
                    tool: Some(if is_lint { "clippy" } else { "rustc" }.to_owned()),
                    place,
                    ..FoundError::default()
                });
            }
            _ => {}
        }
    }
    if messages == 0 {
        return Err(malformed("there are no messages of cargo"));
    }
    Ok(())
}
