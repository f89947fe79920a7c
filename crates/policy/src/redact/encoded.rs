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
/// It is what a scan reads beside the content itself, in which it finds nothing of that text.
pub fn disguised(content: &[u8]) -> Option<String> {
    wide(content).or_else(|| in_lines(std::str::from_utf8(content).ok()?))
}

/// Reads UTF-16, told by its mark or by every second byte of plain text.
fn wide(content: &[u8]) -> Option<String> {
    let zeros = |odd: usize| {
        content
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|c| **c == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    // Where bytes that are no UTF-8 were replaced, two signs stand for the mark.
    let replaced = "\u{fffd}\u{fffd}".as_bytes();
    let little = match content {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        _ if even + odd > 0
            && (content.starts_with(replaced) || (even + odd) * 4 >= content.len()) =>
        {
            odd >= even
        }
        _ => return None,
    };
    if content.starts_with(replaced) || content.len() % 2 == 1 {
        let text = String::from_utf8_lossy(content);
        return Some(text.replace('\0', ""));
    }
    let units = content.as_chunks::<2>().0.iter().map(|pair| {
        if little {
            u16::from_le_bytes(*pair)
        } else {
            u16::from_be_bytes(*pair)
        }
    });
    let text = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(text.collect())
}

/// The fewest characters in a row that are text in binary content.
const MIN_RUN_CHARS: usize = 8;

/// Gives the text in binary content: what stands in it for everybody to read, and what two bytes a character say.
pub fn binary_text(content: &[u8]) -> Vec<String> {
    let wide = wide(content).unwrap_or_default();
    [&*String::from_utf8_lossy(content), &wide]
        .into_iter()
        .flat_map(|text| {
            text.split(|c: char| (c.is_control() && c != '\t') || c == char::REPLACEMENT_CHARACTER)
        })
        .filter(|run| run.chars().nth(MIN_RUN_CHARS - 1).is_some())
        .map(str::to_owned)
        .collect()
}

/// Reads base64 in lines: one word is read wherever it stands, and what goes over a line's end shows in the whole.
fn in_lines(content: &str) -> Option<String> {
    let body = content.trim();
    let lines = body.contains('\n')
        && body
            .bytes()
            .all(|c| has(c) || c == b'=' || c.is_ascii_whitespace());
    if !lines {
        return None;
    }
    let lines = body.split_ascii_whitespace();
    decoded(
        &lines
            .map(|line| line.trim_end_matches('='))
            .collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn what_does_not_look_like_text_is_read() {
        let text = "name = Ada\nkey = \u{e4}bc\n";
        for (mark, bytes) in [
            (
                vec![0xff, 0xfe],
                text.encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>(),
            ),
            (
                vec![0xfe, 0xff],
                text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            ),
        ] {
            assert_eq!(disguised(&bytes).as_deref(), Some(text));
            let marked = disguised(&[mark, bytes.clone()].concat()).unwrap();
            assert_eq!(marked.trim_start_matches('\u{feff}'), text);
            // Also where somebody made UTF-8 of it.
            let lossy = disguised(String::from_utf8_lossy(&bytes).as_bytes()).unwrap();
            assert!(lossy.contains("name = Ada"), "{lossy:?}");
        }
        let word = STANDARD.encode("the first line, and the second one, which is longer");
        let lines = format!("{}\n{}\n", &word[..30], &word[30..]);
        assert_eq!(
            disguised(lines.as_bytes()).as_deref(),
            Some("the first line, and the second one, which is longer")
        );
        for plain in ["fn main() {}\n", "word\nword\n", "", "\u{e4}\0\u{e4}"] {
            assert_eq!(disguised(plain.as_bytes()), None, "{plain:?}");
        }
    }
}
