//! The store as plainly as it can be written: maps of rows, a list of events, all of a batch or nothing.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use hyperion_model::approval::Approval;
use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::{self, Entry};
use hyperion_model::event::replay;
use hyperion_model::grant::Grant;
use hyperion_model::machine::{Refusal, Row};
use hyperion_model::plan::Plan;
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_model::{Command, Fact, Machine, Noun, RequestId, Stamp, Subject, Time, Uuid};
use hyperion_store::{Filter, Order, Stored};

use crate::Error;
use crate::read_facts::ReadFacts;

/// One event as it happened.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) stamp: Stamp,
    pub(super) subject: Subject,
    pub(super) fact: Fact,
}

/// Why a batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotTaken {
    Refused(Subject, Refusal),
    LeaseLost,
}

/// The right to work at something for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) resource: Uuid,
    pub(super) owner: u64,
    pub(super) fence: u64,
    pub(super) acquired_at: Time,
    pub(super) expires_at: Time,
}

struct Kept<M> {
    state: M,
    row: Row,
}

struct Table<M> {
    rows: BTreeMap<usize, Kept<M>>,
    open: BTreeSet<usize>,
    at: HashMap<Uuid, usize>,
    of_request: HashMap<Uuid, BTreeSet<usize>>,
    of_parent: HashMap<Uuid, BTreeSet<usize>>,
}

impl<M> Default for Table<M> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            open: BTreeSet::new(),
            at: HashMap::new(),
            of_request: HashMap::new(),
            of_parent: HashMap::new(),
        }
    }
}

impl<M: Stored> Table<M> {
    fn remove(&mut self, id: Uuid) -> Option<M> {
        let place = self.at.get(&id)?;
        self.open.remove(place);
        self.rows.remove(place).map(|kept| kept.state)
    }

    fn request_of(&self, id: Uuid) -> Option<RequestId> {
        let place = self.at.get(&id)?;
        self.rows.get(place)?.row.request
    }

    fn put(&mut self, id: Uuid, fresh: usize, state: M) {
        let place = *self.at.entry(id).or_insert(fresh);
        let row = state.row();
        if row.open {
            self.open.insert(place);
        }
        if let Some(request) = row.request {
            self.of_request
                .entry(request.uuid())
                .or_default()
                .insert(place);
        }
        if let Some(parent) = row.parent {
            self.of_parent.entry(parent).or_default().insert(place);
        }
        self.rows.insert(place, Kept { state, row });
    }

    fn found<'a>(&'a self, filter: &'a Filter) -> Vec<&'a M> {
        let nothing = BTreeSet::new();
        let places: Vec<usize> = if filter.open == Some(true) {
            self.open.iter().copied().collect()
        } else if let Some(request) = filter.request {
            let places = self.of_request.get(&request.uuid()).unwrap_or(&nothing);
            places.iter().copied().collect()
        } else if let Some(parent) = filter.parent {
            let places = self.of_parent.get(&parent).unwrap_or(&nothing);
            places.iter().copied().collect()
        } else {
            self.rows.keys().copied().collect()
        };
        let mut found: Vec<&M> = places
            .iter()
            .filter_map(|place| self.rows.get(place))
            .filter(|kept| lets_through(filter, &kept.row))
            .map(|kept| &kept.state)
            .collect();
        if filter.order == Order::NewestFirst {
            found.reverse();
        }
        found
    }
}

fn lets_through(filter: &Filter, row: &Row) -> bool {
    let Filter {
        status,
        open,
        request,
        repo,
        run,
        parent,
        since,
        until,
        by: _,
        order: _,
        limit: _,
        after,
        archived: _,
    } = filter;
    assert!(
        since.is_none() && until.is_none() && after.is_none(),
        "no decision asks for this, so it is not simulated"
    );
    (status.is_empty() || status.contains(&row.status))
        && open.is_none_or(|open| open == row.open)
        && (request.is_none() || *request == row.request)
        && (repo.is_none() || *repo == row.repo)
        && (run.is_none() || *run == row.run)
        && (parent.is_none() || *parent == row.parent)
}

