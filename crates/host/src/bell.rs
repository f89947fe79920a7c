//! Waking a thread that waits for many descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use crate::wait::timespec;

/// Wakes a thread out of [`wait_any`], any number of times.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// Makes one that is silent.
    pub fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(eventfd(0, flags)?))
    }

    /// Rings until it is silenced.
    pub fn ring(&self) {
        // It fails only when it rings already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Silences it.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of these can be read or is closed, or the time is over; says of each whether it can, or is.
pub fn wait_any(descriptors: &[BorrowedFd<'_>], patience: Duration) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = descriptors
        .iter()
        .map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN))
        .collect();
    match poll(&mut polled, Some(&timespec(patience))) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(polled
        .iter()
        .map(|descriptor| !descriptor.revents().is_empty())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_wakes_until_it_is_silenced() {
        let (one, other) = (Bell::new().unwrap(), Bell::new().unwrap());
        let both = [one.as_fd(), other.as_fd()];
        let look = || wait_any(&both, Duration::ZERO).unwrap();
        assert_eq!(look(), [false, false]);
        other.ring();
        other.ring();
        assert_eq!(look(), [false, true]);
        other.silence();
        assert_eq!(look(), [false, false]);
    }
}
