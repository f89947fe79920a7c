//! Random batches against a plain model: maps of states and a list of events.

use std::collections::HashMap;

use hyperion_model::approval::{self, Approval};
use hyperion_model::machine::{Machine as _, Refusal};
use hyperion_model::repo::{self, Repo};
use hyperion_model::{ApprovalId, Batch, Command, Digest, Fact, NewBlob, RepoId, ShortText, Time};
use hyperion_store::{Committed, Filter, Store, StoreError};
use proptest::prelude::*;

use crate::world::{World, batch, name, question, register, repo_id};

/// Everything a store should hold, without a store.
#[derive(Clone, Default)]
pub(crate) struct Plain {
    repos: HashMap<RepoId, Repo>,
    approvals: HashMap<ApprovalId, Approval>,
    facts: Vec<Fact>,
    receipts: HashMap<String, (Digest, (u64, u64), Time)>,
}

/// Why a batch is not taken.
pub(crate) enum Refused {
    Command(usize, Refusal),
    KeyReused,
    LeaseLost,
}

impl Plain {
    pub(crate) fn run(&mut self, batch: &Batch) -> Result<(u64, u64), Refused> {
        if let Some((digest, span, _)) = batch.key.as_ref().and_then(|key| self.receipts.get(key)) {
            return if *digest == batch.digest() {
                Ok(*span)
            } else {
                Err(Refused::KeyReused)
            };
        }
        let mut next = self.clone();
        for (index, command) in batch.commands.iter().enumerate() {
            next.command(batch, command)
                .map_err(|refusal| Refused::Command(index, refusal))?;
        }
        let span = (self.facts.len() as u64 + 1, next.facts.len() as u64);
        if let Some(key) = &batch.key {
            let kept = (batch.digest(), span, batch.stamp.time);
            next.receipts.insert(key.clone(), kept);
        }
        *self = next;
        Ok(span)
    }

    /// Forgets the answers from before a time; gives how many.
    pub(crate) fn forget_receipts(&mut self, before: Time) -> u64 {
        let there = self.receipts.len();
        self.receipts.retain(|_, (_, _, at)| *at >= before);
        (there - self.receipts.len()) as u64
    }

    /// Tells whether the question about a document is open; nothing when it was never asked.
    pub(crate) fn asks_about(&self, document: Digest) -> Option<bool> {
        let mut asked = self.approvals.values();
        asked
            .find(|approval| approval.question.document == document)
            .map(|approval| approval.status.is_open())
    }

    /// Lists the repositories in the order in which they were registered.
    pub(crate) fn repos_in_order(&self) -> Vec<Repo> {
        let registered = self.facts.iter().filter_map(|fact| match fact {
            Fact::Repo(repo::Event::Registered { id, .. }) => self.repos.get(id),
            _ => None,
        });
        registered.cloned().collect()
    }

    /// Lists the questions in the order in which they were asked.
    pub(crate) fn approvals_in_order(&self) -> Vec<Approval> {
        let asked = self.facts.iter().filter_map(|fact| match fact {
            Fact::Approval(approval::Event::Requested(question)) => {
                self.approvals.get(&question.id())
            }
            _ => None,
        });
        asked.cloned().collect()
    }

    fn command(&mut self, batch: &Batch, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Repo(id, command) => {
                for event in Repo::decide(self.repos.get(id), command, &batch.stamp)? {
                    let state = Repo::apply(self.repos.remove(id), &event, &batch.stamp).unwrap();
                    self.repos.insert(*id, state);
                    self.facts.push(Fact::Repo(event));
                }
            }
            Command::Approval(id, command) => {
                for event in Approval::decide(self.approvals.get(id), command, &batch.stamp)? {
                    let state =
                        Approval::apply(self.approvals.remove(id), &event, &batch.stamp).unwrap();
                    self.approvals.insert(*id, state);
                    self.facts.push(Fact::Approval(event));
                }
            }
            other => panic!("not generated: {other:?}"),
        }
        Ok(())
    }
}

pub(crate) fn repo_command() -> impl Strategy<Value = Command> {
    let branch = prop_oneof![Just("main"), Just("trunk")];
    (0..4_u64, 0..5, branch).prop_map(|(n, kind, branch)| {
        let command = match kind {
            0 => return register(n),
            1 => repo::Command::Retarget {
                branch: name(branch),
            },
            2 => repo::Command::Move {
                path: format!("/srv/{branch}"),
            },
            3 => repo::Command::Forget,
            _ => repo::Command::Restore,
        };
        Command::Repo(repo_id(n), command)
    })
}

pub(crate) fn document(n: u64) -> Vec<u8> {
    vec![b'd'; 10 + 20_000 * usize::try_from(n).unwrap()]
}

