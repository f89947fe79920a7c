use std::collections::BTreeSet;

use hyperion_git::{Content, FileMode, MergeSides, Merged, Oid, TreeEdit};
use proptest::prelude::*;

use crate::files::{Files, by_index};
use crate::world::{World, candidate, gits, put, remove, with_each_git};

fn lines(edit: &[(usize, &str)]) -> String {
    (0..10)
        .map(|number| match edit.iter().find(|(at, _)| *at == number) {
            Some((_, text)) => format!("{text}\n"),
            None => format!("line {number}\n"),
        })
        .collect()
}

// M3: against the current head without touching anybody's working tree.
#[test]
fn two_edits_of_one_file_come_together() {
    with_each_git(|world| {
        world.write("f", lines(&[]));
        let base = world.commit_all("base");
        world.write("f", lines(&[(1, "tip")]));
        let tip = world.commit_all("tip");
        let store = world.store();
        let change = candidate(&store, &base, &[put("f", lines(&[(8, "change")]))]);
        let sides = MergeSides {
            base: &base,
            ours: &tip,
            theirs: &change,
            attributes: &tip,
        };
        for _ in 0..3 {
            let Merged::Clean { tree } = store.merge(&sides).unwrap() else {
                panic!("conflict")
            };
            let merged = store.lookup(&tree, &"f".into()).unwrap().unwrap().oid;
            assert_eq!(
                store.read_blob(&merged, 1000).unwrap(),
                lines(&[(1, "tip"), (8, "change")]).into_bytes()
            );
        }
        // Back again: the base is the newer side.
        let back = MergeSides {
            base: &tip,
            ours: &change,
            theirs: &base,
            attributes: &tip,
        };
        assert!(matches!(store.merge(&back).unwrap(), Merged::Clean { .. }));
    });
}

#[test]
fn a_conflict_is_told_with_all_its_sides() {
    with_each_git(|world| {
        world.write("f", lines(&[]));
        world.write("gone", "x\n");
        let base = world.commit_all("base");
        world.write("f", lines(&[(1, "tip")]));
        world.write("gone", "edited\n");
        let tip = world.commit_all("tip");
        let store = world.store();
        let change = candidate(
            &store,
            &base,
            &[put("f", lines(&[(1, "change")])), remove("gone")],
        );
        let sides = MergeSides {
            base: &base,
            ours: &tip,
            theirs: &change,
            attributes: &tip,
        };
        let Merged::Conflict(files) = store.merge(&sides).unwrap() else {
            panic!("clean")
        };
        let told: Vec<_> = files
            .iter()
            .map(|file| (file.path.to_string(), file.kind.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("f".to_owned(), "contents"),
                ("gone".to_owned(), "modify/delete")
            ]
        );
        let text = store
            .read_blob(files[0].merged.as_ref().unwrap(), 1000)
            .unwrap();
        assert!(String::from_utf8(text).unwrap().contains("<<<<<<<"));
        assert!(files[0].base.is_some() && files[0].ours.is_some() && files[0].theirs.is_some());
        assert!(
            files[0].message.contains("Merge conflict in f"),
            "{}",
            files[0].message
        );
        assert!(files[1].ours.is_some() && files[1].theirs.is_none());
        // The process is asked on after a conflict.
        let clean = candidate(&store, &base, &[put("other", "x")]);
        let sides = MergeSides {
            theirs: &clean,
            ..sides
        };
        assert!(matches!(store.merge(&sides).unwrap(), Merged::Clean { .. }));
    });
}

// decisions 3.6: an untracked .gitattributes, the user's settings and the change itself must not decide.
#[test]
fn attributes_come_from_the_tip_alone() {
    with_each_git(|world| {
        world.write("f", "one\n");
        world.write("union/f", "one\n");
        world.write("union/.gitattributes", "f merge=union\n");
        let base = world.commit_all("base");
        world.write("f", "tip\n");
        world.write("union/f", "tip\n");
        let tip = world.commit_all("tip");
        world.write(".gitattributes", "* merge=union\n");
        world.write(".git/info/attributes", "* merge=union\n");
        std::fs::create_dir_all(world.root().join("person/.config/git")).unwrap();
        std::fs::write(
            world.root().join("person/.config/git/attributes"),
            "* merge=union\n",
        )
        .unwrap();
        let store = world.store();
        let change = candidate(
            &store,
            &base,
            &[
                put("f", "change\n"),
                put("union/f", "change\n"),
                put(".gitattributes", "* merge=union\n"),
            ],
        );
        let sides = MergeSides {
            base: &base,
            ours: &tip,
            theirs: &change,
            attributes: &tip,
        };
        let Merged::Conflict(files) = store.merge(&sides).unwrap() else {
            panic!("clean by somebody's attributes")
        };
        assert_eq!(
            files
                .iter()
                .map(|file| file.path.to_string())
                .collect::<Vec<_>>(),
            ["f"]
        );
        // The tip's own attributes do count, also when the tip moves.
        let tip = candidate(&store, &tip, &[put(".gitattributes", "* merge=union\n")]);
        let sides = MergeSides {
            ours: &tip,
            attributes: &tip,
            ..sides
        };
        let Merged::Clean { tree } = store.merge(&sides).unwrap() else {
            panic!("conflict")
        };
        let merged = store.lookup(&tree, &"f".into()).unwrap().unwrap().oid;
        assert_eq!(store.read_blob(&merged, 100).unwrap(), b"tip\nchange\n");
    });
}

