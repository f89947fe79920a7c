//! Running a process to its end under limits.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cancel::CancelFlag;
use crate::launch::{Input, Launch, SpawnError};
use crate::wait::{
    GroupLeader, Interest, ReadStep, deadline_after, read_step, set_nonblocking, wait_ready,
    write_step,
};

/// How long a group has between being asked to end and being killed.
const TERM_GRACE: Duration = Duration::from_secs(1);

/// How long output is still collected after the leader ended and its group was killed: a descendant that left the
/// group may hold the pipe open for ever.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

const READ_CHUNK_BYTES: usize = 64 * 1024;

/// What a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time by the monotonic clock; after it the whole group is ended.
    pub wall: Duration,
    /// Bytes kept of each output; the rest is read and dropped, so that the process is not stopped by a full pipe.
    pub output_max: usize,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was ended because its time was up.
    TimedOut,
    /// It was ended because somebody asked for that.
    Cancelled,
}

impl Exit {
    /// Says whether it exited with code zero.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

/// The first bytes of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// At most as many bytes as the limit allows.
    pub bytes: Vec<u8>,
    /// Whether more came and was dropped.
    pub truncated: bool,
}

impl Captured {
    /// Reads the bytes as text, with replacement characters for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// What a finished process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// How long it took.
    pub duration: Duration,
}

/// Runs a process to its end and keeps the beginning of both outputs.
pub fn run(launch: &Launch, limits: &Limits) -> Result<Outcome, SpawnError> {
    run_until(launch, limits, None)
}

/// Does the same, and ends the process early once a flag is raised.
pub fn run_until(
    launch: &Launch,
    limits: &Limits,
    cancel: Option<&CancelFlag>,
) -> Result<Outcome, SpawnError> {
    let (stdin, feed) = stdin_of(launch)?;
    let child = launch.spawn(stdin, Stdio::piped(), Stdio::piped())?;
    let mut stdout = Capture::new(limits.output_max);
    let mut stderr = Capture::new(limits.output_max);
    let watched = Watched::adopt(launch, child, feed)?;
    let (exit, duration) = watched.finish(launch, limits.wall, cancel, &mut stdout, &mut stderr)?;
    Ok(Outcome {
        exit,
        stdout: stdout.captured,
        stderr: stderr.captured,
        duration,
    })
}

/// Runs a process to its end with its standard output going to a file, unbounded; `stdout` of the outcome is empty.
pub fn run_to_file(launch: &Launch, limits: &Limits, output: &Path) -> Result<Outcome, SpawnError> {
    let (stdin, feed) = stdin_of(launch)?;
    let file = File::create(output).map_err(|source| SpawnError::File {
        path: output.to_path_buf(),
        source,
    })?;
    let child = launch.spawn(stdin, Stdio::from(file), Stdio::piped())?;
    let mut stderr = Capture::new(limits.output_max);
    let watched = Watched::adopt(launch, child, feed)?;
    let (exit, duration) = watched.finish(launch, limits.wall, None, &mut Discard, &mut stderr)?;
    Ok(Outcome {
        exit,
        stdout: Captured::default(),
        stderr: stderr.captured,
        duration,
    })
}

/// Takes output as it comes.
trait Sink {
    fn take(&mut self, bytes: &[u8]);
}

/// Chooses the child's standard input, and what has to be fed into it.
fn stdin_of(launch: &Launch) -> Result<(Stdio, &[u8]), SpawnError> {
    match &launch.input {
        Input::Null => Ok((Stdio::null(), &[])),
        Input::Bytes(bytes) => Ok((Stdio::piped(), bytes)),
        Input::File(path) => match File::open(path) {
            Ok(file) => Ok((Stdio::from(file), &[])),
            Err(source) => Err(SpawnError::File {
                path: path.clone(),
                source,
            }),
        },
    }
}

/// A started process with our ends of its pipes.
struct Watched<'a> {
    leader: GroupLeader,
    started: Instant,
    stdin: Option<OwnedFd>,
    feed: &'a [u8],
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

impl<'a> Watched<'a> {
    fn adopt(
        launch: &Launch,
        mut child: std::process::Child,
        feed: &'a [u8],
    ) -> Result<Self, SpawnError> {
        let started = Instant::now();
        let stdin = child.stdin.take().map(OwnedFd::from);
        let stdout = child.stdout.take().map(OwnedFd::from);
        let stderr = child.stderr.take().map(OwnedFd::from);
        let leader = GroupLeader::adopt(child).map_err(|source| launch.watch_error(source))?;
        for pipe in [&stdin, &stdout, &stderr].into_iter().flatten() {
            set_nonblocking(pipe).map_err(|source| launch.watch_error(source))?;
        }
        Ok(Self {
            leader,
            started,
            stdin,
            feed,
            stdout,
            stderr,
        })
    }

    fn finish(
        mut self,
        launch: &Launch,
        wall: Duration,
        cancel: Option<&CancelFlag>,
        stdout: &mut dyn Sink,
        stderr: &mut dyn Sink,
    ) -> Result<(Exit, Duration), SpawnError> {
        let exit = self
            .watch(deadline_after(wall), cancel, stdout, stderr)
            .map_err(|source| launch.watch_error(source))?;
        Ok((exit, self.started.elapsed()))
    }

