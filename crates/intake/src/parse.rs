//! From the bytes of a file to task requests, or to everything that is wrong with its shape.

use hyperion_api::task_request::{self, Task, TaskRequest};
use hyperion_api::{FieldError, Problem, schemas};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::errors::Errors;
use crate::json::Strict;
use crate::shape::{self, escape};

/// The most bytes one file of requests may have.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The most requests one file may hold.
pub const MAX_REQUESTS: usize = 100;

/// A request as it was read, and where it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What every pointer into it starts with: empty, or `/0` for the first of several.
    pub pointer: String,
    /// The request.
    pub request: TaskRequest,
}

/// Reads one object, an array of them, or JSON lines.
pub fn parse(bytes: &[u8]) -> Result<Vec<Parsed>, Problem> {
    parse_with(bytes, &Map::new())
}

/// Reads requests, and gives each the fields that it does not have; one that says otherwise is an error.
pub fn parse_with(bytes: &[u8], given: &Map<String, Value>) -> Result<Vec<Parsed>, Problem> {
    let text = text_of(bytes)?;
    let values = read_values(text)?;
    if values.is_empty() {
        return Err(nothing("the input is a list without a request"));
    }
    if values.len() > MAX_REQUESTS {
        let detail = format!("the input holds more than {MAX_REQUESTS} requests");
        return Err(Problem::new("request.too_large", detail).hint("split it into several files"));
    }
    let mut parsed = Vec::new();
    let mut errors = Errors::default();
    for (pointer, mut value) in values {
        if let Err(error) = fill_in(&pointer, &mut value, given) {
            errors.push(error.pointer, error.detail);
            continue;
        }
        if let Some(request) = read_request(&pointer, &value, &mut errors) {
            parsed.push(Parsed { pointer, request });
        }
    }
    if errors.is_empty() {
        return Ok(parsed);
    }
    Err(errors
        .into_problem("request.invalid")
        .hint("`hyperion generate schemas --out DIR` writes the schema to task_request.v1.json"))
}

/// Reads a file's text, which must not be empty.
pub fn text_of(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > MAX_BYTES {
        let detail = format!("the input is larger than {} MiB", MAX_BYTES / 1024 / 1024);
        return Err(Problem::new("request.too_large", detail).hint("split it into several files"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        let detail = format!(
            "the input is not UTF-8: byte {} on line {line}",
            error.valid_up_to()
        );
        Problem::new("request.invalid", detail).hint(
            "save it as UTF-8; binary content goes into `content` with \"encoding\": \"base64\"",
        )
    })?;
    // Editors on Windows still put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(nothing("the input is empty"));
    }
    Ok(text)
}

fn fill_in(pointer: &str, value: &mut Value, given: &Map<String, Value>) -> Result<(), FieldError> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    for (name, wanted) in given {
        let there = fields.entry(name).or_insert_with(|| wanted.clone());
        if there != wanted {
            return Err(FieldError {
                pointer: format!("{pointer}/{name}"),
                detail: format!(
                    "the file says {there}, and what was given beside it says {wanted}: leave one of the two out"
                ),
            });
        }
    }
    Ok(())
}

fn nothing(what: &str) -> Problem {
    Problem::new("request.invalid", what)
        .hint("write a task request: {\"schema\": \"hyperion.task_request/v1\", \"title\": \"…\"}")
}

fn read_values(text: &str) -> Result<Vec<(String, Value)>, Problem> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Strict>() {
        let Strict(value) = value.map_err(|error| not_json(&error))?;
        values.push(value);
        if values.len() > MAX_REQUESTS {
            break;
        }
    }
    Ok(match (values.len(), values.pop()) {
        (1, Some(Value::Array(items))) => number(items),
        (1, Some(value)) => vec![(String::new(), value)],
        (_, last) => {
            values.extend(last);
            number(values)
        }
    })
}

fn number(values: Vec<Value>) -> Vec<(String, Value)> {
    values
        .into_iter()
        .enumerate()
        .map(|(at, value)| (format!("/{at}"), value))
        .collect()
}

