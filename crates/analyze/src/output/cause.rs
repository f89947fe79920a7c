//! Which errors only follow from others, and what an exit code says where nothing else does.

use super::{ErrorKind, FoundError};

/// What is said after something went wrong, and is not itself what went wrong.
const CONSEQUENCES: &[&str] = &[
    "could not compile",
    "aborting due to",
    "test failed, to rerun",
    "test run failed",
    "failed to push some refs",
    "automatic merge failed",
    "could not apply",
    "failed to execute goal",
    "compilation failure",
    "lifecycle script",
    "no matching distribution found",
    "could not read from remote repository",
    "returned non-zero exit status",
    "patch does not apply",
    "linking with ",
    "patch failed",
    "] error ",
    "build failed",
    "errors prevented",
];

/// Puts causes first, and takes out what only follows from them.
pub(super) fn order(errors: &mut Vec<FoundError>) {
    let follows = |error: &FoundError| {
        let message = error.message.to_ascii_lowercase();
        let message = message.as_str();
        CONSEQUENCES.iter().any(|words| message.contains(words))
    };
    let causes = errors.iter().filter(|error| !follows(error)).count();
    if causes > 0 {
        errors.retain(|error| !follows(error));
        return;
    }
    // Nothing but consequences: the first of them is the nearest to the cause.
    errors.truncate(1);
}

/// Says what an exit code means, where the output names no error.
pub(super) fn of_exit(code: Option<i32>, lines: &[&str]) -> Option<FoundError> {
    let code = code.filter(|code| *code != 0)?;
    let last = lines.iter().rev().find(|line| !line.trim().is_empty());
    let (kind, meaning) = match code {
        124 => (ErrorKind::Timeout, "it took too long and was ended"),
        126 => (ErrorKind::Permission, "the program may not be run"),
        127 => (ErrorKind::CommandNotFound, "the program is not there"),
        130 => (ErrorKind::Unknown, "somebody interrupted it"),
        137 => (
            ErrorKind::Unknown,
            "it was killed; too little memory is a common reason",
        ),
        139 => (
            ErrorKind::Unknown,
            "it crashed: an access to memory that is not its own",
        ),
        143 => (ErrorKind::Unknown, "it was asked to end"),
        _ => (ErrorKind::Unknown, ""),
    };
    let message = match (last, meaning) {
        (Some(line), "") => (*line).to_owned(),
        (None, "") => format!("exit code {code}, and no word"),
        (_, meaning) => format!("exit code {code}: {meaning}"),
    };
    Some(FoundError {
        kind,
        message: super::one_line(&message),
        at_line: u32::try_from(lines.len()).unwrap_or(u32::MAX).max(1),
        ..FoundError::default()
    })
}
