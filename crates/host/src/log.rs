//! Running a process whose output goes to a bounded log file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::cancel::CancelFlag;
use crate::files::create_private;
use crate::launch::{Launch, SpawnError};
use crate::process::ProcessMark;
use crate::run::{Discard, Exit, Limits, Sink, Watched, stdin_of};

/// How much of the end of the output stays in memory and, where the middle was dropped, ends the log.
pub const LOG_TAIL_BYTES: usize = 64 * 1024;

/// What a logged run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// How it ended.
    pub exit: Exit,
    /// The last bytes of its output, at most [`LOG_TAIL_BYTES`].
    pub tail: Vec<u8>,
    /// Bytes the process wrote.
    pub output_bytes: u64,
    /// Bytes left out of the middle of the log because of its limit, or because the disk was full.
    pub dropped_bytes: u64,
    /// How long it took.
    pub duration: Duration,
}

/// Runs a process to its end with both outputs, in the order they were written, in a private log file.
///
/// `limits.output_max` bounds the log: its beginning and its end are kept, and a marker line says how much of the
/// middle was dropped. `on_started` hears which process it is before anything is waited for.
pub fn run_logged(
    launch: &Launch,
    limits: &Limits,
    log: &Path,
    cancel: &CancelFlag,
    on_started: impl FnOnce(&ProcessMark),
) -> Result<Logged, SpawnError> {
    let file = create_private(log).map_err(|source| SpawnError::File {
        path: log.to_path_buf(),
        source,
    })?;
    let (stdin, feed) = stdin_of(launch)?;
    let (reader, writer) = std::io::pipe().map_err(|source| launch.watch_error(source))?;
    let second = writer
        .try_clone()
        .map_err(|source| launch.watch_error(source))?;
    let child = launch.spawn(stdin, Stdio::from(writer), Stdio::from(second))?;
    let watched =
        Watched::adopt(launch, child, feed)?.with_merged_output(launch, OwnedFd::from(reader))?;
    match ProcessMark::of(watched.pid()) {
        Ok(Some(mark)) => on_started(&mark),
        // The process is not reaped yet, so it must exist. Without its mark nobody could end it after a crash.
        Ok(None) => return Err(launch.watch_error(std::io::ErrorKind::NotFound.into())),
        Err(source) => return Err(launch.watch_error(source)),
    }
    let mut sink = LogSink::new(file, limits.output_max);
    let (exit, duration) =
        watched.finish(launch, limits.wall, Some(cancel), &mut sink, &mut Discard)?;
    Ok(sink.finish(exit, duration))
}

/// Head to the file, then only the tail in memory, which is appended when the run ends.
struct LogSink {
    file: File,
    head_left: usize,
    tail: VecDeque<u8>,
    output_bytes: u64,
    logged_bytes: u64,
    disk_full: bool,
}

impl LogSink {
    fn new(file: File, max: usize) -> Self {
        let head_left = max.saturating_sub(LOG_TAIL_BYTES);
        Self {
            file,
            head_left,
            tail: VecDeque::new(),
            output_bytes: 0,
            logged_bytes: 0,
            disk_full: false,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.disk_full || bytes.is_empty() {
            return;
        }
        // A log that cannot be written must not change the verdict of what it describes: the loss is counted.
        match self.file.write_all(bytes) {
            Ok(()) => self.logged_bytes += bytes.len() as u64,
            Err(_) => self.disk_full = true,
        }
    }

    fn finish(mut self, exit: Exit, duration: Duration) -> Logged {
        let tail: Vec<u8> = self.tail.drain(..).collect();
        let unlogged = self.output_bytes - self.logged_bytes;
        let end = tail.len()
            - tail
                .len()
                .min(usize::try_from(unlogged).unwrap_or(usize::MAX));
        let missing_tail = tail.get(end..).unwrap_or_default();
        let gap = unlogged - missing_tail.len() as u64;
        if gap > 0 && !self.disk_full {
            // Not part of the output, so it does not count as logged.
            let _ = write!(self.file, "\n[hyperion: {gap} bytes dropped here]\n");
        }
        self.write(missing_tail);
        Logged {
            exit,
            tail,
            output_bytes: self.output_bytes,
            dropped_bytes: self.output_bytes - self.logged_bytes,
            duration,
        }
    }
}

impl Sink for LogSink {
    fn take(&mut self, bytes: &[u8]) {
        self.output_bytes += bytes.len() as u64;
        let (head, _) = bytes.split_at(self.head_left.min(bytes.len()));
        self.head_left -= head.len();
        self.write(head);
        self.tail.extend(
            bytes
                .iter()
                .skip(bytes.len().saturating_sub(LOG_TAIL_BYTES)),
        );
        let excess = self.tail.len().saturating_sub(LOG_TAIL_BYTES);
        self.tail.drain(..excess);
    }
}
