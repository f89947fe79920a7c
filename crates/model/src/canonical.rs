//! Canonical JSON ([RFC 8785]), so that equal values always have equal bytes to hash.
//!
//! Hyperion's facts hold no fractions (money is in micro-USD), so numbers are written as
//! integers; a fraction is written as `serde_json` writes it and is the caller's mistake.
//!
//! [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

/// Writes a value: keys sorted by UTF-16 code units, no white space.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Writes what [`to_string`] writes of the same value as a tree, without ever making the tree.
///
/// Making one, of maps and texts that are each allocated by themselves, took most of the time that
/// an event's text took.
pub fn of<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    let mut out = String::with_capacity(text.len());
    sort(&text, &mut out);
    Ok(out)
}

/// Copies a JSON text as `serde_json` writes it, without white space, with its members sorted.
fn sort(text: &str, out: &mut String) {
    let Some(inside) = text.get(1..text.len().saturating_sub(1)) else {
        return out.push_str(text);
    };
    match text.as_bytes()[0] {
        b'{' => {
            let mut members: Vec<&str> = parts(inside).collect();
            members.sort_by(|a, b| compare_keys(key_of(a), key_of(b)));
            out.push('{');
            for (at, member) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                let key = key_of(member);
                out.push_str(key);
                out.push(':');
                sort(&member[key.len() + 1..], out);
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            for (at, item) in parts(inside).enumerate() {
                if at > 0 {
                    out.push(',');
                }
                sort(item, out);
            }
            out.push(']');
        }
        _ => out.push_str(text),
    }
}

/// Splits what stands between brackets or braces at its own commas.
fn parts(inside: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(inside).filter(|inside| !inside.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut depth, mut at) = (0_u32, 0);
        let bytes = text.as_bytes();
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => at += string_len(&text[at..]) - 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => break,
                _ => {}
            }
            at += 1;
        }
        rest = text.get(at + 1..);
        Some(&text[..at.min(text.len())])
    })
}

/// Tells how long the string at the start of a text is, quotes included.
fn string_len(text: &str) -> usize {
    let mut at = 1;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Gives a member's key as it is written, quotes included.
fn key_of(member: &str) -> &str {
    &member[..string_len(member)]
}

/// Compares keys as they are written, by the UTF-16 code units of what they say.
fn compare_keys(a: &str, b: &str) -> Ordering {
    let plain = |key: &str| key.bytes().all(|byte| byte.is_ascii() && byte != b'\\');
    if plain(a) && plain(b) {
        // Without the quotes: `"` would come before the `"` that ends a key that the other begins with.
        return a.trim_matches('"').cmp(b.trim_matches('"'));
    }
    let said = |key: &str| serde_json::from_str::<String>(key).unwrap_or_default();
    said(a).encode_utf16().cmp(said(b).encode_utf16())
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // `serde_json` escapes strings exactly as RFC 8785 §3.2.2.2 asks.
            out.push_str(&value.to_string());
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (key, item)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    // The sorting example of RFC 8785 §3.2.3, without its fraction.
    #[test]
    fn keys_are_sorted_by_utf16() {
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let keys: Vec<_> = super::to_string(&value)
            .split(['{', ','])
            .filter_map(|member| member.split(':').next().map(str::to_owned))
            .filter(|key| !key.is_empty())
            .collect();
        assert_eq!(
            keys,
            [
                "\"\\r\"",
                "\"1\"",
                "\"\u{80}\"",
                "\"\u{f6}\"",
                "\"\u{20ac}\"",
                "\"\u{1f600}\"",
                "\"\u{fb33}\""
            ]
        );
    }

    #[test]
    fn a_value_has_the_same_text_with_and_without_a_tree() {
        use std::collections::HashMap;
        let text = "a\u{1f600}\"\\,:{}[]\n\u{fb33}";
        let value = json!({
            "b": [1, -2, true, null, [], {}, [{"y": text, "x": [[]]}]],
            "a": {"a!": 1, "a": 2, "a\"": 3, "a\\": 4, "": 5},
            "\u{20ac}": "Euro Sign", "\r": "Return", "\u{fb33}": "Dalet",
            "1": "One", "\u{1f600}": "Grinning", "\u{80}": "Control", "\u{f6}": "Diaeresis",
            text: text,
        });
        let members: HashMap<String, serde_json::Value> =
            serde_json::from_value(value.clone()).unwrap();
        // A hash map gives its members in an order of its own.
        assert_eq!(super::of(&members).unwrap(), super::to_string(&value));
        for alone in [
            json!(7),
            json!("x"),
            json!(null),
            json!([]),
            json!({}),
            json!(""),
        ] {
            assert_eq!(super::of(&alone).unwrap(), super::to_string(&alone));
        }
    }

    #[test]
    fn white_space_and_order_do_not_matter() {
        let a: serde_json::Value =
            serde_json::from_str("{\"b\": [1, {\"y\":null,\"x\":true}], \"a\": \"\\u0041\"}")
                .unwrap();
        assert_eq!(
            super::to_string(&a),
            r#"{"a":"A","b":[1,{"x":true,"y":null}]}"#
        );
    }
}
