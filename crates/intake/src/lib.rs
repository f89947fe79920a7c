//! Reads what people file: task requests, new versions of tasks, change requests, patches and answers.
//!
//! Pure: what is filed is read from bytes, checked against itself and against [`Limits`](validate::Limits), and
//! everything that is wrong with it is said at once, each with its place. The engine's `intake` checks it against the
//! repository and files it.

pub mod brief;
pub mod change;
pub mod draft;
pub mod errors;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
pub mod json;
pub mod near;
mod ownership;
pub mod parse;
pub mod secret;
mod shape;
pub mod signature;
mod sizes;
mod task;
pub mod validate;
pub mod version;

pub use sizes::Sizes;
