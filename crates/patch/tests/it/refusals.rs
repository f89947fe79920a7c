//! What is refused, with the words people get to see.

use hyperion_patch::{
    DiffOptions, FileDiff, MovedHunk, SelectError, apply, apply_located, diff, parse, select,
};

fn refusal(patch: &str) -> String {
    match parse(patch.as_bytes()) {
        Ok(files) => format!("read {} files", files.len()),
        Err(error) => error.to_string(),
    }
}

const HEADER: &str = "--- a/x\n+++ b/x\n";

#[test]
fn damaged_patches_are_refused_with_line_and_remedy() {
    let git = |rest: &str| format!("diff --git a/x b/x\n{rest}");
    let table = [
        ("empty", String::new()),
        ("garbage", "what a day\n".to_owned()),
        ("hunk without file", "@@ -1 +1 @@\n-a\n+b\n".to_owned()),
        ("combined", "diff --cc x\n".to_owned()),
        ("cut in a header", git("")),
        ("cut before hunks", git("--- a/x\n+++ b/x\n")),
        ("no new name", git("--- a/x\n@@ -1 +1 @@\n-a\n+b\n")),
        (
            "cut in a hunk",
            format!("{HEADER}@@ -1,2 +1,2 @@\n a\n-b\n"),
        ),
        ("cut in a line", format!("{HEADER}@@ -1 +1 @@\n-a\n+b")),
        (
            "too few lines",
            format!("{HEADER}@@ -1,3 +1,3 @@\n a\n-b\n+c\ndiff --git a/y b/y\n"),
        ),
        (
            "too many lines",
            format!("{HEADER}@@ -1,1 +1,2 @@\n a\n+b\n+c\n"),
        ),
        (
            "too many removed",
            format!("{HEADER}@@ -1,1 +1,1 @@\n-a\n-b\n+c\n"),
        ),
        (
            "a comment removed",
            format!("{HEADER}@@ -1 +0,0 @@\n-a\n--- b\n"),
        ),
        ("bad ranges", format!("{HEADER}@@ -1,a +1 @@\n")),
        ("line zero", format!("{HEADER}@@ -0,1 +1 @@\n-a\n+b\n")),
        (
            "huge numbers",
            format!("{HEADER}@@ -1,99999999999999999999 +1 @@\n"),
        ),
        (
            "marker first",
            format!("{HEADER}@@ -1 +1 @@\n\\ No newline at end of file\n-a\n+b\n"),
        ),
        (
            "marker inside",
            format!("{HEADER}@@ -1,2 +1 @@\n-a\n\\ No newline at end of file\n-b\n+b\n"),
        ),
        (
            "marker twice",
            format!("{HEADER}@@ -1 +0,0 @@\n-a\n\\ No newline\n\\ No newline\n+b\n"),
        ),
        ("bad mode", git("old mode 100600\nnew mode 100755\n")),
        ("half a rename", git("rename from x\n")),
        (
            "rename and create",
            git("new file mode 100644\nrename from x\nrename to y\n"),
        ),
        (
            "created and deleted",
            git("new file mode 100644\ndeleted file mode 100644\n"),
        ),
        (
            "created, yet there",
            git("new file mode 100644\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+a\n"),
        ),
        (
            "another name",
            git("--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n"),
        ),
        (
            "two names",
            "--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n".to_owned(),
        ),
        (
            "no name",
            "--- a/\n+++ b/\n@@ -1 +1 @@\n-a\n+b\n".to_owned(),
        ),
        (
            "open quote",
            "--- \"a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n".to_owned(),
        ),
        (
            "NUL in a name",
            "--- \"a/x\\000\"\n+++ \"b/x\\000\"\n@@ -1 +1 @@\n-a\n+b\n".to_owned(),
        ),
        (
            "long name",
            format!("--- {0}\n+++ {0}\n@@ -1 +1 @@\n-a\n+b\n", "n".repeat(5000)),
        ),
        (
            "binary, cut",
            git("GIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n"),
        ),
        (
            "binary, no base85",
            git("GIT binary patch\nliteral 3\nK\"mZQzWMT#Y01f~L\n\n"),
        ),
        (
            "binary, wrong length",
            git("GIT binary patch\nliteral 3\nZcmZQzWMT#Y01f~L\n\n"),
        ),
        (
            "binary, wrong size",
            git("GIT binary patch\nliteral 4\nKcmZQzWMT#Y01f~L\n\n"),
        ),
        (
            "binary, too small",
            git("GIT binary patch\nliteral 2\nKcmZQzWMT#Y01f~L\n\n"),
        ),
        (
            "binary, huge",
            git("GIT binary patch\nliteral 99999999999\nKcmZQzWMT#Y01f~L\n\n"),
        ),
        ("binary, nothing", git("GIT binary patch\n")),
    ];
    let said: Vec<_> = table
        .iter()
        .map(|(what, patch)| format!("{what}: {}", refusal(patch)))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    empty: read line 1 of the patch: there is no file in it; give a unified diff, as `git diff` prints it
    garbage: read line 1 of the patch: there is no file in it; give a unified diff, as `git diff` prints it
    hunk without file: read line 1 of the patch: a hunk without a file; put `--- a/PATH` and `+++ b/PATH` before it
    combined: read line 1 of the patch: a combined diff cannot be applied; make it against one parent (`git diff A B`)
    cut in a header: read line 1 of the patch: `x` has a header but no change; the patch is cut off, or made without content
    cut before hunks: read line 1 of the patch: `x` has a header but no change; the patch is cut off, or made without content
    no new name: read line 3 of the patch: after `---` there must be a `+++` line; make the patch again
    cut in a hunk: read line 6 of the patch: the hunk ends too early: by its header 0 old and 1 new lines are missing; correct the header's counts, or the patch is cut off
    cut in a line: read line 5 of the patch: the last line is cut off; end the patch with a newline
    too few lines: read line 7 of the patch: the hunk ends too early: by its header 1 old and 1 new lines are missing; correct the header's counts, or the patch is cut off
    too many lines: read line 6 of the patch: the hunk goes on after the lines its header announces; correct the header's counts
    too many removed: read line 5 of the patch: the hunk goes on after the lines its header announces; correct the header's counts
    a comment removed: read line 5 of the patch: the hunk goes on after the lines its header announces; correct the header's counts
    bad ranges: read line 3 of the patch: a hunk begins `@@ -START,COUNT +START,COUNT @@`, and this does not; correct it
    line zero: read line 3 of the patch: a hunk begins `@@ -START,COUNT +START,COUNT @@`, and this does not; correct it
    huge numbers: read line 3 of the patch: a hunk begins `@@ -START,COUNT +START,COUNT @@`, and this does not; correct it
    marker first: read line 4 of the patch: `\ No newline at end of file` may only follow a file's last line; make the patch again
    marker inside: read line 6 of the patch: `\ No newline at end of file` may only follow a file's last line; make the patch again
    marker twice: read line 6 of the patch: the hunk goes on after the lines its header announces; correct the header's counts
    bad mode: read line 2 of the patch: `100600` is no file mode; git has 100644, 100755, 120000 and 160000
    half a rename: read line 1 of the patch: a rename or copy needs both a `from` and a `to` line; make the patch again with `git diff`
    rename and create: read line 1 of the patch: the headers do not agree on the kind of `y`; make the patch again with `git diff`
    created and deleted: read line 1 of the patch: the headers do not agree on the kind of `x`; make the patch again with `git diff`
    created, yet there: read line 3 of the patch: the headers do not agree on the kind of `x`; make the patch again with `git diff`
    another name: read line 2 of the patch: the headers do not agree on the name of `y`; make the patch again with `git diff`
    two names: read line 1 of the patch: `a/x` and `b/y` are different files; name one file on both lines, or use git's `rename` headers
    no name: read line 1 of the patch: the file name cannot be read; write it bare, or quoted as git does, in at most 4096 bytes
    open quote: read line 1 of the patch: the file name cannot be read; write it bare, or quoted as git does, in at most 4096 bytes
    NUL in a name: read line 1 of the patch: the file name cannot be read; write it bare, or quoted as git does, in at most 4096 bytes
    long name: read line 1 of the patch: the file name cannot be read; write it bare, or quoted as git does, in at most 4096 bytes
    binary, cut: read line 5 of the patch: the last line is cut off; end the patch with a newline
    binary, no base85: read line 4 of the patch: the binary change of `x` cannot be read: the base85 text is damaged; make the patch again
    binary, wrong length: read line 4 of the patch: the binary change of `x` cannot be read: the base85 text is damaged; make the patch again
    binary, wrong size: read line 5 of the patch: the binary change of `x` cannot be read: the compressed data is damaged; make the patch again
    binary, too small: read line 5 of the patch: the binary change of `x` cannot be read: it is not the 2 bytes long that it says; make the patch again
    binary, huge: read line 5 of the patch: the binary change of `x` cannot be read: 99999999999 bytes are more than the 33554432 a binary change may have; store the file outside git
    binary, nothing: read line 3 of the patch: the binary change of `x` cannot be read: the patch does not hold the binary content; make it with `git diff --binary`
    ");
}

