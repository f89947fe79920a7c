//! The run's socket: what runs inside tells here that it is alive and what it does, and asks.
//!
//! A part of the shim's loop, which has one thread: nothing here blocks. What is accepted is recorded before it is answered, so an engine
//! that attaches later learns all that anybody was promised.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use crate::rpc::{Heard, LINE_BYTES_MAX, Party, Refused, Said, answer, hear};

/// The most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// The most messages of a run in a second.
const MESSAGES_PER_SEC: u32 = 200;
/// The most answers that are held back.
const WAITS_MAX: usize = 64;
/// How many bytes of a connection are read in one turn, so that none keeps the others from theirs.
const READ_BYTES: usize = 64 * 1024;
/// A connection that leaves so much of its answers unread is not read from.
const UNREAD_BYTES_MAX: usize = 256 * 1024;
/// How often a sign of life that says nothing new is recorded.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether the socket is still under its name, and how often in all it is made again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MADE_AGAIN_MAX: u32 = 100;
/// How long nobody is let in after that failed: too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The run's socket and who is connected to it.
pub(crate) struct RunSocket {
    party: Party,
    folder: OwnedFd,
    listener: UnixListener,
    /// Which file it was bound to.
    file: (u64, u64),
    look_at: Instant,
    made_again: u32,
    accept_at: Option<Instant>,
    connections: Vec<Connection>,
    /// Messages in the second that began then.
    second: (Instant, u32),
    /// Messages that were too many.
    turned_away: u64,
    heartbeat: Option<(Instant, Value)>,
}

struct Connection {
    stream: UnixStream,
    knows_token: bool,
    line: Vec<u8>,
    /// The rest of the line is dropped.
    is_too_long: bool,
    /// Nothing more will come.
    has_ended: bool,
    unread: Vec<u8>,
    waits: Vec<(Instant, Value, Value)>,
}

impl RunSocket {
    /// Its name in its folder.
    pub(crate) const NAME: &str = "s";

    /// Listens in a folder, which is made if it is not there.
    pub(crate) fn listen(folder: &Path, run: &str, token: &str, now: Instant) -> io::Result<Self> {
        hyperion_host::create_private_dir(folder)?;
        let folder = rustix::fs::open(
            folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let (listener, file) = bind(&folder)?;
        Ok(Self {
            party: Party {
                run: run.to_owned(),
                token: token.to_owned(),
            },
            folder,
            listener,
            file,
            look_at: now + LOOK_EVERY,
            made_again: 0,
            accept_at: None,
            connections: Vec::new(),
            second: (now, 0),
            turned_away: 0,
            heartbeat: None,
        })
    }

    /// How many messages were too many.
    pub(crate) const fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// What the loop is to wait for.
    pub(crate) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let listener = self
            .accept_at
            .is_none()
            .then(|| (self.listener.as_fd(), PollFlags::IN));
        let connections = self
            .connections
            .iter()
            .map(|connection| (connection.stream.as_fd(), connection.interest()));
        listener.into_iter().chain(connections)
    }

