//! Real processes, real files.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod coprocess;
mod home;
mod process;
mod run;
