//! A home's first start, its last words, its migration, its purge.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use crate::invariants::folders_in;
use crate::world::{SOON, World};
use hyperion_fault::Point;
use hyperion_model::request::Request;
use hyperion_store::Filter;
use hyperion_testkit::{TempRepo, eventually, git, task, task_request};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// A home is made by the first engine in it.
pub(super) const FIRST_START: &[At] = &[
    At(Point::MigrationStepMade, 2),
    At(Point::StoreKeySealed, 1),
    At(Point::StoreKeyDrafted, 1),
    At(Point::StoreKeyWritten, 1),
    At(Point::RepoRegistered, 1),
    At(Point::OwnFolderDrafted, 1),
    At(Point::OwnFolderMade, 1),
];

/// An engine leaves.
pub(super) const LAST: &[At] = &[At(Point::StoreLogCopying, 1), At(Point::StoreLogCopied, 1)];

/// A home of an older version is opened.
pub(super) const MIGRATION: &[At] = &[
    At(Point::MigrationCopied, 1),
    At(Point::MigrationBackedUp, 1),
    At(Point::MigrationStepMade, 1),
    At(Point::MigrationWritten, 1),
    At(Point::MigrationCommitted, 1),
];

/// Content past its time goes.
pub(super) const PURGE: &[At] = &[
    At(Point::PurgeContentReleased, 1),
    At(Point::PurgeMarked, 1),
    At(Point::StorePurgeRowsGone, 1),
    At(Point::StorePurgeFileGone, 1),
    At(Point::PurgeLogRemoved, 1),
    At(Point::BaseUnpinned, 1),
    At(Point::PurgeDone, 1),
];

/// Requests that ended long ago go to the archive, and come back when somebody needs them.
pub(super) const ARCHIVE: &[At] = &[
    At(Point::ArchiveUnitsMoved, 1),
    At(Point::ArchiveUnitsCommitted, 1),
    At(Point::ArchiveUnitBroughtBack, 1),
];

fn land(scene: &mut Scene, name: &str, content: &str) -> Result<(), NoAnswer> {
    let request = task_request(&format!("Make {name}"))
        .class("feature")
        .idempotency_key(name)
        .requires_approval(true)
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), content));
    let id = scene.file(&request)?;
    assert_eq!(scene.see_through(&id)?, "completed");
    Ok(())
}

// M1, C4, S9: a home whose making was interrupted anywhere is made by the next start.
#[test]
fn a_kill_while_a_home_is_made_leaves_one_that_can_be_made() {
    for at in FIRST_START {
        let mut scene = Scene::of(World::unknown(TempRepo::with_files(&[("a.txt", "a\n")])));
        let act = |scene: &mut Scene| {
            let path = scene.world.repo.path().display().to_string();
            scene
                .api
                .post("/api/repos", &json!({"path": path}))?
                .unwrap();
            land(scene, "first", "first\n")
        };
        scene.kill_at(*at, act);
        scene.finish(*at, act);
        assert_eq!(scene.world.repo.subjects("main"), ["make first", "Begin"]);
    }
}

// M1, C4: what an engine does last is as safe as what it does first.
#[test]
fn a_kill_while_an_engine_leaves_loses_nothing() {
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    scene.kill_at_each(LAST, |scene, round| {
        land(scene, &format!("last-{round}"), "last\n")
    });
}

/// Puts the home that version 0 wrote into an empty place; its repository is gone.
fn lay_out_version_0(home: &Path) {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../store/tests/fixtures/v0");
    fs::create_dir_all(home).unwrap();
    let unpress = |from: &Path, to: &Path| {
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib(&fs::read(from).unwrap()).unwrap();
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    };
    for name in ["hyperion.db", "hyperion.db-wal", "key"] {
        unpress(&fixture.join(format!("{name}.z")), &home.join(name));
    }
    for shelf in fs::read_dir(fixture.join("blobs")).unwrap().flatten() {
        for blob in fs::read_dir(shelf.path()).unwrap().flatten() {
            let name = blob.path().with_extension("");
            let to = home.join("blobs").join(shelf.file_name());
            unpress(&blob.path(), &to.join(name.file_name().unwrap()));
        }
    }
}

