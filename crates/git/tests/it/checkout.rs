use std::fs;
use std::os::unix::fs::symlink;

use hyperion_git::{
    Behind, BlockReason, CheckoutBlock, Hold, Landing, Move, Oid, Recovery, RepoStore, TreeEdit,
    UserRepo,
};

use crate::world::{World, candidate, landing, publish, put, remove, with_each_git};

fn tip(world: &World) -> Oid {
    world.write("a", "one\n");
    world.write("dir/b", "one\n");
    world.write(".gitignore", "ignored\n");
    world.commit_all("one")
}

/// A published landing of these edits on the tip.
fn ready(world: &World, edits: &[TreeEdit]) -> (RepoStore, Landing) {
    let tip = tip(world);
    let store = world.store();
    let landing = landing(world, &tip, &candidate(&store, &tip, edits));
    publish(&store, &landing);
    (store, landing)
}

fn usual() -> Vec<TreeEdit> {
    vec![put("a", "two\n"), put("new/file", "x\n"), remove("dir/b")]
}

fn blocked(outcome: Move) -> CheckoutBlock {
    match outcome {
        Move::Blocked(block) => block,
        other => panic!("not blocked: {other:?}"),
    }
}

fn status(world: &World) -> String {
    world.user_git(&["status", "--porcelain"])
}

// decisions 3.5
#[test]
fn a_clean_work_tree_moves_along() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        world.write("untracked", "mine\n");
        // A time stamp that changed is not an edit.
        fs::write(world.user().join("a"), "one\n").unwrap();
        let state = store.checkout_state(&landing.branch).unwrap();
        assert_eq!((state.len(), &state[0].block), (1, &None));
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!(status(world), "?? untracked");
        assert_eq!(
            (world.read("a"), world.read("new/file")),
            ("two\n".to_owned(), "x\n".to_owned())
        );
        assert!(!world.user().join("dir").exists());
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
    });
}

#[test]
fn a_dirty_work_tree_blocks_until_it_is_clean() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        world.write("a", "edited\n");
        world.write("staged", "x\n");
        world.user_git(&["add", "staged"]);
        let expected = BlockReason::Dirty {
            files: vec!["a".into()],
            more: 0,
        };
        let block = blocked(store.move_branch(&landing).unwrap());
        assert_eq!(
            (&block.reason, &block.work_tree),
            (&expected, &world.user().canonicalize().unwrap())
        );
        assert!(block.remedy().contains("commit or stash"));
        let state = &store.checkout_state(&landing.branch).unwrap()[0];
        assert_eq!(state.block, None, "other landings go past it");
        assert_eq!(state.edited, ["a".into(), "staged".into()].into());
        assert_eq!(world.head(), landing.expected, "nothing moved");
        assert!(!world.user().join(".git/index.lock").exists());
        world.user_git(&["stash", "-q"]);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        let many = || (0..12).map(|number| format!("many/{number}"));
        many().for_each(|file| world.write(&file, "mine"));
        world.user_git(&["add", "many"]);
        let edits: Vec<_> = many().map(|file| put(&file, "x")).collect();
        let landing = Landing {
            expected: landing.candidate.clone(),
            candidate: candidate(&store, &landing.candidate, &edits),
            ..landing
        };
        publish(&store, &landing);
        let block = blocked(store.move_branch(&landing).unwrap());
        let BlockReason::Dirty { files, more } = block.reason else {
            panic!("{block:?}")
        };
        assert_eq!((files.len(), more), (10, 2));
    });
}

// decisions 3.5: one look at the files has to see all that two would.
#[test]
fn every_kind_of_difference_is_seen() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &[put("new", "x\n")]);
        let dirty = || {
            let state = store.checkout_state(&landing.branch).unwrap().remove(0);
            assert_eq!(state.block, None);
            Vec::from_iter(state.edited)
        };
        fs::remove_file(world.user().join("dir/b")).unwrap();
        assert_eq!(dirty(), ["dir/b".into()], "deleted");
        world.user_git(&["checkout", "-q", "dir/b"]);
        world.user_git(&["update-index", "--chmod=+x", "a"]);
        world.user_git(&["reset", "-q", "--soft", "HEAD"]);
        assert_eq!(dirty(), ["a".into()], "another mode in the index");
        world.user_git(&["reset", "-q", "--hard"]);
        world.write("meant", "to be added\n");
        world.user_git(&["add", "--intent-to-add", "meant"]);
        let state = store.checkout_state(&landing.branch).unwrap();
        let block = CheckoutBlock {
            work_tree: "/r".into(),
            reason: state[0].block.clone().unwrap(),
        };
        assert_eq!(
            block.remedy(),
            "meant: added without content (intent-to-add); commit it, or run `git reset -q -- meant` in /r"
        );
        world.user_git(&["reset", "-q", "--hard"]);
        fs::remove_file(world.user().join("dir/b")).unwrap();
        fs::remove_dir(world.user().join("dir")).unwrap();
        symlink("elsewhere", world.user().join("dir")).unwrap();
        assert_eq!(dirty(), ["dir/b".into()], "behind a link");
        fs::remove_file(world.user().join("dir")).unwrap();
        world.user_git(&["reset", "-q", "--hard"]);
        assert_eq!(dirty(), []);
    });
}

