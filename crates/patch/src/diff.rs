//! Comparing two contents.

use crate::file_patch::{Hunk, Line, LineKind};
use crate::lines::{Change, DIFF_LINES_MAX, changes, lines};

/// How many bytes are looked at to tell binary content from text; the same as git's.
pub const BINARY_PROBE_BYTES: usize = 8000;

/// How to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffOptions {
    /// Counts the unchanged lines to show around a change.
    pub context: usize,
    /// Bounds the changed lines, both sides together, that are compared line by line.
    ///
    /// Above it everything between the first and the last difference is one hunk.
    pub lines_max: usize,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            context: 3,
            lines_max: DIFF_LINES_MAX,
        }
    }
}

/// The difference between two contents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileDiff {
    /// Holds the changed regions in order; none if the contents are equal or binary.
    pub hunks: Vec<Hunk>,
    /// Counts the added lines.
    pub additions: usize,
    /// Counts the removed lines.
    pub deletions: usize,
    /// Tells that a side is binary and the sides differ.
    pub binary: bool,
    /// Tells that the contents were too large to compare line by line.
    pub coarse: bool,
}

/// Tells whether content is binary, as git does: a NUL among the first [`BINARY_PROBE_BYTES`].
pub fn is_binary(content: &[u8]) -> bool {
    content[..content.len().min(BINARY_PROBE_BYTES)].contains(&0)
}

/// Compares two contents line by line.
///
/// The comparison is git's way: Myers with its bounds, so it ends soon on anything, and changes that could stand in
/// several places stand as far down as they can.
pub fn diff(old: &[u8], new: &[u8], options: &DiffOptions) -> FileDiff {
    if old == new {
        return FileDiff::default();
    }
    if is_binary(old) || is_binary(new) {
        return FileDiff {
            binary: true,
            ..FileDiff::default()
        };
    }
    let (old, new) = (lines(old), lines(new));
    let found = changes(&old, &new, options.lines_max);
    FileDiff {
        additions: found.list.iter().map(|change| change.new.len()).sum(),
        deletions: found.list.iter().map(|change| change.old.len()).sum(),
        hunks: hunks(&old, &new, &found.list, options.context),
        binary: false,
        coarse: found.coarse,
    }
}

fn hunks(old: &[&[u8]], new: &[&[u8]], changes: &[Change], context: usize) -> Vec<Hunk> {
    let apart =
        |left: &Change, right: &Change| right.old.start - left.old.end > context.saturating_mul(2);
    changes
        .chunk_by(|left, right| !apart(left, right))
        .filter_map(|group| hunk(old, new, group, context))
        .collect()
}

fn hunk(old: &[&[u8]], new: &[&[u8]], group: &[Change], context: usize) -> Option<Hunk> {
    let (first, last) = (group.first()?, group.last()?);
    let before = first.old.start.min(context);
    let after = (old.len() - last.old.end).min(context);
    let old_range = first.old.start - before..last.old.end + after;
    let new_range = first.new.start - before..last.new.end + after;
    let mut lines = Vec::with_capacity(old_range.len() + new_range.len());
    let mut put = |kind, texts: &[&[u8]]| {
        lines.extend(texts.iter().map(|text| Line {
            kind,
            text: text.to_vec(),
        }));
    };
    let mut at = old_range.start;
    for change in group {
        put(LineKind::Context, &old[at..change.old.start]);
        put(LineKind::Removed, &old[change.old.clone()]);
        put(LineKind::Added, &new[change.new.clone()]);
        at = change.old.end;
    }
    put(LineKind::Context, &old[at..old_range.end]);
    Some(Hunk {
        old_start: old_range.start + usize::from(!old_range.is_empty()),
        old_lines: old_range.len(),
        new_start: new_range.start + usize::from(!new_range.is_empty()),
        new_lines: new_range.len(),
        lines,
    })
}
