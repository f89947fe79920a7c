//! Processes that are known by a variable in their environment: a crash leaves nobody else who knows them.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpgid, kill_process_group, pidfd_open, pidfd_send_signal,
};

use crate::files::read_bounded;
use crate::wait::timespec;

/// The most bytes of an environment that are read.
const ENVIRONMENT_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// How often those that are left are looked for again: one may start another in its last moment.
const LOOKS_MAX: usize = 20;
/// How often a process that shows no environment just now is looked at again before it is taken to have none: on a busy machine it
/// may be put aside in the middle of `execve`.
const BLINKS_MAX: usize = 25;
/// The time between two such looks.
const BLINK: Duration = Duration::from_millis(2);
/// How long a killed process may take to go.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// Kills every process that has the variable with one of these values; tells whether all are gone.
///
/// It finds what left its process group, too, as long as it kept its environment; and what a marked process leads, whatever its
/// environment.
pub fn kill_marked(name: &str, values: &[String]) -> io::Result<bool> {
    for _ in 0..LOOKS_MAX {
        let found = surely_marked(name, values)?;
        if found.is_empty() {
            return Ok(true);
        }
        for process in &found {
            // The group while its leader lives, so that the number is still its own; either may have ended by itself.
            if getpgid(Some(process.pid)).is_ok_and(|group| group == process.pid) {
                let _ = kill_process_group(process.pid, Signal::KILL);
            }
            let _ = pidfd_send_signal(&process.handle, Signal::KILL);
        }
        await_ends(&found, Instant::now() + LAST_BREATH)?;
    }
    Ok(false)
}

/// Waits until no process has the variable with one of these values; tells whether it came to that.
pub fn await_marked(name: &str, values: &[String], patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        let found = surely_marked(name, values)?;
        if found.is_empty() {
            return Ok(true);
        }
        await_ends(&found, deadline)?;
        if Instant::now() >= deadline {
            return Ok(false);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel tells nobody when a program was changed"
)]
/// Finds them, and looks again where one may be between two programs.
fn surely_marked(name: &str, values: &[String]) -> io::Result<Vec<Marked>> {
    let mut look = marked(name, values)?;
    for _ in 0..BLINKS_MAX {
        if !look.found.is_empty() || !look.blinked {
            break;
        }
        std::thread::sleep(BLINK);
        look = marked(name, values)?;
    }
    Ok(look.found)
}

/// A process that has the variable.
struct Marked {
    pid: Pid,
    /// Stays its own when the number is given to another.
    handle: OwnedFd,
}

/// What one look at all processes came to.
#[derive(Default)]
struct Look {
    found: Vec<Marked>,
    /// A process showed no environment at all: it has none, or `execve` is just giving it one.
    blinked: bool,
}

/// Looks at every process once.
fn marked(name: &str, values: &[String]) -> io::Result<Look> {
    let own = std::process::id();
    let wanted: Vec<String> = values
        .iter()
        .map(|value| format!("{name}={value}"))
        .collect();
    let mut look = Look::default();
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|text| text.parse().ok());
        let Some(pid) = pid.filter(|pid: &u32| *pid != own) else {
            continue;
        };
        let environment = entry.path().join("environ");
        match has_one(&environment, &wanted) {
            Some(true) => {}
            Some(false) => continue,
            None => {
                // The kernel's own threads have no program either.
                look.blinked |= fs::read_link(entry.path().join("exe")).is_ok();
                continue;
            }
        }
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            continue;
        };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        // Looked at once more: the number may have been another's by the time of the handle.
        match has_one(&environment, &wanted) {
            Some(true) => look.found.push(Marked { pid, handle }),
            Some(false) => {}
            None => look.blinked = true,
        }
    }
    Ok(look)
}

/// Whether an environment holds one of these; nothing where it is empty.
///
/// What cannot be read is somebody else's.
fn has_one(environment: &Path, wanted: &[String]) -> Option<bool> {
    let Ok(bytes) = read_bounded(environment, ENVIRONMENT_MAX_BYTES) else {
        return Some(false);
    };
    (!bytes.is_empty()).then(|| {
        bytes
            .split(|byte| *byte == 0)
            .any(|variable| wanted.iter().any(|wanted| wanted.as_bytes() == variable))
    })
}

fn await_ends(processes: &[Marked], deadline: Instant) -> io::Result<()> {
    for process in processes {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut handle = [PollFd::from_borrowed_fd(
            process.handle.as_fd(),
            PollFlags::IN,
        )];
        match poll(&mut handle, Some(&timespec(left))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
