//! Changes whose branch moved since they were made: what is told before anybody decides, and what comes of them.

use hyperion_api::queue::Evidence;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::{RequestId, approval, request};
use hyperion_store::Filter;
use hyperion_testkit::{RequestFile, TaskEntry, task, task_request};

use super::evidence::read;
use crate::approval::document;
use crate::testing::World;

/// Commits on main by hand; gives the commit.
fn by_hand(world: &World, subject: &str, act: impl Fn(&World)) -> String {
    world.repo.checkout("main");
    act(world);
    world.repo.commit_all(subject);
    world.repo.checkout("elsewhere");
    world.repo.tip("main")
}

/// Files a change that was made on a commit, and gives what its question says.
fn asked(world: &mut World, change: &RequestFile) -> (RequestId, Vec<String>) {
    let id = world.file(change);
    world.settle_others();
    let open = world.cx.store.list::<approval::Approval>(&Filter::open());
    let question = open.unwrap().rows.pop().unwrap();
    let told = document(&world.cx, &question).unwrap().unwrap();
    (id, told.reasons)
}

fn ended(world: &mut World) -> (Entry, Option<Evidence>) {
    world.approve_all();
    world.settle();
    let entry = world.entries().pop().unwrap();
    let evidence = read(&world.cx, &entry).unwrap();
    (entry, evidence)
}

fn change(base: &str, made: TaskEntry) -> RequestFile {
    task_request("Change it")
        .class("bugfix")
        .base(base)
        .task(made)
}

// M1: what main did already by moving it is not landed again, and not told to be done.
#[test]
fn a_merge_that_comes_to_nothing_names_what_made_it_empty() {
    let both = "def a():\n    return 1\n\ndef b():\n    return 2\n";
    let (moved, rest) = ("def a():\n    return 1\n", "def b():\n    return 2\n");
    let mut world = World::new(&[("m.py", both)]);
    let base = world.repo.tip("main");
    let by = by_hand(&world, "Move a", |world| {
        world.repo.write("m.py", rest);
        world.repo.write("util.py", moved);
    });
    by_hand(&world, "Say more", |world| world.repo.write("b.txt", "b\n"));
    let removes = task("T1", "remove a").replace("m.py", rest);
    let (id, reasons) = asked(&mut world, &change(&base, removes));
    assert_eq!(
        reasons[0],
        "its base is 2 commits behind main: merging it with main as it is now changes nothing"
    );
    let (entry, _) = ended(&mut world);
    let why = format!(
        "nothing is left of it to land: merging it with main changes nothing since {} (Move a), which changed m.py",
        &by[..10]
    );
    let request = world.request(id);
    assert_eq!(entry.status, Status::Cancelled);
    assert_eq!(entry.reason.as_ref().unwrap().as_str(), why);
    assert_eq!(request.status, request::Status::Failed);
    let summary = crate::request::summary(&world.cx, &request)
        .unwrap()
        .unwrap();
    assert_eq!(
        (summary.outcome.as_str(), summary.landed.len()),
        ("failed", 0)
    );
    assert_eq!(summary.not_landed[0].why, "empty");
    assert_eq!(summary.not_landed[0].detail, why);
}

// M3: the question says that it conflicts, with both sides and through a rename; so does what is kept of it.
#[test]
fn a_conflict_is_told_before_anybody_is_asked() {
    let text = "one\ntwo\nthree\nfour\nfive\nsix\n";
    let mut world = World::new(&[("a.txt", text)]);
    let base = world.repo.tip("main");
    let by = by_hand(&world, "Say zwei", |world| {
        world.repo.write("a.txt", text.replace("two", "zwei"));
    });
    by_hand(&world, "Move it", |world| {
        world.repo.git(&["mv", "a.txt", "b.txt"]);
    });
    let says = task("T1", "say deux").replace("a.txt", &text.replace("two", "deux"));
    let (_, reasons) = asked(&mut world, &change(&base, says));
    assert_eq!(
        reasons[..2],
        [
            format!(
                "conflicts: it conflicts with main in b.txt, changed meanwhile by {} (Say zwei); its base is 2 commits behind main, so it cannot land as it is",
                &by[..10]
            ),
            "b.txt (contents), line 2: it was `two`; main has `zwei`; the change has `deux`"
                .to_owned(),
        ]
    );
    let (entry, evidence) = ended(&mut world);
    assert_eq!(entry.status, Status::Quarantined);
    let file = evidence.unwrap().conflicts.remove(0);
    assert_eq!(file.caused_by.unwrap().commit, by);
}

// M3, R10: both sides are there where each made the file, and where one took it away.
#[test]
fn both_sides_are_shown_of_files_that_only_some_have() {
    let mut world = World::new(&[("a.txt", "one\ntwo\nthree\n"), ("c.txt", "one\ntwo\n")]);
    let base = world.repo.tip("main");
    by_hand(&world, "Take both", |world| {
        world.repo.remove("a.txt");
        world.repo.write("c.txt", "one\nzwei\n");
        world.repo.write("new.txt", "ours\n");
    });
    let made = task("T1", "say deux")
        .replace("a.txt", "one\ndeux\nthree\n")
        .delete("c.txt")
        .create("new.txt", "theirs\n");
    let (_, reasons) = asked(&mut world, &change(&base, made));
    assert_eq!(
        reasons[1..4],
        [
            "a.txt (modify/delete), line 2: it was `two`; main has nothing; the change has `deux`",
            "c.txt (modify/delete), line 2: it was `two`; main has `zwei`; the change has nothing",
            "new.txt (add/add), line 1: it was nothing; main has `ours`; the change has `theirs`",
        ]
    );
    let (_, evidence) = ended(&mut world);
    let said: Vec<_> = evidence.unwrap().conflicts;
    assert_eq!(
        said[0].message,
        "a.txt was deleted by the branch and modified by the change"
    );
    assert!(said.iter().all(|file| file.caused_by.is_some()));
}

// M3: a base that is behind is told, and no hindrance.
#[test]
fn a_base_that_is_behind_is_told() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let base = world.repo.tip("main");
    by_hand(&world, "Add b", |world| world.repo.write("b.txt", "b\n"));
    let says = task("T1", "say two").replace("a.txt", "two\n");
    let (_, reasons) = asked(&mut world, &change(&base, says));
    assert_eq!(
        reasons[0],
        "its base is 1 commit behind main: it merges without conflict"
    );
    assert_eq!(ended(&mut world).0.status, Status::Landed);
}

// M3: whoever looks at a question later is told what it came to meanwhile.
#[test]
fn a_question_says_what_the_branch_did_since_it_was_asked() {
    let mut world = World::new(&[("a.txt", "one\n")]);
    let base = world.repo.tip("main");
    let says = task("T1", "say two").replace("a.txt", "two\n");
    asked(&mut world, &change(&base, says));
    let open = world.cx.store.list::<approval::Approval>(&Filter::open());
    let question = open.unwrap().rows.pop().unwrap();
    let told = |world: &World| crate::change_set::since_asked(&world.cx, &question);
    assert_eq!(told(&world), [""; 0]);
    by_hand(&world, "Say zwei", |world| {
        world.repo.write("a.txt", "zwei\n");
    });
    let now = told(&world);
    assert_eq!(now[0], "main moved on since this was asked; now:");
    assert!(
        now[1].starts_with("conflicts: it conflicts with main in a.txt"),
        "{now:?}"
    );
    assert_eq!(
        now[2],
        "a.txt (contents), line 1: it was `one`; main has `zwei`; the change has `two`"
    );
}
