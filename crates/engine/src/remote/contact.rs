//! What this engine knows of its visits to remotes; nothing of it has to survive.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyperion_git::Oid;
use hyperion_model::{Name, RepoId, Time};

/// The most visits at once: each has a thread and a git of its own.
const VISITS_MAX: usize = 4;

/// The most branches that are remembered; beyond it remotes are asked anew.
const REMEMBERED_MAX: usize = 1000;

/// A branch of a repository.
pub(super) type Key = (RepoId, Name);

/// The visits to remotes.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    known: Mutex<HashMap<Key, Contact>>,
}

#[derive(Debug, Clone)]
struct Contact {
    state: State,
    /// Where the remote's branch is, if that is something the local one has not.
    found: Option<Oid>,
    /// How often something was brought in without a push that succeeded.
    rounds: u32,
    /// Before when there is no other visit: the last one could not even note what came of it.
    not_before: Option<Time>,
}

/// How far a visit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There was none in this engine.
    Never,
    /// One is under way.
    Visiting {
        /// Since when.
        since: Time,
    },
    /// The last one is over.
    Visited {
        /// Since when.
        at: Time,
    },
}

impl Contacts {
    /// Begins a visit; `false` where there is one already, or too many.
    pub(super) fn begin(&self, key: &Key, now: Time) -> bool {
        let mut known = self.lock();
        let is_visiting = |contact: &Contact| matches!(contact.state, State::Visiting { .. });
        if known
            .values()
            .filter(|contact| is_visiting(contact))
            .count()
            >= VISITS_MAX
            || known
                .get(key)
                .is_some_and(|contact| is_visiting(contact) || contact.not_before > Some(now))
        {
            return false;
        }
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, contact| is_visiting(contact) || contact.found.is_some());
        }
        let contact = known.entry(key.clone()).or_insert(Contact {
            state: State::Never,
            found: None,
            rounds: 0,
            not_before: None,
        });
        contact.state = State::Visiting { since: now };
        contact.not_before = None;
        true
    }

    /// Ends a visit, with what is to be brought in.
    pub(super) fn end(&self, key: &Key, now: Time, found: Option<Oid>) {
        if let Some(contact) = self.lock().get_mut(key) {
            contact.state = State::Visited { at: now };
            contact.found = found;
        }
    }

    /// Lets no other visit begin before a time.
    pub(super) fn rest(&self, key: &Key, until: Time) {
        if let Some(contact) = self.lock().get_mut(key) {
            contact.not_before = Some(until);
        }
    }

    pub(super) fn state(&self, key: &Key) -> State {
        let state = self.lock().get(key).map(|contact| contact.state);
        state.unwrap_or(State::Never)
    }

    /// Gives what a visit found that is to be brought in.
    pub(super) fn found(&self, key: &Key) -> Option<Oid> {
        self.lock().get(key)?.found.clone()
    }

    pub(super) fn forget_found(&self, key: &Key) {
        if let Some(contact) = self.lock().get_mut(key) {
            contact.found = None;
        }
    }

    /// Lists the branches of a repository with something to be brought in.
    pub(super) fn branches_found(&self, repo: RepoId) -> BTreeSet<Name> {
        let known = self.lock();
        let found = known
            .iter()
            .filter(|((of, _), contact)| *of == repo && contact.found.is_some());
        found.map(|((_, branch), _)| branch.clone()).collect()
    }

    /// Counts that something is brought in; gives how often that was, since the last push that succeeded.
    pub(super) fn count_round(&self, key: &Key) -> u32 {
        let mut known = self.lock();
        let Some(contact) = known.get_mut(key) else {
            return 0;
        };
        contact.rounds += 1;
        contact.rounds
    }

    pub(super) fn forget_rounds(&self, key: &Key) {
        if let Some(contact) = self.lock().get_mut(key) {
            contact.rounds = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Contact>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
