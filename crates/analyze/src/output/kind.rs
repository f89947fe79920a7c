//! Kinds of errors, and the words that give them away.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of error it is (I2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Text that does not follow its language's rules.
    Syntax,
    /// The user it ran as lacks a permission.
    Permission,
    /// A file, a folder, a branch or an address that is not there.
    NotFound,
    /// A program that is not there.
    CommandNotFound,
    /// Something took too long.
    Timeout,
    /// Another machine cannot be found or does not answer.
    Network,
    /// No space is left.
    DiskFull,
    /// No memory is left.
    OutOfMemory,
    /// Somebody else listens there.
    PortInUse,
    /// A library is missing, or its version does not fit.
    Dependency,
    /// A compiler or a linter refuses the code.
    Compile,
    /// Types do not fit.
    Type,
    /// A test failed, other than by what it asserts.
    TestFailure,
    /// What was asserted is not so.
    Assertion,
    /// Two sides changed the same.
    MergeConflict,
    /// Something else.
    #[default]
    Unknown,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [ErrorKind; 16] = [
        ErrorKind::Syntax,
        ErrorKind::Permission,
        ErrorKind::NotFound,
        ErrorKind::CommandNotFound,
        ErrorKind::Timeout,
        ErrorKind::Network,
        ErrorKind::DiskFull,
        ErrorKind::OutOfMemory,
        ErrorKind::PortInUse,
        ErrorKind::Dependency,
        ErrorKind::Compile,
        ErrorKind::Type,
        ErrorKind::TestFailure,
        ErrorKind::Assertion,
        ErrorKind::MergeConflict,
        ErrorKind::Unknown,
    ];

    /// Names it, as JSON does.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::Syntax => "syntax",
            ErrorKind::Permission => "permission",
            ErrorKind::NotFound => "not_found",
            ErrorKind::CommandNotFound => "command_not_found",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Network => "network",
            ErrorKind::DiskFull => "disk_full",
            ErrorKind::OutOfMemory => "out_of_memory",
            ErrorKind::PortInUse => "port_in_use",
            ErrorKind::Dependency => "dependency",
            ErrorKind::Compile => "compile",
            ErrorKind::Type => "type",
            ErrorKind::TestFailure => "test_failure",
            ErrorKind::Assertion => "assertion",
            ErrorKind::MergeConflict => "merge_conflict",
            ErrorKind::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Words that tell a kind; the first that is found counts, so what says more stands further up.
