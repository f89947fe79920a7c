//! A stretch of text that a rule found.

/// What was found, by bytes of the text it was looked for in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The rule that found it.
    pub(super) rule: &'static str,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
}

impl Found {
    /// Tells whether two stretches share a byte.
    pub(super) const fn overlaps(&self, other: &Found) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Sorts stretches and joins those that overlap, under the name of the first.
pub(super) fn merged(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
    let mut out: Vec<Found> = Vec::with_capacity(all.len());
    for found in all {
        match out.last_mut() {
            Some(last) if last.overlaps(&found) => last.end = last.end.max(found.end),
            Some(_) | None => out.push(found),
        }
    }
    out
}

/// Tells whether a token may begin here: not in the middle of a word.
pub(super) fn begins(text: &str, at: usize) -> bool {
    let mut before = text[..at].chars().rev();
    match before.next() {
        None => true,
        // In quoted text, `\n` before a token is a line's end, not a letter.
        Some('n' | 'r' | 't') if before.next() == Some('\\') => true,
        Some(c) => !is_word(c),
    }
}

/// Tells whether a character belongs to a word.
pub(super) const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Measures how evenly characters are used, in bits a character.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let len = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / len;
            -share * share.log2()
        })
        .sum()
}
