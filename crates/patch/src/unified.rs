//! Writing patches as git does.

use crate::binary::BinaryPatch;
use crate::diff::FileDiff;
use crate::file_patch::{Body, FileKind, FilePatch, Hunk, LineKind};
use crate::quoting::quote;

/// The mode of a file unless another is given.
const MODE_REGULAR: u32 = 0o100_644;

/// The names and modes of a file on both sides.
///
/// No old path means that the file is created, no new path that it is deleted, two different ones that it moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileHeader<'a> {
    /// Names the file before.
    pub old_path: Option<&'a [u8]>,
    /// Names the file after.
    pub new_path: Option<&'a [u8]>,
    /// Gives the mode before; a regular file if not said.
    pub old_mode: Option<u32>,
    /// Gives the mode after; a regular file if not said.
    pub new_mode: Option<u32>,
}

impl<'a> FileHeader<'a> {
    /// Names a file that stays where it is, with the mode it has.
    pub fn modify(path: &'a [u8]) -> Self {
        Self {
            old_path: Some(path),
            new_path: Some(path),
            ..Self::default()
        }
    }
}

/// Writes a difference as a patch that `git apply` and [`parse`](crate::parse()) take; nothing if nothing changes.
///
/// Binary content is only said to differ, so such a patch can be read by people but not applied.
pub fn unified(header: &FileHeader<'_>, diff: &FileDiff) -> Vec<u8> {
    let kind = match (header.old_path, header.new_path) {
        (None, _) => FileKind::Create,
        (_, None) => FileKind::Delete,
        (Some(old), Some(new)) if old != new => FileKind::Rename { similarity: None },
        (Some(_), Some(_)) if diff.hunks.is_empty() && !diff.binary => FileKind::ModeChange,
        (Some(_), Some(_)) => FileKind::Modify,
    };
    let body = match diff {
        FileDiff { binary: true, .. } => Body::Binary(BinaryPatch::Absent),
        FileDiff { hunks, .. } if hunks.is_empty() => Body::Empty,
        FileDiff { hunks, .. } => Body::Text(hunks.clone()),
    };
    render(&FilePatch {
        old_path: header.old_path.map(<[u8]>::to_vec),
        new_path: header.new_path.map(<[u8]>::to_vec),
        old_mode: header.old_mode,
        new_mode: header.new_mode,
        kind,
        ids: None,
        body,
    })
}

/// Writes the change of one file as git does; nothing if it has neither names nor a change.
///
/// Binary content is left out, as [`unified`] says.
pub fn render(file: &FilePatch) -> Vec<u8> {
    let mut text = Vec::new();
    let old = file
        .old_path
        .as_deref()
        .or(file.new_path.as_deref())
        .unwrap_or_default();
    let new = file.new_path.as_deref().unwrap_or(old);
    let modes = (
        file.old_mode.or(file.new_mode),
        file.new_mode.or(file.old_mode),
    );
    let modes_differ = modes.0 != modes.1;
    let nothing = file.body == Body::Empty
        && match file.kind {
            FileKind::Modify | FileKind::ModeChange => !modes_differ,
            FileKind::Create
            | FileKind::Delete
            | FileKind::Rename { .. }
            | FileKind::Copy { .. } => false,
        };
    if old.is_empty() || nothing {
        return text;
    }
    let (old_name, new_name) = (quote("a/", old), quote("b/", new));
    put(&mut text, &[b"diff --git ", &old_name, b" ", &new_name]);
    let (mut left, mut right) = (old_name, new_name);
    match file.kind {
        FileKind::Create => {
            put(
                &mut text,
                &[format!(
                    "new file mode {:06o}",
                    file.new_mode.unwrap_or(MODE_REGULAR)
                )
                .as_bytes()],
            );
            left = b"/dev/null".to_vec();
        }
        FileKind::Delete => {
            put(
                &mut text,
                &[format!(
                    "deleted file mode {:06o}",
                    file.old_mode.unwrap_or(MODE_REGULAR)
                )
                .as_bytes()],
            );
            right = b"/dev/null".to_vec();
        }
        FileKind::Modify
        | FileKind::ModeChange
        | FileKind::Rename { .. }
        | FileKind::Copy { .. } => {
            if let (Some(old), Some(new), true) = (modes.0, modes.1, modes_differ) {
                put(&mut text, &[format!("old mode {old:06o}").as_bytes()]);
                put(&mut text, &[format!("new mode {new:06o}").as_bytes()]);
            }
        }
    }
    let moved = match file.kind {
        FileKind::Rename { similarity } => Some(("rename", similarity)),
        FileKind::Copy { similarity } => Some(("copy", similarity)),
        FileKind::Create | FileKind::Modify | FileKind::Delete | FileKind::ModeChange => None,
    };
    if let Some((verb, similarity)) = moved {
        if let Some(similarity) = similarity {
            put(
                &mut text,
                &[format!("similarity index {similarity}%").as_bytes()],
            );
        }
        put(&mut text, &[verb.as_bytes(), b" from ", &quote("", old)]);
        put(&mut text, &[verb.as_bytes(), b" to ", &quote("", new)]);
    }
    if let Some(ids) = &file.ids {
        let mode = match (file.kind, file.old_mode, modes_differ) {
            (FileKind::Create | FileKind::Delete, ..) | (_, None, _) | (_, _, true) => {
                String::new()
            }
            (_, Some(mode), false) => format!(" {mode:06o}"),
        };
        put(
            &mut text,
            &[format!("index {}..{}{mode}", ids.old, ids.new).as_bytes()],
        );
    }
    match &file.body {
        Body::Text(hunks) => {
            put(&mut text, &[b"--- ", &left, tab_after(&left)]);
            put(&mut text, &[b"+++ ", &right, tab_after(&right)]);
            for hunk in hunks {
                put_hunk(&mut text, hunk);
            }
        }
        Body::Binary(_) => put(
            &mut text,
            &[b"Binary files ", &left, b" and ", &right, b" differ"],
        ),
        Body::Empty => {}
    }
    text
}

/// A tab marks the end of a bare name with blanks, which other tools would take for a name and a date.
fn tab_after(name: &[u8]) -> &'static [u8] {
    match name.contains(&b' ') && !name.starts_with(b"\"") {
        true => b"\t",
        false => b"",
    }
}

fn put_hunk(text: &mut Vec<u8>, hunk: &Hunk) {
    let range = |start: usize, lines: usize| match lines {
        1 => format!("{start}"),
        _ => format!("{start},{lines}"),
    };
    let old = range(hunk.old_start, hunk.old_lines);
    let new = range(hunk.new_start, hunk.new_lines);
    put(text, &[format!("@@ -{old} +{new} @@").as_bytes()]);
    for line in &hunk.lines {
        text.push(match line.kind {
            LineKind::Context => b' ',
            LineKind::Removed => b'-',
            LineKind::Added => b'+',
        });
        text.extend_from_slice(&line.text);
        if !line.has_newline() {
            text.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

fn put(text: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        text.extend_from_slice(part);
    }
    text.push(b'\n');
}
