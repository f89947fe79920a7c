//! Channels: loopback ports beside what runs inside, whose bytes go to the engine and nowhere else.
//!
//! A part of the shim's loop, which has one thread: nothing here blocks. The shim carries bytes; who may reach what is the engine's
//! matter, which knows the run by a secret that never gets inside.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};

use crate::socket::{is_for_later, path_in};
use crate::spec::{Channel, ChannelEnd};

/// The most connections of a run at once; who comes then waits.
const CONNECTIONS_MAX: usize = 256;
/// How many bytes are carried at once in one direction, and how many times in a turn, so that none keeps the others from theirs.
const PIECE_BYTES: usize = 32 * 1024;
const PIECES: usize = 4;
/// How long a connection waits for an engine, and how often it looks for one.
const ENGINE_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a client that was told that there is no engine has to read it.
const READ_WITHIN: Duration = Duration::from_secs(2);
/// How long nobody is let in after that failed: too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The first line on a connection to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelHeader {
    /// The run's id.
    pub run: String,
    /// Which channel of it.
    pub channel: String,
    /// [`ChannelEnd::secret`].
    pub secret: String,
}

impl ChannelHeader {
    /// The most bytes of the line.
    pub const BYTES_MAX: usize = 1024;
}

/// The channels of a run.
pub(crate) struct Channels {
    run: String,
    end: ChannelEnd,
    doors: Vec<Door>,
    accept_at: Option<Instant>,
    calls: Vec<Call>,
}

struct Door {
    name: String,
    port: u16,
    listener: TcpListener,
}

/// One connection of a client.
struct Call {
    client: TcpStream,
    channel: String,
    state: State,
}

enum State {
    /// There is no engine so far.
    Waits { until: Instant, look_at: Instant },
    /// Bytes go both ways.
    Joined {
        engine: UnixStream,
        up: Flow,
        down: Flow,
    },
    /// There was no engine: the client reads that.
    Refused { until: Instant },
}

/// One direction of a connection.
#[derive(Default)]
struct Flow {
    /// What was read and could not be written yet.
    held: Vec<u8>,
    /// Nothing more comes.
    has_ended: bool,
    /// The other side was told so.
    is_shut: bool,
}

