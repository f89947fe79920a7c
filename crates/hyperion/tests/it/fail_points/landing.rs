//! A change goes through the queue: merged, checked, landed; with the branch checked out or not, and with others in the way.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use crate::world::{CHECKS_SEE_HOME, SOON};
use hyperion_fault::Point;
use hyperion_testkit::{RequestFile, eventually, task, task_request};
use serde_json::json;
use std::fs;

/// A check that looks at what is merged.
const CHECKED: &str = "[checks]\nbegun = \"test -f hyperion.toml\"\n";

/// With a check, and `main` checked out nowhere.
pub(super) const APART: &[At] = &[
    At(Point::EntryLeased, 1),
    At(Point::EntryMerged, 1),
    At(Point::CheckRequested, 1),
    At(Point::LanePrepared, 1),
    At(Point::CheckStarted, 1),
    At(Point::CheckSpawned, 1),
    At(Point::CheckBegun, 1),
    At(Point::CheckEnded, 1),
    At(Point::CheckRecorded, 1),
    At(Point::LandingIntended, 1),
    At(Point::LandingDispatched, 1),
    At(Point::LandingPacked, 1),
    At(Point::LandingIndexed, 1),
    At(Point::LandingDurable, 1),
    At(Point::LandingRefMade, 1),
    At(Point::LandingRefDurable, 1),
    At(Point::BranchSwapped, 1),
    At(Point::BranchDurable, 1),
    At(Point::LandingMoved, 1),
    At(Point::LandingRecorded, 1),
    At(Point::LandingRefDeleted, 1),
];

/// Without a check, and `main` checked out.
pub(super) const CHECKED_OUT: &[At] = &[
    At(Point::LandingRefDurable, 1),
    At(Point::CheckoutNoted, 1),
    At(Point::CheckoutLocked, 1),
    At(Point::CheckoutHeld, 1),
    At(Point::BranchSwapped, 1),
    At(Point::BranchDurable, 1),
    At(Point::CheckoutFilesMoved, 1),
    At(Point::CheckoutIndexReplaced, 1),
    At(Point::CheckoutReleased, 1),
    At(Point::LandingMoved, 1),
    At(Point::LandingRecorded, 1),
];

/// What the next engine does about an entry that a dead one had.
pub(super) const LEFT_HALF_WAY: &[At] = &[
    At(Point::EntryReleased, 1),
    At(Point::RunAdopted, 1),
    At(Point::CheckKilled, 1),
    At(Point::CheckLost, 1),
];

/// A landing that was intended and cannot be any more.
pub(super) const TAKEN_BACK: &[At] = &[
    At(Point::AbandonReleased, 1),
    At(Point::AbandonDone, 1),
    At(Point::LandingRefreshed, 1),
    At(Point::LandingBlocked, 1),
];

/// A work tree that a person edited before it could follow.
pub(super) const EDITED: &[At] = &[
    At(Point::CheckoutLeftNoted, 1),
    At(Point::CheckoutLeftBehind, 1),
];

fn makes(scenario: &str, round: usize) -> RequestFile {
    task_request(&format!("Make {scenario} {round}"))
        .class("feature")
        .idempotency_key(&format!("{scenario} {round}"))
        .requires_approval(true)
        .task(
            task("T1", &format!("make {round}"))
                .create(&format!("{scenario}/{round}.txt"), &format!("{round}\n"))
                .change(json!({"operation": "modify", "path": "count.txt", "content": format!("{scenario} {round}\n")})),
        )
}

fn land(scene: &mut Scene, scenario: &str, round: usize) -> Result<(), NoAnswer> {
    let id = scene.file(&makes(scenario, round))?;
    let how = scene.see_through(&id)?;
    assert_eq!(how, "completed");
    Ok(())
}

// M1, M4, M5, C4, S8: each change lands once, as it was checked, wherever the engine died.
#[test]
fn a_kill_at_any_step_of_a_checked_landing_lands_once() {
    let mut scene = Scene::new(&[("hyperion.toml", CHECKED), ("count.txt", "none\n")], &[]);
    scene
        .world
        .repo
        .git(&["checkout", "--quiet", "-b", "elsewhere"]);
    scene.kill_at_each(APART, |scene, round| land(scene, "apart", round));
    assert_eq!(scene.world.repo.subjects("main").len(), 1 + APART.len());
}

// M1, M5, C4: a work tree that has the branch checked out follows, whole, wherever the engine died, and a person's edits of
// other files stay as they are.
#[test]
fn a_kill_while_a_work_tree_follows_leaves_it_whole() {
    let mut scene = Scene::new(&[("count.txt", "none\n"), ("mine.txt", "none\n")], &[]);
    for (round, at) in CHECKED_OUT.iter().enumerate() {
        let repo = &scene.world.repo;
        repo.write("mine.txt", "staged\n");
        repo.git(&["add", "mine.txt"]);
        repo.write("mine.txt", "edited\n");
        scene.kill_at(*at, |scene| land(scene, "here", round));
        scene.finish(*at, |scene| {
            land(scene, "here", round)?;
            let repo = &scene.world.repo;
            assert_eq!(repo.status(), ["MM mine.txt"]);
            assert_eq!(repo.show("", "mine.txt"), "staged\n");
            assert_eq!(repo.read("mine.txt"), "edited\n");
            repo.git(&["reset", "--quiet", "--hard"]);
            Ok(())
        });
    }
    assert_eq!(
        scene.world.repo.subjects("main").len(),
        1 + CHECKED_OUT.len()
    );
    assert_eq!(
        scene.world.repo.read("count.txt"),
        format!("here {}\n", CHECKED_OUT.len() - 1)
    );
}

