//! Histories that nobody could have written are found damaged; reading them never panics.

use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, ChangeSet, item};
use hyperion_model::entry::Entry;
use hyperion_model::plan::{self, Plan};
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{
    ChangeSetId, Corrupt, ItemId, Machine, PlanId, RepoId, RequestId, Stamp, event,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::arbitrary;
use crate::history::History;
use crate::noun::Stored;
use crate::sample;

/// How to spoil a history.
#[derive(Debug, Clone)]
enum Spoil {
    Swap(Index, Index),
    Drop(Index),
    Repeat(Index, Index),
}

fn spoils() -> impl Strategy<Value = Vec<Spoil>> {
    let spoil = prop_oneof![
        any::<(Index, Index)>().prop_map(|(a, b)| Spoil::Swap(a, b)),
        any::<Index>().prop_map(Spoil::Drop),
        any::<(Index, Index)>().prop_map(|(from, to)| Spoil::Repeat(from, to)),
    ];
    proptest::collection::vec(spoil, 1..6)
}

fn spoil<E: Clone>(events: &mut Vec<E>, spoils: &[Spoil]) {
    for spoil in spoils {
        let len = events.len();
        if len == 0 {
            return;
        }
        match spoil {
            Spoil::Swap(a, b) => events.swap(a.index(len), b.index(len)),
            Spoil::Drop(at) => drop(events.remove(at.index(len))),
            Spoil::Repeat(from, to) => {
                let event = events[from.index(len)].clone();
                events.insert(to.index(len), event);
            }
        }
    }
}

/// Replays a spoiled history: a state or `Corrupt`, nothing else; and the certain cases are found.
fn check<M: Stored>(steps: &[(M::Command, Stamp)], spoils: &[Spoil]) {
    let events = History::<M>::of(steps).events;
    let mut spoiled = events.clone();
    spoil(&mut spoiled, spoils);
    let creations = |events: &[(Stamp, M::Event)]| {
        let fresh = |(stamp, event): &&(Stamp, M::Event)| M::apply(None, event, stamp).is_ok();
        events.iter().filter(fresh).count()
    };
    let begins = spoiled
        .first()
        .is_none_or(|(stamp, event)| M::apply(None, event, stamp).is_ok());
    let outcome = event::replay::<M>(spoiled.clone());
    if !begins || creations(&spoiled) > 1 {
        let corrupt = outcome.expect_err("no such history can be written");
        assert_eq!(corrupt.noun, M::NOUN);
    }

    let Some(first) = events.first().cloned() else {
        return;
    };
    let twice: Vec<_> = events.iter().cloned().chain([first]).collect();
    assert_eq!(
        event::replay::<M>(twice),
        Err(damaged::<M>("it is created twice"))
    );
    if events.len() > 1 {
        assert_eq!(
            event::replay::<M>(events[1..].to_vec()),
            Err(damaged::<M>("it is used before it is created"))
        );
    }
}

fn damaged<M: Machine>(detail: &str) -> Corrupt {
    Corrupt {
        noun: M::NOUN,
        detail: detail.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    // X7: a history out of order is found, whatever the noun.
    #[test]
    fn spoiled_histories_never_panic(
        (repo, request, plan, run) in (arbitrary::repos(), arbitrary::requests(), arbitrary::plans(), arbitrary::runs()),
        (change_set, approval, entry) in (arbitrary::change_sets(), arbitrary::approvals(), arbitrary::entries()),
        spoils in spoils(),
    ) {
        check::<Repo>(&repo, &spoils);
        check::<Request>(&request, &spoils);
        check::<Plan>(&plan, &spoils);
        check::<Run>(&run, &spoils);
        check::<ChangeSet>(&change_set, &spoils);
        check::<Approval>(&approval, &spoils);
        check::<Entry>(&entry, &spoils);
    }
}

// P1, X7: history that speaks of a step the plan does not have.
#[test]
fn a_step_that_is_not_there_is_damage() {
    let stamp = sample::stamp(0, sample::engine());
    let events = [
        plan::Event::Created {
            id: PlanId::new(sample::uuid(3)),
            request: RequestId::new(sample::uuid(2)),
            repo: RepoId::new(sample::uuid(1)),
            document: sample::digest(3),
            steps: sample::steps(2),
        },
        plan::Event::Activated {},
        plan::Event::StepCompleted { number: 3 },
    ];
    let replayed = event::replay::<Plan>(events.map(|event| (stamp.clone(), event)));
    insta::assert_snapshot!(
        replayed.unwrap_err(),
        @"the history of this plan is damaged: it has no step 3"
    );
}

// C1, X7: history that speaks of an item the change set does not have.
#[test]
fn an_item_that_is_not_there_is_damage() {
    let stamp = sample::stamp(0, sample::engine());
    let events = [
        change_set::Event::Proposed {
            id: ChangeSetId::new(sample::uuid(6)),
            proposal: sample::proposal(false),
        },
        change_set::Event::ItemDecided {
            item: ItemId::new(sample::uuid(9)),
            status: item::Status::Rejected,
            rejected_hunks: Vec::new(),
        },
    ];
    let replayed = event::replay::<ChangeSet>(events.map(|event| (stamp.clone(), event)));
    insta::assert_snapshot!(
        replayed.unwrap_err(),
        @"the history of this change set is damaged: it has no item 0190b7c4-6f2e-7a31-9d52-3f1c00000009"
    );
}
