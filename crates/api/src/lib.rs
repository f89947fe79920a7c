//! Wire types, error codes, and the client over any transport.
//!
//! Architecture invariant: only the types here derive wire schemas; nothing here decides anything.
//! JSON is `snake_case`, ids are UUID strings, times RFC 3339 in UTC, durations whole `*_ms` or
//! `*_sec`; requests refuse unknown fields.

pub mod approval;
pub mod assignment;
pub mod audit;
pub mod change_request;
pub mod change_set;
pub mod client;
pub mod command;
pub mod doctor;
pub mod engine;
pub mod event;
pub mod file_modification;
pub mod from_git;
pub mod grant;
pub mod list;
pub mod notify;
pub mod operation;
pub mod policy;
pub mod problem;
pub mod queue;
pub mod repo;
pub mod request;
pub mod run;
pub mod schemas;
pub mod stream;
pub mod summary;
pub mod task_request;
pub mod tool;
pub mod user;

/// The version of the HTTP API: what changes within it only adds.
pub const API_VERSION: &str = "1";
/// Where a call may name a version, and where every answer does.
pub const API_VERSION_HEADER: &str = "hyperion-api-version";
/// Where a tool's call names its session.
pub const TOOL_SESSION_HEADER: &str = "hyperion-tool-session";

pub use client::{Client, ClientError, Transport};
pub use list::List;
pub use problem::{FieldError, Problem};
