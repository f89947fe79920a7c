//! Everything a store is asked in a day against a plain model of it: batches, leases by a clock that jumps, cursors,
//! values, the queue's log, purges, lists, restarts, crashes, and somebody reading all the while.

use std::collections::HashMap;
use std::time::Duration;

use hyperion_model::approval::Approval;
use hyperion_model::machine::Stamp;
use hyperion_model::repo::Repo;
use hyperion_model::{Batch, Command, Digest, EntryId, Uuid};
use hyperion_store::{Filter, Lease, PurgeLimits, QueueLogFilter, QueueRecord, Store, StoreError};
use proptest::prelude::*;

use crate::against_model::{
    Plain, Refused, approval_command, document, documents_asked_about, repo_command, same,
    same_contents,
};
use crate::world::{World, batch, register, stamp, time};

#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "a few hundred of them live at a time, and boxes would make the strategies unreadable"
)]
enum Op {
    Commit {
        commands: Vec<Command>,
        key: Option<u8>,
    },
    CommitUnder {
        command: Command,
        lease: usize,
    },
    TooLarge {
        commands: bool,
    },
    Lease {
        resource: u8,
        owner: u8,
        ttl: u64,
    },
    Renew {
        lease: usize,
        ttl: u64,
    },
    Release {
        lease: usize,
    },
    Break {
        owner: u8,
    },
    Clock {
        by: i64,
    },
    Cursor {
        name: u8,
        seq: u64,
    },
    Value {
        key: u8,
        value: u8,
    },
    Log {
        entry: u8,
    },
    Purge,
    Restart,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let commands = prop::collection::vec(prop_oneof![repo_command(), approval_command()], 0..4);
    let key = prop_oneof![3 => Just(None), 1 => (0..3_u8).prop_map(Some)];
    let under = prop_oneof![repo_command(), approval_command()];
    prop_oneof![
        8 => (commands, key).prop_map(|(commands, key)| Op::Commit { commands, key }),
        3 => (under, 0..6_usize).prop_map(|(command, lease)| Op::CommitUnder { command, lease }),
        1 => any::<bool>().prop_map(|commands| Op::TooLarge { commands }),
        4 => (0..3_u8, 0..2_u8, 1..20_u64).prop_map(|(resource, owner, ttl)| Op::Lease { resource, owner, ttl }),
        2 => (0..6_usize, 1..20_u64).prop_map(|(lease, ttl)| Op::Renew { lease, ttl }),
        1 => (0..6_usize).prop_map(|lease| Op::Release { lease }),
        1 => (0..2_u8).prop_map(|owner| Op::Break { owner }),
        4 => (-15..30_i64).prop_map(|by| Op::Clock { by }),
        1 => (0..3_u8, 0..50_u64).prop_map(|(name, seq)| Op::Cursor { name, seq }),
        1 => (0..3_u8, any::<u8>()).prop_map(|(key, value)| Op::Value { key, value }),
        1 => (0..2_u8).prop_map(|entry| Op::Log { entry }),
        2 => Just(Op::Purge),
        1 => Just(Op::Restart),
        1 => Just(Op::Crash),
    ]
}

/// What the store should hold beside facts.
#[derive(Default)]
struct Kept {
    leases: HashMap<String, Lease>,
    last_fence: u64,
    /// Every lease that anybody was ever given, ended ones too.
    given: Vec<Lease>,
    cursors: HashMap<String, u64>,
    values: HashMap<String, String>,
    log: Vec<QueueRecord>,
}

impl Kept {
    fn stands(&self, lease: &Lease, now: i64) -> bool {
        let there = self.leases.get(&lease.resource);
        there.is_some_and(|there| there.fence == lease.fence && there.expires_at > time(now))
    }

    fn lease(&self, which: usize) -> Option<Lease> {
        self.given.iter().rev().nth(which).cloned()
    }
}

struct Day {
    world: World,
    /// None only while it is opened again.
    store: Option<Store>,
    plain: Plain,
    kept: Kept,
    now: i64,
    batches: u64,
}