// Git looks into a file that is as old as its index; a copy of the index has to be as old as the index was.
#[test]
fn an_edit_of_the_moment_in_which_the_index_was_written_is_seen() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        let file = world.user().join("a");
        let index = world.user().join(".git/index");
        let moment = fs::metadata(&index).unwrap().modified().unwrap();
        let moment = moment - std::time::Duration::from_secs(10);
        let date = |path: &std::path::Path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(moment).unwrap();
        };
        world.user_git(&["config", "core.trustctime", "false"]);
        date(&file);
        world.user_git(&["update-index", "-q", "--refresh"]);
        date(&index);
        world.write("a", "two\n");
        date(&file);
        let block = blocked(store.move_branch(&landing).unwrap());
        let files = vec!["a".into()];
        assert_eq!(block.reason, BlockReason::Dirty { files, more: 0 });
        assert_eq!(world.read("a"), "two\n");
    });
}

#[test]
fn untracked_files_are_never_overwritten_not_even_ignored_ones() {
    with_each_git(|world| {
        let edits = [
            put("ignored", "theirs\n"),
            put("dir/c/d", "theirs\n"),
            put("fine/x", "theirs\n"),
            put("folder", "theirs\n"),
        ];
        let (store, landing) = ready(world, &edits);
        world.write("ignored", "mine\n");
        world.write("dir/c", "a file where a folder will be\n");
        world.write("fine/y", "beside\n");
        world.write("folder/x", "in a folder where a file will be\n");
        let block = blocked(store.move_branch(&landing).unwrap());
        let files = vec!["dir/c".into(), "folder/x".into(), "ignored".into()];
        assert_eq!(block.reason, BlockReason::Untracked { files, more: 0 });
        assert_eq!(world.read("ignored"), "mine\n");
        for file in ["ignored", "dir/c", "folder/x"] {
            fs::remove_file(world.user().join(file)).unwrap();
        }
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!(status(world), "?? fine/y");
        assert_eq!(world.read("folder"), "theirs\n");
    });
}

#[test]
fn files_links_and_folders_change_places() {
    with_each_git(|world| {
        world.write("to-folder", "file\n");
        world.write("to-file/inside", "x\n");
        world.write("target/x", "x\n");
        symlink("target", world.user().join("link")).unwrap();
        let edits = [
            remove("to-folder"),
            put("to-folder/x", "y\n"),
            remove("to-file/inside"),
            put("to-file", "y\n"),
            remove("link"),
            put("link/x", "not through the link\n"),
        ];
        let (store, landing) = ready(world, &edits);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!(status(world), "");
        assert_eq!(
            (world.read("to-file"), world.read("target/x")),
            ("y\n".to_owned(), "x\n".to_owned())
        );
        assert_eq!(world.read("link/x"), "not through the link\n");
    });
}

#[test]
fn every_work_tree_of_the_branch_counts_and_no_other() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        world.user_git(&["checkout", "-q", "-b", "elsewhere"]);
        world.write("a", "dirty on another branch\n");
        world.user_git(&["worktree", "add", "-q", "../linked", "main"]);
        world.user_git(&["worktree", "add", "-q", "--detach", "../detached", "main"]);
        world.user_git(&["worktree", "add", "-q", "-f", "../second", "main"]);
        world.user_git(&["worktree", "add", "-q", "-f", "../deleted", "main"]);
        fs::remove_dir_all(world.root().join("deleted")).unwrap();
        fs::write(world.root().join("second/a"), "dirty\n").unwrap();
        let block = blocked(store.move_branch(&landing).unwrap());
        assert!(block.work_tree.ends_with("second"));
        for path in ["linked", "second"] {
            let lock = world
                .user()
                .join(".git/worktrees")
                .join(path)
                .join("index.lock");
            assert!(!lock.exists(), "{path} is given back");
        }
        fs::write(world.root().join("second/a"), "one\n").unwrap();
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        for path in ["linked", "second"] {
            assert_eq!(
                fs::read_to_string(world.root().join(path).join("a")).unwrap(),
                "two\n"
            );
            assert_eq!(
                world.run(world.root().join(path), &["status", "--porcelain"]),
                ""
            );
        }
        assert_eq!(
            fs::read_to_string(world.root().join("detached/a")).unwrap(),
            "one\n"
        );
        assert_eq!(world.read("a"), "dirty on another branch\n");
    });
}

