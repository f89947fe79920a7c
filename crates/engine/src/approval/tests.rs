//! Questions of whomever, and what becomes of them.

use std::time::Duration;

use hyperion_api::Problem;
use hyperion_model::approval::{Approval, Risk, Status};
use hyperion_model::{Actor, Level, LineageId, Role, RunId, Subject, Uuid};
use hyperion_store::Filter;
use serde_json::json;

use super::{Decision, Wanted, ask, cancel, decide, extend, latest, level_for};
use crate::testing::{World, admin, name};

fn wanted(key: &str, host: &str) -> Wanted {
    Wanted {
        lineage: LineageId::new(Uuid::from_u128(7)),
        key: name(key),
        action: name("deploy"),
        summary: format!("Deploy to {host}"),
        details: json!({"host": host}),
        diff: None,
        risk: Risk::Medium,
        risk_reasons: Vec::new(),
        level: level_for(Risk::Medium),
        about: Subject::Run(RunId::new(Uuid::from_u128(9))),
        request: None,
        repo: None,
        ttl: Some(Duration::from_secs(600)),
        place: None,
        rule: None,
        undo: None,
    }
}

fn asked(world: &World, wanted: Wanted) -> Approval {
    ask(&world.cx, &agent(), wanted).unwrap()
}

fn agent() -> Actor {
    Actor::Agent {
        id: name("deployer"),
    }
}

fn refused(world: &World, wanted: Wanted) -> Problem {
    Problem::from(ask(&world.cx, &agent(), wanted).unwrap_err())
}

fn passes(world: &mut World, seconds: i64) {
    let later = world.clock.now().as_millisecond() + seconds * 1000;
    world
        .clock
        .set(hyperion_model::Time::from_millisecond(later).unwrap());
    world.settle_others();
}

// S3, S5: asking is idempotent, and the first answer stands; another content under the same key is refused, naming both.
#[test]
fn the_same_key_gives_the_approval_that_stands() {
    let world = World::new(&[("a.txt", "one\n")]);
    let first = asked(&world, wanted("k", "a"));
    assert_eq!(
        (first.status, first.question.generation),
        (Status::Pending, 1)
    );
    assert_eq!(first.asked_by, Some(agent()));
    assert_eq!(asked(&world, wanted("k", "a")).id, first.id);

    decide(
        &world.cx,
        &admin(),
        first.id,
        Decision::Approve,
        Some("go"),
        None,
    )
    .unwrap();
    assert_eq!(asked(&world, wanted("k", "a")).status, Status::Approved);
    let other = refused(&world, wanted("k", "b"));
    assert_eq!(other.code, "approval.key_reused");
    for digest in [first.question.digest, wanted("k", "b").digest()] {
        assert!(
            other.detail.contains(&digest.to_string()),
            "{}",
            other.detail
        );
    }
    let withdrawn = asked(&world, wanted("l", "a"));
    cancel(&world.cx, &admin(), withdrawn.id, None).unwrap();
    assert_eq!(asked(&world, wanted("l", "a")).status, Status::Cancelled);
}

// S3, S6: after nobody decided, or a person asked for changes, the same key opens the next generation; ends are announced before.
#[test]
fn the_next_generation_is_opened_by_time_and_by_a_wish_for_changes() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.settle_others();
    let first = asked(&world, wanted("k", "a"));
    for generation in 1..=9 {
        let question = asked(&world, wanted("k", "a"));
        assert_eq!(question.question.generation, generation);
        passes(&mut world, 1);
        passes(&mut world, 601);
        let ended = world
            .cx
            .store
            .get::<Approval>(question.id)
            .unwrap()
            .unwrap();
        assert_eq!(ended.status, Status::Expired);
        assert!(ended.warned_at.unwrap() < ended.question.expires_at);
        let found = latest(&world.cx, first.question.lineage, "k")
            .unwrap()
            .unwrap();
        assert_eq!(found.id, ended.id);
    }
    let tenth = asked(&world, wanted("k", "a"));
    let changes = Decision::RequestChanges;
    decide(&world.cx, &admin(), tenth.id, changes, Some("not a"), None).unwrap();
    let revised = asked(&world, wanted("k", "b"));
    assert_eq!(
        (revised.status, revised.question.generation),
        (Status::Pending, 11)
    );
}

