//! Properties held against `git apply` and `git diff`.

use hyperion_patch::{
    ApplyError, DiffOptions, FileHeader, Mismatch, MismatchHint, apply, diff, parse, render,
    select, unified,
};
use proptest::prelude::*;

use crate::git::Repo;
use crate::texts::{edited, edits, text};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn ours(old: &[u8], new: &[u8]) -> Vec<u8> {
    unified(
        &FileHeader::modify(b"file"),
        &diff(old, new, &DiffOptions::default()),
    )
}

proptest! {
    #![proptest_config(cases(128))]

    // C1, C2
    #[test]
    fn git_applies_what_we_write((old, new) in edited(40)) {
        let repo = Repo::folder();
        let patch = ours(&old, &new);
        if old == new {
            prop_assert!(patch.is_empty());
        } else {
            let applied = repo.apply(&old, &patch);
            prop_assert_eq!(applied, Some(new), "{}", String::from_utf8_lossy(&patch));
        }
    }

    #[test]
    fn we_apply_what_git_writes((old, new) in edited(40)) {
        let repo = Repo::folder();
        let patch = repo.diff(&old, &new);
        if old == new {
            prop_assert!(patch.is_empty());
        } else {
            let files = parse(&patch).expect("git's own diff");
            prop_assert_eq!(files.len(), 1);
            prop_assert_eq!(apply(&old, &files[0]), Ok(new));
        }
    }

    /// The base has changed elsewhere since: both find the same place, or both refuse.
    ///
    /// Three differences are meant. git takes a line without its newline for the start of one with it, it may put a hunk
    /// before the one before it, and it takes the nearest of several places; we refuse all three. All else is asserted: what we apply, git applies alike, and where
    /// git alone applies, it is for one of these reasons.
    #[test]
    fn drifted_patches_go_where_git_puts_them(
        ((old, new), drifted) in edited(30).prop_flat_map(|(old, new)| {
            let base = old.clone();
            (Just((old, new)), edits(base))
        })
    ) {
        let patch = ours(&old, &new);
        prop_assume!(!patch.is_empty() && !drifted.is_empty());
        let repo = Repo::folder();
        let theirs = repo.apply(&drifted, &patch);
        let files = parse(&patch).expect("our own patch");
        match apply(&drifted, &files[0]) {
            Ok(content) => prop_assert_eq!(Some(content), theirs),
            Err(error) if theirs.is_some() => {
                let newline = patch.windows(2).any(|pair| pair == b"\n\\");
                let before = matches!(
                    &error,
                    ApplyError::Mismatch(Mismatch { hint: MismatchHint::OutOfOrder { .. }, .. })
                );
                let several = matches!(&error, ApplyError::Ambiguous(_));
                prop_assert!(newline || before || several, "{}", error);
            }
            Err(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_diff_applies_and_survives_writing((old, new) in edited(60), context in 0_usize..5) {
        let difference = diff(&old, &new, &DiffOptions { context, ..DiffOptions::default() });
        let count = difference.hunks.len();
        prop_assert_eq!(select(&old, &difference, &vec![true; count]), Ok(new.clone()));
        prop_assert_eq!(select(&old, &difference, &vec![false; count]), Ok(old.clone()));
        let patch = unified(&FileHeader::modify(b"file"), &difference);
        if old != new {
            let files = parse(&patch).expect("our own patch");
            prop_assert_eq!(files[0].hunks(), difference.hunks.as_slice());
            prop_assert_eq!(render(&files[0]), patch);
            if context > 0 {
                prop_assert_eq!(apply(&old, &files[0]), Ok(new));
            }
        }
    }

    // C3
    #[test]
    fn accepted_hunks_apply_alone((old, new) in edited(60), accepted in prop::collection::vec(any::<bool>(), 12)) {
        let mut difference = diff(&old, &new, &DiffOptions::default());
        let accepted = &accepted[..difference.hunks.len().min(12)];
        prop_assume!(accepted.len() == difference.hunks.len());
        let selected = select(&old, &difference, accepted).expect("fits");
        let mut decisions = accepted.iter();
        difference.hunks.retain(|_| *decisions.next().expect("one each"));
        let count = difference.hunks.len();
        prop_assert_eq!(select(&old, &difference, &vec![true; count]), Ok(selected));
    }

    #[test]
    fn unrelated_texts_diff_too(old in text(60), new in text(60)) {
        let difference = diff(&old, &new, &DiffOptions::default());
        let count = difference.hunks.len();
        prop_assert_eq!(select(&old, &difference, &vec![true; count]), Ok(new));
    }
}
