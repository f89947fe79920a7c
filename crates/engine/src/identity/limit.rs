//! Limits on refused sign-ins, by name and by peer, and how many of them are still to be noted.
//!
//! In memory alone: who restarts the engine to try again could as well change the database.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperion_model::{Time, UserId};

/// How many tries in a row may fail before the next has to wait.
const FREE_TRIES: u32 = 5;
/// The longest wait of a name: a stranger must not keep its user out for long.
const MAX_WAIT_OF_NAME: Duration = Duration::from_secs(30);
/// The longest wait of a peer.
const MAX_WAIT_OF_PEER: Duration = Duration::from_secs(300);
/// How many names and peers are remembered; the ones that failed longest ago give way.
const MAX_REMEMBERED: usize = 10_000;
/// At most one record of refused sign-ins a user and so long.
pub(super) const NOTE_EVERY: Duration = Duration::from_secs(60);

/// The sign-ins that were refused of late.
#[derive(Debug, Default)]
pub struct SignIns(Mutex<Refused>);

#[derive(Debug, Default)]
struct Refused {
    tries: HashMap<Who, Tries>,
    notes: HashMap<UserId, Notes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Name(String),
    Peer(String),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    failed: u32,
    last: Time,
}

#[derive(Debug, Default, Clone, Copy)]
struct Notes {
    count: u32,
    noted_at: Option<Time>,
}

impl SignIns {
    fn lock(&self) -> MutexGuard<'_, Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how long the next try has to wait, if it has to.
    pub(super) fn wait(&self, name: &str, peer: &str, now: Time) -> Option<Duration> {
        let refused = self.lock();
        let of = |who: Who, most: Duration| {
            let tries = refused.tries.get(&who)?;
            let over = tries.failed.checked_sub(FREE_TRIES)?;
            let wait = Duration::from_secs(1 << over.min(16)).min(most);
            // A clock that went back makes nobody wait for longer than that.
            let since = Duration::try_from(now.duration_since(tries.last)).unwrap_or_default();
            wait.checked_sub(since).filter(|left| !left.is_zero())
        };
        let (name, peer) = keys(name, peer);
        of(name, MAX_WAIT_OF_NAME).max(of(peer, MAX_WAIT_OF_PEER))
    }

    /// Counts a try that failed.
    pub(super) fn refuse(&self, name: &str, peer: &str, now: Time) {
        let mut refused = self.lock();
        let (name, peer) = keys(name, peer);
        for who in [name, peer] {
            if refused.tries.len() >= MAX_REMEMBERED && !refused.tries.contains_key(&who) {
                let longest_ago = refused.tries.iter().min_by_key(|(_, tries)| tries.last);
                if let Some(who) = longest_ago.map(|(who, _)| who.clone()) {
                    refused.tries.remove(&who);
                }
            }
            let tries = refused.tries.entry(who).or_insert(Tries {
                failed: 0,
                last: now,
            });
            // Who waited for long begins anew.
            if now.duration_since(tries.last) > MAX_WAIT_OF_PEER.try_into().unwrap_or_default() {
                tries.failed = 0;
            }
            tries.failed = tries.failed.saturating_add(1);
            tries.last = now;
        }
    }

    /// Forgets the tries of who got in.
    pub(super) fn forget(&self, name: &str, peer: &str) {
        let mut refused = self.lock();
        let (name, peer) = keys(name, peer);
        refused.tries.remove(&name);
        refused.tries.remove(&peer);
    }

    /// Counts a refused sign-in to be noted; gives how many to note now, if it is time.
    pub(super) fn due_note(&self, user: UserId, now: Time) -> Option<u32> {
        let mut refused = self.lock();
        let notes = refused.notes.entry(user).or_default();
        notes.count = notes.count.saturating_add(1);
        take(notes, now)
    }

    /// Gives all that is to be noted by now, and when the next will be.
    pub(super) fn due_notes(&self, now: Time) -> (Vec<(UserId, u32)>, Option<Time>) {
        let mut refused = self.lock();
        let due = refused.notes.iter_mut();
        let due = due
            .filter_map(|(user, notes)| Some((*user, take(notes, now)?)))
            .collect();
        refused
            .notes
            .retain(|_, notes| notes.count > 0 || !is_over(notes, now));
        let waiting = refused.notes.values().filter(|notes| notes.count > 0);
        let next = waiting.filter_map(|notes| notes.noted_at).min();
        (due, next.map(|at| at + NOTE_EVERY))
    }
}

fn is_over(notes: &Notes, now: Time) -> bool {
    notes
        .noted_at
        .is_none_or(|at| now < at || at + NOTE_EVERY <= now)
}

fn take(notes: &mut Notes, now: Time) -> Option<u32> {
    if notes.count == 0 || !is_over(notes, now) {
        return None;
    }
    notes.noted_at = Some(now);
    Some(std::mem::take(&mut notes.count))
}

/// The most letters of a name or peer that are told apart.
const MAX_LETTERS: usize = 128;

fn keys(name: &str, peer: &str) -> (Who, Who) {
    let cut = |text: &str| text.chars().take(MAX_LETTERS).collect::<String>();
    (Who::Name(cut(name)), Who::Peer(cut(peer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_model::Uuid;

    fn at(second: i64) -> Time {
        Time::from_second(1_000_000 + second).unwrap()
    }

    // X8: guessing gets slow, by name and by peer, and a name's own user is not kept out for long.
    #[test]
    fn guessing_gets_slow() {
        let tries = SignIns::default();
        for _ in 0..4 {
            tries.refuse("ada", "10.0.0.9", at(0));
        }
        assert_eq!(tries.wait("ada", "10.0.0.9", at(0)), None);
        tries.refuse("ada", "10.0.0.9", at(0));
        assert_eq!(
            tries.wait("ada", "10.0.0.1", at(0)),
            Some(Duration::from_secs(1))
        );
        assert_eq!(
            tries.wait("bob", "10.0.0.9", at(0)),
            Some(Duration::from_secs(1))
        );
        assert_eq!(tries.wait("ada", "10.0.0.9", at(1)), None);
        for _ in 0..20 {
            tries.refuse("ada", "10.0.0.9", at(2));
        }
        assert_eq!(tries.wait("ada", "10.0.0.1", at(2)), Some(MAX_WAIT_OF_NAME));
        assert_eq!(tries.wait("bob", "10.0.0.9", at(2)), Some(MAX_WAIT_OF_PEER));
        tries.forget("ada", "10.0.0.9");
        assert_eq!(tries.wait("ada", "10.0.0.9", at(2)), None);
    }

    #[test]
    fn a_flood_is_one_note_a_minute() {
        let tries = SignIns::default();
        let user = UserId::new(Uuid::from_u128(7));
        assert_eq!(tries.due_note(user, at(0)), Some(1));
        for second in 1..60 {
            assert_eq!(tries.due_note(user, at(second)), None);
        }
        assert_eq!(tries.due_notes(at(59)), (vec![], Some(at(60))));
        assert_eq!(tries.due_notes(at(60)), (vec![(user, 59)], None));
        assert_eq!(tries.due_notes(at(120)), (vec![], None));
        assert!(tries.lock().notes.is_empty());
        for peer in 0..MAX_REMEMBERED + 10 {
            tries.refuse("ada", &peer.to_string(), at(0));
        }
        assert!(tries.lock().tries.len() <= MAX_REMEMBERED);
    }
}
