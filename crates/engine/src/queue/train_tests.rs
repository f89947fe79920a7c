//! Lets the engine die between any two steps of a train, and lets people get in its way.

use std::sync::Arc;

use hyperion_model::entry::{Entry, Quarantine, Status};
use hyperion_model::{RequestId, request};
use hyperion_testkit::{RequestFile, task, task_request};

use super::ride::{self, TrainEntry};
use super::{land, order, train};
use crate::Cx;
use crate::repo::Opened;
use crate::testing::{World, admin};

/// How far an engine gets with a train before it dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    Leased,
    Merged,
    Ready,
    Intended,
    Published,
    RefMade,
    Swapped,
    Moved,
    RecordedInPart,
    Recorded,
}

const BEFORE_THE_INTENT: &[Death] = &[Death::Leased, Death::Merged, Death::Ready];
const BEFORE_THE_MOVE: &[Death] = &[Death::Intended, Death::Published, Death::RefMade];
const AFTER_THE_MOVE: &[Death] = &[
    Death::Swapped,
    Death::Moved,
    Death::RecordedInPart,
    Death::Recorded,
];

fn adds(path: &str) -> RequestFile {
    let task = task("T1", "a new file").create(path, "new\n");
    task_request(&format!("Add {path}"))
        .class("bugfix")
        .task(task)
}

fn says(title: &str, text: &str) -> RequestFile {
    task_request(title)
        .class("bugfix")
        .task(task("T1", title).replace("a.txt", text))
}

/// Brings what was filed into the queue, and lets none of it go on.
fn enqueue(world: &mut World) {
    world.settle_others();
    world.approve_all();
    let queue = &mut world.queue;
    while super::admit::admit(&mut queue.admitted, &world.cx, &queue.name).unwrap() {}
}

fn opened(world: &World) -> Opened {
    let repo = world.entries()[0].admission.repo;
    world.cx.repos.open(&world.cx, repo).unwrap()
}

fn line(cx: &Cx, entries: &[Entry]) -> Vec<Entry> {
    let turns = order::turns(entries, cx.now(), |_| false, train::MAX_ENTRIES);
    let turns: Vec<Entry> = turns.into_iter().cloned().collect();
    let length = train::length(&turns, false);
    turns[..length].to_vec()
}

/// Takes a train as far as the death, step by step as [`ride::ride`] does; what it has in hand is lost then.
fn ride_until(world: &mut World, death: Death) {
    let (cx, opened) = (Arc::clone(&world.cx), opened(world));
    let queue = &mut world.queue;
    let entries = cx.store.list::<Entry>(&hyperion_store::Filter::default());
    let taken = ride::lease(queue, &cx, &line(&cx, &entries.unwrap().rows)).unwrap();
    if death == Death::Leased {
        return;
    }
    let merged = ride::merge_all(queue, &cx, &opened, &taken[0], &taken).unwrap();
    assert_eq!(merged.train_entries.len(), taken.len());
    if death == Death::Merged {
        return;
    }
    let train_entries = ride::settle(queue, &cx, &opened, &taken[0], merged).unwrap();
    if death == Death::Ready {
        return;
    }
    assert!(land::dispatch(queue, &cx, &opened, &train_entries).unwrap());
    let train_entries = ride::reread(&cx, train_entries).unwrap();
    act_until(&cx, &opened, &train_entries, death);
}

fn act_until(cx: &Cx, opened: &Opened, train_entries: &[TrainEntry], death: Death) {
    let landing = land::landing_of(opened, train_entries).unwrap().unwrap();
    if death == Death::Intended {
        return;
    }
    opened.git.publish_objects(&landing).unwrap();
    if death == Death::Published {
        return;
    }
    opened.git.create_landing_ref(&landing).unwrap();
    if death == Death::RefMade {
        return;
    }
    if death == Death::Swapped {
        opened.git.hold_checkouts(&landing).unwrap();
        opened.git.compare_and_swap(&landing).unwrap();
        return;
    }
    opened.git.move_branch(&landing).unwrap();
    let recorded = match death {
        Death::RecordedInPart => 1,
        Death::Recorded => train_entries.len(),
        _ => 0,
    };
    for train_entry in &train_entries[..recorded] {
        let commands = land::landed(cx, train_entry).unwrap();
        cx.execute(cx.stamp(&crate::testing::name("queue")), commands, vec![])
            .unwrap();
    }
}

