//! Bringing two changes of the same base together.

use crate::diff::is_binary;
use crate::lines::{Change, DIFF_LINES_MAX, changes, lines};

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// Both sides' changes are in, and none touches another.
    Clean(Vec<u8>),
    /// Changes of both sides touch.
    Conflict {
        /// Holds what could be merged, with the rest between markers that show ours, base and theirs.
        merged: Vec<u8>,
        /// Holds the regions that could not be merged, in order; at least one.
        conflicts: Vec<ConflictHunk>,
    },
    /// Both sides changed binary content, of which one must be chosen.
    Binary,
}

/// A region both sides changed, each in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictHunk {
    /// Numbers the region's first line in the base, from 1.
    pub base_line: usize,
    /// Numbers the line of the opening marker in the merged text, from 1.
    pub line: usize,
    /// Holds the region as it was.
    pub base: Vec<u8>,
    /// Holds the region as we want it.
    pub ours: Vec<u8>,
    /// Holds the region as they want it.
    pub theirs: Vec<u8>,
}

/// The names behind the conflict markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeLabels<'a> {
    /// Names our side.
    pub ours: &'a str,
    /// Names the base.
    pub base: &'a str,
    /// Names their side.
    pub theirs: &'a str,
}

impl Default for MergeLabels<'_> {
    fn default() -> Self {
        Self {
            ours: "ours",
            base: "base",
            theirs: "theirs",
        }
    }
}

/// Merges two changes of `base`, as `git merge-file --diff3` does.
///
/// Changes that touch (no unchanged line between them) conflict, unless both sides did the same.
pub fn merge3(base: &[u8], ours: &[u8], theirs: &[u8]) -> Merge {
    merge3_labelled(base, ours, theirs, &MergeLabels::default())
}

/// Merges like [`merge3`], with names of your own behind the markers.
pub fn merge3_labelled(base: &[u8], ours: &[u8], theirs: &[u8], labels: &MergeLabels<'_>) -> Merge {
    if ours == theirs || base == theirs {
        return Merge::Clean(ours.to_vec());
    }
    if base == ours {
        return Merge::Clean(theirs.to_vec());
    }
    if [base, ours, theirs].into_iter().any(is_binary) {
        return Merge::Binary;
    }
    let (base, ours, theirs) = (lines(base), lines(ours), lines(theirs));
    let mut our_side = Side::new(&base, &ours);
    let mut their_side = Side::new(&base, &theirs);
    let mut output = Output {
        merged: Vec::new(),
        line: 1,
        conflicts: Vec::new(),
    };
    let mut done = 0;
    while let Some(start) = our_side
        .next_start()
        .into_iter()
        .chain(their_side.next_start())
        .min()
    {
        let mut end = start;
        let (our_first, their_first) = (our_side.next, their_side.next);
        loop {
            let reached = their_side.take_touching(our_side.take_touching(end));
            // The longer region may touch yet another change of the other side.
            if reached == end && !our_side.touches(end) {
                break;
            }
            end = reached;
        }
        output.put(&base[done..start]);
        let our_lines = our_side.text(our_first, start, end);
        let their_lines = their_side.text(their_first, start, end);
        let (our_changed, their_changed) =
            (our_first < our_side.next, their_first < their_side.next);
        if !their_changed || our_lines == their_lines {
            output.put(our_lines);
        } else if !our_changed {
            output.put(their_lines);
        } else {
            let base_lines = &base[start..end];
            let our_start = our_side.position(our_first, start);
            let their_start = their_side.position(their_first, start);
            let carriage_return = ending_before(&ours, our_start) != Some(Ending::Newline)
                && ending_before(&theirs, their_start) != Some(Ending::Newline)
                && ending_before(&base, 0) == Some(Ending::CarriageReturn);
            let newline: &[u8] = if carriage_return { b"\r\n" } else { b"\n" };
            output.conflicts.push(ConflictHunk {
                base_line: start + 1,
                line: output.line,
                base: base_lines.concat(),
                ours: our_lines.concat(),
                theirs: their_lines.concat(),
            });
            output.marker("<<<<<<<", labels.ours, newline);
            output.put_ended(our_lines, newline);
            output.marker("|||||||", labels.base, newline);
            output.put_ended(base_lines, newline);
            output.marker("=======", "", newline);
            output.put_ended(their_lines, newline);
            output.marker(">>>>>>>", labels.theirs, newline);
        }
        done = end;
    }
    output.put(&base[done..]);
    match output.conflicts.is_empty() {
        true => Merge::Clean(output.merged),
        false => Merge::Conflict {
            merged: output.merged,
            conflicts: output.conflicts,
        },
    }
}

