//! Entries whose branch moves faster than their checks run: a few tries, then they wait until it is still, and say so.
//!
//! What was checked is what lands, so a check that ran on an older tip is for nothing, and trying again at once only burns
//! the machine. Nothing of this is stored: an engine that starts anew begins to count anew.

use std::collections::HashMap;
use std::time::Duration;

use hyperion_git::Oid;
use hyperion_model::entry::Entry;
use hyperion_model::run::Run;
use hyperion_model::{EntryId, Name, RepoId, Time};

use super::obstacle::Obstacle;
use super::work::{Queue, millis};
use crate::{Cx, Error};

/// How often an entry starts over on a moved branch before it waits.
pub(super) const MOVES_MAX: u32 = 5;

/// How long an entry waits for a branch that is never still before it tries once more.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The most entries and branches that are remembered; beyond them it is counted anew.
const REMEMBERED_MAX: usize = 1_000;

/// What is known of branches that move, and of the entries that suffer from it.
#[derive(Debug, Default)]
pub(super) struct Restless {
    entries: HashMap<EntryId, Moved>,
    /// Where a branch was seen, and since when.
    tips: HashMap<(RepoId, Name), (Oid, Time)>,
}

/// How often the branch moved under an entry.
#[derive(Debug, Default)]
struct Moved {
    times: u32,
    /// How long its checks took the last time.
    took: Duration,
    waits_since: Option<Time>,
}

impl Restless {
    /// Notes that the branch moved while an entry was checked; says why it is to wait, once that was too often.
    pub(super) fn moved(
        &mut self,
        id: EntryId,
        branch: &Name,
        took: Duration,
        now: Time,
    ) -> Option<Obstacle> {
        if self.entries.len() >= REMEMBERED_MAX {
            self.entries.clear();
        }
        let moved = self.entries.entry(id).or_default();
        moved.times += 1;
        moved.took = took;
        if moved.times < MOVES_MAX {
            return None;
        }
        moved.waits_since = Some(now);
        Some(Obstacle::Restless {
            branch: branch.clone(),
            times: moved.times,
            took,
        })
    }

    /// Says whether an entry may go on at a branch that is at `tip` now; others may at any time.
    pub(super) fn may_go_on(
        &mut self,
        id: EntryId,
        branch: (RepoId, Name),
        tip: Oid,
        now: Time,
    ) -> bool {
        let Some(moved) = self.entries.get_mut(&id) else {
            return true;
        };
        let Some(waits_since) = moved.waits_since else {
            return true;
        };
        if self.tips.len() >= REMEMBERED_MAX {
            self.tips.clear();
        }
        let seen = self.tips.entry(branch).or_insert((tip.clone(), now));
        if seen.0 != tip {
            *seen = (tip, now);
        }
        let lasted = |since| Duration::from_millis(millis(since, now));
        let goes_on = lasted(seen.1) >= moved.took.max(Duration::from_secs(1))
            || lasted(waits_since) >= WAIT_MAX;
        if goes_on {
            moved.waits_since = None;
        }
        goes_on
    }

    /// Forgets an entry.
    pub(super) fn forget(&mut self, id: EntryId) {
        self.entries.remove(&id);
    }
}

/// Notes that the branch of an entry moved after its checks had passed; says why it is to wait, once that was too often.
pub(super) fn moved(queue: &mut Queue, cx: &Cx, entry: &Entry) -> Result<Option<Obstacle>, Error> {
    let runs = entry.verdict.iter().flat_map(|verdict| &verdict.runs);
    let mut took = Duration::ZERO;
    for id in runs {
        let run = cx.store.get::<Run>(*id)?;
        let lasted = run.and_then(|run| run.began_at.zip(run.ended_at));
        took += lasted.map_or(Duration::ZERO, |(from, to)| {
            Duration::from_millis(millis(from, to))
        });
    }
    // Without checks there is nothing that takes its time.
    if took.is_zero() {
        return Ok(None);
    }
    let branch = &entry.admission.branch;
    Ok(queue.restless.moved(entry.id, branch, took, cx.now()))
}

#[cfg(test)]
mod tests {
    use hyperion_model::Uuid;

    use super::*;

    const CHECK: Duration = Duration::from_secs(3);

    fn at(second: i64) -> Time {
        Time::from_second(1_700_000_000 + second).unwrap()
    }

    // M9: a branch that never rests is waited for, and that is said; it is tried again now and then.
    #[test]
    fn an_entry_waits_for_a_branch_that_moves_all_the_time() {
        let id = EntryId::new(Uuid::from_u128(1));
        let main = Name::new("main").unwrap();
        let branch = || (RepoId::new(Uuid::nil()), main.clone());
        let tip = |number: i64| Oid::parse(&format!("{number:040x}")).unwrap();
        let mut restless = Restless::default();
        for second in 1..5 {
            let said = restless.moved(id, &main, CHECK, at(second + 3));
            assert!(said.is_none());
            assert!(restless.may_go_on(id, branch(), tip(second), at(second)));
        }
        assert_eq!(
            restless.moved(id, &main, CHECK, at(10)).unwrap().reason(),
            "main moved 5 times while this was checked, which takes 3 s; it goes on by itself once main has not moved for that long"
        );
        for second in 10..20 {
            assert!(!restless.may_go_on(id, branch(), tip(second), at(second)));
        }
        let goes_on =
            (20..30).find(|second| restless.may_go_on(id, branch(), tip(19), at(*second)));
        assert_eq!(goes_on, Some(22), "it was still for three seconds");
        // One more move is enough to wait again, and a minute enough to try again.
        assert!(restless.moved(id, &main, CHECK, at(25)).is_some());
        let goes_on =
            (25..99).find(|second| restless.may_go_on(id, branch(), tip(*second), at(*second)));
        assert_eq!(goes_on, Some(85));
        restless.forget(id);
        assert!(restless.moved(id, &main, CHECK, at(102)).is_none());
    }
}
