//! A hunk in two columns.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::vec::IntoIter;

use crate::file_patch::{Hunk, Line, LineKind};
use crate::pairing::{LinePair, pair_lines};
use crate::words::WordSpan;

/// A row of two columns; a side that has no line here is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// Shows the old side.
    pub left: Option<Cell<'a>>,
    /// Shows the new side.
    pub right: Option<Cell<'a>>,
}

/// One side of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Numbers the line in its file, from 1.
    pub number: usize,
    /// Shows the line.
    pub line: &'a Line,
    /// Covers the line's content with what changed, where the other side is the same line edited; else empty.
    pub words: Vec<WordSpan>,
}

/// Lays a hunk out in two columns: context on both sides, an edited line beside what it became.
pub fn side_by_side(hunk: &Hunk) -> Vec<Row<'_>> {
    let mut rows = Vec::with_capacity(hunk.lines.len());
    let mut pairs = pair_lines(hunk).into_iter().peekable();
    let mut block = Block::default();
    let (mut old, mut new) = (hunk.old_start, hunk.new_start);
    for (place, line) in hunk.lines.iter().enumerate() {
        let cell = |number| Cell {
            number,
            line,
            words: Vec::new(),
        };
        match line.kind {
            LineKind::Context => {
                block.finish(&mut rows, &mut pairs);
                rows.push(Row {
                    left: Some(cell(old)),
                    right: Some(cell(new)),
                });
            }
            LineKind::Removed => block.left.push_back((place, cell(old))),
            LineKind::Added => block.right.push_back((place, cell(new))),
        }
        old += usize::from(line.kind != LineKind::Added);
        new += usize::from(line.kind != LineKind::Removed);
    }
    block.finish(&mut rows, &mut pairs);
    rows
}

/// The removed and added lines since the last context, with their places in the hunk.
#[derive(Default)]
struct Block<'a> {
    left: VecDeque<(usize, Cell<'a>)>,
    right: VecDeque<(usize, Cell<'a>)>,
}

impl<'a> Block<'a> {
    /// Puts pairs into rows of their own, and between them lines without a mate beside each other.
    fn finish(&mut self, rows: &mut Vec<Row<'a>>, pairs: &mut Peekable<IntoIter<LinePair>>) {
        let last = self.left.back().map(|(place, _)| *place);
        while let Some(pair) = pairs.next_if(|pair| Some(pair.removed) <= last) {
            self.put_lone(rows, pair.removed, pair.added);
            let with = |words, (_, cell): (usize, Cell<'a>)| Cell { words, ..cell };
            rows.push(Row {
                left: self.left.pop_front().map(|cell| with(pair.words.old, cell)),
                right: self
                    .right
                    .pop_front()
                    .map(|cell| with(pair.words.new, cell)),
            });
        }
        self.put_lone(rows, usize::MAX, usize::MAX);
    }

    fn put_lone(&mut self, rows: &mut Vec<Row<'a>>, left_end: usize, right_end: usize) {
        loop {
            let left = self.left.pop_front_if(|(place, _)| *place < left_end);
            let right = self.right.pop_front_if(|(place, _)| *place < right_end);
            if left.is_none() && right.is_none() {
                return;
            }
            rows.push(Row {
                left: left.map(|(_, cell)| cell),
                right: right.map(|(_, cell)| cell),
            });
        }
    }
}
