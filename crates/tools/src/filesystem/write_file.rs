//! `writeFile`

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{Encoding, WriteFile, WriteResult};
use hyperion_host::{BeneathError, Expect};

use super::{
    exists, from_beneath, holds_secrets, name_of, put, read_expected, refuse_larger, relative,
    replace,
};
use crate::text::{Text, count_lines, in_style, line_ending};
use crate::{Access, Place, Planned};

/// Makes a file, or replaces all of one that the caller has read.
pub fn write_file(place: &Place<'_>, params: &WriteFile) -> Result<WriteResult, Problem> {
    let path = relative(place, &params.path);
    place.overseer.judge(path, Access::Write)?;
    refuse_larger(
        "content",
        params.content.len() as u64,
        place.limits.write_bytes,
        "write a part of it, and add the rest with editFile",
    )?;
    match &params.sha256 {
        None => create(place, path, params),
        Some(expected) => overwrite(place, path, params, expected),
    }
}

fn create(place: &Place<'_>, path: &str, params: &WriteFile) -> Result<WriteResult, Problem> {
    match place.root.kind(path) {
        Err(BeneathError::Missing { .. }) => {}
        Ok(_) => return Err(exists(path)),
        Err(error) => return Err(from_beneath(error)),
    }
    let as_new = Text {
        text: String::new(),
        encoding: params.encoding.unwrap_or(Encoding::Utf8),
        bom: false,
    };
    let after = match as_new.encoding {
        Encoding::Base64 => bytes_of_base64(&params.content)?,
        Encoding::Utf8 | Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Latin1 => {
            as_new.bytes_of(&params.content)?
        }
    };
    place.overseer.before_write(&Planned {
        path,
        before: None,
        after: Some(&after),
    })?;
    put(place, path, &after, Expect::Absent, from_beneath)?;
    Ok(written(place, path, params, &after, true))
}

fn overwrite(
    place: &Place<'_>,
    path: &str,
    params: &WriteFile,
    expected: &str,
) -> Result<WriteResult, Problem> {
    let before = read_expected(place, path, expected)?;
    let after = match params.encoding {
        Some(Encoding::Base64) => bytes_of_base64(&params.content)?,
        wanted => {
            // The old content was not text, so it has no line endings to keep.
            let was = Text::read(path, &before, wanted).unwrap_or(Text {
                text: String::new(),
                encoding: wanted.unwrap_or(Encoding::Utf8),
                bom: false,
            });
            was.bytes_of(&in_style(&params.content, line_ending(&was.text)))?
        }
    };
    // Accepting a secret that is already in the file would confirm a guess.
    if holds_secrets(place, path, &before) && holds_secrets(place, path, &after) {
        return Err(Problem::new(
            "secret.masked",
            format!("{path} holds secrets, and so would the new content"),
        )
        .hint("change the other lines with editFile, by their numbers, and leave the masked ones alone"));
    }
    place.overseer.before_write(&Planned {
        path,
        before: Some(&before),
        after: Some(&after),
    })?;
    replace(place, path, &before, &after)?;
    Ok(written(place, path, params, &after, false))
}

fn bytes_of_base64(content: &str) -> Result<Vec<u8>, Problem> {
    BASE64_STANDARD
        .decode(content.trim_ascii())
        .map_err(|error| {
            Problem::new("input.invalid", format!("content is not base64: {error}"))
                .hint("encode the bytes in standard base64, or leave encoding out for text")
        })
}

fn written(
    place: &Place<'_>,
    path: &str,
    params: &WriteFile,
    after: &[u8],
    created: bool,
) -> WriteResult {
    let is_text = params.encoding != Some(Encoding::Base64);
    WriteResult {
        path: path.to_owned(),
        created,
        sha256: name_of(place, path, after),
        bytes: after.len() as u64,
        total_lines: if is_text {
            count_lines(&params.content)
        } else {
            0
        },
    }
}