type Undo = Box<dyn FnOnce(&mut Facts)>;

/// Everything that was ever committed.
#[derive(Default)]
pub(super) struct Facts {
    repos: Table<Repo>,
    requests: Table<Request>,
    plans: Table<Plan>,
    runs: Table<Run>,
    sets: Table<ChangeSet>,
    approvals: Table<Approval>,
    entries: Table<Entry>,
    grants: Table<Grant>,
    pub(super) events: Vec<Happened>,
    pub(super) leases: HashMap<Uuid, Held>,
    last_fence: u64,
    /// The number of the event by which each entry was retried last.
    retried: HashMap<Subject, u64>,
}

impl Facts {
    /// Decides, applies and keeps a batch: all of it, or nothing.
    pub(super) fn execute(
        &mut self,
        stamp: &Stamp,
        commands: &[Command],
        guard: Option<&Held>,
    ) -> Result<Vec<Happened>, NotTaken> {
        self.check(stamp, guard)?;
        let before = self.events.len();
        let mut undo: Vec<Undo> = Vec::new();
        for command in commands {
            if let Err((subject, refusal)) = self.command(stamp, command, &mut undo) {
                self.undo(undo, before);
                return Err(NotTaken::Refused(subject, refusal));
            }
        }
        for (place, happened) in self.events.iter().enumerate().skip(before) {
            if let Fact::Entry(entry::Event::Retried {}) = happened.fact {
                self.retried.insert(happened.subject, place as u64 + 1);
            }
        }
        Ok(self.events[before..].to_vec())
    }

    /// Tells whether a batch would be taken now; nothing comes of it.
    pub(super) fn try_out(
        &mut self,
        stamp: &Stamp,
        commands: &[Command],
        guard: Option<&Held>,
    ) -> Result<(), NotTaken> {
        self.check(stamp, guard)?;
        let before = self.events.len();
        let mut undo: Vec<Undo> = Vec::new();
        let mut taken = Ok(());
        for command in commands {
            if let Err((subject, refusal)) = self.command(stamp, command, &mut undo) {
                taken = Err(NotTaken::Refused(subject, refusal));
                break;
            }
        }
        self.undo(undo, before);
        taken
    }

    fn undo(&mut self, undo: Vec<Undo>, before: usize) {
        for back in undo.into_iter().rev() {
            back(self);
        }
        self.events.truncate(before);
    }

    fn check(&self, stamp: &Stamp, guard: Option<&Held>) -> Result<(), NotTaken> {
        if let Some(guard) = guard {
            let stands = self
                .leases
                .get(&guard.resource)
                .is_some_and(|lease| lease.fence == guard.fence && lease.expires_at > stamp.time);
            if !stands {
                return Err(NotTaken::LeaseLost);
            }
        }
        Ok(())
    }

    fn command(
        &mut self,
        stamp: &Stamp,
        command: &Command,
        undo: &mut Vec<Undo>,
    ) -> Result<(), (Subject, Refusal)> {
        let id = command.subject().uuid();
        let done = match command {
            Command::Repo(_, command) => self.run::<Repo>(stamp, id, command, undo),
            Command::Request(_, command) => self.run::<Request>(stamp, id, command, undo),
            Command::Plan(_, command) => self.run::<Plan>(stamp, id, command, undo),
            Command::Run(_, command) => self.run::<Run>(stamp, id, command, undo),
            Command::ChangeSet(_, command) => self.run::<ChangeSet>(stamp, id, command, undo),
            Command::Approval(_, command) => self.run::<Approval>(stamp, id, command, undo),
            Command::Entry(_, command) => self.run::<Entry>(stamp, id, command, undo),
            Command::User(..) | Command::Token(..) => unreachable!("the simulation has no users"),
            Command::Audit(..) => unreachable!("nothing here keeps a ledger"),
            Command::Grant(_, command) => self.run::<Grant>(stamp, id, command, undo),
        };
        done.map_err(|refusal| (command.subject(), refusal))
    }

