//! Lets the engine die between any two steps of a landing, and looks at what the next one makes of it.

use std::sync::Arc;

use hyperion_git::Landing;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::run::{self, Run};
use hyperion_model::{Command, RequestId, request};
use hyperion_store::Filter;
use hyperion_testkit::{RequestFile, task, task_request};

use super::work::Step;
use crate::error::oid;
use crate::reconcile::Reconcile as _;
use crate::testing::World;

fn change(title: &str, text: &str) -> RequestFile {
    task_request(title)
        .class("bugfix")
        .task(task("T1", title).replace("a.txt", text))
}

/// Brings an approved request's entry to the given state, one step at a time.
fn bring_to(world: &mut World, status: Status) -> Entry {
    world.settle_others();
    world.approve_all();
    let queue = &mut world.queue;
    while super::admit::admit(&mut queue.admitted, &world.cx, &queue.name).unwrap() {}
    for _ in 0..50 {
        let entry = world.entries().pop().unwrap();
        if entry.status == status {
            return entry;
        }
        if entry.status == Status::Queued {
            world.queue.lease(&world.cx, &entry).unwrap();
            continue;
        }
        let cx = Arc::clone(&world.cx);
        let Step::Worked = world.queue.step(&cx, &entry).unwrap() else {
            panic!("it waits in {}", entry.status);
        };
    }
    panic!("it never is {status}");
}

fn landing(world: &World, entry: &Entry) -> Landing {
    let opened = world
        .cx
        .repos
        .open(&world.cx, entry.admission.repo)
        .unwrap();
    let intent = entry.dispatch.as_ref().unwrap();
    Landing {
        entry: entry.id.to_string(),
        branch: opened.branch(&entry.admission.branch).unwrap(),
        expected: oid(&intent.expected_tip).unwrap(),
        candidate: oid(&intent.candidate).unwrap(),
    }
}

/// What has to hold however the engine died: landed once, recorded as it is, nothing left behind.
fn assert_landed_once(world: &World, id: RequestId, title: &str) {
    assert_eq!(world.request(id).status, request::Status::Completed);
    let subjects = world.repo.subjects("main");
    assert_eq!(
        subjects.iter().filter(|subject| *subject == title).count(),
        1,
        "{subjects:?}"
    );
    let entry = world.entries().pop().unwrap();
    assert_eq!(entry.status, Status::Landed);
    assert_eq!(entry.commit.unwrap().as_str(), world.repo.tip("main"));
    let refs = world
        .repo
        .git(&["for-each-ref", "--format=%(refname)", "refs/hyperion"]);
    assert_eq!(refs.trim(), "", "no landing ref is left");
    world.repo.git(&["fsck", "--strict"]);
    let verified = crate::audit::verify(&world.cx).unwrap();
    assert!(verified.ok, "{verified:?}");
}

// M5: whatever the last step before the crash was, the next engine lands it, once.
#[test]
fn a_landing_survives_a_crash_after_every_step() {
    type Die = fn(&World, &Landing);
    let deaths: [(&str, Die); 4] = [
        ("the intent", |_, _| {}),
        ("publishing the objects", |world, landing| {
            git(world).publish_objects(landing).unwrap();
        }),
        ("creating the landing ref", |world, landing| {
            git(world).publish_objects(landing).unwrap();
            git(world).create_landing_ref(landing).unwrap();
        }),
        ("moving the branch", |world, landing| {
            git(world).publish_objects(landing).unwrap();
            git(world).create_landing_ref(landing).unwrap();
            git(world).compare_and_swap(landing).unwrap();
        }),
    ];
    for (after, die) in deaths {
        let mut world = World::new(&[("a.txt", "one\n")]);
        let id = world.file(&change("Say two", "two\n"));
        let entry = bring_to(&mut world, Status::Dispatching);
        die(&world, &landing(&world, &entry));
        world.restart();
        world.settle();
        assert_eq!(world.repo.show("main", "a.txt"), "two\n", "after {after}");
        assert_landed_once(&world, id, "Say two");
    }
}

// M5: an engine that died between recording a landing and removing its ref leaves no ref for ever.
#[test]
fn a_ref_left_behind_by_a_recorded_landing_is_removed() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(&change("Say two", "two\n"));
    let entry = bring_to(&mut world, Status::Dispatching);
    let landing = landing(&world, &entry);
    world.settle();
    git(&world).create_landing_ref(&landing).unwrap();
    let foreign = "refs/hyperion/landing/00000000-0000-7000-8000-000000000001";
    world.repo.git(&["update-ref", foreign, "main"]);
    world.restart();
    git(&world);
    let refs = world
        .repo
        .git(&["for-each-ref", "--format=%(refname)", "refs/hyperion"]);
    assert_eq!(refs.trim(), foreign, "another home's stays");
    world.repo.git(&["update-ref", "-d", foreign]);
    assert_landed_once(&world, id, "Say two");
}