#[test]
fn a_running_git_command_and_unfinished_work_block() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        let lock = world.user().canonicalize().unwrap().join(".git/index.lock");
        fs::write(&lock, "").unwrap();
        let block = blocked(store.move_branch(&landing).unwrap());
        assert_eq!(block.reason, BlockReason::Locked { lock: lock.clone() });
        assert!(lock.exists(), "somebody else's lock stays");
        fs::remove_file(&lock).unwrap();
        // A rebase of the branch in progress: HEAD is detached, but the branch is spoken for.
        world.write("a", "conflicting\n");
        world.commit_all("side");
        world.user_git(&["branch", "side"]);
        world.user_git(&["reset", "-q", "--hard", "HEAD~1"]);
        world.write("a", "mine\n");
        let mine = world.commit_all("mine");
        assert!(
            !world
                .try_run(world.user(), &["rebase", "side"])
                .exit
                .success()
        );
        let landing = Landing {
            expected: mine.clone(),
            candidate: candidate(&store, &mine, &usual()),
            ..landing
        };
        publish(&store, &landing);
        let block = blocked(store.move_branch(&landing).unwrap());
        assert_eq!(
            block.reason,
            BlockReason::Unfinished {
                operation: "rebase"
            }
        );
        world.user_git(&["rebase", "--abort"]);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
    });
}

// The point of the index lock: between branch and index nobody can commit the inverse.
#[test]
fn while_a_work_tree_is_held_nobody_can_undo_the_landing() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        let commit = world.try_run(world.user(), &["commit", "-qam", "by accident"]);
        assert!(!commit.exit.success(), "{}", commit.stdout.text());
        assert_eq!(world.head(), landing.candidate);
        drop(store);
        let store = world.store();
        let recovered = store.recover_checkouts().unwrap();
        assert_eq!(recovered.len(), 1);
        assert_eq!(
            (&recovered[0].outcome, &recovered[0].landing),
            (&Recovery::Followed, &landing)
        );
        assert_eq!(status(world), "");
        assert!(store.recover_checkouts().unwrap().is_empty());
    });
}

#[test]
fn a_hold_whose_branch_never_moved_is_given_back() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        let recovered = world.store().recover_checkouts().unwrap();
        assert_eq!(recovered[0].outcome, Recovery::Released);
        assert_eq!(status(world), "");
        assert!(!world.user().join(".git/index.lock").exists());
    });
}

#[test]
fn a_hold_of_a_living_engine_is_left_alone() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        let lock = world.user().join(".git/index.lock");
        let note = fs::read_to_string(&lock).unwrap();
        let own = hyperion_host::ProcessMark::of(std::process::id())
            .unwrap()
            .unwrap();
        // The process that started the tests lives as well.
        let parent = std::os::unix::process::parent_id();
        let other = hyperion_host::ProcessMark::of(parent).unwrap().unwrap();
        fs::write(&lock, note.replace(&own.to_string(), &other.to_string())).unwrap();
        assert!(store.recover_checkouts().unwrap().is_empty());
        assert!(lock.exists());
        let dead = hyperion_host::ProcessMark {
            start_ticks: 1,
            ..other
        };
        fs::write(&lock, note.replace(&own.to_string(), &dead.to_string())).unwrap();
        assert_eq!(store.recover_checkouts().unwrap().len(), 1);
        assert!(!lock.exists());
    });
}

// Two homes may work on one repository: whoever finds the work tree held leaves everything of the holder alone.
#[test]
fn another_home_that_finds_a_work_tree_held_does_not_disturb_the_holder() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        let git_dir = world.user().join(".git");
        let besides = || {
            let names = fs::read_dir(&git_dir).unwrap();
            let mut names: Vec<_> = names
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.starts_with("hyperion-"))
                .collect();
            names.sort();
            names
        };
        let held = besides();
        assert!(!held.is_empty());
        let other = Landing {
            entry: "other".to_owned(),
            ..landing.clone()
        };
        assert!(matches!(
            store.hold_checkouts(&other).unwrap(),
            Hold::Blocked(_)
        ));
        store.abandon(&other).unwrap();
        assert_eq!(
            besides(),
            held,
            "the next index is where the holder left it"
        );
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!((status(world).as_str(), besides().len()), ("", 0));
    });
}

