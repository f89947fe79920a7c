//! Unified patches, diffs, hunks, three-way merge and word-level difference, as pure functions.
//!
//! Everything works on bytes: a file may hold any encoding, or none. Lines keep their endings, so what is not
//! changed comes out exactly as it went in.
//!
//! - [`parse`] reads a patch of many files, [`apply`] applies one file of it, [`render`] writes it down again.
//! - [`diff`] compares two contents, [`unified`] writes the result as git would, [`select`] takes part of it.
//! - [`words`], [`pair_lines`] and [`side_by_side`] are for showing a hunk to people.
//! - [`merge3`] brings two changes of the same base together.
//!
//! Where the result is a matter of taste, git's taste is followed, and tests hold both side by side: `git apply`,
//! `git diff` and `git merge-file`. This crate refuses some patches git lets pass; [`parse`] and [`apply_located`] say which.
//!
//! ```
//! use hyperion_patch::{DiffOptions, FileHeader, Merge, apply, diff, merge3, parse, unified};
//!
//! let (old, new) = (b"one\ntwo\nthree\n", b"one\n2\nthree\n");
//! let patch = unified(&FileHeader::modify(b"count.txt"), &diff(old, new, &DiffOptions::default()));
//! let files = parse(&patch).expect("what is written can be read");
//! assert_eq!(files[0].path(), b"count.txt");
//! assert_eq!(apply(old, &files[0]).as_deref(), Ok(&new[..]));
//! assert_eq!(merge3(old, new, b"one\ntwo\nthree\nfour\n"), Merge::Clean(b"one\n2\nthree\nfour\n".to_vec()));
//! ```
//!
//! Architecture invariant: no IO, no clock, no randomness, no panic on any input. Every search has a named limit, so
//! that no content can make it run away.

mod apply;
mod binary;
mod diff;
mod file_patch;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod lines;
mod merge;
mod pairing;
mod parse;
mod quoting;
mod select;
mod side_by_side;
mod unified;
mod words;

pub use apply::{
    Ambiguity, Applied, ApplyError, Mismatch, MismatchHint, MovedHunk, SEARCH_LINES_MAX, apply,
    apply_located,
};
pub use binary::{BINARY_BYTES_MAX, BinaryError, BinaryPatch};
pub use diff::{BINARY_PROBE_BYTES, DiffOptions, FileDiff, diff, is_binary};
pub use file_patch::{BlobIds, Body, FileKind, FilePatch, Hunk, Line, LineKind};
pub use lines::DIFF_LINES_MAX;
pub use merge::{ConflictHunk, Merge, MergeLabels, merge3, merge3_labelled};
pub use pairing::{LinePair, PAIR_CELLS_MAX, pair_lines};
pub use parse::{
    FILES_MAX, HUNKS_MAX, PATCH_BYTES_MAX, PATH_BYTES_MAX, ParseError, ParseErrorKind, parse,
};
pub use select::{SelectError, select};
pub use side_by_side::{Cell, Row, side_by_side};
pub use unified::{FileHeader, render, unified};
pub use words::{WORDS_LINE_BYTES_MAX, WordDiff, WordSpan, words};
