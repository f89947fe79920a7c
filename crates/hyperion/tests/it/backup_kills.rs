//! Backups, shipping and restores are killed at every point they have, and begun anew.

use crate::world::{SOON, World, text};
use hyperion_fault::Point;
use hyperion_testkit::{Hyperion, RequestFile, TempRepo, task, task_request};
use std::path::Path;

/// While a backup is taken.
pub(crate) const TAKING: &[Point] = &[
    Point::BackupDatabaseCopied,
    Point::BackupBlobsCopied,
    Point::BackupObjectsCopied,
    Point::BackupFilesSynced,
    Point::BackupManifestWritten,
    Point::BackupNamed,
];

/// While an engine ships; the first one only where nothing was shipped yet.
pub(crate) const SHIPPING: &[Point] = &[
    Point::ShipBaseTaken,
    Point::ShipFilesCopied,
    Point::ShipSegmentWritten,
    Point::ShipSegmentNamed,
    Point::ShipNoted,
];

/// While a home is restored over another one.
pub(crate) const RESTORING: &[Point] = &[
    Point::RestoreCopied,
    Point::RestoreReplayed,
    Point::RestoreChecked,
    Point::RestoreNamed,
    Point::RestoreExchanged,
    Point::RestorePlaced,
];

fn makes(name: &str) -> RequestFile {
    let content: String = (0..5000).map(|line| format!("{name} {line}\n")).collect();
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("{name}.txt"), &content))
}

fn world() -> World {
    World::of(TempRepo::with_files(&[("a.txt", "one\n")]))
}

/// Runs a command that has to die at a point.
#[track_caller]
fn kill(hyperion: &Hyperion, point: Point, arguments: &[&str]) {
    let ended = hyperion
        .clone()
        .env("HYPERION_FAIL_POINT", point.name())
        .start(arguments)
        .wait(SOON);
    assert_eq!(
        ended.exit(),
        None,
        "{} was not reached\n{}",
        point.name(),
        ended.stderr
    );
}

/// Restores, and requires that all of the home's history is there.
#[track_caller]
fn assert_restores(world: &World, from: &str, name: &str) {
    let home = world.hyperion.user_home().join(name);
    let home = home.to_str().unwrap();
    let key = world.hyperion.home().join("key");
    let arguments = [
        "restore",
        from,
        "--home",
        home,
        "--key",
        key.to_str().unwrap(),
    ];
    let restored: Vec<_> = arguments.into_iter().chain(["--format", "json"]).collect();
    let restored = world.run(&restored).code(0).json();
    assert_eq!(restored["seq"], world.store().last_seq().unwrap(), "{name}");
}

// M1, O9: half a backup is none, and the next one is not hindered.
#[test]
fn a_backup_killed_at_any_point_is_never_taken_for_one() {
    let world = world();
    world.ask(&makes("first"));
    let folder = world.hyperion.user_home().join("backups");
    let folder = folder.to_str().unwrap();
    let mut whole = 0;
    for point in TAKING {
        kill(&world.hyperion, *point, &["backup", folder]);
        whole += usize::from(*point == Point::BackupNamed);
        assert_eq!(
            world.list(&["backup", "list", folder]).len(),
            whole,
            "{}",
            point.name()
        );
        let taken = world.json(&["backup", folder]);
        whole += 1;
        assert_eq!(taken["verified"], true);
        assert_restores(&world, &text(&taken["path"]), point.name());
        world.ask(&makes(point.name()));
    }
    world.assert_sound();
}

// M1, O9: an engine that dies while it ships loses nothing of it, and the next one goes on.
#[test]
fn an_engine_killed_at_any_point_of_shipping_makes_up_for_it() {
    let world = world();
    let folder = world.hyperion.user_home().join("shipped");
    let folder = folder.to_str().unwrap();
    // What is asked before is shipped by nobody.
    let ships = world
        .hyperion
        .clone()
        .env("HYPERION_BACKUP__SHIP_TO", folder)
        .env("HYPERION_BACKUP__SHIP_EVERY_SEC", "1");
    for point in SHIPPING {
        world.ask(&makes(point.name()));
        kill(&ships, *point, &["up"]);
        let up = ships.start(&["up"]);
        up.wait_for("is up", SOON);
        up.interrupt();
        up.wait(SOON).code(0);
        assert_restores(&world, folder, point.name());
    }
    world.assert_sound();
}

// M1, O9: a restore that dies leaves the old home or the new one, whole; done again, it is done.
#[test]
fn a_restore_killed_at_any_point_leaves_one_whole_home() {
    let world = world();
    world.ask(&makes("first"));
    let folder = world.hyperion.user_home().join("backups");
    let folder = folder.to_str().unwrap();
    let taken = world.json(&["backup", folder]);
    world.ask(&makes("later"));
    let key = world.hyperion.user_home().join("key");
    std::fs::copy(world.hyperion.home().join("key"), &key).unwrap();
    let arguments = [
        "restore",
        folder,
        "--replace",
        "--key",
        key.to_str().unwrap(),
    ];
    let mut kept = 0;
    for point in RESTORING {
        // What was done beside requests is on record once the engine has left.
        world.down();
        let before = world.store().last_seq().unwrap();
        kill(&world.hyperion, *point, &arguments);
        let now = world.store().last_seq().unwrap();
        let is_new = matches!(point, Point::RestoreExchanged | Point::RestorePlaced);
        let expected = if is_new {
            taken["head_seq"].as_u64().unwrap()
        } else {
            before
        };
        assert_eq!(now, expected, "{}", point.name());
        let verified = world.json(&["audit", "verify"]);
        assert_eq!(verified["ok"], true, "{}: {verified:#}", point.name());
        world.run(&arguments).code(0);
        assert_eq!(
            world.store().last_seq().unwrap(),
            taken["head_seq"].as_u64().unwrap()
        );
        assert_eq!(
            beside(&world.hyperion.home(), ".restoring-"),
            0,
            "{}",
            point.name()
        );
        // Every home that gave way is kept, and so is a new one that had its name already.
        kept += 1 + usize::from(is_new || *point == Point::RestoreNamed);
        assert_eq!(
            beside(&world.hyperion.home(), ".before-restore-"),
            kept,
            "{}",
            point.name()
        );
        world.ask(&makes(point.name()));
    }
    world.assert_sound();
}

/// Counts the folders that restores made beside a home, by a part of their names.
fn beside(home: &Path, part: &str) -> usize {
    let beside = std::fs::read_dir(home.parent().unwrap()).unwrap();
    beside
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains(part)
        })
        .count()
}
