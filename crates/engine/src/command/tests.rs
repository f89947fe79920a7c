//! Commands by way of the door: real processes, and engines that die.

use std::time::Duration;

use hyperion_model::approval::Approval;
use hyperion_model::grant::{Grant, Scope};
use hyperion_model::run::{Ground, Judged, Run, Status};
use hyperion_model::{Actor, ApprovalId, LineageId, RunId, Uuid};
use hyperion_testkit::eventually;

use super::*;
use crate::approval::{Decision, decide};
use crate::testing::{World, admin, name};
use crate::{Error, grant, run};

const SOON: Duration = Duration::from_secs(60);

fn agent() -> Actor {
    Actor::Agent { id: name("codex") }
}

fn wish(world: &World, command: &str) -> Wish {
    Wish {
        what: What::Command(command.to_owned()),
        dir: world.repo.path().to_path_buf(),
        sandbox: Level::Off,
        network: Network::On,
        timeout: None,
        key: None,
        asker: Asker {
            lineage: Some(LineageId::new(Uuid::from_u128(7))),
            request: None,
        },
    }
}

fn submitted(world: &World, command: &str) -> Submitted {
    submit(&world.cx, &agent(), &wish(world, command)).unwrap()
}

fn get(world: &World, id: RunId) -> Run {
    world.cx.store.get::<Run>(id).unwrap().unwrap()
}

fn approval(world: &World, id: ApprovalId) -> Approval {
    world.cx.store.get::<Approval>(id).unwrap().unwrap()
}

fn answer(world: &World, id: ApprovalId, decision: Decision) {
    decide(&world.cx, &admin(), id, decision, Some("because"), None).unwrap();
}

#[track_caller]
fn ended(world: &mut World, id: RunId) -> Run {
    let came = eventually(SOON, || {
        world.look_once();
        !get(world, id).status.is_open()
    });
    assert!(came, "{:#?}", get(world, id));
    get(world, id)
}

fn lines(world: &World, file: &str) -> usize {
    let text = std::fs::read_to_string(world.repo.path().join(file)).unwrap_or_default();
    text.lines().count()
}

// X2: what only looks runs, and the record names the ground.
#[test]
fn what_only_looks_runs_at_once_and_its_failure_is_read() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let looked = submitted(&world, "cat a.txt");
    assert_eq!(looked.run.judged, Some(Judged::Allowed(Ground::ReadOnly)));
    let run = ended(&mut world, looked.run.id);
    assert_eq!((run.status, run.exit_code), (Status::Finished, Some(0)));
    let (output, _) = run::read_log(&world.cx, &run, 1024).unwrap().unwrap();
    assert_eq!(output, "one\n");
}

// X2: nobody may agree to what is forbidden.
#[test]
fn what_is_forbidden_is_refused_and_leaves_nothing() {
    let world = World::new(&[("a.txt", "one\n")]);
    let error = submit(&world.cx, &agent(), &wish(&world, "rm -rf /")).unwrap_err();
    let Error::Problem(problem) = error else {
        panic!("{error}");
    };
    assert_eq!(problem.code, "policy.refused");
    assert_eq!(
        world
            .cx
            .store
            .count::<Run>(&hyperion_store::Filter::default())
            .unwrap(),
        0
    );
}

// An approved command runs once, whatever dies on the way.
#[test]
fn an_approved_command_runs_once_though_engines_die() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let taken = submitted(&world, "echo done >> out.txt");
    assert_eq!(taken.run.status, Status::Parked);
    let id = taken.approval.unwrap();
    world.restart();
    world.look_once();
    assert_eq!(lines(&world, "out.txt"), 0, "nobody agreed yet");
    answer(&world, id, Decision::Approve);
    world.restart();
    // The reconciler lets it go on, and the engine dies before it starts anything.
    let mut door = Door::new(name("command"));
    crate::reconcile::Reconcile::reconcile(&mut door, &world.cx).unwrap();
    let allowed = get(&world, taken.run.id);
    assert_eq!(
        allowed.judged,
        Some(Judged::Allowed(Ground::Approval { approval: id }))
    );
    world.restart();
    let run = ended(&mut world, taken.run.id);
    assert_eq!(run.status, Status::Finished, "{:?}", run.reason);
    world.restart();
    world.look_once();
    assert_eq!(lines(&world, "out.txt"), 1);
}

