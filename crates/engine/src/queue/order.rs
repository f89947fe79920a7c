//! Whose turn it is: first in, first out within a priority, with ageing.

use std::time::Duration;

use hyperion_model::entry::{Entry, Status};
use hyperion_model::{EntryId, Time};

/// After waiting this long an entry counts as one priority higher, so that nothing starves.
pub const AGEING: Duration = Duration::from_secs(600);

/// Gives the entry whose turn it is: the most urgent, then the oldest, among those that may go.
///
/// `landed` tells of entries outside the list whether they landed.
pub fn next(entries: &[Entry], now: Time, landed: impl Fn(EntryId) -> bool) -> Option<&Entry> {
    entries
        .iter()
        .filter(|entry| entry.status == Status::Queued)
        .filter(|entry| entry.admission.depends_on.iter().all(|on| landed(*on)))
        .min_by_key(|entry| {
            (
                std::cmp::Reverse(urgency(entry, now)),
                entry.enqueued_at,
                entry.id,
            )
        })
}

/// Counts an entry's priority and the ageing steps it has waited.
fn urgency(entry: &Entry, now: Time) -> i64 {
    let waited = now.duration_since(entry.enqueued_at).as_secs().max(0);
    let steps = waited / i64::try_from(AGEING.as_secs()).unwrap_or(i64::MAX);
    entry.admission.priority as i64 + steps
}

#[cfg(test)]
mod tests {
    use hyperion_model::entry::{Admission, Command};
    use hyperion_model::facts::Priority;
    use hyperion_model::machine::{Machine as _, Stamp};
    use hyperion_model::{Actor, ChangeSetId, Level, Name, RepoId, RequestId, Uuid};

    use super::*;

    fn entry(number: u128, priority: Priority, at_sec: i64, depends_on: &[u128]) -> Entry {
        let id = EntryId::new(Uuid::from_u128(number));
        let admission = Admission {
            repo: RepoId::new(Uuid::nil()),
            branch: Name::new("main").unwrap(),
            request: RequestId::new(Uuid::nil()),
            change_sets: vec![ChangeSetId::new(Uuid::from_u128(number))],
            depends_on: depends_on
                .iter()
                .map(|on| EntryId::new(Uuid::from_u128(*on)))
                .collect(),
            priority,
            level: Level::TeamLead,
            checks: None,
            dry_run: false,
        };
        let stamp = Stamp {
            time: Time::from_second(at_sec).unwrap(),
            actor: Actor::Engine {
                id: Name::new("test").unwrap(),
            },
        };
        let events = Entry::decide(None, &Command::Enqueue { id, admission }, &stamp).unwrap();
        Entry::apply(None, &events[0], &stamp).unwrap()
    }

    fn turn(entries: &[Entry], now_sec: i64) -> Option<u128> {
        let now = Time::from_second(now_sec).unwrap();
        next(entries, now, |_| false).map(|entry| entry.id.uuid().as_u128())
    }

    // M1: first in, first out within a priority; what waits long enough goes first all the same.
    #[test]
    fn urgent_goes_first_then_old_and_nothing_starves() {
        let old = entry(1, Priority::Low, 0, &[]);
        let new = entry(2, Priority::Low, 5, &[]);
        let urgent = entry(3, Priority::High, 9, &[]);
        assert_eq!(turn(&[new.clone(), old.clone()], 10), Some(1));
        assert_eq!(turn(&[new, old.clone(), urgent], 10), Some(3));
        let late = entry(4, Priority::High, 1300, &[]);
        assert_eq!(
            turn(&[late, old], 1301),
            Some(1),
            "two steps of ageing make up for two priorities"
        );
    }

    #[test]
    fn what_depends_on_something_waits_for_it() {
        let first = entry(1, Priority::Low, 0, &[]);
        let second = entry(2, Priority::Critical, 0, &[1]);
        assert_eq!(turn(&[first, second.clone()], 1), Some(1));
        assert_eq!(turn(&[second], 1), None);
    }
}
