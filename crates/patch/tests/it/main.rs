//! The patch crate against the real git, and against everything else that may come in.

mod against_git;
mod bounds;
mod git;
mod headers;
mod merging;
mod refusals;
mod showing;
mod texts;