// M1, M5: engines that die one after the other at the same entry still land it once.
#[test]
fn a_kill_while_a_dead_engine_is_made_up_for_is_made_up_for() {
    let slow = "[checks]\nwaits = 'until test -f \"$HOME/go\"; do sleep 0.05; done'\n";
    let mut scene = Scene::new(
        &[("hyperion.toml", slow), ("count.txt", "none\n")],
        CHECKS_SEE_HOME,
    );
    let go = scene.world.hyperion.user_home().join("go");
    for (round, at) in LEFT_HALF_WAY.iter().enumerate() {
        let _ = fs::remove_file(&go);
        let first = match at.0 {
            Point::EntryReleased => Point::EntryMerged,
            _ => Point::CheckBegun,
        };
        scene.kill_at(At(first, 1), |scene| land(scene, "left", round));
        if matches!(at.0, Point::CheckKilled | Point::CheckLost) {
            scene.world.hyperion.kill_shims();
        }
        scene.kill_at(*at, |scene| land(scene, "left", round));
        fs::write(&go, "").unwrap();
        scene.finish(*at, |scene| land(scene, "left", round));
    }
    assert_eq!(
        scene.world.repo.subjects("main").len(),
        1 + LEFT_HALF_WAY.len()
    );
}

// M1, M4, M5: a branch that moved, or a dirty work tree, while the engine was dead: the intent is taken back, whoever dies.
#[test]
fn a_kill_while_an_intent_is_taken_back_lands_once() {
    let mut scene = Scene::new(&[("count.txt", "none\n")], &[]);
    let mut commits = 1;
    for (round, at) in TAKEN_BACK.iter().enumerate() {
        scene.kill_at(At(Point::CheckoutNoted, 1), |scene| {
            land(scene, "back", round)
        });
        let blocked = at.0 == Point::LandingBlocked;
        if blocked {
            scene.world.repo.write("count.txt", "somebody's own\n");
        } else {
            scene
                .world
                .repo
                .commit("Somebody's own", &[(&format!("own/{round}.txt"), "own\n")]);
            commits += 1;
        }
        scene.kill_at(*at, |scene| land(scene, "back", round));
        if blocked {
            scene
                .world
                .repo
                .git(&["checkout", "--quiet", "--", "count.txt"]);
        }
        scene.finish(*at, |scene| land(scene, "back", round));
        commits += 1;
    }
    assert_eq!(scene.world.repo.subjects("main").len(), commits);
}

// M3, M5: a work tree that cannot follow stays where its files are from, whoever dies; what landed is not undone there.
#[test]
fn a_kill_while_an_edited_work_tree_stays_behind_leaves_it_whole() {
    let mut scene = Scene::new(&[("count.txt", "none\n")], &[]);
    for (round, at) in EDITED.iter().enumerate() {
        scene.kill_at(At(Point::BranchDurable, 1), |scene| {
            land(scene, "edited", round)
        });
        scene.world.repo.write("count.txt", "somebody's own\n");
        scene.kill_at(*at, |scene| land(scene, "edited", round));
        scene.finish(*at, |scene| {
            land(scene, "edited", round)?;
            let repo = &scene.world.repo;
            assert_eq!(repo.status(), [" M count.txt"]);
            assert_eq!(repo.read("count.txt"), "somebody's own\n");
            repo.git(&["checkout", "--quiet", "--", "count.txt"]);
            repo.git(&["switch", "--quiet", "--merge", "main"]);
            scene.world.run(&["doctor"]);
            Ok(())
        });
    }
    assert_eq!(scene.world.repo.subjects("main").len(), 1 + EDITED.len());
}

// M1, S8: a check whose engine died before the record knew its process goes on, and its verdict counts.
#[test]
fn a_kill_between_a_check_and_its_record_starts_no_second_one() {
    let check = "[checks]\nwaits = 'echo $$ >> \"$HOME/pids\"; until test -f \"$HOME/go\"; do sleep 0.05; done'\n";
    let mut scene = Scene::new(
        &[("hyperion.toml", check), ("count.txt", "none\n")],
        CHECKS_SEE_HOME,
    );
    let home = scene.world.hyperion.user_home();
    let pids = || {
        let pids = fs::read_to_string(home.join("pids")).unwrap_or_default();
        pids.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let at = At(Point::CheckSpawned, 1);
    scene.kill_at(at, |scene| land(scene, "left", 0));
    assert!(
        eventually(SOON, || pids().len() == 1),
        "the check runs without its engine"
    );
    scene.world.start_engine();
    fs::write(home.join("go"), "").unwrap();
    land(&mut scene, "left", 0).unwrap();
    assert_eq!(pids().len(), 1, "it was started once");
    scene.rest("engine.check.spawned");
}
