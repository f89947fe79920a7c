use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use hyperion_git::{Lane, LaneError, Oid, RepoStore};

use crate::world::{World, candidate, put, remove, with_each_git};

fn prepared(world: &World) -> (RepoStore, Oid, Oid) {
    world.write("a", "one\n");
    world.write("dir/b", "one\n");
    world.write("run", "#!/bin/sh\n");
    world.write(".gitignore", "target\n");
    symlink("a", world.user().join("link")).unwrap();
    fs::set_permissions(world.user().join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    let first = world.commit_all("one");
    let store = world.store();
    let second = candidate(
        &store,
        &first,
        &[put("a", "two\n"), remove("dir/b"), put("c", "x\n")],
    );
    (store, first, second)
}

fn files(lane: &Lane) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(lane.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".git")
        .collect();
    names.sort();
    names
}

// M4: checks run on exactly the merged result.
#[test]
fn a_lane_holds_exactly_one_commit_and_knows_it() {
    with_each_git(|world| {
        let (store, first, second) = prepared(world);
        let lanes = world.root().join("cache/lanes");
        let lane = Lane::prepare(&lanes, 0, &store, &first).unwrap();
        assert_eq!(files(&lane), [".gitignore", "a", "dir", "link", "run"]);
        assert_eq!(
            fs::metadata(lane.path().join("run"))
                .unwrap()
                .permissions()
                .mode()
                & 0o111,
            0o111
        );
        assert_eq!(
            fs::read_link(lane.path().join("link")).unwrap().to_str(),
            Some("a")
        );
        let other = Lane::prepare(&lanes, 0, &store, &first);
        assert!(matches!(other, Err(LaneError::Busy { slot: 0 })));
        drop(lane);
        let lane = Lane::prepare(&lanes, 0, &store, &second).unwrap();
        assert_eq!(files(&lane), [".gitignore", "a", "c", "link", "run"]);
        assert_eq!(
            world.run(lane.path(), &["rev-parse", "HEAD"]),
            second.as_str()
        );
        assert_eq!(world.run(lane.path(), &["status", "--porcelain"]), "");
        assert_eq!(
            world
                .run(lane.path(), &["diff", "--name-only", "HEAD~1"])
                .lines()
                .count(),
            3
        );
        assert_eq!(world.run(lane.path(), &["remote"]), "");
        // What a check does with git there reaches neither the user nor Hyperion's folder.
        world.run(
            lane.path(),
            &["commit", "-q", "--allow-empty", "-m", "from a check"],
        );
        assert_eq!(world.user_git(&["rev-list", "--all", "--count"]), "1");
    });
}

