//! A client of a shim.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use hyperion_host::wait_readable;

use crate::control::{
    Control, FromClient, FromShim, News, PACKET_MAX, Received, SOCKET, STDIN_MAX, STDIN_WINDOW,
    address_in, new_socket, receive, send,
};
use crate::folder::{Found, look};
use crate::frame::Frame;
use crate::spec::VERSION;
use crate::spool::Reader;

/// How long a shim may take to answer the first message.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Nobody can be attached to the run, or not this client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// There is no shim: not yet, or not any more. The spool can be read all the same.
    #[error("attach to a run: its shim is not there")]
    NoShim,
    /// A client with a higher fence is, or was, there.
    #[error("attach to a run: it belongs to a newer engine ({highest})")]
    Fenced {
        /// The highest fence.
        highest: u64,
    },
    /// The shim answered with something else, or not at all.
    #[error("attach to a run: its shim does not answer")]
    NoAnswer,
    /// The system refused.
    #[error("attach to a run")]
    Io(#[from] io::Error),
}

/// A connection to a live shim, with a place in its spool.
#[derive(Debug)]
pub struct Attachment {
    socket: OwnedFd,
    reader: Reader,
    news: News,
    is_over: bool,
    /// What did not fit into the socket.
    unsent: VecDeque<Vec<u8>>,
    stdin_sent: u64,
    /// The version that the shim speaks.
    version: u32,
}

impl Attachment {
    /// Attaches to the shim of a run, after a frame.
    ///
    /// The highest fence that a shim ever saw wins: clients with a lower one are sent away, those with the same one share it.
    pub fn open(folder: &Path, fence: u64, after_seq: u64) -> Result<Self, AttachError> {
        let opened = OwnedFd::from(File::open(folder)?);
        let socket = new_socket()?;
        let address = address_in(&opened, Path::new(SOCKET))?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => {}
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => {
                return Err(AttachError::NoShim);
            }
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let hello = FromClient::Hello {
            version: VERSION,
            fence,
        };
        send(&socket, &hello.encode())?;
        if !wait_readable(&socket, ANSWER_MAX)? {
            return Err(AttachError::NoAnswer);
        }
        let mut packet = [0; 64];
        let version = match receive(&socket, &mut packet) {
            Received::Packet(length) => match FromShim::decode(&packet[..length]) {
                Some(FromShim::Welcome { version }) => version,
                Some(FromShim::Fenced { highest }) => return Err(AttachError::Fenced { highest }),
                _ => return Err(AttachError::NoAnswer),
            },
            // It ended while this was on the way.
            _ if !matches!(look(folder), Ok(Found::Live { .. })) => {
                return Err(AttachError::NoShim);
            }
            _ => return Err(AttachError::NoAnswer),
        };
        Ok(Self {
            socket,
            reader: Reader::new(folder, after_seq),
            news: News::default(),
            is_over: false,
            unsent: VecDeque::new(),
            stdin_sent: 0,
            version,
        })
    }

    /// Readable when there may be frames or [`News`], or the shim is gone; writable when [`flush`](Self::flush) has something to do.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads on until the bodies come to `max_bytes`; none when there is nothing more yet. Never waits.
    ///
    /// [`fd`](Self::fd) tells of new frames, not of those that a call has left: ask again until there is none.
    pub fn frames(&mut self, max_bytes: usize) -> io::Result<Vec<Frame>> {
        // First the news: whatever they tell of is in the spool by then.
        self.receive();
        self.reader.read(max_bytes)
    }

    /// The number of the last frame that was given.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.reader.last_seq()
    }

    /// The last that the shim told, as of the last call of [`frames`](Self::frames).
    #[must_use]
    pub const fn news(&self) -> News {
        self.news
    }

    /// Whether the shim has hung up: it ended, died, or has a client with a higher fence. What it spooled is still given.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// How many bytes of standard input the shim would take now.
    #[must_use]
    pub fn stdin_room(&self) -> usize {
        let under_way = self.stdin_sent.saturating_sub(self.news.stdin_taken);
        STDIN_WINDOW.saturating_sub(usize::try_from(under_way).unwrap_or(usize::MAX))
    }

    /// Says that this client answers what the run asks; false where the shim is too old to pass answers on.
    pub fn answer_asks(&mut self) -> io::Result<bool> {
        let knows = self.version >= 2;
        if knows {
            self.send(Control::Answers)?;
        }
        Ok(knows)
    }

    /// Asks the shim for something. Never waits: what does not fit goes with the next [`flush`](Self::flush).
    ///
    /// More standard input than [`stdin_room`](Self::stdin_room) is refused, and nothing of it is sent.
    pub fn send(&mut self, control: Control) -> io::Result<()> {
        match control {
            Control::Stdin(bytes) if bytes.len() > self.stdin_room() => {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Control::Stdin(bytes) => {
                self.stdin_sent += bytes.len() as u64;
                for part in bytes.chunks(STDIN_MAX) {
                    let message = FromClient::Control(Control::Stdin(part.to_vec()));
                    self.unsent.push_back(message.encode());
                }
            }
            other => self.unsent.push_back(FromClient::Control(other).encode()),
        }
        self.flush()
    }

    /// Sends what did not fit before.
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(packet) = self.unsent.front() {
            match send(&self.socket, packet) {
                Ok(true) => drop(self.unsent.pop_front()),
                Ok(false) => break,
                Err(error) => {
                    self.is_over = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Whether something waits for [`flush`](Self::flush).
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn receive(&mut self) {
        let mut packet = [0; PACKET_MAX];
        while !self.is_over {
            match receive(&self.socket, &mut packet) {
                Received::Packet(length) => {
                    if let Some(FromShim::News(news)) = FromShim::decode(&packet[..length]) {
                        self.news = news;
                    }
                }
                Received::NotYet => return,
                Received::TooLong | Received::Over => self.is_over = true,
            }
        }
    }
}
