//! The test-runner tools: what a project's own tools say about it.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, Toolset, input, output};

/// The server's name.
pub const SERVER: &str = "test-runner";

/// The server.
pub(super) static TOOLSET: Toolset = Toolset {
    name: SERVER,
    instructions: "Each tool runs the project's own tools on what is in the root now, and waits for them, 5 minutes at most; cancel a call that you no longer want. Change the files at problems[].file first, in the order in which they are listed: the first cause is first.",
    tools: LazyLock::new(tools),
};

/// Parameters of `typecheck`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Typecheck {}

/// Parameters of `lint`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lint {
    /// Only these files and folders, relative to the root; left out: all of the project.
    #[serde(default)]
    pub files: Option<Vec<String>>,
}

/// Parameters of `test`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Test {
    /// Only tests whose name fits, as the tool itself reads it (a part of the name; of pytest `-k`, of Go a regular expression), or a
    /// file of tests (of pytest, vitest and jest).
    #[serde(default)]
    pub pattern: Option<String>,
    /// Always refused when it is true: a call ends, and watching does not.
    #[serde(default)]
    pub watch: Option<bool>,
}

/// Parameters of `build`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Build {}

/// Parameters of `formatCheck`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FormatCheck {
    /// Only these files and folders, relative to the root; left out: all of the project.
    #[serde(default)]
    pub files: Option<Vec<String>>,
}

/// What each of the tools answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// Whether everything that was run passed.
    pub passed: bool,
    /// The same in one line.
    pub summary: String,
    /// What was run, one after the other.
    pub runs: Vec<Run>,
    /// The tool chains that were found in the root.
    pub tool_chains: Vec<ToolChain>,
    /// What was left out, and why.
    pub not_run: Vec<NotRun>,
}

/// A tool chain that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolChain {
    /// Its name: `cargo`, `node`, `python`, `go`, `maven`, `gradle`, `make`.
    pub name: String,
    /// The files that it was found by.
    pub found_by: Vec<String>,
}

/// What was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotRun {
    /// The tool chain.
    pub tool_chain: String,
    /// Why.
    pub reason: String,
}

/// How one tool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It found nothing wrong.
    Passed,
    /// It found something wrong: see `problems`.
    Failed,
    /// It did not come to a result: the tool itself, or what it needs, is broken.
    Broke,
    /// It is not installed.
    Missing,
    /// Its time was up.
    TimedOut,
}

impl Outcome {
    /// Names it, as JSON does.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Broke => "broke",
            Self::Missing => "missing",
            Self::TimedOut => "timed_out",
        }
    }
}

/// What one tool did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its tool chain.
    pub tool_chain: String,
    /// The program and its arguments; no shell reads them. It ran in the root.
    pub command: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it exited with; null when it did not.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub duration_ms: u64,
    /// How many; null where the tool does not say.
    pub counts: Option<Counts>,
    /// What is wrong, the first cause first, and of linters what they warn of after it; of many, the first.
    pub problems: Vec<Failure>,
    /// How many more problems there are than are listed.
    pub more_problems: u64,
    /// What a person was asked to type, when it ended with that; nobody is there to type.
    pub asked: Option<String>,
    /// What it wrote, cut in the middle, with secrets masked.
    pub output: String,
    /// How many bytes it wrote in all.
    pub output_bytes: u64,
    /// What to know about this run, or to do about it.
    pub notes: Vec<String>,
}

/// How many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed; of compilers and linters, errors; of formatters, files.
    pub failed: u64,
    /// Tests that were left out.
    pub skipped: u64,
    /// Warnings.
    pub warnings: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What kind of error it is, for instance `assertion`, `type`, `syntax`, `dependency`.
    pub kind: String,
    /// What it says, in one line.
    pub message: String,
    /// The file, relative to the root where it is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The rule, the code or the exception: `E0308`, `TS2345`, `KeyError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The test that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// What could be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Whether the tool only warns of it.
    #[serde(default)]
    pub warning: bool,
}

/// Makes the list of this server's tools.
fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "typecheck",
            title: "Check types",
            description: "Compiles or type-checks the project with its own tools (cargo check, tsc, mypy, go vet, Maven, Gradle, make) without building it, and tells each error with its place.",
            effect: Effect::Runs,
            input: input::<Typecheck>(),
            output: output::<RunResult>(),
        },
        Tool {
            name: "lint",
            title: "Lint",
            description: "Lints the project, or some of its files, with its own linters (clippy, eslint, ruff, go vet, a lint script or target), and tells each finding with its place and rule.",
            effect: Effect::Runs,
            input: input::<Lint>(),
            output: output::<RunResult>(),
        },
        Tool {
            name: "test",
            title: "Run the tests",
            description: "Runs the project's tests, or those that fit a pattern, with its own runner (cargo or nextest, vitest, jest, pytest, go test, Maven, Gradle, a test script or target): counts, and each failure with its place. Ends after 5 minutes at most.",
            effect: Effect::Runs,
            input: input::<Test>(),
            output: output::<RunResult>(),
        },
        Tool {
            name: "build",
            title: "Build",
            description: "Builds the project with its own tools (cargo, a build script, go, Maven, Gradle, make), and tells each error with its place.",
            effect: Effect::Runs,
            input: input::<Build>(),
            output: output::<RunResult>(),
        },
        Tool {
            name: "formatCheck",
            title: "Check the formatting",
            description: "Looks which files of the project, or of those given, are not formatted as its own formatter would (cargo fmt, prettier, ruff format, gofmt); it changes none.",
            effect: Effect::Runs,
            input: input::<FormatCheck>(),
            output: output::<RunResult>(),
        },
    ]
}
