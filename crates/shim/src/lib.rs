//! The process that owns a run.
//!
//! `hyperion shim FOLDER` reads the [`Spec`] in the run's folder, starts what it names inside its sandbox, keeps every byte of output
//! in the folder's spool, answers on the run's socket and on its own control socket, ends every descendant, and records how it went.
//! It depends on nobody: an engine attaches, leaves, dies, and another one attaches again.
//!
//! The folder of a run, 0700, everything in it 0600:
//! - `spec.json`: the [`Spec`], never changed once written, perhaps without what is [`Private`]
//! - `shim.json`: which process the shim is, and the version of its protocol ([`ShimRecord`]); written before anything is started
//! - `spool/`: segments of frames ([`Frame`])
//! - `control`: the socket for engines; `socket/s`: the run's socket, for what runs inside
//! - `asks/`: what the run asked and nobody has answered ([`asks`])
//! - `ended.json`: the [`Ended`], written and synced before the shim goes

pub mod asks;
mod attach;
mod channel;
mod clients;
mod control;
mod ending;
mod folder;
mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod inside;
mod main_of_shim;
mod owner;
mod private;
mod program;
mod record;
mod rpc;
mod socket;
mod spec;
pub mod spool;
mod tree;

pub use attach::{AttachError, Attachment};
pub use channel::ChannelHeader;
pub use control::{Control, News};
pub use folder::{
    Found, StartError, end_what_is_left, look, read_spec, start, start_with, write_public_spec,
    write_spec,
};
pub use frame::{Body, Frame, Stream};
pub use main_of_shim::main_of_shim;
pub use private::Private;
pub use spec::{
    Channel, ChannelEnd, End, Ended, HeartbeatFrom, ShimRecord, Size, Spec, Stdin, Usage, VERSION,
};

/// The folder of the run's socket, in the run's folder.
pub const SOCKET_FOLDER: &str = "socket";
/// Follows the word `shim` in the first process inside.
const INSIDE: &str = "--inside";
