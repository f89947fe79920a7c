//! `readFile`

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{Encoding, LineEnding, ReadFile, ReadFileResult};

use super::{from_beneath, name_of, refuse_larger, relative};
use crate::text::{Text, count_lines, line_ending};
use crate::{Access, Place};

/// Reads a file, whole or some of its lines.
pub fn read_file(place: &Place<'_>, params: &ReadFile) -> Result<ReadFileResult, Problem> {
    let path = relative(place, &params.path);
    place.overseer.judge(path, Access::Read)?;
    let bytes = place
        .root
        .read(path, place.limits.file_bytes)
        .map_err(from_beneath)?
        .bytes;
    if params.encoding == Some(Encoding::Base64) {
        refuse_disguise(place, path, &bytes)?;
        return whole(place, path, params, &bytes);
    }
    let text = Text::read(path, &bytes, params.encoding);
    let mask = |text: &Text| place.overseer.mask(&text.text);
    let masked = text.as_ref().ok().and_then(mask);
    // Rightly read, its secrets are masked; otherwise it may be another kind of text.
    let wide = matches!(params.encoding, Some(Encoding::Utf16Le | Encoding::Utf16Be));
    if wide && masked.is_none() {
        refuse_disguise(place, path, &bytes)?;
    }
    let text = text?;
    let shown_text = masked.as_deref().unwrap_or(&text.text);
    let total = count_lines(&text.text);
    let lines = Lines::wanted(path, params, total)?;
    let max = usize::try_from(place.limits.read_bytes).unwrap_or(usize::MAX);
    let (content, given) = lines.cut(shown_text, max);
    let wanted = lines.count();
    let cut_inside = given < wanted && given == 0;
    let shown = if cut_inside { 1 } else { given };
    Ok(ReadFileResult {
        path: path.to_owned(),
        content: content.to_owned(),
        redacted: masked.is_some(),
        sha256: name_of(place, path, &bytes),
        bytes: bytes.len() as u64,
        start_line: if wanted == 0 { 0 } else { lines.first },
        end_line: if wanted == 0 {
            0
        } else {
            lines.first + shown - 1
        },
        total_lines: total,
        truncated: given < wanted,
        encoding: text.encoding,
        bom: text.bom,
        line_ending: line_ending(&text.text),
        final_newline: text.text.ends_with('\n'),
    })
}

/// Refuses base64, or a wrong encoding, for a file with secrets: both would get around the masks.
fn refuse_disguise(place: &Place<'_>, path: &str, bytes: &[u8]) -> Result<(), Problem> {
    let holds_secrets = place
        .overseer
        .mask(&String::from_utf8_lossy(bytes))
        .is_some();
    if holds_secrets {
        return Err(Problem::new(
            "secret.masked",
            format!("{path} holds secrets, so its bytes are not given"),
        )
        .hint("leave encoding out: the text is given with its secrets masked"));
    }
    Ok(())
}

/// Reads all bytes of what need not be text.
fn whole(
    place: &Place<'_>,
    path: &str,
    params: &ReadFile,
    bytes: &[u8],
) -> Result<ReadFileResult, Problem> {
    if params.start_line.is_some() || params.end_line.is_some() {
        return Err(
            Problem::new("input.invalid", "base64 is read whole: it has no lines")
                .hint("leave startLine and endLine out"),
        );
    }
    refuse_larger(
        path,
        bytes.len() as u64,
        place.limits.read_bytes,
        "what is not text can only be read whole",
    )?;
    Ok(ReadFileResult {
        path: path.to_owned(),
        content: BASE64_STANDARD.encode(bytes),
        redacted: false,
        sha256: name_of(place, path, bytes),
        bytes: bytes.len() as u64,
        start_line: 0,
        end_line: 0,
        total_lines: 0,
        truncated: false,
        encoding: Encoding::Base64,
        bom: false,
        line_ending: LineEnding::None,
        final_newline: false,
    })
}

/// The lines that are wanted, counted from 1.
struct Lines {
    first: u64,
    last: u64,
}

impl Lines {
    fn wanted(path: &str, params: &ReadFile, total: u64) -> Result<Self, Problem> {
        let first = params.start_line.unwrap_or(1);
        let last = params.end_line.unwrap_or(u64::MAX);
        let invalid = |detail: String| {
            Err(Problem::new("input.invalid", detail)
                .hint("lines are counted from 1, and endLine is part of what is read"))
        };
        if first == 0 {
            return invalid("startLine is 0".to_owned());
        }
        if last < first {
            return invalid(format!("endLine {last} comes before startLine {first}"));
        }
        if first > total.max(1) {
            return invalid(format!(
                "startLine is {first}, and {path} has {total} lines"
            ));
        }
        Ok(Self {
            first,
            last: last.min(total),
        })
    }

    fn count(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// Cuts the lines out, as many as fit; of a single line that does not fit, as much as fits, counted as none.
    fn cut<'t>(&self, text: &'t str, max_bytes: usize) -> (&'t str, u64) {
        let skipped = usize::try_from(self.first - 1).unwrap_or(usize::MAX);
        let start: usize = text.split_inclusive('\n').take(skipped).map(str::len).sum();
        let rest = text.get(start..).unwrap_or_default();
        let (mut len, mut given) = (0, 0);
        for line in rest.split_inclusive('\n') {
            if given == self.count() {
                break;
            }
            if len + line.len() > max_bytes {
                if given == 0 {
                    let cut = line.floor_char_boundary(max_bytes);
                    return (rest.get(..cut).unwrap_or_default(), 0);
                }
                break;
            }
            len += line.len();
            given += 1;
        }
        (rest.get(..len).unwrap_or_default(), given)
    }
}
