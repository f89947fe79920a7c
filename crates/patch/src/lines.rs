//! Lines of a file, and which of them changed.

use std::collections::HashMap;
use std::ops::Range;

use similar::Algorithm;
use similar::DiffOp;
use similar::algorithms::{Capture, diff_slices};

/// The most lines, both sides together, that are compared with each other at a time.
///
/// A larger region of change is first cut at the lines that stand once on each side and in the same order; a piece that
/// is still larger counts as one change. Myers' search recurses on its way, so the limit also keeps the stack small.
pub const DIFF_LINES_MAX: usize = 50_000;

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

/// Finds what changed between two sequences of lines or words, comparing at most `max` of them at a time.
pub(crate) fn changes(old: &[&[u8]], new: &[&[u8]], max: usize) -> Changes {
    let mut found = Changes::default();
    let middle = trim(
        old,
        new,
        Change {
            old: 0..old.len(),
            new: 0..new.len(),
        },
    );
    if middle.old.is_empty() || middle.new.is_empty() {
        found
            .list
            .extend(Some(middle).filter(|middle| !middle.old.is_empty() || !middle.new.is_empty()));
    } else {
        let mut ids = HashMap::new();
        let mut intern = |line| {
            let next = ids.len();
            *ids.entry(line).or_insert(next)
        };
        let old_ids: Vec<usize> = old[middle.old.clone()]
            .iter()
            .copied()
            .map(&mut intern)
            .collect();
        let new_ids: Vec<usize> = new[middle.new.clone()]
            .iter()
            .copied()
            .map(&mut intern)
            .collect();
        compare(&old_ids, &new_ids, max, &mut found);
        for change in &mut found.list {
            change.old = change.old.start + middle.old.start..change.old.end + middle.old.start;
            change.new = change.new.start + middle.new.start..change.new.end + middle.new.start;
        }
    }
    found.list = settle(found.list, old, new);
    found
}

/// Takes off what is equal at both ends.
fn trim<T: PartialEq>(old: &[T], new: &[T], Change { old: o, new: n }: Change) -> Change {
    let (old, new) = (&old[o.clone()], &new[n.clone()]);
    let prefix = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    Change {
        old: o.start + prefix..o.end - suffix,
        new: n.start + prefix..n.end - suffix,
    }
}

fn compare(old: &[usize], new: &[usize], max: usize, found: &mut Changes) {
    let whole = Change {
        old: 0..old.len(),
        new: 0..new.len(),
    };
    if old.len() + new.len() <= max {
        return compare_piece(old, new, &whole, found);
    }
    let (mut old_at, mut new_at) = (0, 0);
    for (old_anchor, new_anchor) in anchors(old, new)
        .into_iter()
        .chain([(old.len(), new.len())])
    {
        let piece = Change {
            old: old_at..old_anchor,
            new: new_at..new_anchor,
        };
        let piece = trim(old, new, piece);
        if piece.old.is_empty() && piece.new.is_empty() {
        } else if piece.old.is_empty() || piece.new.is_empty() {
            found.list.push(piece);
        } else if piece.old.len() + piece.new.len() <= max {
            compare_piece(old, new, &piece, found);
        } else {
            found.list.push(piece);
            found.coarse = true;
        }
        (old_at, new_at) = (old_anchor + 1, new_anchor + 1);
    }
}

fn compare_piece(old: &[usize], new: &[usize], piece: &Change, found: &mut Changes) {
    let mut capture = Capture::new();
    let (old, new) = (&old[piece.old.clone()], &new[piece.new.clone()]);
    match diff_slices(Algorithm::Myers, &mut capture, old, new) {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let equals = capture.ops().iter().filter_map(|op| match *op {
        DiffOp::Equal {
            old_index,
            new_index,
            len,
        } => Some((old_index, new_index, len)),
        DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => None,
    });
    let (mut old_at, mut new_at) = (0, 0);
    for (old_index, new_index, len) in equals.chain([(old.len(), new.len(), 0)]) {
        if old_at < old_index || new_at < new_index {
            found.list.push(Change {
                old: piece.old.start + old_at..piece.old.start + old_index,
                new: piece.new.start + new_at..piece.new.start + new_index,
            });
        }
        (old_at, new_at) = (old_index + len, new_index + len);
    }
}

/// Finds the longest row of lines that stand once on each side, in the same order on both.
fn anchors(old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
    #[derive(Clone, Copy)]
    enum Stands {
        Nowhere,
        Once(usize),
        Often,
    }
    let distinct = old.iter().chain(new).max().map_or(0, |id| id + 1);
    let once = |side: &[usize]| {
        let mut stands = vec![Stands::Nowhere; distinct];
        for (at, &id) in side.iter().enumerate() {
            stands[id] = match stands[id] {
                Stands::Nowhere => Stands::Once(at),
                Stands::Once(_) | Stands::Often => Stands::Often,
            };
        }
        stands
    };
    let (in_old, in_new) = (once(old), once(new));
    let common: Vec<(usize, usize)> = old
        .iter()
        .filter_map(|&id| match (in_old[id], in_new[id]) {
            (Stands::Once(old), Stands::Once(new)) => Some((old, new)),
            _ => None,
        })
        .collect();
    // Each pile ends in the lowest place that a row of its length can end in; links lead back along the row.
    let mut piles: Vec<usize> = Vec::new();
    let mut links: Vec<Option<usize>> = Vec::with_capacity(common.len());
    for (index, &(_, place)) in common.iter().enumerate() {
        let pile = piles.partition_point(|&top| common[top].1 < place);
        links.push(pile.checked_sub(1).map(|below| piles[below]));
        match piles.get_mut(pile) {
            Some(top) => *top = index,
            None => piles.push(index),
        }
    }
    let mut row: Vec<(usize, usize)> =
        std::iter::successors(piles.last().copied(), |&index| links[index])
            .map(|index| common[index])
            .collect();
    row.reverse();
    row
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
