//! One repository by many names.

use std::path::Path;

use hyperion_api::repo::RegisterRepo;
use hyperion_model::RepoId;

use hyperion_testkit::TempRepo;

use super::{around, find, register, twins};
use crate::testing::{World, admin};

fn named(world: &World, path: &Path) -> RepoId {
    let wanted = RegisterRepo {
        path: path.to_str().unwrap().to_owned(),
        name: None,
        branch: None,
    };
    let (repo, is_new) = register(&world.cx, &admin(), &wanted).unwrap();
    assert!(!is_new, "{}", path.display());
    repo.id
}

// M1: and it is one when several register it at once.
#[test]
fn a_repository_that_several_register_at_once_is_one() {
    let world = World::new(&[("a.txt", "a\n")]);
    let another = TempRepo::with_files(&[("b.txt", "b\n")]);
    let wanted = RegisterRepo {
        path: another.path().to_str().unwrap().to_owned(),
        name: None,
        branch: None,
    };
    let registered = std::thread::scope(|scope| {
        let at_once: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| register(&world.cx, &admin(), &wanted).unwrap()))
            .collect();
        let ended = at_once.into_iter().map(|one| one.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    let new = registered.iter().filter(|(_, is_new)| *is_new);
    assert_eq!(new.count(), 1);
}

// M1: a work tree, a linked one, and the git folder are one repository, with one queue.
#[test]
fn a_repository_is_one_however_it_is_named() {
    let world = World::new(&[("src/a.txt", "a\n")]);
    let linked = world.repo.linked_worktree("main");
    let top = world.repo.path().canonicalize().unwrap();
    let id = find(&world.cx, "repo", None).unwrap().id;
    for path in [
        top.clone(),
        top.join("src"),
        top.join(".git"),
        linked.path().to_owned(),
        linked.path().join("src"),
    ] {
        assert_eq!(named(&world, &path), id);
        let found = find(&world.cx, path.to_str().unwrap(), None).unwrap();
        assert_eq!((found.id, found.path.as_str()), (id, top.to_str().unwrap()));
    }
    assert_eq!(twins(&world.cx).unwrap(), []);

    // Its rules hold in the linked work tree as well, from that one's top on.
    let linked = linked.path().canonicalize().unwrap();
    let seen = around(&world.cx, &linked.join("src")).unwrap().unwrap();
    assert_eq!(
        (seen.id, seen.path.as_str()),
        (id, linked.to_str().unwrap())
    );
    let seen = around(&world.cx, &top.join("src")).unwrap().unwrap();
    assert_eq!((seen.id, seen.path.as_str()), (id, top.to_str().unwrap()));
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(around(&world.cx, elsewhere.path()).unwrap(), None);
}
