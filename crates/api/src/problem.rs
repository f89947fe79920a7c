//! Errors on the wire: [RFC 9457] problem documents with a stable `code`.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Where: a JSON pointer into the document that was sent, for instance `/tasks/0/owns/1`.
    pub pointer: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// An error as every call answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A URI reference that names the kind: `/problems/` and the code.
    pub r#type: String,
    /// The kind in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do next.
    pub detail: String,
    /// The call that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The stable code, for instance `change_set.stale_base`.
    pub code: String,
    /// Every error found, where several were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What to do next, as a sentence or a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Every code there is, with its HTTP status, its exit status and its title.
///
/// Exit statuses are those of the command line: 1 the work failed, 2 bad input, 3 conflict,
/// 4 refused by policy, 5 not found, 69 a needed service is unavailable.
pub const CODES: &[Code] = &[
    Code::new("request.invalid", 400, 2, "The request cannot be read"),
    Code::new(
        "request.unprocessable",
        422,
        2,
        "The request contradicts itself or the repository",
    ),
    Code::new("request.too_large", 413, 2, "The request is too large"),
    Code::new("input.invalid", 400, 2, "The input is not valid"),
    Code::new("subject.not_found", 404, 5, "There is no such thing"),
    Code::new("subject.ambiguous", 409, 2, "The short id fits several"),
    Code::new(
        "state.illegal_move",
        409,
        1,
        "That cannot be done in this state",
    ),
    Code::new("approval.already_decided", 409, 3, "Somebody decided first"),
    Code::new(
        "approval.not_entitled",
        403,
        4,
        "Not entitled to decide this",
    ),
    Code::new(
        "approval.masked",
        409,
        3,
        "Parts of what is asked are masked",
    ),
    Code::new("approval.stale", 409, 3, "What was asked has changed"),
    Code::new(
        "approval.key_reused",
        409,
        3,
        "The key belongs to another question",
    ),
    Code::new("approval.too_many", 429, 69, "Too many questions"),
    Code::new("change_set.stale_base", 409, 3, "The file changed since"),
    Code::new(
        "approval.own_work",
        403,
        4,
        "Nobody approves their own work here",
    ),
    Code::new("access.refused", 401, 4, "The sign-in was refused"),
    Code::new("access.denied", 403, 4, "Not entitled to this"),
    Code::new("access.too_many", 429, 69, "Too many tries"),
    Code::new("user.exists", 409, 2, "There is such a user already"),
    Code::new("user.last_admin", 409, 3, "Somebody has to be admin"),
    Code::new("policy.refused", 403, 4, "Refused by policy"),
    Code::new("rollback.impossible", 409, 3, "It cannot be rolled back"),
    Code::new("repo.unusable", 422, 2, "The repository cannot be used"),
    Code::new(
        "repo.exists",
        409,
        2,
        "The repository is registered already",
    ),
    Code::new("file.missing", 404, 5, "There is no such file"),
    Code::new("file.exists", 409, 3, "The file is there already"),
    Code::new("file.changed", 409, 3, "The file changed since"),
    Code::new(
        "file.wrong_kind",
        409,
        2,
        "It is not what the tool works on",
    ),
    Code::new("file.not_text", 415, 2, "The file is not text"),
    Code::new(
        "file.too_large",
        413,
        2,
        "The file or the text is too large",
    ),
    Code::new("file.io", 500, 1, "The system refused"),
    Code::new("path.escapes", 403, 4, "The path leads out of the root"),
    Code::new("path.denied", 403, 4, "The path is denied"),
    Code::new("edit.no_match", 409, 3, "The text is not in the file"),
    Code::new("edit.ambiguous", 409, 3, "The text occurs more than once"),
    Code::new("secret.added", 403, 4, "It would add a secret"),
    Code::new(
        "secret.masked",
        409,
        3,
        "It would write a mask instead of a secret",
    ),
    Code::new("git.branch", 409, 4, "Not on such a branch"),
    Code::new("git.name", 400, 2, "Not a name for it"),
    Code::new("git.in_the_way", 409, 3, "Files are in the way"),
    Code::new("git.nothing", 409, 1, "There is nothing to do"),
    Code::new("git.handed_in", 409, 3, "It was handed in before"),
    Code::new("git.no_forge", 422, 2, "No forge is connected"),
    Code::new("clone.gone", 410, 5, "The clone is gone"),
    Code::new("clone.limit", 429, 69, "Too many clones"),
    Code::new("tool.rate_limited", 429, 69, "Too many calls"),
    Code::new("tool.busy", 429, 69, "Other runs come first"),
    Code::new("tool.cancelled", 409, 3, "The call was cancelled"),
    Code::new("tool.missing", 424, 69, "The tool is not installed"),
    Code::new("tool.nothing_to_run", 422, 2, "There is nothing to run"),
    Code::new("tool.session_unknown", 401, 69, "The session is not known"),
    Code::new("home.missing", 503, 69, "There is no home yet"),
    Code::new(
        "home.displaced",
        503,
        69,
        "The engine's home was moved or replaced",
    ),
    Code::new("engine.read_only", 503, 69, "No engine is running"),
    Code::new("engine.unavailable", 503, 69, "The engine cannot work now"),
    Code::new("store.full", 507, 69, "The disk is full"),
    Code::new("backup.unusable", 422, 1, "The backup cannot be used"),
    Code::new("store.damaged", 500, 69, "The home's data is damaged"),
    Code::new("api.version_unknown", 400, 2, "Another version of the API"),
    Code::new("access.unknown", 401, 4, "Who makes the call is not known"),
    Code::new("call.host", 421, 2, "The call is for another host"),
    Code::new("call.origin", 403, 4, "The call comes from another site"),
    Code::new("call.too_many", 429, 69, "Too many calls"),
    Code::new(
        "call.head_too_large",
        431,
        2,
        "The head of the call is too large",
    ),
    Code::new("internal", 500, 1, "Something went wrong in Hyperion"),
];

/// What belongs to a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// Its HTTP status.
    pub status: u16,
    /// Its exit status on the command line.
    pub exit: u8,
    /// Its title.
    pub title: &'static str,
}

impl Code {
    const fn new(code: &'static str, status: u16, exit: u8, title: &'static str) -> Self {
        Self {
            code,
            status,
            exit,
            title,
        }
    }

    /// Finds what belongs to a code; an unknown one is answered as `internal`.
    pub fn find(code: &str) -> Self {
        let internal = Code::new("internal", 500, 1, "Something went wrong in Hyperion");
        CODES
            .iter()
            .copied()
            .find(|known| known.code == code)
            .unwrap_or(internal)
    }
}

impl Problem {
    /// Makes a problem of a known code.
    pub fn new(code: &str, detail: impl Into<String>) -> Self {
        let known = Code::find(code);
        Self {
            r#type: format!("/problems/{}", known.code),
            title: known.title.to_owned(),
            status: known.status,
            detail: detail.into(),
            instance: None,
            code: known.code.to_owned(),
            errors: Vec::new(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds every error found.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Gives the exit status of a command that ends with this problem.
    pub fn exit(&self) -> u8 {
        Code::find(&self.code).exit
    }
}

/// Writes an error with everything beneath it: `failed to a: b: c`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("failed to {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_named_noun_dot_what() {
        let mut codes: Vec<_> = CODES.iter().map(|code| code.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
        assert!(
            codes
                .iter()
                .all(|code| *code == "internal" || code.contains('.'))
        );
    }
}
