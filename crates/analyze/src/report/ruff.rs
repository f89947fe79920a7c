//! `ruff check --output-format json`: what is wrong, one after the other.

use super::{Reader, Unreadable, json, json_number, malformed};
use crate::output::{ErrorKind, FoundError, Place};

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let report = json(bytes)?;
    for found in report
        .as_array()
        .ok_or_else(|| malformed("it is no list"))?
    {
        let path = found["filename"]
            .as_str()
            .ok_or_else(|| malformed("a finding without a file"))?;
        reader.report.failed += 1;
        let code = found["code"]
            .as_str()
            .filter(|code| *code != "invalid-syntax");
        let place = &found["location"];
        reader.problem(FoundError {
            kind: if code.is_some() {
                ErrorKind::Compile
            } else {
                ErrorKind::Syntax
            },
            message: found["message"].as_str().unwrap_or_default().to_owned(),
            code: code.map(str::to_owned),
            tool: Some("ruff".to_owned()),
            place: Place::new(
                path,
                json_number(&place["row"]),
                json_number(&place["column"]),
            ),
            ..FoundError::default()
        });
    }
    Ok(())
}