    fn run<M: Stored>(
        &mut self,
        stamp: &Stamp,
        id: Uuid,
        command: &M::Command,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Refusal> {
        let before = self.state::<M>(id);
        let events = M::decide(before, command, stamp)?;
        let before = before.cloned();
        let mut state = before.clone();
        for event in events {
            // What was allowed can always be applied.
            let next = M::apply(state.take(), &event, stamp)
                .unwrap_or_else(|corrupt| panic!("{command:?} was allowed, but {corrupt}"));
            self.events.push(Happened {
                stamp: stamp.clone(),
                subject: M::subject(id),
                fact: M::fact(event),
            });
            state = Some(next);
        }
        let fresh = self.events.len();
        let table = self.table_mut::<M>();
        table.remove(id);
        if let Some(state) = state {
            assert_eq!(state.own_uuid(), id, "a state knows its own id");
            table.put(id, fresh, state);
        }
        undo.push(Box::new(move |facts| {
            let table = facts.table_mut::<M>();
            table.remove(id);
            match before {
                Some(state) => table.put(id, fresh, state),
                None => {
                    table.at.remove(&id);
                }
            }
        }));
        Ok(())
    }

    fn table<M: Stored>(&self) -> &Table<M> {
        let any: &dyn Any = match M::NOUN {
            Noun::Repo => &self.repos,
            Noun::Request => &self.requests,
            Noun::Plan => &self.plans,
            Noun::Run => &self.runs,
            Noun::ChangeSet => &self.sets,
            Noun::Approval => &self.approvals,
            Noun::Entry => &self.entries,
            Noun::User | Noun::Token => unreachable!("the simulation has no users"),
            Noun::Audit => unreachable!("nothing here keeps a ledger"),
            Noun::Grant => &self.grants,
        };
        any.downcast_ref().unwrap()
    }

    fn table_mut<M: Stored>(&mut self) -> &mut Table<M> {
        let any: &mut dyn Any = match M::NOUN {
            Noun::Repo => &mut self.repos,
            Noun::Request => &mut self.requests,
            Noun::Plan => &mut self.plans,
            Noun::Run => &mut self.runs,
            Noun::ChangeSet => &mut self.sets,
            Noun::Approval => &mut self.approvals,
            Noun::Entry => &mut self.entries,
            Noun::User | Noun::Token => unreachable!("the simulation has no users"),
            Noun::Audit => unreachable!("nothing here keeps a ledger"),
            Noun::Grant => &mut self.grants,
        };
        any.downcast_mut().unwrap()
    }

    /// Gives a state as it stands.
    pub(super) fn state<M: Stored>(&self, id: Uuid) -> Option<&M> {
        let table = self.table::<M>();
        let place = table.at.get(&id)?;
        table.rows.get(place).map(|kept| &kept.state)
    }

    /// Lists the open states, oldest first.
    pub(super) fn open<M: Stored>(&self) -> impl Iterator<Item = &M> {
        let table = self.table::<M>();
        table.open.iter().map(|place| &table.rows[place].state)
    }

    /// Lists every state, oldest first.
    pub(super) fn all<M: Stored>(&self) -> impl Iterator<Item = &M> {
        self.table::<M>().rows.values().map(|kept| &kept.state)
    }

    /// Tells which request something belongs to.
    pub(super) fn request_of(&self, subject: Subject) -> Option<RequestId> {
        let id = subject.uuid();
        match subject.noun() {
            Noun::Repo | Noun::Audit => None,
            Noun::Request => Some(RequestId::new(id)),
            Noun::Plan => self.plans.request_of(id),
            Noun::Run => self.runs.request_of(id),
            Noun::ChangeSet => self.sets.request_of(id),
            Noun::Approval => self.approvals.request_of(id),
            Noun::Entry => self.entries.request_of(id),
            Noun::User | Noun::Token => None,
            Noun::Grant => self.grants.request_of(id),
        }
    }

    /// Leases something, as the store does.
    pub(super) fn lease(
        &mut self,
        resource: Uuid,
        owner: u64,
        ttl: Duration,
        now: Time,
    ) -> Option<Held> {
        let held = self
            .leases
            .get(&resource)
            .is_some_and(|lease| lease.expires_at > now);
        if held {
            return None;
        }
        self.last_fence += 1;
        let lease = Held {
            resource,
            owner,
            fence: self.last_fence,
            acquired_at: now,
            expires_at: now + ttl,
        };
        self.leases.insert(resource, lease.clone());
        Some(lease)
    }

    /// Holds on to a lease, as the store does.
    pub(super) fn renew(&mut self, lease: &Held, ttl: Duration, now: Time) -> Option<Held> {
        let there = self.leases.get_mut(&lease.resource)?;
        if there.fence != lease.fence || there.expires_at <= now {
            return None;
        }
        there.expires_at = now + ttl;
        Some(there.clone())
    }

    /// Gives a lease back, as the store does.
    pub(super) fn release(&mut self, lease: &Held) {
        if self
            .leases
            .get(&lease.resource)
            .is_some_and(|there| there.fence == lease.fence)
        {
            self.leases.remove(&lease.resource);
        }
    }

    /// Makes every row anew from the events alone, and compares.
    pub(super) fn assert_replayed(&self) {
        self.assert_noun::<Repo>();
        self.assert_noun::<Request>();
        self.assert_noun::<Plan>();
        self.assert_noun::<Run>();
        self.assert_noun::<ChangeSet>();
        self.assert_noun::<Approval>();
        self.assert_noun::<Entry>();
    }

    fn assert_noun<M: Stored>(&self) {
        let mut events: HashMap<Uuid, Vec<(Stamp, <M as Machine>::Event)>> = HashMap::new();
        for happened in &self.events {
            if let Some(event) = M::from_fact(happened.fact.clone()) {
                let id = happened.subject.uuid();
                events
                    .entry(id)
                    .or_default()
                    .push((happened.stamp.clone(), event));
            }
        }
        assert_eq!(
            events.len(),
            self.table::<M>().rows.len(),
            "as many as were created"
        );
        for (id, events) in events {
            let made = replay::<M>(events).unwrap_or_else(|corrupt| panic!("replay: {corrupt}"));
            assert_eq!(
                made.as_ref(),
                self.state::<M>(id),
                "the row is what the events say"
            );
        }
    }
}

impl ReadFacts for Facts {
    fn get<M: Stored>(&self, id: M::Id) -> Result<Option<M>, Error> {
        Ok(self.state::<M>(M::uuid(id)).cloned())
    }

