//! Real processes, real files.

mod coprocess;
mod home;
mod process;
mod run;