impl Channels {
    /// Listens on the port of each channel, inside the network namespace if there is one.
    pub(crate) fn listen(run: &str, channels: &[Channel], end: &ChannelEnd) -> io::Result<Self> {
        let doors = channels.iter().map(|Channel { name, port }| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))?;
            listener.set_nonblocking(true)?;
            let port = listener.local_addr()?.port();
            Ok(Door {
                name: name.clone(),
                port,
                listener,
            })
        });
        Ok(Self {
            run: run.to_owned(),
            end: end.clone(),
            doors: doors.collect::<io::Result<_>>()?,
            accept_at: None,
            calls: Vec::new(),
        })
    }

    /// How what runs inside finds them.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.doors
            .iter()
            .flat_map(|door| variables(&door.name, door.port))
            .collect()
    }

    /// What the loop is to wait for.
    pub(crate) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let mut all = Vec::new();
        if self.accept_at.is_none() && self.calls.len() < CONNECTIONS_MAX {
            all.extend(
                self.doors
                    .iter()
                    .map(|door| (door.listener.as_fd(), PollFlags::IN)),
            );
        }
        for call in &self.calls {
            match &call.state {
                State::Waits { .. } => {}
                State::Refused { .. } => all.push((call.client.as_fd(), PollFlags::IN)),
                State::Joined { engine, up, down } => {
                    watch(&mut all, &call.client, up, down);
                    watch(&mut all, engine, down, up);
                }
            }
        }
        all.into_iter()
    }

    /// When there is something to do even if nothing comes.
    pub(crate) fn due(&self) -> Option<Instant> {
        let calls = self.calls.iter().filter_map(|call| match &call.state {
            State::Waits { look_at, .. } => Some(*look_at),
            State::Refused { until } => Some(*until),
            State::Joined { .. } => None,
        });
        calls.chain(self.accept_at).min()
    }

    /// Does what can be done now.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.accept(now);
        let (run, end) = (&self.run, &self.end);
        self.calls
            .retain_mut(|call| call.turn(run, end, now).is_ok_and(|goes_on| goes_on));
    }

    fn accept(&mut self, now: Instant) {
        if self.accept_at.is_some_and(|at| now < at) {
            return;
        }
        self.accept_at = None;
        for door in &self.doors {
            while self.calls.len() < CONNECTIONS_MAX {
                match door.listener.accept() {
                    Ok((client, _)) => {
                        let _ = client.set_nodelay(true);
                        if client.set_nonblocking(true).is_ok() {
                            let state = State::Waits {
                                until: now + ENGINE_WITHIN,
                                look_at: now,
                            };
                            self.calls.push(Call {
                                client,
                                channel: door.name.clone(),
                                state,
                            });
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
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
    }
}

impl Call {
    /// Whether the connection goes on.
    fn turn(&mut self, run: &str, end: &ChannelEnd, now: Instant) -> io::Result<bool> {
        if let State::Waits { until, look_at } = &mut self.state
            && *look_at <= now
        {
            match connect(&end.socket) {
                Ok(engine) => {
                    let up = Flow {
                        held: header(run, &self.channel, &end.secret)?,
                        ..Flow::default()
                    };
                    self.state = State::Joined {
                        engine,
                        up,
                        down: Flow::default(),
                    };
                }
                Err(_) if now < *until => *look_at = now + LOOK_EVERY,
                Err(_) => {
                    // As much as its buffer takes, which is all of it.
                    let _ = self.client.write_all(no_engine().as_bytes());
                    self.client.shutdown(Shutdown::Write)?;
                    self.state = State::Refused {
                        until: now + READ_WITHIN,
                    };
                }
            }
        }
        match &mut self.state {
            State::Waits { .. } => Ok(true),
            State::Refused { until } => {
                let goes_on = now < *until && !is_read_to_its_end(&mut self.client)?;
                Ok(goes_on)
            }
            State::Joined { engine, up, down } => {
                up.carry(&self.client, engine, |engine| {
                    engine.shutdown(Shutdown::Write)
                })?;
                down.carry(&*engine, &self.client, |client| {
                    client.shutdown(Shutdown::Write)
                })?;
                Ok(!(up.is_shut && down.is_shut))
            }
        }
    }
}

impl Flow {
    /// Carries what there is, as far as the other side takes it.
    fn carry<A, B>(
        &mut self,
        mut from: &A,
        mut to: &B,
        shut: impl Fn(&B) -> io::Result<()>,
    ) -> io::Result<()>
    where
        for<'a> &'a A: Read,
        for<'a> &'a B: Write,
    {
        let mut piece = [0; PIECE_BYTES];
        for _ in 0..PIECES {
            if !self.held.is_empty() {
                let Some(count) = write(&mut to, &self.held)? else {
                    self.give_up();
                    return Ok(());
                };
                self.held.drain(..count);
                if !self.held.is_empty() {
                    return Ok(());
                }
                self.held = Vec::new();
            }
            if self.has_ended {
                if !self.is_shut {
                    self.is_shut = true;
                    // One that is gone needs not be told.
                    let _ = shut(to);
                }
                return Ok(());
            }
            match from.read(&mut piece) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    let Some(written) = write(&mut to, &piece[..count])? else {
                        self.give_up();
                        return Ok(());
                    };
                    self.held.extend_from_slice(&piece[written..count]);
                }
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Nobody takes what would come; what goes the other way still arrives.
    fn give_up(&mut self) {
        *self = Self {
            held: Vec::new(),
            has_ended: true,
            is_shut: true,
        };
    }

    fn may_read(&self) -> bool {
        !self.has_ended && self.held.is_empty()
    }
}

fn watch<'a>(
    all: &mut Vec<(BorrowedFd<'a>, PollFlags)>,
    stream: &'a impl AsFd,
    reads: &Flow,
    writes: &Flow,
) {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, reads.may_read());
    flags.set(PollFlags::OUT, !writes.held.is_empty());
    // Without either, a side that hung up would be reported for ever while the other is still served.
    if !flags.is_empty() {
        all.push((stream.as_fd(), flags));
    }
}

/// Writes as much as is taken now; none when nobody is there to take it.
fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<Option<usize>> {
    match to.write(bytes) {
        Ok(count) => Ok(Some(count)),
        Err(error) if is_for_later(&error) => Ok(Some(0)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_read_to_its_end(client: &mut TcpStream) -> io::Result<bool> {
    let mut piece = [0; PIECE_BYTES];
    match client.read(&mut piece) {
        Ok(count) => Ok(count == 0),
        Err(error) if is_for_later(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Connects without waiting: an engine that takes nobody at the moment is none.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let no_path = || io::Error::from(ErrorKind::InvalidInput);
    let (folder, name) = socket
        .parent()
        .zip(socket.file_name())
        .ok_or_else(no_path)?;
    let folder = rustix::fs::open(
        folder,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let address = SocketAddrUnix::new(path_in(folder.as_fd(), name.to_str().ok_or_else(no_path)?))?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let stream = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&stream, &address)?;
    Ok(stream.into())
}

fn header(run: &str, channel: &str, secret: &str) -> io::Result<Vec<u8>> {
    let header = ChannelHeader {
        run: run.to_owned(),
        channel: channel.to_owned(),
        secret: secret.to_owned(),
    };
    let mut line = serde_json::to_vec(&header)?;
    line.push(b'\n');
    Ok(line)
}

/// The proxy by the variables that clients know; any other channel by one of our own.
fn variables(name: &str, port: u16) -> Vec<(String, String)> {
    if name != Channel::PROXY {
        let variable = format!(
            "HYPERION_CHANNEL_{}",
            name.to_ascii_uppercase().replace('-', "_")
        );
        return vec![(variable, format!("127.0.0.1:{port}"))];
    }
    let proxy = format!("http://127.0.0.1:{port}");
    let own = "localhost,127.0.0.1,::1".to_owned();
    let mut all: Vec<_> = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]
        .map(|name| (name.to_owned(), proxy.clone()))
        .into();
    all.extend(["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), own.clone())));
    // Node.js looks at these variables only if it is told to.
    all.push(("NODE_USE_ENV_PROXY".to_owned(), "1".to_owned()));
    all
}

fn no_engine() -> String {
    const TEXT: &str = "hyperion: no engine is up, and a run reaches hosts only through one: `hyperion up` starts one; then try again\n";
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{TEXT}",
        TEXT.len()
    )
}

#[cfg(test)]
mod tests;