// S6: one call gives more time, and the new end is announced like the first; there is an end to it.
#[test]
fn a_question_is_given_more_time() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.settle_others();
    let question = asked(&world, wanted("k", "a"));
    passes(&mut world, 60);
    let viewer = Actor::Person {
        id: name("vi"),
        role: Role::Viewer,
    };
    let hour = Duration::from_secs(3600);
    assert!(extend(&world.cx, &viewer, question.id, hour).is_err());
    extend(&world.cx, &admin(), question.id, hour).unwrap();
    passes(&mut world, 3000);
    let waits = || {
        world
            .cx
            .store
            .get::<Approval>(question.id)
            .unwrap()
            .unwrap()
    };
    let extended = waits();
    assert_eq!((extended.status, extended.extensions), (Status::Pending, 1));
    assert_eq!(
        extended.question.expires_at,
        question.question.expires_at + hour
    );
    for _ in 1..10 {
        extend(&world.cx, &admin(), question.id, hour).unwrap();
    }
    assert!(extend(&world.cx, &admin(), question.id, hour).is_err());
    let years = Duration::from_secs(100 * 86_400);
    let other = asked(&world, wanted("l", "a"));
    assert!(extend(&world.cx, &admin(), other.id, years).is_err());
}

// S3: what cannot be read by people is refused, and so is more than they can read.
#[test]
fn questions_have_limits() {
    let world = World::new(&[("a.txt", "one\n")]);
    let wrong = Wanted {
        summary: " ".to_owned(),
        details: json!("x".repeat(300_000)),
        ttl: Some(Duration::ZERO),
        ..wanted("k", "a")
    };
    let problem = refused(&world, wrong);
    let fields: Vec<_> = problem.errors.iter().map(|error| &*error.pointer).collect();
    assert_eq!(fields, ["/summary", "/details", "/ttl_sec"]);

    for key in 0..32 {
        asked(&world, wanted(&format!("k{key}"), "a"));
    }
    assert_eq!(
        refused(&world, wanted("more", "a")).code,
        "approval.too_many"
    );
    // What was asked already is answered all the same.
    assert_eq!(asked(&world, wanted("k3", "a")).status, Status::Pending);
    for pending in world
        .cx
        .store
        .list::<Approval>(&Filter::open())
        .unwrap()
        .rows
    {
        decide(
            &world.cx,
            &admin(),
            pending.id,
            Decision::Reject,
            None,
            None,
        )
        .unwrap();
    }
    let mut more = 0;
    while ask(&world.cx, &agent(), wanted(&format!("m{more}"), "a")).is_ok() {
        more += 1;
    }
    assert_eq!(more, 28, "60 within a minute");
}

// S3: risk decides who has to agree.
#[test]
fn risk_asks_for_a_level() {
    let levels = [Risk::Low, Risk::Medium, Risk::High, Risk::Critical].map(level_for);
    let expected = [
        Level::TeamLead,
        Level::TeamLead,
        Level::Admin,
        Level::ManualOnly,
    ];
    assert_eq!(levels, expected);
}

// S6: many questions whose time comes at once are all announced, and all end.
#[test]
fn a_thousand_questions_end_together() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.settle_others();
    for at in 0..1000_u32 {
        let about = Subject::Run(RunId::new(Uuid::from_u128(u128::from(at) + 100)));
        let question = Wanted {
            about,
            ..wanted(&format!("k{at}"), "a")
        };
        asked(&world, question);
    }
    let pending = |world: &World| world.cx.store.count::<Approval>(&Filter::open()).unwrap();
    passes(&mut world, 60);
    assert_eq!(pending(&world), 1000);
    passes(&mut world, 600);
    assert_eq!(pending(&world), 0);
    let all = world
        .cx
        .store
        .list::<Approval>(&Filter::default().limit(1000))
        .unwrap();
    assert!(
        all.rows
            .iter()
            .all(|one| one.status == Status::Expired && one.warned_at.is_some())
    );
}
