//! One stream for all that a page shows: `GET /api/stream` and its subscriptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a page wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "topic", rename_all = "snake_case", deny_unknown_fields)]
pub enum Subscribe {
    /// Events, as `GET /api/events` gives them.
    Events {
        /// These kinds, with commas between; all where none is named.
        #[serde(default)]
        kinds: Option<String>,
        /// Only what is about this: `TYPE:ID`.
        #[serde(default)]
        subject: Option<String>,
        /// Only what belongs to this request.
        #[serde(default)]
        request: Option<String>,
        /// Only what is about this repository.
        #[serde(default)]
        repo: Option<String>,
        /// Behind this event; from now on where none is named.
        #[serde(default)]
        after: Option<u64>,
    },
    /// Files that change.
    Notices {
        /// Only in this repository.
        #[serde(default)]
        repo: Option<String>,
    },
    /// What a run writes.
    Output {
        /// The run.
        run: String,
        /// Behind the item with this number; from its beginning where none is named.
        #[serde(default)]
        after: Option<u64>,
    },
}

/// A subscription that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscription {
    /// Its number, which every message of it carries.
    pub id: u32,
    /// The stream it belongs to.
    pub stream_id: String,
    /// `events`, `notices` or `output`.
    pub topic: String,
}

/// A stream that was opened: its first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// Its id, to subscribe with.
    pub stream_id: String,
    /// The subscriptions it has: those of before, where it was resumed.
    pub subscriptions: Vec<Subscription>,
}
