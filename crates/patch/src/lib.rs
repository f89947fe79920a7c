//! Unified patches, diffs, hunks, three-way merge and word-level difference, as pure functions.
