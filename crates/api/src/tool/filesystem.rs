//! The filesystem tools: one pair of types a tool.
//!
//! Parameters are in `camelCase`, as MCP clients know them; results are `snake_case`, as everywhere here.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, Toolset, input, output};

/// The server's name.
pub const SERVER: &str = "filesystem";

/// The server.
pub(super) static TOOLSET: Toolset = Toolset {
    name: SERVER,
    instructions: "Paths are relative to the root. Read a file before you change it, and give back the sha256 that you got.",
    tools: LazyLock::new(tools),
};

/// How bytes are told as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little end first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big end first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// ISO 8859-1: every byte is a character.
    #[serde(rename = "latin1")]
    Latin1,
    /// Not text: the bytes in base64.
    #[serde(rename = "base64")]
    Base64,
}

impl Encoding {
    /// Gives its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Latin1 => "latin1",
            Self::Base64 => "base64",
        }
    }
}

/// How a file's lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnding {
    /// With a line feed.
    Lf,
    /// With a carriage return and a line feed.
    Crlf,
    /// Some so, some so.
    Mixed,
    /// There is at most one line, without an end.
    None,
}

/// Parameters of `readFile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadFile {
    /// The file, relative to the root.
    pub path: String,
    /// How the bytes are read; found out when left out. `base64` gives the bytes of a file that is not text.
    #[serde(default)]
    pub encoding: Option<Encoding>,
    /// The first line to give, counted from 1.
    #[serde(default)]
    pub start_line: Option<u64>,
    /// The last line to give.
    #[serde(default)]
    pub end_line: Option<u64>,
}

/// What `readFile` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadFileResult {
    /// The file.
    pub path: String,
    /// The text, or the bytes in base64; secrets in it are masked.
    pub content: String,
    /// Whether something in it was masked: then edit by lines, and never write it back.
    pub redacted: bool,
    /// The SHA-256 of the whole file's bytes, in hexadecimal: give it back to write, edit or delete.
    pub sha256: String,
    /// How many bytes the whole file has.
    pub bytes: u64,
    /// The first line given; 0 when none was.
    pub start_line: u64,
    /// The last line given; 0 when none was.
    pub end_line: u64,
    /// How many lines the whole file has; 0 of what is not text.
    pub total_lines: u64,
    /// Whether fewer lines were given than asked for: go on after `end_line`.
    pub truncated: bool,
    /// How it was read.
    pub encoding: Encoding,
    /// Whether the file begins with a byte order mark; it is not part of `content`, and is kept by edits.
    pub bom: bool,
    /// How its lines end; kept by edits.
    pub line_ending: LineEnding,
    /// Whether the last line ends with a line ending too.
    pub final_newline: bool,
}

/// Parameters of `writeFile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteFile {
    /// The file, relative to the root; folders on the way are made.
    pub path: String,
    /// All that it shall hold.
    pub content: String,
    /// Of a file that is there: the `sha256` that `readFile` gave; left out, the file as you last saw it. A new file has none.
    #[serde(default)]
    pub sha256: Option<String>,
    /// How `content` becomes bytes: `utf-8` unless it says otherwise, or as the file was.
    #[serde(default)]
    pub encoding: Option<Encoding>,
}

/// Parameters of `editFile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditFile {
    /// The file, relative to the root.
    pub path: String,
    /// The `sha256` that `readFile` gave. Left out, an edit by match takes the file as it is, and one by lines as you last saw it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// By lines: the first line to replace, counted from 1.
    #[serde(default)]
    pub start_line: Option<u64>,
    /// By lines: the last line to replace; one less than `startLine` replaces none, and puts the new lines before it.
    #[serde(default)]
    pub end_line: Option<u64>,
    /// By lines: what stands there instead; empty removes the lines.
    #[serde(default)]
    pub new_content: Option<String>,
    /// By match: the text to replace; it has to occur exactly once.
    #[serde(default)]
    pub old_text: Option<String>,
    /// By match: what stands there instead.
    #[serde(default)]
    pub new_text: Option<String>,
    /// How the file is read; found out when left out.
    #[serde(default)]
    pub encoding: Option<Encoding>,
}

/// What `writeFile` and `editFile` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WriteResult {
    /// The file.
    pub path: String,
    /// Whether it is new.
    pub created: bool,
    /// The SHA-256 of what it holds now: the next edit may start from it.
    pub sha256: String,
    /// How many bytes it holds now.
    pub bytes: u64,
    /// How many lines it holds now; 0 of what is not text.
    pub total_lines: u64,
}