/// Says what is wrong with a text that is not JSON, and what to do.
pub fn not_json(error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let (what, hint) = match error.classify() {
        Category::Eof => (
            "it ends too early",
            "it may be cut off: copy it again, or close the brackets and quotes that are open there",
        ),
        Category::Data => (
            "it cannot be read",
            "keep one of the two: it is not clear which is meant",
        ),
        Category::Syntax | Category::Io => (
            "it is not JSON",
            "check the brackets, quotes and commas there, for instance with `jq . FILE`",
        ),
    };
    Problem::new("request.invalid", format!("{what}: {error}")).hint(hint)
}

/// Reads a request, or notes everything that is wrong with its shape.
fn read_request(at: &str, value: &Value, errors: &mut Errors) -> Option<TaskRequest> {
    if !value.is_object() {
        errors.push(at, "a task request is a JSON object");
        return None;
    }
    // What another version looks like is not known here.
    if let Some(Value::String(other)) = value.get("schema")
        && other != task_request::SCHEMA
    {
        let detail = format!("{other:?} is not known; write {:?}", task_request::SCHEMA);
        errors.push(format!("{at}/schema"), detail);
        return None;
    }
    let request: TaskRequest = read_shape(schemas::task_request(), at, value, errors)?;
    match claimed(&request.tasks) {
        Some((claim, detail)) => {
            errors.push(format!("{at}/tasks/{claim}"), detail);
            None
        }
        None => Some(request),
    }
}

/// Finds a task that says who made its edits: only a change request does, whose signature is checked.
pub fn claimed(tasks: &[Task]) -> Option<(String, String)> {
    let at = tasks.iter().position(|task| task.made_by.is_some())?;
    let detail =
        "is noted by Hyperion; leave it out, or hand the change in with `hyperion propose`";
    Some((format!("{at}/made_by"), detail.to_owned()))
}

/// Says what is wrong with a value in words of JSON, where the library's are those of Rust.
pub fn in_words(error: &serde_json::Error) -> String {
    error
        .to_string()
        .replacen("unknown variant ", "unknown value ", 1)
        .replacen(", expected a sequence", ", expected a list", 1)
}

/// Reads a value, or notes everything that is wrong with its shape; `schema` is a part of a task request's.
pub fn read_shape<T: DeserializeOwned>(
    schema: &Value,
    at: &str,
    value: &Value,
    errors: &mut Errors,
) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let before = errors.total();
            shape::check(schemas::task_request(), schema, at, value, errors);
            if errors.total() == before {
                let error_at = pointer(at, error.path());
                errors.push(error_at, in_words(&error.into_inner()));
            }
            None
        }
    }
}

