//! Sets a member in JSON that people write, with comments and commas too many, and leaves all else as it is.

use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use jsonc_parser::errors::ParseError;
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::Value;
use thiserror::Error;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;

/// JSON as editors and agents read it: with comments and trailing commas, and no other liberties.
const SPELLING: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum JsoncError {
    /// It is not JSON, even with comments.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// Something else stands where an object has to be.
    #[error("{0} is not an object")]
    NotAnObject(String),
}

/// Sets `text[outer][name]`, adding what is missing; gives the whole text.
pub(super) fn set(
    text: &str,
    outer: &str,
    name: &str,
    value: &Value,
) -> Result<String, JsoncError> {
    let text = if text.trim().is_empty() {
        "{\n}\n"
    } else {
        text
    };
    let (mark, text) = without_mark(text);
    let root = CstRootNode::parse(text, &SPELLING).map_err(not_json)?;
    let top = root
        .object_value()
        .ok_or_else(|| JsoncError::NotAnObject("the whole of it".to_owned()))?;
    let not_an_object = || JsoncError::NotAnObject(format!("{outer:?}"));
    let inner = match member(&top, outer) {
        Some(member) => member.object_value().ok_or_else(not_an_object)?,
        None => top
            .object_value_or_create(outer)
            .ok_or_else(not_an_object)?,
    };
    match member(&inner, name) {
        Some(member) => member.set_value(input(value)),
        None => drop(inner.append(name, input(value))),
    }
    Ok(format!("{mark}{root}"))
}

/// Reads the value behind a text with comments, for comparing.
pub(super) fn value(text: &str) -> Result<Value, JsoncError> {
    let (_, text) = without_mark(text);
    if text.trim().is_empty() {
        return Ok(serde_json::json!({}));
    }
    parse_to_serde_value(text, &SPELLING).map_err(not_json)
}

/// Finds a member by its name; of several, the last one counts.
fn member(object: &CstObject, name: &str) -> Option<CstObjectProp> {
    let is_named = |member: &CstObjectProp| {
        member
            .name()
            .and_then(|name| name.decoded_value().ok())
            .as_deref()
            == Some(name)
    };
    object.properties().into_iter().rev().find(is_named)
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => CstInputValue::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), input(value)))
                .collect(),
        ),
    }
}

/// Parts a byte order mark from a text.
fn without_mark(text: &str) -> (&str, &str) {
    text.split_at(if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn not_json(error: ParseError) -> JsoncError {
    JsoncError::NotJson(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn server() -> Value {
        json!({"command": "hyperion", "args": ["mcp"]})
    }

    #[track_caller]
    fn edited(text: &str) -> String {
        let edited = set(text, "mcpServers", "files", &server()).unwrap();
        let mut expected = value(text).unwrap();
        expected["mcpServers"]["files"] = server();
        assert_eq!(value(&edited).unwrap(), expected, "{edited}");
        edited
    }

    // T5: what is there stays, with its comments.
    #[test]
    fn comments_and_what_else_is_there_stay() {
        insta::assert_snapshot!(edited(""), @r#"
        {
          "mcpServers": {
            "files": {
              "args": ["mcp"],
              "command": "hyperion"
            }
          }
        }
        "#);
        insta::assert_snapshot!(edited("{\n    // mine\n    \"theme\": \"dark\", // loved\n    \"mcpServers\": {\n        \"other\": {\"command\": \"x\"} // keep\n    }\n}\n"), @r#"
        {
            // mine
            "theme": "dark", // loved
            "mcpServers": {
                "other": {"command": "x"}, // keep
                "files": {
                    "args": ["mcp"],
                    "command": "hyperion"
                }
            }
        }
        "#);
        insta::assert_snapshot!(edited("{\n  \"mcpServers\": {\n    \"files\": {\"command\": \"old\"}, /* old */\n  },\n}\n"), @r#"
        {
          "mcpServers": {
            "files": {
              "args": ["mcp"],
              "command": "hyperion"
            }, /* old */
          },
        }
        "#);
    }

    #[test]
    fn any_spelling_is_edited_to_the_same_value() {
        for text in [
            "{}",
            "{ }",
            "\u{feff}{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\n\t\"a\": 1,\n}",
            "{\"mcpServers\":{}}",
            "{\"mcpServers\":{\"o\":1,},\"z\":[1,2,],}",
            "// top\n{\"mcpServers\": { // none\n }}\n// end",
            "{\"a\": \"//no comment\", \"mcpServers\": {\"b}\": \"\\\"}\"}}",
            "{\"mcpServers\":{\"files\":1,\"files\":2}}",
            "{\"a\":1 // c,\n}",
        ] {
            edited(text);
        }
    }

    // T5: one letter more or less anywhere: it is refused, or edited to what it meant, with the server in it.
    #[test]
    fn a_slip_anywhere_is_refused_or_edited_rightly() {
        let text = "{ // a\n \"o\": [1, {\"b\": \"c\\\"}\"}], /* , */\n \"mcpServers\": {\"x\": {} /* } */, }\n}\n";
        let mut edits = 0;
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            for put in [
                "", "\"", "{", "}", "[", ",", ":", "/", "/*", "*/", "//", "\n", "1", "ö",
            ] {
                for skip in [0, 1] {
                    let Some(rest) = text.get(at + skip..) else {
                        continue;
                    };
                    let slip = format!("{}{put}{rest}", &text[..at]);
                    let (Ok(mut expected), Ok(edited)) =
                        (value(&slip), set(&slip, "mcpServers", "files", &server()))
                    else {
                        continue;
                    };
                    expected["mcpServers"]["files"] = server();
                    assert_eq!(value(&edited).unwrap(), expected, "{slip}\n{edited}");
                    edits += 1;
                }
            }
        }
        assert!(edits > 100, "{edits}");
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for text in [
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":1 \"b\":2}",
            "{} x",
            "{\"a\":}",
            "{/*",
        ] {
            let refused = set(text, "mcpServers", "files", &server());
            assert!(refused.is_err(), "{text}: {refused:?}");
        }
        let refused = set("{\"mcpServers\": 7}", "mcpServers", "files", &server());
        assert!(
            matches!(refused, Err(JsoncError::NotAnObject(_))),
            "{refused:?}"
        );
    }
}
