//! Finding the place of a hunk.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::error::{Mismatch, MismatchHint, excerpt, excerpts};
use crate::file_patch::{Hunk, Line, LineKind};

/// The most lines of one file that are compared in search of hunks that are not where they should be.
///
/// Real patches need a few for each hunk; beyond it a hunk counts as not found.
pub const SEARCH_LINES_MAX: usize = 50_000_000;

/// Finds hunks in the lines of a file.
pub(super) struct Places<'a> {
    old: &'a [&'a [u8]],
    /// Says where each line stands; made when the first hunk is not where it should be.
    index: Option<HashMap<&'a [u8], Vec<usize>>>,
    compared: Cell<usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(old: &'a [&'a [u8]]) -> Self {
        Self {
            old,
            index: None,
            compared: Cell::new(0),
        }
    }

    /// Gives the place nearest to `wanted` where the hunk fits, not before `floor`; [`Places::other`] tells of a second one.
    pub(super) fn find(&mut self, hunk: &Hunk, wanted: usize, floor: usize) -> Option<usize> {
        let side = texts(hunk.old_side());
        let last = self.last(&side).filter(|&last| last >= floor)?;
        let wanted = match Edges::of(hunk) {
            Edges { start: true, end } => (floor == 0 && (!end || last == 0)).then_some(0)?,
            // A hunk without old lines fits anywhere.
            Edges {
                start: false,
                end: true,
            } => (!side.is_empty() || wanted == last).then_some(last)?,
            Edges {
                start: false,
                end: false,
            } => {
                let wanted = wanted.clamp(floor, last);
                if self.fits(&side, wanted) {
                    return Some(wanted);
                }
                return self.nearest(&side, wanted, floor..=last);
            }
        };
        self.fits(&side, wanted).then_some(wanted)
    }

    /// Gives another place than `start` where the hunk's lines are, not before `floor`.
    ///
    /// When the search is cut short, the place behind `start` is given: the hunk then counts as ambiguous.
    pub(super) fn other(&mut self, hunk: &Hunk, start: usize, floor: usize) -> Option<usize> {
        let side = texts(hunk.old_side());
        let last = self.last(&side)?;
        if side.is_empty() || Edges::of(hunk).start {
            return None;
        }
        let before = start
            .checked_sub(1)
            .filter(|end| *end >= floor)
            .and_then(|end| self.nearest(&side, start, floor..=end));
        let other = before
            .or_else(|| (start < last).then(|| self.nearest(&side, start, start + 1..=last))?);
        other.or_else(|| (self.compared.get() >= SEARCH_LINES_MAX).then_some(start + 1))
    }

    /// Explains why the hunk was not found.
    pub(super) fn mismatch(
        &mut self,
        index: usize,
        hunk: &Hunk,
        wanted: usize,
        floor: usize,
    ) -> Mismatch {
        let side = texts(hunk.old_side());
        let wanted = match Edges::of(hunk) {
            _ if side.is_empty() => wanted,
            Edges { start: true, .. } => 0,
            Edges {
                start: false,
                end: true,
            } => self.last(&side).unwrap_or(0),
            Edges {
                start: false,
                end: false,
            } => wanted,
        };
        let wanted = wanted.clamp(floor, self.old.len());
        let (wanted, hint) = match self.final_newline(&side, wanted, floor) {
            Some((place, in_file)) => (place, MismatchHint::FinalNewline { in_file }),
            None if side.is_empty() => (wanted, MismatchHint::NoContext),
            None => (wanted, self.hint(hunk, &side, wanted, floor)),
        };
        let here = &self.old[wanted..];
        let same = side
            .iter()
            .zip(here)
            .take_while(|(expected, found)| expected == found)
            .count();
        let (expected, found) = match (side.get(same), here.get(same)) {
            (Some(expected), Some(found)) => {
                let (expected, found) = excerpts(expected, found);
                (Some(expected), Some(found))
            }
            (expected, found) => (
                expected.map(|text| excerpt(text)),
                found.map(|text| excerpt(text)),
            ),
        };
        Mismatch {
            hunk: index + 1,
            line: wanted + same + 1,
            expected,
            found,
            hint,
        }
    }

    /// Finds a place, where it should be or at the end, at which only the newline behind the last line is another, and tells
    /// whether the file has it.
    fn final_newline(&self, side: &[&[u8]], wanted: usize, floor: usize) -> Option<(usize, bool)> {
        let (expected, before) = side.split_last()?;
        let at_end = self.last(side).filter(|&last| last >= floor);
        [Some(wanted), at_end]
            .into_iter()
            .flatten()
            .find_map(|place| {
                let here = self.old.get(place..place + side.len())?;
                let (found, found_before) = here.split_last()?;
                if found_before != before {
                    return None;
                }
                match (found.strip_suffix(b"\n"), expected.strip_suffix(b"\n")) {
                    (Some(found), None) if found == *expected => Some((place, true)),
                    (None, Some(expected)) if found == &expected => Some((place, false)),
                    _ => None,
                }
            })
    }

    fn hint(&mut self, hunk: &Hunk, side: &[&[u8]], wanted: usize, floor: usize) -> MismatchHint {
        if let Some(start) = self
            .last(side)
            .and_then(|last| self.nearest(side, wanted, 0..=last))
        {
            return match start < floor {
                true => MismatchHint::OutOfOrder { line: start + 1 },
                false => MismatchHint::NotAtEdge { line: start + 1 },
            };
        }
        let new_side = texts(hunk.new_side());
        let result = self.last(&new_side).and_then(|last| {
            let allowed = match Edges::of(hunk) {
                Edges { start: true, .. } => 0..=0,
                Edges {
                    start: false,
                    end: true,
                } => last..=last,
                Edges {
                    start: false,
                    end: false,
                } => floor..=last,
            };
            self.nearest(&new_side, wanted, allowed)
        });
        let here = &self.old[wanted..];
        let endings_differ = || {
            side.iter()
                .zip(here)
                .all(|(expected, found)| ending_free(expected) == ending_free(found))
        };
        if result.is_some() {
            MismatchHint::AlreadyApplied
        } else if !side.is_empty() && side.len() <= here.len() && endings_differ() {
            MismatchHint::LineEndings
        } else {
            MismatchHint::Changed
        }
    }

    /// Gives the last place with room for these lines.
    fn last(&self, side: &[&[u8]]) -> Option<usize> {
        self.old.len().checked_sub(side.len())
    }

    fn fits(&self, side: &[&[u8]], start: usize) -> bool {
        let Some(here) = self.old.get(start..start + side.len()) else {
            return false;
        };
        let same = here
            .iter()
            .zip(side)
            .take_while(|(found, expected)| found == expected)
            .count();
        self.compared
            .set(self.compared.get().saturating_add(same + 1));
        same == side.len()
    }

    /// Gives the allowed place nearest to `wanted` where the lines are, the later of two equally near.
    ///
    /// Only the places of the rarest line are tried, so a large file is searched in no time unless it repeats itself
    /// endlessly.
    fn nearest(
        &mut self,
        side: &[&[u8]],
        wanted: usize,
        allowed: RangeInclusive<usize>,
    ) -> Option<usize> {
        self.make_index();
        let index = self.index.as_ref()?;
        let stands = |line: &[u8]| index.get(line).map_or(&[][..], Vec::as_slice);
        let (offset, line) = side
            .iter()
            .enumerate()
            .min_by_key(|(_, line)| stands(line).len())?;
        let places = stands(line);
        let (before, after) = places.split_at(places.partition_point(|&at| at < wanted + offset));
        let start = |at: &usize| {
            at.checked_sub(offset)
                .filter(|start| allowed.contains(start))
        };
        let mut before = before.iter().rev().map_while(start).peekable();
        let mut after = after
            .iter()
            .map(start)
            .skip_while(Option::is_none)
            .map_while(|start| start)
            .peekable();
        while self.compared.get() < SEARCH_LINES_MAX {
            let near = match (before.peek(), after.peek()) {
                (Some(left), Some(right)) if wanted - left < right - wanted => before.next()?,
                (_, Some(_)) => after.next()?,
                (_, None) => before.next()?,
            };
            if self.fits(side, near) {
                return Some(near);
            }
        }
        None
    }

    fn make_index(&mut self) {
        let old = self.old;
        self.index.get_or_insert_with(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for (at, &line) in old.iter().enumerate() {
                index.entry(line).or_default().push(at);
            }
            index
        });
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
}

fn texts<'h>(side: impl Iterator<Item = &'h Line>) -> Vec<&'h [u8]> {
    side.map(|line| line.text.as_slice()).collect()
}

fn ending_free(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}
