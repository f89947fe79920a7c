//! The servers over streams, with an engine that is played.

mod engine;
mod protocol;
