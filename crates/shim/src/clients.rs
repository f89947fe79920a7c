//! The shim's side of its control socket.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use hyperion_host::{effective_uid, is_confined, peer_of};
use rustix::net::{SocketFlags, accept_with, bind, listen};

use crate::control::{
    Control, FromClient, FromShim, News, PACKET_MAX, Received, SOCKET, STDIN_WINDOW, address_in,
    new_socket, receive, send,
};
use crate::spec::VERSION;
use crate::tree::below;

/// How many may be attached at once.
const CLIENTS_MAX: usize = 16;
/// How long a client may say nothing at its beginning.
const HELLO_MAX: Duration = Duration::from_secs(10);
/// How many packets of one client are read before the others have their turn.
const PACKETS_AT_ONCE: usize = 16;

/// Everybody who is attached.
#[derive(Debug)]
pub(crate) struct Clients {
    listener: OwnedFd,
    list: Vec<Client>,
    next_id: u64,
    highest_fence: u64,
    /// Standard input of clients that are gone.
    left_over: VecDeque<u8>,
    stdin_ends: bool,
    /// This process had no new privileges before it took them from itself: the mark tells nothing about others then.
    were_confined: bool,
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct Client {
    id: u64,
    socket: OwnedFd,
    since: Instant,
    has_said_hello: bool,
    fence: u64,
    stdin: VecDeque<u8>,
    stdin_taken: u64,
    told: Option<News>,
    /// Whether it answers what the run asks.
    answers: bool,
}

impl Clients {
    /// Binds the socket under the name of this process; [`publish`](Self::publish) gives it its own.
    pub(crate) fn bind(folder: &Path, were_confined: bool) -> io::Result<Self> {
        let listener = new_socket()?;
        let name = draft_name();
        let _ = fs::remove_file(folder.join(&name));
        let opened = OwnedFd::from(File::open(folder)?);
        bind(&listener, &address_in(&opened, Path::new(&name))?)?;
        listen(&listener, 64)?;
        Ok(Self {
            listener,
            list: Vec::new(),
            next_id: 0,
            highest_fence: 0,
            left_over: VecDeque::new(),
            stdin_ends: false,
            were_confined,
            buffer: vec![0; PACKET_MAX].into_boxed_slice(),
        })
    }

    /// Gives the socket its name, once the run is ours.
    pub(crate) fn publish(&self, folder: &Path) -> io::Result<()> {
        fs::rename(folder.join(draft_name()), folder.join(SOCKET))
    }

    /// Removes the socket, in a run that is not ours.
    pub(crate) fn withdraw(&self, folder: &Path) {
        let _ = fs::remove_file(folder.join(draft_name()));
    }

    pub(crate) const fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// The clients from whom messages are read.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (u64, &OwnedFd)> {
        self.list.iter().map(|client| (client.id, &client.socket))
    }

