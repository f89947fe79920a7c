use std::sync::Arc;
use std::time::Duration;

use hyperion_model::RequestId;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::request::{self, Request, Source};
use hyperion_store::Filter;
use hyperion_testkit::{task, task_request};

use super::*;
use crate::testing::{World, admin, name};
use crate::{change_set, queue, rollback};

const DAY: Duration = Duration::from_secs(86_400);

/// Lands one request.
fn landed(world: &mut World) -> RequestId {
    let request = world.file(
        &task_request("Say two")
            .class("bugfix")
            .task(task("T1", "say two").replace("a.txt", "two\n")),
    );
    world.settle();
    world.approve_all();
    world.settle();
    assert_eq!(world.request(request).status, request::Status::Completed);
    request
}

fn retention() -> Retention {
    Retention::new(name("retention"))
}

/// Looks until nothing is due.
fn look(world: &World, retention: &mut Retention) {
    for _ in 0..100 {
        let Progress::Idle { wake_at: Some(at) } = retention.reconcile(&world.cx).unwrap() else {
            panic!("retention always knows when it is its turn again");
        };
        if at >= world.cx.now() + EVERY {
            return;
        }
        world.clock.set(at);
    }
    panic!("retention does not come to an end");
}

fn verified(world: &World) {
    let found = world.cx.store.verify().unwrap();
    assert!(found.is_sound(), "{found:?}");
    let audit = crate::audit::verify(&world.cx).unwrap();
    assert!(audit.ok && audit.landings_compared > 0, "{audit:?}");
    assert!(crate::audit::replay(&world.cx).unwrap().same_as_database);
}

fn set_of(world: &World, request: RequestId) -> ChangeSet {
    let filter = Filter::default().request(request);
    let rows = world.cx.store.list::<ChangeSet>(&filter).unwrap().rows;
    rows.into_iter().next().unwrap()
}

// C8: content goes a day after the end; what landed is read from git, and titles stay.
#[test]
fn the_content_of_what_ended_is_purged_and_its_title_and_landing_can_still_be_read() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = landed(&mut world);
    let (cx, set) = (Arc::clone(&world.cx), set_of(&world, id));
    let opened = cx.repos.open(&cx, set.proposal.repo).unwrap();
    let shown = change_set::preview(&cx, &opened, &set).unwrap().unwrap();
    let before = change_set::unified_diff(&shown.accepted().unwrap());
    let mut retention = retention();
    world.clock.advance(DAY / 2);
    look(&world, &mut retention);
    assert!(change_set::preview(&cx, &opened, &set).unwrap().is_some());

    world.clock.advance(DAY);
    look(&world, &mut retention);
    assert_eq!(change_set::preview(&cx, &opened, &set).unwrap(), None);
    let request = world.request(id);
    assert_eq!(cx.store.blob(request.submission.document).unwrap(), None);
    assert_eq!(
        crate::request::title(&cx, &request).unwrap().as_deref(),
        Some("Say two")
    );
    assert_eq!(
        change_set::title(&cx, &set).unwrap().as_deref(),
        Some("say two")
    );
    assert!(crate::request::summary(&cx, &request).unwrap().is_some());
    let landed = change_set::landed(&cx, &opened, &set).unwrap().unwrap();
    let after = change_set::unified_diff(&landed.accepted().unwrap());
    assert_eq!(after, before);
    assert_eq!(change_set::accepted_lines(&cx, &set).unwrap(), (1, 1));
    verified(&world);
}

// C8: whatever may still be taken up keeps all of its content.
#[test]
fn what_waits_for_a_person_keeps_its_content() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(
        &task_request("Say two")
            .class("bugfix")
            .task(task("T1", "say two").replace("a.txt", "two\n")),
    );
    world.settle();
    world.clock.advance(DAY / 2);
    look(&world, &mut retention());
    world.clock.advance(DAY / 4);
    world.approve_all();
    world.settle();
    assert_eq!(world.request(id).status, request::Status::Completed);
}

