//! What a patch says, as plain data: files, hunks, lines.

use crate::binary::BinaryPatch;

/// What a patch does to one file.
///
/// Paths are relative to the root of the tree, with the `a/` and `b/` of the patch taken off, and are *not*
/// judged: whether `../x` may be written is the caller's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// Names the file before; `None` when the patch creates it.
    pub old_path: Option<Vec<u8>>,
    /// Names the file after; `None` when the patch deletes it.
    pub new_path: Option<Vec<u8>>,
    /// Gives git's mode before (`0o100644`, …), where the patch says it.
    pub old_mode: Option<u32>,
    /// Gives git's mode after, where the patch says it.
    pub new_mode: Option<u32>,
    /// Tells what kind of change it is.
    pub kind: FileKind,
    /// Gives the object ids of git's `index` line, where there is one; perhaps shortened.
    pub ids: Option<BlobIds>,
    /// Holds the change of the content.
    pub body: Body,
}

impl FilePatch {
    /// Names the file for people: the new path, or the old one of a deletion.
    pub fn path(&self) -> &[u8] {
        self.new_path
            .as_deref()
            .or(self.old_path.as_deref())
            .unwrap_or_default()
    }

    /// Counts the bytes it brings: its added lines, or the whole new content of a binary file.
    pub fn written_bytes(&self) -> usize {
        match &self.body {
            Body::Text(hunks) => {
                let lines = hunks.iter().flat_map(|hunk| &hunk.lines);
                let added = lines.filter(|line| line.kind == LineKind::Added);
                added.map(|line| line.text.len()).sum()
            }
            Body::Binary(binary) => binary.new_bytes(),
            Body::Empty => 0,
        }
    }

    /// Gives the hunks; none for a binary or empty body.
    pub fn hunks(&self) -> &[Hunk] {
        match &self.body {
            Body::Text(hunks) => hunks,
            Body::Binary(_) | Body::Empty => &[],
        }
    }
}

/// The kind of change to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The file is new.
    Create,
    /// The content changes, and perhaps the mode with it.
    Modify,
    /// The file goes away.
    Delete,
    /// The file moves; its content and mode may change too.
    Rename {
        /// Tells in percent how alike both sides are, where the patch says it.
        similarity: Option<u8>,
    },
    /// The file is copied; the copy's content and mode may change too.
    Copy {
        /// Tells in percent how alike both sides are, where the patch says it.
        similarity: Option<u8>,
    },
    /// The mode changes and nothing else.
    ModeChange,
}

/// The object ids on git's `index` line, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobIds {
    /// Names the content before.
    pub old: String,
    /// Names the content after.
    pub new: String,
}

/// The change of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text changes, in the order of the file.
    Text(Vec<Hunk>),
    /// A change of binary content.
    Binary(BinaryPatch),
    /// The content stays as it is, or is empty.
    Empty,
}

/// One region of change with the lines around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Numbers the first old line from 1; with no old lines, the line before it.
    pub old_start: usize,
    /// Counts the old lines: context and removed.
    pub old_lines: usize,
    /// Numbers the first new line from 1; with no new lines, the line before it.
    pub new_start: usize,
    /// Counts the new lines: context and added.
    pub new_lines: usize,
    /// Holds the lines; of a change we make, the removed ones come before the added.
    pub lines: Vec<Line>,
}

impl Hunk {
    /// Gives the lines the hunk expects to find.
    pub fn old_side(&self) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(|line| line.kind != LineKind::Added)
    }

    /// Gives the lines the hunk leaves behind.
    pub fn new_side(&self) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(|line| line.kind != LineKind::Removed)
    }
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Tells which side the line belongs to.
    pub kind: LineKind,
    /// Holds the bytes with their line ending, which only the last line of a file may lack.
    pub text: Vec<u8>,
}

impl Line {
    /// Gives the text without its line ending (`\n` or `\r\n`).
    pub fn content(&self) -> &[u8] {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        match self.has_newline() {
            true => text.strip_suffix(b"\r").unwrap_or(text),
            false => text,
        }
    }

    /// Tells whether the line ends in a newline; if not, it is the last of its file.
    pub fn has_newline(&self) -> bool {
        self.text.ends_with(b"\n")
    }
}

/// The side a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// On both sides.
    Context,
    /// On the old side only.
    Removed,
    /// On the new side only.
    Added,
}
