//! Files: read, written, edited, listed, searched and deleted beneath one folder.

mod delete_file;
mod edit_file;
mod list_directory;
mod read_file;
mod search_files;
#[cfg(test)]
mod tests;
mod write_file;

use hyperion_api::Problem;
use hyperion_host::{BeneathError, Expect, Kind};
use sha2::{Digest as _, Sha256};

use crate::Place;
use crate::text::Text;

pub use delete_file::delete_file;
pub use edit_file::edit_file;
pub use list_directory::list_directory;
pub use read_file::read_file;
pub use search_files::search_files;
pub use write_file::write_file;

/// Gives the SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Takes a path as agents write them: with the root before it, `./` before it, or a `/` behind it.
///
/// No safety depends on this: the path is resolved from the root's handle, and refused there if it leads out.
pub(crate) fn relative<'p>(place: &Place<'_>, path: &'p str) -> &'p str {
    let root = place.root.path().to_str().unwrap_or_default();
    let inside = match path.strip_prefix(root) {
        Some("") if !root.is_empty() => "",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    };
    let inside = inside.strip_prefix("./").unwrap_or(inside);
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    if inside == "." { "" } else { inside }
}

/// Says why a path could not be used, and what to do.
pub(crate) fn from_beneath(error: BeneathError) -> Problem {
    match error {
        BeneathError::Missing { path } => {
            Problem::new("file.missing", format!("there is no {path}"))
                .hint("look with listDirectory or searchFiles what there is")
        }
        BeneathError::Escapes { path } => Problem::new(
            "path.escapes",
            format!("{path:?} leads out of the root, or has an empty, `.` or `..` part"),
        )
        .hint("give a path relative to the root, like src/main.rs"),
        BeneathError::Link { path } => Problem::new(
            "path.escapes",
            format!("a part of {path} is a symbolic link, and links are not followed"),
        )
        .hint("name the file by its own path, if that is inside the root"),
        BeneathError::NotAFile { path, kind } => {
            let hint = match kind {
                Kind::Folder => "list it with listDirectory",
                Kind::File | Kind::Link | Kind::Other => "only regular files can be used",
            };
            Problem::new(
                "file.wrong_kind",
                format!("{path} is not a file: {} is there", kind.name()),
            )
            .hint(hint)
        }
        BeneathError::NotAFolder { path } => Problem::new(
            "file.wrong_kind",
            format!("{path}, or a part of it, is not a folder"),
        )
        .hint("look with listDirectory what there is"),
        BeneathError::TooLarge { path, max_bytes } => Problem::new(
            "file.too_large",
            format!("{path} is larger than {max_bytes} bytes"),
        )
        .hint("tools leave such files alone; search for what you need with searchFiles, or ask a person"),
        BeneathError::Exists { path } => exists(&path),
        BeneathError::Changed { path, .. } => {
            Problem::new("file.changed", format!("{path} changed meanwhile")).hint(READ_AGAIN)
        }
        error => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            Problem::new(
                "file.io",
                format!("{error}: {}", source.unwrap_or_default()),
            )
            .hint("try again; if it stays so, ask a person")
        }
    }
}

const READ_AGAIN: &str = "read it again, and make the change to what it holds now";

fn exists(path: &str) -> Problem {
    Problem::new("file.exists", format!("{path} is there already")).hint(
        "read it, and give the sha256 that readFile gave; or change a part of it with editFile",
    )
}

/// Names a content, so that a later call can say which content it is about.
fn name_of(place: &Place<'_>, path: &str, bytes: &[u8]) -> String {
    let hash = sha256(bytes);
    if holds_secrets(place, path, bytes) {
        place.overseer.seal(&hash)
    } else {
        hash
    }
}

/// Tells whether a content would be shown with masks, whatever encoding it is read in.
fn holds_secrets(place: &Place<'_>, path: &str, bytes: &[u8]) -> bool {
    let masked = |text: &str| place.overseer.mask(text).is_some();
    match std::str::from_utf8(bytes) {
        Ok(text) => masked(text),
        Err(_) => {
            masked(&String::from_utf8_lossy(bytes))
                || Text::read(path, bytes, None).is_ok_and(|text| masked(&text.text))
        }
    }
}

/// The error for a file that changed since the caller read it, with both hashes.
fn changed(place: &Place<'_>, path: &str, expected: &str, found: &[u8]) -> Problem {
    let found = name_of(place, path, found);
    Problem::new(
        "file.changed",
        format!(
            "{path} changed since it was read: you saw sha256 {expected}, it holds sha256 {found}"
        ),
    )
    .hint(READ_AGAIN)
}

/// Reads a file that has to hold what the caller had seen.
fn read_expected(place: &Place<'_>, path: &str, expected: &str) -> Result<Vec<u8>, Problem> {
    let bytes = read_any(place, path)?;
    if name_of(place, path, &bytes).eq_ignore_ascii_case(expected) {
        Ok(bytes)
    } else {
        Err(changed(place, path, expected, &bytes))
    }
}

/// Reads a file as it is.
fn read_any(place: &Place<'_>, path: &str) -> Result<Vec<u8>, Problem> {
    let found = place.root.read(path, place.limits.file_bytes);
    Ok(found.map_err(from_beneath)?.bytes)
}

/// Puts new content in the place of what was read, if that is still there.
fn replace(place: &Place<'_>, path: &str, before: &[u8], after: &[u8]) -> Result<(), Problem> {
    let is_it = |now: &[u8]| now == before;
    let expect = Expect::Content {
        is_it: &is_it,
        max_bytes: place.limits.file_bytes,
    };
    put(place, path, after, expect, |error| {
        since(place, error, before)
    })
}

/// Writes a file whose record was begun. Content and record are synced in parallel; only then the file changes.
fn put(
    place: &Place<'_>,
    path: &str,
    after: &[u8],
    expect: Expect<'_>,
    word: impl FnOnce(BeneathError) -> Problem,
) -> Result<(), Problem> {
    let mut recorded = Ok(());
    let mut ready = || {
        recorded = place.overseer.recorded();
        recorded.is_ok()
    };
    let written = place.root.write_when(path, after, expect, &mut ready);
    recorded?;
    written.map_err(word)
}

/// As [`from_beneath`], with both hashes when the content is another one.
fn since(place: &Place<'_>, error: BeneathError, before: &[u8]) -> Problem {
    match error {
        BeneathError::Changed { path, found } => {
            let seen = name_of(place, &path, before);
            changed(place, &path, &seen, &found)
        }
        error => from_beneath(error),
    }
}

fn refuse_larger(what: &str, given: u64, max: u64, hint: &str) -> Result<(), Problem> {
    if given <= max {
        return Ok(());
    }
    Err(Problem::new(
        "file.too_large",
        format!("{what} has {given} bytes; the limit is {max}"),
    )
    .hint(hint))
}
