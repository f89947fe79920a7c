//! Tools that ask, leave, and come back: real processes, and engines that die.

use hyperion_model::RunId;
use hyperion_model::approval::{Approval, Status as Answer};
use hyperion_model::run::{Run, Status};
use hyperion_shim::HeartbeatFrom;
use hyperion_store::Filter;

use super::supervise_tests::Scene;
use crate::approval::{Decision, decide};
use crate::testing::admin;

/// A script that speaks by the shell client.
fn script(text: &str) -> String {
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/sh/hyperion.sh");
    format!(". {client}\n{text}")
}

fn pending(scene: &Scene) -> Vec<Approval> {
    let cx = &scene.world.cx;
    cx.store.list::<Approval>(&Filter::open()).unwrap().rows
}

fn answer(scene: &Scene, decision: Decision) {
    for question in pending(scene) {
        let reason = Some("so said ada");
        decide(
            &scene.world.cx,
            &admin(),
            question.id,
            decision,
            reason,
            None,
        )
        .unwrap();
    }
}

fn latest(scene: &Scene, first: RunId) -> Run {
    let lineage = scene.run(first).lineage;
    let mut runs = scene.runs();
    runs.retain(|run| run.lineage == lineage);
    runs.pop().unwrap()
}

// S5, S7: a tool that cannot wait leaves with 75, and is started again with the decision, though the engine died meanwhile.
#[test]
fn a_parked_tool_goes_on_after_the_decision() {
    for (decision, code) in [(Decision::Approve, 0), (Decision::Reject, 1)] {
        let mut scene = Scene::new(|_| {});
        let text = "hyperion_decide k deploy 'Deploy it' high; code=$?; echo \"$HYPERION_RESUME\" > resumed; exit $code";
        let first = scene.exec(&script(text), HeartbeatFrom::Nobody);
        let parked = scene.until_status(first, Status::Parked);
        assert_eq!((parked.waits_for.len(), parked.exit_code), (1, Some(75)));
        scene.world.restart();
        scene.world.look_once();
        assert_eq!(scene.run(first).status, Status::Parked, "nobody decided");
        answer(&scene, decision);
        scene.until(|scene| !latest(scene, first).status.is_open());
        let second = latest(&scene, first);
        assert_eq!((second.incarnation, second.exit_code), (2, Some(code)));
        assert_eq!(scene.run(first).status, Status::Finished);
        assert_eq!(
            std::fs::read_to_string(scene.path("resumed")).unwrap(),
            "1\n"
        );
    }
}

// S5: what a tool asked while no engine was up is asked by the next one, also when the tool has left.
#[test]
fn what_was_asked_without_an_engine_is_asked_by_the_next() {
    let mut scene = Scene::new(|_| {});
    // Nobody looks after it before it has ended.
    let first = scene.exec(
        &script("hyperion_decide k deploy 'Deploy it' low"),
        HeartbeatFrom::Nobody,
    );
    let ended = hyperion_testkit::eventually(std::time::Duration::from_secs(30), || {
        scene.has_ended(first)
    });
    assert!(ended);
    let parked = scene.until_status(first, Status::Parked);
    assert_eq!(parked.waits_for, [pending(&scene)[0].id]);
    answer(&scene, Decision::Approve);
    scene.until(|scene| latest(scene, first).exit_code == Some(0));
}

// S3: the decision reaches a tool that waits, and one that says why.
#[test]
fn a_waiting_tool_is_told_at_once() {
    let mut scene = Scene::new(|_| {});
    let text = "asked=$(hyperion_request_approval k deploy 'Deploy it' medium) || exit 9
        hyperion_wait ${asked% *} 60 > told
        hyperion_call approval.request '\"key\":\"k\",\"action\":\"deploy\",\"summary\":\"s\",\"details\":{},\"risk\":\"low\"' > again
        hyperion_call approval.request '\"key\":\"k\",\"action\":\"other\",\"summary\":\"s\",\"details\":{},\"risk\":\"low\"' 2> reused";
    let run = scene.exec(&script(text), HeartbeatFrom::Nobody);
    scene.until(|scene| !pending(scene).is_empty());
    answer(&scene, Decision::Reject);
    scene.until(|scene| !scene.run(run).status.is_open());
    let told = |name| std::fs::read_to_string(scene.path(name)).unwrap();
    assert_eq!(told("told"), "rejected\n");
    for word in ["\"reason\":\"so said ada\"", "\"decided_by\":\"ada\""] {
        assert!(told("again").contains(word), "{}", told("again"));
    }
    assert!(
        told("reused").contains("approval.key_reused"),
        "{}",
        told("reused")
    );
}

// S5: 75 without a question that waits is a status like any other; questions of a run that ended are withdrawn.
#[test]
fn without_a_question_75_is_a_status_like_any_other() {
    let mut scene = Scene::new(|_| {});
    let alone = scene.exec("exit 75", HeartbeatFrom::Nobody);
    scene.until_status(alone, Status::Failed);
    let asks = script("hyperion_request_approval k deploy 'Deploy it' low; exit 3");
    let asks = scene.exec(&asks, HeartbeatFrom::Nobody);
    let ended = scene.until_status(asks, Status::Failed);
    assert_eq!(ended.exit_code, Some(3));
    assert!(pending(&scene).is_empty());
}

// S6: a resumed tool that asks for ever is stopped after ten times without a decision.
#[test]
fn a_tool_is_not_resumed_for_ever() {
    let mut scene = Scene::new(|_| {});
    let text = "hyperion_call approval.request '\"key\":\"k\",\"action\":\"a\",\"summary\":\"s\",\"details\":{},\"risk\":\"low\",\"ttl_sec\":1'; exit 75";
    let first = scene.exec(&script(text), HeartbeatFrom::Nobody);
    scene.until(|scene| {
        scene.world.clock.advance(std::time::Duration::from_secs(2));
        !latest(scene, first).status.is_open()
    });
    let last = latest(&scene, first);
    assert_eq!((last.status, last.incarnation), (Status::Failed, 11));
    let why = last.reason.unwrap().to_string();
    assert!(why.contains("10 times without a new decision"), "{why}");
    let all = scene
        .world
        .cx
        .store
        .list::<Approval>(&Filter::default())
        .unwrap();
    assert!(all.rows.iter().all(|one| one.status != Answer::Pending));
}

// S5: who gives a parked run up ends it, and withdraws what it asked.
#[test]
fn a_parked_run_can_be_given_up() {
    let mut scene = Scene::new(|_| {});
    let first = scene.exec(
        &script("hyperion_decide k deploy 'Deploy it' low"),
        HeartbeatFrom::Nobody,
    );
    scene.until_status(first, Status::Parked);
    super::stop(&scene.world.cx, &admin(), first).unwrap();
    scene.until_status(first, Status::Killed);
    assert!(pending(&scene).is_empty());
}
