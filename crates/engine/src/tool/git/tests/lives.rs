//! How long a clone lives.

use std::time::Duration;

use hyperion_api::tool::OpenSession;
use serde_json::json;

use super::Scene;

// T2: an engine that comes up finds the clone as it was left, with branches and what was added.
#[test]
fn a_clone_outlives_the_engine() {
    let mut scene = Scene::new(&[("a", "1\n")]);
    let agent = scene.committed("agent/1-x", "a", "2\n");
    agent.write("b", "b\n");
    agent.call(&scene, "add", json!({"files": ["b"]}));
    let pushed = agent.call(&scene, "push", json!({}));
    scene.restart();
    let again = scene
        .open(&OpenSession::Clone(agent.clone.clone()))
        .unwrap();
    assert_eq!(again.work, agent.work);
    let status = again.call(&scene, "status", json!({}));
    assert_eq!(status["branch"], "agent/1-x");
    assert_eq!(status["files"], json!([{"path": "b", "staged": "added"}]));
    let branch = &status["branches"][0];
    assert_eq!(
        (&branch["request"], &branch["ahead"]),
        (&pushed["request"], &json!(1))
    );
    assert_eq!(again.call(&scene, "push", json!({}))["again"], true);
}

// T2: a clone that holds nothing goes after a day; one that holds work stays until somebody deletes its folder.
#[test]
fn clones_are_let_go_of_when_they_hold_nothing() {
    let mut scene = Scene::new(&[("a", "1\n")]);
    let empty = scene.agent();
    let edited = scene.agent();
    edited.write("b", "b\n");
    let kept = scene.committed("agent/1-x", "a", "2\n");
    let handed = scene.committed("agent/2-x", "a", "3\n");
    handed.call(&scene, "push", json!({}));
    scene.world.settle();
    let last = scene.agent();
    assert!(empty.work.exists(), "it was used today");
    scene.world.clock.advance(Duration::from_secs(2 * 86_400));
    scene.restart();
    let fresh = scene.agent();
    for (agent, stays) in [
        (&empty, false),
        (&edited, true),
        (&kept, true),
        (&handed, false),
        (&last, false),
        (&fresh, true),
    ] {
        assert_eq!(agent.work.exists(), stays, "{}", agent.work.display());
    }
    let others = fresh.call(&scene, "status", json!({}))["other_clones"].clone();
    assert_eq!(others.as_array().unwrap().len(), 2, "{others}");
    hyperion_host::remove_tree(&kept.work).unwrap();
    scene.agent();
    assert!(scene.open(&OpenSession::Clone(kept.clone.clone())).is_err());
}
