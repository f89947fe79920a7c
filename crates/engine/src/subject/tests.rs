//! Which id leads to what.

use hyperion_model::{ApprovalId, ChangeSetId, EntryId, RequestId, RunId};
use hyperion_testkit::{task, task_request};

use super::*;
use crate::testing::World;

/// Says what looking for one of a kind gives: its kind and short id, or the refusal.
fn looked<M: Kind>(found: Result<M, Error>) -> String {
    match found {
        Ok(found) => {
            let id = short(M::subject(found.own_uuid()));
            format!("{} {id}", M::NOUN)
        }
        Err(Error::Problem(problem)) => {
            let lines = problem.errors.iter().map(|error| error.detail.clone());
            let hint = problem.hint.clone().map(|hint| format!("hint: {hint}"));
            let all = std::iter::once(problem.detail.clone())
                .chain(lines)
                .chain(hint);
            all.collect::<Vec<_>>().join("\n    ")
        }
        Err(error) => panic!("{error}"),
    }
}

/// A request that landed, and one of which two approvals wait.
fn world() -> World {
    let mut world = World::new(&[("a.txt", "a\n"), ("b.txt", "b\n")]);
    let two = task_request("Say two").class("bugfix");
    world.file(&two.task(task("T1", "Say two").replace("a.txt", "two\n")));
    world.settle();
    world.approve_all();
    world.settle();
    let both = task_request("Two more").class("bugfix");
    let both = both.task(task("T1", "Say three").replace("a.txt", "three\n"));
    world.file(&both.task(task("T2", "Say four").replace("b.txt", "four\n")));
    world.settle();
    world
}

fn rows<M: Stored>(world: &World) -> Vec<String> {
    let rows = world.cx.store.list::<M>(&hyperion_store::Filter::default());
    let rows = rows.unwrap().rows.into_iter();
    rows.map(|row| short(M::subject(row.own_uuid()))).collect()
}

