//! How lists are answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most items one answer holds.
pub const MAX_LIMIT: u32 = 1000;
/// How many items an answer holds unless asked otherwise.
pub const DEFAULT_LIMIT: u32 = 50;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct List<T> {
    /// The items, newest first unless the call says otherwise.
    pub items: Vec<T>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// Wraps items that are the whole list.
    pub const fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}
