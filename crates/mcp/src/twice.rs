//! Finds duplicate keys in an object: JSON leaves open which of the two counts.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The most letters of a key or a place that are repeated in a message.
const CHARS_MAX: usize = 80;

/// A duplicate key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Twice {
    /// The key.
    pub(crate) key: String,
    /// The object that has it, as a JSON pointer.
    pub(crate) place: String,
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |text: &str| text.chars().take(CHARS_MAX).collect::<String>();
        write!(f, "the key {:?} stands twice", cut(&self.key))?;
        match self.place.as_str() {
            "" => Ok(()),
            place => write!(f, " in {}", cut(place)),
        }
    }
}

/// Gives the first duplicate key; fails if the text is not JSON.
pub(crate) fn key_twice(json: &[u8]) -> serde_json::Result<Option<Twice>> {
    let mut walk = Walk::default();
    let mut reader = serde_json::Deserializer::from_slice(json);
    walk.deserialize(&mut reader)?;
    reader.end()?;
    Ok(walk.found)
}

/// A walk through a value: where it is, and what it found.
#[derive(Default)]
struct Walk {
    place: String,
    found: Option<Twice>,
}

impl Walk {
    /// Goes into a part of the value and comes back.
    fn within<T>(&mut self, part: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.place.len();
        self.place.push('/');
        self.place.push_str(part);
        let walked = walk(self);
        self.place.truncate(before);
        walked
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for at in 0usize.. {
            let item = self.within(&at.to_string(), |walk| items.next_element_seed(walk))?;
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.within(&key, |walk| entries.next_value_seed(walk))?;
            if keys.contains(&key) && self.found.is_none() {
                self.found = Some(Twice {
                    key,
                    place: self.place.clone(),
                });
            } else {
                keys.insert(key);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<String> {
        key_twice(json.as_bytes())
            .unwrap()
            .map(|twice| twice.to_string())
    }

    // T5: which of two arguments counts is not guessed.
    #[test]
    fn a_key_that_stands_twice_is_found_wherever_it_is() {
        assert_eq!(found(r#"{"a":1,"b":{"a":[{"a":null},{"a":1.5}]}}"#), None);
        let root = found(r#"{"a":1,"b":2,"a":1}"#);
        assert_eq!(root.as_deref(), Some(r#"the key "a" stands twice"#));
        // The same key, written in two ways.
        let deep = found(r#"{"params":{"list":[1,{"path":"x","p\u0061th":"y"}]}}"#);
        let expected = r#"the key "path" stands twice in /params/list/1"#;
        assert_eq!(deep.as_deref(), Some(expected));
        for wrong in ["", "{", "1 2", r#"{"a":1"#, &"[".repeat(100_000)] {
            assert!(key_twice(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