    /// Takes in those who connected.
    pub(crate) fn accept(&mut self, now: Instant) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        while let Ok(socket) = accept_with(&self.listener, flags) {
            if self.list.len() >= CLIENTS_MAX || !self.may_attach(&socket) {
                continue;
            }
            self.next_id += 1;
            self.list.push(Client {
                id: self.next_id,
                socket,
                since: now,
                has_said_hello: false,
                fence: 0,
                stdin: VecDeque::new(),
                stdin_taken: 0,
                told: None,
                answers: false,
            });
        }
    }

    /// Nobody inside a run decides over one.
    fn may_attach(&self, socket: &OwnedFd) -> bool {
        peer_of(socket).is_ok_and(|peer| {
            peer.uid == effective_uid()
                && (self.were_confined || !is_confined(peer.pid))
                && !below(std::process::id()).contains(&peer.pid)
        })
    }

    /// Reads what a client says; gives what it asks for, apart from standard input.
    pub(crate) fn receive(&mut self, id: u64) -> Vec<Control> {
        let mut asked = Vec::new();
        for _ in 0..PACKETS_AT_ONCE {
            let Some(at) = self.list.iter().position(|client| client.id == id) else {
                break;
            };
            let length = match receive(&self.list[at].socket, &mut self.buffer) {
                Received::Packet(length) => length,
                Received::NotYet => break,
                Received::TooLong | Received::Over => {
                    self.let_go(at);
                    break;
                }
            };
            let message = FromClient::decode(&self.buffer[..length]);
            let client = &mut self.list[at];
            match message {
                Some(FromClient::Hello { version: _, fence }) if !client.has_said_hello => {
                    client.has_said_hello = true;
                    client.fence = fence;
                    self.admit(at);
                }
                Some(FromClient::Control(control)) if client.has_said_hello => match control {
                    Control::Stdin(bytes) if client.stdin.len() + bytes.len() > STDIN_WINDOW => {
                        self.let_go(at);
                        break;
                    }
                    Control::Stdin(bytes) => client.stdin.extend(bytes),
                    Control::StdinEnd => self.stdin_ends = true,
                    Control::Answers => client.answers = true,
                    other => asked.push(other),
                },
                _ => {
                    self.let_go(at);
                    break;
                }
            }
        }
        asked
    }

    /// Lets a client in that has said its fence, or sends it away; a higher fence sends away those with lower ones.
    fn admit(&mut self, at: usize) {
        let fence = self.list[at].fence;
        let highest = self.highest_fence.max(fence);
        self.highest_fence = highest;
        let answer = match fence == highest {
            true => FromShim::Welcome { version: VERSION },
            false => FromShim::Fenced { highest },
        };
        let _ = send(&self.list[at].socket, &answer.encode());
        self.list
            .retain(|client| !client.has_said_hello || client.fence == highest);
    }

    /// A client that is gone: what it sent before is still passed on.
    fn let_go(&mut self, at: usize) {
        let client = self.list.remove(at);
        self.left_over.extend(client.stdin);
    }

    /// Whether somebody is there who answers what the run asks.
    pub(crate) fn are_answering(&self) -> bool {
        self.list.iter().any(|client| client.answers)
    }

    /// Sends away who does not say hello.
    pub(crate) fn drop_silent(&mut self, now: Instant) {
        let is_late = |client: &Client| now.saturating_duration_since(client.since) > HELLO_MAX;
        self.list
            .retain(|client| client.has_said_hello || !is_late(client));
    }

    /// Tells everybody how things stand, where that is new.
    pub(crate) fn tell(&mut self, news: News) {
        for client in self.list.iter_mut().filter(|client| client.has_said_hello) {
            let news = News {
                stdin_taken: client.stdin_taken,
                ..news
            };
            // A client whose socket is full has news to wake up for, and reads the spool after it has read them.
            if client.told != Some(news)
                && send(&client.socket, &FromShim::News(news).encode()).unwrap_or(false)
            {
                client.told = Some(news);
            }
        }
    }

    /// Bytes for standard input that wait, of whoever's turn it is.
    pub(crate) fn stdin(&self) -> Option<&[u8]> {
        let of_clients = self.list.iter().map(|client| &client.stdin);
        let mut queues = [&self.left_over].into_iter().chain(of_clients);
        Some(queues.find(|queue| !queue.is_empty())?.as_slices().0)
    }

    /// Says that so many of them were passed on.
    pub(crate) fn stdin_passed(&mut self, count: usize) {
        if !self.left_over.is_empty() {
            self.left_over.drain(..count);
        } else if let Some(client) = self.list.iter_mut().find(|client| !client.stdin.is_empty()) {
            client.stdin.drain(..count);
            client.stdin_taken += count as u64;
        }
    }

    /// Whether standard input was ended, and all of it was passed on.
    pub(crate) fn stdin_is_over(&self) -> bool {
        self.stdin_ends && self.stdin().is_none()
    }

    /// Nobody reads standard input any more: what waits counts as passed on.
    pub(crate) fn discard_stdin(&mut self) {
        self.left_over.clear();
        for client in &mut self.list {
            client.stdin_taken += client.stdin.len() as u64;
            client.stdin.clear();
        }
    }
}

fn draft_name() -> String {
    format!("{SOCKET}.{}", std::process::id())
}
