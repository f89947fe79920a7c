//! What the tools answer, in words: for agents that read text.

pub mod control;
pub mod filesystem;
pub mod git;
pub mod test_runner;
