//! Taking some hunks of a difference.

use crate::diff::FileDiff;
use crate::file_patch::LineKind;
use crate::lines::lines;

/// Why hunks cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// There must be one decision for each hunk.
    #[error("take hunks: {decisions} decisions for {hunks} hunks; decide each hunk once")]
    Count {
        /// Counts the decisions.
        decisions: usize,
        /// Counts the hunks.
        hunks: usize,
    },
    /// Binary content has no hunks.
    #[error("take hunks: the content is binary; accept or reject the whole file")]
    Binary,
    /// The difference was made from another content.
    #[error("take hunk {hunk}: the content is not the one compared; compare again")]
    OtherBase {
        /// Numbers the hunk, from 1.
        hunk: usize,
    },
}

/// Gives the new content with only the accepted hunks in it.
///
/// With all accepted it is the new content compared, with none the old.
pub fn select(old: &[u8], diff: &FileDiff, accepted: &[bool]) -> Result<Vec<u8>, SelectError> {
    if diff.binary {
        return Err(SelectError::Binary);
    }
    if accepted.len() != diff.hunks.len() {
        return Err(SelectError::Count {
            decisions: accepted.len(),
            hunks: diff.hunks.len(),
        });
    }
    let old_lines = lines(old);
    let mut content = Vec::with_capacity(old.len());
    let mut done = 0;
    for (index, (hunk, accepted)) in diff.hunks.iter().zip(accepted).enumerate() {
        let other_base = SelectError::OtherBase { hunk: index + 1 };
        let side: Vec<&[u8]> = hunk.old_side().map(|line| line.text.as_slice()).collect();
        let start = hunk.old_start.saturating_sub(usize::from(!side.is_empty()));
        let Some(between) = old_lines.get(done..start) else {
            return Err(other_base);
        };
        if old_lines.get(start..start.saturating_add(side.len())) != Some(side.as_slice()) {
            return Err(other_base);
        }
        content.extend(between.iter().copied().flatten());
        let dropped = if *accepted {
            LineKind::Removed
        } else {
            LineKind::Added
        };
        for line in hunk.lines.iter().filter(|line| line.kind != dropped) {
            content.extend_from_slice(&line.text);
        }
        done = start + side.len();
    }
    content.extend(old_lines[done..].iter().copied().flatten());
    Ok(content)
}
