//! The patch crate against the real git, and against everything else that may come in.

mod against_git;
mod git;
mod merging;
mod texts;
