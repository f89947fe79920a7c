//! The run's socket: what runs inside tells here that it is alive and what it does, and asks.
//!
//! A part of the shim's loop, which has one thread: nothing here blocks. What is accepted is recorded before it is answered, so an engine
//! that attaches later learns all that anybody was promised. What only an engine can answer is held until it does, or its time is over.

use std::collections::{BTreeMap, BTreeSet};
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

use crate::asks::Asks;
use crate::rpc::{Ask, Heard, LINE_BYTES_MAX, Party, Refused, Said, answer, hear};

/// The most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// The most messages of a run in a second.
const MESSAGES_PER_SEC: u32 = 200;
/// The most answers that are held back for one connection.
const WAITS_MAX: usize = 64;
/// The most questions that no engine has taken yet.
const ASKS_MAX: usize = 64;
/// How long an engine that is there may take to answer a question; then it counts as pending.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The most approvals that a run is noted to wait for.
const WAITS_FOR_MAX: usize = 64;
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
    asks: Asks,
    /// The number of the last thing that was asked.
    last_ask: u64,
    /// What no engine has answered, by number.
    unanswered: BTreeMap<u64, Unanswered>,
    /// The approvals that the run was told to be pending last.
    waits_for: BTreeSet<String>,
    /// An answer was given since the last turn.
    is_stirred: bool,
}

/// Something that an engine is asked.
struct Unanswered {
    /// What was asked, without the id of the message.
    params: Value,
    ask: Ask,
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
    held: Vec<Held>,
}

/// An answer that is held back.
struct Held {
    until: Instant,
    number: u64,
    ask: Ask,
    /// Which request of the connection it is for.
    id: Value,
    /// What is answered when its time is over.
    result: Value,
}

impl RunSocket {
    /// Its name in its folder.
    pub(crate) const NAME: &str = "s";

    /// Listens in a folder, which is made if it is not there.
    pub(crate) fn listen(
        folder: &Path,
        asks: Asks,
        party: Party,
        now: Instant,
    ) -> io::Result<Self> {
        hyperion_host::create_private_dir(folder)?;
        let folder = rustix::fs::open(
            folder,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let (listener, file) = bind(&folder)?;
        Ok(Self {
            party,
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
            asks,
            last_ask: 0,
            unanswered: BTreeMap::new(),
            waits_for: BTreeSet::new(),
            is_stirred: false,
        })
    }

    /// The number of the last thing that was asked.
    pub(crate) const fn asks(&self) -> u64 {
        self.last_ask
    }

    /// Whether there is something to do at once: an answer was given, or somebody waits for one that nobody is there to give.
    pub(crate) fn is_stirred(&self, are_answering: bool) -> bool {
        let mut held = self.connections.iter().flat_map(|one| &one.held);
        self.is_stirred || !are_answering && held.any(|held| held.ask == Ask::Request)
    }

    /// Passes on what an engine answers: a JSON object with a `result` or an `error`.
    pub(crate) fn pass_answer(&mut self, number: u64, json: &[u8]) {
        let Ok(Value::Object(said)) = serde_json::from_slice(json) else {
            return;
        };
        if let Some(result) = said.get("result") {
            self.note_standing(number, result);
        }
        self.is_stirred = true;
        for connection in &mut self.connections {
            let (given, held) = std::mem::take(&mut connection.held)
                .into_iter()
                .partition(|held: &Held| held.number == number);
            connection.held = held;
            for Held { id, .. } in given {
                let mut message = said.clone();
                message.insert("jsonrpc".to_owned(), "2.0".into());
                message.insert("id".to_owned(), id);
                connection.say(Some(&Value::Object(message)));
            }
            // What does not go now goes in the next turn.
            let _ = connection.write();
        }
        self.unanswered.remove(&number);
        self.asks.remove(number);
    }

    /// Notes what the run was told of an approval, and what it waits for therefore.
    fn note_standing(&mut self, number: u64, result: &Value) {
        let Some(id) = result.get("approval_id").and_then(Value::as_str) else {
            return;
        };
        if let Some(asked) = self.unanswered.get(&number)
            && let Some(asked) = asked.params["approval_id"].as_str()
        {
            self.waits_for.remove(asked);
        }
        if result["status"] != "pending" {
            self.waits_for.remove(id);
        } else if self.waits_for.len() < WAITS_FOR_MAX {
            self.waits_for.insert(id.to_owned());
        }
    }

    /// Ends; gives the approvals that the run was told to be pending last. What it asked and nobody answered stays for an engine.
    pub(crate) fn end(self) -> Vec<String> {
        for (number, asked) in &self.unanswered {
            if matches!(asked.ask, Ask::Wait(_)) {
                self.asks.remove(*number);
            }
        }
        self.waits_for.into_iter().collect()
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
            .flat_map(|connection| &connection.held)
            .map(|held| held.until);
        let look = (self.made_again < MADE_AGAIN_MAX).then_some(self.look_at);
        waits.chain(look).chain(self.accept_at).min()
    }

    /// Does what can be done now. `record` writes a message down, and what it cannot write down did not happen.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        are_answering: bool,
        record: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    ) {
        self.is_stirred = false;
        self.look(now);
        self.accept(now);
        let mut connections = std::mem::take(&mut self.connections);
        connections.retain_mut(|connection| {
            self.serve(connection, now, are_answering, record)
                .is_ok_and(|goes_on| goes_on)
        });
        self.connections = connections;
        self.forget_waits();
    }