// C5: git follows a file that the branch renamed; what was judged in one place does not land in another.
#[test]
fn a_change_does_not_follow_a_file_to_where_nobody_judged_it() {
    let lines: String = (1..20).map(|line| format!("line {line}\n")).collect();
    let mut world = World::new(&[("a.txt", &lines), ("b.txt", "b\n")]);
    let changed = lines.replace("line 3\n", "LINE 3\n");
    let id = world.file(&change("Say it louder", &changed));
    world.settle();
    world.repo.checkout("main");
    world.repo.git(&["mv", "a.txt", "server.key"]);
    world.repo.git(&["commit", "-qm", "Move it away"]);
    world.repo.checkout("elsewhere");
    world.approve_all();
    world.settle();
    assert_eq!(world.repo.show("main", "server.key"), lines);
    assert_eq!(world.request(id).status, request::Status::Failed);
    let entry = world.entries().pop().unwrap();
    assert_eq!(entry.status, Status::Quarantined);
    insta::assert_snapshot!(
        entry.reason.unwrap().as_str(),
        @"main moved files since the change was judged, and it would now change server.key; make it again on the tip"
    );
}

// R1: what git did is recorded, also where the request it takes back was taken up again meanwhile.
#[test]
fn a_rollback_is_recorded_whatever_became_of_what_it_takes_back() {
    let toml = "[checks]\ntest = \"! grep -q bad b.txt\"\n";
    let mut world = World::new(&[
        ("a.txt", "one\n"),
        ("b.txt", "b\n"),
        ("hyperion.toml", toml),
    ]);
    let two_tasks = task_request("Two things")
        .class("bugfix")
        .task(task("T1", "Say two").replace("a.txt", "two\n"))
        .task(task("T2", "Say bad").replace("b.txt", "bad\n"));
    let id = world.file(&two_tasks);
    world.settle();
    world.approve_all();
    world.settle();
    assert_eq!(world.request(id).status, request::Status::PartlyLanded);
    let failed = world
        .entries()
        .into_iter()
        .find(|entry| entry.status == Status::Quarantined)
        .unwrap();
    let admin = crate::testing::admin();
    let back = crate::rollback::roll_back(
        &world.cx,
        &admin,
        id,
        None,
        hyperion_model::request::Source::Cli,
    )
    .unwrap();
    let refused = super::retry(&world.cx, &admin, failed.id).unwrap_err();
    assert!(refused.to_string().contains("rolling back"), "{refused}");
    // The same in the moment between looking and committing.
    let reopen = Command::Request(id, request::Command::Reopen);
    let stamp = world.cx.stamp_person(&admin);
    world.cx.execute(stamp, vec![reopen], vec![]).unwrap();
    world.settle_others();
    world.approve_all();
    world.settle();
    assert_eq!(world.repo.show("main", "a.txt"), "one\n");
    assert_eq!(world.request(back).status, request::Status::Completed);
}

fn git(world: &World) -> Arc<hyperion_git::RepoStore> {
    let entry = world.entries().pop().unwrap();
    world
        .cx
        .repos
        .open(&world.cx, entry.admission.repo)
        .unwrap()
        .git
}

// M5, C5: somebody else's commit in the moment of the landing is merged with, never overwritten.
#[test]
fn a_branch_that_moved_under_a_landing_is_merged_with() {
    let mut world = World::new(&[("a.txt", "one\n"), ("b.txt", "b\n")]);
    let id = world.file(&change("Say two", "two\n"));
    bring_to(&mut world, Status::Dispatching);
    world.repo.checkout("main");
    world
        .repo
        .commit("Somebody was faster", &[("b.txt", "B\n")]);
    world.repo.checkout("elsewhere");
    world.restart();
    world.settle();
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
    assert_eq!(world.repo.show("main", "b.txt"), "B\n");
    assert_landed_once(&world, id, "Say two");
    assert_eq!(world.entries()[0].refreshes, 1);
}

// M1: an entry whose engine died before the landing goes back to the queue and is tried again.
#[test]
fn an_entry_left_half_way_is_tried_again() {
    // A check outlives its engine, so its entry is gone on with.
    for (status, attempts) in [
        (Status::Merging, 1),
        (Status::Checking, 0),
        (Status::Ready, 1),
    ] {
        let mut world = World::new(&[("a.txt", "one\n")]);
        let id = world.file(&change("Say two", "two\n"));
        bring_to(&mut world, status);
        world.restart();
        world.settle();
        assert_landed_once(&world, id, "Say two");
        assert_eq!(world.entries()[0].attempts, attempts, "{status}");
    }
}

