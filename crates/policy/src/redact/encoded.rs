//! Text in base64, which hides a secret from nobody but a scan.

use base64::Engine as _;

use super::found::{Found, long_run};
use super::key::LENIENT;

/// The fewest characters that are decoded: what holds a name and a secret has more.
const MIN_CHARS: usize = 24;
/// The most characters of one word that are decoded.
const MAX_CHARS: usize = 16 * 1024;
/// How many characters tell text from anything else: a picture passes once in a hundred thousand times.
const HEAD: usize = 16;

/// Finds words in base64 that hold a secret; `judge` names the rule that finds one in what they say.
pub(super) fn find(text: &str, judge: impl Fn(&str) -> Option<&'static str>) -> Vec<Found> {
    let mut all = Vec::new();
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(run) = long_run(bytes, from, MIN_CHARS, has) {
        let padding = bytes[run.end..]
            .iter()
            .take(2)
            .take_while(|c| **c == b'=')
            .count();
        from = run.end;
        let word = &text[run.start..run.end.min(run.start + MAX_CHARS)];
        if let Some(rule) = decoded(word).and_then(|plain| judge(&plain)) {
            all.push(Found::by_shape(rule, run.start, run.end + padding));
        }
    }
    all
}

const fn has(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'-' | b'_')
}

/// Gives what a word in base64 says, if that is text.
pub(super) fn decoded(word: &str) -> Option<String> {
    let plain = |word: &str| {
        let whole = if word.len() % 4 == 1 {
            word.len() - 1
        } else {
            word.len()
        };
        let word = word[..whole].replace('-', "+").replace('_', "/");
        LENIENT.decode(word).ok()
    };
    let text = |bytes: &[u8]| {
        bytes
            .iter()
            .all(|c| matches!(c, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
    };
    let head = plain(&word[..HEAD.min(word.len())])?;
    let wide = |skipped: usize| {
        let part = |from: usize| head.iter().skip(from).step_by(2);
        part(1 - skipped).all(|c| *c == 0) && text(&part(skipped).copied().collect::<Vec<_>>())
    };
    if !text(&head) && !wide(0) && !wide(1) {
        return None;
    }
    let mut bytes = plain(word)?;
    // A last character that was cut off, and what two bytes a character write for plain text.
    bytes.retain(|c| *c != 0);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Gives the text that content stands for which does not look like text: two bytes a character, or base64 in lines.
///
/// The content comes as it is when every byte that is no UTF-8 was replaced; its own secrets are not looked for here.
pub fn disguised(content: &str) -> Option<String> {
    let zeros = content.bytes().filter(|c| *c == 0).count();
    if zeros > 0 && zeros * 4 >= content.len() {
        return Some(content.replace('\0', ""));
    }
    let body = content.trim();
    // One word is read wherever it stands; a secret that goes over a line's end shows only in the whole.
    let lines = body.contains('\n')
        && body
            .bytes()
            .all(|c| has(c) || c == b'=' || c.is_ascii_whitespace());
    if !lines {
        return None;
    }
    let word: String = body
        .split_ascii_whitespace()
        .map(|line| line.trim_end_matches('='))
        .collect();
    decoded(&word)
}
