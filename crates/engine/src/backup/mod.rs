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
mod find;
mod manifest;
mod restore;
mod segment;
mod ship;
mod shipper;
mod take;
#[cfg(test)]
mod tests;
mod verify;

pub use find::{Found, list};
pub use manifest::{MANIFEST, Manifest, RepoEntry};
pub(crate) use restore::RESTORED;
pub use restore::{Point, RestoreOptions, Restored, restore};
pub(crate) use ship::{STATE as SHIP_STATE, ShipState, state as ship_state};
pub use ship::{Shipped, Shipping, ship_once};
pub(crate) use shipper::Shipper;
pub(crate) use take::count as count_in_clones;
pub use take::{Depth, Stage, TakeOptions, Taken, take};

use hyperion_api::Problem;
use hyperion_model::Time;

use crate::Error;

/// The database's name in a home and in a backup.
pub(crate) const DATABASE: &str = "hyperion.db";
/// Where blobs are, in a home and in a backup.
pub(crate) const BLOBS: &str = "blobs";
/// Where object folders are, in a home and in a backup.
pub(crate) const REPOS: &str = "repos";
/// Where the output of runs is, in a home and in a backup.
pub(crate) const RUNS: &str = "runs";
/// The settings, in a home and in a backup.
pub(crate) const CONFIG: &str = "config.toml";
/// Where the segments of a base are.
pub(crate) const SEGMENTS: &str = "segments";

/// A backup that cannot be used, with what to do instead.
pub(crate) fn unusable(detail: impl Into<String>, hint: impl Into<String>) -> Error {
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
pub(crate) fn io(what: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.display().to_string();
    move |source| Error::Io { what, source }
}
