//! What is written to a tree is what `git add` would store, so that no landing leaves a work tree that shows as edited.

use std::collections::BTreeSet;
use std::fs;

use hyperion_git::{BlockReason, Move, NewFile, NotStored, Stored, TreeEdit, TreePath};

use crate::world::{World, candidate, gits, landing, publish, put, with_each_git};

const ATTRIBUTES: [(&str, &str); 17] = [
    ("none", ""),
    ("bin", "binary"),
    ("text", "text"),
    ("auto", "text=auto"),
    ("lf", "text eol=lf"),
    ("crlf", "text eol=crlf"),
    ("eol", "eol=crlf"),
    ("autolf", "text=auto eol=lf"),
    ("autocrlf", "text=auto eol=crlf"),
    ("off", "-text eol=crlf"),
    ("old", "crlf"),
    ("word", "text=other crlf"),
    ("input", "crlf=input"),
    ("ident", "ident"),
    ("both", "text ident"),
    ("wide", "text working-tree-encoding=UTF-16LE-BOM"),
    ("unset", "filter=nobody"),
];

const CONTENTS: [&[u8]; 16] = [
    b"",
    b"x\ny\n",
    b"x\r\ny\r\n",
    b"x\r\ny\n",
    b"no end",
    b"no end\r",
    b"one\rtwo\r\n",
    b"nul\0\r\n",
    b"\x01\x02\x03\x04\r\n",
    b"\xff\xfe\r\n",
    b"$Id$\n",
    b"$Id: 123 $\r\n",
    b"$Id: a\n$ $Id: b $ $Id:",
    "ümläut\r\n".as_bytes(),
    b"\r\n",
    b"tab\tend\x1a",
];

/// Whether git's own stored form of a content like this is stored as it is again: CRLF that it guesses at, or never touches.
fn keeps_crlf(attributes: &str) -> bool {
    ["none", "bin", "auto", "autolf", "autocrlf", "off", "unset"].contains(&attributes)
}

// M4
#[test]
fn what_is_stored_is_what_git_add_stores_and_no_work_tree_is_edited_by_it() {
    with_each_git(|world| land_everything(world, "unset"));
    for autocrlf in ["true", "input"] {
        land_everything(&World::new(&gits().remove(0)), autocrlf);
    }
}

fn land_everything(world: &World, autocrlf: &str) {
    let mut lines = String::new();
    for (name, attributes) in ATTRIBUTES {
        lines.push_str(&format!("*.{name} {attributes}\n"));
    }
    world.write(".gitattributes", &lines);
    let olds: [Option<&[u8]>; 3] = [None, Some(b"old\n"), Some(b"old\r\n")];
    let mut files = Vec::new();
    for (name, _) in ATTRIBUTES {
        for (number, content) in CONTENTS.iter().enumerate() {
            for (which, old) in olds.iter().enumerate() {
                let has_a_say = keeps_crlf(name) && number < 6 && autocrlf == "unset";
                if which > 0 && !has_a_say {
                    continue;
                }
                let path = format!("d/{which}-{number}.{name}");
                if let Some(old) = old {
                    world.write(&path, old);
                }
                files.push((TreePath::from(path), *old, *content));
            }
        }
    }
    // As somebody committed them before there were attributes.
    fs::rename(
        world.user().join(".gitattributes"),
        world.user().join("later"),
    )
    .unwrap();
    world.commit_all("files");
    world.user_git(&["mv", "later", ".gitattributes"]);
    let tip = world.commit_all("attributes");
    if autocrlf != "unset" {
        world.user_git(&["config", "core.autocrlf", autocrlf]);
    }
    let store = world.store();
    let new: Vec<_> = files
        .iter()
        .map(|(path, old, bytes)| NewFile {
            path,
            bytes,
            old: *old,
        })
        .collect();
    let stored = store.stored(&tip, &new, &BTreeSet::new()).unwrap();
    let mut edits: Vec<TreeEdit> = Vec::new();
    for ((path, _, bytes), stored) in files.iter().zip(stored) {
        let path_text = path.to_string();
        match stored {
            Stored::AsItIs => edits.push(put(&path_text, bytes)),
            Stored::Otherwise(bytes) => edits.push(put(&path_text, bytes)),
            Stored::Refused(why) => {
                let is_wide = matches!(why, NotStored::NotUtf8 { .. });
                assert!(is_wide && path_text.ends_with(".wide"), "{why}");
            }
        }
    }
    let landing = landing(world, &tip, &candidate(&store, &tip, &edits));
    publish(&store, &landing);
    assert_eq!(
        store.move_branch(&landing).unwrap(),
        Move::Landed { behind: None },
        "{autocrlf}"
    );
    // Without what the index knows of times, git looks into every file.
    world.user_git(&["read-tree", "HEAD"]);
    assert_eq!(world.user_git(&["status", "--porcelain"]), "", "{autocrlf}");
    if autocrlf == "unset" {
        compare_with_git_add(world, &landing.expected.to_string(), &files);
    }
}

