//! Knowing a process again after a restart of Hyperion or of the machine.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// Names one process for ever: a pid alone is given again to others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProcessMark {
    /// Its number while it lives.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// The boot it lives in.
    pub boot_id: String,
}

/// What became of a request to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// The group got the signal.
    Signalled,
    /// The process was no longer there.
    Gone,
}

/// A text is not a process mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a process mark: expected pid:start:boot")]
pub struct MarkParseError;

impl ProcessMark {
    /// Takes the mark of a process; `None` when there is none of that number.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        let Some((start_ticks, _)) = stat_of(pid)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            pid,
            start_ticks,
            boot_id: boot_id()?,
        }))
    }
}

impl fmt::Display for ProcessMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.pid, self.start_ticks, self.boot_id)
    }
}

impl FromStr for ProcessMark {
    type Err = MarkParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let mut next = || {
            parts
                .next()
                .filter(|part| !part.is_empty())
                .ok_or(MarkParseError)
        };
        Ok(Self {
            pid: next()?.parse().map_err(|_| MarkParseError)?,
            start_ticks: next()?.parse().map_err(|_| MarkParseError)?,
            boot_id: next()?.to_owned(),
        })
    }
}

/// Says whether that very process still runs; a zombie does not.
#[must_use]
pub fn is_alive(mark: &ProcessMark) -> bool {
    boot_id().is_ok_and(|boot| boot == mark.boot_id)
        && matches!(stat_of(mark.pid), Ok(Some((ticks, state))) if ticks == mark.start_ticks && !matches!(state, 'Z' | 'X'))
}

/// Says whether a process is stopped, by a signal or by whoever looks into it.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    matches!(stat_of(pid), Ok(Some((_, 'T' | 't'))))
}

/// Kills the group that the process leads, only if it is still that very process.
pub fn kill_group(mark: &ProcessMark) -> io::Result<Killed> {
    let Some(pid) = i32::try_from(mark.pid).ok().and_then(Pid::from_raw) else {
        return Ok(Killed::Gone);
    };
    // The handle is taken before looking, so between looking and the signal the number can be given away only after
    // the process ended and was reaped: checking the handle once more closes all but that instant.
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(Killed::Gone);
    };
    if !is_alive(mark) || rustix::process::getpgid(Some(pid))? != pid {
        return Ok(Killed::Gone);
    }
    match kill_process_group(pid, Signal::KILL) {
        Ok(()) => {}
        Err(rustix::io::Errno::SRCH) => return Ok(Killed::Gone),
        Err(error) => return Err(error.into()),
    }
    drop(handle);
    Ok(Killed::Signalled)
}

/// Gives the name of this machine, where it has one.
pub fn hostname() -> Option<String> {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    (!name.is_empty()).then_some(name)
}

/// Names the current boot of the machine.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// Tells how long the machine has been up, sleep included: a clock that nobody sets.
pub fn since_boot() -> io::Result<std::time::Duration> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds = text.split(' ').next().and_then(|text| text.parse().ok());
    seconds
        .and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| io::Error::other("/proc/uptime does not begin with seconds"))
}

/// Reads start time and state of a process.
fn stat_of(pid: u32) -> io::Result<Option<(u64, char)>> {
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => return Ok(None),
        // Ended between open and read.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // The name in the second field may hold spaces and parentheses; the last one closes it.
    let parsed = stat.rsplit_once(')').and_then(|(_, rest)| {
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let start = fields.nth(18)?.parse().ok()?;
        Some((start, state))
    });
    parsed
        .map(Some)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable /proc stat"))
}
