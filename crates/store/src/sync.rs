//! The threads, channels and locks that the store is made of.
//!
//! They are the standard library's. With the feature `shuttle` they belong to a scheduler that runs
//! a test many times and lets their steps follow each other in another order every time.
//!
//! What is only ever taken for a moment, and never waited for with a lock held, stays the standard
//! library's everywhere: `Arc`, counters, and the channels of tasks.

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, mpsc};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::thread;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, mpsc};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::thread;
