//! Texts and edits of them.

use proptest::prelude::*;

/// A line: often one of few, so that it repeats, sometimes one of its own.
pub(crate) fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(vec!["{", "}", "", "    return;", "fn a() {", "\tx"]).prop_map(Into::into),
        5 => (0_u16..400).prop_map(|number| format!("line {number}").into_bytes()),
        1 => prop::collection::vec(prop_oneof![1_u8..10, 11_u8..=255], 0..6),
    ]
}

/// Joins lines; the last one may lack its newline, and some end in `\r\n`.
pub(crate) fn text(max: usize) -> impl Strategy<Value = Vec<u8>> {
    (
        prop::collection::vec((line(), prop::bool::weighted(0.1)), 0..max),
        any::<bool>(),
    )
        .prop_map(|(lines, ended)| join(&lines, ended))
}

/// A text and another made of it by a few edits.
pub(crate) fn edited(max: usize) -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    text(max).prop_flat_map(|old| {
        let kept = old.clone();
        edits(old).prop_map(move |new| (kept.clone(), new))
    })
}

/// Edits a text in up to five places.
pub(crate) fn edits(old: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<prop::sample::Index>(),
        0_usize..4,
        prop::collection::vec(line(), 0..4),
    );
    (prop::collection::vec(edit, 0..5), any::<bool>()).prop_map(move |(edits, ended)| {
        let mut lines: Vec<Vec<u8>> = old
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        for (place, removed, added) in edits {
            let start = place.index(lines.len() + 1);
            let end = (start + removed).min(lines.len());
            let added = added
                .into_iter()
                .map(|line| [line, b"\n".to_vec()].concat());
            lines.splice(start..end, added);
        }
        let mut new = Vec::new();
        let count = lines.len();
        for (index, mut line) in lines.into_iter().enumerate() {
            if index + 1 < count && !line.ends_with(b"\n") {
                line.push(b'\n');
            }
            new.extend(line);
        }
        if ended && !new.is_empty() && !new.ends_with(b"\n") {
            new.push(b'\n');
        }
        new
    })
}

fn join(lines: &[(Vec<u8>, bool)], ended: bool) -> Vec<u8> {
    let mut text = Vec::new();
    for (line, carriage_return) in lines {
        text.extend_from_slice(line);
        text.extend_from_slice(if *carriage_return { b"\r\n" } else { b"\n" });
    }
    if !ended {
        text.pop();
    }
    text
}
