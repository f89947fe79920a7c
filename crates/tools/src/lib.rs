//! The tools that agents use, one file a tool: they act within what they are given, and decide nothing.
//!
//! A tool gets a folder that it cannot leave ([`hyperion_host::Root`]), [`Limits`], and an [`Overseer`]: it asks the overseer
//! about every path before it looks at it, and tells it what it is about to write before it writes. What may be done,
//! what is kept about it and how often somebody may call is decided above.
//!
//! Architecture invariants: files are reached through `Root` alone; everything is bounded, in bytes, entries and time; the clock comes
//! in with the overseer; a tool that fails says what to do next, and has changed nothing.

pub mod filesystem;
pub mod test_runner;
pub mod words;

mod text;
mod walk;

use std::time::Duration;

use hyperion_api::Problem;
use hyperion_host::Root;

/// What is done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is looked at.
    Read,
    /// It is made, changed or removed.
    Write,
}

/// A change that is about to be made; nothing was written yet.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The file.
    pub path: &'a str,
    /// What it holds; none of a new one.
    pub before: Option<&'a [u8]>,
    /// What it will hold; none when it is removed.
    pub after: Option<&'a [u8]>,
}

/// Decides what a tool may do, and is told of each change before it is made.
pub trait Overseer {
    /// Says whether a path may be looked at or changed.
    fn judge(&self, path: &str, access: Access) -> Result<(), Problem>;

    /// Says whether this very change may be made, and begins a record of it.
    fn before_write(&self, planned: &Planned<'_>) -> Result<(), Problem>;

    /// Waits until the record that was begun is durable: nothing changes before.
    fn recorded(&self) -> Result<(), Problem>;

    /// Masks the secrets in a text, line by line: a mask takes no line away. None when there is nothing to mask.
    fn mask(&self, text: &str) -> Option<String>;

    /// Turns the hash of a content that holds masked secrets into a name that only this session can make: with the hash
    /// itself, whoever knows all but the secret could try out what the secret is.
    fn seal(&self, sha256: &str) -> String;

    /// Tells how long the call has taken, by the monotonic clock.
    fn elapsed(&self) -> Duration;
}

/// How much a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a file's content in one answer.
    pub read_bytes: u64,
    /// The most bytes that are given to be written.
    pub write_bytes: u64,
    /// The largest file that is read, edited or deleted.
    pub file_bytes: u64,
    /// The most entries of one page of a list.
    pub page_entries: u32,
    /// The most matches of one search.
    pub matches: u32,
    /// The most entries that one walk looks at.
    pub walk_entries: u64,
    /// How long one walk may take.
    pub walk_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read_bytes: 1024 * 1024,
            write_bytes: 500 * 1024,
            file_bytes: 10 * 1024 * 1024,
            page_entries: 1000,
            matches: 1000,
            walk_entries: 500_000,
            walk_time: Duration::from_secs(10),
        }
    }
}

/// Where a tool works, and within what.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The folder.
    pub root: &'a Root,
    /// How much it may do.
    pub limits: &'a Limits,
    /// Who decides.
    pub overseer: &'a dyn Overseer,
}
