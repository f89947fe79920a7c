//! What an engine says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an engine came to be up, and so how long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Somebody sees it run, and ends it: `hyperion up`, or a command that is the engine for its own work.
    Foreground,
    /// A command started it; it leaves when nobody needs it, or when it is asked to.
    Background,
}

/// Digests of what an engine was started with: one that is started with something else is another engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setup {
    /// The settings in force.
    pub settings: String,
    /// The program file, and what it takes from the environment.
    pub surroundings: String,
}

/// The answer of `/healthz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`, always: an engine that cannot answer says nothing.
    pub status: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The process that answers.
    #[serde(default)]
    pub pid: u32,
    /// Whether it can change anything.
    #[serde(default)]
    pub engine: bool,
    /// How it came to be up; none of versions that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What it was started with.
    #[serde(default)]
    pub setup: Setup,
    /// Whether nothing can go on without a person or a deadline.
    #[serde(default)]
    pub idle: bool,
    /// What its store was opened in spite of.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// `ready`; an engine that is not answers with a problem.
    pub status: String,
}

/// The answer of an engine that was asked to leave, and is leaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leaving {
    /// Its process.
    pub pid: u32,
}