// W1, R9: whatever kind of id is given, the evident thing is found, or what there is is named.
#[test]
fn any_id_leads_to_what_belongs_to_it() {
    let world = world();
    let cx = &world.cx;
    let (requests, sets) = (rows::<Request>(&world), rows::<ChangeSet>(&world));
    let (approvals, entries) = (rows::<Approval>(&world), rows::<Entry>(&world));
    let runs = rows::<Run>(&world);
    let commit = world.entries()[0].commit.clone().unwrap();
    let given = [
        ("request", requests[0].as_str()),
        ("change", &sets[0]),
        ("approval", &approvals[0]),
        ("entry", &entries[0]),
        ("run", &runs[0]),
        ("commit", &commit.as_str()[..7]),
        ("request with two", &requests[1]),
        ("nothing", "00000000"),
    ];
    let mut table = String::new();
    for (kind, id) in given {
        let shown = [
            looked(find::<Request>(cx, id, RequestId::new)),
            looked(find::<ChangeSet>(cx, id, ChangeSetId::new)),
            looked(find::<Approval>(cx, id, ApprovalId::new)),
            looked(find::<Entry>(cx, id, EntryId::new)),
            looked(find::<Run>(cx, id, RunId::new)),
        ];
        let acted = [
            looked(find_to::<Request>("cancel", cx, id, RequestId::new)),
            looked(find_to::<Approval>("approve", cx, id, ApprovalId::new)),
        ];
        table.push_str(&format!(
            "{kind}\n  show\n    {}\n  act\n    {}\n",
            shown.join("\n    "),
            acted.join("\n    ")
        ));
    }
    // Ids and commits differ each time.
    let mut names = vec![(commit.as_str()[..7].to_owned(), "COMMIT".to_owned())];
    for (noun, ids) in [
        ("R", &requests),
        ("C", &sets),
        ("A", &approvals),
        ("E", &entries),
        ("U", &runs),
    ] {
        let numbered = ids.iter().zip(1..);
        names.extend(numbered.map(|(id, number)| (id.clone(), format!("{noun}{number}"))));
    }
    for (id, name) in names {
        table = table.replace(&id, &name);
    }
    insta::assert_snapshot!(table, @r#"
    request
      show
        request R1
        change set C1
        approval A1
        queue entry E1
        run U1
      act
        request R1
        approval A1
    change
      show
        request R1
        change set C1
        approval A1
        queue entry E1
        run U1
      act
        C1 is a change set ("Say two"); its request is R1
        hint: hyperion request cancel R1
        approval A1
    approval
      show
        request R1
        change set C1
        approval A1
        queue entry E1
        run U1
      act
        A1 is an approval ("Say two"); its request is R1
        hint: hyperion request cancel R1
        approval A1
    entry
      show
        request R1
        change set C1
        approval A1
        queue entry E1
        E1 is a queue entry ("Say two"); it has no run
      act
        E1 is a queue entry ("Say two"); its request is R1
        hint: hyperion request cancel R1
        approval A1
    run
      show
        request R1
        change set C1
        approval A1
        queue entry E1
        run U1
      act
        U1 is a run ("Say two"); its request is R1
        hint: hyperion request cancel R1
        approval A1
    commit
      show
        request R1
        change set C1
        approval A1
        queue entry E1
        COMMIT is the commit of a queue entry ("Say two"); it has no run
      act
        COMMIT is the commit of a queue entry ("Say two"); its request is R1
        hint: hyperion request cancel R1
        approval A1
    request with two
      show
        request R2
        R2 is a request ("Two more"); it has 2 change sets
        change set C2  Say three
        change set C3  Say four
        hint: name the one you mean: hyperion changes show C2
        R2 is a request ("Two more"); it has 2 approvals
        approval A2  Say three
        approval A3  Say four
        hint: name the one you mean: hyperion approval show A2
        R2 is a request ("Two more"); it has no queue entry
        R2 is a request ("Two more"); it has 2 runs
        run U2  Say three
        run U3  Say four
        hint: name the one you mean: hyperion run show U3
      act
        request R2
        R2 is a request ("Two more"); it has 2 approvals
        approval A2  Say three
        approval A3  Say four
        hint: name the one you mean: hyperion approval approve A2
    nothing
      show
        there is no request 00000000
        hint: lists show ids; their last 8 digits are enough
        there is no change set 00000000
        hint: lists show ids; their last 8 digits are enough
        there is no approval 00000000
        hint: lists show ids; their last 8 digits are enough
        there is no queue entry 00000000
        hint: lists show ids; their last 8 digits are enough
        there is no run 00000000
        hint: lists show ids; their last 8 digits are enough
      act
        there is no request 00000000
        hint: lists show ids; their last 8 digits are enough
        there is no approval 00000000
        hint: lists show ids; their last 8 digits are enough
    "#);
}

// W1: parts of ids are enough where they fit one, and say what they fit where they fit several.
#[test]
fn parts_of_ids_are_enough() {
    let world = world();
    let cx = &world.cx;
    let whole = world.entries()[0].id.to_string();
    let entry = |text: &str| looked(find::<Entry>(cx, text, EntryId::new));
    let short = format!("queue entry {}", &whole[whole.len() - 8..]);
    assert_eq!(entry(&whole), short);
    assert_eq!(entry(&whole.to_uppercase()), short);
    assert_eq!(entry(&whole[whole.len() - 10..]), short);
    assert_eq!(
        entry("abc"),
        "\"abc\" is too short for an id; give at least 4 digits"
    );
    assert!(entry("main").starts_with("\"main\" is not an id"));
    let foreign = world.repo.tip("main~1");
    assert!(
        entry(&foreign).contains("did not land through Hyperion"),
        "{}",
        entry(&foreign)
    );
    let several = looked(find::<Request>(cx, &whole[..4], RequestId::new));
    assert!(
        several.contains("fits several ids\n    request ") && several.contains("Say two"),
        "{several}"
    );
}
