//! A process that goes on when the one that started it has ended.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::launch::{Launch, SpawnError};
use crate::wait::{Interest, ReadStep, read_step, set_nonblocking, wait_ready};

/// A process that was started to stay.
#[derive(Debug)]
pub struct Detached {
    pid: u32,
    stdout: OwnedFd,
}

impl Detached {
    /// Starts the process with nothing to read, and with a file for what it says on standard error.
    ///
    /// It takes itself out of this session with [`leave_session`]: the system does not let the leader of a group begin one.
    pub fn start(launch: &Launch, log: &Path) -> Result<Self, SpawnError> {
        let (mut child, started) = Self::spawn(launch, log, Stdio::null())?;
        // If it ends before this process does, somebody has to take note of that, or it stays in the table of processes.
        let reaper = std::thread::Builder::new().name("reaper".to_owned());
        reaper
            .spawn(move || child.wait())
            .map_err(|source| launch.watch_error(source))?;
        Ok(started)
    }

    /// Does the same with something to read, and without a thread: one that ended stays in the table of processes until the next one is started, or
    /// [`Detached::reap`] is called.
    pub fn start_one_of_many(
        launch: &Launch,
        log: &Path,
        stdin: impl Into<Stdio>,
    ) -> Result<Self, SpawnError> {
        Self::reap();
        let (child, started) = Self::spawn(launch, log, stdin.into())?;
        left().push(child);
        Ok(started)
    }

    /// Takes note of those that ended.
    pub fn reap() {
        left().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    fn spawn(launch: &Launch, log: &Path, stdin: Stdio) -> Result<(Child, Self), SpawnError> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(log);
        // A disk on which nothing can be written has to be told by the process itself.
        let stderr = file.map_or_else(|_| Stdio::null(), Stdio::from);
        // What a shell or a build left open for this process would be passed on: a lock, a pipe that somebody waits for.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let mut child = launch.spawn_in_our_group(stdin, Stdio::piped(), stderr)?;
        let (pid, stdout) = (child.id(), child.stdout.take());
        let stdout = stdout.ok_or_else(|| launch.watch_error(io::ErrorKind::BrokenPipe.into()))?;
        let stdout = OwnedFd::from(stdout);
        set_nonblocking(&stdout).map_err(|source| launch.watch_error(source))?;
        Ok((child, Self { pid, stdout }))
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Reads its first line on standard output; none when it ended, or the deadline passed, without a whole line.
    pub fn first_line(&self, max: usize, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut chunk = [0_u8; 4096];
        loop {
            match read_step(&self.stdout, &mut chunk)? {
                ReadStep::Got(count) => {
                    let got = chunk.get(..count).unwrap_or_default();
                    if let Some(end) = got.iter().position(|byte| *byte == b'\n') {
                        line.extend_from_slice(got.get(..end).unwrap_or_default());
                        return Ok(Some(line));
                    }
                    line.extend_from_slice(got);
                    if line.len() > max {
                        return Ok(None);
                    }
                }
                ReadStep::End => return Ok(None),
                ReadStep::NotYet => {
                    if !wait_ready(&[(&self.stdout, Interest::Read)], deadline)?.contains(&true) {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// Children that were left, until they end.
fn left() -> MutexGuard<'static, Vec<Child>> {
    static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes this process out of the session, the group and the terminal of whoever started it.
///
/// It stays where it is if it leads a group already, as a command does that was typed into a shell.
pub fn leave_session() {
    let _ = rustix::process::setsid();
}

/// Keeps a log that others append to from growing beyond twice `max_bytes`: what is there then moves to `<name>.1`.
pub fn bound_log(log: &Path, max_bytes: u64) -> io::Result<()> {
    if fs::metadata(log)?.len() <= max_bytes {
        return Ok(());
    }
    let mut older = log.as_os_str().to_owned();
    older.push(".1");
    // Whoever appends goes on in the same file, so it is copied and emptied. A full disk is no reason to let it grow.
    let copied = fs::copy(log, older).map(|_| ());
    File::options().write(true).open(log)?.set_len(0)?;
    copied
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn its_first_line_is_heard_and_its_complaints_are_logged() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let start = |script: &str| {
            let launch = Launch::new("/bin/sh", "/").args(["-c", script]);
            Detached::start(&launch, &log).unwrap()
        };
        let talks = start("echo why >&2; echo ready; read nothing || echo end");
        assert_eq!(talks.first_line(100, soon()).unwrap().unwrap(), b"ready");
        assert_eq!(fs::read_to_string(&log).unwrap(), "why\n");
        let silent = start("exit 3");
        assert_eq!(silent.first_line(100, soon()).unwrap(), None);
        let long = start("while :; do echo -n xxxxxxxxxxxxxxxx; done");
        assert_eq!(long.first_line(100, soon()).unwrap(), None);
    }

    #[test]
    fn a_process_that_was_left_is_no_zombie_when_it_ends() {
        let launch = Launch::new("/bin/sh", "/").args(["-c", "exit 0"]);
        let pid = Detached::start(&launch, Path::new("/dev/null"))
            .unwrap()
            .pid();
        let deadline = soon();
        while Path::new(&format!("/proc/{pid}")).exists() {
            assert!(Instant::now() < deadline, "process {pid} is still listed");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_long_log_is_moved_aside_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "12345").unwrap();
        bound_log(&log, 5).unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "12345");
        bound_log(&log, 4).unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "");
        let older = folder.path().join("log.1");
        assert_eq!(fs::read_to_string(older).unwrap(), "12345");
    }
}
