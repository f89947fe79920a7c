//! Backups: a copy of a home that was checked, shipping to another folder all the time, and the way back.
//!
//! **What a home is made of.** *Facts* are the chained events; everything else in the database either
//! follows from them (rows: a restore to a moment makes them anew) or is free to lose (leases, cursors,
//! the queue's log). *Content* is in blobs, small ones inside the database and large ones in files of
//! their own; both are sealed, and a copy keeps them sealed. *Objects*: Hyperion's own folder for each
//! repository holds what did not land yet and the refs that pin what changes were made on; open work
//! needs them, so they are copied. The *user's repositories* are not Hyperion's to copy, and neither are
//! work trees, lanes and clones; what agents committed there and did not hand in is counted and said. The *key* is left out, always, and the manifest says which one it was:
//! a backup without its key shows no content, and a key beside its backup protects nothing. *Settings*
//! (`config.toml`) are copied. *Output of runs* is left out unless it is asked for: its end is in the
//! facts, and a home keeps the whole for a day. Sockets, locks and caches are not data.
//!
//! **Order.** The database is copied first, as of one commit, then refs, then blobs and objects. What is
//! named is durable before whatever names it, and never changes under its name: so the files are a
//! superset of what the copied rows name. Purging waits while a copy is made ([`hyperion_host::Home::keep_content`]).
//! A backup has its name only when all of it is on the disk, its manifest last.
//!
//! **Shipping** is a base (the same as a backup) and then segments: the exact texts of events with the
//! seal on their end, new content, new objects and refs. A segment names every file it needs, with
//! digests; it never changes and is never overwritten. What is shipped can be restored up to any batch.
//!
//! **Restoring** works in a folder beside the home and exchanges the two at the very end.

mod copy;
mod error;
mod find;
mod manifest;
mod restore;
mod segment;
mod ship;
mod take;
mod verify;

pub use error::Error;
pub use find::{Found, candidates, list};
pub use manifest::{MANIFEST, Manifest, RepoEntry};
pub use restore::{Point, RESTORED, RestoreOptions, Restored, restore};
pub use segment::{Segment, SegmentName, names as segments};
pub use ship::{STATE as SHIP_STATE, ShipState, Shipped, Shipping, ship_once, state as ship_state};
pub use take::{Depth, Stage, TakeOptions, Taken, count as count_in_clones, take};

use std::path::Path;
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_api::problem::chain;
use hyperion_git::Git;
use hyperion_host::Home;
use hyperion_model::Time;
use hyperion_store::Store;

/// What is copied: an open home, and what its engine knows about it.
pub trait Source {
    /// The facts.
    fn store(&self) -> &Store;
    /// The home's folders.
    fn home(&self) -> &Home;
    /// The git program.
    fn git(&self) -> &Git;
    /// The time now.
    fn now(&self) -> Time;
    /// The folder that is shipped to, if any (`backup.ship_to`).
    fn ship_to(&self) -> Option<&Path>;
    /// How far back a restore can go (`backup.keep_days`).
    fn keep(&self) -> Duration;
    /// What agents committed in their clones and did not hand in.
    fn in_clones(&self) -> InClones;
}

/// What agents committed in their clones and did not hand in: nobody else has it, and no backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InClones {
    /// How many commits.
    pub commits: u64,
    /// Which branches they are on, each with its clone.
    pub branches: Vec<String>,
    /// Clones that could not be looked at.
    pub unread: Vec<String>,
}

/// The database's name in a home and in a backup.
pub const DATABASE: &str = "hyperion.db";
/// Where blobs are, in a home and in a backup.
pub const BLOBS: &str = "blobs";
/// Where object folders are, in a home and in a backup.
pub const REPOS: &str = "repos";
/// Where the output of runs is, in a home and in a backup.
const RUNS: &str = "runs";
/// What a run was started with, in its folder: its environment may hold secrets, so no backup has it.
const RUN_SPEC: &str = "spec.json";
/// The settings, in a home and in a backup.
const CONFIG: &str = "config.toml";
/// Where the segments of a base are.
pub const SEGMENTS: &str = "segments";

/// A backup that cannot be used, with what to do instead.
fn unusable(detail: impl Into<String>, hint: impl Into<String>) -> Error {
    Problem::new("backup.unusable", detail.into())
        .hint(hint)
        .into()
}

/// A moment as a part of a file's name, to the second: `20261121T101500Z`.
fn stamp(now: Time) -> String {
    let letters = now.to_string();
    let mut stamp: String = letters
        .chars()
        .take(19)
        .filter(|letter| *letter != '-' && *letter != ':')
        .collect();
    stamp.push('Z');
    stamp
}

/// A file that could not be read or written.
fn io(what: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.display().to_string();
    move |source| Error::Io { what, source }
}
