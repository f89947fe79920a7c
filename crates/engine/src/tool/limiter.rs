//! How often a session may call: at most so many calls in any stretch of time, wherever it begins.

use std::collections::VecDeque;
use std::time::Duration;

use hyperion_model::Time;

/// The longest that a call waits for its turn; one that would wait longer is refused at once.
pub const WAIT_MAX: Duration = Duration::from_secs(10);

/// When a call has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// After this long; the place is taken.
    After(Duration),
    /// Not soon enough.
    Refused {
        /// How many calls there may be.
        max: u32,
        /// After how long it is worth trying again.
        again: Duration,
    },
}

/// Counts the calls of the last stretch.
#[derive(Debug)]
pub(super) struct Limiter {
    max: u32,
    stretch: Duration,
    /// When each of the last `max` calls had, or will have, its turn.
    turns: VecDeque<Time>,
}

impl Limiter {
    /// Lets so many calls through in any stretch of this length.
    pub(super) const fn new(max: u32, stretch: Duration) -> Self {
        Self {
            max,
            stretch,
            turns: VecDeque::new(),
        }
    }

    /// Gives a call its turn.
    pub(super) fn turn(&mut self, now: Time) -> Turn {
        let max = self.max.max(1) as usize;
        // A clock that was set back must not hold anybody up for longer than a stretch.
        while self
            .turns
            .back()
            .is_some_and(|last| *last > now + self.stretch)
        {
            self.turns.pop_back();
        }
        let at = match self.turns.front() {
            Some(first) if self.turns.len() >= max => now.max(*first + self.stretch),
            _ => now,
        };
        let wait = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        if wait > WAIT_MAX {
            return Turn::Refused {
                max: self.max,
                again: wait.saturating_sub(WAIT_MAX),
            };
        }
        if self.turns.len() >= max {
            self.turns.pop_front();
        }
        self.turns.push_back(at);
        Turn::After(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Time {
        Time::from_millisecond(1_760_000_000_000 + ms).unwrap()
    }

    // X1: a hundred a minute; who is a little early waits, who is far too early is told when to come back.
    #[test]
    fn calls_wait_a_little_and_are_refused_when_it_would_be_long() {
        let mut limiter = Limiter::new(100, Duration::from_secs(60));
        for n in 0..100 {
            assert_eq!(limiter.turn(at(n * 10)), Turn::After(Duration::ZERO));
        }
        let refused = |again_ms| Turn::Refused {
            max: 100,
            again: Duration::from_millis(again_ms),
        };
        assert_eq!(limiter.turn(at(1_000)), refused(49_000));
        // The first of them was at 0, so there is room at 60 s; who waits has a place of its own.
        assert_eq!(
            limiter.turn(at(50_000)),
            Turn::After(Duration::from_secs(10))
        );
        assert_eq!(
            limiter.turn(at(50_000)),
            refused(10),
            "the next place is 10 ms later, and 10 s is the most"
        );
        assert_eq!(limiter.turn(at(60_010)), Turn::After(Duration::ZERO));
        assert_eq!(limiter.turn(at(200_000)), Turn::After(Duration::ZERO));
    }

    // X1: whatever the order of waits, no stretch ever has more turns than it may.
    #[test]
    fn no_minute_ever_has_more_calls_than_it_may() {
        let (mut limiter, mut turns) = (Limiter::new(7, Duration::from_secs(60)), Vec::new());
        for step in 0..2_000_i64 {
            let now = step * 1_700 % 977 + step * 800;
            if let Turn::After(wait) = limiter.turn(at(now)) {
                turns.push(now + i64::try_from(wait.as_millis()).unwrap());
            }
        }
        turns.sort_unstable();
        assert!(turns.len() > 100);
        for pair in turns.windows(8) {
            assert!(pair[7] - pair[0] >= 59_000, "{pair:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_up() {
        let mut limiter = Limiter::new(1, Duration::from_secs(60));
        assert_eq!(limiter.turn(at(10_000_000)), Turn::After(Duration::ZERO));
        assert_eq!(limiter.turn(at(0)), Turn::After(Duration::ZERO));
    }
}