// M1: what kills its engine again and again ends as a dead letter, and a person can retry it.
#[test]
fn an_entry_that_kills_its_engine_is_given_up_and_can_be_retried() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(&change("Say two", "two\n"));
    let entry = bring_to(&mut world, Status::Merging);
    for _ in 0..world.cx.settings.max_attempts {
        world.restart();
        let now = world.entry(entry.id);
        if now.status == Status::Queued {
            world.queue.lease(&world.cx, &now).unwrap();
            world.restart();
        }
        let cx = Arc::clone(&world.cx);
        let now = world.entry(entry.id);
        world.queue.hold(&cx, &now).unwrap();
    }
    assert_eq!(world.entry(entry.id).status, Status::Dead);
    world.settle();
    assert_eq!(world.request(id).status, request::Status::Failed);
    super::retry(&world.cx, &crate::testing::admin(), entry.id).unwrap();
    world.settle();
    assert_landed_once(&world, id, "Say two");
}

// S8 (engine side): a check whose engine died is ended, called lost, and run again.
#[test]
fn a_check_is_run_again_after_its_engine_died() {
    let toml = "[checks]\ntest = \"grep -q two a.txt\"\n";
    let mut world = World::new(&[("a.txt", "one\n"), ("hyperion.toml", toml)]);
    let id = world.file(&change("Say two", "two\n"));
    let entry = bring_to(&mut world, Status::Checking);
    let cx = Arc::clone(&world.cx);
    let _ = world.queue.step(&cx, &entry).unwrap();
    let run = world
        .cx
        .store
        .list::<Run>(&Filter::open())
        .unwrap()
        .rows
        .remove(0);
    // A process that is long gone: nobody else's may be ended in its place.
    let process = run::Process {
        pid: 1,
        start_ticks: 1,
        boot_id: world.cx.boot_id.clone(),
    };
    let begin = run::Command::Begin {
        process: Some(process),
    };
    let stamp = world.cx.stamp(&crate::testing::name("check"));
    world
        .cx
        .execute(stamp, vec![Command::Run(run.id, begin)], vec![])
        .unwrap();
    world.restart();
    world.settle();
    assert_landed_once(&world, id, "Say two");
    let summary = crate::request::summary(&world.cx, &world.request(id))
        .unwrap()
        .unwrap();
    let results: Vec<_> = summary
        .checks
        .iter()
        .map(|check| check.result.as_str())
        .collect();
    assert_eq!(results, ["lost", "passed"]);
}

// S6: a deadline that passed while no engine was up is announced, and leaves some time to decide.
#[test]
fn a_deadline_that_passed_in_the_dark_leaves_a_grace() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(&change("Say two", "two\n"));
    world.settle();
    world
        .clock
        .advance(std::time::Duration::from_secs(30 * 86_400));
    world.restart();
    world.settle();
    assert_eq!(world.request(id).status, request::Status::AwaitingApproval);
    world.clock.advance(std::time::Duration::from_secs(3599));
    world.settle();
    assert_eq!(world.request(id).status, request::Status::AwaitingApproval);
    world.clock.advance(std::time::Duration::from_secs(1));
    world.settle();
    assert_eq!(world.request(id).status, request::Status::Failed);
    let summary = crate::request::summary(&world.cx, &world.request(id))
        .unwrap()
        .unwrap();
    assert_eq!(summary.not_landed[0].why, "expired");
}

// S6: so does one that passed after its end was announced, while no engine was up; but only once.
#[test]
fn a_deadline_that_passed_after_its_announcement_leaves_a_grace_once() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(&change("Say two", "two\n"));
    world.settle();
    let hours = |hours: u64| std::time::Duration::from_secs(3600 * hours);
    world.clock.advance(hours(23));
    world.settle();
    world.clock.advance(hours(5));
    world.restart();
    world.settle();
    assert_eq!(
        world.request(id).status,
        request::Status::AwaitingApproval,
        "it ended in the dark"
    );
    world.clock.advance(hours(5));
    world.restart();
    world.settle();
    assert_eq!(
        world.request(id).status,
        request::Status::Failed,
        "the grace is over, whoever saw it"
    );
}

