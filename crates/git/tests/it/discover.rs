use hyperion_git::{
    DiscoverError, Git, GitOptions, Head, ObjectFormat, ProbeError, RefName, UserRepo,
};

use crate::world::{World, gits, with_each_git};

#[test]
fn a_git_is_probed() {
    with_each_git(|world| {
        let (version, features) = (world.git.version(), world.git.features());
        assert_eq!(
            features.merges_trees,
            (version.major, version.minor) >= (2, 45),
            "{version}"
        );
        assert_eq!(
            features.attribute_source,
            (version.major, version.minor) >= (2, 41),
            "{version}"
        );
    });
}

#[test]
fn a_missing_or_strange_git_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let probe = |program: &str| {
        Git::probe(&GitOptions {
            program: Some(program.into()),
            scratch: dir.path().join("scratch"),
            search_path: "/usr/bin:/bin".into(),
            user_home: None,
            person: Vec::new(),
        })
        .unwrap_err()
    };
    let missing = probe("/nonexistent/git");
    assert!(matches!(missing, ProbeError::NotFound { .. }), "{missing}");
    assert!(missing.remedy().contains("apt install git"));
    assert!(matches!(probe("/bin/true"), ProbeError::Broken(_)));
    let old = dir.path().join("old-git");
    std::fs::write(&old, "#!/bin/sh\necho git version 2.30.2\n").unwrap();
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let old = probe(old.to_str().unwrap());
    assert_eq!(old.to_string(), "use git 2.30: it is older than 2.38");
}

#[test]
fn a_repository_is_found_from_any_folder_of_it() {
    with_each_git(|world| {
        world.write("a/b/c", "x");
        world.commit_all("one");
        for folder in ["", "a/b", ".git", ".git/refs"] {
            let repo = UserRepo::discover(&world.git, &world.user().join(folder)).unwrap();
            assert_eq!(
                repo.git_dir(),
                world.user().join(".git").canonicalize().unwrap()
            );
            assert_eq!(repo.object_format(), ObjectFormat::Sha1);
            assert!(!repo.is_shallow());
            assert_eq!(repo.default_branch().unwrap().short(), "main");
            assert_eq!(repo.tip_of(&world.main()).unwrap(), world.head());
        }
        assert_eq!(
            world.repo().work_tree().unwrap(),
            world.user().canonicalize().unwrap()
        );
    });
}

#[test]
fn what_is_no_usable_repository_has_its_own_error() {
    with_each_git(|world| {
        let nowhere = UserRepo::discover(&world.git, &world.root().join("nowhere")).unwrap_err();
        assert!(
            matches!(nowhere, DiscoverError::NoSuchFolder { .. }),
            "{nowhere}"
        );
        let plain = UserRepo::discover(&world.git, world.root()).unwrap_err();
        assert!(
            matches!(plain, DiscoverError::NotARepository { .. }),
            "{plain}"
        );
        let unborn = world.repo().default_branch().unwrap_err();
        assert!(
            matches!(unborn, DiscoverError::NoCommits { .. }),
            "{unborn}"
        );
        assert_eq!(world.repo().head().unwrap(), Head::Unborn(world.main()));
        let first = world.commit_all("one");
        let missing = world
            .repo()
            .tip_of(&RefName::branch("nope").unwrap())
            .unwrap_err();
        assert!(missing.to_string().contains("no such branch"), "{missing}");
        assert!(missing.remedy().contains("git branch nope"));
        world.user_git(&["checkout", "-q", "--detach"]);
        let detached = world.repo().default_branch().unwrap_err();
        assert!(
            matches!(detached, DiscoverError::Detached { .. }),
            "{detached}"
        );
        assert_eq!(world.repo().head().unwrap(), Head::Detached(first.clone()));
        assert_eq!(
            world.repo().resolve_commit(&first.as_str()[..10]).unwrap(),
            Some(first)
        );
        assert_eq!(world.repo().resolve_commit("--help").unwrap(), None);
    });
}

#[test]
fn bare_linked_and_strangely_named_repositories_are_found() {
    with_each_git(|world| {
        let first = world.commit_all("one");
        world.user_git(&["branch", "other"]);
        world.user_git(&["worktree", "add", "-q", "../linked", "other"]);
        let linked = UserRepo::discover(&world.git, &world.root().join("linked")).unwrap();
        assert_eq!(linked.git_dir(), world.repo().git_dir());
        assert_eq!(linked.default_branch().unwrap().short(), "other");
        let name = "strange\n name: \"x\"";
        world.run(world.root(), &["clone", "-q", "--bare", "user", name]);
        let bare = UserRepo::discover(&world.git, &world.root().join(name)).unwrap();
        assert_eq!(bare.work_tree(), None);
        assert_eq!(bare.default_branch().unwrap().short(), "main");
        let store = world.store_of(&bare);
        assert_eq!(store.commit_info(&first).unwrap().subject(), "one");
    });
}

#[test]
fn a_repository_with_sha256_names_works() {
    for program in gits() {
        let world = World::new(&program);
        std::fs::remove_dir_all(world.user()).unwrap();
        world.run(
            world.root(),
            &["init", "-q", "-b", "main", "--object-format=sha256", "user"],
        );
        world.write("a", "one\n");
        let tip = world.commit_all("one");
        assert_eq!(tip.as_str().len(), 64);
        assert_eq!(world.repo().object_format(), ObjectFormat::Sha256);
        let store = world.store();
        let candidate = crate::world::candidate(&store, &tip, &[crate::world::put("b/c", "two\n")]);
        let landing = crate::world::landing(&world, &tip, &candidate);
        crate::world::publish(&store, &landing);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            hyperion_git::Move::Landed { behind: None }
        );
        assert_eq!(world.read("b/c"), "two\n");
    }
}

#[test]
fn a_repository_with_refs_in_tables_works_where_git_knows_them() {
    with_each_git(|world| {
        std::fs::remove_dir_all(world.user()).unwrap();
        let made = world.try_run(
            world.root(),
            &["init", "-q", "-b", "main", "--ref-format=reftable", "user"],
        );
        if !made.exit.success() {
            return;
        }
        world.write("a", "one\n");
        let tip = world.commit_all("one");
        let store = world.store();
        let landing = crate::world::landing(
            world,
            &tip,
            &crate::world::candidate(&store, &tip, &[crate::world::put("a", "2")]),
        );
        crate::world::publish(&store, &landing);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            hyperion_git::Move::Landed { behind: None }
        );
        assert_eq!(
            (world.head(), world.read("a")),
            (landing.candidate, "2".to_owned())
        );
    });
}

#[test]
fn a_repository_of_another_user_is_one_the_person_named() {
    if hyperion_host::effective_uid() != 0 {
        return;
    }
    with_each_git(|world| {
        world.write("a", "one\n");
        let tip = world.commit_all("one");
        for path in [world.user(), world.user().join(".git")] {
            std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
        }
        assert!(
            !world.try_run(world.user(), &["status"]).exit.success(),
            "git itself is wary"
        );
        let store = world.store();
        let landing = crate::world::landing(
            world,
            &tip,
            &crate::world::candidate(&store, &tip, &[crate::world::put("a", "2")]),
        );
        crate::world::publish(&store, &landing);
        assert_eq!(
            store.move_branch(&landing).unwrap(),
            hyperion_git::Move::Landed { behind: None }
        );
        assert_eq!(world.read("a"), "2");
    });
}