/// What has to hold however the engine died: each landed once, in a line, as recorded; nothing is left behind.
fn assert_all_landed(world: &World, ids: &[RequestId], after: impl std::fmt::Debug) {
    for id in ids {
        let status = world.request(*id).status;
        assert_eq!(status, request::Status::Completed, "after {after:?}");
    }
    assert_whole(world, ids.len());
}

/// The branch has so many landings in a line, exactly those that are recorded.
fn assert_whole(world: &World, landings: usize) {
    let log = world
        .repo
        .git(&["log", "--first-parent", "--format=%H %P", "main"]);
    let landed: Vec<Entry> = world
        .entries()
        .into_iter()
        .filter(|entry| entry.status == Status::Landed)
        .collect();
    assert_eq!(landed.len(), landings);
    let mut commits: Vec<_> = landed
        .iter()
        .map(|entry| entry.commit.clone().unwrap().as_str().to_owned())
        .collect();
    commits.sort();
    commits.dedup();
    assert_eq!(commits.len(), landings, "each has a commit of its own");
    for entry in &landed {
        let commit = entry.commit.clone().unwrap();
        let candidate = entry.candidate.clone().unwrap();
        let line = format!("{} {}", commit.as_str(), candidate.tip.as_str());
        assert!(log.contains(&line), "{line} is not in\n{log}");
        assert_eq!(entry.verdict.as_ref().unwrap().tree, candidate.tree);
        let message = world
            .repo
            .git(&["log", "-1", "--format=%B", commit.as_str()]);
        assert!(message.contains(&format!("Hyperion-Entry: {}", entry.id)));
        assert!(message.contains("Hyperion-Audit: "));
    }
    let merges = world.repo.git(&["log", "--merges", "--format=%H", "main"]);
    assert_eq!(merges, "");
    let refs = world
        .repo
        .git(&["for-each-ref", "--format=%(refname)", "refs/hyperion"]);
    assert_eq!(refs.trim(), "", "no landing ref is left");
    world.repo.git(&["fsck", "--strict"]);
    assert_eq!(world.cx.store.leases().unwrap(), [], "no lease is left");
    let verified = crate::audit::verify(&world.cx).unwrap();
    assert!(verified.ok, "{verified:?}");
}

/// Counts how often the branch was moved by a landing.
fn moves(world: &World) -> usize {
    let log = world
        .repo
        .git(&["reflog", "show", "--format=%gs", "main", "--"]);
    log.lines()
        .filter(|line| line.starts_with("hyperion: land"))
        .count()
}

fn dies(deaths: &[Death], entries: usize, checked_out: bool) {
    for death in deaths.iter().copied() {
        let mut world = World::new(&[("a.txt", "one\n")]);
        if checked_out {
            world.repo.checkout("main");
        }
        let ids: Vec<_> = (0..entries)
            .map(|number| world.file(&adds(&format!("{number}.txt"))))
            .collect();
        enqueue(&mut world);
        ride_until(&mut world, death);
        world.restart();
        // A landing ref that is left over is removed when the repository is opened.
        opened(&world);
        world.settle();
        assert_all_landed(&world, &ids, death);
        if checked_out {
            assert_eq!(world.repo.git(&["status", "--porcelain"]), "", "{death:?}");
        }
        let suspects = match death {
            Death::Leased | Death::Merged | Death::Ready => entries,
            _ => 1,
        };
        assert_eq!(
            moves(&world),
            suspects,
            "what may have killed its engine goes alone, after {death:?}"
        );
    }
}

// M5, M1: whatever the last step before the crash was, the next engine lands each entry of the train, once.
#[test]
fn one_entry_survives_a_crash_after_every_step() {
    dies(BEFORE_THE_INTENT, 1, false);
    dies(BEFORE_THE_MOVE, 1, false);
    dies(AFTER_THE_MOVE, 1, false);
}

// M5, M1
#[test]
fn two_entries_survive_a_crash_before_their_intents() {
    dies(BEFORE_THE_INTENT, 2, true);
}

// M5, M1
#[test]
fn two_entries_survive_a_crash_before_the_branch_moves() {
    dies(BEFORE_THE_MOVE, 2, true);
}

// M5, M1, C4
#[test]
fn two_entries_survive_a_crash_after_the_branch_moved() {
    dies(AFTER_THE_MOVE, 2, true);
}

