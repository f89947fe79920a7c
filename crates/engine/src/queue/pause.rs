//! Pauses between attempts, by a clock that may jump.

use std::time::Duration;

use hyperion_model::Time;

/// The longest pause between two attempts.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(600);

/// Tells whether a pause is still on. One that would last longer than any does was begun before the clock
/// went back: it is over.
pub(crate) fn is_on(until: Option<Time>, now: Time) -> bool {
    until.is_some_and(|until| until > now && until <= now + MAX_PAUSE)
}