#[test]
fn whatever_a_check_did_to_a_lane_is_undone() {
    with_each_git(|world| {
        let (store, first, second) = prepared(world);
        let lanes = world.root().join("cache/lanes");
        let outside = world.root().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "x").unwrap();
        let attacks: &[fn(&std::path::Path)] = &[
            |work| fs::write(work.join("a"), "changed").unwrap(),
            |work| {
                fs::create_dir_all(work.join("target/deep")).unwrap();
                fs::write(work.join("target/deep/artefact"), "x").unwrap();
            },
            |work| fs::remove_dir_all(work.join("dir")).unwrap_or_default(),
            |work| {
                fs::create_dir(work.join("closed")).unwrap();
                fs::write(work.join("closed/x"), "x").unwrap();
                fs::set_permissions(work.join("closed"), fs::Permissions::from_mode(0o000))
                    .unwrap();
            },
            |work| fs::set_permissions(work.join("a"), fs::Permissions::from_mode(0o755)).unwrap(),
            |work| {
                fs::remove_file(work.join("a")).unwrap();
                symlink("run", work.join("a")).unwrap();
            },
            |work| {
                // Another repository, and settings and hooks of its own in ours.
                fs::create_dir_all(work.join("nested/.git/objects")).unwrap();
                fs::write(
                    work.join(".git/config"),
                    "[core]\n\tfsmonitor = false\n\tworktree = /nonexistent\n",
                )
                .unwrap();
                fs::create_dir_all(work.join(".git/info")).unwrap();
                fs::write(work.join(".git/info/exclude"), "*\n").unwrap();
            },
            |work| fs::remove_dir_all(work.join(".git")).unwrap(),
            |work| {
                fs::remove_dir_all(work.join(".git")).unwrap();
                symlink("../../../../outside", work.join(".git")).unwrap();
            },
            |work| fs::write(work.join("../git/index"), "broken").unwrap(),
            |work| fs::write(work.join("../git/index.lock"), "").unwrap(),
            |work| fs::remove_file(work.join("../git/HEAD")).unwrap(),
            |work| {
                fs::remove_dir_all(work).unwrap();
                symlink("../../../outside", work).unwrap();
            },
            |work| {
                fs::remove_dir_all(work).unwrap();
                fs::create_dir(work).unwrap();
                fs::write(work.join("another folder of that name"), "x").unwrap();
            },
            |work| {
                let git = work.with_file_name("git");
                fs::remove_dir_all(&git).unwrap();
                symlink("../../../outside", git).unwrap();
            },
            |work| {
                let slot = work.parent().unwrap();
                fs::remove_dir_all(slot).unwrap();
                symlink("../../outside", slot).unwrap();
            },
            // In the way of what the next commit adds, and of what it takes away.
            |work| fs::write(work.join("c"), "mine").unwrap(),
            link_for_folder,
            link_for_folder,
            |_| {},
            |work| {
                fs::create_dir_all(work.join("c/deep")).unwrap();
                fs::write(work.join("c/deep/x"), "mine").unwrap();
            },
            |_| {},
            // Git asks it how to write what the next commit changes.
            |work| fs::write(work.join(".gitattributes"), "* text eol=crlf\n").unwrap(),
        ];
        for (number, attack) in attacks.iter().enumerate() {
            let commit = if number % 2 == 0 { &second } else { &first };
            let lane = Lane::prepare(&lanes, 0, &store, &first).unwrap();
            attack(lane.path());
            drop(lane);
            let lane = Lane::prepare(&lanes, 0, &store, commit).unwrap();
            let expected: &[&str] = if number % 2 == 0 {
                &[".gitignore", "a", "c", "link", "run"]
            } else {
                &[".gitignore", "a", "dir", "link", "run"]
            };
            assert_eq!(files(&lane), expected, "after attack {number}");
            let a = if number % 2 == 0 { "two\n" } else { "one\n" };
            assert_eq!(
                fs::read_to_string(lane.path().join("a")).unwrap(),
                a,
                "after attack {number}"
            );
            assert!(
                fs::symlink_metadata(lane.path().join("a"))
                    .unwrap()
                    .is_file()
            );
            assert_eq!(
                world.run(lane.path(), &["status", "--porcelain"]),
                "",
                "after attack {number}"
            );
        }
        let outside: Vec<_> = fs::read_dir(&outside).unwrap().collect();
        assert_eq!(outside.len(), 1, "{outside:?}");
    });
}

/// Has a folder of the commit lead to somewhere else.
fn link_for_folder(work: &std::path::Path) {
    fs::remove_dir_all(work.join("dir")).unwrap();
    symlink("../../../../outside", work.join("dir")).unwrap();
}

#[test]
fn a_reused_lane_keeps_the_time_of_what_did_not_change() {
    with_each_git(|world| {
        let (store, first, second) = prepared(world);
        let lanes = world.root().join("cache/lanes");
        let time = |lane: &Lane, file: &str| {
            fs::metadata(lane.path().join(file))
                .unwrap()
                .modified()
                .unwrap()
        };
        let lane = Lane::prepare(&lanes, 0, &store, &first).unwrap();
        let before = (time(&lane, "run"), time(&lane, "a"));
        drop(lane);
        let lane = Lane::prepare(&lanes, 0, &store, &second).unwrap();
        assert_eq!(time(&lane, "run"), before.0);
        assert_ne!(time(&lane, "a"), before.1);
    });
}
