//! Shims that run real programs.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod kit;
mod life;
