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

/// Tells whether [`redact_value`] would find something in a value, by the JSON text that `serde_json`
/// writes of it: making a tree of every event, to look for what is hardly ever there, is dear.
pub(crate) fn finds_any(redact: &dyn Redact, json: &str) -> bool {
    texts(json).any(|quoted| {
        let inside = &quoted[1..quoted.len() - 1];
        if is_reference(inside) {
            return false;
        }
        if inside.contains('\\') {
            let text = serde_json::from_str::<String>(quoted);
            // What cannot be read is looked at as a tree.
            return text.is_err() || text.is_ok_and(|text| redact.redact(&text).is_some());
        }
        redact.redact(inside).is_some()
    })
}

/// Gives every text of a JSON text as it is written, in its quotes; not the members' names.
fn texts(json: &str) -> impl Iterator<Item = &str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
            at = start + 1;
            while *bytes.get(at)? != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
            if bytes.get(at) != Some(&b':') {
                return Some(&json[start..at]);
            }
        }
    })
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
        assert!(finds_any(&Sixes, &value.to_string()));
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
        assert!(!finds_any(&NoRedaction, &value.to_string()));
    }

    // S9: the look at the text and the look at the tree agree.
    #[test]
    fn a_secret_is_seen_in_the_text_wherever_the_tree_has_it() {
        struct Has(&'static str);
        impl Redact for Has {
            fn redact(&self, text: &str) -> Option<String> {
                text.contains(self.0).then(String::new)
            }
        }
        for secret in ["x", "\"", "\\", "\n", "é\u{1f600}", ":", "\":", "name", "{"] {
            for (value, expected) in [
                (json!({"name": ["a", {"b": secret}]}), true),
                (json!({"b": format!("before{secret}after"), "c": 1}), true),
                (json!(secret), true),
                (json!([["a", "b"], {"b": "", "c": "\u{7}"}]), false),
                (
                    json!({"x": 1, "\"": 2, "\\": 3, "\n": 4, "name": {}, "é\u{1f600}": [], "{": 1, ":": 0}),
                    false,
                ),
            ] {
                let text = value.to_string();
                assert_eq!(
                    finds_any(&Has(secret), &text),
                    expected,
                    "{secret:?} in {text}"
                );
                assert_eq!(redact_value(&Has(secret), &mut value.clone()), expected);
            }
        }
    }
}
