//! Disks that are full or broken, and git that dies, at one call after another.

use super::loss::makes;
use super::recorded::Recorded;
use crate::invariants::Acknowledged;
use crate::world::{SOON, World, text};
use hyperion_testkit::{Chaos, Dice, Fault, Hyperion, Power, RequestFile, TempRepo, eventually};
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// How long something may come about while calls go wrong: longer than the engine waits after a failure.
const AWHILE: Duration = Duration::from_millis(3500);

/// How it is said that a disk is full. The last is git's: it does not say why it could not rename a ref into place.
pub(super) const SAID_FULL: [&str; 3] = ["disk is full", "No space left", "couldn't set"];

/// A world in which calls can be made to fail, with an engine up.
pub(super) struct Frail {
    pub(super) world: World,
    power: Power,
    began_at: String,
    said: Acknowledged,
    /// A request may end for such a reason; then it can be filed again.
    given_up_for: &'static [&'static str],
}

/// What became of an attempt while things went wrong.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    request: Option<String>,
    /// What refused commands said.
    pub(super) refusals: Vec<String>,
}

impl Frail {
    pub(super) fn new() -> Self {
        // A process that is killed is the engine, or nobody's.
        let hyperion =
            Hyperion::new(env!("CARGO_BIN_EXE_hyperion")).env("HYPERION_ENGINE__DETACH", "false");
        let repo = TempRepo::inside(hyperion.user_home());
        repo.commit(
            "Begin",
            &[
                ("a.txt", "a\n"),
                ("hyperion.toml", "[checks]\nfew = \"test -f a.txt\"\n"),
            ],
        );
        let power = Power::watch(hyperion.top());
        let hyperion = hyperion.envs(power.variables());
        let mut world = World::on(hyperion, repo);
        world.start_engine();
        world.run(&["init"]).code(0);
        Self {
            began_at: world.repo.tip("main"),
            world,
            power,
            said: Acknowledged::default(),
            given_up_for: &[],
        }
    }

    /// Files, approves, and waits until nothing more can happen.
    pub(super) fn attempt(&mut self, request: &RequestFile) -> Attempt {
        let mut attempt = Attempt::default();
        let filed = self.world.file_with(request, &[]);
        if filed.exit() != Some(0) {
            attempt.refusals.push(filed.stderr);
            return attempt;
        }
        let id = text(&filed.json()["items"][0]["id"]);
        self.said.filed.push(id.clone());
        attempt.request = Some(id.clone());
        self.let_it_come_to(&id, "awaiting_approval");
        self.approve(&id, &mut attempt);
        self.let_it_come_to(&id, "completed");
        attempt
    }

    /// Gives it some time; whether it comes to that is not known while calls go wrong.
    fn let_it_come_to(&self, id: &str, status: &str) {
        eventually(AWHILE, || {
            let shown = self.world.run(&["request", "show", id, "--format", "json"]);
            shown.exit() == Some(0) && shown.json()["status"] == status
        });
    }

    fn approve(&mut self, id: &str, attempt: &mut Attempt) {
        let shown = self.world.run(&["request", "show", id, "--format", "json"]);
        if shown.exit() != Some(0) {
            attempt.refusals.push(shown.stderr);
            return;
        }
        let detail = shown.json();
        let Some(approval) = detail["waiting_approvals"][0].as_str() else {
            return;
        };
        let approved = self.world.run(&["approval", "approve", approval]);
        if approved.exit() == Some(0) {
            self.said.decided.push((approval.to_owned(), true));
        } else {
            attempt.refusals.push(approved.stderr);
        }
    }

    /// With everything in order again, what was begun ends well, and what was refused can be asked again.
    pub(super) fn make_good(&mut self, request: &RequestFile, attempt: &Attempt) {
        let id = attempt.request.clone().unwrap_or_else(|| {
            let id = self.world.file(request);
            self.said.filed.push(id.clone());
            id
        });
        // It goes on by itself, at the latest when the engine looks again.
        let mut detail = self.when(&id, &["awaiting_approval", "completed", "failed"]);
        if detail["status"] == "failed" {
            let reason = text(&detail["reason"]);
            let named = self.given_up_for.iter().any(|name| reason.contains(name));
            assert!(named, "{detail:#} after {attempt:?}");
            self.said.ended.push((id, "failed".to_owned()));
            return self.make_good(request, &Attempt::default());
        }
        if detail["status"] == "awaiting_approval" {
            let mut again = Attempt::default();
            self.approve(&id, &mut again);
            assert!(again.refusals.is_empty(), "{again:?} after {attempt:?}");
            detail = self.when(&id, &["completed"]);
        }
        assert_eq!(
            detail["status"], "completed",
            "{detail:#} after {attempt:?}"
        );
        self.said.ended.push((id, "completed".to_owned()));
    }

    /// Looks until a request is in one of these states, doing what a blocked entry says has to be done by a person.
    fn when(&self, id: &str, wanted: &[&str]) -> Value {
        let mut detail = Value::Null;
        eventually(SOON, || {
            detail = self.world.request(id);
            let entry = &detail["entries"][0];
            if entry["status"] == "blocked" {
                let reason = text(&entry["reason"]);
                let (_, lock) = reason
                    .split_once("if none is running, remove ")
                    .unwrap_or_else(|| panic!("blocked: {reason}"));
                // Git's own lock in the person's repository is theirs to remove.
                let _ = fs::remove_file(lock);
            }
            wanted.iter().any(|status| detail["status"] == *status)
        });
        detail
    }