#[test]
fn what_does_not_apply_says_where_and_why() {
    let hunks = |text: &str| format!("{HEADER}{text}");
    let table = [
        (
            "changed",
            "a\nX\nc\n",
            hunks("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"),
        ),
        (
            "too short",
            "a\n",
            hunks("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"),
        ),
        (
            "goes on",
            "a\nb\nc\n",
            hunks("@@ -1,2 +1,2 @@\n a\n-b\n+B\n"),
        ),
        (
            "starts earlier",
            "0\na\nb\n",
            hunks("@@ -1,2 +1,2 @@\n-a\n+A\n b\n"),
        ),
        (
            "applied before",
            "a\nB\nc\n",
            hunks("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"),
        ),
        (
            "line endings",
            "a\r\nb\r\n",
            hunks("@@ -1,2 +1,2 @@\n a\n-b\n+B\n"),
        ),
        (
            "last newline",
            "a\nb\n",
            hunks("@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+B\n"),
        ),
        (
            "no last newline",
            "0\na\nb",
            hunks("@@ -1,2 +1,2 @@\n a\n-b\n+B\n"),
        ),
        (
            "no last newline, moved",
            "0\n0\na\nb",
            hunks("@@ -2,2 +2,2 @@\n a\n-b\n+B\n"),
        ),
        (
            "in two places",
            "0\na\nb\n1\n2\na\nb\n3\n",
            hunks("@@ -4,2 +4,2 @@\n-a\n+A\n b\n"),
        ),
        (
            "stands where it says, but the other moved",
            "0\na\nb\n1\na\nb\n2\n3\n4\n",
            hunks("@@ -2,2 +2,2 @@\n-a\n+A\n b\n@@ -7,2 +7,2 @@\n-3\n+c\n 4\n"),
        ),
        (
            "without a line to hold on to",
            "a\nb\nc\n",
            hunks("@@ -2,0 +3 @@\n+x\n"),
        ),
        (
            "would go to the end",
            "0\na\nb\na\n",
            hunks("@@ -2 +2 @@\n-a\n+A\n"),
        ),
        (
            "out of order",
            "a\nb\nc\nd\ne\nf\n",
            hunks("@@ -4,3 +4,3 @@\n d\n-e\n+E\n f\n@@ -2,2 +2,2 @@\n-b\n+B\n c\n"),
        ),
        (
            "overlap",
            "a\nb\nc\nd\n",
            hunks("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -2,3 +2,3 @@\n-b\n+X\n c\n d\n"),
        ),
        (
            "exists",
            "a\n",
            "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n".to_owned(),
        ),
        (
            "not all deleted",
            "a\nb\n",
            "diff --git a/x b/x\ndeleted file mode 100644\n".to_owned(),
        ),
        (
            "escape",
            "\u{1b}[31mred\n",
            hunks("@@ -1 +1 @@\n-plain\n+B\n"),
        ),
        (
            "long",
            &"long ".repeat(50),
            hunks("@@ -1 +1 @@\n-plain\n+B\n"),
        ),
        (
            "binary left out",
            "",
            "diff --git a/x b/x\nBinary files a/x and b/x differ\n".to_owned(),
        ),
    ];
    let said = table.iter().map(|(what, base, patch)| {
        let file = &parse(patch.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"))[0];
        match apply(base.as_bytes(), file) {
            Ok(content) => format!("{what}: became {:?}", String::from_utf8_lossy(&content)),
            Err(error) => format!("{what}: {error}"),
        }
    });
    insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @r"
    changed: apply hunk 1 at line 2: expected `b`, found `X`; make the patch against the file as it is now
    too short: apply hunk 1 at line 2: expected `b`, found the end of the file; make the patch against the file as it is now
    goes on: apply hunk 1 at line 3: expected the end of the file, found `c`; its lines are at line 1, but without context before or behind them they must start or end the file, so give three lines of context
    starts earlier: apply hunk 1 at line 1: expected `a`, found `0`; its lines are at line 2, but without context before or behind them they must start or end the file, so give three lines of context
    applied before: apply hunk 1 at line 2: expected `b`, found `B`; its result is there already, so leave this hunk out
    line endings: apply hunk 1 at line 1: expected `a`, found `a\r`; only line endings differ, so keep the file's own
    last newline: apply hunk 1 at line 2: expected `b`, found `b`; only the final newline differs: the file has one behind this line, so take `\ No newline at end of file` out of the hunk's old lines
    no last newline: apply hunk 1 at line 3: expected `b`, found `b`; only the final newline differs: the file ends without one, so put `\ No newline at end of file` below this line of the hunk
    no last newline, moved: apply hunk 1 at line 4: expected `b`, found `b`; only the final newline differs: the file ends without one, so put `\ No newline at end of file` below this line of the hunk
    in two places: apply hunk 1: its lines are at line 2 and at line 6, and the patch's line numbers do not fit this file; give the hunk more context, or make the patch against the file as it is now
    stands where it says, but the other moved: apply hunk 1: its lines are at line 2 and at line 5, and the patch's line numbers do not fit this file; give the hunk more context, or make the patch against the file as it is now
    without a line to hold on to: apply hunk 1 at line 3: expected the end of the file, found `c`; it has no line to find its place by, so give three lines of context
    would go to the end: apply hunk 1: its lines are at line 2 and at line 4, and the patch's line numbers do not fit this file; give the hunk more context, or make the patch against the file as it is now
    out of order: apply hunk 2 at line 7: expected `b`, found the end of the file; its lines are at line 2, before the hunk before it, so put the hunks in order
    overlap: apply hunk 2 at line 4: expected `b`, found `d`; its lines are at line 2, before the hunk before it, so put the hunks in order
    exists: create the file: it is there and not empty; make a patch that changes it
    not all deleted: delete the file: 2 lines would be left, so it changed since the patch was made; make it again
    escape: apply hunk 1 at line 1: expected `plain`, found `\u{1b}[31mred`; make the patch against the file as it is now
    long: apply hunk 1 at line 1: expected `plain`, found `long long long long long long long long long long long long …`; make the patch against the file as it is now
    binary left out: apply the binary change: the patch does not hold the binary content; make it with `git diff --binary`
    ");
}

// What stands where it says may be there twice; what stands elsewhere is told.
#[test]
fn an_offset_is_told() {
    let twice = "a\nb\n1\na\nb\n2\n";
    let patch = |header: &str| format!("{HEADER}{header}\n-a\n+A\n b\n");
    let located = |base: &str, patch: &str| {
        let file = &parse(patch.as_bytes()).unwrap()[0];
        let applied = apply_located(base.as_bytes(), file).unwrap();
        (String::from_utf8(applied.content).unwrap(), applied.moved)
    };
    assert_eq!(
        located(twice, &patch("@@ -4,2 +4,2 @@")),
        ("a\nb\n1\nA\nb\n2\n".to_owned(), vec![])
    );
    let moved = MovedHunk {
        hunk: 1,
        stated: 4,
        line: 2,
    };
    assert_eq!(
        located("0\na\nb\n1\n2\n", &patch("@@ -4,2 +4,2 @@")),
        ("0\nA\nb\n1\n2\n".to_owned(), vec![moved])
    );
}

#[test]
fn edges_apply_exactly() {
    let table: [(&str, &str); 12] = [
        ("", "a\n"),
        ("", "a"),
        ("a\n", ""),
        ("a", ""),
        ("a", "a\n"),
        ("a\n", "a"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\r\nb\n", "a\nb\r\n"),
        ("\n", "\n\n"),
        ("\r", "\r\n"),
        ("a\nb\nc", "a\nb\nc\nd"),
        ("x\0y\n", "x\0z\n"),
    ];
    for (old, new) in table {
        let difference = diff(old.as_bytes(), new.as_bytes(), &DiffOptions::default());
        assert_eq!(difference.binary, old.contains('\0'));
        if difference.binary {
            assert_eq!(
                select(old.as_bytes(), &difference, &[]),
                Err(SelectError::Binary)
            );
            continue;
        }
        let header = hyperion_patch::FileHeader::modify(b"x");
        let patch = hyperion_patch::unified(&header, &difference);
        let files = parse(&patch).expect("our own patch");
        assert_eq!(
            apply(old.as_bytes(), &files[0]),
            Ok(new.as_bytes().to_vec()),
            "{old:?} {new:?}"
        );
    }
    let same = diff(b"a\n", b"a\n", &DiffOptions::default());
    assert_eq!(same, FileDiff::default());
}

// C3
#[test]
fn decisions_must_fit_the_hunks() {
    let old: String = (0..30).map(|line| format!("{line}\n")).collect();
    let new = old.replace("3\n4\n", "three\n4\n").replace("27\n", "");
    let difference = diff(old.as_bytes(), new.as_bytes(), &DiffOptions::default());
    assert_eq!(
        (
            difference.hunks.len(),
            difference.additions,
            difference.deletions
        ),
        (2, 1, 2)
    );
    let last = select(old.as_bytes(), &difference, &[false, true]).expect("fits");
    assert_eq!(String::from_utf8_lossy(&last), old.replace("27\n", ""));
    assert_eq!(
        select(old.as_bytes(), &difference, &[true]),
        Err(SelectError::Count {
            decisions: 1,
            hunks: 2
        })
    );
    assert_eq!(
        select(b"other\n", &difference, &[true, true]),
        Err(SelectError::OtherBase { hunk: 1 })
    );
}