    fn list<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        let found = self.table::<M>().found(filter).into_iter();
        Ok(found.take(filter.limit as usize).cloned().collect())
    }

    fn open_rows<M: Stored>(&self, filter: &Filter) -> Result<Vec<M>, Error> {
        let filter = Filter {
            open: Some(true),
            ..filter.clone()
        };
        Ok(self
            .table::<M>()
            .found(&filter)
            .into_iter()
            .cloned()
            .collect())
    }

    fn count<M: Stored>(&self, filter: &Filter) -> Result<u64, Error> {
        Ok(self.table::<M>().found(filter).len() as u64)
    }

    fn list_behind<M: Stored>(&self, filter: &Filter, seq: u64) -> Result<Vec<M>, Error> {
        let table = self.table::<M>();
        let behind = |state: &&M| table.at[&state.own_uuid()] as u64 > seq;
        let found = table.found(filter).into_iter();
        Ok(found.filter(behind).cloned().collect())
    }

    fn last_event(&self, about: Subject, kind: &str) -> Result<Option<u64>, Error> {
        assert_eq!(kind, "merge.retried", "no decision asks for others");
        Ok(self.retried.get(&about).copied())
    }

    fn in_order(&self, request: RequestId, kind: &str) -> Result<Vec<Subject>, Error> {
        let of_request = self.events.iter().filter(|happened| {
            kind_of(&happened.fact) == kind && self.request_of(happened.subject) == Some(request)
        });
        Ok(of_request.map(|happened| happened.subject).collect())
    }
}

/// Names the kinds of events that decisions ask for.
fn kind_of(fact: &Fact) -> &'static str {
    match fact {
        Fact::Entry(entry::Event::Landed { .. }) => "merge.landed",
        _ => "another",
    }
}
