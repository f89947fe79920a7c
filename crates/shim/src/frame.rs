//! Frames: what a spool holds and an attached client receives, in order.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::spec::Ended;

/// Where output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output, or the terminal.
    Out,
    /// Standard error.
    Err,
}

/// One thing that happened, numbered without gaps from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its number.
    pub seq: u64,
    /// When, in milliseconds since 1970, by the machine's clock.
    pub time_ms: u64,
    /// What.
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The process was started: its mark, as `hyperion_host::ProcessMark` prints it.
    Started(String),
    /// It wrote.
    Output(Stream, Vec<u8>),
    /// This much output was dropped here, in bytes: it was too long.
    Gap(u64),
    /// This much output was dropped here, in bytes: the disk was full.
    NoRoom(u64),
    /// A message on the run's socket, as it came: one JSON-RPC request.
    Said(Vec<u8>),
    /// It ended.
    Ended(Ended),
}

/// The most bytes of a body: more is read from a process, or said on its socket, in several.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

/// Length and checksum, before each frame.
pub(crate) const PREFIX_BYTES: usize = 8;
/// Number, time and kind: the beginning of what length and checksum speak of.
pub(crate) const HEAD_BYTES: usize = 17;

const STARTED: u8 = 1;
const OUT: u8 = 2;
const ERR: u8 = 3;
const GAP: u8 = 4;
const SAID: u8 = 5;
const ENDED: u8 = 6;
const NO_ROOM: u8 = 7;

/// What is found where a frame may begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A frame, and how many bytes it takes.
    Frame(Frame, usize),
    /// The beginning of one: this many bytes are needed to know more.
    Partial(usize),
    /// No frame, so whatever follows is none either.
    Garbage,
}

/// The bytes of a frame before its body's own, and these; none for a body that is longer than [`BODY_MAX`].
pub(crate) fn encode(
    seq: u64,
    time_ms: u64,
    body: &Body,
) -> Option<([u8; PREFIX_BYTES + HEAD_BYTES], Cow<'_, [u8]>)> {
    let (kind, payload): (u8, Cow<'_, [u8]>) = match body {
        Body::Started(mark) => (STARTED, mark.as_bytes().into()),
        Body::Output(Stream::Out, bytes) => (OUT, bytes.as_slice().into()),
        Body::Output(Stream::Err, bytes) => (ERR, bytes.as_slice().into()),
        Body::Gap(bytes) => (GAP, bytes.to_le_bytes().to_vec().into()),
        Body::NoRoom(bytes) => (NO_ROOM, bytes.to_le_bytes().to_vec().into()),
        Body::Said(message) => (SAID, message.as_slice().into()),
        Body::Ended(ended) => {
            let json = serde_json::to_vec(ended).unwrap_or_default();
            (ENDED, json.into())
        }
    };
    if payload.len() > BODY_MAX {
        return None;
    }
    let mut head = [0; PREFIX_BYTES + HEAD_BYTES];
    let (prefix, rest) = head.split_at_mut(PREFIX_BYTES);
    rest[..8].copy_from_slice(&seq.to_le_bytes());
    rest[8..16].copy_from_slice(&time_ms.to_le_bytes());
    rest[16] = kind;
    let mut sum = crc32fast::Hasher::new();
    sum.update(rest);
    sum.update(&payload);
    let length = u32::try_from(HEAD_BYTES + payload.len()).unwrap_or(u32::MAX);
    prefix[..4].copy_from_slice(&length.to_le_bytes());
    prefix[4..].copy_from_slice(&sum.finalize().to_le_bytes());
    Some((head, payload))
}

impl Frame {
    /// Reads the frame with which these bytes begin.
    pub(crate) fn decode(bytes: &[u8]) -> Decoded {
        let Some((prefix, rest)) = bytes.split_at_checked(PREFIX_BYTES) else {
            return Decoded::Partial(PREFIX_BYTES);
        };
        let length = le_u32(prefix) as usize;
        if !(HEAD_BYTES..=HEAD_BYTES + BODY_MAX).contains(&length) {
            return Decoded::Garbage;
        }
        let Some(rest) = rest.get(..length) else {
            return Decoded::Partial(PREFIX_BYTES + length);
        };
        if crc32fast::hash(rest) != le_u32(&prefix[4..]) {
            return Decoded::Garbage;
        }
        let (head, payload) = rest.split_at(HEAD_BYTES);
        let Some(body) = body_of(head[16], payload) else {
            return Decoded::Garbage;
        };
        let frame = Self {
            seq: le_u64(head),
            time_ms: le_u64(&head[8..]),
            body,
        };
        Decoded::Frame(frame, PREFIX_BYTES + length)
    }
}

impl Body {
    /// How many bytes of a process's output this stands for.
    pub(crate) fn output_bytes(&self) -> u64 {
        match self {
            Self::Output(_, bytes) => bytes.len() as u64,
            Self::Gap(bytes) | Self::NoRoom(bytes) => *bytes,
            _ => 0,
        }
    }
}

fn body_of(kind: u8, payload: &[u8]) -> Option<Body> {
    Some(match kind {
        STARTED => Body::Started(String::from_utf8(payload.to_vec()).ok()?),
        OUT => Body::Output(Stream::Out, payload.to_vec()),
        ERR => Body::Output(Stream::Err, payload.to_vec()),
        GAP => Body::Gap(u64::from_le_bytes(payload.try_into().ok()?)),
        NO_ROOM => Body::NoRoom(u64::from_le_bytes(payload.try_into().ok()?)),
        SAID => Body::Said(payload.to_vec()),
        ENDED => Body::Ended(serde_json::from_slice(payload).ok()?),
        _ => return None,
    })
}

/// The number with which these bytes begin; too few bytes are none.
pub(crate) fn le_u32(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |four| u32::from_le_bytes(*four))
}

/// The number with which these bytes begin; too few bytes are none.
pub(crate) fn le_u64(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk()
        .map_or(0, |eight| u64::from_le_bytes(*eight))
}
