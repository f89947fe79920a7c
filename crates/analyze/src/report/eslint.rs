//! `eslint -f json`: files, and in each what is wrong.

use super::{Reader, Unreadable, json, json_number, malformed};
use crate::output::{ErrorKind, FoundError, Place};

pub(super) fn read(bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    let report = json(bytes)?;
    for file in report
        .as_array()
        .ok_or_else(|| malformed("it is no list of files"))?
    {
        let path = file["filePath"]
            .as_str()
            .ok_or_else(|| malformed("a file without a path"))?;
        for found in file["messages"].as_array().into_iter().flatten() {
            let message = found["message"].as_str().unwrap_or_default();
            let parsing = message.strip_prefix("Parsing error: ");
            let told = FoundError {
                kind: if parsing.is_some() {
                    ErrorKind::Syntax
                } else {
                    ErrorKind::Compile
                },
                message: parsing.unwrap_or(message).to_owned(),
                code: found["ruleId"].as_str().map(str::to_owned),
                tool: Some("eslint".to_owned()),
                place: Place::new(
                    path,
                    json_number(&found["line"]),
                    json_number(&found["column"]),
                ),
                ..FoundError::default()
            };
            if found["severity"] == 2 {
                reader.report.failed += 1;
                reader.problem(told);
            } else {
                reader.warning(told);
            }
        }
    }
    Ok(())
}
