//! Tools for agents: what a call takes, what it answers, and what a client is told about each.
//!
//! A tool's parameters and results are types here, so that the API and MCP have one schema.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub mod filesystem;

/// Opens a session: calls that are bound to one folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// The folder, absolute; nothing outside it is touched.
    pub root: String,
}

/// A session of tool calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Names the session: calls carry it as `Authorization: Bearer …`. The engine forgets it when it leaves.
    pub token: String,
    /// The folder, with links in it resolved.
    pub root: String,
}

/// What a tool answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolResult {
    /// For whoever reads text.
    pub content: Vec<Content>,
    /// The same in the tool's own shape; of an error, its problem document.
    pub structured: Value,
    /// Whether it did not do what it was asked.
    pub is_error: bool,
}

/// What a tool did: a change, or many looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// When it began.
    pub time: String,
    /// Which session it belongs to: the last digits of its token.
    pub session: String,
    /// Who opened the session.
    pub actor: String,
    /// The folder that it is bound to.
    pub root: String,
    /// The server.
    pub server: String,
    /// The tool.
    pub tool: String,
    /// How many calls it stands for.
    pub calls: u32,
    /// Which paths they were about; of many, the first.
    pub paths: Vec<String>,
    /// The SHA-256 of what a changed file held; null of a new one.
    pub old_sha256: Option<String>,
    /// The SHA-256 of what it was to hold; null of one that was to be removed.
    pub new_sha256: Option<String>,
    /// `looked`; of a change `intended` (not known to be made), `done`, or the code it failed with.
    pub outcome: String,
}

/// A piece of what a tool answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
}

/// What a client is told about a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// A few words for people.
    pub title: &'static str,
    /// What it does, and how to use it.
    pub description: &'static str,
    /// Whether it changes something.
    pub effect: Effect,
    /// The JSON Schema of its parameters.
    pub input: Value,
    /// The JSON Schema of its structured result.
    pub output: Value,
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only looks.
    Reads,
    /// It adds something, or changes what the caller has seen.
    Writes,
    /// It takes something away.
    Removes,
}

impl Effect {
    /// Tells whether anything changes.
    pub const fn changes(self) -> bool {
        match self {
            Self::Reads => false,
            Self::Writes | Self::Removes => true,
        }
    }
}

/// Gives the tools of a server; none when there is no such server.
pub fn tools(server: &str) -> Option<&'static [Tool]> {
    // Schemas are made once: it takes longer than most calls.
    static FILESYSTEM: LazyLock<Vec<Tool>> = LazyLock::new(filesystem::tools);
    (server == filesystem::SERVER).then(|| FILESYSTEM.as_slice())
}

fn input<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.into_generator().into_root_schema_for::<T>().into()
}

fn output<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // T1: the names and parameters that others depend on.
    #[test]
    fn the_parameters_are_the_promised_ones() {
        let tools = tools("filesystem").unwrap().iter().map(|tool| {
            let required = tool.input["required"].as_array();
            let required: Vec<_> = required.into_iter().flatten().collect();
            let properties = tool.input["properties"].as_object().unwrap();
            let names = properties.keys().map(|name| {
                let mark = if required.iter().any(|known| **known == **name) {
                    ""
                } else {
                    "?"
                };
                format!("{name}{mark}")
            });
            format!("{}({})", tool.name, names.collect::<Vec<_>>().join(", "))
        });
        insta::assert_snapshot!(tools.collect::<Vec<_>>().join("\n"), @r"
        readFile(encoding?, endLine?, path, startLine?)
        writeFile(content, encoding?, path, sha256?)
        editFile(encoding?, endLine?, newContent?, newText?, oldText?, path, sha256, startLine?)
        listDirectory(cursor?, includeIgnored?, limit?, path, recursive?)
        searchFiles(directory, kind?, limit?, pattern)
        deleteFile(path, sha256?)
        ");
    }

    // T1, T5: a client can check what it sends, and what it gets, by the schemas.
    #[test]
    fn every_tool_has_objects_as_schemas_and_refuses_unknown_parameters() {
        for tool in tools("filesystem").unwrap() {
            assert_eq!(tool.input["type"], "object", "{}", tool.name);
            assert_eq!(tool.input["additionalProperties"], false, "{}", tool.name);
            assert_eq!(tool.output["type"], "object", "{}", tool.name);
            assert!(tool.description.len() > 40, "{}", tool.name);
        }
    }
}
