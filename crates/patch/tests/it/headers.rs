//! All of git's headers, written by git and read by us, and the other way round.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::{ffi::OsStr, fs};

use hyperion_patch::{
    BinaryPatch, Body, DiffOptions, FileHeader, FileKind, FilePatch, apply, diff, parse, unified,
};

use crate::git::Repo;

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// Two commits with one of every kind of change between them.
fn repo_with_everything() -> Repo {
    let repo = Repo::new();
    let long: String = (0..40).map(|line| format!("line {line}\n")).collect();
    let odd = OsStr::from_bytes(b"gr\xc3\xbcn \xff\t\"q\".txt");
    repo.write("modified.txt", long.as_bytes());
    repo.write("crlf.txt", b"one\r\ntwo\r\nthree\r\nmixed\n");
    repo.write("unended.txt", b"a\nb");
    repo.write("ended.txt", b"a\nb\n");
    repo.write("gone.txt", b"bye\n");
    repo.write("gone-empty.txt", b"");
    repo.write("old name.txt", long.as_bytes());
    repo.write("script.sh", b"#!/bin/sh\n");
    repo.write("both.sh", b"#!/bin/sh\n");
    repo.write("small.bin", b"\0\x01\x02");
    repo.write("large.bin", &noise(20_000));
    repo.write("gone.bin", b"\0gone");
    repo.write("dir b/dir b/same", b"x\n");
    fs::write(repo.path().join(odd), "odd\n").expect("a file");
    symlink("modified.txt", repo.path().join("link")).expect("a link");
    repo.run(&["add", "-A"]);
    repo.run(&["commit", "-qm", "before"]);

    repo.write(
        "modified.txt",
        long.replace("line 7\n", "line seven\n")
            .replace("line 30\n", "")
            .as_bytes(),
    );
    repo.write("crlf.txt", b"one\r\ntwo\nthree\r\nmixed\r\n");
    repo.write("unended.txt", b"a\nb\n");
    repo.write("ended.txt", b"a\nb");
    fs::remove_file(repo.path().join("gone.txt")).expect("removed");
    fs::remove_file(repo.path().join("gone-empty.txt")).expect("removed");
    fs::remove_file(repo.path().join("gone.bin")).expect("removed");
    repo.run(&["mv", "old name.txt", "new name.txt"]);
    repo.write(
        "new name.txt",
        long.replace("line 3\n", "line three\n").as_bytes(),
    );
    repo.write(
        "copied.txt",
        long.replace("line 9\n", "line nine\n").as_bytes(),
    );
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(repo.path().join("script.sh"), executable.clone()).expect("chmod");
    repo.write("both.sh", b"#!/bin/sh\necho\n");
    fs::set_permissions(repo.path().join("both.sh"), executable).expect("chmod");
    repo.write("small.bin", b"\0\x01\x03\x04\x05\x06");
    let mut large = noise(20_000);
    large[10_000] ^= 1;
    large.extend_from_slice(b"tail");
    repo.write("large.bin", &large);
    repo.write("new.bin", b"\0new");
    repo.write("created.txt", b"hello\n");
    repo.write("created-empty.txt", b"");
    repo.write("dir b/dir b/same", b"y\n");
    fs::write(repo.path().join(odd), "even\n").expect("a file");
    fs::remove_file(repo.path().join("link")).expect("removed");
    symlink("ended.txt", repo.path().join("link")).expect("a link");
    repo.run(&["add", "-A"]);
    repo.run(&["commit", "-qm", "after"]);
    repo
}

fn blob(repo: &Repo, commit: &str, path: Option<&[u8]>) -> Vec<u8> {
    let Some(path) = path else { return Vec::new() };
    let listed = repo.run(&["ls-tree", "-rz", commit]);
    let entry = listed
        .split(|&byte| byte == 0)
        .find(|entry| {
            entry.split(|&byte| byte == b'\t').nth(1).is_some() && entry.ends_with(path) && {
                let name = entry
                    .iter()
                    .position(|&byte| byte == b'\t')
                    .map(|tab| &entry[tab + 1..]);
                name == Some(path)
            }
        })
        .unwrap_or_else(|| panic!("{} in {commit}", String::from_utf8_lossy(path)));
    let id = String::from_utf8_lossy(entry)
        .split(['\t', ' '])
        .nth(2)
        .expect("an id")
        .to_owned();
    repo.run(&["cat-file", "blob", &id])
}

