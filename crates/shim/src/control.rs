//! What an attached client and a shim tell each other: one message a packet.
//!
//! The socket keeps packets whole, so that there is no half message, and one that is too long is seen to be.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, socket_with,
};

use crate::frame::{le_u32, le_u64};
use crate::spec::Size;

/// The name of the socket in a run's folder.
pub(crate) const SOCKET: &str = "control";
/// The most bytes of a packet.
pub(crate) const PACKET_MAX: usize = 32 * 1024;
/// The most bytes of standard input in one packet.
pub(crate) const STDIN_MAX: usize = PACKET_MAX - 1;
/// The most bytes of standard input that a client may have sent and the process has not read.
pub(crate) const STDIN_WINDOW: usize = 256 * 1024;

/// What a client may ask of a shim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Bytes for standard input, or the terminal; at most [`Attachment::stdin_room`](crate::Attachment::stdin_room).
    Stdin(Vec<u8>),
    /// Standard input ends after what was sent.
    StdinEnd,
    /// The terminal has this size.
    Resize(Size),
    /// A signal for the process and its group.
    Signal(i32),
    /// End it: SIGTERM, and after this time SIGKILL to all that is left.
    Stop {
        /// How long it has.
        grace_ms: u64,
    },
    /// Hold the whole tree.
    Pause,
    /// Let it go on.
    Resume,
    /// This client answers what the run asks; see [`crate::asks`].
    Answers,
    /// The answer to something that the run asked.
    Answer {
        /// Its number.
        number: u64,
        /// A JSON object with a `result` or an `error`, as JSON-RPC has them.
        json: Vec<u8>,
    },
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FromClient {
    /// The first message.
    Hello {
        version: u32,
        fence: u64,
    },
    Control(Control),
}

/// What a shim sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FromShim {
    /// The answer to [`FromClient::Hello`].
    Welcome {
        version: u32,
    },
    /// A client with a higher fence is, or was, there.
    Fenced {
        highest: u64,
    },
    News(News),
}

/// How things stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct News {
    /// The number of the newest frame.
    pub last_seq: u64,
    /// Bytes of this client's standard input that were passed on.
    pub stdin_taken: u64,
    /// CPU time used so far, as of the last sample.
    pub cpu_ms: u64,
    /// Memory of the tree in the last sample.
    pub memory_kb: u64,
    /// It is paused.
    pub paused: bool,
    /// The disk is full: its output is not read until there is room, so that it waits.
    pub disk_full: bool,
    /// The number of the last thing that the run asked.
    pub asks: u64,
}

impl FromClient {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let with = |kind: u8, parts: &[&[u8]]| {
            let mut packet = vec![kind];
            parts.iter().for_each(|part| packet.extend_from_slice(part));
            packet
        };
        match self {
            Self::Hello { version, fence } => {
                with(0, &[&version.to_le_bytes(), &fence.to_le_bytes()])
            }
            Self::Control(control) => match control {
                Control::Stdin(bytes) => with(1, &[bytes]),
                Control::StdinEnd => with(2, &[]),
                Control::Resize(size) => {
                    with(3, &[&size.rows.to_le_bytes(), &size.cols.to_le_bytes()])
                }
                Control::Signal(signal) => with(4, &[&signal.to_le_bytes()]),
                Control::Stop { grace_ms } => with(5, &[&grace_ms.to_le_bytes()]),
                Control::Pause => with(6, &[]),
                Control::Resume => with(7, &[]),
                Control::Answers => with(8, &[]),
                Control::Answer { number, json } => with(9, &[&number.to_le_bytes(), json]),
            },
        }
    }

    /// None for what is no message.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let (kind, payload) = packet.split_first()?;
        let control = match (kind, payload.len()) {
            (0, 12) => {
                return Some(Self::Hello {
                    version: le_u32(payload),
                    fence: le_u64(&payload[4..]),
                });
            }
            (1, _) => Control::Stdin(payload.to_vec()),
            (2, 0) => Control::StdinEnd,
            (3, 4) => {
                let both = le_u32(payload).to_le_bytes();
                Control::Resize(Size {
                    rows: u16::from_le_bytes([both[0], both[1]]),
                    cols: u16::from_le_bytes([both[2], both[3]]),
                })
            }
            (4, 4) => Control::Signal(le_u32(payload).cast_signed()),
            (5, 8) => Control::Stop {
                grace_ms: le_u64(payload),
            },
            (6, 0) => Control::Pause,
            (7, 0) => Control::Resume,
            (8, 0) => Control::Answers,
            (9, 8..) => Control::Answer {
                number: le_u64(payload),
                json: payload[8..].to_vec(),
            },
            _ => return None,
        };
        Some(Self::Control(control))
    }
}

