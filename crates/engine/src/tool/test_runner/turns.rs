//! Whose turn it is: a few calls run at once for the home, one for each session; others wait, and are refused when it takes long.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyperion_api::Problem;
use hyperion_host::CancelFlag;
use hyperion_model::Uuid;

/// The most runs at once: each is a compiler or a suite of tests, and takes what processors there are.
pub(super) const RUNS_MAX: usize = 2;
/// The most calls that wait for their turn.
const WAITING_MAX: usize = 16;
/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// The runs at work.
#[derive(Default)]
pub(in crate::tool) struct Runs {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By session.
    active: BTreeMap<Uuid, CancelFlag>,
    waiting: usize,
    stopping: bool,
}

/// A turn; the next one comes when it is dropped.
pub(super) struct Turn<'a> {
    runs: &'a Runs,
    session: Uuid,
}

impl Runs {
    /// Counts those at work and those that wait.
    pub(in crate::tool) fn count(&self) -> usize {
        let state = self.lock();
        state.active.len() + state.waiting
    }

    /// Waits for a session's turn.
    pub(super) fn turn(
        &self,
        session: Uuid,
        cancel: &CancelFlag,
        patience: Option<Duration>,
    ) -> Result<Turn<'_>, Problem> {
        let deadline = Instant::now() + patience.unwrap_or(PATIENCE);
        let mut state = self.lock();
        if state.waiting >= WAITING_MAX {
            return Err(busy(&format!("{WAITING_MAX} calls wait already")));
        }
        state.waiting += 1;
        loop {
            let why = if state.stopping || cancel.is_cancelled() {
                Some(cancelled())
            } else if !state.active.contains_key(&session) && state.active.len() < RUNS_MAX {
                state.waiting -= 1;
                state.active.insert(session, cancel.clone());
                return Ok(Turn {
                    runs: self,
                    session,
                });
            } else if Instant::now() >= deadline {
                let others = if state.active.contains_key(&session) {
                    "this session's last run is still at work".to_owned()
                } else {
                    format!("{RUNS_MAX} runs are at work, which is the most at once")
                };
                Some(busy(&others))
            } else {
                None
            };
            if let Some(problem) = why {
                state.waiting -= 1;
                return Err(problem);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends a run, or a wait for one.
    pub(in crate::tool) fn cancel(&self, flag: &CancelFlag) {
        let state = self.lock();
        flag.cancel();
        drop(state);
        self.changed.notify_all();
    }

    /// Ends them all and waits until they are gone; `false` when some were still there at the end.
    pub(in crate::tool) fn stop(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        state.stopping = true;
        for flag in state.active.values() {
            flag.cancel();
        }
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, patience, |state| {
            state.waiting + state.active.len() > 0
        });
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.active.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.runs.lock().active.remove(&self.session);
        self.runs.changed.notify_all();
    }
}

fn busy(why: &str) -> Problem {
    Problem::new("tool.busy", format!("nothing was run: {why}"))
        .hint("try again when it has ended, or cancel it")
}

/// Says that a call was called off.
pub(super) fn cancelled() -> Problem {
    Problem::new(
        "tool.cancelled",
        "the call was cancelled, and what it ran was stopped",
    )
    .hint("call again if you still want it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag() -> CancelFlag {
        CancelFlag::new().unwrap()
    }

    fn refused(runs: &Runs, session: Uuid, flag: &CancelFlag, patience: Duration) -> String {
        runs.turn(session, flag, Some(patience)).err().unwrap().code
    }

    // T3: one run a session, a few for the home; who waits too long is told why.
    #[test]
    fn a_few_run_at_once_and_one_for_each_session() {
        let runs = Runs::default();
        let (a, b, c) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let first = runs.turn(a, &flag(), None).unwrap();
        assert_eq!(refused(&runs, a, &flag(), Duration::ZERO), "tool.busy");
        let second = runs.turn(b, &flag(), None).unwrap();
        assert_eq!(refused(&runs, c, &flag(), Duration::ZERO), "tool.busy");
        assert_eq!(runs.count(), 2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| runs.turn(c, &flag(), None).map(drop));
            drop(first);
            waiting.join().unwrap().unwrap();
        });
        drop(second);
        assert_eq!(runs.count(), 0);
    }

    // T3: who gives up while it waits waits no longer, and neither does anybody when the engine leaves.
    #[test]
    fn a_wait_ends_when_it_is_called_off_or_the_engine_leaves() {
        let runs = Runs::default();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (waits, works) = (flag(), flag());
        std::thread::scope(|scope| {
            let turn = runs.turn(a, &works, None).unwrap();
            let waiting = scope.spawn(|| refused(&runs, a, &waits, PATIENCE));
            while runs.count() < 2 {
                std::thread::yield_now();
            }
            runs.cancel(&waits);
            assert_eq!(waiting.join().unwrap(), "tool.cancelled");
            let stopping = scope.spawn(|| runs.stop(PATIENCE));
            while !works.is_cancelled() {
                std::thread::yield_now();
            }
            drop(turn);
            assert!(stopping.join().unwrap());
        });
        assert_eq!(refused(&runs, b, &flag(), PATIENCE), "tool.cancelled");
    }
}
