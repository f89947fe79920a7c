//! The checks that run, and for how long they have.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hyperion_api::Client;
use hyperion_api::event::Event;

use super::last_line::LastLine;
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
    last_line: Option<LastLine>,
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
                    last_line: None,
                };
                self.checks.insert(run.clone(), check);
            }
            "run.finished" | "run.failed" | "run.killed" | "run.lost" => {
                self.checks.remove(run);
            }
            _ => {}
        }
    }

    /// Follows what those that are named write, from here on.
    pub(super) fn watch(&mut self, client: &Client) {
        for (run, check) in self.checks.iter_mut().take(NAMED_MAX) {
            let watch = || LastLine::watch(run, client.clone());
            check.last_line.get_or_insert_with(watch);
        }
    }

    /// Gives the last line of the first of them that wrote something.
    pub(super) fn last_line(&self) -> Option<String> {
        let lines = self.checks.values().take(NAMED_MAX);
        let mut lines = lines.filter_map(|check| check.last_line.as_ref()?.get());
        lines.next()
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
