//! Taking back one landing, all of a request, and what guards the repository.

use hyperion_model::entry::Status;
use hyperion_model::request::{self, Source};
use hyperion_model::{Level, RequestId, approval};
use hyperion_store::Filter;
use hyperion_testkit::{task, task_request};

use super::{What, roll_back};
use crate::testing::{World, admin};

/// Lands two tasks of one request, each by itself.
fn two_landings() -> (World, RequestId) {
    let mut world = World::new(&[("a.txt", "a\n"), ("b.txt", "b\n")]);
    let both = task_request("Two things")
        .class("bugfix")
        .task(task("T1", "Say two").replace("a.txt", "two\n"))
        .task(task("T2", "Say three").replace("b.txt", "three\n"));
    let id = world.file(&both);
    world.settle();
    world.approve_all();
    world.settle();
    (world, id)
}

fn back(world: &mut World, what: impl Into<What>) -> RequestId {
    let id = roll_back(&world.cx, &admin(), what, None, Source::Cli).unwrap();
    world.settle();
    id
}

fn refused(world: &World, what: impl Into<What>) -> String {
    let answer = roll_back(&world.cx, &admin(), what, None, Source::Cli);
    answer.unwrap_err().to_string()
}

fn files(world: &World) -> (String, String) {
    let of = |path| world.repo.show("main", path);
    (of("a.txt"), of("b.txt"))
}

// M6: what names one landing takes back that one; the rest of its request goes with the request.
#[test]
fn one_landing_is_taken_back_alone() {
    let (mut world, id) = two_landings();
    let [first, second] = &world.entries()[..] else {
        panic!("two entries")
    };
    let by = back(&mut world, What::ChangeSet(first.admission.change_sets[0]));
    assert_eq!(world.request(by).status, request::Status::Completed);
    assert_eq!(
        world.request(by).submission.rolls_back_entry,
        Some(first.id)
    );
    assert_eq!(files(&world), ("a\n".to_owned(), "three\n".to_owned()));
    assert_eq!(world.request(id).status, request::Status::Completed);
    assert!(world.repo.subjects("main")[0].contains("Say two"));
    assert!(refused(&world, What::Entry(first.id)).contains("was rolled back already"));

    let rest = back(&mut world, id);
    assert_eq!(world.request(rest).status, request::Status::Completed);
    assert_eq!(files(&world), ("a\n".to_owned(), "b\n".to_owned()));
    assert_eq!(world.request(id).rolled_back_by, Some(rest));
    assert!(refused(&world, What::Entry(second.id)).contains("rolled back already by"));
}

// M6: the last landing of a request that is taken back ends it as taken back.
#[test]
fn a_commit_names_its_landing() {
    let (mut world, id) = two_landings();
    for entry in world.entries() {
        let commit = entry.commit.clone().unwrap();
        let what = What::named(&world.cx, &commit.as_str()[..7]).unwrap();
        assert_eq!(what, What::Entry(entry.id));
        back(&mut world, what);
    }
    assert_eq!(world.request(id).status, request::Status::RolledBack);
    let refused = |text: &str| What::named(&world.cx, text).unwrap_err().to_string();
    assert!(refused(&world.repo.tip("main~4")).contains("did not land"));
    assert!(refused("00000000").contains("nothing has the id"));
}

// X9, S3: asking for a rollback is no approval of a change to what guards the repository.
#[test]
fn a_rollback_of_what_guards_the_repository_is_asked_about() {
    let mut world = World::new(&[("a.txt", "a\n")]);
    let checks = task("T1", "checks").create("hyperion.toml", "[checks]\nnone = \"true\"\n");
    let id = world.file(&task_request("Check it").class("bugfix").task(checks));
    world.settle();
    world.approve_all();
    world.settle();
    let by = back(&mut world, id);
    let waiting = world.cx.store.list::<approval::Approval>(&Filter::open());
    let [question] = &waiting.unwrap().rows[..] else {
        panic!("one question")
    };
    assert_eq!(question.question.level, Level::Admin);
    let told = crate::approval::document(&world.cx, question)
        .unwrap()
        .unwrap();
    let landed = world.repo.tip("main");
    let taken: Vec<_> = told.takes_back.iter().map(|taken| &taken.commit).collect();
    assert_eq!(taken, [&landed]);
    assert_eq!(world.request(id).status, request::Status::Completed);
    world.approve_all();
    world.settle();
    assert_eq!(world.request(by).status, request::Status::Completed);
    assert!(
        world
            .entries()
            .iter()
            .all(|entry| entry.status == Status::Landed)
    );
}

// M6: what keeps a rollback from being made is named, with the way out.
#[test]
fn a_rollback_in_conflict_names_the_later_change() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let mut land = |text: &str| {
        let change = task("T1", text).replace("a.txt", &format!("{text}\n"));
        let id = world.file(&task_request(text).class("bugfix").task(change));
        world.settle();
        world.approve_all();
        world.settle();
        (id, world.repo.tip("main"))
    };
    let (first, landed) = land("two");
    let (_, later) = land("three");
    let by = back(&mut world, first);
    let request = world.request(by);
    let summary = crate::request::summary(&world.cx, &request)
        .unwrap()
        .unwrap();
    let [told] = &summary.not_landed[..] else {
        panic!("{summary:?}")
    };
    let (landed, later) = (&landed[..10], &later[..10]);
    assert_eq!(
        told.detail,
        format!("a.txt changed since it landed as {landed}, by {later} (three)")
    );
    let first_command = format!("`hyperion rollback {later}`");
    assert!(told.next.contains(&first_command), "{}", told.next);
}
