use hyperion_git::{ChangeStatus, GitError, Mode, ObjectKind, Oid, Renames, RepoStore, UserRepo};

use crate::world::{built, candidate, commit, put, remove, with_each_git};

/// Writes a file's content beside what a commit holds.
fn blob(store: &RepoStore, base: &Oid, content: &str) -> Oid {
    let tree = built(store, base, &[put("new", content)]).unwrap();
    let file = store.lookup(&tree, &"new".into()).unwrap();
    file.unwrap().oid
}

#[test]
fn objects_and_history_are_read() {
    with_each_git(|world| {
        world.write("dir/file", "one\n");
        world.write("run", "#!/bin/sh\n");
        std::fs::set_permissions(
            world.user().join("run"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let first = world.commit_all("First\n\nwith a body");
        world.write("dir/file", "two\n");
        let second = world.commit_all("Second");
        let store = world.store();
        let file = store.lookup(&second, &"dir/file".into()).unwrap().unwrap();
        assert_eq!(
            (file.mode, store.read_blob(&file.oid, 100).unwrap()),
            (Mode::File, b"two\n".to_vec())
        );
        assert_eq!(
            store.lookup(&second, &"run".into()).unwrap().unwrap().mode,
            Mode::Executable
        );
        assert_eq!(
            store.lookup(&second, &"dir".into()).unwrap().unwrap().mode,
            Mode::Tree
        );
        for nothing in ["dir/none", "none/file", "run/x", ""] {
            assert_eq!(
                store.lookup(&second, &nothing.into()).unwrap(),
                None,
                "{nothing}"
            );
        }
        assert_eq!(store.read_tree(&second).unwrap().len(), 2);
        assert!(matches!(
            store.read_blob(&file.oid, 3),
            Err(GitError::TooLarge { max_bytes: 3, .. })
        ));
        assert!(matches!(
            store.read_blob(&second, 100),
            Err(GitError::WrongKind { .. })
        ));
        let missing = Oid::parse(&"1".repeat(40)).unwrap();
        assert!(matches!(
            store.read_blob(&missing, 100),
            Err(GitError::MissingObject { .. })
        ));
        assert_eq!(store.object(&missing).unwrap(), None);
        assert_eq!(
            store.object(&file.oid).unwrap(),
            Some((ObjectKind::Blob, 4))
        );
        let info = store.commit_info(&first).unwrap();
        assert_eq!(
            (info.subject(), info.message.as_str()),
            ("First", "First\n\nwith a body\n")
        );
        assert_eq!(
            (info.author.name.as_str(), info.author.seconds),
            ("Ada", 1_700_000_000)
        );
        assert!(
            store.is_ancestor(&first, &second).unwrap()
                && !store.is_ancestor(&second, &first).unwrap()
        );
        assert_eq!(
            store.merge_base(&second, &first).unwrap(),
            Some(first.clone())
        );
        let log: Vec<String> = store
            .log(&second, 10)
            .unwrap()
            .iter()
            .map(|info| info.subject().to_owned())
            .collect();
        assert_eq!(log, ["Second", "First"]);
        assert_eq!(store.log(&second, 1).unwrap().len(), 1);
        assert_eq!(store.tip(&world.main()).unwrap(), Some(second));
    });
}

#[test]
fn a_difference_names_every_kind_of_change() {
    with_each_git(|world| {
        world.write("keep", "same\n".repeat(20));
        world.write("edit", "one\n");
        world.write("gone", "bye\n");
        world.write("old name", "content that moves\n".repeat(20));
        let first = world.commit_all("one");
        let store = world.store();
        let second = candidate(
            &store,
            &first,
            &[
                put("edit", "two\n"),
                remove("gone"),
                crate::world::rename("old name", "new/näme"),
                put("added", "x"),
            ],
        );
        let show = |renames| {
            let changes = store.diff_trees(&first, &second, renames).unwrap();
            changes
                .iter()
                .map(|change| format!("{:?} {}", change.status, change.path))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            show(Renames::On),
            [
                "Added added",
                "Modified edit",
                "Deleted gone",
                "Renamed new/näme"
            ]
        );
        assert_eq!(
            show(Renames::Off),
            [
                "Added added",
                "Modified edit",
                "Deleted gone",
                "Added new/näme",
                "Deleted old name"
            ]
        );
        let changes = store.diff_trees(&first, &second, Renames::On).unwrap();
        let renamed = changes
            .iter()
            .find(|change| change.status == ChangeStatus::Renamed)
            .unwrap();
        assert_eq!(renamed.from_path, Some("old name".into()));
        assert_eq!(
            (
                changes[0].old_mode,
                changes[0].new_mode,
                &changes[0].old_oid
            ),
            (None, Some(Mode::File), &None)
        );
        assert!(
            store
                .diff_trees(&first, &first, Renames::On)
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn the_same_commit_has_the_same_id_and_git_finds_it_sound() {
    with_each_git(|world| {
        let first = world.commit_all("one");
        let store = world.store();
        let one = candidate(&store, &first, &[put("a", "x")]);
        let again = candidate(&store, &first, &[put("a", "x")]);
        assert_eq!(one, again);
        let info = store.commit_info(&one).unwrap();
        assert_eq!(
            (info.author, info.parents),
            (crate::world::signature(), vec![first.clone()])
        );
        let own = world.root().join("own/git");
        world.run(&own, &["fsck", "--strict", "--full", one.as_str()]);
        assert_eq!(
            world.run(
                &own,
                &["log", "-1", "--format=%an %ad", "--date=raw", one.as_str()]
            ),
            "Hyperion 1700000100 +0100"
        );
    });
}

// decisions 3.4: nothing unlanded in the user's repository.
#[test]
fn nothing_unlanded_shows_in_the_users_repository() {
    with_each_git(|world| {
        world.write("a", "one\n");
        let first = world.commit_all("one");
        let before = world.user_git(&["count-objects", "-v"]);
        let store = world.store();
        store.pin_base(&first).unwrap();
        store.pin_base(&first).unwrap();
        let change = candidate(&store, &first, &[put("a", "two\n")]);
        store.sync().unwrap();
        assert_eq!(world.user_git(&["count-objects", "-v"]), before);
        assert_eq!(
            world.user_git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/main"
        );
        assert_eq!(
            world.user_git(&["log", "--all", "--format=%H"]),
            first.as_str()
        );
        assert!(
            !world
                .try_run(world.user(), &["cat-file", "-e", change.as_str()])
                .exit
                .success()
        );
        store.unpin_base(&first).unwrap();
        store.unpin_base(&first).unwrap();
    });
}

#[test]
fn what_the_user_has_only_by_chance_is_written_anyway() {
    with_each_git(|world| {
        let first = world.commit_all("one");
        let store = world.store();
        // Staged and thought better of: the blob is there, and nothing names it.
        world.write("draft", "same content\n");
        world.user_git(&["add", "draft"]);
        world.user_git(&["rm", "-q", "--cached", "draft"]);
        let change = candidate(&store, &first, &[put("a", "same content\n")]);
        world.user_git(&["gc", "-q", "--prune=now"]);
        store.rest();
        let blob = store.lookup(&change, &"a".into()).unwrap().unwrap().oid;
        assert_eq!(store.read_blob(&blob, 100).unwrap(), b"same content\n");
    });
}

#[test]
fn a_store_is_opened_again_after_any_half_made_start() {
    with_each_git(|world| {
        let first = world.commit_all("one");
        let own = world.root().join("own");
        std::fs::create_dir_all(own.join("git.new/objects")).unwrap();
        std::fs::create_dir_all(own.join("git/refs")).unwrap();
        let change = candidate(&world.store(), &first, &[put("a", "x")]);
        std::fs::remove_file(own.join("git/objects/info/alternates")).unwrap();
        std::fs::write(own.join("scratch/left"), "x").unwrap();
        let store = world.store();
        assert_eq!(store.commit_info(&change).unwrap().parents, [first]);
        assert!(!own.join("scratch/left").exists());
    });
}

#[test]
fn objects_that_lost_their_content_in_a_power_loss_are_written_again() {
    with_each_git(|world| {
        let first = world.commit_all("one");
        let store = world.store();
        let blob = blob(&store, &first, "content");
        let file = world
            .root()
            .join("own/written")
            .join(&blob.as_str()[..2])
            .join(&blob.as_str()[2..]);
        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        std::fs::set_permissions(&file, permissions).unwrap();
        std::fs::write(&file, "").unwrap();
        drop(store);
        let store = hyperion_git::RepoStore::open(
            &world.git,
            &world.root().join("own"),
            &world.repo(),
            "next boot",
        )
        .unwrap();
        assert!(!file.exists());
        let change = candidate(&store, &first, &[put("a", "content")]);
        let blob = store.lookup(&change, &"a".into()).unwrap().unwrap().oid;
        assert_eq!(store.read_blob(&blob, 100).unwrap(), b"content");
    });
}

// M5: what a loss of power brought back of a landing that was recorded long before is nobody's any more, in either repository;
// what is the user's stays.
#[test]
fn locks_of_our_own_refs_that_a_power_loss_left_are_removed() {
    with_each_git(|world| {
        world.commit_all("one");
        drop(world.store());
        let own = world.root().join("own");
        let of_git = world.user().join(".git/refs");
        let ours = [
            own.join("git/refs/hyperion/base/x.lock"),
            of_git.join("hyperion/landing/x.lock"),
        ];
        let theirs = of_git.join("heads/main.lock");
        for lock in ours.iter().chain([&theirs]) {
            std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
            std::fs::write(lock, "").unwrap();
        }
        drop(world.store());
        assert!(
            ours.iter().all(|lock| lock.exists()),
            "the boot is the same"
        );
        let repo = world.repo();
        hyperion_git::RepoStore::open(&world.git, &own, &repo, "next boot").unwrap();
        assert!(!ours.iter().any(|lock| lock.exists()));
        assert!(theirs.exists());
    });
}

#[test]
fn a_repository_that_is_gone_is_said_so() {
    with_each_git(|world| {
        let first = world.commit_all("one");
        let store = world.store();
        std::fs::rename(world.user(), world.root().join("moved")).unwrap();
        for error in [
            store.tip(&world.main()).unwrap_err(),
            store.commit_info(&first).unwrap_err(),
            store.checkout_state(&world.main()).unwrap_err(),
        ] {
            assert!(matches!(error, GitError::RepositoryGone { .. }), "{error}");
            assert!(error.remedy().unwrap().contains("hyperion repo move"));
        }
        let moved = UserRepo::discover(&world.git, &world.root().join("moved")).unwrap();
        let store = world.store_of(&moved);
        assert_eq!(store.commit_info(&first).unwrap().oid, first);
    });
}

#[test]
fn a_shallow_clone_is_a_repository_like_any_other() {
    with_each_git(|world| {
        for number in 0..5 {
            world.write("a", format!("{number}\n"));
            world.commit_all("more");
        }
        let source = format!("file://{}", world.user().display());
        world.run(
            world.root(),
            &["clone", "-q", "--depth=2", &source, "shallow"],
        );
        let repo = UserRepo::discover(&world.git, &world.root().join("shallow")).unwrap();
        assert!(repo.is_shallow());
        let store = world.store_of(&repo);
        let tip = repo.tip_of(&world.main()).unwrap();
        assert_eq!(store.log(&tip, 10).unwrap().len(), 2);
        let tree = built(&store, &tip, &[put("b", "x")]).unwrap();
        let landing = crate::world::landing(world, &tip, &commit(&store, tree, &tip));
        crate::world::publish(&store, &landing);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            hyperion_git::Move::Landed { behind: None }
        );
        world.run(
            world.root().join("shallow"),
            &["fetch", "-q", "--unshallow"],
        );
        assert_eq!(store.log(&landing.candidate, 10).unwrap().len(), 6);
    });
}

// C8: one that was cleaned up before it could be copied keeps the others from nothing, and leaves no ref to nothing.
#[test]
fn a_base_that_is_lost_is_let_go_and_the_others_are_kept() {
    with_each_git(|world| {
        world.write("a", "one\n");
        let lost = world.commit_all("one");
        let store = world.store();
        store.pin_base(&lost).unwrap();
        world.write("a", "two\n");
        world.user_git(&["commit", "-q", "-a", "--amend", "-m", "two"]);
        world.user_git(&["reflog", "expire", "--expire=now", "--all"]);
        world.user_git(&["gc", "-q", "--prune=now"]);
        let kept = world.head();
        store.pin_base(&kept).unwrap();
        world.user_git(&["commit", "-q", "--amend", "-m", "three"]);
        store.rest();
        assert_eq!(store.secure_bases().unwrap(), std::slice::from_ref(&kept));
        assert_eq!(store.bases().unwrap(), [kept]);
    });
}

#[test]
fn a_base_outlives_the_history_it_was_part_of() {
    with_each_git(|world| {
        world.write("dir/a", "one\n");
        world.write("b", "one\n");
        let base = world.commit_all("one");
        let store = world.store();
        store.pin_base(&base).unwrap();
        assert!(
            store.secure_bases().unwrap().is_empty(),
            "the user's branch holds it"
        );
        world.write("dir/a", "another\n");
        world.user_git(&["add", "-A"]);
        world.user_git(&["commit", "-q", "--amend", "-m", "rewritten"]);
        let tip = world.head();
        assert_eq!(store.secure_bases().unwrap(), std::slice::from_ref(&base));
        assert!(store.secure_bases().unwrap().is_empty());
        world.user_git(&["reflog", "expire", "--expire=now", "--all"]);
        world.user_git(&["gc", "-q", "--prune=now"]);
        store.rest();
        assert_eq!(store.bases().unwrap(), std::slice::from_ref(&base));
        let change = candidate(&store, &base, &[put("b", "two\n")]);
        let sides = hyperion_git::MergeSides {
            base: &base,
            ours: &tip,
            theirs: &change,
            attributes: &tip,
        };
        let hyperion_git::Merged::Clean { tree } = store.merge(&sides).unwrap() else {
            panic!("conflict")
        };
        let landing = crate::world::landing(world, &tip, &commit(&store, tree, &tip));
        crate::world::publish(&store, &landing);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            hyperion_git::Move::Landed { behind: None }
        );
        world.user_git(&["fsck", "--strict"]);
        assert_eq!(
            (world.read("dir/a"), world.read("b")),
            ("another\n".to_owned(), "two\n".to_owned())
        );
    });
}

// S9: a command that only reads opens the folder that an engine works in.
#[test]
fn openings_at_the_same_time_do_not_mix_up_what_they_write() {
    const WRITES: usize = 50;
    with_each_git(|world| {
        world.write("file", "one\n");
        let first = world.commit_all("First");
        std::thread::scope(|scope| {
            for opening in 0..3 {
                let (world, first) = (&world, &first);
                scope.spawn(move || {
                    for write in 0..WRITES {
                        let store = world.store();
                        let content = format!("{opening} {write}\n");
                        let oid = blob(&store, first, &content);
                        assert_eq!(store.read_blob(&oid, 100).unwrap(), content.as_bytes());
                    }
                });
            }
        });
        let left = std::fs::read_dir(world.root().join("own/scratch"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "each takes its throw-away files along");
    });
}

// C8: requests that are filed at the same time on the same base do not get into each other's way.
#[test]
fn a_base_is_pinned_by_many_at_once() {
    with_each_git(|world| {
        let commits: Vec<_> = ["one", "two", "three"]
            .map(|message| world.commit_all(message))
            .into();
        let store = world.store();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for commit in &commits {
                        store.pin_base(commit).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.bases().unwrap().len(), 3);
    });
}

// M1, M5: what a dead engine's git still does is waited for: it could move a ref after it was looked where that is.
#[test]
fn a_store_opens_once_the_git_processes_of_a_dead_engine_have_ended() {
    with_each_git(|world| {
        world.commit_all("one");
        drop(world.store());
        // No process has this number and this start.
        let dead = "1-1";
        std::fs::create_dir(world.root().join(format!("own/scratch/{dead}-0"))).unwrap();
        let file = world.root().join("written-at-last");
        let script = format!("sleep 0.3; echo done > {}", file.display());
        let orphan = hyperion_host::Launch::new("/bin/sh", "/")
            .args(["-c", &script])
            .env("PATH", "/usr/bin:/bin")
            .env("HYPERION_ENGINE", dead);
        let limits = hyperion_host::Limits {
            wall: std::time::Duration::from_secs(20),
            output_max: 1000,
        };
        std::thread::scope(|scope| {
            let orphan = scope.spawn(|| hyperion_host::run(&orphan, &limits).unwrap());
            let is_at_work = || {
                let marks = [dead.to_owned()];
                !hyperion_host::await_marked("HYPERION_ENGINE", &marks, std::time::Duration::ZERO)
                    .unwrap()
            };
            while !is_at_work() {
                std::thread::yield_now();
            }
            drop(world.store());
            assert!(file.exists());
            orphan.join().unwrap();
        });
        assert!(!world.root().join(format!("own/scratch/{dead}-0")).exists());
    });
}
