//! Makes a call: reads its parameters, has the tool do it, and words the answer.

use hyperion_api::Problem;
use hyperion_api::problem::FieldError;
use hyperion_api::tool::filesystem as wire;
use hyperion_api::tool::{Content, Tool, ToolResult};
use hyperion_tools::{Limits, Place, filesystem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::oversee::Oversight;
use super::session::Session;
use super::words;
use crate::{Cx, Error};

/// What a call came to.
pub(super) struct Made {
    pub(super) result: ToolResult,
    /// What it was about, as the caller wrote it.
    pub(super) path: Option<String>,
}

pub(super) fn make(
    cx: &Cx,
    session: &Session,
    server: &str,
    tool: &Tool,
    parameters: Value,
) -> Result<Made, Error> {
    let limits = Limits {
        read_bytes: cx.settings.tools.read_bytes,
        write_bytes: cx.settings.tools.write_bytes,
        file_bytes: cx.settings.sizes.max_file_bytes,
        ..Limits::default()
    };
    let oversight = Oversight::new(cx, session, server, tool.name);
    let at = Place {
        root: &session.folder,
        limits: &limits,
        overseer: &oversight,
    };
    let path = ["path", "directory"]
        .iter()
        .find_map(|name| Some(parameters.get(name)?.as_str()?.to_owned()));
    let done = match tool.name {
        "readFile" => {
            let done = filesystem::read_file(&at, &read(parameters)?);
            if let Ok(found) = &done
                && found.redacted
            {
                session.showed_masked(&found.path);
            }
            answer(done, words::read_file)
        }
        "writeFile" => answer(
            filesystem::write_file(&at, &read::<wire::WriteFile>(parameters)?),
            words::written,
        ),
        "editFile" => answer(
            filesystem::edit_file(&at, &read::<wire::EditFile>(parameters)?),
            words::written,
        ),
        "deleteFile" => answer(
            filesystem::delete_file(&at, &read::<wire::DeleteFile>(parameters)?),
            words::deleted,
        ),
        "listDirectory" => answer(
            filesystem::list_directory(&at, &read::<wire::ListDirectory>(parameters)?),
            words::listed,
        ),
        "searchFiles" => answer(
            filesystem::search_files(&at, &read::<wire::SearchFiles>(parameters)?),
            words::found,
        ),
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
                    text: words::refused(&problem),
                }],
                structured: serde_json::to_value(&problem).map_err(Error::Encode)?,
                is_error: true,
            }
        }
    };
    Ok(Made { result, path })
}

/// Words a tool's result, and gives it its wire form.
fn answer<T: Serialize>(
    done: Result<T, Problem>,
    word: fn(&T) -> String,
) -> Result<(String, Value), Problem> {
    let done = done?;
    let structured =
        serde_json::to_value(&done).map_err(|error| Problem::new("internal", error.to_string()))?;
    Ok((word(&done), structured))
}

/// Reads parameters; says which one does not fit.
fn read<T: DeserializeOwned>(parameters: Value) -> Result<T, Error> {
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