    fn watch(
        &mut self,
        deadline: Instant,
        cancel: Option<&CancelFlag>,
        stdout: &mut dyn Sink,
        stderr: &mut dyn Sink,
    ) -> io::Result<Exit> {
        // Why we ended it, if we did; the exit status then only says which signal we used.
        let mut ended_as: Option<Exit> = None;
        let mut deadline = deadline;
        loop {
            let ready = self.wait(deadline, cancel.filter(|_| ended_as.is_none()))?;
            self.transfer(&ready, stdout, stderr)?;
            if ready.ended {
                let status = self.leader.finish()?;
                self.drain(stdout, stderr)?;
                return Ok(ended_as.unwrap_or_else(|| exit_of(status)));
            }
            let cancelled = ended_as.is_none() && cancel.is_some_and(CancelFlag::is_cancelled);
            if cancelled || Instant::now() >= deadline {
                match ended_as {
                    None => {
                        ended_as = Some(if cancelled {
                            Exit::Cancelled
                        } else {
                            Exit::TimedOut
                        });
                        self.leader.signal(Signal::TERM);
                    }
                    Some(_) => self.leader.signal(Signal::KILL),
                }
                deadline = deadline_after(TERM_GRACE);
            }
        }
    }

    fn wait(&self, deadline: Instant, cancel: Option<&CancelFlag>) -> io::Result<Ready> {
        let mut asked = vec![(self.leader.pidfd(), Interest::Read)];
        let feeding = self.stdin.as_ref();
        let pipes = [
            (self.stdout.as_ref(), Interest::Read),
            (self.stderr.as_ref(), Interest::Read),
            (feeding, Interest::Write),
            (cancel.map(CancelFlag::bell), Interest::Read),
        ];
        asked.extend(
            pipes
                .into_iter()
                .filter_map(|(fd, interest)| fd.map(|fd| (fd, interest))),
        );
        let ready = wait_ready(&asked, deadline)?;
        let mut flags = ready.into_iter();
        let mut next = |present: bool| present && flags.next().unwrap_or(false);
        Ok(Ready {
            ended: next(true),
            stdout: next(self.stdout.is_some()),
            stderr: next(self.stderr.is_some()),
            stdin: next(feeding.is_some()),
        })
    }

    fn transfer(
        &mut self,
        ready: &Ready,
        stdout: &mut dyn Sink,
        stderr: &mut dyn Sink,
    ) -> io::Result<()> {
        if ready.stdout {
            pull(&mut self.stdout, stdout)?;
        }
        if ready.stderr {
            pull(&mut self.stderr, stderr)?;
        }
        if ready.stdin
            && let Some(pipe) = &self.stdin
        {
            match write_step(pipe, self.feed)? {
                Some(count) => self.feed = self.feed.get(count..).unwrap_or_default(),
                None => self.feed = &[],
            }
        }
        if self.feed.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }

    fn drain(&mut self, stdout: &mut dyn Sink, stderr: &mut dyn Sink) -> io::Result<()> {
        let deadline = deadline_after(DRAIN_GRACE);
        self.stdin = None;
        while self.stdout.is_some() || self.stderr.is_some() {
            let pipes: Vec<(&OwnedFd, Interest)> = [&self.stdout, &self.stderr]
                .into_iter()
                .flatten()
                .map(|fd| (fd, Interest::Read))
                .collect();
            let ready = wait_ready(&pipes, deadline)?;
            if !ready.contains(&true) {
                return Ok(());
            }
            pull(&mut self.stdout, stdout)?;
            pull(&mut self.stderr, stderr)?;
            if Instant::now() >= deadline {
                return Ok(());
            }
        }
        Ok(())
    }
}

struct Ready {
    ended: bool,
    stdout: bool,
    stderr: bool,
    stdin: bool,
}

/// Moves one chunk from a pipe to its sink; closes the pipe at its end.
fn pull(pipe: &mut Option<OwnedFd>, sink: &mut dyn Sink) -> io::Result<()> {
    let Some(fd) = pipe else { return Ok(()) };
    let mut chunk = [0_u8; READ_CHUNK_BYTES];
    match read_step(fd, &mut chunk)? {
        ReadStep::Got(count) => sink.take(chunk.get(..count).unwrap_or_default()),
        ReadStep::NotYet => {}
        ReadStep::End => *pipe = None,
    }
    Ok(())
}

pub(crate) fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

struct Capture {
    captured: Captured,
    max: usize,
}

impl Capture {
    fn new(max: usize) -> Self {
        Self {
            captured: Captured::default(),
            max,
        }
    }
}

impl Sink for Capture {
    fn take(&mut self, bytes: &[u8]) {
        let room = self.max.saturating_sub(self.captured.bytes.len());
        match bytes.get(..room) {
            Some(kept) if room < bytes.len() => {
                self.captured.bytes.extend_from_slice(kept);
                self.captured.truncated = true;
            }
            _ => self.captured.bytes.extend_from_slice(bytes),
        }
    }
}

/// For a stream that is not ours to keep.
struct Discard;

impl Sink for Discard {
    fn take(&mut self, _bytes: &[u8]) {}
}
