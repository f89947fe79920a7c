//! Whose turn it is: first in, first out within a priority, with ageing.

use std::time::Duration;

use hyperion_model::entry::{Entry, Status};
use hyperion_model::{EntryId, Time};

/// After waiting this long an entry counts as one priority higher, so that nothing starves.
pub const AGEING: Duration = Duration::from_secs(600);

/// Gives the entry whose turn it is: the most urgent, then the oldest, among those that may go.
///
/// The entries come in the order in which they entered the queue. Age is the position in that order;
/// the clock does not affect it. `landed` tells of entries outside the list whether they landed.
pub fn next(entries: &[Entry], now: Time, landed: impl Fn(EntryId) -> bool) -> Option<&Entry> {
    turns(entries, now, landed, 1).into_iter().next()
}

/// Gives the entries whose turns come next, at most `limit` of them, if each lands when its turn is over.
///
/// `landed` tells of entries outside the list whether they landed.
pub(super) fn turns<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    now: Time,
    landed: impl Fn(EntryId) -> bool,
    limit: usize,
) -> Vec<&'a Entry> {
    let mut waiting: Vec<&Entry> = entries
        .into_iter()
        .filter(|entry| entry.status == Status::Queued)
        .collect();
    // It is stable: the oldest stay first.
    waiting.sort_by_key(|entry| std::cmp::Reverse(urgency(entry, now)));
    // What an entry waits for is asked once: afterwards only a turn can change it.
    let mut waiting: Vec<(&Entry, Vec<EntryId>)> = waiting
        .into_iter()
        .map(|entry| {
            let on = entry.admission.depends_on.iter().copied();
            (entry, on.filter(|on| !landed(*on)).collect())
        })
        .collect();
    let mut turns = Vec::new();
    while turns.len() < limit
        && let Some(at) = waiting.iter().position(|(_, on)| on.is_empty())
    {
        let (entry, _) = waiting.remove(at);
        for (_, on) in &mut waiting {
            on.retain(|on| *on != entry.id);
        }
        turns.push(entry);
    }
    turns
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
        assert_eq!(turn(&[old.clone(), new.clone()], 10), Some(1));
        assert_eq!(turn(&[old.clone(), new, urgent], 10), Some(3));
        let late = entry(4, Priority::High, 1300, &[]);
        assert_eq!(
            turn(&[old, late], 1301),
            Some(1),
            "two steps of ageing make up for two priorities"
        );
    }

    // M1: several turns at once are what turn after turn gives, each landed before the next.
    #[test]
    fn what_waits_for_an_earlier_turn_comes_after_it() {
        let entries = [
            entry(1, Priority::Low, 0, &[]),
            entry(2, Priority::Critical, 1, &[1]),
            entry(3, Priority::Medium, 2, &[]),
            entry(4, Priority::Critical, 3, &[9]),
            entry(5, Priority::Low, 4, &[2, 3]),
        ];
        let now = Time::from_second(10).unwrap();
        let order = |limit| -> Vec<u128> {
            turns(&entries, now, |_| false, limit)
                .iter()
                .map(|entry| entry.id.uuid().as_u128())
                .collect()
        };
        assert_eq!(order(9), [3, 1, 2, 5]);
        assert_eq!(order(2), [3, 1]);
        let mut left = entries.to_vec();
        let mut one_by_one = Vec::new();
        while let Some(turn) = next(&left, now, |on| one_by_one.contains(&on)).map(|turn| turn.id) {
            left.retain(|entry| entry.id != turn);
            one_by_one.push(turn);
        }
        let all: Vec<_> = turns(&entries, now, |_| false, 9)
            .iter()
            .map(|entry| entry.id)
            .collect();
        assert_eq!(all, one_by_one);
    }

    // M1: a clock that goes back turns no order round.
    #[test]
    fn who_came_first_is_told_by_the_order_and_not_by_the_clock() {
        let first = entry(1, Priority::Low, 5_000, &[]);
        let second = entry(2, Priority::Low, 10, &[]);
        assert_eq!(turn(&[first, second], 20), Some(1));
    }

    #[test]
    fn what_depends_on_something_waits_for_it() {
        let first = entry(1, Priority::Low, 0, &[]);
        let second = entry(2, Priority::Critical, 0, &[1]);
        assert_eq!(turn(&[first, second.clone()], 1), Some(1));
        assert_eq!(turn(&[second], 1), None);
    }
}
