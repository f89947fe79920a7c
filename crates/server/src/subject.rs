//! Finds what an id in a path means: the engine's own way, in short.

pub(crate) use hyperion_engine::subject::{find, find_to, missing};
