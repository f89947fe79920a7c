//! Tests with real processes in real sandboxes.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod driver;
mod escapes;
mod sight;
mod weaker;
