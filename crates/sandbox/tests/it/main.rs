//! Tests with real processes in real sandboxes.

mod driver;
mod escapes;
mod sight;
mod weaker;