// M5, M1
#[test]
fn five_entries_survive_a_crash_before_their_intents() {
    dies(BEFORE_THE_INTENT, 5, false);
}

// M5, M1
#[test]
fn five_entries_survive_a_crash_before_the_branch_moves() {
    dies(BEFORE_THE_MOVE, 5, false);
}

// M5, M1
#[test]
fn five_entries_survive_a_crash_after_the_branch_moved() {
    dies(AFTER_THE_MOVE, 5, false);
}

// M1, M5: what needs only merging lands together, and the branch is moved once.
#[test]
fn what_waits_together_lands_together() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.repo.checkout("main");
    let mut ids: Vec<_> = (0..4)
        .map(|number| world.file(&adds(&format!("{number}.txt"))))
        .collect();
    let chain = task_request("Two and three")
        .class("bugfix")
        .task(task("T1", "Say two").replace("a.txt", "two\n"))
        .task(
            task("T2", "Say three")
                .replace("a.txt", "three\n")
                .depends_on(&["T1"]),
        );
    let together = task_request("All or none")
        .class("bugfix")
        .atomic()
        .task(task("T1", "this").create("this.txt", "this\n"))
        .task(task("T2", "that").create("that.txt", "that\n"));
    ids.extend([world.file(&chain), world.file(&together)]);
    enqueue(&mut world);
    world.settle();
    for id in ids {
        assert_eq!(world.request(id).status, request::Status::Completed);
    }
    assert_whole(&world, 7);
    assert_eq!(moves(&world), 1);
    assert_eq!(world.repo.show("main", "a.txt"), "three\n");
    assert_eq!(world.repo.git(&["status", "--porcelain"]), "");
}

// M5, A10: a conflict takes out the entry that has it, with evidence about what landed; the others land.
#[test]
fn a_conflict_in_the_middle_keeps_nobody_else() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let two = world.file(&says("Say two", "two\n"));
    let three = world.file(&says("Say three", "three\n"));
    let last = world.file(&adds("b.txt"));
    enqueue(&mut world);
    world.settle();
    assert_eq!(world.request(two).status, request::Status::Completed);
    assert_eq!(world.request(three).status, request::Status::Failed);
    assert_eq!(world.request(last).status, request::Status::Completed);
    assert_whole(&world, 2);
    assert_eq!(world.repo.show("main", "a.txt"), "two\n");
    let aside = world
        .entries()
        .into_iter()
        .find(|entry| entry.status == Status::Quarantined)
        .unwrap();
    assert_eq!(aside.quarantine, Some(Quarantine::Conflict));
    let evidence = super::evidence(&world.cx, &aside).unwrap().unwrap();
    let evidence = serde_json::to_string(&evidence).unwrap();
    let cause = world.entries()[0].commit.clone().unwrap();
    assert!(evidence.contains(cause.as_str()), "{evidence}");
}

// M5: somebody else's commit under a train is merged with, never overwritten.
#[test]
fn a_branch_that_moved_under_a_train_is_merged_with() {
    for death in [Death::Intended, Death::Published, Death::RefMade] {
        let mut world = World::new(&[("a.txt", "one\n"), ("z.txt", "z\n")]);
        let ids: Vec<_> = (0..3)
            .map(|number| world.file(&adds(&format!("{number}.txt"))))
            .collect();
        enqueue(&mut world);
        ride_until(&mut world, death);
        world.repo.checkout("main");
        world
            .repo
            .commit("Somebody was faster", &[("z.txt", "Z\n")]);
        world.repo.checkout("elsewhere");
        world.restart();
        world.settle();
        assert_all_landed(&world, &ids, death);
        assert_eq!(world.repo.show("main", "z.txt"), "Z\n");
        for entry in world.entries() {
            assert_eq!((entry.refreshes, entry.attempts), (1, 0));
        }
    }
}

