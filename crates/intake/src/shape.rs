//! Finds everything that is wrong with the shape of a JSON value, by its JSON Schema.
//!
//! It knows as much of JSON Schema as the schemas of `hyperion-api` use. Whether a value is accepted is decided by serde; this
//! says what is wrong with one that was not, all at once, where serde stops at the first error.

use serde_json::{Map, Value};

use crate::errors::Errors;
use crate::near::{nearest, one_of};

/// The most characters of a value that are shown.
const SHOWN_CHARS: usize = 40;
/// The depth at which looking stops; the schemas are far less deep.
const MAX_DEPTH: usize = 16;

/// Notes everything in a value that does not fit a schema; `root` has what the schema refers to, `at` is the value's pointer.
pub(crate) fn check(root: &Value, schema: &Value, at: &str, value: &Value, errors: &mut Errors) {
    Walk { root, errors }.value(schema, at, value, MAX_DEPTH);
}

struct Walk<'a> {
    root: &'a Value,
    errors: &'a mut Errors,
}

impl<'a> Walk<'a> {
    fn value(&mut self, schema: &'a Value, at: &str, value: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        if value.is_null() && is_optional(schema) {
            return;
        }
        let schema = self.resolve(schema);
        let words = words(schema);
        if !words.is_empty() {
            if !value.as_str().is_some_and(|word| words.contains(&word)) {
                self.errors.push(at, not_allowed(value, &words));
            }
            return;
        }
        match (expected(schema), value) {
            ("object", Value::Object(object)) => self.object(schema, at, object, depth),
            ("array", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&schema["items"], &format!("{at}/{index}"), item, depth);
                }
            }
            ("string", Value::String(_))
            | ("boolean", Value::Bool(_))
            | ("integer" | "number", Value::Number(_))
            | ("", _) => {}
            (kind, value) => {
                let detail = format!("is {}, {}", shown(value), self.remedy(schema, kind, value));
                self.errors.push(at, detail);
            }
        }
    }

    fn object(&mut self, schema: &'a Value, at: &str, object: &Map<String, Value>, depth: usize) {
        let Some(fields) = schema["properties"].as_object() else {
            return;
        };
        for required in strings(&schema["required"]) {
            if !object.contains_key(required) {
                let detail = format!("is missing; write {}", self.wanted(&fields[required]));
                self.errors.push(format!("{at}/{required}"), detail);
            }
        }
        for (name, value) in object {
            let at = format!("{at}/{}", escape(name));
            match fields.get(name) {
                Some(field) => self.value(field, &at, value, depth),
                None => self.errors.push(at, unknown(fields)(name)),
            }
        }
    }

    /// Follows references, and goes past the `null` of what may be left out.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MAX_DEPTH {
            let inner = schema["anyOf"]
                .as_array()
                .and_then(|any| any.iter().find(|one| one["type"] != "null"));
            let named = schema["$ref"].as_str();
            match (inner, named.and_then(|name| name.strip_prefix('#'))) {
                (Some(inner), _) => schema = inner,
                (None, Some(pointer)) => {
                    schema = self.root.pointer(pointer).unwrap_or(&Value::Null);
                }
                (None, None) => break,
            }
        }
        schema
    }

    /// Says what a field takes, and what it is for.
    fn wanted(&self, field: &'a Value) -> String {
        let schema = self.resolve(field);
        let words = words(schema);
        let what = match expected(schema) {
            _ if !words.is_empty() => one_of(words.iter().map(|word| format!("\"{word}\""))),
            "array" => "a list".to_owned(),
            "object" => "an object".to_owned(),
            "boolean" => "true or false".to_owned(),
            "integer" | "number" => "a number".to_owned(),
            _ => "a string".to_owned(),
        };
        match field["description"].as_str() {
            Some(about) if words.len() != 1 => {
                format!("{what} (\"{}\")", about.trim_end_matches('.'))
            }
            Some(_) | None => what,
        }
    }

    /// Says what a value should be instead, and how to write it.
    fn remedy(&self, schema: &'a Value, kind: &str, value: &Value) -> String {
        let of_strings = || expected(self.resolve(&schema["items"])) == "string";
        match (kind, value) {
            ("array", Value::String(_)) if of_strings() => {
                format!("not a list; write [{}]", cut(&value.to_string()))
            }
            ("array", _) => "not a list; write […]".to_owned(),
            ("object", _) => "not an object; write {…}".to_owned(),
            ("boolean", _) => "not a boolean; write true or false, without quotes".to_owned(),
            ("string", Value::Number(_) | Value::Bool(_)) => {
                format!("not a string; write \"{value}\"")
            }
            ("string", _) => "not a string; write \"…\"".to_owned(),
            _ => "not a number; write it without quotes".to_owned(),
        }
    }
}

/// Says that there is no such field, and which one may be meant.
fn unknown(fields: &Map<String, Value>) -> impl Fn(&str) -> String {
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    move |name| match nearest(name, names.iter().copied()) {
        Some(meant) => format!("is not a known field; did you mean `{meant}`?"),
        None => format!(
            "is not a known field; remove it, or use one of {}",
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn not_allowed(value: &Value, words: &[&str]) -> String {
    let listed = one_of(words.iter().map(|word| format!("\"{word}\"")));
    match value
        .as_str()
        .and_then(|word| nearest(word, words.iter().copied()))
    {
        Some(meant) => format!(
            "is {}; did you mean \"{meant}\"? It takes {listed}",
            shown(value)
        ),
        None => format!("is {}; write {listed}", shown(value)),
    }
}

/// The words that a schema lists, with those that are read as one of them.
fn words(schema: &Value) -> Vec<&str> {
    let listed = schema["const"]
        .as_str()
        .into_iter()
        .chain(strings(&schema["enum"]));
    let described = schema["oneOf"].as_array().into_iter().flatten();
    let described = described.flat_map(|one| {
        let word = one["const"]
            .as_str()
            .into_iter()
            .chain(strings(&one["enum"]));
        word.chain(strings(&one["x-aliases"]))
    });
    listed.chain(described).collect()
}

/// The type that a schema asks for, besides `null`; empty when any will do.
fn expected(schema: &Value) -> &str {
    let listed = strings(&schema["type"]).find(|kind| *kind != "null");
    listed.or(schema["type"].as_str()).unwrap_or("")
}

fn is_optional(schema: &Value) -> bool {
    let any = schema["anyOf"].as_array();
    strings(&schema["type"]).any(|kind| kind == "null")
        || any.is_some_and(|any| any.iter().any(|one| one["type"] == "null"))
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Shows a value with its type.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {}", cut(&number.to_string())),
        Value::String(_) => format!("the string {}", cut(&value.to_string())),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Escapes a key for a JSON pointer (RFC 6901 §3).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
