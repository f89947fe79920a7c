//! The servers over streams, with an engine that is played.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod engine;
mod protocol;
