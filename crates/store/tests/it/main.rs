//! The store from outside: real files, real threads, damage done on purpose.

mod blobs;
mod execute;
mod world;
