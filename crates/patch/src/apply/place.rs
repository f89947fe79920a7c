//! Finding the place of a hunk.

use std::collections::HashMap;

use super::error::{Mismatch, MismatchHint, excerpt};
use crate::file_patch::{Hunk, Line, LineKind};

/// Finds hunks in the lines of a file.
pub(super) struct Places<'a> {
    old: &'a [&'a [u8]],
    /// Says where each line stands; made when the first hunk is not where it should be.
    index: Option<HashMap<&'a [u8], Vec<usize>>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(old: &'a [&'a [u8]]) -> Self {
        Self { old, index: None }
    }

    /// Gives the place nearest to `wanted` where the hunk fits, not before `floor`.
    pub(super) fn find(&mut self, hunk: &Hunk, wanted: usize, floor: usize) -> Option<usize> {
        let old = self.old;
        let side = texts(hunk.old_side());
        let last = old
            .len()
            .checked_sub(side.len())
            .filter(|&last| last >= floor)?;
        let wanted = wanted.clamp(floor, last);
        let edges = Edges::of(hunk);
        let fits = |start| edges.allow(start, last) && fits(old, &side, start);
        if fits(wanted) {
            return Some(wanted);
        }
        if edges.start || edges.end {
            let only = if edges.start { 0 } else { last };
            return (only >= floor && fits(only)).then_some(only);
        }
        nearest(self.index(), &side, wanted, |start| {
            (floor..=last).contains(&start) && fits(start)
        })
    }

    /// Explains why the hunk was not found.
    pub(super) fn mismatch(
        &mut self,
        index: usize,
        hunk: &Hunk,
        wanted: usize,
        floor: usize,
    ) -> Mismatch {
        let old = self.old;
        let side = texts(hunk.old_side());
        let edges = Edges::of(hunk);
        let wanted = match (edges.start, edges.end) {
            (true, _) => 0,
            (false, true) => old.len().saturating_sub(side.len()),
            (false, false) => wanted,
        };
        let wanted = wanted.clamp(floor, old.len());
        let here = &old[wanted..];
        let same = side
            .iter()
            .zip(here)
            .take_while(|(expected, found)| expected == found)
            .count();
        let (expected, found) = (side.get(same), here.get(same));
        let anywhere = nearest(self.index(), &side, wanted, |start| fits(old, &side, start));
        let new_side = texts(hunk.new_side());
        let there = |start| {
            old.len()
                .checked_sub(new_side.len())
                .is_some_and(|last| edges.allow(start, last))
                && fits(old, &new_side, start)
        };
        let endings = |expected: &&[u8], found: &&[u8]| ending_free(expected) == ending_free(found);
        let hint = if let Some(start) = anywhere {
            match start < floor {
                true => MismatchHint::OutOfOrder { line: start + 1 },
                false => MismatchHint::NotAtEdge { line: start + 1 },
            }
        } else if nearest(self.index(), &new_side, wanted, there).is_some() {
            MismatchHint::AlreadyApplied
        } else if !side.is_empty()
            && side.len() <= here.len()
            && side
                .iter()
                .zip(here)
                .all(|(expected, found)| endings(expected, found))
        {
            MismatchHint::LineEndings
        } else {
            MismatchHint::Changed
        };
        Mismatch {
            hunk: index + 1,
            line: wanted + same + 1,
            expected: expected.map(|text| excerpt(text)),
            found: found.map(|text| excerpt(text)),
            hint,
        }
    }

    fn index(&mut self) -> &HashMap<&'a [u8], Vec<usize>> {
        let old = self.old;
        self.index.get_or_insert_with(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for (at, &line) in old.iter().enumerate() {
                index.entry(line).or_default().push(at);
            }
            index
        })
    }
}

/// Where a hunk must stand because it has no context there.
struct Edges {
    start: bool,
    end: bool,
}

impl Edges {
    fn of(hunk: &Hunk) -> Self {
        let ends_in_context = hunk
            .lines
            .last()
            .is_some_and(|line| line.kind == LineKind::Context);
        Self {
            start: hunk.old_start <= 1,
            end: !ends_in_context,
        }
    }

    fn allow(&self, start: usize, last: usize) -> bool {
        (!self.start || start == 0) && (!self.end || start == last)
    }
}

fn texts<'h>(side: impl Iterator<Item = &'h Line>) -> Vec<&'h [u8]> {
    side.map(|line| line.text.as_slice()).collect()
}

fn fits(old: &[&[u8]], side: &[&[u8]], start: usize) -> bool {
    old.get(start..start + side.len())
        .is_some_and(|here| here == side)
}

/// Gives the allowed place nearest to `wanted`, the later of two equally near. Only the places of the rarest line
/// are tried: a file of a hundred thousand lines is searched in no time unless it repeats itself endlessly.
fn nearest(
    index: &HashMap<&[u8], Vec<usize>>,
    side: &[&[u8]],
    wanted: usize,
    allowed: impl Fn(usize) -> bool,
) -> Option<usize> {
    const NOWHERE: &[usize] = &[];
    let stands = |line: &[u8]| index.get(line).map_or(NOWHERE, Vec::as_slice);
    let (offset, line) = side
        .iter()
        .enumerate()
        .min_by_key(|(_, line)| stands(line).len())?;
    let places = stands(line);
    let middle = places.partition_point(|&at| at < wanted + offset);
    let start = |at: &usize| at.checked_sub(offset);
    let after = places[middle..]
        .iter()
        .filter_map(start)
        .find(|&start| allowed(start));
    let before = places[..middle]
        .iter()
        .rev()
        .filter_map(start)
        .find(|&start| allowed(start));
    match (before, after) {
        (Some(before), Some(after)) if wanted - before < after - wanted => Some(before),
        (before, None) => before,
        (_, after) => after,
    }
}

fn ending_free(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}
