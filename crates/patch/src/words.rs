//! What changed within a line, word by word.

use std::ops::Range;

use crate::lines::changes;

/// The longest line, in bytes, that is compared word by word; of a longer one everything counts as changed.
pub const WORDS_LINE_BYTES_MAX: usize = 8 * 1024;

/// The most words, both lines together, between the first and the last difference that are compared one by one.
const WORDS_MAX: usize = 4096;

/// Lines with less than one part in so many in common are shown as replaced, not as edited.
const COMMON_PART_MIN: usize = 4;

/// A stretch of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordSpan {
    /// Gives the bytes of the line; never splits a character of UTF-8.
    pub range: Range<usize>,
    /// Tells that the other line has something else here.
    pub changed: bool,
}

/// What changed between two lines; each side's spans cover it whole and alternate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordDiff {
    /// Covers the old line.
    pub old: Vec<WordSpan>,
    /// Covers the new line.
    pub new: Vec<WordSpan>,
}

/// Compares two lines word by word.
///
/// A word is a run of letters, digits and `_` (any byte beyond ASCII counts as a letter), a run of blanks, a line
/// ending, or any other single byte. Lines with too little in common come out as changed as a whole.
pub fn words(old: &[u8], new: &[u8]) -> WordDiff {
    if old.len().max(new.len()) > WORDS_LINE_BYTES_MAX {
        return whole(old, new, old != new);
    }
    let (old_words, new_words) = (split(old), split(new));
    let mut list = changes(&old_words, &new_words, WORDS_MAX).list;
    list.dedup_by(|right, left| {
        // A lone blank between two changes would only make the highlighting flicker.
        let joined = old_words[left.old.end..right.old.start]
            .iter()
            .all(|word| is_blank(word));
        if joined {
            left.old.end = right.old.end;
            left.new.end = right.new.end;
        }
        joined
    });
    let changed: usize = list
        .iter()
        .map(|change| weight(&old_words[change.old.clone()]))
        .sum();
    let common = weight(&old_words) - changed;
    let longer = weight(&old_words).max(weight(&new_words));
    if !list.is_empty() && common * COMMON_PART_MIN < longer {
        return whole(old, new, true);
    }
    WordDiff {
        old: spans(&old_words, list.iter().map(|change| change.old.clone())),
        new: spans(&new_words, list.iter().map(|change| change.new.clone())),
    }
}

/// Splits a line into words.
pub(crate) fn split(line: &[u8]) -> Vec<&[u8]> {
    let together =
        |left: &u8, right: &u8| class(*left) == class(*right) && class(*left) != Class::Other;
    line.chunk_by(together).collect()
}

pub(crate) fn is_blank(word: &[u8]) -> bool {
    word.first()
        .is_some_and(|&byte| matches!(class(byte), Class::Blank | Class::Ending))
}

#[derive(PartialEq, Eq)]
enum Class {
    Letter,
    Blank,
    Ending,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => Class::Letter,
        b' ' | b'\t' => Class::Blank,
        b'\r' | b'\n' => Class::Ending,
        _ => Class::Other,
    }
}

fn weight(words: &[&[u8]]) -> usize {
    words
        .iter()
        .filter(|word| !is_blank(word))
        .map(|word| word.len())
        .sum()
}

fn whole(old: &[u8], new: &[u8], changed: bool) -> WordDiff {
    let span = |line: &[u8]| match line.is_empty() {
        true => Vec::new(),
        false => vec![WordSpan {
            range: 0..line.len(),
            changed,
        }],
    };
    WordDiff {
        old: span(old),
        new: span(new),
    }
}

fn spans(words: &[&[u8]], changed: impl Iterator<Item = Range<usize>>) -> Vec<WordSpan> {
    let mut spans = Vec::new();
    let (mut word, mut byte) = (0, 0);
    let mut put = |words: &[&[u8]], changed| {
        let end = byte + words.iter().map(|word| word.len()).sum::<usize>();
        if byte < end {
            spans.push(WordSpan {
                range: byte..end,
                changed,
            });
        }
        byte = end;
    };
    for range in changed {
        put(&words[word..range.start], false);
        put(&words[range.clone()], true);
        word = range.end;
    }
    put(&words[word..], false);
    spans
}