const WORDS: &[(&str, ErrorKind)] = &[
    ("no space left on device", ErrorKind::DiskFull),
    ("enospc", ErrorKind::DiskFull),
    ("disk quota exceeded", ErrorKind::DiskFull),
    ("disk full", ErrorKind::DiskFull),
    ("out of memory", ErrorKind::OutOfMemory),
    ("cannot allocate", ErrorKind::OutOfMemory),
    ("enomem", ErrorKind::OutOfMemory),
    ("java heap space", ErrorKind::OutOfMemory),
    ("memory allocation of", ErrorKind::OutOfMemory),
    ("memory exhausted", ErrorKind::OutOfMemory),
    ("bad_alloc", ErrorKind::OutOfMemory),
    ("oom-kill", ErrorKind::OutOfMemory),
    ("address already in use", ErrorKind::PortInUse),
    ("eaddrinuse", ErrorKind::PortInUse),
    ("port is already allocated", ErrorKind::PortInUse),
    ("merge conflict", ErrorKind::MergeConflict),
    ("automatic merge failed", ErrorKind::MergeConflict),
    ("conflict (", ErrorKind::MergeConflict),
    ("you have unmerged", ErrorKind::MergeConflict),
    ("unmerged files", ErrorKind::MergeConflict),
    ("command not found", ErrorKind::CommandNotFound),
    ("executable file not found", ErrorKind::CommandNotFound),
    (
        "is not recognized as an internal",
        ErrorKind::CommandNotFound,
    ),
    ("is not a git command", ErrorKind::CommandNotFound),
    ("no such subcommand", ErrorKind::CommandNotFound),
    ("no such command", ErrorKind::CommandNotFound),
    ("no module named", ErrorKind::Dependency),
    ("cannot find module", ErrorKind::Dependency),
    ("cannot find package", ErrorKind::Dependency),
    ("module_not_found", ErrorKind::Dependency),
    ("failed to load url", ErrorKind::Dependency),
    ("failed to resolve import", ErrorKind::Dependency),
    ("could not resolve dependencies", ErrorKind::Dependency),
    ("could not find artifact", ErrorKind::Dependency),
    ("no matching distribution", ErrorKind::Dependency),
    (
        "could not find a version that satisfies",
        ErrorKind::Dependency,
    ),
    ("no matching package", ErrorKind::Dependency),
    ("failed to select a version", ErrorKind::Dependency),
    ("as a dependency of", ErrorKind::Dependency),
    ("unable to resolve dependency", ErrorKind::Dependency),
    (
        "cannot find module providing package",
        ErrorKind::Dependency,
    ),
    ("no required module provides", ErrorKind::Dependency),
    ("is not in std", ErrorKind::Dependency),
    ("missing go.sum entry", ErrorKind::Dependency),
    ("could not find or load main class", ErrorKind::Dependency),
    ("cannot open shared object file", ErrorKind::Dependency),
    ("unmet dependencies", ErrorKind::Dependency),
    ("unable to locate package", ErrorKind::Dependency),
    ("could not resolve host", ErrorKind::Network),
    ("name or service not known", ErrorKind::Network),
    ("temporary failure in name resolution", ErrorKind::Network),
    ("no such host", ErrorKind::Network),
    ("enotfound", ErrorKind::Network),
    ("eai_again", ErrorKind::Network),
    ("connection refused", ErrorKind::Network),
    ("econnrefused", ErrorKind::Network),
    ("connection reset", ErrorKind::Network),
    ("econnreset", ErrorKind::Network),
    ("connection closed by", ErrorKind::Network),
    ("network is unreachable", ErrorKind::Network),
    ("no route to host", ErrorKind::Network),
    ("failed to connect", ErrorKind::Network),
    ("couldn't connect", ErrorKind::Network),
    ("could not connect", ErrorKind::Network),
    ("ssl certificate problem", ErrorKind::Network),
    ("certificate verify failed", ErrorKind::Network),
    ("failed to establish a new connection", ErrorKind::Network),
    ("dial tcp", ErrorKind::Network),
    ("socket hang up", ErrorKind::Network),
    ("timed out", ErrorKind::Timeout),
    ("etimedout", ErrorKind::Timeout),
    ("timeout", ErrorKind::Timeout),
    ("deadline exceeded", ErrorKind::Timeout),
    ("permission denied", ErrorKind::Permission),
    ("permissiondenied", ErrorKind::Permission),
    ("operation not permitted", ErrorKind::Permission),
    ("access denied", ErrorKind::Permission),
    ("eacces", ErrorKind::Permission),
    ("eperm", ErrorKind::Permission),
    ("read-only file system", ErrorKind::Permission),
    ("erofs", ErrorKind::Permission),
    ("dubious ownership", ErrorKind::Permission),
    ("password is required", ErrorKind::Permission),
    ("is required to read the password", ErrorKind::Permission),
    ("not in the sudoers", ErrorKind::Permission),
    ("authentication failed", ErrorKind::Permission),
    ("could not read username", ErrorKind::Permission),
    ("could not read password", ErrorKind::Permission),
    ("host key verification failed", ErrorKind::Permission),
    ("403 forbidden", ErrorKind::Permission),
    ("401 unauthorized", ErrorKind::Permission),
    ("no such file or directory", ErrorKind::NotFound),
    ("kind: notfound", ErrorKind::NotFound),
    ("enoent", ErrorKind::NotFound),
    ("file not found", ErrorKind::NotFound),
    ("file or directory not found", ErrorKind::NotFound),
    ("cannot find the file", ErrorKind::NotFound),
    ("could not find", ErrorKind::NotFound),
    ("couldn't find", ErrorKind::NotFound),
    ("does not exist", ErrorKind::NotFound),
    ("not a git repository", ErrorKind::NotFound),
    (
        "does not appear to be a git repository",
        ErrorKind::NotFound,
    ),
    ("did not match any file", ErrorKind::NotFound),
    ("unknown revision", ErrorKind::NotFound),
    ("no rule to make target", ErrorKind::NotFound),
    ("missing script", ErrorKind::NotFound),
    ("there is no pom", ErrorKind::NotFound),
    ("error: 404", ErrorKind::NotFound),
    ("404 not found", ErrorKind::NotFound),
    ("syntax error", ErrorKind::Syntax),
    ("syntaxerror", ErrorKind::Syntax),
    ("parsing error", ErrorKind::Syntax),
    ("parse error", ErrorKind::Syntax),
    ("unexpected token", ErrorKind::Syntax),
    ("unexpected end of", ErrorKind::Syntax),
    ("type mismatch", ErrorKind::Type),
    ("incompatible types", ErrorKind::Type),
    ("mismatched types", ErrorKind::Type),
    ("is not assignable to", ErrorKind::Type),
    ("assertion failed", ErrorKind::Assertion),
    ("assertion `", ErrorKind::Assertion),
];

