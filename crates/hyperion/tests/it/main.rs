//! The program as people use it: real homes, real repositories, real processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod bad_input;
mod checkout;
mod checks;
mod conflict;
mod demo;
mod examples;
mod road;
mod tasks;
mod terminals;
mod world;
