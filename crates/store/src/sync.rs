//! The threads, channels and locks that the store is made of.
//!
//! They are the standard library's. With the feature `shuttle` they belong to a scheduler that runs
//! a test many times and lets their steps follow each other in another order every time.
//!
//! What is only ever taken for a moment, and never waited for with a lock held, stays the standard
//! library's everywhere: `Arc`, counters, and the channels of tasks.

use std::time::Duration;

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, mpsc};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::thread;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, mpsc};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::thread;

/// Takes what comes within a time. A scheduler of tests knows no time: there the next message comes, or none ever.
pub(crate) fn recv_within<T>(from: &mpsc::Receiver<T>, time: Duration) -> Option<T> {
    #[cfg(feature = "shuttle")]
    return {
        let _ = time;
        from.recv().ok()
    };
    #[cfg(not(feature = "shuttle"))]
    from.recv_timeout(time).ok()
}
