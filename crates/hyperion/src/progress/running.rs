//! The checks that run, and for how long they have.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hyperion_api::event::Event;

use crate::time::duration;

/// How often a pipe hears that a check still runs.
const SAY_EVERY: Duration = Duration::from_secs(30);
/// The most checks that are named at once.
const NAMED_MAX: usize = 3;

/// The checks that run.
pub(super) struct Running {
    checks: BTreeMap<String, Check>,
    /// When something was last told.
    told: Instant,
}

/// A check that runs.
struct Check {
    name: String,
    since: Instant,
}

impl Running {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            checks: BTreeMap::new(),
            told: now,
        }
    }

    /// Follows the runs; `name` says which check it is when one starts.
    pub(super) fn learn(&mut self, event: &Event, now: Instant, name: impl FnOnce() -> String) {
        let run = &event.subject.id;
        match event.kind.as_str() {
            "run.started" if event.data["work"]["type"] == "check" => {
                let check = Check {
                    name: name(),
                    since: now,
                };
                self.checks.insert(run.clone(), check);
            }
            "run.finished" | "run.failed" | "run.killed" | "run.lost" => {
                self.checks.remove(run);
            }
            _ => {}
        }
    }

    /// Notes that something was told.
    pub(super) fn told(&mut self, now: Instant) {
        self.told = now;
    }

    /// Whether a pipe should hear again that something runs.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.told) >= SAY_EVERY
    }

    /// Says what runs and for how long; none while nothing does.
    pub(super) fn words(&self, now: Instant) -> Option<String> {
        let named = self.checks.values().take(NAMED_MAX).map(|check| {
            let seconds = now.duration_since(check.since).as_secs();
            // Whole seconds: tenths would flicker.
            let elapsed = match seconds {
                ..60 => format!("{seconds} s"),
                _ => duration(seconds * 1000),
            };
            format!("{}, {elapsed}", check.name)
        });
        let mut words = named.collect::<Vec<_>>().join("; ");
        if self.checks.len() > NAMED_MAX {
            words.push_str(&format!("; and {} more", self.checks.len() - NAMED_MAX));
        }
        (!words.is_empty()).then_some(words)
    }
}
