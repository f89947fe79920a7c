//! Checks one change of a task against itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use hyperion_api::task_request::{Change, Encoding, Operation};
use hyperion_model::{Digest, RepoPath};
use hyperion_patch::{FileKind, FilePatch};

use crate::Sizes;
use crate::errors::Errors;

/// The most changes one task may carry.
pub const MAX_CHANGES: usize = hyperion_model::change_set::MAX_ITEMS;

/// Checks every change of a task; `at` is the task's pointer.
pub(crate) fn check_all(changes: &[Change], at: &str, sizes: &Sizes, errors: &mut Errors) {
    if changes.len() > MAX_CHANGES {
        errors.push(
            format!("{at}/changes"),
            format!(
                "has {} changes; at most {MAX_CHANGES}: split the task",
                changes.len()
            ),
        );
        return;
    }
    let mut seen = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let at = format!("{at}/changes/{index}");
        check(change, &at, sizes, errors);
        for (field, path) in [
            ("path", Some(&change.path)),
            ("from_path", change.from_path.as_ref()),
        ] {
            let Some(path) = path else { continue };
            let first = *seen.entry(path).or_insert(index);
            if first != index {
                errors.push(
                    format!("{at}/{field}"),
                    format!(
                        "{path:?} is already changed by change {first}: make one change of both"
                    ),
                );
            }
        }
    }
}

fn check(change: &Change, at: &str, sizes: &Sizes, errors: &mut Errors) {
    if let Err(error) = RepoPath::new(change.path.as_str()) {
        errors.push(format!("{at}/path"), error.to_string());
    }
    check_from_path(change, at, errors);
    check_mode(change, at, errors);
    check_body(change, at, sizes, errors);
    for (field, hash) in [
        ("base_hash", &change.base_hash),
        ("result_hash", &change.result_hash),
    ] {
        if let Some(Err(error)) = hash.as_ref().map(|hash| hash.parse::<Digest>()) {
            errors.push(format!("{at}/{field}"), error.to_string());
        }
    }
    if change.operation == Operation::Create && change.base_hash.is_some() {
        errors.push(
            format!("{at}/base_hash"),
            "a new file has no content before; leave it out",
        );
    }
    if change.operation == Operation::Delete && change.result_hash.is_some() {
        errors.push(
            format!("{at}/result_hash"),
            "a deleted file has no content after; leave it out",
        );
    }
}

fn check_from_path(change: &Change, at: &str, errors: &mut Errors) {
    match (change.operation, &change.from_path) {
        (Operation::Rename, None) => {
            errors.push(
                format!("{at}/from_path"),
                "is missing; a rename says where the file comes from",
            );
        }
        (Operation::Rename, Some(from)) => {
            if let Err(error) = RepoPath::new(from.as_str()) {
                errors.push(format!("{at}/from_path"), error.to_string());
            } else if *from == change.path {
                errors.push(
                    format!("{at}/from_path"),
                    "is the same as `path`; nothing would move",
                );
            }
        }
        (Operation::Create | Operation::Modify | Operation::Delete | Operation::Chmod, Some(_)) => {
            errors.push(
                format!("{at}/from_path"),
                "goes with \"operation\": \"rename\" only",
            );
        }
        (Operation::Create | Operation::Modify | Operation::Delete | Operation::Chmod, None) => {}
    }
}

fn check_mode(change: &Change, at: &str, errors: &mut Errors) {
    match &change.mode {
        Some(mode) if parse_mode(mode).is_none() => {
            let shown: String = mode.chars().take(20).collect();
            errors.push(
                format!("{at}/mode"),
                format!("{shown:?} is not a mode; write \"100644\", \"100755\" or \"120000\""),
            );
        }
        Some(_) if change.operation == Operation::Delete => {
            errors.push(
                format!("{at}/mode"),
                "a deleted file has no mode; leave it out",
            );
        }
        None if change.operation == Operation::Chmod => {
            errors.push(
                format!("{at}/mode"),
                "is missing; a mode change says which mode",
            );
        }
        Some(_) | None => {}
    }
}

fn check_body(change: &Change, at: &str, sizes: &Sizes, errors: &mut Errors) {
    match (change.operation, &change.patch, &change.content) {
        (Operation::Create | Operation::Modify, None, None) => {
            errors.push(at, "has neither `patch` nor `content`; give exactly one");
        }
        (_, Some(_), Some(_)) => {
            errors.push(at, "has both `patch` and `content`; give exactly one");
        }
        (Operation::Delete | Operation::Chmod, Some(_), None) => {
            errors.push(
                format!("{at}/patch"),
                "does not go with this operation; leave it out",
            );
        }
        (Operation::Delete | Operation::Chmod, None, Some(_)) => {
            errors.push(
                format!("{at}/content"),
                "does not go with this operation; leave it out",
            );
        }
        (Operation::Create | Operation::Modify | Operation::Rename, Some(patch), None) => {
            check_patch(change, patch, at, sizes, errors);
        }
        (Operation::Create | Operation::Modify | Operation::Rename, None, Some(content)) => {
            check_content(change, content, at, sizes, errors);
        }
        (Operation::Rename | Operation::Delete | Operation::Chmod, None, None) => {}
    }
}

