//! What a change makes of one file.

use hyperion_api::change_request::FailureCode;
use hyperion_api::task_request::{Change, Operation};
use hyperion_git::FileMode;
use hyperion_patch::{MovedHunk, apply_located};

use super::Side;
use super::materialise::{Unfit, unfit};
use crate::Sizes;
use crate::intake::change::{changed_mode, decode, parse_mode, read_patch};

/// The most bytes of the path a symbolic link leads to; systems take no more.
const MAX_LINK_BYTES: usize = 4095;

/// Makes the file as it is to be, none when it goes away, and tells which hunks of its patch were not where it says.
pub(super) fn new_side(
    change: &Change,
    old: Option<&Side>,
    sizes: &Sizes,
) -> Result<(Option<Side>, Vec<MovedHunk>), Unfit> {
    if change.operation == Operation::Delete {
        return Ok((None, Vec::new()));
    }
    let mut moved = Vec::new();
    let old_bytes = old.map(|old| old.bytes.as_slice()).unwrap_or_default();
    let mut written = 0;
    let (bytes, patch_mode) = match (&change.patch, &change.content) {
        (Some(patch), _) => {
            let file = read_patch(patch)
                .map_err(|detail| unfit("patch", FailureCode::InvalidPatch, detail))?;
            let applied = apply_located(old_bytes, &file).map_err(|error| Unfit {
                field: Some("patch"),
                code: FailureCode::ContextMismatch,
                detail: format!("failed to {error}"),
                stale: false,
            })?;
            (moved, written) = (applied.moved, file.written_bytes());
            (applied.content, changed_mode(&file))
        }
        (None, Some(content)) => {
            let bytes = decode(content, change.encoding)
                .map_err(|detail| unfit("content", FailureCode::InvalidPatch, detail))?;
            written = bytes.len();
            (bytes, None)
        }
        (None, None) => (old_bytes.to_vec(), None),
    };
    if let Some(detail) = sizes.too_much(&change.path, written) {
        return Err(unfit(body(change), FailureCode::PermissionDenied, detail));
    }
    let mode = new_mode(change, old, patch_mode)?;
    if mode == FileMode::Symlink && !is_link_target(&bytes) {
        let detail = format!(
            "a symbolic link holds the path it leads to: 1 to {MAX_LINK_BYTES} bytes, no NUL and no line end"
        );
        return Err(unfit(body(change), FailureCode::InvalidPatch, detail));
    }
    Ok((Some(Side { mode, bytes }), moved))
}

/// Names the field that says what the file is to hold.
pub(super) const fn body(change: &Change) -> &'static str {
    if change.patch.is_some() {
        "patch"
    } else {
        "content"
    }
}

/// Tells whether a link with this content could be checked out.
fn is_link_target(bytes: &[u8]) -> bool {
    (1..=MAX_LINK_BYTES).contains(&bytes.len()) && !bytes.contains(&0) && !bytes.contains(&b'\n')
}

fn new_mode(
    change: &Change,
    old: Option<&Side>,
    patch_mode: Option<u32>,
) -> Result<FileMode, Unfit> {
    let wanted = match &change.mode {
        Some(mode) => parse_mode(mode),
        None => patch_mode,
    };
    let kept = old.map_or(FileMode::File, |old| old.mode);
    let mode = match wanted {
        None => kept,
        Some(0o100_644) => FileMode::File,
        Some(0o100_755) => FileMode::Executable,
        Some(0o120_000) => FileMode::Symlink,
        Some(other) => {
            let detail = format!("mode {other:o} cannot be written; use 100644, 100755 or 120000");
            return Err(unfit("mode", FailureCode::PermissionDenied, detail));
        }
    };
    if let Some(old) = old {
        let turns = (old.mode == FileMode::Symlink) != (mode == FileMode::Symlink);
        if turns && change.content.is_none() {
            let detail = "what a link holds is where it leads, so a file that becomes a link, or a link a file, needs its whole `content` beside `mode`";
            return Err(unfit("mode", FailureCode::PermissionDenied, detail));
        }
    }
    Ok(mode)
}