// M5: of a train that somebody's push cut in two, the first half is recorded and the second merges again.
#[test]
fn half_of_a_train_may_have_landed_by_another_hand() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let ids: Vec<_> = (0..4)
        .map(|number| world.file(&adds(&format!("{number}.txt"))))
        .collect();
    enqueue(&mut world);
    ride_until(&mut world, Death::RefMade);
    let second = world.entries()[1].candidate.clone().unwrap();
    world
        .repo
        .git(&["update-ref", "refs/heads/main", second.commit.as_str()]);
    world.repo.checkout("main");
    world.repo.commit("On top of it", &[("z.txt", "Z\n")]);
    world.repo.checkout("elsewhere");
    world.restart();
    world.settle();
    assert_all_landed(&world, &ids, "a push");
    let refreshes: Vec<_> = world
        .entries()
        .iter()
        .map(|entry| entry.refreshes)
        .collect();
    assert_eq!(refreshes, [0, 0, 1, 1]);
    assert_eq!(world.entries()[1].commit, Some(second.commit));
}

// M5, C4: an edited file keeps only what changes it, however far the branch moves past it; none of a train is lost.
#[test]
fn an_edited_file_keeps_nothing_else_of_its_train() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.repo.checkout("main");
    let files = [
        adds("0.txt"),
        says("Say two", "two\n"),
        adds("2.txt"),
        adds("3.txt"),
    ];
    let ids = files.map(|file| world.file(&file));
    enqueue(&mut world);
    world.repo.write("a.txt", "being edited\n");
    world.settle();
    let states: Vec<_> = world.entries().iter().map(|entry| entry.status).collect();
    let (landed, blocked) = (Status::Landed, Status::Blocked);
    assert_eq!(states, [landed, blocked, landed, landed]);
    let refreshes = world
        .entries()
        .iter()
        .map(|entry| entry.refreshes)
        .collect::<Vec<_>>();
    assert_eq!(
        refreshes,
        [1, 0, 1, 1],
        "it waits at once, and is not tried with every landing"
    );
    assert_eq!(moves(&world), 1, "the others go together");
    assert_eq!(world.repo.read("a.txt"), "being edited\n");
    assert_eq!(world.repo.git(&["status", "--porcelain"]), " M a.txt");
    world.repo.write("a.txt", "one\n");
    world.settle();
    assert_all_landed(&world, &ids, "cleaning up");
    assert_eq!(world.repo.git(&["status", "--porcelain"]), "");
}

// M1: a queue that a person stopped begins and lands nothing, also after a restart; others go on, and so does it when resumed.
#[test]
fn a_paused_queue_stands_still_until_it_is_resumed() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let ids: Vec<_> = (0..2)
        .map(|number| world.file(&adds(&format!("{number}.txt"))))
        .collect();
    enqueue(&mut world);
    let (cx, repo) = (Arc::clone(&world.cx), world.entries()[0].admission.repo);
    let paused = super::paused::pause(&cx, &admin(), repo, Some("release day")).unwrap();
    let again = super::paused::pause(&cx, &admin(), repo, None).unwrap();
    assert_eq!(again, paused, "whoever stopped it first did");
    let told = super::paused::told(&paused).unwrap();
    assert!(told.contains(" is paused by "), "{told}");
    assert!(told.ends_with(" UTC: release day"), "{told}");
    world.settle();
    world.restart();
    world.settle();
    for entry in world.entries() {
        assert_eq!((entry.status, entry.attempts), (Status::Queued, 0));
    }
    let cx = Arc::clone(&world.cx);
    assert_eq!(
        super::paused::resume(&cx, &admin(), repo).unwrap().paused,
        None
    );
    world.settle();
    assert_all_landed(&world, &ids, "resuming");
}

// M1: what is on its way when the queue is stopped: an intent is carried out, what has none yet waits.
#[test]
fn a_train_that_is_paused_on_its_way_lands_only_what_was_intended() {
    for (death, lands) in [(Death::Ready, false), (Death::Intended, true)] {
        let mut world = World::new(&[("a.txt", "one\n")]);
        let ids = [adds("0.txt"), adds("1.txt")].map(|file| world.file(&file));
        enqueue(&mut world);
        ride_until(&mut world, death);
        let (cx, repo) = (Arc::clone(&world.cx), world.entries()[0].admission.repo);
        super::paused::pause(&cx, &admin(), repo, None).unwrap();
        world.settle();
        let landed = world
            .entries()
            .iter()
            .all(|entry| entry.status == Status::Landed);
        assert_eq!(landed, lands, "{death:?}");
        super::paused::resume(&cx, &admin(), repo).unwrap();
        world.settle();
        assert_all_landed(&world, &ids, "resuming");
    }
}