impl Day {
    fn new() -> Self {
        let world = World::new();
        let store = Some(world.open());
        Self {
            world,
            store,
            plain: Plain::default(),
            kept: Kept::default(),
            now: 0,
            batches: 0,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn batch(&mut self, commands: Vec<Command>) -> Batch {
        self.batches += 1;
        Batch {
            stamp: Stamp {
                time: time(self.now),
                ..stamp(0)
            },
            blobs: documents_asked_about(&commands),
            ..batch(self.batches, commands)
        }
    }

    fn act(&mut self, op: Op) -> Result<(), TestCaseError> {
        let now = time(self.now);
        match op {
            Op::Commit { commands, key } => {
                let batch = Batch {
                    key: key.map(|key| format!("key-{key}")),
                    ..self.batch(commands)
                };
                let expected = self.plain.run(&batch);
                same(self.store().execute(batch), expected)?;
            }
            Op::CommitUnder { command, lease } => {
                let Some(lease) = self.kept.lease(lease) else {
                    return Ok(());
                };
                let batch = self.batch(vec![command]);
                let expected = if self.kept.stands(&lease, self.now) {
                    self.plain.run(&batch)
                } else {
                    Err(Refused::LeaseLost)
                };
                same(self.store().execute_under(batch, &lease), expected)?;
            }
            Op::TooLarge { commands } => {
                let mut batch = self.batch(vec![register(1)]);
                if commands {
                    batch.commands = vec![register(1); 1025];
                } else {
                    batch.key = Some("k".repeat(257));
                }
                let refused = matches!(
                    self.store().execute(batch),
                    Err(StoreError::TooLarge { .. })
                );
                prop_assert!(refused, "too much is refused");
            }
            Op::Lease {
                resource,
                owner,
                ttl,
            } => {
                let (resource, owner) = (format!("resource-{resource}"), format!("owner-{owner}"));
                let taken = self
                    .store()
                    .lease(&resource, &owner, Duration::from_secs(ttl), now)
                    .unwrap();
                let free = self
                    .kept
                    .leases
                    .get(&resource)
                    .is_none_or(|there| there.expires_at <= now);
                let expected = free.then(|| Lease {
                    resource: resource.clone(),
                    owner,
                    fence: self.kept.last_fence + 1,
                    acquired_at: now,
                    expires_at: now + Duration::from_secs(ttl),
                });
                prop_assert_eq!(&taken, &expected);
                if let Some(lease) = taken {
                    self.kept.last_fence = lease.fence;
                    self.kept.given.push(lease.clone());
                    self.kept.leases.insert(resource, lease);
                }
            }
            Op::Renew { lease, ttl } => {
                let Some(lease) = self.kept.lease(lease) else {
                    return Ok(());
                };
                let renewed = self
                    .store()
                    .renew(&lease, Duration::from_secs(ttl), now)
                    .unwrap();
                let expected = self.kept.stands(&lease, self.now).then(|| Lease {
                    expires_at: now + Duration::from_secs(ttl),
                    ..lease
                });
                prop_assert_eq!(&renewed, &expected);
                if let Some(lease) = renewed {
                    self.kept.leases.insert(lease.resource.clone(), lease);
                }
            }
            Op::Release { lease } => {
                let Some(lease) = self.kept.lease(lease) else {
                    return Ok(());
                };
                let there = self.kept.leases.get(&lease.resource);
                let held = there.is_some_and(|there| there.fence == lease.fence);
                prop_assert_eq!(self.store().release(&lease).unwrap(), held);
                if held {
                    self.kept.leases.remove(&lease.resource);
                }
            }
            Op::Break { owner } => {
                let owner = format!("owner-{owner}");
                let before = self.kept.leases.len();
                self.kept.leases.retain(|_, lease| lease.owner != owner);
                let broken = (before - self.kept.leases.len()) as u64;
                prop_assert_eq!(self.store().break_leases_of_dead(&owner).unwrap(), broken);
            }
            Op::Clock { by } => self.now += by,
            Op::Cursor { name, seq } => {
                let name = format!("reader-{name}");
                self.store().set_cursor(&name, seq).unwrap();
                self.kept.cursors.insert(name, seq);
            }
            Op::Value { key, value } => {
                let (key, value) = (format!("key-{key}"), value.to_string());
                self.store().set_meta(&key, &value).unwrap();
                self.kept.values.insert(key, value);
            }
            Op::Log { entry } => {
                let record = self.record(entry);
                self.store().log_queue(&record).unwrap();
                self.kept.log.push(record);
            }
            Op::Purge => self.purge()?,
            Op::Restart => {
                self.store = None;
                self.store = Some(self.world.open());
            }
            Op::Crash => {
                // What lies on the disk at this moment; the one that was at work never gets to close.
                let copy = self.world.crashed_copy();
                self.store = Some(copy.open());
                self.world = copy;
            }
        }
        self.compare()
    }

    fn record(&self, entry: u8) -> QueueRecord {
        QueueRecord {
            time: time(self.now),
            entry_id: EntryId::new(Uuid::from_u128(u128::from(entry))),
            worker: "worker-1".to_owned(),
            lease_owner: "engine-1".to_owned(),
            stage: "merge".to_owned(),
            outcome: "clean".to_owned(),
            dequeue_latency_ms: 0,
            apply_duration_ms: 1,
            poll_interval_ms: 0,
            attempt: 1,
            failure: None,
        }
    }

    /// Lets go what may: old answers kept for keys, and no content, for all of it is referred to.
    fn purge(&mut self) -> Result<(), TestCaseError> {
        let receipts_before = time(self.now - 20);
        let purged = self.store().purge(&PurgeLimits {
            now: time(self.now),
            unreferenced_before: time(1_000_000),
            receipts_before,
        });
        let purged = purged.unwrap();
        let receipts = self.plain.forget_receipts(receipts_before);
        prop_assert_eq!((purged.blobs, purged.receipts), (0, receipts));
        Ok(())
    }

    /// Compares every answer, the writer's own and that of somebody who only reads.
    fn compare(&self) -> Result<(), TestCaseError> {
        let reading = self.world.open_to_read();
        for store in [self.store(), &reading] {
            same_contents(store, &self.plain)?;
            let mut leases: Vec<_> = self.kept.leases.values().cloned().collect();
            leases.sort_by(|a, b| a.resource.cmp(&b.resource));
            prop_assert_eq!(store.leases().unwrap(), leases);
            for n in 0..3 {
                let cursor = self.kept.cursors.get(&format!("reader-{n}")).copied();
                prop_assert_eq!(
                    store.cursor(&format!("reader-{n}")).unwrap(),
                    cursor.unwrap_or(0)
                );
                let value = self.kept.values.get(&format!("key-{n}"));
                let kept = store.meta(&format!("key-{n}")).unwrap();
                prop_assert_eq!(kept.as_ref(), value);
            }
            let oldest_first = QueueLogFilter {
                newest: false,
                limit: 1000,
                ..QueueLogFilter::default()
            };
            prop_assert_eq!(&store.queue_log(&oldest_first).unwrap(), &self.kept.log);
            for n in 0..4 {
                let there = self.plain.asks_about(Digest::of(&document(n))).is_some();
                let expected = there.then(|| document(n));
                prop_assert_eq!(store.blob(Digest::of(&document(n))).unwrap(), expected);
            }
            self.compare_lists(store)?;
        }
        Ok(())
    }

    /// Pages through lists, two rows a page, in both directions.
    fn compare_lists(&self, store: &Store) -> Result<(), TestCaseError> {
        let mut repos = self.plain.repos_in_order();
        let mut approvals = self.plain.approvals_in_order();
        for newest in [false, true] {
            if newest {
                repos.reverse();
                approvals.reverse();
            }
            let mut filter = Filter::default().limit(2);
            filter = if newest { filter.newest() } else { filter };
            prop_assert_eq!(&paged::<Repo>(store, filter.clone()), &repos);
            prop_assert_eq!(&paged::<Approval>(store, filter.clone()), &approvals);
            filter.open = Some(true);
            let open: Vec<_> = approvals
                .iter()
                .filter(|a| a.status.is_open())
                .cloned()
                .collect();
            prop_assert_eq!(paged::<Approval>(store, filter.clone()), open);
            filter.open = None;
            let expired: Vec<_> = approvals
                .iter()
                .filter(|a| a.status.name() == "expired")
                .cloned()
                .collect();
            prop_assert_eq!(paged::<Approval>(store, filter.status("expired")), expired);
        }
        Ok(())
    }
}

fn paged<M: hyperion_store::Stored>(store: &Store, mut filter: Filter) -> Vec<M> {
    let mut rows = Vec::new();
    loop {
        let page = store.list::<M>(&filter).unwrap();
        rows.extend(page.rows);
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return rows,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    // X5, X7, M7: whatever is asked in whatever order, with restarts and crashes in between: every answer is the model's.
    #[test]
    fn every_answer_of_a_day_is_the_models(ops in prop::collection::vec(op(), 1..60)) {
        let mut day = Day::new();
        for op in ops {
            day.act(op)?;
        }
        let verified = day.store().verify().unwrap();
        prop_assert!(verified.is_sound(), "{:?}", verified);
    }
}
