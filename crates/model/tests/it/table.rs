//! Drives a table of moves: every row must lead where it says, every other pair be refused.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_model::{Machine, Refusal, Role, Stamp};

use crate::noun::{Row, Stored};
use crate::sample;

/// A way to try a verb: what it needs to be true, and the command.
pub(crate) struct Case<M: Machine> {
    verb: &'static str,
    prepare: fn(M) -> M,
    command: fn(&M) -> M::Command,
}

pub(crate) fn case<M: Machine>(verb: &'static str, command: fn(&M) -> M::Command) -> Case<M> {
    Case {
        verb,
        prepare: |state| state,
        command,
    }
}

pub(crate) fn case_where<M: Machine>(
    verb: &'static str,
    prepare: fn(M) -> M,
    command: fn(&M) -> M::Command,
) -> Case<M> {
    Case {
        verb,
        prepare,
        command,
    }
}

/// A table of moves and every way to try its verbs.
pub(crate) struct Table<M: Machine> {
    pub(crate) start: M,
    pub(crate) status: fn(&M) -> &'static str,
    pub(crate) states: Vec<&'static str>,
    pub(crate) moves: Vec<Row>,
    pub(crate) cases: Vec<Case<M>>,
    /// Whether a refusal is the right one for a pair that is not in the table.
    pub(crate) refused: fn(&Refusal, &'static str, &'static str) -> bool,
}

impl<M: Stored> Table<M> {
    pub(crate) fn of(create: &M::Command, cases: Vec<Case<M>>) -> Self {
        let events = M::decide(None, create, &stamp()).expect("it is created");
        let start = apply(None, &events).expect("its creation applies");
        // What does not exist can do nothing, and what exists is not created again.
        for case in &cases {
            let refused = M::decide(None, &(case.command)(&start), &stamp());
            assert_eq!(refused, Err(Refusal::Missing(M::NOUN)), "{}", case.verb);
        }
        assert_eq!(
            M::decide(Some(&start), create, &stamp()),
            Err(Refusal::Exists(M::NOUN))
        );
        Self {
            start,
            status: |state| state.row().status,
            states: M::states().into_iter().map(|(name, _)| name).collect(),
            moves: M::moves(),
            cases,
            refused: is_illegal::<M>,
        }
    }

    /// Drives the whole cross product of states and verbs.
    pub(crate) fn check(&self) {
        let reached = self.reach();
        let states: BTreeSet<_> = self.states.iter().copied().collect();
        assert_eq!(reached.keys().copied().collect::<BTreeSet<_>>(), states);
        assert_eq!((self.status)(&self.start), self.states[0]);

        let mut exercised = BTreeSet::new();
        let mut refused = Vec::new();
        let mut produced: BTreeMap<usize, Vec<M::Event>> = BTreeMap::new();
        for (status, state) in &reached {
            for (index, case) in self.cases.iter().enumerate() {
                let state = (case.prepare)(state.clone());
                assert_eq!((self.status)(&state), *status, "preparing moves nothing");
                let listed = self
                    .moves
                    .iter()
                    .find(|(from, verb, _)| (*from, *verb) == (*status, case.verb));
                let outcome = M::decide(Some(&state), &(case.command)(&state), &stamp());
                match (listed, outcome) {
                    (Some(row), Ok(events)) => {
                        let after = apply(Some(state), &events).expect("accepted events apply");
                        assert_eq!((self.status)(&after), row.2, "{status}: {}", case.verb);
                        exercised.insert(*row);
                        produced.insert(index, events);
                    }
                    (None, Err(refusal)) => {
                        assert!(
                            (self.refused)(&refusal, status, case.verb),
                            "{status}: {}: {refusal:?}",
                            case.verb
                        );
                        refused.push((state, index));
                    }
                    (listed, outcome) => {
                        panic!("{status}: {}: {listed:?}, but {outcome:?}", case.verb)
                    }
                }
            }
        }
        let listed: BTreeSet<_> = self.moves.iter().copied().collect();
        assert_eq!(exercised, listed, "every row is driven");
        assert_eq!(listed.len(), self.moves.len(), "no row stands twice");

        // History is held to the same table: each of a move's events, where it may not be, is damage.
        for (state, index) in refused {
            for event in &produced[&index] {
                let applied = M::apply(Some(state.clone()), event, &stamp());
                assert!(
                    applied.is_err(),
                    "{}: {event:?} went through",
                    (self.status)(&state)
                );
            }
        }
    }

    /// Finds an example of every state, by trying everything from the start on.
    fn reach(&self) -> BTreeMap<&'static str, M> {
        let mut reached = BTreeMap::from([((self.status)(&self.start), self.start.clone())]);
        let mut to_try = vec![self.start.clone()];
        while let Some(state) = to_try.pop() {
            for case in &self.cases {
                let state = (case.prepare)(state.clone());
                let command = (case.command)(&state);
                let Ok(events) = M::decide(Some(&state), &command, &stamp()) else {
                    continue;
                };
                let next = apply(Some(state), &events).expect("accepted events apply");
                let status = (self.status)(&next);
                if !reached.contains_key(status) {
                    reached.insert(status, next.clone());
                    to_try.push(next);
                }
            }
        }
        reached
    }
}

/// An admin, late enough for any question to have expired.
pub(crate) fn stamp() -> Stamp {
    sample::stamp(1_000_000, sample::person(Role::Admin))
}

pub(crate) fn apply<M: Machine>(state: Option<M>, events: &[M::Event]) -> Option<M> {
    events.iter().fold(state, |state, event| {
        Some(M::apply(state, event, &stamp()).expect("accepted events apply"))
    })
}

pub(crate) fn is_illegal<M: Machine>(
    refusal: &Refusal,
    status: &'static str,
    verb: &'static str,
) -> bool {
    *refusal
        == Refusal::Illegal {
            noun: M::NOUN,
            status,
            verb,
        }
}
