//! Properties held against `git merge-file`.

use hyperion_patch::{Merge, merge3};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::git::Repo;
use crate::texts::{edits, text};

/// A base and two edits of it.
fn sides(max: usize) -> impl Strategy<Value = [Vec<u8>; 3]> {
    text(max).prop_flat_map(|base| {
        (Just(base.clone()), edits(base.clone()), edits(base))
            .prop_map(|(base, ours, theirs)| [base, ours, theirs])
    })
}

/// Like `sides`, but no line stands twice, so there is one way only to say what changed.
fn distinct_sides() -> impl Strategy<Value = [Vec<u8>; 3]> {
    let numbered = |from: usize| move |place: usize| format!("line {}\n", from + place);
    let side =
        || prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3, 0_usize..3), 0..4);
    (0_usize..40, side(), side()).prop_map(move |(length, ours, theirs)| {
        let base: Vec<String> = (0..length).map(numbered(0)).collect();
        let edit = |edits: Vec<(prop::sample::Index, usize, usize)>, fresh: usize| {
            let mut lines = base.clone();
            for (round, (place, removed, added)) in edits.into_iter().enumerate() {
                let start = place.index(lines.len() + 1);
                let end = (start + removed).min(lines.len());
                lines.splice(start..end, (0..added).map(numbered(fresh + round * 100)));
            }
            lines.concat().into_bytes()
        };
        // Both sides draw from the same new lines, so that sometimes they do the same.
        [
            base.concat().into_bytes(),
            edit(ours, 1000),
            edit(theirs, 1000),
        ]
    })
}

struct Theirs {
    conflicts: i32,
    merged: Vec<u8>,
}

fn merge_file(repo: &Repo, [base, ours, theirs]: &[Vec<u8>; 3], style: &[&str]) -> Theirs {
    repo.write("base", base);
    repo.write("ours", ours);
    repo.write("theirs", theirs);
    let labels = [
        "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs",
    ];
    let output = repo.try_run(&[&["merge-file", "-p"], style, &labels].concat());
    Theirs {
        conflicts: output.status.code().expect("an exit code"),
        merged: output.stdout,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where lines do not repeat, everything agrees: conflict or not, and every byte of the result.
    #[test]
    fn distinct_lines_merge_exactly_as_git_merges_them(sides in distinct_sides()) {
        let [base, ours, theirs] = &sides;
        let repo = Repo::folder();
        let plain = merge_file(&repo, &sides, &[]);
        match merge3(base, ours, theirs) {
            Merge::Clean(merged) => {
                prop_assert_eq!(plain.conflicts, 0);
                prop_assert_eq!(merged, plain.merged);
            }
            Merge::Conflict { merged, conflicts } => {
                prop_assert_ne!(plain.conflicts, 0);
                let diff3 = merge_file(&repo, &sides, &["--diff3"]);
                prop_assert_eq!(diff3.conflicts as usize, conflicts.len());
                prop_assert_eq!(merged, diff3.merged);
            }
            Merge::Binary => prop_assert!(false, "this is text"),
        }
    }
}

/// Where lines repeat there is more than one way to say what changed, and git's comparison and ours may choose
/// differently. Asserted: a merge both find clean has the same bytes, and of four hundred merges at most one in a
/// hundred is clean for the one and a conflict for the other (it is 2 in 3000 as measured).
#[test]
fn repeating_lines_merge_as_git_merges_them() {
    const MERGES: usize = 400;
    let repo = Repo::folder();
    let mut runner = TestRunner::deterministic();
    let (mut clean, mut other) = (0, 0);
    for _ in 0..MERGES {
        let sides = sides(30).new_tree(&mut runner).expect("texts").current();
        let [base, ours, theirs] = &sides;
        let git = merge_file(&repo, &sides, &[]);
        match merge3(base, ours, theirs) {
            Merge::Clean(merged) if git.conflicts == 0 => {
                clean += 1;
                assert_eq!(
                    String::from_utf8_lossy(&merged),
                    String::from_utf8_lossy(&git.merged)
                );
            }
            Merge::Conflict { .. } if git.conflicts != 0 => {}
            Merge::Clean(_) | Merge::Conflict { .. } => other += 1,
            Merge::Binary => panic!("this is text"),
        }
    }
    assert!(other <= MERGES / 100, "{other} of {MERGES} differ");
    assert!(
        clean > MERGES / 5 && clean < MERGES,
        "both kinds occur: {clean} of {MERGES} are clean"
    );
}
