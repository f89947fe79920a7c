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

/// The most bytes of an environment that are read: the kernel gives a program at most 6 MiB of arguments and environment.
const ENVIRONMENT_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// How often those that are left are looked for again: one may start another in its last moment.
const LOOKS_MAX: usize = 20;
/// How long a process may stay in the middle of `execve`, where it shows no environment: a busy machine puts it aside there.
const CHANGE_MAX: Duration = Duration::from_secs(5);
/// The time between two looks at such a process.
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
    let deadline = Instant::now() + CHANGE_MAX;
    loop {
        let look = marked(name, values)?;
        if !look.found.is_empty() || !look.changing || Instant::now() >= deadline {
            return Ok(look.found);
        }
        std::thread::sleep(BLINK);
    }
}

/// A process that has the variable.
struct Marked {
    pid: Pid,
    /// Stays its own when the number is given to another.
    handle: OwnedFd,
}

/// What one look at all processes came to.
#[derive(Default)]
struct ProcessScan {
    found: Vec<Marked>,
    /// A process was between two programs: what it will have is not known yet.
    changing: bool,
}

/// Looks at every process once.
fn marked(name: &str, values: &[String]) -> io::Result<ProcessScan> {
    let own = std::process::id();
    let wanted: Vec<String> = values
        .iter()
        .map(|value| format!("{name}={value}"))
        .collect();
    let mut look = ProcessScan::default();
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|text| text.parse().ok());
        let Some(pid) = pid.filter(|pid: &u32| *pid != own) else {
            continue;
        };
        let of = entry.path();
        match has_one(&of, &wanted) {
            Has::One => {}
            Has::None => continue,
            Has::NotYetKnown => {
                look.changing = true;
                continue;
            }
        }
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            continue;
        };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        // Look again: the pid may have been given to another process before the handle was taken.
        match has_one(&of, &wanted) {
            Has::One => look.found.push(Marked { pid, handle }),
            Has::None => {}
            Has::NotYetKnown => look.changing = true,
        }
    }
    Ok(look)
}

/// What an environment tells.
#[derive(Debug, PartialEq)]
enum Has {
    One,
    None,
    NotYetKnown,
}

/// Whether the environment of a process of `/proc` holds one of these.
///
/// What cannot be read is somebody else's.
fn has_one(process: &Path, wanted: &[String]) -> Has {
    let Ok(bytes) = read_bounded(&process.join("environ"), ENVIRONMENT_MAX_BYTES) else {
        return Has::None;
    };
    let holds = bytes
        .split(|byte| *byte == 0)
        .any(|variable| wanted.iter().any(|wanted| wanted.as_bytes() == variable));
    if holds {
        return Has::One;
    }
    // The kernel's own threads and the dead have no program, and never will.
    let is_over = || {
        fs::read_link(process.join("exe"))
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match fs::read_to_string(process.join("stat")) {
        Ok(stat) if environment_bytes(&stat) == Some(bytes.len() as u64) => Has::None,
        Err(_) => Has::None,
        Ok(_) if is_over() => Has::None,
        Ok(_) => Has::NotYetKnown,
    }
}

/// The length of a process's environment, from its `stat` (proc_pid_stat(5), fields 50 and 51); nothing while `execve` has not yet
/// made one.
fn environment_bytes(stat: &str) -> Option<u64> {
    // The program's name may hold anything; the fields after it hold neither spaces nor brackets. The first of them is field 3.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(27 - 3);
    // The kernel sets the end of the code last: before that, an environment that is not yet set up looks like an empty one.
    let end_of_code: u64 = fields.next()?.parse().ok()?;
    let mut fields = fields.skip(50 - 28);
    let start: u64 = fields.next()?.parse().ok()?;
    let end: u64 = fields.next()?.parse().ok()?;
    (end_of_code > 1 && end != 0)
        .then(|| end.checked_sub(start))
        .flatten()
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

#[cfg(test)]
mod tests {
    use super::{Has, environment_bytes, has_one};
    use std::path::Path;

    const UP_TO_CODE: &str = "7 (a ) b) S 1 7 7 0 -1 4194304 95 0 0 0 0 0 0 0 20 0 1 0 100 2707456 200 18446744073709551615 1";
    const FROM_STACK: &str = "3 0 0 0 0 0 0 1 0 0 17 0 0 0 0 0 0 10 20 30 40 50";

    #[test]
    fn the_length_of_an_environment_is_what_the_kernel_says() {
        let stat = |end_of_code: &str, environment: &str| {
            environment_bytes(&format!(
                "{UP_TO_CODE} {end_of_code} {FROM_STACK} {environment} 0\n"
            ))
        };
        let of = |environment: &str| stat("2", environment);
        assert_eq!(stat("0", "100 100"), None, "its environment is on its way");
        assert_eq!(of("100 164"), Some(64));
        assert_eq!(of("100 100"), Some(0), "a program that was given none");
        assert_eq!(of("0 0"), None, "between two programs");
        assert_eq!(of("164 100"), None);
        assert_eq!(environment_bytes("7 (a"), None);
    }

    #[test]
    fn a_process_at_rest_and_one_that_is_not_there_are_known_at_once() {
        let wanted = ["HYPERION_TEST_MARK=nobody has this".to_owned()];
        assert_eq!(has_one(Path::new("/proc/self"), &wanted), Has::None);
        assert_eq!(has_one(Path::new("/proc/0"), &wanted), Has::None);
    }
}
