//! What must hold for any bytes at all; driven by the fuzzer, and by the tests over its findings.

use crate::{
    ApplyError, Body, DiffOptions, FileHeader, Merge, apply, diff, merge3, parse, render, select,
    side_by_side, unified, words,
};

/// Splits the input into so many parts, at the marker line `====`; missing parts are empty.
fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    const MARKER: &[u8] = b"\n====\n";
    let mut rest = data;
    let mut found = [&data[..0]; N];
    for (at, part) in found.iter_mut().enumerate() {
        match rest
            .windows(MARKER.len())
            .position(|window| window == MARKER)
        {
            // The newline before the marker belongs to the part.
            Some(end) if at + 1 < N => {
                *part = &rest[..=end];
                rest = &rest[end + MARKER.len()..];
            }
            Some(_) | None => {
                *part = rest;
                rest = &[];
            }
        }
    }
    found
}

/// Any bytes are a patch or a refusal; what was read is written and read again as the same, and applying it to
/// anything gives bytes or a refusal.
///
/// The input is a file's content and a patch.
pub fn patch(data: &[u8]) {
    let [base, text] = parts::<2>(data);
    let files = match parse(text) {
        Ok(files) => files,
        Err(refused) => {
            assert!(refused.line >= 1);
            assert!(!refused.to_string().is_empty());
            return;
        }
    };
    for file in &files {
        let written = render(file);
        let again = parse(&written).unwrap_or_else(|error| {
            panic!(
                "what was written cannot be read: {error}\n{}",
                String::from_utf8_lossy(&written)
            )
        });
        assert_eq!(again.len(), 1, "{}", String::from_utf8_lossy(&written));
        let again = &again[0];
        // Modes that went without saying are said; nothing else is another.
        assert_eq!(
            (&again.old_path, &again.new_path),
            (&file.old_path, &file.new_path)
        );
        assert_eq!((again.kind, &again.body), (file.kind, &file.body));
        assert_eq!(render(again), written, "writing is stable");
        match apply(base, file) {
            Ok(_) => {}
            Err(refused) => assert!(!refused.to_string().is_empty()),
        }
    }
}

/// For any two contents the difference leads from one to the other, its parts too; for any three a merge has both
/// sides' changes or says where they meet.
///
/// The input is a base and two sides.
pub fn differences(data: &[u8]) {
    let [base, ours, theirs] = parts::<3>(data);
    leads_from_to(base, ours);
    leads_from_to(theirs, base);
    let merged = merge3(base, ours, theirs);
    match (&merged, merge3(base, theirs, ours)) {
        (Merge::Clean(one), Merge::Clean(other)) => assert_eq!(*one, other, "sides do not matter"),
        (
            Merge::Conflict { conflicts, .. },
            Merge::Conflict {
                conflicts: others, ..
            },
        ) => {
            assert!(!conflicts.is_empty());
            assert_eq!(conflicts.len(), others.len());
        }
        (Merge::Binary, Merge::Binary) => {}
        (one, other) => {
            panic!("sides do not matter, but one way it is {one:?} and the other {other:?}")
        }
    }
    assert_eq!(merge3(base, ours, base), Merge::Clean(ours.to_vec()));
    assert_eq!(merge3(base, base, theirs), Merge::Clean(theirs.to_vec()));
}

fn leads_from_to(old: &[u8], new: &[u8]) {
    let found = diff(old, new, &DiffOptions::default());
    let written = unified(&FileHeader::modify(b"file"), &found);
    if found.binary || old == new {
        return;
    }
    let files = parse(&written).expect("our own patch can be read");
    assert_eq!(files.len(), 1);
    assert_eq!(
        apply(old, &files[0]).map_err(|error: ApplyError| error.to_string()),
        Ok(new.to_vec())
    );
    let Body::Text(hunks) = &files[0].body else {
        panic!("text changes are hunks")
    };
    assert_eq!(hunks.len(), found.hunks.len());
    let all = vec![true; found.hunks.len()];
    assert_eq!(select(old, &found, &all).expect("all hunks fit"), new);
    let none = vec![false; found.hunks.len()];
    assert_eq!(select(old, &found, &none).expect("no hunk fits"), old);
    for hunk in &found.hunks {
        for row in side_by_side(hunk) {
            if let (Some(left), Some(right)) = (&row.left, &row.right) {
                let found = words(&left.line.text, &right.line.text);
                let covered: usize = found.old.iter().map(|span| span.range.len()).sum();
                assert_eq!(covered, left.line.text.len(), "spans cover the line");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_bytes_are_a_patch_or_a_refusal() {
        on_each_input("patch", 500, super::patch);
    }

    #[test]
    fn a_difference_leads_from_one_content_to_the_other() {
        on_each_input("diff", 500, super::differences);
    }
}
