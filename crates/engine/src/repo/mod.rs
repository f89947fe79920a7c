//! Repositories: registering them, opening them, and what `hyperion.toml` on their branch says.

mod change;
mod check;
mod file;
mod pool;
mod register;
#[cfg(test)]
mod tests;

pub use change::{LookedAt, agree_to_check, change, forget, push};
pub use check::{Check, level_name, network_name};
pub use file::{RepoFile, RepoFileError};
pub(crate) use pool::rules_at_tip;
pub use pool::{Opened, Pool};
pub(crate) use register::{around, twins};
pub use register::{find, register};
