//! Whether a run is being ended, by whom, and what comes next.

use std::time::{Duration, Instant};

use hyperion_sandbox::Limits;

use crate::spec::End;
use crate::tree::Sample;

/// What has to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// SIGTERM to the program.
    Terminate,
    /// SIGKILL to everything.
    Kill,
}

/// Decides when a run is ended.
#[derive(Debug)]
pub(crate) struct Ending {
    limits: Limits,
    grace: Duration,
    wall_ends_at: Option<Instant>,
    paused_since: Option<Instant>,
    why: Option<End>,
    kill_at: Option<Instant>,
}

impl Ending {
    pub(crate) fn new(limits: Limits, grace: Duration, now: Instant) -> Self {
        let wall = limits.wall_ms.map(Duration::from_millis);
        Self {
            grace,
            // A limit beyond what the clock can name is none.
            wall_ends_at: wall.and_then(|wall| now.checked_add(wall)),
            limits,
            paused_since: None,
            why: None,
            kill_at: None,
        }
    }

    /// Somebody wants it to end. Another time it is only made sooner.
    pub(crate) fn stop(&mut self, grace: Duration, now: Instant) -> Step {
        self.begin(End::Stopped, grace, now)
    }

    fn begin(&mut self, why: End, grace: Duration, now: Instant) -> Step {
        self.why.get_or_insert(why);
        let kill_at = now.checked_add(grace);
        self.kill_at = match (self.kill_at, kill_at) {
            (Some(before), Some(at)) => Some(before.min(at)),
            (before, at) => before.or(at),
        };
        match grace.is_zero() {
            true => Step::Kill,
            false => Step::Terminate,
        }
    }

    /// The clock goes on.
    pub(crate) fn on_time(&mut self, now: Instant) -> Option<Step> {
        if self.kill_at.is_some_and(|at| now >= at) {
            return Some(Step::Kill);
        }
        let is_over = self.why.is_none()
            && self.paused_since.is_none()
            && self.wall_ends_at.is_some_and(|at| now >= at);
        is_over.then(|| self.begin(limit("wall"), self.grace, now))
    }

    /// Whether a sample is above a limit; memory counts once it is measured exactly.
    pub(crate) fn on_sample(
        &mut self,
        sample: Sample,
        exact_memory_kb: impl FnOnce() -> u64,
        now: Instant,
    ) -> Option<Step> {
        let limits = &self.limits;
        let memory_max = limits.memory_max_mb.map(|mb| mb.saturating_mul(1024));
        let too_many = limits
            .processes_max
            .is_some_and(|max| sample.processes > max);
        let too_much =
            memory_max.is_some_and(|max| sample.memory_kb > max && exact_memory_kb() > max);
        let name = match (too_many, too_much) {
            (true, _) => "processes",
            (_, true) => "memory",
            _ => return None,
        };
        Some(self.begin(limit(name), Duration::ZERO, now))
    }

    /// The time for which it is held does not count.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.paused_since.get_or_insert(now);
    }

    pub(crate) fn resume(&mut self, now: Instant) {
        if let Some(since) = self.paused_since.take() {
            let held = now.saturating_duration_since(since);
            self.wall_ends_at = self.wall_ends_at.and_then(|at| at.checked_add(held));
        }
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// When [`on_time`](Self::on_time) has something to do.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let wall = self
            .wall_ends_at
            .filter(|_| self.why.is_none() && !self.is_paused());
        [self.kill_at, wall].into_iter().flatten().min()
    }

    /// How it ended, with what it did by itself.
    pub(crate) fn end(self, by_itself: End) -> End {
        match by_itself {
            End::NotStarted { .. } => by_itself,
            _ => self.why.unwrap_or(by_itself),
        }
    }
}

fn limit(name: &str) -> End {
    End::Limit {
        limit: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(2);

    fn ending(limits: Limits) -> (Ending, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let at = move |seconds| start + Duration::from_secs(seconds);
        (Ending::new(limits, GRACE, start), at)
    }

    #[test]
    fn too_long_is_ended_in_good_order_and_then_by_force_and_held_time_does_not_count() {
        let limits = Limits {
            wall_ms: Some(10_000),
            ..Limits::default()
        };
        let (mut ending, at) = ending(limits);
        assert_eq!(ending.on_time(at(9)), None);
        ending.pause(at(9));
        assert_eq!((ending.on_time(at(100)), ending.next_at()), (None, None));
        ending.resume(at(100));
        assert_eq!(ending.on_time(at(100)), None);
        assert_eq!(ending.on_time(at(101)), Some(Step::Terminate));
        assert_eq!(
            (ending.on_time(at(102)), ending.next_at()),
            (None, Some(at(103)))
        );
        assert_eq!(ending.on_time(at(103)), Some(Step::Kill));
        assert_eq!(ending.end(End::Exited { code: 0 }), limit("wall"));
    }

    #[test]
    fn a_second_stop_makes_it_sooner_and_the_first_reason_counts() {
        let (mut ending, at) = ending(Limits::default());
        assert_eq!(ending.stop(GRACE, at(0)), Step::Terminate);
        assert_eq!(ending.stop(Duration::from_secs(60), at(1)), Step::Terminate);
        assert_eq!(ending.next_at(), Some(at(2)));
        assert_eq!(ending.stop(Duration::ZERO, at(1)), Step::Kill);
        let not_started = End::NotStarted {
            code: 127,
            why: String::new(),
        };
        assert_eq!(ending.end(not_started.clone()), not_started);
    }

    #[test]
    fn memory_counts_once_it_is_measured_exactly() {
        let limits = Limits {
            memory_max_mb: Some(1),
            processes_max: Some(2),
            ..Limits::default()
        };
        let (mut ending, at) = ending(limits);
        let mut sample = Sample {
            processes: 2,
            memory_kb: 2000,
            cpu_ms: 0,
        };
        assert_eq!(ending.on_sample(sample, || 1024, at(1)), None);
        sample.processes = 3;
        assert_eq!(ending.on_sample(sample, || 1024, at(1)), Some(Step::Kill));
        assert_eq!(ending.end(End::Signalled { signal: 9 }), limit("processes"));
    }
}
