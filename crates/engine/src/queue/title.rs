//! What an entry does, in one line.

use hyperion_model::change_set::ChangeSet;
use hyperion_model::entry::Entry;

use crate::{Cx, Error, change_set};

/// Names an entry by its first change, and counts the others; redacted.
pub fn title(cx: &Cx, entry: &Entry) -> Result<String, Error> {
    let Some(first) = entry.admission.change_sets.first() else {
        return Ok(String::new());
    };
    let title = match cx.store.get::<ChangeSet>(*first)? {
        Some(set) => change_set::title(cx, &set)?.unwrap_or_default(),
        None => String::new(),
    };
    Ok(match entry.admission.change_sets.len() {
        0 | 1 => title,
        several => format!("{title} (+{} more)", several - 1),
    })
}