fn check_content(change: &Change, content: &str, at: &str, sizes: &Sizes, errors: &mut Errors) {
    let said = match decode(content, change.encoding) {
        Err(detail) => Some(detail),
        Ok(bytes) => sizes.too_much(&change.path, bytes.len()),
    };
    if let Some(detail) = said {
        errors.push(format!("{at}/content"), detail);
    }
}

fn check_patch(change: &Change, patch: &str, at: &str, sizes: &Sizes, errors: &mut Errors) {
    let said = match read_patch(patch) {
        Err(detail) => Some(detail),
        Ok(file) => match fits(change, &file) {
            Err(detail) => Some(detail),
            Ok(()) => sizes.too_much(&change.path, file.written_bytes()),
        },
    };
    if let Some(detail) = said {
        errors.push(format!("{at}/patch"), detail);
    }
}

/// Reads a patch of exactly one file.
pub fn read_patch(patch: &str) -> Result<FilePatch, String> {
    // Models, and people who paste, often lose the very last newline.
    let mut bytes = patch.as_bytes().to_vec();
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    let mut files = hyperion_patch::parse(&bytes).map_err(|error| format!("failed to {error}"))?;
    match (files.len(), files.pop()) {
        (1, Some(file)) => Ok(file),
        (0, _) => {
            Err("holds no change; a unified diff starts with `--- a/…` and `+++ b/…`".to_owned())
        }
        (several, _) => Err(format!(
            "changes {several} files; give each path its own change"
        )),
    }
}

/// Says where a patch speaks of another file or operation than its change.
fn fits(change: &Change, file: &FilePatch) -> Result<(), String> {
    let says = |path: &Option<Vec<u8>>| {
        path.as_ref()
            .map(|path| String::from_utf8_lossy(path).into_owned())
    };
    let (old, new) = (says(&file.old_path), says(&file.new_path));
    let (expected_old, expected_new) = match change.operation {
        Operation::Create => (None, Some(change.path.as_str())),
        Operation::Delete => (Some(change.path.as_str()), None),
        Operation::Modify | Operation::Chmod => {
            (Some(change.path.as_str()), Some(change.path.as_str()))
        }
        // The patch of a rename may name both paths, or only the new one.
        Operation::Rename if old == new => (Some(change.path.as_str()), Some(change.path.as_str())),
        Operation::Rename => (change.from_path.as_deref(), Some(change.path.as_str())),
    };
    if (old.as_deref(), new.as_deref()) != (expected_old, expected_new) {
        return Err(format!(
            "{}, but the change is a {} of {}: correct `operation` and `path`, or the patch",
            described(old.as_deref(), new.as_deref()),
            name(change.operation),
            change.path
        ));
    }
    let wanted = change.mode.as_deref().and_then(parse_mode);
    if let (Some(wanted), Some(patched)) = (wanted, changed_mode(file))
        && wanted != patched
    {
        return Err(format!(
            "sets mode {patched:o}, but `mode` says {wanted:o}: leave one of them out"
        ));
    }
    match file.kind {
        FileKind::Copy { .. } => Err("copies a file; write a create with its content".to_owned()),
        FileKind::Create
        | FileKind::Modify
        | FileKind::Delete
        | FileKind::Rename { .. }
        | FileKind::ModeChange => Ok(()),
    }
}

fn described(old: Option<&str>, new: Option<&str>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old == new => format!("modifies {new}"),
        (Some(old), Some(new)) => format!("moves {old} to {new}"),
        (None, Some(new)) => format!("creates {new}"),
        (Some(old), None) => format!("deletes {old}"),
        (None, None) => "names no file".to_owned(),
    }
}

/// Gives the mode a patch sets; the mode on git's `index` line only says what the file was.
pub fn changed_mode(file: &FilePatch) -> Option<u32> {
    file.new_mode.filter(|new| file.old_mode != Some(*new))
}

const fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Modify => "modify",
        Operation::Delete => "delete",
        Operation::Rename => "rename",
        Operation::Chmod => "chmod",
    }
}

/// Gives the bytes that `content` stands for.
pub fn decode(content: &str, encoding: Encoding) -> Result<Vec<u8>, String> {
    match encoding {
        Encoding::Utf8 => Ok(content.as_bytes().to_vec()),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD
            .decode(content.trim())
            .map_err(|error| {
                format!("is not base64 ({error}); make it on one line: base64 -w0 FILE")
            }),
    }
}

/// Reads a git mode; only plain files, executables and symbolic links can be written.
pub fn parse_mode(mode: &str) -> Option<u32> {
    match mode {
        "100644" => Some(0o100_644),
        "100755" => Some(0o100_755),
        "120000" => Some(0o120_000),
        _ => None,
    }
}
