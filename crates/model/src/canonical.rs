//! Canonical JSON ([RFC 8785]), so that equal values always have equal bytes to hash.
//!
//! Hyperion's facts hold no fractions (money is in micro-USD), so numbers are written as
//! integers; a fraction is written as `serde_json` writes it and is the caller's mistake.
//!
//! [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785

use serde_json::Value;

/// Writes a value: keys sorted by UTF-16 code units, no white space.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
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
