//! Events on the wire; contracts §5.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of the last message of a feed whose reader is too slow; its id is the event to go on behind.
pub const CUT_OFF: &str = "cut_off";

/// What an event is about, or who caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// The noun, or the kind of actor.
    pub r#type: String,
    /// Its id or name.
    pub id: String,
    /// The role of a person when they acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// An immutable fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The version of the format.
    pub v: u64,
    /// Its number; gapless per store.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// When.
    pub time: String,
    /// What happened: `noun.verb`.
    pub kind: String,
    /// To what.
    pub subject: Party,
    /// The request it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The run it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Who caused it.
    pub actor: Party,
    /// What it says.
    pub data: serde_json::Value,
    /// The hash of the event before it.
    pub prev_hash: String,
    /// The hash of this event.
    pub hash: String,
}
