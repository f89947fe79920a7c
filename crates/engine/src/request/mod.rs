//! Requests: how far they are, how they end, and calling them off.

pub(crate) mod cancel;
pub(crate) mod progress;
mod summary;

pub use cancel::cancel;
pub(crate) use progress::Requests;
pub(crate) use summary::summary_of_failure;
pub use summary::{check, summary};
