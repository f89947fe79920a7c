//! Real repositories, each test with every git of the machine.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where it fails and says with which git"
)]

mod checkout;
mod clone;
mod discover;
mod edit;
mod edited;
mod files;
mod follow;
mod landing;
mod lane;
mod merge;
mod objects;
mod remote;
mod stored;
mod world;
