//! How an engine works the queue, step by step: what `crate::queue` does with git, here with a tiny one.

use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Candidate, Dispatch, Entry, Green, Quarantine, Status, Verdict};
use hyperion_model::request::{self, Request};
use hyperion_model::{Command, Digest, EntryId, GitId, Name, ShortText, plan};
use hyperion_store::Filter;

use super::engine::{Engine, Pending, Refused, Then};
use super::git::Moved;
use super::world::{LEASE, MAX_ATTEMPTS, World, digest};
use crate::queue::{admit, checks, depend, merge, next, pause};
use crate::read_facts::ReadFacts as _;
use crate::run::CheckSpec;

/// How far a landing has come in this engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Published,
    Kept,
}

/// Tells whether a worker has it.
pub(super) fn is_active(entry: &Entry) -> bool {
    matches!(
        entry.status,
        Status::Leased | Status::Merging | Status::Checking | Status::Ready | Status::Dispatching
    )
}

fn text(text: &str) -> ShortText {
    ShortText::cut(text)
}

/// `Err` is a batch to commit, `Ok` tells whether something was done without one.
type Did = Result<bool, Pending>;

impl World {
    pub(super) fn queue(&mut self, engine: &mut Engine) -> Did {
        let ended: Vec<EntryId> = engine
            .leases
            .keys()
            .copied()
            .filter(|id| !is_active(&self.entry(*id)))
            .collect();
        // In the order of their ids: a map's own order would not repeat.
        if let Some(id) = ended.iter().min() {
            self.forget(engine, *id);
            return Ok(true);
        }
        self.admit()?;
        let open = self.entries_open();
        for entry in open.iter().filter(|entry| entry.status == Status::Blocked) {
            self.look_at_blocked(entry)?;
        }
        let mut branches = self.branches.clone();
        if self.dice.chance(50) {
            branches.reverse();
        }
        for branch in branches {
            let entries: Vec<Entry> = open
                .iter()
                .filter(|entry| entry.admission.branch == branch)
                .cloned()
                .collect();
            if self.work_branch(engine, &entries)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn admit(&mut self) -> Result<(), Pending> {
        for waiting in admit::waiting(&self.facts, None).unwrap() {
            let admit::Waiting {
                plan,
                request,
                sets,
            } = waiting;
            let id = EntryId::new(self.fresh());
            let commands = if request.submission.atomic {
                if !admit::is_complete(&plan, &sets) {
                    continue;
                }
                admit::commands(id, &request, &sets, vec![], None)
            } else {
                let first = sets.into_iter().find_map(|set| {
                    let before = admit::entries_before(
                        &self.facts,
                        &plan,
                        set.proposal.step,
                        &std::collections::BTreeMap::new(),
                    )
                    .unwrap()?;
                    Some((set, before))
                });
                let Some((set, before)) = first else { continue };
                admit::commands(id, &request, &[set], before, None)
            };
            return Err(Pending::new("queue", "admit", commands));
        }
        Ok(())
    }

    fn look_at_blocked(&mut self, entry: &Entry) -> Result<(), Pending> {
        let branch = &entry.admission.branch;
        let in_the_way = entry.candidate.as_ref().is_some_and(|candidate| {
            let Candidate { tip, commit, .. } = candidate;
            self.git.is_in_the_way(branch, tip, commit)
        });
        if !in_the_way {
            let commands = vec![Command::Entry(entry.id, entry::Command::Unblock)];
            return Err(Pending::new("queue", "unblock", commands));
        }
        Ok(())
    }

    fn work_branch(&mut self, engine: &mut Engine, entries: &[Entry]) -> Did {
        if let Some(active) = entries.iter().find(|entry| is_active(entry)) {
            return self.work_at_entry(engine, active);
        }
        let now = self.now;
        let waiting: Vec<Entry> = entries
            .iter()
            .filter(|entry| !pause::is_on(engine.not_before.get(&entry.id).copied(), now))
            .cloned()
            .collect();
        let Some(entry) = next(&waiting, now, |on| depend::has_landed(&self.facts, on)) else {
            return Ok(false);
        };
        let Some(lease) = self
            .facts
            .lease(entry.id.uuid(), engine.instance, LEASE, now)
        else {
            return Ok(false);
        };
        engine.leases.insert(entry.id, lease.clone());
        let commands = vec![
            Command::Entry(entry.id, entry::Command::Lease { fence: lease.fence }),
            Command::Entry(entry.id, entry::Command::Merge),
        ];
        let mut pending = Pending::new("queue", "lease", commands);
        pending.guard = Some(lease);
        Err(pending)
    }

    fn work_at_entry(&mut self, engine: &mut Engine, entry: &Entry) -> Did {
        if pause::is_on(engine.not_before.get(&entry.id).copied(), self.now) {
            return Ok(false);
        }
        match self.hold(engine, entry)? {
            Some(did) => Ok(did),
            None => match entry.status {
                Status::Leased => {
                    Err(self.under(engine, entry, "merge", vec![entry::Command::Merge]))
                }
                Status::Merging => self.merge(engine, entry),
                Status::Checking => self.check(engine, entry),
                Status::Ready => self.ready(engine, entry),
                _ => self.land(engine, entry),
            },
        }
    }

    /// Keeps the lease; nothing when it is held and work can go on.
    fn hold(&mut self, engine: &mut Engine, entry: &Entry) -> Result<Option<bool>, Pending> {
        let now = self.now;
        if let Some(lease) = engine.leases.get(&entry.id) {
            if now < lease.acquired_at + LEASE / 2 && now < lease.expires_at {
                return Ok(None);
            }
            if let Some(renewed) = self.facts.renew(lease, LEASE, now) {
                engine.leases.insert(entry.id, renewed);
                return Ok(None);
            }
            let ended = engine.leases.remove(&entry.id);
            ended.iter().for_each(|ended| self.facts.release(ended));
        }
        // Whoever holds it is at it: only what nobody holds is taken over.
        let Some(lease) = self
            .facts
            .lease(entry.id.uuid(), engine.instance, LEASE, now)
        else {
            return Ok(Some(false));
        };
        engine.leases.insert(entry.id, lease);
        if matches!(entry.status, Status::Checking | Status::Dispatching) {
            return Ok(Some(true));
        }
        Err(self.release(engine, entry))
    }

    pub(super) fn release(&self, engine: &Engine, entry: &Entry) -> Pending {
        let release = entry::Command::Release {
            cause: entry::Cause::EngineEnded,
            reason: text("the engine that worked at it ended before it was done"),
            max_attempts: MAX_ATTEMPTS,
        };
        let mut pending = Pending::new("queue", "release", vec![Command::Entry(entry.id, release)]);
        pending.guard = engine.leases.get(&entry.id).cloned();
        pending.then = Then::Forget(entry.id);
        pending
    }

    pub(super) fn forget(&mut self, engine: &mut Engine, id: EntryId) {
        engine.stages.remove(&id);
        if let Some(lease) = engine.leases.remove(&id) {
            self.facts.release(&lease);
        }
    }

    /// Commands to an entry, decided only if this engine still holds it.
    fn under(
        &self,
        engine: &Engine,
        entry: &Entry,
        what: &'static str,
        commands: Vec<entry::Command>,
    ) -> Pending {
        let commands = commands
            .into_iter()
            .map(|command| Command::Entry(entry.id, command));
        self.batch_under(engine, entry, what, commands.collect())
    }

    fn batch_under(
        &self,
        engine: &Engine,
        entry: &Entry,
        what: &'static str,
        commands: Vec<Command>,
    ) -> Pending {
        let mut pending = Pending::new("queue", what, commands);
        pending.guard = engine.leases.get(&entry.id).cloned();
        pending.refused = Refused::Stumble(entry.id);
        pending
    }

    fn merge(&mut self, engine: &Engine, entry: &Entry) -> Did {
        let sets = merge::sets_of(&self.facts, entry).unwrap();
        let onto = self.onto(entry);
        let tip_tree = self.git.tree_of(&onto);
        let mut tree = tip_tree.clone();
        for set in &sets {
            let Some(assessed) = &set.assessed else {
                panic!("change set {} is in the queue and was never judged", set.id);
            };
            let merged = self
                .git
                .merge(&set.proposal.base_tree, &tree, &assessed.tree);
            let Some(merged) = merged else {
                let conflict = entry::Command::Quarantine {
                    quarantine: Quarantine::Conflict,
                    evidence: digest(&[14]),
                    reason: text("it conflicts"),
                };
                self.count("conflicts");
                return Err(self.under(engine, entry, "quarantine", vec![conflict]));
            };
            tree = merged;
        }
        if tree == tip_tree {
            let reason = text("the branch has it already");
            return Err(self.end_unlanded(engine, entry, &sets, &reason, |number| {
                plan::Command::SkipStep {
                    number,
                    reason: text("the branch has it already"),
                }
            }));
        }
        let commit = self.git.commit(Some(&onto), &tree);
        let candidate = Candidate {
            tip: onto,
            tree,
            commit,
        };
        Err(self.under(
            engine,
            entry,
            "merged",
            vec![entry::Command::Check { candidate }],
        ))
    }

    fn onto(&self, entry: &Entry) -> GitId {
        let before = entry
            .admission
            .depends_on
            .last()
            .filter(|_| entry.admission.dry_run);
        let candidate = before.and_then(|on| self.entry(*on).candidate);
        candidate.map_or_else(
            || self.git.tip(&entry.admission.branch),
            |candidate| candidate.commit,
        )
    }

    fn end_unlanded(
        &self,
        engine: &Engine,
        entry: &Entry,
        sets: &[ChangeSet],
        reason: &ShortText,
        end_step: impl Fn(u32) -> plan::Command,
    ) -> Pending {
        let cancel = entry::Command::Cancel {
            reason: reason.clone(),
        };
        let mut commands = vec![Command::Entry(entry.id, cancel)];
        for set in sets {
            let cancel = change_set::Command::Cancel {
                reason: reason.clone(),
            };
            commands.push(Command::ChangeSet(set.id, cancel));
            commands.push(Command::Plan(
                set.proposal.plan,
                end_step(set.proposal.step),
            ));
        }
        self.batch_under(engine, entry, "end unlanded", commands)
    }

    fn check(&mut self, engine: &Engine, entry: &Entry) -> Did {
        let candidate = entry.candidate.clone().unwrap();
        let wanted = if self.documents[&entry.admission.request].checked {
            vec![CheckSpec {
                name: "test".to_owned(),
                command: "true".to_owned(),
                sandbox: hyperion_sandbox::Level::Full,
                network: hyperion_sandbox::Network::On,
                timeout_sec: None,
                tool_chain: None,
            }]
        } else {
            vec![]
        };
        let pass = |runs, green| {
            vec![entry::Command::Pass(Verdict {
                tree: candidate.tree.clone(),
                runs,
                green,
            })]
        };
        let commands =
            match checks::read(&self.facts, MAX_ATTEMPTS, entry, &candidate, wanted).unwrap() {
                checks::Verdict::Wait => return Ok(false),
                checks::Verdict::Start(check) => {
                    let mut ids = [self.fresh(), self.fresh()].into_iter();
                    let fresh = || ids.next().unwrap();
                    let run = checks::run_command(&self.facts, entry, &candidate, &check, fresh)
                        .unwrap()
                        .0;
                    return Err(self.batch_under(engine, entry, "start a check", vec![run]));
                }
                checks::Verdict::Green { runs, .. } => pass(runs, Green::Strict),
                checks::Verdict::Unchecked => pass(vec![], Green::Unchecked),
                checks::Verdict::Lost(_) => return Err(self.release(engine, entry)),
                checks::Verdict::Failed { .. } => vec![entry::Command::Quarantine {
                    quarantine: Quarantine::Check,
                    evidence: digest(&[15]),
                    reason: text("a check failed"),
                }],
            };
        Err(self.under(engine, entry, "checked", commands))
    }

    fn ready(&mut self, engine: &Engine, entry: &Entry) -> Did {
        let sets = merge::sets_of(&self.facts, entry).unwrap();
        if entry.admission.dry_run {
            let reason = text("dry run: it would land");
            return Err(self.end_unlanded(engine, entry, &sets, &reason, |number| {
                plan::Command::CompleteStep { number }
            }));
        }
        let candidate = entry.candidate.clone().unwrap();
        let tip = self.git.tip(&entry.admission.branch);
        if tip != candidate.tip {
            return Err(self.under(
                engine,
                entry,
                "refresh",
                vec![entry::Command::Refresh { tip }],
            ));
        }
        let intent = Dispatch {
            candidate: candidate.commit,
            expected_tip: candidate.tip,
            payload: payload(&sets),
            policy: digest(&[11]),
        };
        let mut commands = vec![Command::Entry(entry.id, entry::Command::Dispatch(intent))];
        commands.extend(
            sets.iter()
                .map(|set| Command::ChangeSet(set.id, change_set::Command::Dispatch)),
        );
        Err(self.batch_under(engine, entry, "dispatch", commands))
    }

    /// Carries a committed intent out, one touch of the repository at a time.
    fn land(&mut self, engine: &mut Engine, entry: &Entry) -> Did {
        let sets = merge::sets_of(&self.facts, entry).unwrap();
        let intent = entry.dispatch.clone().unwrap();
        let branch: Name = entry.admission.branch.clone();
        if self.git.is_on(&branch, &intent.candidate) {
            return Err(self.record(engine, entry, &sets));
        }
        if self.git.tip(&branch) != intent.expected_tip {
            return Err(self.give_up(engine, entry, &sets));
        }
        assert_eq!(
            payload(&sets),
            intent.payload,
            "what is landed is what was dispatched"
        );
        match engine.stages.get(&entry.id) {
            None => {
                self.git.publish(&intent.candidate);
                engine.stages.insert(entry.id, Stage::Published);
            }
            Some(Stage::Published) => {
                self.git.landing_refs.insert(intent.candidate.clone());
                engine.stages.insert(entry.id, Stage::Kept);
            }
            Some(Stage::Kept) => {
                engine.stages.remove(&entry.id);
                match self
                    .git
                    .move_branch(&branch, &intent.expected_tip, &intent.candidate)
                {
                    Moved::Yes => self.say(&format!("engine {} moved {branch}", engine.instance)),
                    Moved::TipIs => return Err(self.give_up(engine, entry, &sets)),
                    Moved::Blocked => {
                        let block = entry::Command::Block {
                            cause: entry::Cause::Edited,
                            reason: text("somebody edits what it changes"),
                        };
                        let mut commands = vec![Command::Entry(entry.id, block)];
                        commands.extend(undispatch(&sets));
                        return Err(self.batch_under(engine, entry, "block", commands));
                    }
                }
            }
        }
        Ok(true)
    }

    fn give_up(&self, engine: &Engine, entry: &Entry, sets: &[ChangeSet]) -> Pending {
        let tip = self.git.tip(&entry.admission.branch);
        let mut commands = vec![Command::Entry(entry.id, entry::Command::Refresh { tip })];
        commands.extend(undispatch(sets));
        self.batch_under(engine, entry, "give a landing up", commands)
    }

    fn record(&self, engine: &Engine, entry: &Entry, sets: &[ChangeSet]) -> Pending {
        let commit = entry.dispatch.clone().unwrap().candidate;
        let land = entry::Command::Land {
            commit: commit.clone(),
        };
        let mut commands = vec![Command::Entry(entry.id, land)];
        for set in sets {
            let land = change_set::Command::Land {
                commit: commit.clone(),
            };
            commands.push(Command::ChangeSet(set.id, land));
            let complete = plan::Command::CompleteStep {
                number: set.proposal.step,
            };
            commands.push(Command::Plan(set.proposal.plan, complete));
        }
        let request = self.request_of(entry.admission.request);
        if let Some(original) = request.submission.rolls_back {
            let landed = Filter::default()
                .request(original)
                .status(change_set::Status::Landed.name());
            for set in self.facts.list::<ChangeSet>(&landed).unwrap() {
                let back = change_set::Command::RollBack {
                    commit: commit.clone(),
                };
                commands.push(Command::ChangeSet(set.id, back));
            }
            let there = self.facts.state::<Request>(original.uuid()).unwrap();
            if matches!(
                there.status,
                request::Status::Completed | request::Status::PartlyLanded
            ) {
                let back = request::Command::RollBack { by: request.id };
                commands.push(Command::Request(original, back));
            }
        }
        let mut pending = self.batch_under(engine, entry, "record a landing", commands);
        pending.then = Then::Landed(entry.id, commit);
        pending
    }
}

fn undispatch(sets: &[ChangeSet]) -> impl Iterator<Item = Command> {
    sets.iter()
        .map(|set| Command::ChangeSet(set.id, change_set::Command::Undispatch))
}

/// What an intent is bound to: what was decided on, change by change.
fn payload(sets: &[ChangeSet]) -> Digest {
    let parts: Vec<u128> = sets
        .iter()
        .filter_map(|set| set.assessed.as_ref())
        .flat_map(|assessed| {
            let bytes = assessed.payload.as_bytes();
            bytes
                .chunks(16)
                .map(|part| u128::from_be_bytes(part.try_into().unwrap()))
        })
        .collect();
    digest(&parts)
}