// M1, S9, O9: a migration that was interrupted anywhere has happened or has not, and nothing of the home is lost.
#[test]
fn a_kill_while_a_home_is_migrated_resumes_or_takes_it_back() {
    for at in MIGRATION {
        let mut world = World::unknown(TempRepo::with_files(&[("a.txt", "a\n")]));
        lay_out_version_0(&world.hyperion.home());
        let order = at.0.name();
        let up = world.start_engine_with(&[("HYPERION_FAIL_POINT", order)]);
        assert!(
            eventually(SOON, || !up.is_running()),
            "{order} was not reached"
        );
        assert_eq!(up.wait(SOON).exit(), None, "{order} was not reached");
        world.start_engine();
        world.stop_engine();
        let store = world.store();
        let verified = store.verify().unwrap();
        assert!(verified.is_sound(), "after {order}: {verified:#?}");
        let structure = store.check_structure().unwrap();
        assert!(structure.is_sound(), "after {order}: {structure:#?}");
        assert_eq!(
            store.count::<Request>(&Filter::default()).unwrap(),
            15,
            "after {order}"
        );
    }
}

// M1, C8: a purge that was interrupted anywhere is finished by the next, and takes nothing that is needed.
#[test]
fn a_kill_while_content_is_purged_purges_no_more_and_no_less() {
    let large: String = (0..6000).map(|line| format!("line {line}\n")).collect();
    let check = "[checks]\nsays = \"echo something\"\n";
    let mut scene = Scene::new(
        &[("hyperion.toml", check)],
        &[("files.backup_retention_hours", "1")],
    );
    for (round, at) in PURGE.iter().enumerate() {
        let name = format!("purged-{round}");
        let content = format!("{round}\n{large}");
        scene.finish(*at, |scene| land(scene, &name, &content));
        // A base that nothing was made on.
        let own = folders_in(&scene.world.hyperion.home().join("repos")).remove(0);
        let tip = scene.world.repo.tip("main");
        let pin = || {
            let name = format!("refs/hyperion/base/{tip}");
            git(own.join("git"), &["update-ref", &name, &tip]);
        };
        pin();
        scene.hours_pass(2);
        scene.kill_at(*at, |scene| scene.come_to_rest());
        for _ in 0..2 {
            scene.hours_pass(2);
            scene.finish(*at, |_| Ok(()));
        }
        let runs = folders_in(&scene.world.hyperion.home().join("runs"));
        assert!(runs.is_empty(), "after {}: {runs:?}", at.0.name());
    }
}

// M1: a request is in the archive or where it was, never in both and never in none, and can be taken back from either.
#[test]
fn a_kill_while_requests_are_archived_loses_none() {
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    for (round, at) in ARCHIVE.iter().enumerate() {
        let name = format!("archived-{round}");
        scene.finish(*at, |scene| land(scene, &name, "old\n"));
        let id = scene.said.filed[scene.said.filed.len() - 1].clone();
        scene.hours_pass(24 * 40);
        let take_back = |scene: &mut Scene| {
            let path = format!("/api/requests/{id}/rollback");
            while scene.request(&id)?["status"] != "rolled_back" {
                // One that is under way is waited for.
                let _ = scene.api.post(&path, &json!({}))?;
                scene.come_to_rest()?;
            }
            Ok(())
        };
        if at.0 == Point::ArchiveUnitBroughtBack {
            scene.finish(*at, |_| Ok(()));
            scene.kill_at(*at, take_back);
        } else {
            scene.kill_at(*at, |scene| scene.come_to_rest());
        }
        scene.finish(*at, take_back);
    }
    assert_eq!(scene.world.repo.files("main"), ["a.txt"]);
}
