//! The store from outside: real files, real threads, damage done on purpose.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod against_model;
mod archive;
mod blobs;
mod crash;
mod damage;
mod everything_against_model;
mod execute;
#[path = "../fixtures/load.rs"]
mod fixtures;
mod flips;
mod keys;
mod leases;
mod migrate;
mod open;
mod operations;
#[cfg(feature = "shuttle")]
mod orders;
mod wal;
mod world;
