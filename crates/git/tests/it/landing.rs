use hyperion_git::{GitError, Landed, Landing, Move, Oid, RepoStore, Swap};

use crate::world::{World, candidate, landing, publish, put, with_each_git};

/// A user's repository with one commit, Hyperion's folder, and a candidate on the tip.
fn prepared(world: &World) -> (RepoStore, Landing) {
    world.write("a", "one\n");
    world.write("b", "one\n");
    let tip = world.commit_all("one");
    let store = world.store();
    let next = candidate(&store, &tip, &[put("a", "two\n"), put("new", "x\n")]);
    let landing = landing(world, &tip, &next);
    (store, landing)
}

/// What another process sees after this one died: new helper processes, the folder laid out again.
fn restarted(world: &World, store: RepoStore) -> RepoStore {
    drop(store);
    world.store()
}

fn land(store: &RepoStore, landing: &Landing) -> Move {
    publish(store, landing);
    let outcome = store.move_branch(landing).unwrap();
    store.delete_landing_ref(&landing.entry).unwrap();
    outcome
}

// M5: a landing is complete, sound, and leaves nothing else behind.
#[test]
fn a_landing_moves_the_branch_and_leaves_nothing_else() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        assert_eq!(
            store.landed(&landing.branch, &landing.candidate).unwrap(),
            Landed::No {
                tip: Some(landing.expected.clone())
            }
        );
        assert_eq!(land(&store, &landing), Move::Landed { behind: None });
        assert_eq!(world.head(), landing.candidate);
        assert_eq!(
            store.landed(&landing.branch, &landing.candidate).unwrap(),
            Landed::Yes
        );
        assert_eq!(world.user_git(&["status", "--porcelain"]), "");
        assert_eq!(
            (world.read("a"), world.read("new")),
            ("two\n".to_owned(), "x\n".to_owned())
        );
        assert_eq!(
            world.user_git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/main"
        );
        world.user_git(&["fsck", "--strict", "--full"]);
        let packs = std::fs::read_dir(world.user().join(".git/objects/pack")).unwrap();
        let mut kinds: Vec<_> = packs
            .map(|pack| pack.unwrap().path().extension().unwrap().to_owned())
            .collect();
        kinds.sort();
        assert!(!kinds.contains(&"keep".into()), "{kinds:?}");
        assert!(
            world
                .user_git(&["reflog", "-1", "main"])
                .contains("hyperion: land e1")
        );
        // An ancestor has landed as well.
        world.commit_all("on top");
        assert_eq!(
            store.landed(&landing.branch, &landing.candidate).unwrap(),
            Landed::Yes
        );
    });
}

// M5: exactly once, wherever it dies; every step can be repeated.
#[test]
fn a_landing_interrupted_after_any_step_is_finished_by_starting_over() {
    with_each_git(|world| {
        let steps: &[fn(&RepoStore, &Landing)] = &[
            |store, landing| store.publish_objects(landing).unwrap(),
            |store, landing| store.create_landing_ref(landing).unwrap(),
            |store, landing| drop(store.hold_checkouts(landing).unwrap()),
            |store, landing| assert_eq!(store.compare_and_swap(landing).unwrap(), Swap::Moved),
            |store, landing| assert_eq!(store.follow(landing).unwrap(), None),
            |store, landing| store.delete_landing_ref(&landing.entry).unwrap(),
        ];
        for died_after in 0..=steps.len() {
            let world = World::new(world.git.program());
            let (store, landing) = prepared(&world);
            for step in &steps[..died_after] {
                step(&store, &landing);
            }
            let moved = died_after >= 4;
            let store = restarted(&world, store);
            store.recover_checkouts().unwrap();
            let landed = store.landed(&landing.branch, &landing.candidate).unwrap();
            assert_eq!(landed == Landed::Yes, moved, "after {died_after} steps");
            assert_eq!(
                world.user_git(&["status", "--porcelain"]),
                "",
                "after {died_after} steps"
            );
            // As the engine does on restart: the same steps again.
            assert_eq!(
                land(&store, &landing),
                Move::Landed { behind: None },
                "after {died_after} steps"
            );
            assert_eq!(world.head(), landing.candidate);
            assert_eq!(world.user_git(&["status", "--porcelain"]), "");
            assert_eq!(
                world.user_git(&["for-each-ref", "--format=%(refname)"]),
                "refs/heads/main"
            );
            assert_eq!(world.user_git(&["rev-list", "--count", "main"]), "2");
            assert!(!world.user().join(".git/index.lock").exists());
        }
    });
}

#[test]
fn a_branch_that_moved_is_left_alone() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        publish(&store, &landing);
        let other = world.commit_all("somebody was faster");
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::TipIs(Some(other.clone()))
        );
        assert_eq!(world.head(), other);
        assert_eq!(world.user_git(&["status", "--porcelain"]), "");
        world.user_git(&["checkout", "-q", "--detach"]);
        world.user_git(&["branch", "-D", "main"]);
        assert_eq!(store.move_branch(&landing).unwrap(), Move::TipIs(None));
        assert_eq!(
            store.landed(&landing.branch, &landing.candidate).unwrap(),
            Landed::No { tip: None }
        );
    });
}

#[test]
fn a_locked_ref_is_told_with_its_lock() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        publish(&store, &landing);
        let lock = world
            .user()
            .canonicalize()
            .unwrap()
            .join(".git/refs/heads/main.lock");
        std::fs::write(&lock, "").unwrap();
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::RefLocked { lock: lock.clone() }
        );
        assert!(
            !world.user().join(".git/index.lock").exists(),
            "the work tree is given back"
        );
        std::fs::remove_file(lock).unwrap();
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
    });
}

