//! How much is read and how much is found.

/// The most bytes of a text that are read; the rest is passed over.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most paths.
pub const MAX_PATHS: usize = 50;
/// The most paths that one stack trace gives.
pub const MAX_TRACE_PATHS: usize = 5;
/// The most symbols.
pub const MAX_SYMBOLS: usize = 50;
/// The most keywords.
pub const MAX_KEYWORDS: usize = 20;
/// The most errors.
pub const MAX_ERRORS: usize = 20;
/// The most search patterns.
pub const MAX_PATTERNS: usize = 30;
/// The most bytes of one word; a longer one names nothing.
pub const MAX_WORD_BYTES: usize = 300;
/// The most characters of a text in quotes that is searched for.
pub const MAX_QUOTE_CHARS: usize = 100;
/// The most entries of each list of a brief.
pub const MAX_BRIEF_ENTRIES: usize = 30;
/// The most characters of one entry of a brief.
pub const MAX_ENTRY_CHARS: usize = 400;
