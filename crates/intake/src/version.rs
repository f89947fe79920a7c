//! What a new version of tasks looks like: the tasks themselves, a whole task request, or an agent's change request.

use hyperion_api::change_request::{self, ChangeRequest};
use hyperion_api::task_request::{self, TaskRequest};
use hyperion_api::{FieldError, Problem};
use hyperion_model::request::Request;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::errors::Errors;
use crate::json::Strict;
use crate::parse::{in_words, not_json, pointer, text_of};

/// What to write, for whoever wrote something else.
pub const HINT: &str = "a new version is {\"tasks\": [{\"id\": …, \"changes\": […]}]}, or a task request or change request \
                    (`hyperion generate schemas --out DIR` writes their shapes)";

/// A task of a new version as it was read, and where it stands in what was read.
pub struct Given {
    /// Its place.
    pub pointer: String,
    /// Its fields, as they were written.
    pub fields: Map<String, Value>,
}

/// Reads a value as it is meant, or says where it is not that.
pub fn read_as<T: DeserializeOwned>(at: &str, value: Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| FieldError {
        pointer: pointer(at, error.path()),
        detail: in_words(&error.into_inner()),
    })
}

/// Reads the tasks of a new version, whatever of the shapes it has.
pub fn read(bytes: &[u8], request: &Request, filed: &TaskRequest) -> Result<Vec<Given>, Problem> {
    let text = text_of(bytes)?;
    let Strict(value) = serde_json::from_str(text).map_err(|error| not_json(&error).hint(HINT))?;
    let given = given(value, request, filed).map_err(|error| {
        let mut errors = Errors::default();
        errors.push(error.pointer, error.detail);
        errors.into_problem("request.invalid").hint(HINT)
    })?;
    if given.is_empty() {
        let problem = Problem::new("request.invalid", "the new version has no task");
        return Err(problem.hint(HINT));
    }
    Ok(given)
}

fn given(value: Value, request: &Request, filed: &TaskRequest) -> Result<Vec<Given>, FieldError> {
    let schema = value.get("schema").cloned();
    match (value, schema) {
        (value, Some(Value::String(schema))) if schema == change_request::SCHEMA => {
            of_change_request(value, request).map(|given| vec![given])
        }
        (Value::Object(mut fields), Some(Value::String(schema)))
            if schema == task_request::SCHEMA =>
        {
            let tasks = fields.remove("tasks").unwrap_or_else(|| json!([]));
            says_the_same(&fields, filed)?;
            each(tasks, "/tasks")
        }
        (_, Some(other)) => Err(FieldError {
            pointer: "/schema".to_owned(),
            detail: format!(
                "{other} is not known here; write \"{}\" or \"{}\", or leave it out",
                task_request::SCHEMA,
                change_request::SCHEMA
            ),
        }),
        (Value::Object(mut fields), None) if fields.contains_key("tasks") => {
            let tasks = fields.remove("tasks").unwrap_or_default();
            match fields.keys().next() {
                None => each(tasks, "/tasks"),
                Some(other) => Err(FieldError {
                    pointer: format!("/{other}"),
                    detail: "stands beside `tasks`, and only tasks can be revised; leave it out"
                        .to_owned(),
                }),
            }
        }
        (tasks @ Value::Array(_), None) => each(tasks, ""),
        (task, None) => one(task, String::new()).map(|given| vec![given]),
    }
}

fn each(tasks: Value, at: &str) -> Result<Vec<Given>, FieldError> {
    let Value::Array(tasks) = tasks else {
        return Err(FieldError {
            pointer: at.to_owned(),
            detail: "is no list of tasks".to_owned(),
        });
    };
    let tasks = tasks.into_iter().enumerate();
    tasks
        .map(|(number, task)| one(task, format!("{at}/{number}")))
        .collect()
}

fn one(task: Value, pointer: String) -> Result<Given, FieldError> {
    match task {
        Value::Object(fields) => Ok(Given { pointer, fields }),
        _ => Err(FieldError {
            pointer,
            detail: "is no task: a JSON object with `id` and `changes`".to_owned(),
        }),
    }
}

/// A task request that is handed in as a new version says nothing but its tasks otherwise than the one that was filed.
fn says_the_same(fields: &Map<String, Value>, filed: &TaskRequest) -> Result<(), FieldError> {
    let filed = serde_json::to_value(filed).unwrap_or_default();
    // Read as a whole first: what is left out means the same as what stands there by default.
    let whole: TaskRequest = read_as("", Value::Object(fields.clone()))?;
    let whole = serde_json::to_value(whole).unwrap_or_default();
    for name in fields.keys() {
        if whole[name.as_str()] != filed[name.as_str()] {
            return Err(FieldError {
                pointer: format!("/{name}"),
                detail: "is not as it was filed, and only tasks can be revised; leave it as it was, or file a new request".to_owned(),
            });
        }
    }
    Ok(())
}

fn of_change_request(value: Value, request: &Request) -> Result<Given, FieldError> {
    let changes = value.get("changes").cloned().unwrap_or_default();
    let ChangeRequest {
        schema: _,
        task_id,
        request_id,
        agent: _,
        base_commit,
        summary,
        changes: _,
        // What a developer ran for itself; Hyperion's own checks run on the merged result.
        checks: _,
        signature,
    } = read_as("", value)?;
    let other = |pointer: &str, detail: String| {
        Err(FieldError {
            pointer: pointer.to_owned(),
            detail,
        })
    };
    if request_id != request.id.to_string() {
        return other(
            "/request_id",
            format!("is another request than {}", request.id),
        );
    }
    let base = &request.submission.base;
    if base_commit != base.as_str() {
        let detail =
            format!("the request's changes are made on {base}; make the new version on that, too");
        return other("/base_commit", detail);
    }
    if signature.is_some() {
        return other(
            "/signature",
            "is not checked by this version; leave it out".to_owned(),
        );
    }
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(task_id));
    fields.insert("changes".to_owned(), changes);
    if !summary.trim().is_empty() {
        fields.insert("title".to_owned(), json!(summary));
    }
    Ok(Given {
        pointer: String::new(),
        fields,
    })
}
