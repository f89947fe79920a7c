//! Shims that run real programs.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod channels;
mod clients;
mod control;
mod disk;
mod fixtures;
mod kit;
mod life;
mod limits;
mod sandbox;
mod tree;
