//! The store from outside: real files, real threads, damage done on purpose.

mod against_model;
mod blobs;
mod crash;
mod damage;
mod execute;
mod keys;
mod leases;
mod open;
mod operations;
mod world;