#[test]
fn unusual_entries_merge_as_what_they_are() {
    with_each_git(|world| {
        world.write(
            "data.bin",
            "version https://git-lfs.github.com/spec/v1\noid sha256:aaa\nsize 1\n",
        );
        world.write(
            ".gitattributes",
            "*.bin filter=lfs diff=lfs merge=lfs -text\n",
        );
        world.write("plain", "x\n");
        std::os::unix::fs::symlink("plain", world.user().join("link")).unwrap();
        let base = world.commit_all("base");
        std::fs::create_dir(world.user().join("module")).unwrap();
        world.user_git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{base},module"),
        ]);
        world.user_git(&["commit", "-qm", "module"]);
        let base = world.head();
        world.write("plain", "tip\n");
        world.user_git(&["commit", "-qam", "tip"]);
        let tip = world.head();
        let store = world.store();
        let change = candidate(
            &store,
            &base,
            &[
                put(
                    "data.bin",
                    "version https://git-lfs.github.com/spec/v1\noid sha256:bbb\nsize 2\n",
                ),
                TreeEdit::Chmod {
                    path: "plain".into(),
                    mode: FileMode::Executable,
                },
                TreeEdit::Put {
                    path: "link".into(),
                    mode: FileMode::Symlink,
                    content: Content::Bytes(b"data.bin".to_vec()),
                },
            ],
        );
        let sides = MergeSides {
            base: &base,
            ours: &tip,
            theirs: &change,
            attributes: &tip,
        };
        let Merged::Clean { tree } = store.merge(&sides).unwrap() else {
            panic!("conflict")
        };
        let listing = world.run(world.root().join("own/git"), &["ls-tree", tree.as_str()]);
        assert!(
            listing.contains(&format!(
                "160000 commit {}\tmodule",
                world.user_git(&["rev-parse", "HEAD~2"])
            )),
            "{listing}"
        );
        assert!(
            listing.contains("100755 blob") && listing.contains("120000 blob"),
            "{listing}"
        );
    });
}

#[test]
fn a_missing_side_is_refused_and_the_process_lives_on() {
    with_each_git(|world| {
        world.write("f", "one\n");
        let base = world.commit_all("base");
        let store = world.store();
        let missing = Oid::parse(&"1".repeat(40)).unwrap();
        let sides = MergeSides {
            base: &base,
            ours: &missing,
            theirs: &base,
            attributes: &base,
        };
        assert!(matches!(
            store.merge(&sides),
            Err(hyperion_git::GitError::MissingObject { .. })
        ));
        assert!(matches!(
            store
                .merge(&MergeSides {
                    ours: &base,
                    ..sides
                })
                .unwrap(),
            Merged::Clean { .. }
        ));
    });
}