impl FromShim {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(40);
        match self {
            Self::Welcome { version } => {
                packet.push(0);
                packet.extend_from_slice(&version.to_le_bytes());
            }
            Self::Fenced { highest } => {
                packet.push(1);
                packet.extend_from_slice(&highest.to_le_bytes());
            }
            Self::News(news) => {
                packet.push(2);
                for number in [news.last_seq, news.stdin_taken, news.cpu_ms, news.memory_kb] {
                    packet.extend_from_slice(&number.to_le_bytes());
                }
                packet.push(u8::from(news.paused) | u8::from(news.disk_full) << 1);
                packet.extend_from_slice(&news.asks.to_le_bytes());
            }
        }
        packet
    }

    /// None for what is no message.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let (kind, payload) = packet.split_first()?;
        Some(match (kind, payload.len()) {
            (0, 4) => Self::Welcome {
                version: le_u32(payload),
            },
            (1, 8) => Self::Fenced {
                highest: le_u64(payload),
            },
            (2, 33..) => Self::News(News {
                last_seq: le_u64(payload),
                stdin_taken: le_u64(&payload[8..]),
                cpu_ms: le_u64(&payload[16..]),
                memory_kb: le_u64(&payload[24..]),
                paused: payload[32] & 1 != 0,
                disk_full: payload[32] & 2 != 0,
                asks: payload.get(33..41).map_or(0, le_u64),
            }),
            _ => return None,
        })
    }
}

/// What came of an attempt to receive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes of the buffer.
    Packet(usize),
    TooLong,
    NotYet,
    Over,
}

pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Received {
    let size = buffer.len();
    loop {
        return match rustix::net::recv(&socket, &mut *buffer, RecvFlags::TRUNC) {
            // An empty packet is no message of ours, either.
            Ok((_, 0)) => Received::Over,
            Ok((_, length)) if length > size => Received::TooLong,
            Ok((_, length)) => Received::Packet(length),
            // The other end left without reading everything; what it sent before is still there, and this is said once.
            Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => continue,
            Err(rustix::io::Errno::AGAIN) => Received::NotYet,
            Err(_) => Received::Over,
        };
    }
}

/// Sends a packet, if there is room for it now; says whether there was.
pub(crate) fn send(socket: impl AsFd, packet: &[u8]) -> io::Result<bool> {
    loop {
        return match rustix::net::send(&socket, packet, SendFlags::NOSIGNAL) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        };
    }
}

pub(crate) fn new_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?)
}

/// The address of a socket in a folder, however long the folder's path is; it holds while the folder is open.
pub(crate) fn address_in(folder: &OwnedFd, name: &Path) -> io::Result<SocketAddrUnix> {
    use std::os::fd::AsRawFd as _;
    let path = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    Ok(SocketAddrUnix::new(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What went over the socket between a client and a shim of version 1, a packet a line.
    const VERSION_1: &str = include_str!("../tests/fixtures/v1/attached.txt");

    #[test]
    fn a_conversation_of_version_1_is_understood() {
        let mut said = String::new();
        for line in VERSION_1.lines() {
            let (who, hex) = line.split_once(' ').unwrap();
            let digits: Vec<char> = hex.chars().filter(|digit| *digit != ' ').collect();
            let byte = |two: &[char]| u8::from_str_radix(&String::from_iter(two), 16).unwrap();
            let packet: Vec<u8> = digits.chunks(2).map(byte).collect();
            let understood = match who {
                "client" => {
                    let message = FromClient::decode(&packet).unwrap();
                    assert_eq!(message.encode(), packet);
                    format!("{message:?}\n")
                }
                _ => {
                    let message = FromShim::decode(&packet).unwrap();
                    // Later versions say more at the end.
                    assert!(message.encode().starts_with(&packet));
                    format!("{message:?}\n")
                }
            };
            said += &understood;
        }
        assert_eq!(said, EXPECTED);
    }

    const EXPECTED: &str = "\
Hello { version: 1, fence: 7 }
Welcome { version: 1 }
News(News { last_seq: 2, stdin_taken: 0, cpu_ms: 10, memory_kb: 2048, paused: false, disk_full: false, asks: 0 })
Control(Stdin([104, 105, 10]))
Control(Resize(Size { rows: 24, cols: 80 }))
Control(Pause)
News(News { last_seq: 3, stdin_taken: 3, cpu_ms: 10, memory_kb: 2048, paused: true, disk_full: false, asks: 0 })
Control(Resume)
Control(Signal(2))
Control(StdinEnd)
Control(Stop { grace_ms: 5000 })
Fenced { highest: 8 }
";

    #[test]
    fn what_is_no_message_is_none() {
        for packet in [
            &b""[..],
            &[0],
            &[1; 0],
            &[3, 1],
            &[5, 0],
            &[8, 0],
            &[9, 0],
            &[255, 1, 2],
        ] {
            assert_eq!(FromClient::decode(packet), None, "{packet:?}");
        }
        assert_eq!(FromShim::decode(&[2, 0]), None);
    }
}