pub(crate) fn approval_command() -> impl Strategy<Value = Command> {
    (0..4_u64, 0..6).prop_map(|(n, kind)| {
        let (id, question) = question(n, Digest::of(&document(n)), 40);
        let digest = question.digest;
        let command = match kind {
            0 => approval::Command::Ask(question),
            1 => approval::Command::Approve {
                digest: Some(digest),
                reason: None,
            },
            2 => approval::Command::Reject {
                digest: None,
                reason: Some(ShortText::cut("no")),
                changes_requested: false,
            },
            3 => approval::Command::Expire,
            4 => approval::Command::Warn,
            _ => approval::Command::Cancel {
                reason: ShortText::cut("gone"),
            },
        };
        Command::Approval(id, command)
    })
}

/// The blobs that the questions among the commands need.
pub(crate) fn documents_asked_about(commands: &[Command]) -> Vec<NewBlob> {
    let asked: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Approval(_, approval::Command::Ask(question)) => Some(question.document),
            _ => None,
        })
        .collect();
    (0..4)
        .map(|n| NewBlob::new(document(n)))
        .filter(|blob| asked.contains(&blob.digest))
        .collect()
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let commands = prop::collection::vec(prop_oneof![repo_command(), approval_command()], 0..4);
    let key = prop_oneof![4 => Just(None), 1 => (0..3).prop_map(Some)];
    let one = (commands, key);
    prop::collection::vec(one, 1..60).prop_map(|list| {
        list.into_iter()
            .enumerate()
            .map(|(n, (commands, key))| Batch {
                key: key.map(|key| format!("key-{key}")),
                blobs: documents_asked_about(&commands),
                ..batch(n as u64, commands)
            })
            .collect()
    })
}

pub(crate) fn same(
    answer: Result<Committed, StoreError>,
    expected: Result<(u64, u64), Refused>,
) -> Result<(), TestCaseError> {
    match (answer, expected) {
        (Ok(committed), Ok(span)) => {
            prop_assert_eq!((committed.first_seq, committed.last_seq), span);
            prop_assert_eq!(
                committed.events.len() as u64,
                (span.1 + 1).saturating_sub(span.0)
            );
        }
        (Err(StoreError::Refused { index, refusal, .. }), Err(Refused::Command(at, expected))) => {
            prop_assert_eq!((index, refusal), (at, expected));
        }
        (Err(StoreError::KeyReused { .. }), Err(Refused::KeyReused))
        | (Err(StoreError::LeaseLost { .. }), Err(Refused::LeaseLost)) => {}
        (answer, _) => prop_assert!(false, "{answer:?} is not what the model says"),
    }
    Ok(())
}

pub(crate) fn same_contents(store: &Store, plain: &Plain) -> Result<(), TestCaseError> {
    for (id, repo) in &plain.repos {
        let found = store.get::<Repo>(*id).unwrap();
        prop_assert_eq!(found.as_ref(), Some(repo));
    }
    for (id, approval) in &plain.approvals {
        let found = store.get::<Approval>(*id).unwrap();
        prop_assert_eq!(found.as_ref(), Some(approval));
    }
    let open = plain
        .approvals
        .values()
        .filter(|approval| approval.status.is_open())
        .count();
    prop_assert_eq!(
        store.count::<Approval>(&Filter::open()).unwrap(),
        open as u64
    );
    prop_assert_eq!(
        store.count::<Repo>(&Filter::default()).unwrap(),
        plain.repos.len() as u64
    );
    let facts: Vec<_> = store
        .events_after(0, 1000)
        .unwrap()
        .events
        .into_iter()
        .map(|event| event.event.fact)
        .collect();
    prop_assert_eq!(&facts, &plain.facts);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Whatever is asked, in whatever groups: the store answers and holds what the model does.
    #[test]
    fn the_store_is_the_model_made_durable(batches in batches(), reopen_at in 0..60_usize) {
        let world = World::new();
        let mut store = world.open();
        let mut plain = Plain::default();
        let mut waiting = Vec::new();
        for (n, batch) in batches.into_iter().enumerate() {
            let expected = plain.run(&batch);
            if n % 3 == 0 {
                waiting.push((store.submit(batch), expected));
                continue;
            }
            same(store.execute(batch), expected)?;
            for (answer, expected) in waiting.drain(..) {
                same(answer.blocking_recv().unwrap(), expected)?;
            }
            if n == reopen_at {
                drop(store);
                store = world.open();
            }
        }
        drop(store);
        let store = world.open();
        same_contents(&store, &plain)?;
        let verified = store.verify().unwrap();
        prop_assert!(verified.is_sound(), "{:?}", verified);
        prop_assert!(store.check_structure().unwrap().is_sound());
    }
}
