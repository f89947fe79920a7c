//! Who owns which paths, as `[owners]` in `hyperion.toml` says it.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Globs with the people who own what they cover, in the order in which they are written: of several that cover a path the last
/// one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnedPaths(Vec<(String, Vec<String>)>);

impl OwnedPaths {
    /// Goes through them in order.
    pub fn iter(&self) -> impl Iterator<Item = &(String, Vec<String>)> {
        self.0.iter()
    }
}

impl From<Vec<(String, Vec<String>)>> for OwnedPaths {
    fn from(paths: Vec<(String, Vec<String>)>) -> Self {
        Self(paths)
    }
}

impl Serialize for OwnedPaths {
    /// As a list, for the order says something; nothing as an empty table, as it always was.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.is_empty() {
            true => serializer.collect_map(std::iter::empty::<(String, String)>()),
            false => serializer.collect_seq(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for OwnedPaths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = OwnedPaths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of globs with lists of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OwnedPaths, A::Error> {
                let mut paths = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    paths.push(entry);
                }
                Ok(OwnedPaths(paths))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OwnedPaths, A::Error> {
                let mut paths = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    paths.push(entry);
                }
                Ok(OwnedPaths(paths))
            }
        }

        deserializer.deserialize_any(InOrder)
    }
}