/// Three versions of a few files: lines edited, files added, deleted, moved.
fn three_versions() -> impl Strategy<Value = [Files; 3]> {
    let content = prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]), 6..9);
    let base = prop::collection::vec(content, 5);
    let edits = prop::collection::vec(
        (
            0_usize..5,
            0_usize..8,
            prop::sample::select(vec!["edit", "delete", "move", "run"]),
        ),
        0..4,
    );
    (base, edits.clone(), edits).prop_map(|(base, ours, theirs)| {
        let base: Files = base
            .into_iter()
            .enumerate()
            .map(|(number, lines)| {
                let text = lines
                    .iter()
                    .enumerate()
                    .map(|(at, word)| format!("{word}{at} of {number}\n"))
                    .collect();
                (format!("dir{}/f{number}", number % 2), (text, false))
            })
            .collect();
        let version = |edits: Vec<(usize, usize, &str)>, who: &str| {
            let mut files = base.clone();
            for (number, at, what) in edits {
                let path = format!("dir{}/f{number}", number % 2);
                let Some((text, run)) = files.remove(&path) else {
                    continue;
                };
                let edited = || {
                    text.lines()
                        .enumerate()
                        .map(|(line, word)| {
                            if line == at {
                                format!("{who}\n")
                            } else {
                                format!("{word}\n")
                            }
                        })
                        .collect()
                };
                match what {
                    "edit" => drop(files.insert(path, (edited(), run))),
                    "move" => drop(files.insert(format!("moved/f{number}"), (text, run))),
                    "run" => drop(files.insert(path, (text, true))),
                    _ => {}
                }
            }
            files
        };
        let (ours, theirs) = (version(ours, "ours"), version(theirs, "theirs"));
        [base, ours, theirs]
    })
}

/// In memory and in a work tree, git says the same.
#[test]
fn a_merge_is_the_merge_of_a_work_tree() {
    for program in gits() {
        let world = World::new(&program);
        world.commit_all("start");
        let store = world.store();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(16));
        runner
            .run(&three_versions(), |versions| {
                let [base, ours, theirs] = versions.map(|files| by_index(&world, &files));
                let commit = |tree: &Oid, parents: &[&str]| {
                    let parents = parents.iter().flat_map(|parent| ["-p", parent]);
                    let args: Vec<&str> = ["commit-tree", tree.as_str(), "-m", "x"]
                        .into_iter()
                        .chain(parents)
                        .collect();
                    world.user_git(&args)
                };
                let root = commit(&base, &[]);
                let (one, two) = (commit(&ours, &[&root]), commit(&theirs, &[&root]));
                world.user_git(&["checkout", "-q", "-f", "-B", "main", &one]);
                world.user_git(&["clean", "-fdxq"]);
                let by_work_tree = world.try_run(world.user(), &["merge", "-q", "--no-edit", &two]);
                let sides = MergeSides {
                    base: &base,
                    ours: &ours,
                    theirs: &theirs,
                    attributes: &ours,
                };
                match store.merge(&sides).unwrap() {
                    Merged::Clean { tree } => {
                        prop_assert!(
                            by_work_tree.exit.success(),
                            "{}",
                            by_work_tree.stdout.text()
                        );
                        prop_assert_eq!(
                            tree.to_string(),
                            world.user_git(&["rev-parse", "HEAD^{tree}"])
                        );
                    }
                    Merged::Conflict(files) => {
                        prop_assert!(!by_work_tree.exit.success());
                        let unmerged = world.user_git(&["ls-files", "-u"]);
                        let unmerged: BTreeSet<&str> = unmerged
                            .lines()
                            .filter_map(|line| Some(line.split_once('\t')?.1))
                            .collect();
                        let with_stages = files.iter().filter(|file| {
                            file.base.is_some() || file.ours.is_some() || file.theirs.is_some()
                        });
                        let told: Vec<String> =
                            with_stages.map(|file| file.path.to_string()).collect();
                        prop_assert_eq!(told, unmerged.into_iter().collect::<Vec<_>>());
                        prop_assert!(
                            files
                                .iter()
                                .all(|file| !file.kind.is_empty() && !file.message.is_empty()),
                            "{:?}",
                            files
                        );
                        world.user_git(&["merge", "--abort"]);
                    }
                }
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn many_threads_ask_one_store() {
    with_each_git(|world| {
        world.write("f", lines(&[]));
        let base = world.commit_all("base");
        let store = world.store();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (store, base) = (&store, &base);
                scope.spawn(move || {
                    for round in 0..5 {
                        let name = format!("{thread}-{round}");
                        let ours = candidate(store, base, &[put("f", lines(&[(1, &name)]))]);
                        let theirs = candidate(store, base, &[put("f", lines(&[(8, &name)]))]);
                        let sides = MergeSides {
                            base,
                            ours: &ours,
                            theirs: &theirs,
                            attributes: &ours,
                        };
                        let Merged::Clean { tree } = store.merge(&sides).unwrap() else {
                            panic!("conflict")
                        };
                        let merged = store.lookup(&tree, &"f".into()).unwrap().unwrap().oid;
                        let expected = lines(&[(1, &name), (8, &name)]).into_bytes();
                        assert_eq!(store.read_blob(&merged, 1000).unwrap(), expected);
                    }
                });
            }
        });
    });
}
