//! Running a process whose output is kept in memory: its beginning and its end.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use crate::cancel::CancelFlag;
use crate::launch::{Launch, SpawnError};
use crate::process::ProcessMark;
use crate::run::{Discard, Exit, Sink, Watched, stdin_of};

/// What a run may use, and how much of its output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// Time by the monotonic clock; after it the whole group is ended.
    pub wall: Duration,
    /// Bytes kept of the beginning of each output.
    pub head_max: usize,
    /// Bytes kept of the end of each output, beside its beginning.
    pub tail_max: usize,
}

/// How the two outputs of a process are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Both outputs together, in the order in which they were written, for people to read.
    Together,
    /// Each by itself: one of them is for a machine.
    Apart,
}

/// An output: all of it, or its beginning and its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its beginning.
    pub head: Vec<u8>,
    /// Its end; empty when nothing follows the beginning.
    pub tail: Vec<u8>,
    /// How many bytes between the two were dropped.
    pub dropped: u64,
}

impl Kept {
    /// Counts the bytes that were written.
    pub fn written(&self) -> u64 {
        self.head.len() as u64 + self.dropped + self.tail.len() as u64
    }

    /// Gives what was kept, in one piece; where something was dropped, half a line before and after it as well.
    pub fn joined(mut self) -> Vec<u8> {
        if self.dropped > 0 {
            // Half a line is worse than none: half a secret would not be recognised and masked.
            let end = self.head.iter().rposition(|byte| *byte == b'\n');
            self.head.truncate(end.map_or(0, |at| at + 1));
            let start = self.tail.iter().position(|byte| *byte == b'\n');
            self.tail
                .drain(..start.map_or(self.tail.len(), |at| at + 1));
        }
        self.head.append(&mut self.tail);
        self.head
    }
}

/// What a run left whose output was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRun {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output; of streams together, both.
    pub stdout: Kept,
    /// Its standard error; of streams together, nothing.
    pub stderr: Kept,
    /// How long it took.
    pub duration: Duration,
}

/// Runs a process to its end, and keeps the beginning and the end of what it writes.
///
/// `on_started` hears which process it is before anything is waited for.
pub fn run_kept(
    launch: &Launch,
    limits: &KeepLimits,
    streams: Streams,
    cancel: &CancelFlag,
    on_started: impl FnOnce(&ProcessMark),
) -> Result<KeptRun, SpawnError> {
    let (stdin, feed) = stdin_of(launch)?;
    let watched = match streams {
        Streams::Apart => {
            let child = launch.spawn(stdin, Stdio::piped(), Stdio::piped())?;
            Watched::adopt(launch, child, feed)?
        }
        Streams::Together => {
            let pipe = std::io::pipe().and_then(|(from, to)| Ok((from, to.try_clone()?, to)));
            let (from, to, second) = pipe.map_err(|source| launch.watch_error(source))?;
            let child = launch.spawn(stdin, Stdio::from(to), Stdio::from(second))?;
            Watched::adopt(launch, child, feed)?.with_merged_output(launch, OwnedFd::from(from))?
        }
    };
    match ProcessMark::of(watched.pid()) {
        Ok(Some(mark)) => on_started(&mark),
        // Not reaped yet, so it must be there.
        Ok(None) => return Err(launch.watch_error(std::io::ErrorKind::NotFound.into())),
        Err(source) => return Err(launch.watch_error(source)),
    }
    let (mut stdout, mut stderr) = (Keeper::new(limits), Keeper::new(limits));
    let mut nowhere = Discard;
    let second: &mut dyn Sink = match streams {
        Streams::Apart => &mut stderr,
        Streams::Together => &mut nowhere,
    };
    let (exit, duration) =
        watched.finish(launch, limits.wall, Some(cancel), &mut stdout, second)?;
    Ok(KeptRun {
        exit,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
        duration,
    })
}

/// Keeps the beginning and the end of what it takes.
struct Keeper {
    head: Vec<u8>,
    head_max: usize,
    tail: VecDeque<u8>,
    tail_max: usize,
    dropped: u64,
}

impl Keeper {
    const fn new(limits: &KeepLimits) -> Self {
        Self {
            head: Vec::new(),
            head_max: limits.head_max,
            tail: VecDeque::new(),
            tail_max: limits.tail_max,
            dropped: 0,
        }
    }

    fn finish(self) -> Kept {
        Kept {
            head: self.head,
            tail: self.tail.into(),
            dropped: self.dropped,
        }
    }
}

impl Sink for Keeper {
    fn take(&mut self, bytes: &[u8]) {
        let room = self.head_max - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.tail_max);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(head_max: usize, tail_max: usize) -> KeepLimits {
        KeepLimits {
            wall: Duration::from_secs(20),
            head_max,
            tail_max,
        }
    }

    fn run(script: &str, limits: &KeepLimits, streams: Streams) -> KeptRun {
        let launch = Launch::new("/bin/sh", "/").args(["-c", script]);
        run_kept(
            &launch,
            limits,
            streams,
            &CancelFlag::new().unwrap(),
            |_| {},
        )
        .unwrap()
    }

    // T3: of a long output the beginning and the end are kept, and how much is missing is told.
    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done";
        let ran = run(script, &limits(100, 50), Streams::Together);
        assert_eq!((ran.stdout.head.len(), ran.stdout.tail.len()), (100, 50));
        assert_eq!(ran.stdout.written(), 18_890);
        assert_eq!(ran.stdout.dropped, 18_740);
        let text = String::from_utf8(ran.stdout.joined()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines[0], lines[lines.len() - 1]), ("line 0", "line 1999"));
        assert!(lines.iter().all(|line| line.starts_with("line ")), "{text}");
        let all = run("echo out", &limits(100, 50), Streams::Together).stdout;
        assert_eq!((all.dropped, all.joined()), (0, b"out\n".to_vec()));
    }

    #[test]
    fn outputs_are_kept_together_or_apart() {
        let script = "echo out; echo err >&2; echo out";
        let ran = run(script, &limits(100, 50), Streams::Apart);
        assert_eq!(
            (&*ran.stdout.head, &*ran.stderr.head),
            (&b"out\nout\n"[..], &b"err\n"[..])
        );
        let ran = run(script, &limits(100, 50), Streams::Together);
        assert_eq!(
            (&*ran.stdout.head, &*ran.stderr.head),
            (&b"out\nerr\nout\n"[..], &b""[..])
        );
    }

    // T3: nobody is there to type: what reads gets the end of the file.
    #[test]
    fn whoever_asks_gets_no_answer_and_does_not_wait() {
        let ran = run("read answer || exit 3", &limits(9, 9), Streams::Together);
        assert_eq!(ran.exit, Exit::Code(3));
    }
}
