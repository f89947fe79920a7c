//! Frames: what a spool holds and an attached client receives, in order.

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
    /// This much output was dropped here, in bytes: it was too long, or the disk was full.
    Gap(u64),
    /// A message on the run's socket, as it came: one JSON-RPC request.
    Said(Vec<u8>),
    /// It ended.
    Ended(Ended),
}
