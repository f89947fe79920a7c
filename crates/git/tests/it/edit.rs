use hyperion_git::{Content, EditError, FileMode, Mode, Oid, RepoStore, TreeEdit, TreePath};
use proptest::prelude::*;

use crate::files::{Files, by_index, files, mode};
use crate::world::{World, built, gits, put, remove, rename, with_each_git};

fn listing(world: &World, tree: &Oid) -> String {
    let listed = world.run(
        world.root().join("own/git"),
        &["-c", "core.quotePath=true", "ls-tree", "-r", tree.as_str()],
    );
    listed
        .lines()
        .map(|line| line.split_once(' ').unwrap().1.replace('\t', " "))
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let kind = words.next().unwrap().to_owned();
            let oid = words.next().unwrap()[..4].to_owned();
            format!("{kind} {oid} {}\n", words.next().unwrap())
        })
        .collect()
}

#[test]
fn edits_make_a_tree() {
    with_each_git(|world| {
        world.write("a", "one\n");
        world.write("dir/b", "one\n");
        world.write("dir/sub/c", "one\n");
        let base = world.commit_all("base");
        let store = world.store();
        let tree = built(
            &store,
            &base,
            &[
                put("a", "two\n"),
                put("deep/er/new", "x"),
                remove("dir/sub/c"),
                rename("dir/b", "moved/b"),
                TreeEdit::Put {
                    path: "link".into(),
                    mode: FileMode::Symlink,
                    content: Content::Bytes(b"a".to_vec()),
                },
                TreeEdit::Chmod {
                    path: "moved/b".into(),
                    mode: FileMode::Executable,
                },
            ],
        )
        .unwrap();
        assert_eq!(
            listing(world, &tree),
            "blob f719 a\nblob c1b0 deep/er/new\nblob 2e65 link\nblob 5626 moved/b\n"
        );
        assert_eq!(
            store
                .lookup(&tree, &"moved/b".into())
                .unwrap()
                .unwrap()
                .mode,
            Mode::Executable
        );
        assert_eq!(
            built(&store, &base, &[]).unwrap(),
            store.tree_of(&base).unwrap()
        );
        let nothing = built(
            &store,
            &base,
            &[remove("a"), remove("dir/b"), remove("dir/sub/c")],
        )
        .unwrap();
        assert!(store.read_tree(&nothing).unwrap().is_empty());
        let again = built(&store, &nothing, &[put("a", "one\n")]).unwrap();
        assert_eq!(store.read_tree(&again).unwrap().len(), 1);
    });
}

#[test]
fn the_order_of_edits_does_not_matter() {
    with_each_git(|world| {
        world.write("one", "1\n");
        world.write("two", "2\n");
        world.write("file", "x\n");
        let base = world.commit_all("base");
        let store = world.store();
        let swap = [
            rename("one", "two"),
            rename("two", "one"),
            put("file/inside", "y\n"),
            remove("file"),
        ];
        let tree = built(&store, &base, &swap).unwrap();
        let back: Vec<TreeEdit> = swap.iter().rev().cloned().collect();
        assert_eq!(built(&store, &base, &back).unwrap(), tree);
        let one = store.lookup(&tree, &"one".into()).unwrap().unwrap().oid;
        assert_eq!(store.read_blob(&one, 10).unwrap(), b"2\n");
    });
}

// X4: of a change that is refused nothing is left behind, and so nothing is written before it is judged.
#[test]
fn a_draft_is_in_no_folder_until_it_is_kept() {
    with_each_git(|world| {
        world.write("dir/file", "one\n");
        let base = world.commit_all("base");
        let store = world.store();
        let written = || walked(&world.root().join("own/written"));
        let before = written();
        let edits = vec![put("dir/file", "two\n"), put("new", "three\n")];
        let draft = store.draft_tree(&base, edits).unwrap();
        assert_eq!(written(), before);
        assert!(!store.exists(draft.tree()).unwrap());
        assert!(store.lookup(draft.tree(), &"new".into()).is_err());

        store.keep(&draft).unwrap();
        let kept = written();
        assert_eq!(kept.len(), before.len() + 4, "two files and two folders");
        let file = store.lookup(draft.tree(), &"dir/file".into()).unwrap();
        assert_eq!(store.read_blob(&file.unwrap().oid, 10).unwrap(), b"two\n");
        store.keep(&draft).unwrap();
        assert_eq!(written(), kept);
    });
}