/// Writes a path as a JSON pointer below another one.
pub fn pointer(at: &str, path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .fold(at.to_owned(), |at, segment| match segment {
            Segment::Seq { index } => format!("{at}/{index}"),
            Segment::Map { key } => format!("{at}/{}", escape(key)),
            Segment::Enum { variant } => format!("{at}/{}", escape(variant)),
            Segment::Unknown => at,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> String {
        let problem = parse(bytes).unwrap_err();
        let fields: String = problem
            .errors
            .iter()
            .map(|e| format!(" | {}: {}", e.pointer, e.detail))
            .collect();
        format!("{}: {}{fields}", problem.code, problem.detail)
    }

    const MINIMAL: &str = r#"{"schema":"hyperion.task_request/v1","title":"x"}"#;

    // R5: one object, an array and JSON lines are all read.
    #[test]
    fn one_or_several_are_read() {
        assert_eq!(parse(MINIMAL.as_bytes()).unwrap()[0].pointer, "");
        let marked = format!("\u{feff}{MINIMAL}");
        assert_eq!(parse(marked.as_bytes()).unwrap().len(), 1);
        let array = format!("[{MINIMAL},{MINIMAL}]");
        let lines = format!("{MINIMAL}\n{MINIMAL}\n");
        for several in [array, lines] {
            let parsed = parse(several.as_bytes()).unwrap();
            assert_eq!(
                parsed
                    .iter()
                    .map(|p| p.pointer.as_str())
                    .collect::<Vec<_>>(),
                ["/0", "/1"]
            );
        }
    }

    #[test]
    fn each_wrong_shape_has_its_own_words() {
        insta::assert_snapshot!(problem(b""), @"request.invalid: the input is empty");
        insta::assert_snapshot!(problem(b"[]"), @"request.invalid: the input is a list without a request");
        insta::assert_snapshot!(problem(b"{\"title\": 1,\n\"title\": 2}"), @r#"request.invalid: it cannot be read: a second key "title" in one object at line 2 column 7"#);
        insta::assert_snapshot!(problem(b"{\"schema\": \"hyperion.task_request/v1\",\n \"title\": \"x"), @"request.invalid: it ends too early: EOF while parsing a string at line 2 column 12");
        insta::assert_snapshot!(problem(b"title: x"), @"request.invalid: it is not JSON: expected ident at line 1 column 2");
        insta::assert_snapshot!(problem(b"{\"a\":\n\"\xff\"}"), @"request.invalid: the input is not UTF-8: byte 7 on line 2");
        insta::assert_snapshot!(problem(br#"{"title":"x"}"#), @r#"request.invalid: /schema: is missing; write "hyperion.task_request/v1" | /schema: is missing; write "hyperion.task_request/v1""#);
        insta::assert_snapshot!(problem(br#"{"schema":"hyperion.task_request/v9","title":"x"}"#), @r#"request.invalid: /schema: "hyperion.task_request/v9" is not known; write "hyperion.task_request/v1" | /schema: "hyperion.task_request/v9" is not known; write "hyperion.task_request/v1""#);
        insta::assert_snapshot!(problem(br#"[1]"#), @"request.invalid: /0: a task request is a JSON object | /0: a task request is a JSON object");
    }

    // R5: every mistake of shape is told at once, with its place and what to write.
    #[test]
    fn every_mistake_of_shape_is_told() {
        let file = br#"[
          {"titel": 7, "priority": "urgend", "atomic": "yes", "class": "fix", "repo": null,
           "acceptance": "it works", "source": {"kind": "fax", "room": 1},
           "tasks": [{"id": 1, "own": ["a"], "changes": [{"path": [], "force": true}, 3]}]},
          {"schema": "hyperion.task_request/v1", "title": "x", "tasks": {}, "error_context": [], "priority": null}
        ]"#;
        let told = problem(file).replace(" | ", "\n");
        insta::assert_snapshot!(told, @r#"
        request.invalid: 17 things are wrong; nothing was filed
        /0/schema: is missing; write "hyperion.task_request/v1"
        /0/title: is missing; write a string ("What is wanted, in one line")
        /0/acceptance: is the string "it works", not a list; write ["it works"]
        /0/atomic: is the string "yes", not a boolean; write true or false, without quotes
        /0/priority: is the string "urgend"; write "low", "medium", "high" or "critical"
        /0/source/kind: is the string "fax"; write "cli", "chat", "http", "web", "slack" or "github"
        /0/source/room: is not a known field; remove it, or use one of `channel`, `kind`, `thread`
        /0/tasks/0/changes/0/operation: is missing; write "create", "modify", "delete", "rename" or "chmod" ("What happens to the path")
        /0/tasks/0/changes/0/force: is not a known field; remove it, or use one of `base_hash`, `content`, `encoding`, `from_path`, `mode`, `operation`, `patch`, `path`, `result_hash`
        /0/tasks/0/changes/0/path: is a list, not a string; write "…"
        /0/tasks/0/changes/1: is the number 3, not an object; write {…}
        /0/tasks/0/id: is the number 1, not a string; write "1"
        /0/tasks/0/own: is not a known field; did you mean `owns`?
        /0/titel: is not a known field; did you mean `title`?
        /1/error_context: is a list, not an object; write {…}
        /1/priority: is null; write "low", "medium", "high" or "critical"
        /1/tasks: is an object, not a list; write […]
        "#);
    }
}
