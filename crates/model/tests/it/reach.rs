//! The properties are worth something only if arbitrary sequences get everywhere.

use std::collections::BTreeSet;

use hyperion_model::Stamp;
use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::arbitrary;
use crate::history::History;
use crate::noun::Stored;

/// Enough to get everywhere; the same ones on each run.
const SEQUENCES: usize = 150;

fn states_visited<M: Stored>(sequences: &BoxedStrategy<Vec<(M::Command, Stamp)>>) {
    let mut runner = TestRunner::deterministic();
    let mut visited = BTreeSet::new();
    for _ in 0..SEQUENCES {
        let steps = sequences
            .new_tree(&mut runner)
            .expect("a sequence")
            .current();
        let mut state: Option<M> = None;
        for (stamp, event) in History::<M>::of(&steps).events {
            let next = M::apply(state.take(), &event, &stamp).expect("a sound history");
            visited.insert(next.row().status);
            state = Some(next);
        }
    }
    let all: BTreeSet<_> = M::states().into_iter().map(|(name, _)| name).collect();
    assert_eq!(visited, all, "{}", M::NOUN);
}

#[test]
fn arbitrary_sequences_visit_every_state() {
    states_visited::<Repo>(&arbitrary::repos());
    states_visited::<Request>(&arbitrary::requests());
    states_visited::<Plan>(&arbitrary::plans());
    states_visited::<Run>(&arbitrary::runs());
    states_visited::<ChangeSet>(&arbitrary::change_sets());
    states_visited::<Approval>(&arbitrary::approvals());
    states_visited::<Entry>(&arbitrary::entries());
}