/// Every file below a folder.
fn walked(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(walked(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

// "A path that escapes": each kind of refusal.
#[test]
fn edits_that_do_not_fit_are_refused_by_name() {
    with_each_git(|world| {
        world.write("file", "x\n");
        world.write("dir/b", "x\n");
        std::os::unix::fs::symlink("/etc", world.user().join("link")).unwrap();
        std::fs::create_dir(world.user().join("module")).unwrap();
        let base = world.commit_all("base");
        world.user_git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{base},module"),
        ]);
        world.user_git(&["commit", "-qm", "module"]);
        let base = world.head();
        let store = world.store();
        let refused = |edit: TreeEdit| built(&store, &base, &[edit]).unwrap_err().to_string();
        let chmod = |path: &str, mode| TreeEdit::Chmod {
            path: path.into(),
            mode,
        };
        assert_eq!(
            refused(put("../x", "")),
            "edit ../x: it has a . or .. component"
        );
        assert_eq!(
            refused(put("/x", "")),
            "edit /x: it has an empty component, or starts or ends with a slash"
        );
        assert_eq!(
            refused(put(".Git/config", "")),
            "edit .Git/config: it has a .git component"
        );
        assert_eq!(
            refused(put("link/passwd", "")),
            "edit link/passwd: link is a symbolic link"
        );
        assert_eq!(
            refused(remove("link/passwd")),
            "edit link/passwd: link is a symbolic link"
        );
        assert_eq!(
            refused(put("file/x", "")),
            "edit file/x: file is a file, not a folder"
        );
        assert_eq!(refused(put("dir", "")), "edit dir: it is a folder");
        assert_eq!(refused(remove("dir")), "edit dir: it is a folder");
        assert_eq!(
            refused(remove("none")),
            "edit none: the base has no such file"
        );
        assert_eq!(
            refused(remove("none/x")),
            "edit none/x: the base has no such file"
        );
        assert_eq!(
            refused(rename("file", "dir/b")),
            "move a file to dir/b: something is there already"
        );
        for inside in [
            put("module/x", ""),
            put("module", ""),
            remove("module"),
            remove("module/x"),
        ] {
            assert!(
                refused(inside).ends_with("module is a submodule, which has its own repository")
            );
        }
        assert!(matches!(
            built(&store, &base, &[chmod("link", FileMode::Executable)]),
            Err(EditError::LinkMode { .. })
        ));
        assert!(matches!(
            built(&store, &base, &[chmod("file", FileMode::Symlink)]),
            Err(EditError::LinkMode { .. })
        ));
        let missing = Oid::parse(&"1".repeat(40)).unwrap();
        let content = Content::Blob(missing);
        let edit = TreeEdit::Put {
            path: "x".into(),
            mode: FileMode::File,
            content,
        };
        assert_eq!(
            refused(edit),
            format!(
                "find object {}: the repository does not have it",
                "1".repeat(40)
            )
        );
    });
}

// decisions 2.7: other paths survive untouched.
#[test]
fn what_is_strange_beside_an_edit_survives() {
    with_each_git(|world| {
        world.write("dir/a", "x\n");
        let base = world.commit_all("base");
        let blob = world.user_git(&["rev-parse", "HEAD:dir/a"]);
        let mut entries = Vec::new();
        for (meta, name) in [
            ("100644 blob", b"\xff\xfe not utf-8".as_slice()),
            ("100664 blob", b"old mode"),
            ("100644 blob", b"line\nend\ttab \"quoted\""),
            ("120000 blob", b"link"),
            ("160000 commit", b"module"),
        ] {
            let oid = if meta.starts_with("16") {
                base.as_str()
            } else {
                &blob
            };
            entries.extend(format!("{meta} {oid}\t").as_bytes());
            entries.extend(name);
            entries.push(0);
        }
        let made = world.try_run_with(world.user(), &["mktree", "-z"], &entries);
        let strange = made.stdout.text().trim().to_owned();
        let top = format!("040000 tree {strange}\tdir\n");
        let top = world
            .try_run_with(world.user(), &["mktree"], top.as_bytes())
            .stdout
            .text()
            .trim()
            .to_owned();
        let store = world.store();
        let top = Oid::parse(&top).unwrap();
        let edited = built(&store, &top, &[put("dir/zzz", "new")]).unwrap();
        let back = built(&store, &edited, &[remove("dir/zzz")]).unwrap();
        assert_eq!(back, top, "byte for byte as it was");
        assert_eq!(
            store
                .read_tree(&store.lookup(&edited, &"dir".into()).unwrap().unwrap().oid)
                .unwrap()
                .len(),
            6
        );
        // Such a tree can be landed, by the strict checks of `index-pack` too.
        let top = crate::world::commit(&store, top, &base);
        world.run(
            world.root().join("own/git"),
            &["update-ref", "refs/keep", top.as_str()],
        );
        let landing = crate::world::landing(
            world,
            &base,
            &crate::world::commit(&store, edited.clone(), &top),
        );
        crate::world::publish(&store, &landing);
        let odd = TreePath::from([b"dir/".as_slice(), b"\xff\xfe not utf-8"].concat());
        assert!(store.lookup(&edited, &odd).unwrap().is_some());
    });
}

fn edits_between(old: &Files, new: &Files) -> Vec<TreeEdit> {
    let removed = old
        .keys()
        .filter(|path| !new.contains_key(*path))
        .map(|path| remove(path));
    let changed = new.iter().map(|(path, (content, executable))| {
        let (before, path, mode) = (old.get(path), path.as_str().into(), mode(*executable));
        match before {
            Some((before, _)) if before == content => TreeEdit::Chmod { path, mode },
            _ => TreeEdit::Put {
                path,
                mode,
                content: Content::Bytes(content.clone().into_bytes()),
            },
        }
    });
    changed.chain(removed).collect()
}

/// Any edits from any tree give what git's own index gives.
#[test]
fn a_built_tree_is_the_tree_of_gits_index() {
    for program in gits() {
        let world = World::new(&program);
        world.commit_all("start");
        let store: RepoStore = world.store();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(12));
        runner
            .run(&(files(), files()), |(old, new)| {
                let base = by_index(&world, &old);
                let expected = by_index(&world, &new);
                prop_assert_eq!(
                    built(&store, &base, &edits_between(&old, &new)).unwrap(),
                    expected
                );
                Ok(())
            })
            .unwrap();
    }
}
