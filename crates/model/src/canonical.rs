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
    let mut sorter = Sorter {
        text: text.as_bytes(),
        at: 0,
        out: Vec::with_capacity(text.len()),
        members: Vec::new(),
    };
    sorter.value();
    match String::from_utf8(sorter.out) {
        Ok(sorted) => Ok(sorted),
        // Never: whole members were moved.
        Err(_) => Ok(to_string(&serde_json::from_str(&text)?)),
    }
}

/// Copies a JSON text as `serde_json` writes it, without white space, and sorts members on the way.
struct Sorter<'t> {
    text: &'t [u8],
    at: usize,
    out: Vec<u8>,
    /// Of the objects that are open, the innermost last.
    members: Vec<Member>,
}

/// Where a member lies in what was written.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
    /// Whether its key is written as it is said, in ASCII.
    plain: bool,
}

impl Sorter<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Copies so many bytes.
    fn copy(&mut self, bytes: usize) {
        let end = self.text.len().min(self.at + bytes);
        self.out.extend_from_slice(&self.text[self.at..end]);
        self.at = end;
    }

    fn value(&mut self) {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string(),
            Some(_) | None => {
                let rest = &self.text[self.at..];
                let end = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b']' | b'}'));
                self.copy(end.unwrap_or(rest.len()));
            }
        }
    }

    fn string(&mut self) {
        let mut end = self.at + 1;
        while let Some(byte) = self.text.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        self.copy(end + 1 - self.at);
    }

    fn array(&mut self) {
        self.copy(1);
        while self.peek().is_some_and(|byte| byte != b']') {
            self.value();
            if self.peek() == Some(b',') {
                self.copy(1);
            }
        }
        self.copy(1);
    }

    fn object(&mut self) {
        self.copy(1);
        let first = self.members.len();
        while self.peek().is_some_and(|byte| byte != b'}') {
            let start = self.out.len();
            self.string();
            let key_end = self.out.len();
            self.copy(1);
            self.value();
            let end = self.out.len();
            let key = &self.out[start..key_end];
            self.members.push(Member {
                start,
                key_end,
                end,
                plain: key.is_ascii() && !key.contains(&b'\\'),
            });
            if self.peek() == Some(b',') {
                self.copy(1);
            }
        }
        self.sort(first);
        self.members.truncate(first);
        self.copy(1);
    }

    /// Brings the members from `first` on, which are the last thing written, into order.
    fn sort(&mut self, first: usize) {
        let (out, members) = (&self.out, &mut self.members[first..]);
        // Without the quotes, so that a key comes before those that begin with it.
        let key = |member: &Member| &out[member.start + 1..member.key_end - 1];
        let compare = |a: &Member, b: &Member| {
            if a.plain && b.plain {
                key(a).cmp(key(b))
            } else {
                compare_said(key(a), key(b))
            }
        };
        if members.is_sorted_by(|a, b| compare(a, b).is_le()) {
            return;
        }
        let start = members[0].start;
        members.sort_by(compare);
        let mut sorted = Vec::with_capacity(out.len() - start);
        for (at, member) in members.iter().enumerate() {
            if at > 0 {
                sorted.push(b',');
            }
            sorted.extend_from_slice(&out[member.start..member.end]);
        }
        self.out.truncate(start);
        self.out.extend_from_slice(&sorted);
    }
}

/// Compares keys as they are written, by the UTF-16 code units of what they say.
fn compare_said(a: &[u8], b: &[u8]) -> Ordering {
    let said = |key: &[u8]| {
        let quoted = [b"\"", key, b"\""].concat();
        serde_json::from_slice::<String>(&quoted).unwrap_or_default()
    };
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
