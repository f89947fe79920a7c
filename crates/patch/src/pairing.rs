//! Which removed line became which added one.

use crate::file_patch::{Hunk, LineKind};
use crate::words::{WordDiff, is_blank, split, words};

/// The most pairs of a block (removed times added lines) that are weighed against each other.
///
/// In a larger block the first removed line is held against the first added one, and so on.
pub const PAIR_CELLS_MAX: usize = 1600;

/// The most words of a line that are looked at to weigh it.
const WEIGHED_WORDS_MAX: usize = 256;

/// Lines must share this part of their words, in hundredths, to count as the same line edited.
const LIKENESS_MIN: usize = 40;

/// A removed line and the added line it became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePair {
    /// Gives the place of the removed line in [`Hunk::lines`].
    pub removed: usize,
    /// Gives the place of the added line in [`Hunk::lines`].
    pub added: usize,
    /// Tells what changed between the two.
    pub words: WordDiff,
}

/// Finds the removed lines that became added ones, in order, with what changed in them.
///
/// Only lines of the same block, with no context between them, can be a pair, and pairs never cross.
pub fn pair_lines(hunk: &Hunk) -> Vec<LinePair> {
    let mut pairs = Vec::new();
    let mut start = 0;
    let in_block = |kind: LineKind| kind != LineKind::Context;
    for block in hunk
        .lines
        .chunk_by(|left, right| in_block(left.kind) == in_block(right.kind))
    {
        let places = |kind| -> Vec<usize> {
            (start..)
                .zip(block)
                .filter(|(_, line)| line.kind == kind)
                .map(|(place, _)| place)
                .collect()
        };
        let (removed, added) = (places(LineKind::Removed), places(LineKind::Added));
        if !removed.is_empty() && !added.is_empty() {
            let text = |place: &usize| Weighed::new(hunk.lines[*place].content());
            let left: Vec<_> = removed.iter().map(text).collect();
            let right: Vec<_> = added.iter().map(text).collect();
            pairs.extend(match_lines(&left, &right).into_iter().map(|(left, right)| {
                let (removed, added) = (removed[left], added[right]);
                let words = words(hunk.lines[removed].content(), hunk.lines[added].content());
                LinePair {
                    removed,
                    added,
                    words,
                }
            }));
        }
        start += block.len();
    }
    pairs
}

/// A line's words in a fixed order, to see quickly how many two lines share.
struct Weighed<'a> {
    words: Vec<&'a [u8]>,
    bytes: usize,
}

impl<'a> Weighed<'a> {
    fn new(line: &'a [u8]) -> Self {
        let mut words: Vec<_> = split(line)
            .into_iter()
            .filter(|word| !is_blank(word))
            .collect();
        words.truncate(WEIGHED_WORDS_MAX);
        words.sort_unstable();
        let bytes = words.iter().map(|word| word.len()).sum();
        Self { words, bytes }
    }

    /// Gives the shared part in hundredths, or nothing if it is too little.
    fn likeness(&self, other: &Self) -> usize {
        let (mut left, mut right) = (self.words.as_slice(), other.words.as_slice());
        let mut shared = 0;
        while let ([first, left_rest @ ..], [second, right_rest @ ..]) = (left, right) {
            match first.cmp(second) {
                std::cmp::Ordering::Less => left = left_rest,
                std::cmp::Ordering::Greater => right = right_rest,
                std::cmp::Ordering::Equal => {
                    shared += first.len();
                    (left, right) = (left_rest, right_rest);
                }
            }
        }
        let likeness = 200 * shared / (self.bytes + other.bytes).max(1);
        if likeness < LIKENESS_MIN { 0 } else { likeness }
    }
}

/// Picks pairs that do not cross, so that their likeness is greatest in sum.
fn match_lines(left: &[Weighed<'_>], right: &[Weighed<'_>]) -> Vec<(usize, usize)> {
    if left.len() * right.len() > PAIR_CELLS_MAX {
        let in_order = 0..left.len().min(right.len());
        return in_order
            .filter(|&place| left[place].likeness(&right[place]) > 0)
            .map(|place| (place, place))
            .collect();
    }
    let width = right.len() + 1;
    let cell = |row: usize, column: usize| row * width + column;
    let mut likeness = vec![0; left.len() * width];
    // The best sum for the lines from (row, column) on.
    let mut best = vec![0; (left.len() + 1) * width];
    for row in (0..left.len()).rev() {
        for column in (0..right.len()).rev() {
            let here = left[row].likeness(&right[column]);
            likeness[cell(row, column)] = here;
            let paired = if here > 0 {
                here + best[cell(row + 1, column + 1)]
            } else {
                0
            };
            best[cell(row, column)] = paired
                .max(best[cell(row + 1, column)])
                .max(best[cell(row, column + 1)]);
        }
    }
    let mut pairs = Vec::new();
    let (mut row, mut column) = (0, 0);
    while row < left.len() && column < right.len() {
        let (here, sum) = (likeness[cell(row, column)], best[cell(row, column)]);
        if here > 0 && sum == here + best[cell(row + 1, column + 1)] {
            pairs.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if sum == best[cell(row + 1, column)] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}
