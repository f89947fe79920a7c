//! How large one change may be, unless the machine's settings say otherwise.

/// The most bytes that one item may write (X1: 500 KB).
pub const MAX_ITEM_BYTES: u64 = 500 * 1024;
/// The most bytes that a whole change may write.
pub const MAX_CHANGE_BYTES: u64 = 8 * 1024 * 1024;
/// The most paths that a change may touch.
pub const MAX_CHANGE_FILES: usize = 1000;
/// From this many changed lines on a change is called large.
pub const LARGE_LINES: u64 = 400;
/// From this many paths on a change is called large.
pub const LARGE_FILES: usize = 30;
/// Characters that count as one line where lines are counted against a limit.
///
/// Without it a whole program on one line would be a one-line change.
pub const LINE_CHARS: usize = 200;