/// The most bytes of a text that are looked at for such words.
const MAX_LOOKED_AT: usize = 2048;

/// Tells a kind by the words of a text.
pub(crate) fn of_text(text: &str) -> Option<ErrorKind> {
    let text = text[..text.floor_char_boundary(MAX_LOOKED_AT.min(text.len()))].to_ascii_lowercase();
    // Where a word begins: `FileNotFoundError` is no `ENOTFOUND`.
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    WORDS
        .iter()
        .find(|(words, _)| text.match_indices(words).any(|(at, _)| begins(at)))
        .map(|(_, kind)| *kind)
}

/// Tells a kind by the name of what was thrown, without its package.
pub(crate) fn of_exception(name: &str, message: &str) -> Option<ErrorKind> {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let kind = match last {
        "SyntaxError" | "IndentationError" | "TabError" | "JSONDecodeError" | "JSONParseError" => {
            ErrorKind::Syntax
        }
        "TypeError" | "ClassCastException" => ErrorKind::Type,
        "AssertionError" | "AssertionFailedError" | "ComparisonFailure" | "AssertionFailure" => {
            ErrorKind::Assertion
        }
        "ModuleNotFoundError"
        | "ImportError"
        | "NoClassDefFoundError"
        | "ClassNotFoundException" => ErrorKind::Dependency,
        "FileNotFoundError"
        | "NotADirectoryError"
        | "NoSuchFileException"
        | "FileNotFoundException" => ErrorKind::NotFound,
        "PermissionError" | "AccessDeniedException" => ErrorKind::Permission,
        "MemoryError" | "OutOfMemoryError" => ErrorKind::OutOfMemory,
        "TimeoutError" | "TimeoutException" | "SocketTimeoutException" | "TimeoutExpired" => {
            ErrorKind::Timeout
        }
        "ConnectionRefusedError"
        | "ConnectionResetError"
        | "ConnectionError"
        | "ConnectionAbortedError"
        | "gaierror"
        | "URLError"
        | "ConnectException"
        | "UnknownHostException" => ErrorKind::Network,
        "BindException" => ErrorKind::PortInUse,
        _ => return of_text(message),
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    // I2: the names are those that were agreed on.
    #[test]
    fn a_kind_is_named_as_json_names_it() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind.to_string(), kind.name());
        }
        let names = ErrorKind::ALL.map(ErrorKind::name).join(" ");
        insta::assert_snapshot!(names, @"syntax permission not_found command_not_found timeout network disk_full out_of_memory port_in_use dependency compile type test_failure assertion merge_conflict unknown");
    }
}