/// One side's changes of the base, taken one by one.
struct Side<'a> {
    lines: &'a [&'a [u8]],
    changes: Vec<Change>,
    next: usize,
}

impl<'a> Side<'a> {
    fn new(base: &[&[u8]], lines: &'a [&'a [u8]]) -> Self {
        Self {
            lines,
            changes: changes(base, lines, DIFF_LINES_MAX).list,
            next: 0,
        }
    }

    fn next_start(&self) -> Option<usize> {
        Some(self.changes.get(self.next)?.old.start)
    }

    fn touches(&self, end: usize) -> bool {
        self.next_start().is_some_and(|start| start <= end)
    }

    /// Takes the changes that touch a region of the base ending at `end`; gives its new end.
    fn take_touching(&mut self, mut end: usize) -> usize {
        while self.touches(end) {
            end = end.max(self.changes[self.next].old.end);
            self.next += 1;
        }
        end
    }

    /// Gives this side's line for a line of the base that is no later than the change `first`.
    fn position(&self, first: usize, base_line: usize) -> usize {
        match self.changes.get(first) {
            Some(change) => change.new.start - (change.old.start - base_line),
            None => {
                let last = self.changes.last();
                let (old, new) = last.map_or((0, 0), |change| (change.old.end, change.new.end));
                new + (base_line - old)
            }
        }
    }

    /// Gives this side's lines for a region of the base in which the changes from `first` were taken.
    fn text(&self, first: usize, start: usize, end: usize) -> &'a [&'a [u8]] {
        &self.lines[self.position(first, start)..self.position(self.next, end)]
    }
}

struct Output {
    merged: Vec<u8>,
    line: usize,
    conflicts: Vec<ConflictHunk>,
}

impl Output {
    fn put(&mut self, lines: &[&[u8]]) {
        for line in lines {
            self.merged.extend_from_slice(line);
        }
        self.line += lines.len();
    }

    /// Puts lines and ends the last one, so that a marker can follow.
    fn put_ended(&mut self, lines: &[&[u8]], newline: &[u8]) {
        self.put(lines);
        if lines.last().is_some_and(|line| !line.ends_with(b"\n")) {
            self.merged.extend_from_slice(newline);
        }
    }

    fn marker(&mut self, marker: &str, label: &str, newline: &[u8]) {
        self.merged.extend_from_slice(marker.as_bytes());
        if !label.is_empty() {
            self.merged.push(b' ');
            self.merged.extend_from_slice(label.as_bytes());
        }
        self.merged.extend_from_slice(newline);
        self.line += 1;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Newline,
    CarriageReturn,
}

/// Tells how the line before this one ends, or the first line; a last line without an ending counts as the one before.
fn ending_before(lines: &[&[u8]], at: usize) -> Option<Ending> {
    let at = at.saturating_sub(1);
    let line = match lines.get(at)? {
        line if line.ends_with(b"\n") => line,
        _ => lines.get(at.checked_sub(1)?)?,
    };
    match line.ends_with(b"\r\n") {
        true => Some(Ending::CarriageReturn),
        false => Some(Ending::Newline),
    }
}
