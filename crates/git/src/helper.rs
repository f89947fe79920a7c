//! A long-lived git process that is started when first asked and started again when it ended.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyperion_host::{CoProcess, CoProcessError};

use crate::error::{GitError, says_disk_full};

/// How long one question may take.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// One co-process, one question at a time.
#[derive(Debug)]
pub(crate) struct Helper {
    command: &'static str,
    running: Mutex<Option<CoProcess>>,
}

/// The conversation about one question.
pub(crate) struct Conversation<'a> {
    command: &'static str,
    process: &'a mut CoProcess,
    deadline: Instant,
}

impl Helper {
    pub(crate) fn new(command: &'static str) -> Self {
        Self {
            command,
            running: Mutex::new(None),
        }
    }

    /// Asks; after an end of the process asks a fresh one once, so the question must be safe to repeat.
    ///
    /// A process whose conversation failed half-way is never asked again: what it says next would answer an old question.
    pub(crate) fn ask<T>(
        &self,
        start: impl Fn() -> Result<CoProcess, GitError>,
        talk: impl Fn(&mut Conversation<'_>) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        // A panic in another conversation leaves the process taken out, so the lock itself is fine.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = running.is_none();
        let mut process = match running.take() {
            Some(process) => process,
            None => start()?,
        };
        let mut answer = talk(&mut self.conversation(&mut process));
        if !fresh
            && matches!(
                &answer,
                Err(GitError::Helper {
                    source: CoProcessError::Ended { .. },
                    ..
                })
            )
        {
            process = start()?;
            answer = talk(&mut self.conversation(&mut process));
        }
        match answer {
            Ok(answer) => {
                *running = Some(process);
                Ok(answer)
            }
            Err(GitError::Helper {
                command,
                source: CoProcessError::Ended { stderr },
            }) if says_disk_full(&stderr) => Err(GitError::DiskFull {
                command: command.to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Ends the process; the next question starts another.
    pub(crate) fn stop(&self) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    fn conversation<'a>(&self, process: &'a mut CoProcess) -> Conversation<'a> {
        let now = Instant::now();
        Conversation {
            command: self.command,
            process,
            deadline: now.checked_add(ANSWER_TIME).unwrap_or(now),
        }
    }
}

impl Conversation<'_> {
    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        let command = self.command;
        self.process
            .write_all(bytes, self.deadline)
            .map_err(|source| GitError::Helper { command, source })
    }

    pub(crate) fn hear_until(&mut self, delimiter: u8) -> Result<Vec<u8>, GitError> {
        const FIELD_MAX_BYTES: usize = 1024 * 1024;
        let command = self.command;
        self.process
            .read_until(delimiter, FIELD_MAX_BYTES, self.deadline)
            .map_err(|source| GitError::Helper { command, source })
    }

    pub(crate) fn hear_exactly(&mut self, count: usize) -> Result<Vec<u8>, GitError> {
        let command = self.command;
        self.process
            .read_exact(count, self.deadline)
            .map_err(|source| GitError::Helper { command, source })
    }
}
