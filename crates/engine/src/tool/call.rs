//! Makes a call: has the server's part of this folder do it, and words what went wrong.

use std::fmt::Write as _;

use hyperion_api::Problem;
use hyperion_api::problem::FieldError;
use hyperion_api::tool::{self as wire, Content, Tool, ToolResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::clones::Clones;
use super::oversee::Oversight;
use super::session::Session;
use super::test_runner::{self, Running};
use super::{control, filesystem, git};
use crate::{Cx, Error};

/// What a call came to.
pub(super) struct Made {
    pub(super) result: ToolResult,
    /// What it was about, as the caller wrote it.
    pub(super) path: Option<String>,
}

/// What a tool answers, in words and in its own shape; or why it did nothing.
pub(super) type Done = Result<(String, Value), Problem>;

pub(super) fn make(
    cx: &Cx,
    clones: &Clones,
    session: &Session,
    server: &str,
    tool: &Tool,
    running: &Running<'_>,
    parameters: Value,
) -> Result<Made, Error> {
    let oversight = Oversight::new(cx, session, server, tool.name);
    let path = ["path", "directory"]
        .iter()
        .find_map(|name| Some(parameters.get(name)?.as_str()?.to_owned()));
    let done = match server {
        wire::filesystem::SERVER => filesystem::make(&oversight, parameters)?,
        wire::control::SERVER => control::make(clones, &oversight, running.cancel, parameters)?,
        wire::git::SERVER => git::make(clones, &oversight, parameters)?,
        wire::test_runner::SERVER => test_runner::make(&oversight, running, parameters)?,
        other => Err(Problem::new("internal", format!("{other} is not wired"))),
    };
    let result = match done {
        Ok((text, structured)) => {
            oversight.ended("done");
            ToolResult {
                content: vec![Content::Text { text }],
                structured,
                is_error: false,
            }
        }
        Err(mut problem) => {
            oversight.ended(&problem.code);
            // A problem may quote a path, and a path what nobody should see.
            problem.detail = cx.redactor.redact(&problem.detail).into_owned();
            ToolResult {
                content: vec![Content::Text {
                    text: refused(&problem),
                }],
                structured: serde_json::to_value(&problem).map_err(Error::Encode)?,
                is_error: true,
            }
        }
    };
    Ok(Made { result, path })
}

/// Words a refusal.
fn refused(problem: &Problem) -> String {
    let mut text = format!("{} ({})", problem.detail, problem.code);
    if let Some(hint) = &problem.hint {
        let _ = write!(text, "\nWhat to do: {hint}");
    }
    text
}

/// Words a tool's result, and gives it its wire form.
pub(super) fn answer<T: Serialize>(done: Result<T, Problem>, word: fn(&T) -> String) -> Done {
    let done = done?;
    let structured =
        serde_json::to_value(&done).map_err(|error| Problem::new("internal", error.to_string()))?;
    Ok((word(&done), structured))
}

/// Reads parameters; says which one does not fit.
pub(super) fn read<T: DeserializeOwned>(parameters: Value) -> Result<T, Error> {
    // A list would be taken for the fields in their order.
    if !parameters.is_object() {
        return Err(
            Problem::new("input.invalid", "the parameters are not a JSON object")
                .hint("the tool's schema lists its parameters")
                .into(),
        );
    }
    serde_path_to_error::deserialize(parameters).map_err(|error| {
        let path = error.path().to_string();
        let pointer = if path == "." {
            String::new()
        } else {
            format!("/{}", path.replace('.', "/"))
        };
        let detail = error.into_inner().to_string();
        Problem::new(
            "input.invalid",
            format!("the parameters do not fit: {detail}"),
        )
        .hint("the tool's schema lists its parameters")
        .errors(vec![FieldError { pointer, detail }])
        .into()
    })
}