/// Where, what was there, and what is handed in.
type Case<'a> = (TreePath, Option<&'a [u8]>, &'a [u8]);

fn compare_with_git_add(world: &World, before: &str, files: &[Case<'_>]) {
    let landed = world.user_git(&["ls-tree", "-r", "HEAD", "d/"]);
    world.user_git(&["checkout", "-q", "--detach", before]);
    let mut compared = Vec::new();
    for (path, _, bytes) in files {
        let path = path.to_string();
        // What is handed in is the text, not what it is written as.
        if !path.ends_with(".wide") {
            world.write(&path, bytes);
            compared.push(path);
        }
    }
    world.user_git(&["add", "-A"]);
    let tree = world.user_git(&["write-tree"]);
    let added = world.user_git(&["ls-tree", "-r", &tree, "d/"]);
    for path in compared {
        let of = |list: &str| {
            let line = list
                .lines()
                .find(|line| line.ends_with(&format!("\t{path}")));
            line.map(str::to_owned)
        };
        assert_eq!(of(&landed), of(&added), "{path}");
    }
}

#[test]
fn what_goes_through_a_filter_is_refused_unless_the_filter_would_keep_it() {
    with_each_git(|world| {
        world.write(
            ".gitattributes",
            "*.bin filter=lfs\n*.ipynb filter=strip\n*.x filter=elsewhere\n",
        );
        let tip = world.commit_all("attributes");
        world.user_git(&["config", "--global", "filter.strip.clean", "false"]);
        let store = world.store();
        let pointer = format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n",
            "a".repeat(64)
        );
        let said = |path: &str, bytes: &[u8], old: Option<&[u8]>| {
            let path = &TreePath::from(path);
            let file = NewFile { path, bytes, old };
            match store
                .stored(&tip, &[file], &BTreeSet::new())
                .unwrap()
                .remove(0)
            {
                Stored::Refused(why) => why.to_string(),
                other => format!("{other:?}"),
            }
        };
        for (path, bytes, old, expected) in [
            (
                "new.bin",
                "new binary\n",
                None,
                "git stores new.bin with Git LFS (.gitattributes), so its content must be an LFS pointer; commit the file by hand",
            ),
            ("new.bin", &pointer, None, "AsItIs"),
            (
                "new.bin",
                &pointer.replace("size 12", "size 012"),
                None,
                "git stores new.bin with Git LFS (.gitattributes), so its content must be an LFS pointer; commit the file by hand",
            ),
            ("new.bin", "", None, "AsItIs"),
            ("moved.bin", "as it was", Some("as it was"), "AsItIs"),
            (
                "a.ipynb",
                "{}",
                None,
                "git stores a.ipynb through the filter \"strip\" (.gitattributes), which does not run on changes of agents; change it by hand",
            ),
            ("a.x", "no filter of this name is set", None, "AsItIs"),
        ] {
            let old = old.map(str::as_bytes);
            assert_eq!(said(path, bytes.as_bytes(), old), expected, "{path}");
        }
    });
}

