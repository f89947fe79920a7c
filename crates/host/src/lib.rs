//! Processes, files and locks on the local machine.
//!
//! Invariants:
//! - This is the only crate that calls [`std::process::Command`]; a child never inherits an environment variable that its [`Launch`] does not name.
//! - Every child leads a process group of its own, so that ending it ends what it started in that group; a pager does not, it needs the
//!   terminal, and a [`Detached`] one makes itself a session.
//! - Nothing here reads the environment or the wall clock: where things are comes in as [`Surroundings`].
//! - Everything captured is bounded, every wait has a deadline.

mod bell;
mod beneath;
mod cancel;
mod confine;
mod container;
mod coprocess;
mod copy;
mod detached;
mod files;
mod home;
mod launch;
mod locations;
mod marked;
mod page;
mod peer;
mod process;
mod run;
mod users;
mod wait;

pub use bell::{Bell, wait_any};
pub use beneath::{BeneathError, Expect, Found, Kind, Listed, Root, Settled};
pub use cancel::CancelFlag;
pub use confine::{RUN_VARIABLE, confine_this_thread, descends_from_run, is_confined};
pub use container::{Container, container};
pub use coprocess::{CoProcess, CoProcessError};
pub use copy::{copy_new, exchange, read_pieces, rename_new};
pub use detached::{Detached, bound_log, leave_session};
pub use files::{
    ReadError, create_private, create_private_dir, free_bytes, fsync_dir, may_write, read_bounded,
    remove_tree, sync_filesystem, write_atomic,
};
pub use home::{Claim, ContentHold, Home, HomeError, HomeLock, LockError};
pub use launch::{Input, Launch, SpawnError};
pub use locations::{Locations, LocationsError, SOCKET_PATH_MAX, Surroundings};
pub use marked::{await_marked, kill_marked};
pub use page::page;
pub use peer::{Peer, effective_uid, narrow_sending, peer_of, raise_open_files};
pub use process::{
    Killed, MarkParseError, ProcessMark, boot_id, hostname, is_alive, is_stopped, kill_group,
    since_boot,
};
pub use run::{Captured, Exit, Limits, Outcome, run, run_to_file, run_until};
pub use users::uid_of;
pub use wait::{wait_any_readable, wait_readable};
