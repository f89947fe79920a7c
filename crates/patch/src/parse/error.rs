//! Why a patch cannot be read.

use super::{FILES_MAX, HUNKS_MAX, PATCH_BYTES_MAX, PATH_BYTES_MAX};
use crate::binary::BinaryError;

/// A patch that cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read line {line} of the patch: {kind}")]
pub struct ParseError {
    /// Numbers the line of the patch, from 1.
    pub line: usize,
    /// Tells what is wrong and what to do.
    #[source]
    pub kind: ParseErrorKind,
}

/// What is wrong with a patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// The patch has too many bytes.
    #[error("{bytes} bytes are more than the {PATCH_BYTES_MAX} a patch may have; split it")]
    PatchTooLarge {
        /// Counts the bytes of the patch.
        bytes: usize,
    },
    /// The patch touches too many files.
    #[error("it touches more than {FILES_MAX} files; split it")]
    TooManyFiles,
    /// The patch has too many hunks.
    #[error("it has more than {HUNKS_MAX} hunks; split it")]
    TooManyHunks,
    /// There is no file in the patch.
    #[error("there is no file in it; give a unified diff, as `git diff` prints it")]
    NoPatch,
    /// A hunk comes before any file's header.
    #[error("a hunk without a file; put `--- a/PATH` and `+++ b/PATH` before it")]
    StrayHunk,
    /// The patch is the combined diff of a merge commit.
    #[error("a combined diff cannot be applied; make it against one parent (`git diff A B`)")]
    Combined,
    /// A name cannot be read.
    #[error(
        "the file name cannot be read; write it bare, or quoted as git does, in at most {PATH_BYTES_MAX} bytes"
    )]
    Name,
    /// The headers of one file contradict each other.
    #[error("the headers do not agree on {what} of `{path}`; make the patch again with `git diff`")]
    Disagree {
        /// Says what they contradict each other on.
        what: &'static str,
        /// Names the file.
        path: String,
    },
    /// The two names differ, but nothing says that the file moves.
    #[error(
        "`{old}` and `{new}` are different files; name one file on both lines, or use git's `rename` headers"
    )]
    NamesDiffer {
        /// Names the file on the `---` line.
        old: String,
        /// Names the file on the `+++` line.
        new: String,
    },
    /// A rename or copy has a `from` or a `to` only.
    #[error(
        "a rename or copy needs both a `from` and a `to` line; make the patch again with `git diff`"
    )]
    HalfMove,
    /// A mode is none that git knows.
    #[error("`{mode}` is no file mode; git has 100644, 100755, 120000 and 160000")]
    Mode {
        /// Repeats the mode.
        mode: String,
    },
    /// A file's header has no change behind it.
    #[error("`{path}` has a header but no change; the patch is cut off, or made without content")]
    NoChange {
        /// Names the file.
        path: String,
    },
    /// The `+++` line is missing.
    #[error("after `---` there must be a `+++` line; make the patch again")]
    NoNewName,
    /// A hunk's header cannot be read.
    #[error("a hunk begins `@@ -START,COUNT +START,COUNT @@`, and this does not; correct it")]
    HunkHeader,
    /// A line inside a hunk begins with none of the known letters, or the patch ends there.
    #[error(
        "the hunk ends too early: by its header {old} old and {new} new lines are missing; correct the header's counts, or the patch is cut off"
    )]
    HunkShort {
        /// Counts the old lines that are missing.
        old: usize,
        /// Counts the new lines that are missing.
        new: usize,
    },
    /// More lines come than the hunk's header announces.
    #[error("the hunk goes on after the lines its header announces; correct the header's counts")]
    HunkLong,
    /// The patch's last line has no line ending.
    #[error("the last line is cut off; end the patch with a newline")]
    CutOff,
    /// A line says that the file ends without a newline, but it goes on.
    #[error(
        "`\\ No newline at end of file` may only follow a file's last line; make the patch again"
    )]
    NewlineMarker,
    /// A binary change cannot be read.
    #[error("the binary change of `{path}` cannot be read: {source}")]
    Binary {
        /// Names the file.
        path: String,
        /// Tells why.
        source: BinaryError,
    },
}
