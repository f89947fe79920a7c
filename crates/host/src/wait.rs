//! Waiting for a child with a deadline: readiness of its pipes and of its end in one `poll`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// A child that leads its own group; the group dies with this value.
#[derive(Debug)]
pub(crate) struct GroupLeader {
    child: Child,
    pidfd: OwnedFd,
    status: Option<ExitStatus>,
}

impl GroupLeader {
    pub(crate) fn adopt(mut child: Child) -> io::Result<Self> {
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self {
                child,
                pidfd,
                status: None,
            }),
            Err(error) => {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    /// Becomes readable when the leader has ended.
    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Sends a signal to the whole group.
    ///
    /// Until the leader is reaped its number cannot be given to another group, so this never hits a stranger.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            // Fails only when nobody is left, which is what was wanted.
            let _ = kill_process_group(Pid::from_child(&self.child), signal);
        }
    }

    /// Kills what is left of the group, then reaps the leader.
    pub(crate) fn finish(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        self.signal(Signal::KILL);
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for GroupLeader {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// What `poll` is asked about one descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    Write,
}

/// Waits until one of the descriptors is ready or the deadline has passed; the answer has one flag for each.
pub(crate) fn wait_ready(fds: &[(&OwnedFd, Interest)], deadline: Instant) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = fds
        .iter()
        .map(|(fd, interest)| {
            let flags = match interest {
                Interest::Read => PollFlags::IN,
                Interest::Write => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(fd.as_fd(), flags)
        })
        .collect();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(&mut polled, Some(&timespec(left))) {
            Ok(_) => return Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until a descriptor is readable, or the time is over; says whether it is.
pub fn wait_readable(fd: &OwnedFd, time: Duration) -> io::Result<bool> {
    Ok(wait_ready(&[(fd, Interest::Read)], deadline_after(time))?.contains(&true))
}

pub(crate) fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(fd, true)?)
}

/// One read from a non-blocking descriptor.
pub(crate) enum ReadStep {
    Got(usize),
    NotYet,
    End,
}

pub(crate) fn read_step(fd: &OwnedFd, buffer: &mut [u8]) -> io::Result<ReadStep> {
    loop {
        return match rustix::io::read(fd, &mut *buffer) {
            Ok(0) => Ok(ReadStep::End),
            Ok(count) => Ok(ReadStep::Got(count)),
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => Ok(ReadStep::NotYet),
            Err(error) => Err(error.into()),
        };
    }
}

/// Writes what fits now; `None` when the reader is gone.
pub(crate) fn write_step(fd: &OwnedFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    loop {
        return match rustix::io::write(fd, bytes) {
            Ok(count) => Ok(Some(count)),
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => Ok(Some(0)),
            Err(rustix::io::Errno::PIPE) => Ok(None),
            Err(error) => Err(error.into()),
        };
    }
}

/// A deadline that saturates instead of overflowing for absurdly long limits.
pub(crate) fn deadline_after(wall: Duration) -> Instant {
    const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    let now = Instant::now();
    now.checked_add(wall.min(FOREVER)).unwrap_or(now)
}

pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// Waits until one of the descriptors is readable, or the time is over.
pub fn wait_any_readable(fds: &[OwnedFd], time: Duration) -> io::Result<()> {
    let asked: Vec<_> = fds.iter().map(|fd| (fd, Interest::Read)).collect();
    wait_ready(&asked, deadline_after(time)).map(drop)
}
