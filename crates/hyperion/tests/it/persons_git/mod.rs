//! What a person's own git does to the repository in the middle of a landing: clean-up, force, locks, histories that go.
//!
//! Nothing here is left to chance: the engine waits at a named step until the person has done it.

mod behind;
mod held;
mod history;
mod housekeeping;
mod locks;

const FILES: &[(&str, &str)] = &[("a.txt", "one\n"), ("b.txt", "two\n")];
