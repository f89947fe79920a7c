//! Whatever comes in, it ends soon and without a panic.

use hyperion_patch::{
    Body, DIFF_LINES_MAX, DiffOptions, FILES_MAX, FileHeader, FileKind, FilePatch, HUNKS_MAX,
    Merge, PATCH_BYTES_MAX, ParseErrorKind, apply, diff, merge3, parse, render, select,
    side_by_side, unified, words,
};
use proptest::prelude::*;

use crate::git::Repo;

/// Pieces of patches, so that garbage gets far into the parser.
fn patch_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "diff --git a/x b/x\n",
            "diff --git \"a/x\" \"b/x\"\n",
            "--- a/x\n",
            "+++ b/x\n",
            "--- /dev/null\n",
            "+++ /dev/null\n",
            "@@ -1,2 +1,2 @@\n",
            "@@ -1 +1 @@\n",
            "@@ -0,0 +1 @@\n",
            "@@ -4294967295,9 +1 @@\n",
            "-a\n",
            "+b\n",
            " c\n",
            "\n",
            "\\ No newline at end of file\n",
            "old mode 100644\n",
            "new mode 100755\n",
            "new file mode 100644\n",
            "deleted file mode 100644\n",
            "rename from x\n",
            "rename to y\n",
            "copy from x\n",
            "copy to y\n",
            "similarity index 900%\n",
            "index 1234567..89abcde 100644\n",
            "GIT binary patch\n",
            "literal 3\n",
            "delta 3\n",
            "KcmZQzWMT#Y01f~L\n",
            "Binary files a/x and b/x differ\n",
            "-- \n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_patch_makes_it_panic(patch in patch_like(), base in prop_oneof![Just(b"a\nc\n".to_vec()), Just(Vec::new())]) {
        for file in parse(&patch).unwrap_or_default() {
            let _ = apply(&base, &file);
            file.hunks().iter().for_each(|hunk| { side_by_side(hunk); });
            let written = render(&file);
            if !matches!(file.body, Body::Binary(_)) {
                // A plain patch does not tell the mode, and what we write does.
                let expected = FilePatch {
                    new_mode: file.new_mode.or((file.kind == FileKind::Create).then_some(0o100_644)),
                    old_mode: file.old_mode.or((file.kind == FileKind::Delete).then_some(0o100_644)),
                    ..file
                };
                prop_assert_eq!(parse(&written), Ok(vec![expected]), "{}", String::from_utf8_lossy(&written));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), more in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        words(&bytes, &more);
        let difference = diff(&bytes, &more, &DiffOptions::default());
        let _ = select(&more, &difference, &[true]);
        merge3(&bytes, &more, b"x\n");
    }
}

#[test]
fn patches_beyond_the_limits_are_refused() {
    let kind = |patch: &[u8]| {
        parse(patch)
            .map(|files| files.len())
            .map_err(|error| error.kind)
    };
    let bytes = PATCH_BYTES_MAX + 1;
    assert_eq!(
        kind(&vec![b'\n'; bytes]),
        Err(ParseErrorKind::PatchTooLarge { bytes })
    );
    let file = b"diff --git a/x b/x\nold mode 100644\nnew mode 100755\n";
    assert_eq!(kind(&file.repeat(FILES_MAX)), Ok(FILES_MAX));
    assert_eq!(
        kind(&file.repeat(FILES_MAX + 1)),
        Err(ParseErrorKind::TooManyFiles)
    );
    let hunks = |count| {
        [
            &b"--- a/x\n+++ b/x\n"[..],
            &b"@@ -1 +1 @@\n-a\n+b\n".repeat(count),
        ]
        .concat()
    };
    assert_eq!(kind(&hunks(HUNKS_MAX)), Ok(1));
    assert_eq!(
        kind(&hunks(HUNKS_MAX + 1)),
        Err(ParseErrorKind::TooManyHunks)
    );
}

fn numbered(lines: usize, edit: impl Fn(usize) -> Option<String>) -> Vec<u8> {
    (0..lines)
        .flat_map(|line| {
            edit(line)
                .unwrap_or_else(|| format!("line {line}\n"))
                .into_bytes()
        })
        .collect()
}

