//! What a shim started, and its ends of the program's descriptors.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use hyperion_host::{Launch, SpawnError};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::folder::inherited;
use crate::frame::Stream;
use crate::inside::{Order, send_order};
use crate::spec::{Size, Spec, Stdin};

/// The byte that ends the input of a terminal.
const END_OF_INPUT: u8 = 4;

/// Our ends.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// What is written to standard input; with a terminal, its other side.
    pub(crate) stdin: Option<OwnedFd>,
    /// What is read, and as what it counts; a terminal is one.
    pub(crate) outputs: Vec<(Stream, OwnedFd)>,
    has_terminal: bool,
}

/// The ends of the program.
type Theirs = Vec<OwnedFd>;

impl Ends {
    /// Makes pipes, or a terminal.
    pub(crate) fn make(spec: &Spec, folder: &Path) -> io::Result<(Self, Theirs)> {
        if let Some(size) = spec.terminal {
            return Self::make_terminal(size);
        }
        let (out, their_out) = io::pipe()?;
        let (err, their_err) = io::pipe()?;
        let (stdin, their_stdin) = match &spec.stdin {
            Stdin::Null => (None, File::open("/dev/null")?.into()),
            Stdin::File(path) => (None, File::open(folder.join(path))?.into()),
            Stdin::Attached => {
                let (theirs, ours) = io::pipe()?;
                (Some(OwnedFd::from(ours)), OwnedFd::from(theirs))
            }
        };
        let ends = Self {
            stdin,
            outputs: vec![(Stream::Out, out.into()), (Stream::Err, err.into())],
            has_terminal: false,
        };
        ends.never_wait()?;
        Ok((ends, vec![their_stdin, their_out.into(), their_err.into()]))
    }

    fn make_terminal(size: Size) -> io::Result<(Self, Theirs)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        let ends = Self {
            stdin: Some(ours.try_clone()?),
            outputs: vec![(Stream::Out, ours)],
            has_terminal: true,
        };
        ends.resize(size);
        ends.never_wait()?;
        Ok((ends, vec![theirs]))
    }

    fn never_wait(&self) -> io::Result<()> {
        for fd in self.outputs.iter().map(|(_, fd)| fd).chain(&self.stdin) {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        Ok(())
    }

    /// Gives the terminal another size; the kernel tells the program. Without a terminal it is nothing.
    pub(crate) fn resize(&self, size: Size) {
        if let Some(terminal) = self.stdin.as_ref().filter(|_| self.has_terminal) {
            let size = Winsize {
                ws_row: size.rows,
                ws_col: size.cols,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            let _ = tcsetwinsize(terminal, size);
        }
    }

    /// Ends standard input.
    pub(crate) fn end_stdin(&mut self) {
        if let Some(stdin) = self.stdin.take()
            && self.has_terminal
        {
            let _ = rustix::io::write(&stdin, &[END_OF_INPUT]);
        }
    }
}

/// The first process inside, or the program that it became.
#[derive(Debug)]
pub(crate) struct Leader {
    pub(crate) pid: Pid,
    /// Readable when it has ended.
    pub(crate) end: OwnedFd,
    /// The connection to it, until it became the program.
    pub(crate) connection: Option<OwnedFd>,
}

impl Leader {
    /// Starts the first process inside. It waits for its order, so that it never outlives this process.
    pub(crate) fn start(folder: &Path) -> Result<Self, String> {
        let said = |error: io::Error| format!("start the first process: {error}");
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| said(error.into()))?;
        let mut launch = Launch::new("/proc/self/exe", "/")
            .args(["shim", crate::INSIDE])
            .arg(folder);
        launch.env = inherited();
        let pid = launch.start_child(theirs, None, None);
        let pid = pid.map_err(
            |error: SpawnError| match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        )?;
        let pid = Pid::from_raw(pid.cast_signed()).ok_or("the first process has no number")?;
        let end = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| said(error.into()))?;
        Ok(Self {
            pid,
            end,
            connection: Some(ours),
        })
    }

    /// Tells it to go on.
    pub(crate) fn order(&self, order: &Order, theirs: &[OwnedFd]) -> io::Result<()> {
        match &self.connection {
            Some(connection) => send_order(connection, order, theirs),
            None => Ok(()),
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Sends a signal to the program and its group.
    pub(crate) fn signal(&self, signal: Signal) {
        // It is not taken note of while this is called, so its number is its own.
        let _ = kill_process_group(self.pid, signal);
    }
}