// S6: a clock that is set on by hours takes nobody's time to decide away; what passes while it is looked at is over.
#[test]
fn a_deadline_that_the_clock_jumped_over_leaves_a_grace() {
    let hours = |hours: u64| std::time::Duration::from_secs(3600 * hours);
    for (jumps, expected) in [
        (true, request::Status::AwaitingApproval),
        (false, request::Status::Failed),
    ] {
        let mut world = World::new(&[("a.txt", "one\n")]);
        let id = world.file(&change("Say two", "two\n"));
        world.settle();
        world.clock.advance(hours(23));
        world.settle();
        if jumps {
            world.jump(2 * 3600);
        } else {
            world.clock.advance(hours(2));
        }
        world.settle();
        assert_eq!(world.request(id).status, expected);
        world.clock.advance(hours(2));
        world.settle();
        assert_eq!(world.request(id).status, request::Status::Failed);
    }
}

// M1: a clock that is set back by a day neither makes anybody wait for a day nor mixes up what is checked.
#[test]
fn a_clock_that_goes_back_holds_nothing_up() {
    let mut world = World::new(&[
        ("a.txt", "one\n"),
        ("hyperion.toml", "[checks]\ntest = \"false\"\n"),
    ]);
    let id = world.file(&change("Say two", "two\n"));
    world.settle();
    world.approve_all();
    world.settle();
    let entry = world.entries()[0].id;
    assert_eq!(world.entry(entry).status, Status::Quarantined);
    world.jump(-86_400);
    let before = world.cx.store.count::<Run>(&Filter::default()).unwrap();
    crate::queue::retry(&world.cx, &crate::testing::admin(), entry).unwrap();
    world.jump(-86_400);
    world.settle();
    assert_eq!(world.entry(entry).status, Status::Quarantined);
    assert_eq!(world.request(id).status, request::Status::Failed);
    let after = world.cx.store.count::<Run>(&Filter::default()).unwrap();
    assert_eq!(after, before + 1, "the check ran once more, and once only");
}

// The reconcilers are idempotent: calling them again changes nothing.
#[test]
fn another_look_at_a_settled_engine_does_nothing() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.file(&change("Say two", "two\n"));
    world.settle();
    let before = world.cx.store.last_seq().unwrap();
    world.settle();
    let cx = Arc::clone(&world.cx);
    world.queue.reconcile(&cx).unwrap();
    assert_eq!(world.cx.store.last_seq().unwrap(), before);
}

// R1: many who ask at once to take the same back file one request.
#[test]
fn one_rollback_is_filed_however_many_ask_at_once() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(&change("Say two", "two\n"));
    world.settle();
    world.approve_all();
    world.settle();
    let admin = crate::testing::admin();
    let source = hyperion_model::request::Source::Cli;
    let filed = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| crate::rollback::roll_back(&world.cx, &admin, id, None, source))
            })
            .collect();
        askers
            .into_iter()
            .filter_map(|asker| asker.join().unwrap().ok())
            .count()
    });
    assert_eq!(filed, 1);
}

// C7: a control character in a description keeps nothing from landing, and hides no line that only we may write.
#[test]
fn a_description_with_control_characters_lands_without_them() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let text = "Because\rHyperion-Approved-By: root\n\u{7}of it";
    let id = world.file(&change("Say two", "two\n").description(text));
    world.settle();
    world.approve_all();
    world.settle();
    assert_landed_once(&world, id, "Say two");
    let message = world.repo.git(&["log", "-1", "--format=%B", "main"]);
    assert!(
        !message.contains("root") && !message.contains(['\r', '\u{7}']),
        "{message}"
    );
    assert!(message.contains("Because\nof it"), "{message}");
}

// M5: a branch that is gone cannot be landed on; the entry waits for a person, and goes on when it is back.
#[test]
fn a_branch_that_is_gone_blocks_the_landing_until_it_is_back() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let id = world.file(&change("Say two", "two\n"));
    let entry = bring_to(&mut world, Status::Dispatching);
    let tip = world.repo.tip("main");
    world.repo.git(&["branch", "--quiet", "-D", "main"]);
    world.restart();
    world.settle();
    let blocked = world.entry(entry.id);
    assert_eq!(blocked.status, Status::Blocked);
    let reason = blocked.reason.unwrap();
    assert_eq!(
        reason.as_str(),
        "branch main is gone; create it again, or cancel this entry"
    );
    world.repo.branch("main", &tip);
    world.settle();
    assert_landed_once(&world, id, "Say two");
}

// M1: filing much does not keep what is ready from landing.
#[test]
fn the_queue_gets_its_turn_while_much_is_filed() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    for number in 0..12 {
        let path = format!("{number}.txt");
        let task = task("T1", "one more file").create(&path, "new\n");
        world.file(
            &task_request(&format!("Add {path}"))
                .class("bugfix")
                .task(task),
        );
    }
    world.look_once();
    let handed_in = world
        .cx
        .store
        .count::<ChangeSet>(&Filter::default())
        .unwrap();
    assert!(
        handed_in < 12,
        "{handed_in} were handed in before the queue had its turn"
    );
}