#[test]
fn the_users_housekeeping_between_the_steps_takes_nothing_away() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        let gc = || {
            world.user_git(&["reflog", "expire", "--expire=now", "--all"]);
            world.user_git(&["gc", "-q", "--prune=now"]);
            world.user_git(&["repack", "-q", "-a", "-d"]);
            world.user_git(&["pack-refs", "--all"]);
        };
        gc();
        store.publish_objects(&landing).unwrap();
        gc();
        store.create_landing_ref(&landing).unwrap();
        gc();
        assert_eq!(
            store.landing_refs().unwrap(),
            [("e1".to_owned(), landing.candidate.clone())]
        );
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            Move::Landed { behind: None }
        );
        store.delete_landing_ref("e1").unwrap();
        gc();
        world.user_git(&["fsck", "--strict", "--full"]);
        assert_eq!(world.head(), landing.candidate);
        assert_eq!(
            store.commit_info(&landing.candidate).unwrap().parents,
            [landing.expected]
        );
    });
}

#[test]
fn several_candidates_on_each_other_land_one_after_another_or_at_once() {
    with_each_git(|world| {
        let (store, first) = prepared(world);
        let second = candidate(&store, &first.candidate, &[put("b", "two\n")]);
        let third = candidate(&store, &second, &[put("c", "three\n")]);
        assert_eq!(land(&store, &first), Move::Landed { behind: None });
        let rest = Landing {
            entry: "e3".into(),
            expected: first.candidate.clone(),
            candidate: third,
            ..first
        };
        assert_eq!(land(&store, &rest), Move::Landed { behind: None });
        assert_eq!(store.landed(&rest.branch, &second).unwrap(), Landed::Yes);
        world.user_git(&["fsck", "--strict", "--full"]);
        assert_eq!(
            (world.read("b"), world.read("c")),
            ("two\n".to_owned(), "three\n".to_owned())
        );
    });
}

#[test]
fn unsound_objects_are_refused_before_any_ref_names_them() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        // A commit whose tree nobody has.
        let missing = Oid::parse(&"1".repeat(40)).unwrap();
        let broken = crate::world::commit(&store, missing, &landing.expected);
        let broken = Landing {
            candidate: broken,
            ..landing
        };
        assert!(matches!(
            store.publish_objects(&broken),
            Err(GitError::Failed { .. })
        ));
        assert!(store.create_landing_ref(&broken).is_err());
        assert_eq!(
            world.user_git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/main"
        );
    });
}

#[test]
fn a_bare_repository_is_landed_on() {
    with_each_git(|world| {
        world.write("a", "one\n");
        let tip = world.commit_all("one");
        world.run(world.root(), &["clone", "-q", "--bare", "user", "bare.git"]);
        let bare =
            hyperion_git::UserRepo::discover(&world.git, &world.root().join("bare.git")).unwrap();
        let store = world.store_of(&bare);
        let next = candidate(&store, &tip, &[put("a", "two\n")]);
        assert_eq!(
            land(&store, &landing(world, &tip, &next)),
            Move::Landed { behind: None }
        );
        assert_eq!(
            world.run(world.root().join("bare.git"), &["rev-parse", "main"]),
            next.as_str()
        );
        assert!(store.checkout_state(&world.main()).unwrap().is_empty());
    });
}

#[test]
fn hooks_of_the_user_do_not_run() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        for hook in [
            "reference-transaction",
            "post-checkout",
            "post-index-change",
            "update",
            "pre-commit",
        ] {
            let path = world.user().join(".git/hooks").join(hook);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(
                &path,
                format!(
                    "#!/bin/sh\ntouch '{}'\nexit 1\n",
                    world.root().join("hooked").display()
                ),
            )
            .unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
        }
        assert_eq!(land(&store, &landing), Move::Landed { behind: None });
        assert!(!world.root().join("hooked").exists());
    });
}

#[test]
fn an_abandoned_landing_leaves_nothing_behind() {
    with_each_git(|world| {
        let (store, landing) = prepared(world);
        let leftovers = || {
            let packs = std::fs::read_dir(world.user().join(".git/objects/pack")).unwrap();
            packs
                .filter(|pack| {
                    pack.as_ref()
                        .unwrap()
                        .path()
                        .extension()
                        .is_some_and(|kind| kind == "keep")
                })
                .count()
        };
        store.publish_objects(&landing).unwrap();
        assert_eq!(leftovers(), 1, "guarded from the user's gc");
        store.abandon(&landing).unwrap();
        assert_eq!(leftovers(), 0);
        publish(&store, &landing);
        store.hold_checkouts(&landing).unwrap();
        store.abandon(&landing).unwrap();
        store.delete_landing_ref(&landing.entry).unwrap();
        assert_eq!(
            world.user_git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/main"
        );
        assert_eq!(
            (leftovers(), world.user_git(&["status", "--porcelain"])),
            (0, String::new())
        );
        world.user_git(&["gc", "-q", "--prune=now"]);
        assert!(
            !world
                .try_run(
                    world.user(),
                    &["cat-file", "-e", landing.candidate.as_str()]
                )
                .exit
                .success()
        );
        // And it can still be landed later.
        assert_eq!(land(&store, &landing), Move::Landed { behind: None });
    });
}
