//! Names of errors that a text mentions: codes, exceptions, signals.

use crate::limits::MAX_ERRORS;
use crate::word::Word;

const SIGNALS: &[&str] = &[
    "SIGSEGV",
    "SIGABRT",
    "SIGKILL",
    "SIGTERM",
    "SIGBUS",
    "SIGILL",
    "SIGPIPE",
    "SIGFPE",
    "OOMKilled",
];

/// Errors of the system as C and Node name them.
const SYSTEM: &[&str] = &[
    "ENOENT",
    "EACCES",
    "EPERM",
    "EEXIST",
    "ENOTDIR",
    "EISDIR",
    "EINVAL",
    "EMFILE",
    "ENFILE",
    "ENOSPC",
    "EROFS",
    "EPIPE",
    "EAGAIN",
    "EBUSY",
    "ENOMEM",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ELOOP",
    "ENAMETOOLONG",
    "ENOTEMPTY",
    "EXDEV",
    "EINTR",
    "EIO",
    "ERESOLVE",
];

/// Finds the errors of a text, in the order they are first named.
pub(crate) fn errors(words: &[Word<'_>]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if found.len() == MAX_ERRORS {
            break;
        }
        let error = error(word.text).or_else(|| exit_status(words, at));
        if let Some(error) = error
            && !found.contains(&error)
        {
            found.push(error);
        }
    }
    found
}

/// Reads a word as the name of an error.
pub(crate) fn error(word: &str) -> Option<String> {
    // `error[E0382]:` and `java.lang.IllegalStateException:`.
    let word = word
        .split_once('[')
        .map_or(word, |(_, inside)| inside.trim_end_matches([']', ':']));
    let word = word.split([':', '(']).next().unwrap_or(word);
    let last = word.rsplit('.').next().unwrap_or(word);
    let named = SIGNALS.contains(&last) || SYSTEM.contains(&last);
    (named || is_code(last) || is_exception(last)).then(|| last.to_owned())
}

/// Tells whether a word is a code: `E0382`, `TS2345`, `CS0246`, `ERR_X`, `ORA-00001`, `CVE-2021-1`.
fn is_code(word: &str) -> bool {
    let letters = word.chars().take_while(char::is_ascii_uppercase).count();
    let rest = &word[letters..];
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    match word.get(..letters) {
        Some("ERR") => rest.len() > 3 && rest.starts_with('_'),
        Some("ORA" | "CVE" | "RUSTSEC") => rest
            .strip_prefix('-')
            .is_some_and(|rest| rest.split('-').all(digits)),
        Some("E" | "F" | "W" | "C" | "B" | "R" | "N") => {
            digits(rest) && (3..=4).contains(&rest.len())
        }
        Some("TS" | "CS" | "FS" | "LNK" | "MSB" | "NU" | "SC" | "PLR" | "PLW" | "RUF" | "DL") => {
            digits(rest) && (3..=5).contains(&rest.len())
        }
        Some(_) | None => false,
    }
}

/// Tells whether a word is an exception's name.
fn is_exception(word: &str) -> bool {
    ["Error", "Exception", "Panic", "Warning"]
        .iter()
        .any(|end| {
            word.strip_suffix(end).is_some_and(|stem| {
                stem.starts_with(|c: char| c.is_ascii_uppercase())
                    && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        })
}

/// Finds `exit code 101`, `exit status 1`, `HTTP 500`.
fn exit_status(words: &[Word<'_>], at: usize) -> Option<String> {
    let text = |at: usize| words.get(at).map(|word| word.text);
    let number = |at: usize| text(at).filter(|text| text.len() <= 3 && text.parse::<u16>().is_ok());
    match text(at)?.to_ascii_lowercase().as_str() {
        "exit" | "exits" | "exited" => {
            let at = if text(at + 1) == Some("with") {
                at + 1
            } else {
                at
            };
            let kind = text(at + 1).filter(|text| matches!(*text, "code" | "status"))?;
            Some(format!("exit {kind} {}", number(at + 2)?))
        }
        "http" => {
            let status = number(at + 1).filter(|status| status.len() == 3 && *status >= "400")?;
            Some(format!("HTTP {status}"))
        }
        _ => None,
    }
}
