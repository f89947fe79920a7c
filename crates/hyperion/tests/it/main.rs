//! The program as people use it: real homes, real repositories, real processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod checkout;
mod checks;
mod conflict;
mod road;
mod tasks;
mod terminals;
mod world;
