//! Tools for agents: what a call takes, what it answers, and what a client is told about each.
//!
//! A tool's parameters and results are types here, so that the API and MCP have one schema.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub mod control;
pub mod filesystem;
pub mod git;
pub mod test_runner;

/// Opens a session: calls that are bound to one place. On the wire it is an object with exactly one of these as its member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpenSession {
    /// A folder, absolute; nothing outside it is touched.
    Root(String),
    /// A folder of a repository, absolute; nothing in it is touched.
    Repo(String),
    /// A folder of a repository, absolute: a clone of it is made, and the session is bound to the clone.
    CloneOf(String),
    /// The id of a clone that was made before.
    Clone(String),
}

/// A session of tool calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Names the session: calls carry it as `Hyperion-Tool-Session`. The engine forgets it when it leaves.
    pub token: String,
    /// The folder it is bound to, with links in it resolved; of a clone, the folder with its files.
    pub root: String,
    /// The clone's id: a session opened with it as `clone` goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<String>,
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
    /// Which paths they were about, of many the first; of a run, its commands.
    pub paths: Vec<String>,
    /// The SHA-256 of what a changed file held; null of a new one.
    pub old_sha256: Option<String>,
    /// The SHA-256 of what it was to hold; null of one that was to be removed.
    pub new_sha256: Option<String>,
    /// `looked`; of a change `intended` (not known to be made), `done`, or the code it failed with; after a crash
    /// `done`, `undone` or `unknown`, as the file says.
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
    /// It runs the project's own code, which may do anything that its owner may.
    Runs,
}

impl Effect {
    /// Tells whether anything changes.
    pub const fn changes(self) -> bool {
        match self {
            Self::Reads => false,
            Self::Writes | Self::Removes | Self::Runs => true,
        }
    }
}

/// A server: a name, and the tools under it.
pub struct Toolset {
    /// Its name, as in `/api/tools/{server}/{tool}`.
    pub name: &'static str,
    /// What an agent is told about all of its tools.
    pub instructions: &'static str,
    // Schemas are made once: it takes longer than most calls.
    tools: LazyLock<Vec<Tool>>,
}

impl Toolset {
    /// Gives its tools.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }
}

impl std::fmt::Debug for Toolset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Toolset").field(&self.name).finish()
    }
}

/// Every server there is.
static SERVERS: [&Toolset; 4] = [
    &filesystem::TOOLSET,
    &git::TOOLSET,
    &test_runner::TOOLSET,
    &control::TOOLSET,
];

/// Gives a server; none when there is no such one.
pub fn server(name: &str) -> Option<&'static Toolset> {
    SERVERS.into_iter().find(|server| server.name == name)
}

/// Gives the tools of a server; none when there is no such server.
pub fn tools(name: &str) -> Option<&'static [Tool]> {
    server(name).map(Toolset::tools)
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

    // T1, T2, T4: the names and parameters that others depend on.
    #[test]
    fn the_parameters_are_the_promised_ones() {
        let tools = SERVERS.into_iter().flat_map(|server| {
            let mut lines = vec![format!("{}:", server.name)];
            lines.extend(server.tools().iter().map(signature));
            lines
        });
        insta::assert_snapshot!(tools.collect::<Vec<_>>().join("\n"), @"
        filesystem:
        readFile(encoding?, endLine?, path, startLine?)
        writeFile(content, encoding?, path, sha256?)
        editFile(encoding?, endLine?, newContent?, newText?, oldText?, path, sha256?, startLine?)
        listDirectory(cursor?, includeIgnored?, limit?, path, recursive?)
        searchFiles(directory, kind?, limit?, pattern)
        deleteFile(path, sha256?)
        git:
        status()
        diff(staged?)
        log(limit?)
        createBranch(base?, name)
        checkout(branch)
        add(files)
        commit(message)
        push(branch?, force?)
        createPR(base, body, head, title)
        resetFile(path)
        test-runner:
        typecheck()
        lint(files?)
        test(pattern?, watch?)
        build()
        formatCheck(files?)
        control:
        plan(request)
        queue(request?)
        approval(request)
        requestApproval(action?, details?, diff?, key, risk?, summary)
        approvalStatus(approval)
        propose(branch?, description, title)
        runCommand(argv?, command?, directory?, network?, run?, timeoutSec?, waitSec?)
        ");
    }

    fn signature(tool: &Tool) -> String {
        let required = tool.input["required"].as_array();
        let required: Vec<_> = required.into_iter().flatten().collect();
        let properties = tool.input["properties"].as_object();
        let names = properties
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .map(|name| {
                let mark = if required.iter().any(|known| **known == **name) {
                    ""
                } else {
                    "?"
                };
                format!("{name}{mark}")
            });
        format!("{}({})", tool.name, names.collect::<Vec<_>>().join(", "))
    }

    // T1, T5: a client can check what it sends, and what it gets, by the schemas.
    #[test]
    fn every_tool_has_objects_as_schemas_and_refuses_unknown_parameters() {
        for tool in SERVERS.into_iter().flat_map(Toolset::tools) {
            assert_eq!(tool.input["type"], "object", "{}", tool.name);
            assert_eq!(tool.input["additionalProperties"], false, "{}", tool.name);
            assert_eq!(tool.output["type"], "object", "{}", tool.name);
            assert!(tool.description.len() > 40, "{}", tool.name);
        }
    }
}