    /// Lets calls go wrong, here and there over a whole road, and requires that all of it is made good.
    fn sweep(
        &mut self,
        chaos: &mut Chaos,
        dice: &mut Dice,
        fault: Fault,
        samples: u64,
        lasts: bool,
        named: &[&str],
    ) {
        self.power.count(fault);
        let request = makes("counted", 900);
        let counted = self.attempt(&request);
        let (calls, _) = self.power.relent();
        self.make_good(&request, &counted);
        assert!(calls > 20, "a road has many calls, not {calls}");
        for sample in 0..samples {
            // One in each part of the road.
            let from = sample * calls / samples;
            let at = 1 + from + dice.below((calls / samples).max(1));
            let request = makes(&format!("{fault:?}-{}-{at}", chaos.round()), 900);
            self.power.fail(fault, at, lasts);
            let attempt = self.attempt(&request);
            let (_, struck) = self.power.relent();
            chaos.count("struck", struck);
            for refusal in &attempt.refusals {
                assert!(
                    named.iter().any(|name| refusal.contains(name)),
                    "call {at}: it says what is wrong: {refusal}"
                );
            }
            self.make_good(&request, &attempt);
        }
    }

    pub(super) fn end(mut self) {
        self.world.stop_engine();
        self.world.assert_invariants(&self.began_at, &self.said);
    }
}

// M1, M5, O4, S8: whichever call finds the disk full first, it is said, nothing acknowledged is lost, and with room again
// everything ends well.
#[test]
fn a_disk_that_fills_up_at_any_call_loses_nothing() {
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut frail = Frail::new();
        frail.sweep(&mut chaos, &mut dice, Fault::DiskFull, 8, true, &SAID_FULL);
        frail.end();
    }
}

// M1, M5, S8: a sync that fails is never taken for one that went well.
#[test]
fn a_sync_that_fails_at_any_call_loses_nothing() {
    // The last is git's: of a lock that it could not fill it does not say why.
    const NAMED: &[&str] = &["nput/output error", "disk I/O error", "the disk is full"];
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut frail = Frail::new();
        frail.given_up_for = NAMED;
        frail.sweep(&mut chaos, &mut dice, Fault::SyncFails, 6, false, NAMED);
        frail.end();
    }
}

// C4, M5, S8: a git that is killed in the middle of a write is started again, and what it left is cleared away.
#[test]
fn a_git_that_dies_at_any_call_loses_nothing() {
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut frail = Frail::new();
        frail.sweep(&mut chaos, &mut dice, Fault::GitDies, 8, false, &["git"]);
        frail.end();
    }
}

// C4, M5, S8: the branch has moved, its sync fails; the next look finds it moved, and may not take that for durable.
#[test]
fn a_branch_that_moved_without_a_sync_is_synced_before_it_is_recorded() {
    let mut recorded = Recorded::new(&[("a.txt", "a\n")], true);
    recorded.begin();
    recorded.power.fail_sync_of("refs/heads");
    recorded.land(&makes("first", 3));
    let (_, struck) = recorded.power.relent();
    assert_eq!(struck, 1);
    recorded.world.stop_engine();
    let ended = recorded.end();
    ended.survive(&ended.cuts(&mut Dice::new(1), 0, 0));
}

// M1, M5, O4: a drain that stops because the disk is full is not a queue that is done.
#[test]
fn a_drain_on_a_full_disk_never_takes_undone_work_for_done() {
    const SAMPLES: u64 = 2;
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut frail = Frail::new();
        frail.world.stop_engine();
        frail.world.hyperion = frail
            .world
            .hyperion
            .env("HYPERION_MERGE__MAX_ATTEMPTS", "2");
        let world = &frail.world;
        let admitted = |name: &str| {
            let asked = world.ask(&makes(name, 900));
            let killed = world
                .hyperion
                .clone()
                .env("HYPERION_FAIL_POINT", "engine.entry.admitted")
                .start(&["approval", "approve", &asked.approval])
                .wait(SOON);
            assert_eq!(killed.exit(), None, "{}", killed.stderr);
            asked
        };
        let counted = admitted("counted");
        frail.power.count(Fault::DiskFull);
        world.run(&["drain"]).code(0);
        let (calls, _) = frail.power.relent();
        assert_eq!(world.request(&counted.request)["status"], "completed");
        let mut undone = 0;
        for sample in 0..SAMPLES {
            let part = (calls / SAMPLES).max(1);
            let at = 1 + sample * part + dice.below(part);
            let asked = admitted(&format!("drained-{}-{at}", chaos.round()));
            frail.power.fail(Fault::DiskFull, at, true);
            let drained = world.run(&["drain"]);
            let (_, struck) = frail.power.relent();
            chaos.count("struck", struck);
            if drained.exit() == Some(0) {
                assert_eq!(world.request(&asked.request)["status"], "completed");
                continue;
            }
            undone += 1;
            // Where git does not say why it could not write, the remedy names the disk among what to look at.
            let named = [
                "disk is full",
                "No space left",
                "couldn't set",
                "its disk not full",
            ];
            assert!(
                named.iter().any(|name| drained.stderr.contains(name)),
                "call {at}: it says what is wrong: {}",
                drained.stderr
            );
            let entry = world.request(&asked.request)["entries"][0].clone();
            if entry["status"] == "dead" {
                world.run(&["queue", "retry", &text(&entry["id"])]).code(0);
            }
            world.run(&["drain"]).code(0);
            assert_eq!(world.request(&asked.request)["status"], "completed");
        }
        assert!(undone > 0, "a full disk is in the way of something");
        frail.world.start_engine();
        frail.end();
    }
}