/// Files a change that conflicts with what somebody did to the branch meanwhile.
fn put_aside(world: &mut World) -> Entry {
    let id = world.file(
        &task_request("Say two")
            .class("bugfix")
            .task(task("T1", "say two").replace("a.txt", "two\n")),
    );
    world.settle_others();
    world.repo.git(&["switch", "--quiet", "main"]);
    world.repo.commit("Say three", &[("a.txt", "three\n")]);
    world.repo.git(&["switch", "--quiet", "elsewhere"]);
    world.approve_all();
    world.settle();
    assert_eq!(world.request(id).status, request::Status::Failed);
    let entry = world.entries().remove(0);
    assert_eq!(entry.status, Status::Quarantined);
    entry
}

// M1: a dead letter can be taken up for as long as it says, with all that it takes.
#[test]
fn a_dead_letter_can_be_retried_until_its_time_has_passed() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let entry = put_aside(&mut world);
    let mut retention = retention();
    for _ in 0..29 {
        world.clock.advance(DAY);
        look(&world, &mut retention);
    }
    world.repo.git(&["branch", "--force", "main", "main~1"]);
    queue::retry(&world.cx, &admin(), entry.id).unwrap();
    world.settle();
    assert_eq!(world.entry(entry.id).status, Status::Landed);
    verified(&world);
}

// M1: nobody took it up, so it ends, and the log says so; then it goes the way of all that ended.
#[test]
fn a_dead_letter_ends_with_an_event_and_is_archived_in_its_turn() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let entry = put_aside(&mut world);
    let mut retention = retention();
    world.clock.advance(31 * DAY);
    look(&world, &mut retention);
    let ended = world.entry(entry.id);
    assert_eq!(ended.status, Status::Cancelled);
    assert_eq!(
        ended.reason.unwrap().as_str(),
        "nobody took it up within 30 days"
    );
    assert!(queue::retry(&world.cx, &admin(), entry.id).is_err());
    assert_eq!(world.entries().len(), 1, "still in the lists");
    world.clock.advance(31 * DAY);
    look(&world, &mut retention);
    assert_eq!(world.entries(), []);
    assert_eq!(world.entry(entry.id).status, Status::Cancelled);
    let found = world.cx.store.verify().unwrap();
    assert!(found.is_sound(), "{found:?}");
}

// M1, M7: what landed long ago can be taken back: it comes out of the archive by itself.
#[test]
fn an_archived_landing_can_be_rolled_back() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = landed(&mut world);
    let mut retention = retention();
    world.clock.advance(31 * DAY);
    look(&world, &mut retention);
    let listed = |world: &World| world.cx.store.count::<Request>(&Filter::default()).unwrap();
    assert_eq!(listed(&world), 0);
    verified(&world);

    world.restart();
    let back = rollback::roll_back(&world.cx, &admin(), id, None, Source::Cli).unwrap();
    assert_eq!(
        listed(&world),
        2,
        "it came back with the request that needs it"
    );
    world.settle();
    world.approve_all();
    world.settle();
    assert_eq!(world.request(back).status, request::Status::Completed);
    assert_eq!(world.request(id).status, request::Status::RolledBack);
    assert_eq!(set_of(&world, id).status.name(), "rolled_back");
    assert_eq!(
        world.repo.git(&["show", "main:a.txt"]).trim(),
        "one",
        "the landing was taken back"
    );
    verified(&world);
    world.clock.advance(31 * DAY);
    look(&world, &mut retention);
    assert_eq!(listed(&world), 0);
    verified(&world);
}

// M1: retention that was interrupted goes on where it stopped, in another process as well.
#[test]
fn a_look_that_did_not_end_is_repeated_by_the_next_engine() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    landed(&mut world);
    world.clock.advance(31 * DAY);
    // It dies between letting go of the content and the rest.
    let (cx, now) = (Arc::clone(&world.cx), world.cx.now());
    cx.store.let_go(now - DAY, now, 1).unwrap();
    drop(cx);
    world.restart();
    look(&world, &mut retention());
    assert_eq!(
        world.cx.store.count::<Request>(&Filter::default()).unwrap(),
        0
    );
    verified(&world);
}