#[test]
fn a_large_file_is_compared_applied_and_merged_exactly() {
    const LINES: usize = 100_000;
    let base = numbered(LINES, |_| None);
    let ours = numbered(LINES, |line| {
        (line % 50 == 7).then(|| format!("ours {line}\n"))
    });
    let theirs = numbered(LINES, |line| (line % 50 == 32).then(String::new));
    let difference = diff(&base, &ours, &DiffOptions::default());
    assert_eq!(
        (
            difference.hunks.len(),
            difference.additions,
            difference.coarse
        ),
        (2000, 2000, false)
    );
    let files = parse(&unified(&FileHeader::modify(b"x"), &difference)).expect("our own patch");
    assert!(apply(&base, &files[0]) == Ok(ours.clone()));
    // Every hunk has moved, some up and some down.
    let both = numbered(LINES, |line| match line % 50 {
        7 => Some(format!("ours {line}\n")),
        32 => Some(String::new()),
        _ => None,
    });
    assert!(apply(&theirs, &files[0]) == Ok(both.clone()));
    assert!(merge3(&base, &ours, &theirs) == Merge::Clean(both));
}

/// Lines drawn from a few, without end: the worst there is for Myers.
fn shuffled(lines: usize, kinds: u64, mut state: u64) -> Vec<u8> {
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % kinds
    };
    (0..lines)
        .flat_map(|_| format!("{}\n", next()).into_bytes())
        .collect()
}

#[test]
fn the_worst_texts_need_little_time_and_stack() {
    const STACK_BYTES: usize = 512 * 1024;
    let compare = || {
        for kinds in [2, 300, 100_000] {
            let half = DIFF_LINES_MAX / 2;
            let (old, new) = (
                shuffled(half, kinds, 88_172_645_463_325_252),
                shuffled(half, kinds, 1_234_567_890_123),
            );
            let difference = diff(&old, &new, &DiffOptions::default());
            assert!(!difference.coarse);
            let accepted = vec![true; difference.hunks.len()];
            assert!(select(&old, &difference, &accepted) == Ok(new));
        }
        let (old, new) = (
            shuffled(DIFF_LINES_MAX, 3, 99),
            shuffled(DIFF_LINES_MAX, 3, 77),
        );
        let difference = diff(&old, &new, &DiffOptions::default());
        assert!(difference.coarse && difference.hunks.len() == 1);
        assert!(select(&old, &difference, &[true]) == Ok(new));
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(compare)
        .expect("a thread");
    thread.join().expect("no panic and no overflow");
}

#[test]
fn a_bomb_is_not_unpacked() {
    let repo = Repo::folder();
    let packed = repo.diff(b"\0", &vec![0; 1_000_000]);
    let lies = String::from_utf8(packed)
        .expect("base85")
        .replace("literal 1000000", "literal 64");
    let said = parse(lies.as_bytes())
        .expect_err("more comes than it says")
        .to_string();
    assert!(
        said.contains("not the 64 bytes long that it says"),
        "{said}"
    );
}

/// Every hunk says it stands at the end, where its lines nearly are again and again, and fits at the start.
#[test]
fn the_worst_drift_ends_soon() {
    const HUNKS: usize = 10_000;
    let hunk = format!("@@ -{0},2 +{0},3 @@\n x\n+new\n y\n", HUNKS * 6);
    let patch = ["--- a/f\n+++ b/f\n", &hunk.repeat(HUNKS)].concat();
    let file = &parse(patch.as_bytes()).expect("a patch")[0];
    let base = ["x\ny\n".repeat(HUNKS), "x\nz\nw\ny\n".repeat(HUNKS)].concat();
    let applied = apply(base.as_bytes(), file);
    // The first one goes to the last place there is, and then nothing is left for the others.
    assert!(applied.is_err());
    let base = ["x\ny\n", &"x\nz\nw\ny\n".repeat(HUNKS * 2)].concat();
    let one = &parse(["--- a/f\n+++ b/f\n", &hunk].concat().as_bytes()).expect("a patch")[0];
    let applied = apply(base.as_bytes(), one).expect("it is far away, but there");
    assert!(applied.starts_with(b"x\nnew\ny\nx\nz\n"));
}
