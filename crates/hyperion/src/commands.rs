//! The commands: one file each.

pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod changes;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod generate;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod mcp;
pub(crate) mod policy;
pub(crate) mod propose;
pub(crate) mod queue;
pub(crate) mod queue_metrics;
pub(crate) mod repo;
pub(crate) mod request;
pub(crate) mod restore;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod worker;
