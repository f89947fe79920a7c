//! A noun's life, step by step, with everything checked that holds for each noun at each step.

use hyperion_model::{
    Digest, Event, EventId, Machine, Noun, Refusal, RequestId, Stamp, StoredEvent, canonical, event,
};

use crate::noun::Stored;
use crate::sample;

/// What became of one command.
pub(crate) struct Taken<M: Machine> {
    pub(crate) before: Option<M>,
    pub(crate) outcome: Result<Vec<M::Event>, Refusal>,
    pub(crate) after: Option<M>,
}

/// The state, and the same state made again from what was stored.
pub(crate) struct History<M: Machine> {
    pub(crate) state: Option<M>,
    pub(crate) events: Vec<(Stamp, M::Event)>,
    texts: Vec<String>,
    read_back: Option<M>,
    head: Digest,
}

impl<M: Stored> History<M> {
    pub(crate) fn new() -> Self {
        Self {
            state: None,
            events: Vec::new(),
            texts: Vec::new(),
            read_back: None,
            head: Digest::from_bytes([0; 32]),
        }
    }

    /// Decides a command, applies its events, and checks what holds whatever the noun.
    pub(crate) fn take(&mut self, command: &M::Command, stamp: &Stamp) -> Taken<M> {
        let before = self.state.clone();
        let outcome = M::decide(self.state.as_ref(), command, stamp);
        assert_eq!(
            outcome,
            M::decide(before.as_ref(), command, stamp),
            "the same question has the same answer"
        );
        match &outcome {
            Ok(events) => {
                assert!(!events.is_empty(), "accepted, and nothing happened");
                for event in events {
                    self.append(event, stamp);
                }
                check_move(before.as_ref(), self.state.as_ref());
                self.check_replay();
            }
            Err(refusal) => {
                assert_eq!(self.state, before, "a refusal changes nothing");
                check_refusal(before.as_ref(), refusal);
            }
        }
        Taken {
            before,
            outcome,
            after: self.state.clone(),
        }
    }

    /// Takes commands of which nothing is to be known but the end.
    pub(crate) fn of(steps: &[(M::Command, Stamp)]) -> Self {
        let mut history = Self::new();
        for (command, stamp) in steps {
            if let Ok(events) = M::decide(history.state.as_ref(), command, stamp) {
                for event in events {
                    let state = M::apply(history.state.take(), &event, stamp);
                    history.state = Some(state.expect("an accepted command's events apply"));
                    history.events.push((stamp.clone(), event));
                }
            }
        }
        history
    }

    /// Replays the stored texts from the first.
    pub(crate) fn replay_texts(&self) -> Option<M> {
        let events: Vec<_> = self.texts.iter().map(|text| read::<M>(text)).collect();
        event::replay(events).expect("what was stored is sound")
    }

    fn append(&mut self, event: &M::Event, stamp: &Stamp) {
        let applied = M::apply(self.state.take(), event, stamp);
        self.state = Some(applied.expect("an accepted command's events apply"));
        self.events.push((stamp.clone(), event.clone()));

        let seq = self.texts.len() as u64 + 1;
        let sealed = Event {
            id: EventId::new(sample::uuid(1000)),
            stamp: stamp.clone(),
            subject: M::subject(sample::uuid(9)),
            request: Some(RequestId::new(sample::uuid(2))),
            run: None,
            fact: M::fact(event.clone()),
        };
        let text = sealed.seal(seq, self.head);
        assert_eq!(
            text,
            canonical::to_string(&sealed.to_json(seq, self.head)),
            "written without a tree, it is the tree's text"
        );
        let stored = StoredEvent::parse(&text).expect("what was sealed can be read");
        assert_eq!(stored.event, sealed, "read back as it was sealed");
        assert_eq!((stored.seq, stored.prev_hash), (seq, self.head));
        assert_eq!(
            stored.event.seal(seq, self.head),
            text,
            "sealing again gives the same bytes"
        );
        self.head = stored.hash;
        // A replay is a fold, so this carries on the replay of every text so far.
        let (stamp, event) = read::<M>(&text);
        self.read_back = Some(
            M::apply(self.read_back.take(), &event, &stamp).expect("a read event applies as well"),
        );
        self.texts.push(text);
    }

    fn check_replay(&self) {
        let again = event::replay::<M>(self.events.iter().cloned());
        assert_eq!(again.as_ref(), Ok(&self.state), "replay rebuilds the state");
        assert_eq!(
            self.read_back, self.state,
            "the stored texts rebuild the state"
        );
        let kept = serde_json::to_string(&self.state).expect("a state is JSON");
        let back: Option<M> = serde_json::from_str(&kept).expect("a kept state can be read");
        assert_eq!(back, self.state, "a state survives its row");
    }
}

fn read<M: Stored>(text: &str) -> (Stamp, M::Event) {
    let stored = StoredEvent::parse(text).expect("what was sealed can be read");
    let event = M::event(stored.event.fact).expect("an event of this noun");
    (stored.event.stamp, event)
}

/// A state is first in the list when it is created, and else reached by a row of the table.
fn check_move<M: Stored>(before: Option<&M>, after: Option<&M>) {
    let after = after.expect("nothing is ever uncreated").row();
    let states = M::states();
    assert!(states.contains(&(after.status, after.open)));
    match before {
        None => assert_eq!(after.status, states[0].0),
        Some(before) => {
            let before = before.row().status;
            assert!(
                M::moves()
                    .iter()
                    .any(|(from, _, to)| (*from, *to) == (before, after.status)),
                "no row leads from {before} to {}",
                after.status
            );
        }
    }
}

/// A refusal speaks of the state as it is.
fn check_refusal<M: Stored>(before: Option<&M>, refusal: &Refusal) {
    match refusal {
        Refusal::Missing(noun) => assert!(before.is_none() && *noun == M::NOUN),
        Refusal::Exists(noun) => assert!(before.is_some() && *noun == M::NOUN),
        Refusal::Illegal { noun, status, verb } => {
            let row = before.expect("what is illegal has a state").row();
            assert_eq!(*noun, M::NOUN);
            // A plan also speaks of its steps, which have states and verbs of their own.
            if M::NOUN != Noun::Plan {
                assert_eq!(*status, row.status);
                let mut rows = M::moves().into_iter();
                assert!(!rows.any(|(from, by, _)| (from, by) == (*status, *verb)));
            }
        }
        Refusal::AlreadyDecided { status, .. } => {
            assert_eq!(before.map(|state| state.row().status), Some(*status));
        }
        Refusal::Limit { what, given, max } => assert!(given > max, "{what}"),
        Refusal::NoSuchPart { noun, .. } => assert_eq!(*noun, M::NOUN),
        Refusal::NotEntitled { by, level } => assert!(!by.may_decide(*level)),
        Refusal::OtherDigest { asked, given } => assert_ne!(asked, given),
        Refusal::Stale(noun) => assert!(before.is_some() && *noun == M::NOUN),
        Refusal::Lapsed(noun) => assert!(before.is_some() && *noun == M::NOUN),
        Refusal::Inconsistent(why) => assert!(!why.is_empty()),
    }
}