// C1
#[test]
fn every_kind_of_change_git_writes_is_read_and_applied() {
    let repo = repo_with_everything();
    for prefix in [
        &["--src-prefix=a/"][..],
        &["--no-prefix"],
        &["-c", "diff.mnemonicPrefix=true"],
    ] {
        let (before, after) = match prefix {
            ["-c", ..] => (prefix, &[][..]),
            _ => (&[][..], prefix),
        };
        let patch = repo.run(
            &[
                before,
                &["diff", "--binary", "-M", "-C", "--find-copies-harder"],
                after,
                &["HEAD~1", "HEAD"],
            ]
            .concat(),
        );
        let files = parse(&patch).expect("git's own diff");
        let mut said = Vec::new();
        for file in &files {
            let old = blob(&repo, "HEAD~1", file.old_path.as_deref());
            let new = blob(&repo, "HEAD", file.new_path.as_deref());
            assert_eq!(
                apply(&old, file),
                Ok(new),
                "{}",
                String::from_utf8_lossy(file.path())
            );
            said.push(describe(file));
        }
        insta::allow_duplicates! {
            insta::assert_snapshot!(said.join("\n"), @r#"
    modify: both.sh 100644→100755 1 hunks
    rename Some(96): copied.txt 100644→100644 1 hunks
    rename Some(100): created-empty.txt -→- nothing
    create: created.txt -→100644 1 hunks
    modify: crlf.txt 100644→100644 1 hunks
    modify: dir b/dir b/same 100644→100644 1 hunks
    modify: ended.txt 100644→100644 1 hunks
    delete: gone.bin 100644→- 0 bytes
    delete: gone.txt 100644→- 1 hunks
    modify: grün �\t\"q\".txt 100644→100644 1 hunks
    modify: large.bin 100644→100644 delta
    modify: link 120000→120000 1 hunks
    modify: modified.txt 100644→100644 2 hunks
    copy Some(96): new name.txt 100644→100644 1 hunks
    create: new.bin -→100644 4 bytes
    mode: script.sh 100644→100755 nothing
    modify: small.bin 100644→100644 6 bytes
    modify: unended.txt 100644→100644 1 hunks
    "#);
        }
    }
}

fn describe(file: &FilePatch) -> String {
    let kind = match file.kind {
        FileKind::Create => "create".to_owned(),
        FileKind::Modify => "modify".to_owned(),
        FileKind::Delete => "delete".to_owned(),
        FileKind::Rename { similarity } => format!("rename {similarity:?}"),
        FileKind::Copy { similarity } => format!("copy {similarity:?}"),
        FileKind::ModeChange => "mode".to_owned(),
    };
    let mode = |mode: Option<u32>| mode.map_or("-".to_owned(), |mode| format!("{mode:o}"));
    let body = match &file.body {
        Body::Text(hunks) => format!("{} hunks", hunks.len()),
        Body::Binary(BinaryPatch::Literal(content)) => format!("{} bytes", content.len()),
        Body::Binary(BinaryPatch::Delta(_)) => "delta".to_owned(),
        Body::Binary(BinaryPatch::Absent) => "binary".to_owned(),
        Body::Empty => "nothing".to_owned(),
    };
    let path = String::from_utf8_lossy(file.path())
        .escape_debug()
        .to_string();
    format!(
        "{kind}: {path} {}→{} {body}",
        mode(file.old_mode),
        mode(file.new_mode)
    )
}

#[test]
fn git_applies_every_kind_of_change_we_write() {
    let repo = repo_with_everything();
    let files = parse(&repo.run(&[
        "diff",
        "--binary",
        "-M",
        "-C",
        "--find-copies-harder",
        "HEAD~1",
        "HEAD",
    ]))
    .expect("git's own diff");
    let mut patch = Vec::new();
    for file in files
        .iter()
        .filter(|file| !matches!(file.body, Body::Binary(_)))
    {
        let old = blob(&repo, "HEAD~1", file.old_path.as_deref());
        let new = blob(&repo, "HEAD", file.new_path.as_deref());
        let header = FileHeader {
            // Copies are written as new files.
            old_path: file
                .old_path
                .as_deref()
                .filter(|_| !matches!(file.kind, FileKind::Copy { .. })),
            new_path: file.new_path.as_deref(),
            old_mode: file.old_mode,
            new_mode: file.new_mode,
        };
        let old = if header.old_path.is_some() {
            old
        } else {
            Vec::new()
        };
        patch.extend(unified(&header, &diff(&old, &new, &DiffOptions::default())));
    }
    repo.run(&["checkout", "-q", "HEAD~1"]);
    repo.write(".git/the.patch", &patch);
    repo.run(&["apply", "--index", "--whitespace=nowarn", ".git/the.patch"]);
    // Everything but the binary files is as it was after.
    let left = repo.run(&["diff", "--name-only", "--cached", "HEAD@{1}"]);
    assert_eq!(
        String::from_utf8_lossy(&left),
        "gone.bin\nlarge.bin\nnew.bin\nsmall.bin\n"
    );
}

#[test]
fn mails_and_plain_patches_are_read() {
    let mail = b"From 0000 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] it\n\n---\n x | 2 +-\n 1 file changed\n\n\
        diff --git a/x b/x\nindex 1..2\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n-- \n2.47.3\n\n";
    let plain = b"Index: x\n=====\n--- a/x\t2024-01-01 00:00:00.0 +0000\n+++ b/x\t2024-01-02\n@@ -1 +1 @@ fn\n-a\n+b\n";
    let bare = b"--- x\n+++ x\n@@ -1 +1 @@\n-a\n+b\n--- dir/y\n+++ dir/y\n@@ -1 +1 @@\n-a\n+b\n";
    let endings = b"diff --git a/x b/x\r\n--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-a\n+b\n";
    let created = b"--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n";
    let deleted = b"--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n";
    for (patch, kind) in [
        (&mail[..], FileKind::Modify),
        (plain, FileKind::Modify),
        (bare, FileKind::Modify),
        (endings, FileKind::Modify),
        (created, FileKind::Create),
        (deleted, FileKind::Delete),
    ] {
        let files = parse(patch).expect("a patch");
        assert_eq!((files[0].path(), files[0].kind), (&b"x"[..], kind));
        let base: &[u8] = if kind == FileKind::Create {
            b""
        } else {
            b"a\n"
        };
        let expected: &[u8] = if kind == FileKind::Delete {
            b""
        } else {
            b"b\n"
        };
        assert_eq!(apply(base, &files[0]).as_deref(), Ok(expected));
    }
    assert_eq!(parse(bare).expect("a patch")[1].path(), b"dir/y");
}
