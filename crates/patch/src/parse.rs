//! Reading patches.

mod error;
mod header;
mod hunk;
mod name;
mod reader;

use crate::file_patch::{Body, FilePatch};
use reader::Reader;

pub use error::{ParseError, ParseErrorKind};

/// The most bytes a patch may have.
pub const PATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The most files a patch may touch.
pub const FILES_MAX: usize = 10_000;

/// The most hunks a patch may have, all its files together.
pub const HUNKS_MAX: usize = 50_000;

/// The most bytes a path may have.
pub const PATH_BYTES_MAX: usize = 4096;

/// Reads a patch: `git diff`'s with all its headers, or plain `---`/`+++` pairs.
///
/// Text around the files (a mail, a commit message) is skipped, as git does. Stricter than git, because a patch that
/// is silently read as less than it says does harm: lines beyond a hunk's counts, combined diffs, and `---`/`+++`
/// that name different files without a rename are refused. `a/` and `b/` (or git's mnemonic letters) are taken off
/// where both names have them; a patch made without prefixes is read as it is.
pub fn parse(patch: &[u8]) -> Result<Vec<FilePatch>, ParseError> {
    if patch.len() > PATCH_BYTES_MAX {
        return Err(ParseError {
            line: 1,
            kind: ParseErrorKind::PatchTooLarge { bytes: patch.len() },
        });
    }
    let mut reader = Reader::new(patch);
    let mut files: Vec<FilePatch> = Vec::new();
    let mut hunks = 0;
    while let Some(line) = reader.peek() {
        let file = if line.starts_with(b"diff --git ") {
            header::git_file(&mut reader)?
        } else if header::is_plain(reader) {
            header::plain_file(&mut reader)?
        } else if line.starts_with(b"@@ -") {
            return Err(reader.refuse(ParseErrorKind::StrayHunk));
        } else if line.starts_with(b"diff --cc ") || line.starts_with(b"diff --combined ") {
            return Err(reader.refuse(ParseErrorKind::Combined));
        } else {
            reader.next();
            continue;
        };
        hunks += match &file.body {
            Body::Text(list) => list.len(),
            Body::Binary(_) | Body::Empty => 0,
        };
        files.push(file);
        if files.len() > FILES_MAX {
            return Err(reader.refuse(ParseErrorKind::TooManyFiles));
        }
        if hunks > HUNKS_MAX {
            return Err(reader.refuse(ParseErrorKind::TooManyHunks));
        }
    }
    match files.is_empty() {
        true => Err(ParseError {
            line: 1,
            kind: ParseErrorKind::NoPatch,
        }),
        false => Ok(files),
    }
}
