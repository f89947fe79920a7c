//! The program as people use it: real homes, real repositories, real processes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod api;
mod asked;
mod asking;
mod audit;
mod background;
mod backup;
#[cfg(feature = "fail-points")]
mod backup_kills;
mod bad_input;
mod bad_world;
mod checkout;
mod checks;
mod commands;
mod confined;
mod conflict;
mod crash;
mod damage;
mod decisions;
mod demo;
mod displaced;
mod doctor;
mod dry_run;
mod examples;
mod exec;
#[cfg(feature = "fail-points")]
mod fail_points;
mod feed;
mod fidelity;
mod files;
mod from_git;
mod identity;
mod ids;
mod intake;
mod invariants;
mod kills;
mod malformed;
mod mcp;
mod mcp_client;
mod migrate;
mod notify;
#[cfg(feature = "fail-points")]
mod paused;
mod persons_git;
mod policy;
mod port;
mod power;
mod repo;
mod revise;
mod road;
mod runs;
mod seats;
mod service;
mod sizes;
mod status;
mod surface;
mod talk;
mod tasks;
mod terminals;
mod test_runner;
mod words;
mod world;
