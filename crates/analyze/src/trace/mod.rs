//! Stack traces of Rust, Python, JavaScript and TypeScript, Go and Java (R7): what was thrown, and where.

use serde::{Deserialize, Serialize};

use crate::output::{Place, plain};

mod go;
mod group;
mod java;
mod python;
mod rust;
mod script;

pub(crate) use script::{frame as script_frame, header as script_header};

/// The most frames that are kept of one trace, the innermost of them.
pub const MAX_FRAMES: usize = 50;
/// The most traces that are read from one text.
pub const MAX_TRACES: usize = 50;
/// The most lines of a message.
pub(crate) const MAX_MESSAGE_LINES: usize = 20;

/// Which language a trace is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Rust: a panic.
    Rust,
    /// Python: an exception.
    Python,
    /// JavaScript and what is compiled to it.
    Script,
    /// Go: a panic, or a fatal error.
    Go,
    /// Java and what runs on its machine.
    Java,
}

impl Language {
    /// Names what runs it.
    pub(crate) const fn tool(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::Script => "node",
            Language::Go => "go",
            Language::Java => "java",
        }
    }
}

/// One call in a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Where it stands.
    pub place: Place,
    /// What was called.
    pub function: Option<String>,
    /// Whether it is the project's own code rather than a library's or the language's.
    pub is_own: bool,
}

impl Frame {
    pub(crate) fn new(place: Place, function: Option<&str>) -> Self {
        let function = function.map(str::trim).filter(|name| !name.is_empty());
        let is_own = !is_foreign_file(&place.file) && !function.is_some_and(is_foreign_function);
        Self {
            place,
            function: function.map(str::to_owned),
            is_own,
        }
    }
}

/// What was thrown and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The language.
    pub language: Language,
    /// The name of what was thrown, with its package; `panic` where it has none.
    pub thrown: String,
    /// What it says.
    pub message: String,
    /// The stack: the project's own frames first, each group innermost first.
    pub frames: Vec<Frame>,
    /// Whether what was thrown before it, in the same text, is its cause.
    pub has_cause: bool,
    /// The line it begins on, counted from 1.
    pub at_line: u32,
}

impl Trace {
    /// Gives where to look: the innermost of the project's own frames.
    pub fn place(&self) -> Option<&Place> {
        let own = self.frames.first().filter(|frame| frame.is_own);
        own.map(|frame| &frame.place)
    }
}

/// Reads every stack trace in a text; a cause comes before what it caused.
pub fn traces(text: &str) -> Vec<Trace> {
    let text = plain(text.as_bytes()).text;
    let lines: Vec<&str> = text.lines().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < lines.len() && found.len() < MAX_TRACES {
        match read(&lines, at) {
            Some((traces, next)) => {
                found.extend(traces);
                at = next.max(at + 1);
            }
            None => at += 1,
        }
    }
    found.truncate(MAX_TRACES);
    found
}

/// Reads what begins on a line; gives the line after its last.
pub(crate) fn read(lines: &[&str], at: usize) -> Option<(Vec<Trace>, usize)> {
    let one = |(trace, next)| (vec![trace], next);
    rust::read(lines, at)
        .map(one)
        .or_else(|| group::read(lines, at))
        .or_else(|| python::read(lines, at).map(one))
        .or_else(|| go::read(lines, at).map(one))
        .or_else(|| java::read(lines, at))
        .or_else(|| script::read(lines, at).map(one))
}

/// Puts a trace together; `frames` are innermost first.
pub(crate) fn trace(
    language: Language,
    thrown: &str,
    message: &str,
    mut frames: Vec<Frame>,
    at: usize,
) -> Trace {
    // Stable: each group stays innermost first.
    frames.sort_by_key(|frame| !frame.is_own);
    frames.truncate(MAX_FRAMES);
    Trace {
        language,
        thrown: thrown.to_owned(),
        message: message.trim().to_owned(),
        frames,
        has_cause: false,
        at_line: u32::try_from(at + 1).unwrap_or(u32::MAX),
    }
}

/// Gives how far a line is indented.
pub(crate) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

pub(crate) fn is_foreign_file(file: &str) -> bool {
    const STARTS: &[&str] = &[
        "/usr/",
        "/rustc/",
        "/cargo/",
        "/rust/",
        "/opt/",
        "node:",
        "internal/",
        "<",
        "_testmain.go",
        "bun:",
        "deno:",
        "ext:",
        "webpack/",
        "native ",
    ];
    const PARTS: &[&str] = &[
        "node_modules/",
        "site-packages/",
        "dist-packages/",
        "/lib/python",
        "/.cargo/registry/",
        "/rustlib/",
        "/pkg/mod/",
        "/go/src/",
        "/.pyenv/",
        "/.rustup/",
        "/vendor/",
    ];
    STARTS.iter().any(|start| file.starts_with(start))
        || PARTS.iter().any(|part| file.contains(part))
}

fn is_foreign_function(name: &str) -> bool {
    const STARTS: &[&str] = &[
        "java.",
        "javax.",
        "jdk.",
        "sun.",
        "com.sun.",
        "org.junit.",
        "junit.",
        "org.apache.maven.",
        "org.hamcrest.",
        "org.gradle.",
        "kotlin.",
        "scala.",
        "std::",
        "core::",
        "alloc::",
        "test::",
        "__rustc::",
        "<core::",
        "<std::",
        "<alloc::",
        "testing.",
        "runtime.",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
        // `java.base/java.util…`, `app//org.junit…`
        || name
            .rsplit_once('/')
            .is_some_and(|(module, rest)| module.starts_with("java.") || is_foreign_function(rest))
}