    /// Forgets waits whose time is over, or whose connection is gone.
    fn forget_waits(&mut self) {
        let held: BTreeSet<u64> = self
            .connections
            .iter()
            .flat_map(|connection| &connection.held)
            .map(|held| held.number)
            .collect();
        let asks = &self.asks;
        self.unanswered.retain(|number, asked| {
            let stays = asked.ask == Ask::Request || held.contains(number);
            if !stays {
                asks.remove(*number);
            }
            stays
        });
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
        are_answering: bool,
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
                Heard::Record(said) => self.record(connection, said, now, are_answering, record),
            }
        }
        connection.held.retain(|held| {
            let is_alone = held.ask == Ask::Request && !are_answering;
            let is_over = held.until <= now || is_alone;
            if is_over {
                connection
                    .unread
                    .extend(line_of(&answer(&held.id, &held.result)));
            }
            !is_over
        });
        connection.write()?;
        let is_answered = connection.unread.is_empty() && connection.held.is_empty();
        Ok(!connection.has_ended || !is_answered && !hung_up(&connection.stream))
    }

    fn record(
        &mut self,
        connection: &mut Connection,
        said: Said,
        now: Instant,
        are_answering: bool,
        record: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    ) {
        let Said {
            message,
            heartbeat,
            id,
            result,
            asks,
        } = said;
        let refusal = if !self.has_room(now) {
            self.turned_away += 1;
            Some(Refused::too_many_messages(MESSAGES_PER_SEC))
        } else if let Some(ask) = asks {
            return self.take(
                connection,
                (ask, message, id, result),
                now,
                are_answering,
                record,
            );
        } else if self.is_news(heartbeat, now) {
            record(message.to_string().into_bytes())
                .err()
                .map(|_| Refused::not_recorded())
        } else {
            None
        };
        let Some(id) = id else { return };
        match refusal {
            Some(refusal) => connection.say(Some(&refusal.answer(&id))),
            None => connection.say(Some(&answer(&id, &result))),
        }
    }

    /// Takes something that an engine is asked, and holds its answer back.
    fn take(
        &mut self,
        connection: &mut Connection,
        (ask, message, id, result): (Ask, Value, Option<Value>, Value),
        now: Instant,
        are_answering: bool,
        record: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    ) {
        let Some(id) = id else { return };
        let params = message["params"].clone();
        let same = self.unanswered.iter().find(|(_, asked)| {
            ask == Ask::Request && asked.ask == Ask::Request && asked.params == params
        });
        let same = same.map(|(number, _)| *number);
        let questions = self.unanswered.values();
        let questions = questions.filter(|asked| asked.ask == Ask::Request).count();
        let refusal = if connection.held.len() >= WAITS_MAX {
            Some(Refused::too_many_waits(WAITS_MAX))
        } else if ask == Ask::Request && same.is_none() && questions >= ASKS_MAX {
            Some(Refused::too_many_questions(ASKS_MAX))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            connection.say(Some(&refusal.answer(&id)));
            return;
        }
        let number = same.unwrap_or(self.last_ask + 1);
        let text = message.to_string().into_bytes();
        let written = record(text.clone()).and_then(|()| match same {
            Some(_) => Ok(()),
            None => self.asks.write(number, &text),
        });
        if written.is_err() {
            connection.say(Some(&Refused::not_recorded().answer(&id)));
            return;
        }
        if same.is_none() {
            self.last_ask = number;
            self.unanswered.insert(number, Unanswered { params, ask });
        }
        let within = match ask {
            Ask::Request if !are_answering => {
                connection.say(Some(&answer(&id, &result)));
                return;
            }
            Ask::Request => ANSWER_WITHIN,
            Ask::Wait(within) => within,
        };
        connection.held.push(Held {
            until: now + within,
            number,
            ask,
            id,
            result,
        });
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
            held: Vec::new(),
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
