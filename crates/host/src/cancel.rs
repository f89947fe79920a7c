//! Asking a wait in another thread to stop.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::wait::{Interest, deadline_after, wait_ready};

/// A flag that ends the run that watches it; clones share it, and it is never lowered again.
#[derive(Debug, Clone)]
pub struct CancelFlag {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    raised: AtomicBool,
    // Becomes readable when raised and is never read, so every watcher wakes.
    bell: OwnedFd,
}

impl CancelFlag {
    /// Makes a flag that is not raised.
    pub fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            shared: Arc::new(Shared {
                raised: AtomicBool::new(false),
                bell,
            }),
        })
    }

    /// Raises the flag; raising it again changes nothing.
    pub fn cancel(&self) {
        if !self.shared.raised.swap(true, Ordering::SeqCst) {
            // The counter cannot overflow: it is written once.
            let _ = rustix::io::write(&self.shared.bell, &1_u64.to_ne_bytes());
        }
    }

    /// Says whether the flag was raised.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.raised.load(Ordering::SeqCst)
    }

    /// Waits until the flag is raised, or the time is over; says whether it was raised.
    pub fn wait(&self, time: Duration) -> io::Result<bool> {
        wait_ready(&[(&self.shared.bell, Interest::Read)], deadline_after(time))?;
        Ok(self.is_cancelled())
    }

    /// Readable once it is raised.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.bell.as_fd()
    }

    pub(crate) fn bell(&self) -> &OwnedFd {
        &self.shared.bell
    }
}