// A death between the registration and the question leaves no command that nobody is asked about.
#[test]
fn a_command_that_was_registered_is_asked_about_by_the_next_engine() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let taken = submitted(&world, "touch b.txt");
    assert_eq!(
        ask::latest(&world.cx, &taken.run)
            .unwrap()
            .map(|asked| asked.id),
        taken.approval
    );
    let again = ask::ask(
        &world.cx,
        &agent(),
        &taken.run,
        &world.cx.require_json::<Record>(taken.run.spec).unwrap(),
        &taken.judgement,
    );
    assert_eq!(again.unwrap(), taken.approval.unwrap(), "one question");
    answer(&world, taken.approval.unwrap(), Decision::Reject);
    let run = ended(&mut world, taken.run.id);
    assert_eq!(run.status, Status::Killed);
    assert_eq!(run.reason.unwrap().as_str(), "rejected by ada: because");
}

// A rule that was added while a command waited holds.
#[test]
fn a_command_is_judged_once_more_before_it_starts() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let taken = submitted(&world, "touch b.txt");
    answer(&world, taken.approval.unwrap(), Decision::Approve);
    let strict = "[[policy.commands]]\nprefix = [\"touch\"]\nverdict = \"deny\"\nexamples = [\"deny touch x\"]\n";
    world.repo.git(&["switch", "--quiet", "main"]);
    world.repo.write("hyperion.toml", strict);
    world.repo.git(&["add", "hyperion.toml"]);
    world
        .repo
        .git(&["commit", "--quiet", "--message", "Refuse touch"]);
    let run = ended(&mut world, taken.run.id);
    assert_eq!(run.status, Status::Killed, "{run:?}");
    assert!(!world.repo.path().join("b.txt").exists());
}

// X11: a grant answers what waits already, as often as was agreed, and the use is counted with it.
#[test]
fn a_grant_answers_as_often_as_was_agreed() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let first = submitted(&world, "touch b.txt");
    let shape = grant::shape_asked(&world.cx, &approval(&world, first.approval.unwrap())).unwrap();
    let wanted = grant::Wanted {
        shape,
        scope: Scope::Run(LineageId::new(Uuid::from_u128(7))),
        level: None,
        uses_max: Some(2),
        expires_at: None,
    };
    let given = grant::give(&world.cx, &admin(), &wanted).unwrap();
    let ground = Judged::Allowed(Ground::Grant { grant: given.id });
    assert_eq!(ended(&mut world, first.run.id).judged, Some(ground));
    let asked = approval(&world, first.approval.unwrap());
    assert_eq!(asked.status.name(), "cancelled");
    let second = submitted(&world, "touch c.txt");
    assert_eq!(second.run.judged, Some(ground));
    let used = world.cx.store.get::<Grant>(given.id).unwrap().unwrap();
    assert_eq!((used.uses, used.status.name()), (2, "used_up"));
    let third = submitted(&world, "touch d.txt");
    assert_eq!(third.run.judged, Some(Judged::Held));
    ended(&mut world, second.run.id);
    assert!(world.repo.path().join("c.txt").exists());
}

#[test]
fn a_key_finds_the_same_command_and_no_other() {
    let world = World::new(&[("a.txt", "one\n")]);
    let keyed = |command: &str| {
        let wish = Wish {
            key: Some(name("k1")),
            ..wish(&world, command)
        };
        submit(&world.cx, &agent(), &wish)
    };
    let first = keyed("touch b.txt").unwrap();
    let again = keyed("touch b.txt").unwrap();
    assert_eq!(
        (first.run.id, first.approval),
        (again.run.id, again.approval)
    );
    let Err(Error::Problem(problem)) = keyed("touch c.txt") else {
        panic!("another command under the same key");
    };
    assert_eq!(problem.code, "approval.key_reused");
}

// S7: what a hook asks is answered once, also after a restart.
#[test]
fn an_answer_to_an_agent_is_taken_once() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let question = |world: &World, command: &str| Question {
        agent: name("claude-code"),
        session: "s1".to_owned(),
        what: What::Command(command.to_owned()),
        dir: world.repo.path().to_path_buf(),
        asker: Asker::default(),
        asks: true,
    };
    let told = |world: &World, command| permission(&world.cx, &question(world, command)).unwrap();
    assert_eq!(told(&world, "cat a.txt").ground, Some(Ground::ReadOnly));
    let asked = told(&world, "touch b.txt").waits.unwrap();
    assert_eq!(
        told(&world, "touch b.txt").waits,
        Some(asked),
        "one question"
    );
    answer(&world, asked.1, Decision::Approve);
    world.restart();
    world.look_once();
    let ground = Ground::Approval { approval: asked.1 };
    assert_eq!(told(&world, "touch b.txt").ground, Some(ground));
    let anew = told(&world, "touch b.txt").waits.unwrap();
    assert_ne!(anew, asked, "the answer was taken");
    answer(&world, anew.1, Decision::Reject);
    world.look_once();
    let refused = told(&world, "touch b.txt").refused;
    assert_eq!(refused.as_deref(), Some("ada rejected it: because"));
    assert!(
        !world.repo.path().join("b.txt").exists(),
        "the agent runs it, not we"
    );
}
