//! Masks secrets in the text values of an event before it is sealed.

use std::borrow::Cow;

use hyperion_model::{Digest, Uuid};
use hyperion_policy::Redactor;
use serde_json::Value;

/// Finds secrets in a text; pure.
pub trait Redact: Send + Sync {
    /// Gives the text with every secret masked, or nothing when there is none in it.
    fn redact(&self, text: &str) -> Option<String>;
}

/// Text by text: the names of an event's members are Hyperion's own, and say nothing about
/// whether what they hold is a secret.
impl Redact for Redactor {
    fn redact(&self, text: &str) -> Option<String> {
        match Redactor::redact(self, text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        }
    }
}

/// Leaves every text as it is: for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRedaction;

impl Redact for NoRedaction {
    fn redact(&self, _: &str) -> Option<String> {
        None
    }
}

/// Masks secrets in every string below `value`; tells whether it changed anything.
///
/// Ids and digests are left alone: a mask would make them mean something else.
pub(crate) fn redact_value(redact: &dyn Redact, value: &mut Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => {
            if is_reference(text) {
                return false;
            }
            match redact.redact(text) {
                Some(masked) => {
                    *text = masked;
                    true
                }
                None => false,
            }
        }
        // Every item, not only up to the first that changes.
        Value::Array(items) => {
            let mut changed = false;
            for item in items {
                changed |= redact_value(redact, item);
            }
            changed
        }
        Value::Object(members) => {
            let mut changed = false;
            for item in members.values_mut() {
                changed |= redact_value(redact, item);
            }
            changed
        }
    }
}

fn is_reference(text: &str) -> bool {
    match text.len() {
        36 => Uuid::try_parse(text).is_ok(),
        71 => text.parse::<Digest>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_is_masked_but_ids_and_digests() {
        struct Sixes;
        impl Redact for Sixes {
            fn redact(&self, text: &str) -> Option<String> {
                text.contains('6').then(|| text.replace('6', "[masked]"))
            }
        }
        let digest = Digest::of(b"6").to_string();
        let mut value = json!({
            "a": ["x6", 6, {"b": "6"}],
            "id": "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901",
            "digest": digest,
        });
        assert!(redact_value(&Sixes, &mut value));
        assert_eq!(
            value,
            json!({
                "a": ["x[masked]", 6, {"b": "[masked]"}],
                "id": "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901",
                "digest": digest,
            })
        );
        assert!(!redact_value(&NoRedaction, &mut value));
    }
}