// C4: a file that git does not track is in the way of one entry; the others of its train land.
#[test]
fn what_is_in_the_way_of_one_keeps_nobody_else() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    world.repo.checkout("main");
    let ids: Vec<_> = (0..3)
        .map(|number| world.file(&adds(&format!("{number}.txt"))))
        .collect();
    enqueue(&mut world);
    world.repo.write("1.txt", "only copy\n");
    world.settle();
    let states: Vec<_> = world.entries().iter().map(|entry| entry.status).collect();
    assert_eq!(states, [Status::Landed, Status::Blocked, Status::Landed]);
    assert_eq!(world.repo.read("1.txt"), "only copy\n");
    world.repo.remove("1.txt");
    world.settle();
    assert_all_landed(&world, &ids, "moving it away");
}

// M1: an entry that is called off while its train is made takes nobody with it.
#[test]
fn an_entry_called_off_in_the_middle_lets_the_others_land() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let ids: Vec<_> = (0..3)
        .map(|number| world.file(&adds(&format!("{number}.txt"))))
        .collect();
    enqueue(&mut world);
    let second = world.entries()[1].id;
    let (cx, opened) = (Arc::clone(&world.cx), opened(&world));
    let entries = line(&cx, &world.entries());
    let queue = &mut world.queue;
    let taken = ride::lease(queue, &cx, &entries).unwrap();
    let merged = ride::merge_all(queue, &cx, &opened, &taken[0], &taken).unwrap();
    super::cancel(&cx, &admin(), second, None).unwrap();
    let train_entries = ride::settle(queue, &cx, &opened, &taken[0], merged).unwrap();
    assert_eq!(train_entries.len(), 1, "the third stood on the second");
    assert!(land::dispatch(queue, &cx, &opened, &train_entries).unwrap());
    let train_entries = ride::reread(&cx, train_entries).unwrap();
    land::finish(queue, &cx, &opened, &train_entries).unwrap();
    let all: Vec<_> = taken.iter().map(|entry| entry.id).collect();
    queue.forget_ended(&cx, &all).unwrap();
    world.settle();
    assert_eq!(world.request(ids[1]).status, request::Status::Failed);
    assert_whole(&world, 2);
    assert!(!world.repo.git(&["ls-tree", "main"]).contains("1.txt"));
}

// M1: a dry run lands nothing, and what comes behind it lands without it.
#[test]
fn a_dry_run_between_others_lands_nothing() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let first = world.file(&adds("1.txt"));
    let dry = world.file_dry(&adds("dry.txt"));
    let last = world.file(&adds("2.txt"));
    enqueue(&mut world);
    world.settle();
    for id in [first, dry, last] {
        assert_eq!(world.request(id).status, request::Status::Completed);
    }
    assert_whole(&world, 2);
    assert!(!world.repo.git(&["ls-tree", "main"]).contains("dry.txt"));
}

// R1: what is taken back and what comes new ride together.
#[test]
fn a_rollback_rides_in_a_train() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let two = world.file(&says("Say two", "two\n"));
    enqueue(&mut world);
    world.settle();
    let source = hyperion_model::request::Source::Cli;
    let back = crate::rollback::roll_back(&world.cx, &admin(), two, None, source).unwrap();
    let new = world.file(&adds("b.txt"));
    enqueue(&mut world);
    world.settle();
    assert_eq!(world.request(two).status, request::Status::RolledBack);
    assert_eq!(world.request(back).status, request::Status::Completed);
    assert_eq!(world.request(new).status, request::Status::Completed);
    assert_eq!(world.repo.show("main", "a.txt"), "one\n");
    assert_whole(&world, 3);
    assert_eq!(moves(&world), 2);
}

// M1: when an entry brings checks to the branch, those behind it are checked before they land.
#[test]
fn checks_that_a_train_brings_are_run_for_those_behind() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let toml = "[checks]\nnone = \"test ! -e bad.txt\"\n";
    let brings = task_request("Check it")
        .class("bugfix")
        .task(task("T1", "checks").create("hyperion.toml", toml));
    let brings = world.file(&brings);
    let bad = world.file(&adds("bad.txt"));
    let good = world.file(&adds("good.txt"));
    enqueue(&mut world);
    world.settle();
    assert_eq!(world.request(brings).status, request::Status::Completed);
    assert_eq!(world.request(bad).status, request::Status::Failed);
    assert_eq!(world.request(good).status, request::Status::Completed);
    assert_whole(&world, 2);
}