    /// When there is something to do even if nothing comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        let waits = self
            .connections
            .iter()
            .flat_map(|connection| &connection.waits)
            .map(|(until, ..)| *until);
        let look = (self.made_again < MADE_AGAIN_MAX).then_some(self.look_at);
        waits.chain(look).chain(self.accept_at).min()
    }

    /// Does what can be done now. `record` writes a message down, and what it cannot write down did not happen.
    pub(crate) fn turn(&mut self, now: Instant, record: &mut dyn FnMut(Vec<u8>) -> io::Result<()>) {
        self.look(now);
        self.accept(now);
        let mut connections = std::mem::take(&mut self.connections);
        connections.retain_mut(|connection| {
            self.serve(connection, now, record)
                .is_ok_and(|goes_on| goes_on)
        });
        self.connections = connections;
    }

    /// Makes the socket again when what runs inside deleted it.
    fn look(&mut self, now: Instant) {
        if now < self.look_at || self.made_again >= MADE_AGAIN_MAX {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        if identity(&self.folder).is_ok_and(|file| file == self.file) {
            return;
        }
        self.made_again += 1;
        // Whoever found the one before is let in, and keeps the connection.
        self.accept(now);
        if let Ok((listener, file)) = bind(&self.folder) {
            (self.listener, self.file) = (listener, file);
        }
    }

    fn accept(&mut self, now: Instant) {
        if self.accept_at.is_some_and(|at| now < at) {
            return;
        }
        self.accept_at = None;
        for _ in 0..CONNECTIONS_MAX {
            match self.listener.accept() {
                Ok((stream, _)) if self.connections.len() < CONNECTIONS_MAX => {
                    if stream.set_nonblocking(true).is_ok() {
                        self.connections.push(Connection::new(stream));
                    }
                }
                Ok((mut stream, _)) => {
                    // As much as its buffer takes, which is all of it.
                    let _ = stream.set_nonblocking(true);
                    let _ = stream.write_all(&line_of(
                        &Refused::too_many_connections(CONNECTIONS_MAX).answer(&Value::Null),
                    ));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(_) => {
                    self.accept_at = Some(now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Reads, answers and writes; whether the connection goes on.
    fn serve(
        &mut self,
        connection: &mut Connection,
        now: Instant,
        record: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    ) -> io::Result<bool> {
        connection.write()?;
        for line in connection.read()? {
            let heard = match line {
                Line::Whole(line) => hear(&self.party, &mut connection.knows_token, &line),
                Line::TooLong => Heard::Answer(Some(Refused::too_long().answer(&Value::Null))),
            };
            match heard {
                Heard::Answer(answer) => connection.say(answer.as_ref()),
                Heard::Record(said) => self.record(connection, said, now, record),
            }
        }
        connection.waits.retain(|(until, id, result)| {
            let is_over = *until <= now;
            if is_over {
                connection.unread.extend(line_of(&answer(id, result)));
            }
            !is_over
        });
        connection.write()?;
        let is_answered = connection.unread.is_empty() && connection.waits.is_empty();
        Ok(!connection.has_ended || !is_answered && !hung_up(&connection.stream))
    }

    fn record(
        &mut self,
        connection: &mut Connection,
        said: Said,
        now: Instant,
        record: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    ) {
        let Said {
            message,
            heartbeat,
            id,
            result,
            after,
        } = said;
        let refusal = if !self.has_room(now) {
            self.turned_away += 1;
            Some(Refused::too_many_messages(MESSAGES_PER_SEC))
        } else if after.is_some() && connection.waits.len() >= WAITS_MAX {
            Some(Refused::too_many_waits(WAITS_MAX))
        } else if self.is_news(heartbeat, now) {
            record(message.to_string().into_bytes())
                .err()
                .map(|_| Refused::not_recorded())
        } else {
            None
        };
        let Some(id) = id else { return };
        match (refusal, after) {
            (Some(refusal), _) => connection.say(Some(&refusal.answer(&id))),
            (None, Some(after)) => connection.waits.push((now + after, id, result)),
            (None, None) => connection.say(Some(&answer(&id, &result))),
        }
    }

    /// Whether a message has to be recorded: a sign of life only now and then, unless it says something new.
    fn is_news(&mut self, heartbeat: Option<Value>, now: Instant) -> bool {
        let Some(heartbeat) = heartbeat else {
            return true;
        };
        if self
            .heartbeat
            .as_ref()
            .is_some_and(|(at, last)| *last == heartbeat && now < *at + HEARTBEAT_EVERY)
        {
            return false;
        }
        self.heartbeat = Some((now, heartbeat));
        true
    }

    fn has_room(&mut self, now: Instant) -> bool {
        let (began, count) = &mut self.second;
        if now >= *began + Duration::from_secs(1) {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= MESSAGES_PER_SEC
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl Connection {
    const fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            knows_token: false,
            line: Vec::new(),
            is_too_long: false,
            has_ended: false,
            unread: Vec::new(),
            waits: Vec::new(),
        }
    }

    fn interest(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.may_read());
        flags.set(PollFlags::OUT, !self.unread.is_empty());
        flags
    }

    const fn may_read(&self) -> bool {
        !self.has_ended && self.unread.len() < UNREAD_BYTES_MAX
    }

    /// Reads the lines that have come.
    fn read(&mut self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        if !self.may_read() {
            return Ok(lines);
        }
        let mut buffer = [0; READ_BYTES];
        let count = match self.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if is_for_later(&error) => return Ok(lines),
            Err(error) => return Err(error),
        };
        if count == 0 {
            self.has_ended = true;
            // A last line may go without its end.
            self.end_line(&mut lines);
            return Ok(lines);
        }
        for piece in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece
                .strip_suffix(b"\n")
                .map_or((piece, false), |text| (text, true));
            self.is_too_long |= self.line.len() + text.len() > LINE_BYTES_MAX;
            if self.is_too_long {
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(text);
            }
            if ends {
                self.end_line(&mut lines);
            }
        }
        Ok(lines)
    }

    fn end_line(&mut self, lines: &mut Vec<Line>) {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_too_long) {
            lines.push(Line::TooLong);
        } else if !line.trim_ascii().is_empty() {
            lines.push(Line::Whole(line));
        }
    }

    fn say(&mut self, message: Option<&Value>) {
        if let Some(message) = message {
            self.unread.extend(line_of(message));
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.unread.is_empty() {
            match self.stream.write(&self.unread) {
                Ok(count) => drop(self.unread.drain(..count)),
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn line_of(message: &Value) -> Vec<u8> {
    let mut line = message.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Whether it is only to be tried again later.
pub(crate) fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Whether the other side is gone altogether, and not only done with writing.
fn hung_up(stream: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&stream, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default())).is_ok()
        && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// The path of a name in an open folder, short enough for a socket whatever the folder's own is.
pub(crate) fn path_in(folder: BorrowedFd<'_>, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

fn bind(folder: &OwnedFd) -> io::Result<(UnixListener, (u64, u64))> {
    let path = path_in(folder.as_fd(), RunSocket::NAME);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok((listener, identity(folder)?))
}

fn identity(folder: &OwnedFd) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path_in(folder.as_fd(), RunSocket::NAME))?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests;