/// Parameters of `deleteFile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteFile {
    /// The file, relative to the root.
    pub path: String,
    /// The `sha256` that `readFile` gave, to delete that content and no other.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// What `deleteFile` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeleteResult {
    /// The file.
    pub path: String,
    /// The SHA-256 of what it held.
    pub sha256: String,
}

/// Parameters of `listDirectory`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListDirectory {
    /// The folder, relative to the root; empty or `.` is the root itself.
    pub path: String,
    /// Whether to list what is in folders inside it, too.
    #[serde(default)]
    pub recursive: Option<bool>,
    /// Whether to list what `.gitignore` files leave out, too.
    #[serde(default)]
    pub include_ignored: Option<bool>,
    /// Where the page before ended.
    #[serde(default)]
    pub cursor: Option<String>,
    /// At most how many entries.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What `listDirectory` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListResult {
    /// The folder.
    pub path: String,
    /// What is in it, in the order of the names, a folder before what is in it.
    pub entries: Vec<Entry>,
    /// Where the next page goes on; null when this is the last.
    pub next_cursor: Option<String>,
    /// Why something was left out for good, if it was: a folder with too many names, a part that is too deep.
    pub left_out: Option<String>,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Where it is, relative to the root.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; it is never followed.
    Link,
    /// A pipe, a socket or a device; it is never opened.
    Other,
    /// Something whose name is not UTF-8: no tool can name it.
    Unnameable,
}

/// What a search looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchKind {
    /// Files whose path fits a glob.
    Glob,
    /// Lines that hold a text, as it stands.
    Text,
    /// Lines that fit a regular expression.
    Regex,
}

/// Parameters of `searchFiles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchFiles {
    /// A glob for paths (`**/*.rs`), or a text to find in files.
    pub pattern: String,
    /// The folder to look in, relative to the root; empty or `.` is the root itself.
    pub directory: String,
    /// What the pattern is. Left out: a glob when it has a `*` and no blank, else a text.
    #[serde(default)]
    pub kind: Option<SearchKind>,
    /// At most how many matches.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What `searchFiles` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchResult {
    /// What the pattern was taken for.
    pub kind: SearchKind,
    /// What was found, in the order of the paths.
    pub matches: Vec<Match>,
    /// Why there may be more, if so: narrow the pattern or the folder.
    pub stopped: Option<String>,
    /// How many files were looked at.
    pub files: u64,
    /// How many files were passed over because they are not text, too large, or denied.
    pub skipped: u64,
}

/// A file, or a line in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column of the first match on it, in characters, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The line, cut when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Makes the list of this server's tools.
fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "readFile",
            title: "Read a file",
            description: "Reads a text file, whole or some of its lines, and gives its sha256, which writing, editing and deleting ask for. What is not text is read with encoding base64. Secrets are masked.",
            effect: Effect::Reads,
            input: input::<ReadFile>(),
            output: output::<ReadFileResult>(),
        },
        Tool {
            name: "writeFile",
            title: "Write a file",
            description: "Makes a new file, or replaces all of a file whose sha256 is given. A file that changed since it was read is left alone. Line endings and byte order mark stay as they were.",
            effect: Effect::Writes,
            input: input::<WriteFile>(),
            output: output::<WriteResult>(),
        },
        Tool {
            name: "editFile",
            title: "Edit a file",
            description: "Replaces a part of a file: either oldText, which has to occur exactly once, by newText; or the lines startLine to endLine by newContent. Needs the sha256 that readFile, or the last edit, gave.",
            effect: Effect::Writes,
            input: input::<EditFile>(),
            output: output::<WriteResult>(),
        },
        Tool {
            name: "listDirectory",
            title: "List a folder",
            description: "Lists a folder, or with recursive all that is beneath it, without what .gitignore files leave out. Long lists come in pages: call again with next_cursor as cursor.",
            effect: Effect::Reads,
            input: input::<ListDirectory>(),
            output: output::<ListResult>(),
        },
        Tool {
            name: "searchFiles",
            title: "Search files",
            description: "Finds files by a glob of their path, or lines by a text or regular expression, without what .gitignore files leave out and what is not text. The number of matches and the time are limited.",
            effect: Effect::Reads,
            input: input::<SearchFiles>(),
            output: output::<SearchResult>(),
        },
        Tool {
            name: "deleteFile",
            title: "Delete a file",
            description: "Deletes one file; with sha256 only if it still holds what was read. Folders are not deleted.",
            effect: Effect::Removes,
            input: input::<DeleteFile>(),
            output: output::<DeleteResult>(),
        },
    ]
}
