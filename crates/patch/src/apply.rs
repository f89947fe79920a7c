//! Applying one file of a patch.

mod error;
mod place;

use crate::file_patch::{Body, FileKind, FilePatch, Hunk, LineKind};
use crate::lines::lines;
use place::Places;

pub(crate) use error::excerpt;
pub use error::{ApplyError, Mismatch, MismatchHint};
pub use place::SEARCH_LINES_MAX;

/// Applies the change of one file to its content and gives the new content.
///
/// As `git apply` does: every context and removed line must be there exactly, line ending included, but the place may
/// have moved; the nearest one counts, the later first. A hunk that starts at line 1 must match at the start of the
/// file, one without context at its end must match at the end. Hunks are found in order, each after the one before:
/// git would also look before it, which can only misplace them. For a created file `base` is empty; what is deleted must
/// be empty afterwards.
///
/// Neither path nor mode are touched, and binary content is not checked against the patch's object ids: a delta
/// applies to any base of the right length, so whoever applies one holds the result's hash against what was promised.
pub fn apply(base: &[u8], file: &FilePatch) -> Result<Vec<u8>, ApplyError> {
    if file.kind == FileKind::Create && !base.is_empty() {
        return Err(ApplyError::NotEmpty);
    }
    let content = match &file.body {
        Body::Text(hunks) => apply_hunks(base, hunks)?,
        Body::Binary(binary) => binary.apply(base)?,
        Body::Empty => base.to_vec(),
    };
    match file.kind == FileKind::Delete && !content.is_empty() {
        true => Err(ApplyError::Leftover {
            lines: lines(&content).len(),
        }),
        false => Ok(content),
    }
}

fn apply_hunks(base: &[u8], hunks: &[Hunk]) -> Result<Vec<u8>, ApplyError> {
    let old = lines(base);
    let mut places = Places::new(&old);
    let mut content = Vec::with_capacity(base.len());
    // Up to here the old lines are done, and so many lines they became.
    let (mut old_done, mut new_done) = (0, 0);
    for (index, hunk) in hunks.iter().enumerate() {
        let wanted = hunk
            .new_start
            .saturating_sub(1)
            .saturating_add(old_done)
            .saturating_sub(new_done);
        let start = places
            .find(hunk, wanted, old_done)
            .ok_or_else(|| ApplyError::Mismatch(places.mismatch(index, hunk, wanted, old_done)))?;
        extend(&mut content, &old[old_done..start]);
        for line in &hunk.lines {
            match line.kind {
                LineKind::Context | LineKind::Added => content.extend_from_slice(&line.text),
                LineKind::Removed => {}
            }
        }
        new_done += start - old_done + hunk.new_side().count();
        old_done = start + hunk.old_side().count();
    }
    extend(&mut content, &old[old_done..]);
    Ok(content)
}

fn extend(content: &mut Vec<u8>, lines: &[&[u8]]) {
    for line in lines {
        content.extend_from_slice(line);
    }
}
