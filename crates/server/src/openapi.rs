//! The OpenAPI document: what the table of calls says, for programs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aide::generate::{in_context, reset_context};
use hyperion_api::{API_VERSION, Problem};
use hyperion_identity::Need;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::routes::table;
use crate::table::{Call, Reach, Routes};

/// Gives the document.
pub fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
    &DOCUMENT
}

/// Gives every call, in the order of the table.
pub(crate) fn calls() -> Vec<Call> {
    table().into_iter().flat_map(Routes::into_calls).collect()
}

fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut nouns = Vec::new();
    // The context is this thread's; nobody else's schemas belong in here.
    reset_context();
    in_context(|cx| {
        let settings = SchemaSettings::draft2020_12();
        let settings = settings.with(|it| it.definitions_path = "#/components/schemas".into());
        cx.schema = settings.into_generator();
    });
    for call in calls() {
        if !nouns.contains(&call.noun) {
            nouns.push(call.noun);
        }
        let method = call.method.as_str().to_ascii_lowercase();
        paths
            .entry(call.path)
            .or_default()
            .insert(method, operation(&call));
    }
    let schemas = in_context(|cx| {
        let problem = cx.schema.subschema_for::<Problem>();
        debug_assert_eq!(problem.get("$ref").and_then(Value::as_str), Some(PROBLEM));
        cx.schema.take_definitions(true)
    });
    reset_context();
    let tags: Vec<_> = nouns
        .into_iter()
        .map(|noun| json!({"name": noun}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hyperion",
            "version": API_VERSION,
            "description": "The HTTP API of a Hyperion engine: on the home's socket, and where `server.bind` says so on a port. Every error is a problem document (RFC 9457) with a stable `code`.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "tags": tags,
        "paths": paths,
        "security": [{"token": []}, {"session": []}],
        "components": {
            "schemas": schemas,
            "responses": {"Problem": {
                "description": "What went wrong, and what to do about it",
                "content": {"application/problem+json": {"schema": {"$ref": PROBLEM}}},
            }},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token: `hyperion token create`."},
                "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "A page's session, from `POST /api/sign-in`; changes send its `csrf` value in `Hyperion-Csrf` as well."},
            },
        },
    })
}

/// The cookie of a page that somebody signed in on.
pub(crate) const SESSION_COOKIE: &str = "hyperion_session";
const PROBLEM: &str = "#/components/schemas/Problem";

fn operation(call: &Call) -> Value {
    let described = in_context(|cx| (call.describe)(cx));
    let mut operation = match serde_json::to_value(described) {
        Ok(Value::Object(operation)) => operation,
        _ => Map::new(),
    };
    operation.insert("operationId".to_owned(), id(call).into());
    operation.insert("summary".to_owned(), call.summary.into());
    operation.insert("tags".to_owned(), json!([call.noun]));
    operation.insert("x-hyperion-need".to_owned(), call.need.to_string().into());
    if call.need == Need::Nothing {
        operation.insert("security".to_owned(), json!([]));
    }
    if call.reach == Reach::Socket {
        operation.insert("x-hyperion-socket-only".to_owned(), true.into());
    }
    let names = names(call.path).map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Value::Array(parameters) = parameters {
        parameters.splice(0..0, names);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    responses["default"] = json!({"$ref": "#/components/responses/Problem"});
    Value::Object(operation)
}

/// Gives what is filled into a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Names a call: `get_approvals_id`.
fn id(call: &Call) -> String {
    let path = call.path.trim_start_matches("/api").replace(['{', '}'], "");
    let words = path.split(['/', '-', '.']).filter(|word| !word.is_empty());
    let mut id = call.method.as_str().to_ascii_lowercase();
    for word in words {
        id.push('_');
        id.push_str(word);
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_call_is_described_once_and_says_what_it_answers() {
        let ids: BTreeSet<_> = calls().iter().map(id).collect();
        assert_eq!(ids.len(), calls().len());
        for call in calls() {
            let method = call.method.as_str().to_ascii_lowercase();
            let described = &openapi()["paths"][call.path][method.as_str()];
            let answers = described["responses"].as_object().unwrap();
            assert!(
                answers.len() > 1,
                "{} {} says nothing of its answer",
                method,
                call.path
            );
            assert!(
                call.summary
                    .ends_with(|letter: char| letter.is_alphanumeric()),
                "{}",
                call.summary
            );
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let text = openapi().to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let (pointer, _) = part.split_once('"').unwrap();
            assert!(openapi().pointer(pointer).is_some(), "{pointer}");
        }
    }
}
