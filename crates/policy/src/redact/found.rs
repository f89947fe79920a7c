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
    /// Whether only the name it was given to tells that it is a secret.
    pub(super) by_name: bool,
}

impl Found {
    /// Notes what was told by its own shape.
    pub(super) const fn by_shape(rule: &'static str, start: usize, end: usize) -> Self {
        Self {
            rule,
            start,
            end,
            by_name: false,
        }
    }

    /// Notes what was told by the name it was given to.
    pub(super) const fn by_name(rule: &'static str, start: usize, end: usize) -> Self {
        Self {
            rule,
            start,
            end,
            by_name: true,
        }
    }

    /// Counts from further to the front.
    pub(super) const fn moved(self, by: usize) -> Self {
        Self {
            start: self.start + by,
            end: self.end + by,
            ..self
        }
    }

    /// Tells whether two stretches share a byte.
    pub(super) const fn overlaps(&self, other: &Found) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Sorts stretches and joins those that overlap, under the name of the
/// first; a shape says more than a name.
pub(super) fn merged(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end), found.by_name));
    let mut out: Vec<Found> = Vec::with_capacity(all.len());
    for found in all {
        match out.last_mut() {
            Some(last) if last.overlaps(&found) => {
                last.end = last.end.max(found.end);
                if last.by_name && !found.by_name {
                    last.rule = found.rule;
                    last.by_name = false;
                }
            }
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
        Some(c) if is_word(c) => after_code(&text.as_bytes()[..at]),
        Some(_) => true,
    }
}

/// Tells whether what ends here is a code rather than a word: a colour (`ESC[1;32m`), `%3D` of an address, `\u003d` of
/// quoted text.
fn after_code(before: &[u8]) -> bool {
    // Colours are the longest: five numbers.
    const MAX_CODE: usize = 24;
    let tail = &before[before.len().saturating_sub(MAX_CODE)..];
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let percent = matches!(tail, [.., b'%', a, b] if hex(&[*a, *b]));
    let unicode = matches!(tail, [.., b'\\', b'u', a, b, c, d] if hex(&[*a, *b, *c, *d]));
    let colour = tail.ends_with(b"m") && {
        let numbers = tail[..tail.len() - 1].iter().rev();
        let count = numbers
            .take_while(|c| c.is_ascii_digit() || **c == b';')
            .count();
        tail[..tail.len() - 1 - count].ends_with(b"\x1b[")
    };
    percent || unicode || colour
}

/// Tells whether a character belongs to a word.
pub(super) const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Finds the next stretch, from a place on, of at least `min` bytes of a kind; it looks at few of the others.
pub(super) fn long_run(
    bytes: &[u8],
    mut from: usize,
    min: usize,
    is: fn(u8) -> bool,
) -> Option<std::ops::Range<usize>> {
    while let Some(window) = bytes.get(from..from + min) {
        match window.iter().rposition(|c| !is(*c)) {
            Some(at) => from += at + 1,
            None => {
                let rest = bytes[from + min..].iter();
                return Some(from..from + min + rest.take_while(|c| is(**c)).count());
            }
        }
    }
    None
}

/// Tells whether at least half of a text are characters that follow each other, as in a sample: `abc123def456`.
pub(super) fn is_sequence(lower: &str) -> bool {
    let bytes = lower.as_bytes();
    let follows =
        |pair: &[u8]| pair[1] == pair[0].wrapping_add(1) && pair[1].is_ascii_alphanumeric();
    let (mut in_sequence, mut len) = (0, 1);
    for at in 1..=bytes.len() {
        if bytes.get(at - 1..=at).is_some_and(follows) {
            len += 1;
        } else {
            in_sequence += if len >= 3 { len } else { 0 };
            len = 1;
        }
    }
    2 * in_sequence >= bytes.len()
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
