//! What lands is pushed, and what others pushed is brought in before.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use hyperion_fault::Point;
use hyperion_testkit::{TempRepo, task, task_request};

pub(super) const POINTS: &[At] = &[
    At(Point::RemoteFetched, 1),
    At(Point::PullIntended, 1),
    At(Point::PullMoved, 1),
    At(Point::PullNoted, 1),
    At(Point::RemotePushed, 1),
    At(Point::RemoteNoted, 1),
];

// A branch and its remote come together, whole and without a commit lost, wherever the engine died.
#[test]
fn a_kill_between_a_branch_and_its_remote_loses_no_commit() {
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    let hub = scene.world.repo.bare_clone();
    let at = hub.path().to_str().unwrap().to_owned();
    let other = TempRepo::new();
    for repo in [&scene.world.repo, &other] {
        repo.git(&["remote", "add", "origin", &at]);
    }
    let set = ["repo", "set", "repo", "--remote", "origin", "--push", "on"];
    scene.world.run(&set).code(0);
    scene.world.down();
    for (round, kill) in POINTS.iter().enumerate() {
        let act = |scene: &mut Scene| {
            both_sides_commit(scene, &hub, &other, round);
            land(scene, round)
        };
        scene.kill_at(*kill, act);
        scene.finish(*kill, act);
        let name = kill.0.name();
        assert_eq!(hub.tip("main"), scene.world.repo.tip("main"), "{name}");
        let files = hub.files("main");
        for file in ["theirs", "mine", "landed"] {
            let file = format!("{file}-{round}.txt");
            assert!(files.contains(&file), "{name}: no {file}");
        }
    }
}

/// Somebody pushes, and the person commits what is not pushed: the branch cannot just go forward.
fn both_sides_commit(scene: &Scene, hub: &TempRepo, other: &TempRepo, round: usize) {
    let theirs = format!("theirs-{round}.txt");
    if hub.files("main").contains(&theirs) {
        return;
    }
    scene
        .world
        .repo
        .commit("Mine", &[(&format!("mine-{round}.txt"), "mine\n")]);
    other.git(&["fetch", "--quiet", "origin"]);
    other.git(&["checkout", "--quiet", "-B", "main", "origin/main"]);
    other.commit("Theirs", &[(&theirs, "theirs\n")]);
    other.git(&["push", "--quiet", "origin", "main"]);
}

fn land(scene: &mut Scene, round: usize) -> Result<(), NoAnswer> {
    let request = task_request(&format!("Land {round}"))
        .class("feature")
        .idempotency_key(&format!("land {round}"))
        .requires_approval(true)
        .task(task("T1", "land it").create(&format!("landed-{round}.txt"), "landed\n"));
    let id = scene.file(&request)?;
    assert_eq!(scene.see_through(&id)?, "completed");
    scene.come_to_rest()
}
