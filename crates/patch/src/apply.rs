//! Applying one file of a patch.

mod error;
mod place;

use crate::file_patch::{Body, FileKind, FilePatch, Hunk, LineKind};
use crate::lines::lines;
use place::Places;

pub(crate) use error::excerpt;
pub use error::{Ambiguity, ApplyError, Mismatch, MismatchHint};
pub use place::SEARCH_LINES_MAX;

/// What a patch made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The new content.
    pub content: Vec<u8>,
    /// The hunks that were not where the patch says, in order.
    pub moved: Vec<MovedHunk>,
}

/// A hunk that was applied at another line than the patch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedHunk {
    /// Numbers the hunk within its file, from 1.
    pub hunk: usize,
    /// Numbers the line of the old file that the patch says, from 1.
    pub stated: usize,
    /// Numbers the line of the old file where it was applied, from 1.
    pub line: usize,
}

/// Applies the change of one file to its content and gives the new content; [`apply_located`] also tells which hunks moved.
pub fn apply(base: &[u8], file: &FilePatch) -> Result<Vec<u8>, ApplyError> {
    apply_located(base, file).map(|applied| applied.content)
}

/// Applies the change of one file to its content, and tells which hunks were not where the patch says.
///
/// As `git apply` does: every context and removed line must be there exactly, line ending included, but the place may
/// have moved. A hunk that starts at line 1 must match at the start of the file, one without context at its end must match
/// at the end. Hunks are found in order, each after the one before: git would also look before it, which can only misplace
/// them. For a created file `base` is empty; what is deleted must be empty afterwards.
///
/// git takes the nearest of several places. Here that is refused, as is a hunk without any line to find its place by: once
/// one hunk is not where the patch says, its line numbers are those of another file, and each of its hunks must fit at one
/// place only.
///
/// Neither path nor mode are touched, and binary content is not checked against the patch's object ids: a delta
/// applies to any base of the right length, so the caller must compare the result's hash with the expected one.
pub fn apply_located(base: &[u8], file: &FilePatch) -> Result<Applied, ApplyError> {
    if file.kind == FileKind::Create && !base.is_empty() {
        return Err(ApplyError::NotEmpty);
    }
    let unmoved = |content| Applied {
        content,
        moved: Vec::new(),
    };
    let applied = match &file.body {
        Body::Text(hunks) => apply_hunks(base, hunks)?,
        Body::Binary(binary) => unmoved(binary.apply(base)?),
        Body::Empty => unmoved(base.to_vec()),
    };
    match file.kind == FileKind::Delete && !applied.content.is_empty() {
        true => Err(ApplyError::Leftover {
            lines: lines(&applied.content).len(),
        }),
        false => Ok(applied),
    }
}

fn apply_hunks(base: &[u8], hunks: &[Hunk]) -> Result<Applied, ApplyError> {
    let old = lines(base);
    let mut places = Places::new(&old);
    let mut content = Vec::with_capacity(base.len());
    let (mut moved, mut located) = (Vec::new(), Vec::with_capacity(hunks.len()));
    // How many old lines are copied so far, and how many new lines they became.
    let (mut old_done, mut new_done) = (0, 0);
    for (index, hunk) in hunks.iter().enumerate() {
        // With no new lines the header numbers the line before.
        let wanted = hunk
            .new_start
            .saturating_sub(usize::from(hunk.new_lines > 0))
            .saturating_add(old_done)
            .saturating_sub(new_done);
        let start = places
            .find(hunk, wanted, old_done)
            .ok_or_else(|| ApplyError::Mismatch(places.mismatch(index, hunk, wanted, old_done)))?;
        if start != wanted {
            moved.push(MovedHunk {
                hunk: index + 1,
                stated: wanted + 1,
                line: start + 1,
            });
        }
        located.push((start, old_done));
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
    if !moved.is_empty() {
        for (index, (hunk, (start, floor))) in hunks.iter().zip(located).enumerate() {
            if let Some(other) = places.other(hunk, start, floor) {
                return Err(ApplyError::Ambiguous(Ambiguity {
                    hunk: index + 1,
                    lines: [start.min(other) + 1, start.max(other) + 1],
                }));
            }
        }
    }
    Ok(Applied { content, moved })
}

fn extend(content: &mut Vec<u8>, lines: &[&[u8]]) {
    for line in lines {
        content.extend_from_slice(line);
    }
}