/// A crash in the middle of moving the files: some are new, one is half-written, one is deleted and not yet written.
#[test]
fn half_moved_files_are_sorted_out() {
    with_each_git(|world| {
        world.write("c", "one\n");
        world.write("d", "one\n");
        let edits = [
            put("a", "two\n"),
            put("c", "two\n"),
            put("d", "two two two\n"),
            put("new/file", "x\n"),
            remove("dir/b"),
        ];
        let (store, landing) = ready(world, &edits);
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        world.write("a", "two\n");
        fs::remove_file(world.user().join("c")).unwrap();
        world.write("d", "two t");
        world.write("new/file", "x\n");
        fs::remove_file(world.user().join("dir/b")).unwrap();
        fs::write(world.user().join(".git/hyperion-index.lock"), "").unwrap();
        assert_eq!(
            world.store().recover_checkouts().unwrap()[0].outcome,
            Recovery::Followed
        );
        assert_eq!(status(world), "");
        assert_eq!(
            (world.read("c"), world.read("d")),
            ("two\n".to_owned(), "two two two\n".to_owned())
        );
    });
}

#[test]
fn what_somebody_edited_after_a_crash_is_kept() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        world.write("a", "my precious edit\n");
        let recovered = world.store().recover_checkouts().unwrap();
        let behind = Behind {
            work_tree: world.user(),
            entry: landing.entry.clone(),
            branch: landing.branch.clone(),
            at: landing.expected.clone(),
            cause: None,
        };
        assert_eq!(recovered[0].outcome, Recovery::Behind(behind.clone()));
        assert_eq!(world.read("a"), "my precious edit\n");
        assert_eq!(world.store().behind().unwrap(), [behind]);
        // Nothing but the edit shows, and a commit of it leaves the branch alone.
        assert_eq!(status(world), " M a");
        assert!(!world.user().join(".git/index.lock").exists());
        assert_eq!(
            world.store().follow(&landing).unwrap(),
            None,
            "it is on no branch any more"
        );
        world.user_git(&["commit", "--quiet", "-am", "by accident"]);
        assert_eq!(
            world.user_git(&["rev-parse", "main"]),
            landing.candidate.as_str()
        );
        // Put back by the person, it is one of the branch's work trees again.
        world.user_git(&["switch", "--quiet", "--merge", "main"]);
        assert_eq!(
            (status(world), world.read("a")),
            (String::new(), "two\n".to_owned())
        );
        assert_eq!(world.store().behind().unwrap(), []);
        assert!(!world.user().join(".git/hyperion-behind").exists());
    });
}

// C4, M5: a branch that a person forces elsewhere, or renames, while its work tree is held: nobody is left locked out.
#[test]
fn a_hold_ends_wherever_the_branch_was_put_meanwhile() {
    with_each_git(|world| {
        let lock = world.user().join(".git/index.lock");
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        world.user_git(&["update-ref", "refs/heads/main", landing.expected.as_str()]);
        assert_eq!(store.follow(&landing).unwrap(), None);
        assert!(!lock.exists());
        assert_eq!(status(world), "", "nothing was moved");

        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        world.user_git(&["branch", "-m", "main", "trunk"]);
        store.release_checkouts(&landing).unwrap();
        assert!(!lock.exists(), "it is given back under another name, too");

        world.user_git(&["branch", "-m", "trunk", "main"]);
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        world.user_git(&["branch", "-m", "main", "trunk"]);
        assert_eq!(store.follow(&landing).unwrap(), None);
        assert_eq!(
            (status(world), world.read("a")),
            (String::new(), "two\n".to_owned()),
            "it follows what it has checked out"
        );
    });
}

#[test]
fn a_landing_behind_another_one_is_followed_to_the_newest() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        let newer = candidate(&store, &landing.candidate, &[put("newer", "x\n")]);
        let next = Landing {
            entry: "e2".into(),
            expected: landing.candidate.clone(),
            candidate: newer,
            ..landing
        };
        publish(&store, &next);
        store.compare_and_swap(&next).unwrap();
        assert_eq!(
            world.store().recover_checkouts().unwrap()[0].outcome,
            Recovery::Followed
        );
        assert_eq!(
            (status(world), world.read("newer")),
            (String::new(), "x\n".to_owned())
        );
    });
}

#[test]
fn the_persons_own_filters_decide_what_is_clean() {
    with_each_git(|world| {
        world.user_git(&["config", "--global", "filter.caps.clean", "tr A-Z a-z"]);
        world.user_git(&["config", "--global", "filter.caps.smudge", "tr a-z A-Z"]);
        world.write(".gitattributes", "*.caps filter=caps\n");
        world.write("x.caps", "LOUD\n");
        let (store, landing) = ready(world, &[put("x.caps", "louder\n"), put("a", "two\n")]);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!(
            (status(world), world.read("x.caps")),
            (String::new(), "LOUDER\n".to_owned())
        );
    });
}

