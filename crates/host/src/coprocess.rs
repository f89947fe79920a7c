//! A process that answers questions for as long as it is kept.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Instant;

use crate::launch::{Launch, SpawnError};
use crate::wait::{
    GroupLeader, Interest, ReadStep, read_step, set_nonblocking, wait_ready, write_step,
};

/// How much of what a co-process says on standard error is kept.
const STDERR_MAX_BYTES: usize = 16 * 1024;

const READ_CHUNK_BYTES: usize = 64 * 1024;

/// A long-lived process with piped input and output; dropping it kills its whole group.
#[derive(Debug)]
pub struct CoProcess {
    leader: GroupLeader,
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    unread: Vec<u8>,
    read_from: usize,
    complaints: Vec<u8>,
    buffer_max: usize,
}

/// A co-process did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoProcessError {
    /// It ended; what it said before is kept.
    #[error("read from a helper process: it ended: {stderr}")]
    Ended {
        /// The beginning of its standard error.
        stderr: String,
    },
    /// The deadline passed.
    #[error("read from a helper process: no answer in time")]
    TimedOut,
    /// The answer is longer than the caller allows.
    #[error("read from a helper process: its answer is longer than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// The pipes broke.
    #[error("talk to a helper process")]
    Io(#[from] io::Error),
}

impl CoProcess {
    /// Starts the process; `buffer_max` bounds what it may say before it is read.
    pub fn start(launch: &Launch, buffer_max: usize) -> Result<Self, SpawnError> {
        let mut child = launch.spawn(Stdio::piped(), Stdio::piped(), Stdio::piped())?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let leader = GroupLeader::adopt(child).map_err(|source| launch.watch_error(source))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(launch.watch_error(io::ErrorKind::BrokenPipe.into()));
        };
        let (stdin, stdout, stderr) = (
            OwnedFd::from(stdin),
            OwnedFd::from(stdout),
            OwnedFd::from(stderr),
        );
        for pipe in [&stdin, &stdout, &stderr] {
            set_nonblocking(pipe).map_err(|source| launch.watch_error(source))?;
        }
        Ok(Self {
            leader,
            stdin,
            stdout,
            stderr: Some(stderr),
            unread: Vec::new(),
            read_from: 0,
            complaints: Vec::new(),
            buffer_max,
        })
    }

    /// Writes everything, reading whatever the process says meanwhile so that neither side blocks the other.
    pub fn write_all(&mut self, mut bytes: &[u8], deadline: Instant) -> Result<(), CoProcessError> {
        while !bytes.is_empty() {
            match write_step(&self.stdin, bytes)? {
                None => return Err(self.ended()),
                Some(0) => self.wait(true, deadline)?,
                Some(count) => bytes = bytes.get(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Reads up to and without the next `delimiter`.
    pub fn read_until(
        &mut self,
        delimiter: u8,
        max: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, CoProcessError> {
        let mut searched = 0;
        loop {
            let unread = self.unread.get(self.read_from..).unwrap_or_default();
            if let Some(found) = unread
                .iter()
                .skip(searched)
                .position(|byte| *byte == delimiter)
            {
                let length = searched + found;
                let answer = unread.get(..length).unwrap_or_default().to_vec();
                self.consume(length + 1);
                return if length > max {
                    Err(CoProcessError::TooLong { max })
                } else {
                    Ok(answer)
                };
            }
            searched = unread.len();
            if searched > max {
                return Err(CoProcessError::TooLong { max });
            }
            self.wait(false, deadline)?;
        }
    }

    /// Reads exactly this many bytes.
    pub fn read_exact(
        &mut self,
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, CoProcessError> {
        let mut answer = Vec::with_capacity(count.min(self.buffer_max));
        loop {
            let unread = self.unread.get(self.read_from..).unwrap_or_default();
            let taken = unread.len().min(count - answer.len());
            answer.extend_from_slice(unread.get(..taken).unwrap_or_default());
            self.consume(taken);
            if answer.len() == count {
                return Ok(answer);
            }
            self.wait(false, deadline)?;
        }
    }

    /// Gives the beginning of what the process said on standard error so far.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.complaints).trim().to_owned()
    }

    fn consume(&mut self, count: usize) {
        self.read_from += count;
        if self.read_from >= self.unread.len() {
            self.unread.clear();
            self.read_from = 0;
        } else if self.read_from > READ_CHUNK_BYTES {
            self.unread.drain(..self.read_from);
            self.read_from = 0;
        }
    }

    /// Waits for output (or for room to write) and takes in what is there.
    fn wait(&mut self, writing: bool, deadline: Instant) -> Result<(), CoProcessError> {
        if self.unread.len() - self.read_from > self.buffer_max {
            return Err(CoProcessError::TooLong {
                max: self.buffer_max,
            });
        }
        let mut asked = vec![(&self.stdout, Interest::Read)];
        asked.extend(self.stderr.as_ref().map(|fd| (fd, Interest::Read)));
        if writing {
            asked.push((&self.stdin, Interest::Write));
        }
        let ready = wait_ready(&asked, deadline)?;
        if !ready.contains(&true) {
            return Err(CoProcessError::TimedOut);
        }
        let mut chunk = [0_u8; READ_CHUNK_BYTES];
        if let Some(stderr) = &self.stderr {
            match read_step(stderr, &mut chunk)? {
                ReadStep::Got(count) => {
                    let room = STDERR_MAX_BYTES
                        .saturating_sub(self.complaints.len())
                        .min(count);
                    self.complaints
                        .extend_from_slice(chunk.get(..room).unwrap_or_default());
                }
                ReadStep::NotYet => {}
                ReadStep::End => self.stderr = None,
            }
        }
        match read_step(&self.stdout, &mut chunk)? {
            ReadStep::Got(count) => self
                .unread
                .extend_from_slice(chunk.get(..count).unwrap_or_default()),
            ReadStep::NotYet => {}
            ReadStep::End => return Err(self.ended()),
        }
        Ok(())
    }

    fn ended(&mut self) -> CoProcessError {
        // The group is killed and reaped first, so its last words are complete.
        let _ = self.leader.finish();
        let mut chunk = [0_u8; STDERR_MAX_BYTES];
        if let Some(stderr) = &self.stderr
            && let Ok(ReadStep::Got(count)) = read_step(stderr, &mut chunk)
        {
            let room = STDERR_MAX_BYTES
                .saturating_sub(self.complaints.len())
                .min(count);
            self.complaints
                .extend_from_slice(chunk.get(..room).unwrap_or_default());
        }
        CoProcessError::Ended {
            stderr: self.stderr_text(),
        }
    }
}
