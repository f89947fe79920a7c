use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A clock that stands still until a test moves it; clones show the same time.
#[derive(Clone, Debug)]
pub struct FixedClock(Arc<Mutex<Timestamp>>);

/// 2026-01-01T00:00:00Z, when every fixed clock and every test repository begins.
pub(crate) const BEGINNING_SEC: i64 = 1_767_225_600;

impl FixedClock {
    /// Starts at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        let beginning = Timestamp::from_second(BEGINNING_SEC).expect("the year 2026 is in range");
        Self(Arc::new(Mutex::new(beginning)))
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock forward and tells the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let by = SignedDuration::try_from(by).expect("a test waits less than an age");
        let now = self.now() + by;
        self.set(now);
        now
    }

    /// Sets the clock, backwards too: clocks jump.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_on_demand_and_for_all_clones() {
        let clock = FixedClock::new();
        let other = clock.clone();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(clock.advance(Duration::from_secs(90)), other.now());
        assert_eq!(other.now().to_string(), "2026-01-01T00:01:30Z");
        clock.set("1999-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(other.now().to_string(), "1999-01-01T00:00:00Z");
    }
}
