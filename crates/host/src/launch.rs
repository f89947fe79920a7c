//! How a process is started: the one place that builds a `Command`.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A process to start, with everything it will see.
///
/// The environment is exactly `env`: nothing is inherited, so a variable set in somebody's shell cannot change a result.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program; a bare name is looked up in the `PATH` of `env`.
    pub program: PathBuf,
    /// Its arguments, without the program itself.
    pub args: Vec<OsString>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads on standard input.
    pub input: Input,
}

/// What a process reads on standard input.
#[derive(Debug, Clone, Default)]
pub enum Input {
    /// Nothing: the end of the file at once.
    #[default]
    Null,
    /// These bytes, then the end of the file.
    Bytes(Vec<u8>),
    /// The content of this file.
    File(PathBuf),
}

/// A process could not be started, or could not be watched after it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The program does not exist.
    #[error("start {}: no such program", program.display())]
    NotFound {
        /// What was asked for.
        program: PathBuf,
    },
    /// The system refused to start it.
    #[error("start {}", program.display())]
    Start {
        /// What was asked for.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that carries its input or output could not be used.
    #[error("open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The pipes or the wait broke.
    #[error("watch {}", program.display())]
    Watch {
        /// What was running.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Launch {
    /// Names the program and the folder it starts in; arguments and environment start empty.
    pub fn new(program: impl Into<PathBuf>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
            input: Input::Null,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one environment variable; a later one of the same name wins.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets what the process reads on standard input.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    /// Starts the process as the leader of a group of its own.
    pub(crate) fn spawn(
        &self,
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Result<Child, SpawnError> {
        let mut command = self.command(stdin, stdout, stderr);
        self.start(command.process_group(0))
    }

    /// Starts the process in our own group: a pager, which needs the terminal, or one that leaves the group by itself.
    pub(crate) fn spawn_in_our_group(
        &self,
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Result<Child, SpawnError> {
        self.start(&mut self.command(stdin, stdout, stderr))
    }

    /// Starts the process in our own group on these descriptors, for a caller that waits for all of its children; gives its number.
    pub fn start_child(
        &self,
        stdin: OwnedFd,
        stdout: Option<OwnedFd>,
        stderr: Option<OwnedFd>,
    ) -> Result<u32, SpawnError> {
        let mut command = self.command(
            Stdio::from(stdin),
            stdout.map_or_else(Stdio::null, Stdio::from),
            stderr.map_or_else(Stdio::inherit, Stdio::from),
        );
        Ok(self.start(&mut command)?.id())
    }

    /// Makes this process, which has one thread, the other program on these descriptors; returns only why it could not.
    pub fn become_it(&self, stdin: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> SpawnError {
        let mut command = self.command(stdin.into(), stdout.into(), stderr.into());
        self.start_error(command.exec())
    }

    fn command(&self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one call to Command in the project"
        )]
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(&self.cwd)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr);
        command
    }

    fn start(&self, command: &mut Command) -> Result<Child, SpawnError> {
        command.spawn().map_err(|source| self.start_error(source))
    }

    fn start_error(&self, source: io::Error) -> SpawnError {
        // A missing working folder gives the same error code as a missing program; only the latter is "not found".
        if source.kind() == io::ErrorKind::NotFound && self.cwd.is_dir() {
            SpawnError::NotFound {
                program: self.program.clone(),
            }
        } else {
            SpawnError::Start {
                program: self.program.clone(),
                source,
            }
        }
    }

    pub(crate) fn watch_error(&self, source: io::Error) -> SpawnError {
        SpawnError::Watch {
            program: self.program.clone(),
            source,
        }
    }
}