#[test]
fn a_separate_git_folder_and_a_submodule_are_followed() {
    with_each_git(|world| {
        let inner = tip(world);
        world.run(world.root(), &["init", "-q", "-b", "main", "outer"]);
        let outer = world.root().join("outer");
        let source = world.user().display().to_string();
        world.run(
            &outer,
            &[
                "-c",
                "protocol.file.allow=always",
                "submodule",
                "add",
                "-q",
                &source,
                "inner",
            ],
        );
        world.run(
            world.root(),
            &[
                "clone",
                "-q",
                "--separate-git-dir=apart.git",
                "user",
                "apart",
            ],
        );
        for (place, name) in [
            (outer.join("inner"), "submodule"),
            (world.root().join("apart"), "apart"),
        ] {
            let repo = UserRepo::discover(&world.git, &place).unwrap();
            let store = RepoStore::open(
                &world.git,
                &world.root().join(format!("own-{name}")),
                &repo,
                "boot",
            )
            .unwrap();
            let landing = landing(world, &inner, &candidate(&store, &inner, &usual()));
            publish(&store, &landing);
            assert_eq!(
                store.move_branch(&landing).unwrap(),
                Move::Landed { behind: None },
                "{name}"
            );
            assert_eq!(
                fs::read_to_string(place.join("a")).unwrap(),
                "two\n",
                "{name}"
            );
            assert_eq!(world.run(&place, &["status", "--porcelain"]), "", "{name}");
        }
    });
}

#[test]
fn a_branch_by_another_name_has_the_same_work_tree() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        world.user_git(&["branch", "-m", "main", "trunk"]);
        world.user_git(&["symbolic-ref", "refs/heads/main", "refs/heads/trunk"]);
        world.write("a", "edited\n");
        assert!(matches!(
            blocked(store.move_branch(&landing).unwrap()).reason,
            BlockReason::Dirty { .. }
        ));
        world.user_git(&["checkout", "-q", "a"]);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!(status(world), "");
        assert_eq!(
            world.user_git(&["rev-parse", "trunk"]),
            landing.candidate.as_str()
        );
    });
}

#[test]
fn a_sparse_work_tree_stays_sparse() {
    with_each_git(|world| {
        let (store, landing) = ready(
            world,
            &[
                put("a", "two\n"),
                put("dir/b", "two\n"),
                put("dir/c", "x\n"),
            ],
        );
        world.user_git(&["sparse-checkout", "set", "--no-cone", "/a"]);
        assert!(!world.user().join("dir").exists());
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        assert_eq!(
            (status(world), world.read("a")),
            (String::new(), "two\n".to_owned())
        );
        assert!(!world.user().join("dir").exists());
    });
}

/// After a crash somebody put a link where a folder was: what it points to is not ours.
#[test]
fn recovery_does_not_pass_through_links() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &[put("dir/b", "one\ntwo\n"), put("a", "two\n")]);
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        store.compare_and_swap(&landing).unwrap();
        let outside = world.root().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("b"), "one\n").unwrap();
        fs::remove_dir_all(world.user().join("dir")).unwrap();
        symlink(&outside, world.user().join("dir")).unwrap();
        world.store().recover_checkouts().unwrap();
        assert_eq!(fs::read_to_string(outside.join("b")).unwrap(), "one\n");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    });
}

// M1, S8: a file of its own that a dead engine left beside the index goes; one of a living engine stays.
#[test]
fn what_a_dead_engine_left_beside_the_index_is_swept_up() {
    with_each_git(|world| {
        let (store, landing) = ready(world, &usual());
        let git_dir = world.user().join(".git");
        let living = hyperion_host::ProcessMark::of(std::os::unix::process::parent_id())
            .unwrap()
            .unwrap();
        let left = ["hyperion-own-note-1-1", "hyperion-own-look-1-1.lock"];
        let kept = format!("hyperion-own-look-{}-{}", living.pid, living.start_ticks);
        for name in left.iter().copied().chain([kept.as_str()]) {
            fs::write(git_dir.join(name), "").unwrap();
        }
        assert_eq!(store.hold_checkouts(&landing).unwrap(), Hold::Held);
        assert!(left.iter().all(|name| !git_dir.join(name).exists()));
        assert!(git_dir.join(kept).exists());
        store.release_checkouts(&landing).unwrap();
    });
}
