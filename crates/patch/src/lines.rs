//! Lines of a file, and which of them changed.

use std::collections::HashMap;
use std::ops::Range;

use similar::Algorithm;
use similar::DiffOp;
use similar::algorithms::{Capture, diff_slices};

/// The most changed lines, both sides together, that are compared line by line.
///
/// Beyond it everything between the first and the last difference counts as one change.
pub const DIFF_LINES_MAX: usize = 1_000_000;

/// Old lines replaced by new lines; one of the ranges may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
}

/// The differences between two sequences, in order, never touching each other.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) list: Vec<Change>,
    pub(crate) coarse: bool,
}

/// Splits into lines that keep their endings; only the last may lack one.
pub(crate) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').collect()
}

/// Finds what changed between two sequences of lines or words.
pub(crate) fn changes(old: &[&[u8]], new: &[&[u8]], max: usize) -> Changes {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let old_middle = &old_rest[..old_rest.len() - suffix];
    let new_middle = &new_rest[..new_rest.len() - suffix];
    if old_middle.is_empty() && new_middle.is_empty() {
        return Changes::default();
    }
    let whole = Change {
        old: prefix..prefix + old_middle.len(),
        new: prefix..prefix + new_middle.len(),
    };
    let coarse = old_middle.len() + new_middle.len() > max;
    let list = if coarse || old_middle.is_empty() || new_middle.is_empty() {
        vec![whole]
    } else {
        compare(old_middle, new_middle, prefix)
    };
    Changes {
        list: settle(list, old, new),
        coarse,
    }
}

fn compare(old: &[&[u8]], new: &[&[u8]], offset: usize) -> Vec<Change> {
    let mut ids = HashMap::new();
    let mut intern = |line| {
        let next = ids.len();
        *ids.entry(line).or_insert(next)
    };
    let old_ids: Vec<usize> = old.iter().copied().map(&mut intern).collect();
    let new_ids: Vec<usize> = new.iter().copied().map(&mut intern).collect();
    let mut capture = Capture::new();
    match diff_slices(Algorithm::Myers, &mut capture, &old_ids, &new_ids) {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let mut list = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    let ends = (old.len(), new.len(), 0);
    let equals = capture.ops().iter().filter_map(|op| match *op {
        DiffOp::Equal {
            old_index,
            new_index,
            len,
        } => Some((old_index, new_index, len)),
        DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => None,
    });
    for (old_index, new_index, len) in equals.chain([ends]) {
        if old_at < old_index || new_at < new_index {
            list.push(Change {
                old: offset + old_at..offset + old_index,
                new: offset + new_at..offset + new_index,
            });
        }
        (old_at, new_at) = (old_index + len, new_index + len);
    }
    list
}

/// Moves insertions and removals that could stand in several places to where git would show them: joined with a
/// neighbour if they reach one, else as far down as they go. Merging depends on it: two sides that insert the same
/// kind of line must both be seen to insert it at the same place.
fn settle(list: Vec<Change>, old: &[&[u8]], new: &[&[u8]]) -> Vec<Change> {
    let mut settled: Vec<Change> = Vec::with_capacity(list.len());
    let mut rest = list.into_iter().peekable();
    let mut current = rest.next();
    while let Some(mut change) = current.take() {
        let limit = rest.peek().map_or(old.len(), |next| next.old.start);
        let down = slide_down(&change, old, new, limit);
        let joins_next = rest
            .peek()
            .is_some_and(|next| change.old.end + down == next.old.start);
        if joins_next {
            if let Some(next) = rest.next() {
                shift_down(&mut change, down);
                change.old.end = next.old.end;
                change.new.end = next.new.end;
            }
            current = Some(change);
            continue;
        }
        let floor = settled.last().map_or(0, |last| last.old.end);
        let up = slide_up(&change, old, new, floor);
        match settled.last_mut() {
            Some(last) if change.old.start - up == last.old.end => {
                change.old.end -= up;
                change.new.end -= up;
                change.old.start = last.old.start;
                change.new.start = last.new.start;
                settled.pop();
                current = Some(change);
            }
            Some(_) | None => {
                shift_down(&mut change, down);
                settled.push(change);
                current = rest.next();
            }
        }
    }
    settled
}

fn shift_down(change: &mut Change, by: usize) {
    change.old = change.old.start + by..change.old.end + by;
    change.new = change.new.start + by..change.new.end + by;
}

/// Picks the side that has lines, when only one has: a change on both sides stays where it is.
fn one_sided<'a>(
    change: &Change,
    old: &'a [&'a [u8]],
    new: &'a [&'a [u8]],
) -> Option<(&'a [&'a [u8]], Range<usize>)> {
    match (change.old.is_empty(), change.new.is_empty()) {
        (true, false) => Some((new, change.new.clone())),
        (false, true) => Some((old, change.old.clone())),
        (true, true) | (false, false) => None,
    }
}

fn slide_down(change: &Change, old: &[&[u8]], new: &[&[u8]], limit: usize) -> usize {
    let Some((side, range)) = one_sided(change, old, new) else {
        return 0;
    };
    let room = limit - change.old.end;
    (0..room)
        .take_while(|step| side.get(range.end + step) == Some(&side[range.start + step]))
        .count()
}

fn slide_up(change: &Change, old: &[&[u8]], new: &[&[u8]], floor: usize) -> usize {
    let Some((side, range)) = one_sided(change, old, new) else {
        return 0;
    };
    let room = change.old.start - floor;
    (1..=room)
        .take_while(|step| side[range.start - step] == side[range.end - step])
        .count()
}
