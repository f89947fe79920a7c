//! What policy needs to know of a change, read from a diff alone.

use hyperion_model::RepoPath;
use hyperion_model::facts::{ItemFacts, Operation};
use hyperion_patch::{Body, FileKind, FilePatch, LineKind, parse};

/// A file's mode where the diff does not say it.
const MODE_FILE: u32 = 0o100_644;

/// Reads a unified diff; says in words why it cannot be read.
pub(super) fn items(diff: &[u8]) -> Result<Vec<ItemFacts>, String> {
    let files = parse(diff).map_err(|error| format!("is no diff: {error}"))?;
    if files.is_empty() {
        return Err("changes nothing".to_owned());
    }
    files.iter().map(item).collect()
}

fn item(file: &FilePatch) -> Result<ItemFacts, String> {
    let path = |bytes: &[u8]| {
        let text =
            std::str::from_utf8(bytes).map_err(|_| "names a path that is not UTF-8".to_owned())?;
        RepoPath::new(text).map_err(|error| format!("names {text:?}: {error}"))
    };
    let operation = match file.kind {
        FileKind::Create | FileKind::Copy { .. } => Operation::Create,
        FileKind::Modify => Operation::Modify,
        FileKind::Delete => Operation::Delete,
        FileKind::Rename { .. } => Operation::Rename,
        FileKind::ModeChange => Operation::Chmod,
    };
    let from_path = match (&file.kind, &file.old_path) {
        (FileKind::Rename { .. }, Some(old)) => Some(path(old)?),
        _ => None,
    };
    let lines = |kind: LineKind| -> Vec<String> {
        let lines = file.hunks().iter().flat_map(|hunk| &hunk.lines);
        lines
            .filter(|line| line.kind == kind)
            .map(|line| String::from_utf8_lossy(line.content()).into_owned())
            .collect()
    };
    let (added, removed) = (lines(LineKind::Added), lines(LineKind::Removed));
    let bare = |lines: &[String]| -> String {
        let letters = lines.iter().flat_map(|line| line.chars());
        letters.filter(|c| !c.is_whitespace()).collect()
    };
    let only_whitespace = operation == Operation::Modify
        && !(added.is_empty() && removed.is_empty())
        && bare(&added) == bare(&removed);
    Ok(ItemFacts {
        path: path(file.path())?,
        from_path,
        operation,
        new_size: file.written_bytes() as u64,
        is_internal: false,
        added,
        removed,
        binary: matches!(file.body, Body::Binary(_)),
        binary_text: Vec::new(),
        binary_text_before: Vec::new(),
        same_content: operation != Operation::Create && matches!(file.body, Body::Empty),
        only_whitespace,
        mode: (operation != Operation::Delete)
            .then(|| file.new_mode.or(file.old_mode).unwrap_or(MODE_FILE)),
        old_mode: (operation != Operation::Create)
            .then(|| file.old_mode.or(file.new_mode).unwrap_or(MODE_FILE)),
    })
}