#[test]
fn a_change_is_stored_by_the_tips_attributes_and_fits_its_own() {
    with_each_git(|world| {
        world.write(".gitattributes", "*.bat text eol=crlf\n");
        let tip = world.commit_all("attributes");
        let store = world.store();
        let (attributes, bat, cmd) = (
            TreePath::from(".gitattributes"),
            TreePath::from("dir/a.bat"),
            TreePath::from("b.cmd"),
        );
        let file = |path, bytes| NewFile {
            path,
            bytes,
            old: None,
        };
        let files = |own: &'static [u8]| {
            let files = [
                file(&attributes, own),
                file(&bat, b"x\r\nY\r\n"),
                file(&cmd, b"x\r\n"),
            ];
            store.stored(&tip, &files, &BTreeSet::new()).unwrap()
        };
        let lf = Stored::Otherwise(b"x\nY\n".to_vec());
        assert_eq!(
            files(b"*.bat -text\n"),
            [Stored::AsItIs, lf.clone(), Stored::AsItIs]
        );
        let path = cmd.clone();
        let unlike = Stored::Refused(NotStored::UnlikeOwnAttributes { path });
        assert_eq!(files(b"*.cmd text\n"), [Stored::AsItIs, lf, unlike]);
    });
}

// M6: attributes that a change takes away, or moves, say nothing any more.
#[test]
fn a_change_fits_the_attributes_that_it_leaves() {
    with_each_git(|world| {
        world.write(".gitattributes", "* text\n");
        world.write("s/.gitattributes", "*.txt -text\n");
        let tip = world.commit_all("attributes");
        let path = TreePath::from("s/a.txt");
        let file = NewFile {
            path: &path,
            bytes: b"x\r\n",
            old: None,
        };
        let stored = |gone| world.store().stored(&tip, &[file], &gone).unwrap();
        assert_eq!(stored(BTreeSet::new()), [Stored::AsItIs]);
        let gone = BTreeSet::from(["s/.gitattributes".into()]);
        let path = path.clone();
        let unlike = Stored::Refused(NotStored::UnlikeOwnAttributes { path });
        assert_eq!(stored(gone), [unlike]);
    });
}

// M6: git stops at an encoding without a name, which is found before the branch moves.
#[test]
fn an_encoding_without_a_name_does_not_move_the_branch() {
    with_each_git(|world| {
        world.write("a.txt", "one\n");
        let tip = world.commit_all("one");
        let store = world.store();
        let edits = [
            put(".gitattributes", "*.txt working-tree-encoding\n"),
            put("a.txt", "two\n"),
        ];
        let landing = landing(world, &tip, &candidate(&store, &tip, &edits));
        publish(&store, &landing);
        let moved = store.move_branch(&landing).unwrap();
        assert!(matches!(moved, Move::Blocked(_)), "{moved:?}");
        assert_eq!(world.head(), tip);
    });
}

// Attributes that changed on the branch after a change was judged.
#[test]
fn what_the_branchs_newer_attributes_store_otherwise_does_not_move_it() {
    with_each_git(|world| {
        world.write("a", "one\n");
        let tip = world.commit_all("one");
        let store = world.store();
        let edits = [put(".gitattributes", "*.bat text\n"), put("x.bat", "x\r\n")];
        let landing = landing(world, &tip, &candidate(&store, &tip, &edits));
        publish(&store, &landing);
        let Move::Blocked(block) = store.move_branch(&landing).unwrap() else {
            panic!("not blocked")
        };
        let files = vec!["x.bat".into()];
        assert_eq!(block.reason, BlockReason::Unlike { files, more: 0 });
        assert_eq!(world.head(), tip);
    });
}
