//! The merge queue: admits approved changes, merges each with the branch's tip, checks the merged
//! result, lands it, and keeps what cannot land together with the evidence.
//!
//! Every step commits what it found before the next one acts, so an entry can be taken up by any
//! engine wherever the last one died. The one step that cannot be undone, moving the branch, has
//! its intent committed first and asks git, not its memory, whether it happened.

pub(crate) mod admit;
mod blocked;
mod branch;
pub(crate) mod checks;
pub(crate) mod conflict;
mod corrected;
pub(crate) mod depend;
mod evidence;
mod held;
mod land;
mod line;
pub(crate) mod merge;
mod message;
mod obstacle;
mod order;
pub(crate) mod pause;
pub mod paused;
#[cfg(test)]
mod recovery_tests;
mod refs;
mod restless;
pub(crate) mod retry;
mod ride;
#[cfg(test)]
mod stale_tests;
mod stayed;
mod title;
mod train;
#[cfg(test)]
mod train_tests;
mod work;

pub use corrected::corrected_by;
pub use evidence::read as evidence;
pub use order::{AGEING, next};
pub use retry::{cancel, retry};
pub use stayed::{behind, stayed};
pub use title::title;
pub(crate) use work::Queue;
