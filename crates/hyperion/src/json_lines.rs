//! Finds the place that a JSON pointer means, in a file that a person wrote.
//!
//! The file may hold one value, an array, or several values one after the other (JSON lines); in the
//! last two cases the pointer's first part is the number of the value.

use std::fmt;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// A place in a file, both numbers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// Gives the place of the value that a pointer names, or of the nearest that is there.
pub(crate) fn place_of(text: &str, pointer: &str) -> Option<Place> {
    let parts: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut ends = vec![0];
    while let Some(value) = values.next() {
        value.ok()?;
        ends.push(values.byte_offset());
    }
    let (number, parts) = match ends.len() {
        0 | 1 => return None,
        2 => (0, parts.as_slice()),
        _ => {
            let (first, rest) = parts.split_first()?;
            (first.parse::<usize>().ok()?, rest)
        }
    };
    let (from, to) = (*ends.get(number)?, *ends.get(number.checked_add(1)?)?);
    let one = text.get(from..to)?;
    let parsed = parse_to_ast(one, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let found = from + find(parsed.value.as_ref()?, parts);
    let before = text.get(..found)?;
    let line_begins = before.rfind('\n').map_or(0, |at| at + 1);
    Some(Place {
        line: before.matches('\n').count() + 1,
        column: before[line_begins..].chars().count() + 1,
    })
}

/// Gives the place of the value that the parts lead to, as far as they lead.
fn find(value: &Value<'_>, parts: &[String]) -> usize {
    let here = value.start();
    let Some((first, rest)) = parts.split_first() else {
        return here;
    };
    match value {
        Value::Object(object) => match object
            .properties
            .iter()
            .find(|prop| prop.name.as_str() == first)
        {
            // The name's line is where a person looks, even if the value begins below it.
            Some(prop) if rest.is_empty() => prop.start(),
            Some(prop) => find(&prop.value, rest),
            None => here,
        },
        Value::Array(array) => {
            let item = first
                .parse()
                .ok()
                .and_then(|index: usize| array.elements.get(index));
            item.map_or(here, |item| find(item, rest))
        }
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => here,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, pointer: &str) -> Option<(usize, usize)> {
        place_of(text, pointer).map(|place| (place.line, place.column))
    }

    const ONE: &str = r#"{
  "title": "a \"quoted\" title",
  "a/b": 1,
  "tasks": [
    {"id": "T1",
     "owns": [
       "src/a",
       "src/b"
     ]},
    {
      "id": "T2"
    }
  ]
}
"#;

    #[test]
    fn pointers_lead_to_places() {
        for (pointer, place) in [
            ("", (1, 1)),
            ("/title", (2, 3)),
            ("/a~1b", (3, 3)),
            ("/tasks", (4, 3)),
            ("/tasks/0", (5, 5)),
            ("/tasks/0/owns", (6, 6)),
            ("/tasks/0/owns/1", (8, 8)),
            ("/tasks/1", (10, 5)),
            ("/tasks/1/id", (11, 7)),
            // What is missing is looked for where it should be.
            ("/tasks/1/owns/0", (10, 5)),
            ("/tasks/7", (4, 12)),
            ("/schema", (1, 1)),
            ("/title/0", (2, 12)),
        ] {
            assert_eq!(at(ONE, pointer), Some(place), "{pointer}");
        }
    }

    #[test]
    fn several_values_are_numbered() {
        let lines = "{\"title\": 1}\n\n{\"title\": 2}\n";
        assert_eq!(at(lines, "/1/title"), Some((3, 2)));
        assert_eq!(at(lines, "/2/title"), None);
        assert_eq!(at("[\n{},\n{\"x\": 1}\n]", "/1/x"), Some((3, 2)));
    }

    #[test]
    fn what_is_no_json_has_no_lines() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "[1, 2",
            "{\"a\" 1}",
            "\"\\",
            "?",
            &"[".repeat(1000),
        ] {
            assert_eq!(at(text, "/a"), None, "{text:.20}");
        }
    }
}
