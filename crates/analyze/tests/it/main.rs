//! Tests of the analysis through its public interface.

// Clippy knows tests by their attribute; what they share has none.
#![allow(clippy::unwrap_used)]

mod brief;
mod outputs;
mod reports;
mod request;
mod traces;
