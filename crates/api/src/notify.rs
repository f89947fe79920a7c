//! How people are told of what waits for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of a test message on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// `desktop` or `webhook`.
    pub channel: String,
    /// Why it did not arrive; null where it did.
    pub trouble: Option<String>,
}

/// What came of test messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tries {
    /// Each channel that is set up.
    pub tries: Vec<Tried>,
}
