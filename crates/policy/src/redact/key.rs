//! Private keys, which are the only secrets that go over a line's end.
//!
//! What counts as a key is told line by line, so that nothing but a key is taken out with it: whatever else stands
//! between a key's first and last line ends the key there. Three forms are known: a block with its `-----BEGIN` line,
//! a body whose first bytes say what it is, and a whole block written in base64.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::found::{Found, long_run};

/// The rule for private keys.
pub(super) const RULE: &str = "private-key";
/// How keys without a first line begin, in small letters, and how many characters before these they begin.
pub(super) const BODY_STARTS: [(&str, usize); 7] = [
    // DER with a length of two bytes, with one of one byte, and small keys of elliptic curves.
    ("mii", 0),
    ("mig", 0),
    ("mih", 0),
    ("caqaw", 3),
    ("caqee", 3),
    // What OpenSSH writes, and `-----BEGIN`.
    ("b3blbnnzac1rzxktdje", 0),
    ("ls0tls1crudjti", 0),
];
/// The most bytes of a key.
const MAX_BYTES: usize = 16 * 1024;
/// The fewest characters in the first line of a key: half of what programs write.
const MIN_WIDTH: usize = 32;
/// The fewest characters of a key that has no first line.
const MIN_BODY: usize = 64;
/// The most bytes of a line that says something about a key.
const MAX_HEADER: usize = 100;
/// How many characters of base64 tell what they hold.
const HEAD: usize = 64;
/// What may stand around a piece of a key in a program's text.
const AROUND: [char; 7] = ['"', '\'', '`', ',', ';', '\\', '\r'];
/// What may stand before a piece of a key and is never of it.
const SIGNS: [char; 3] = ['-', '>', '|'];

/// Reads what may have been cut off: without padding, with bits to spare.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What stands where a key may begin.
pub(super) struct Key {
    /// The byte after the key's last; none where it is no key.
    end: Option<usize>,
    /// Whether text that comes later could make a key of it, or lengthen it.
    pub(super) open: bool,
}

impl Key {
    /// Gives the key, if it is one.
    pub(super) fn found(&self, at: usize) -> Option<Found> {
        self.end.map(|end| Found::by_shape(RULE, at, end))
    }
}

/// Reads the block whose `-----BEGIN` stands at `at`.
pub(super) fn block(text: &str, at: usize) -> Option<Key> {
    let label = text[at..].strip_prefix("-----BEGIN")?;
    let line = label.split('\n').next().unwrap_or(label);
    let close = line[..line.floor_char_boundary(64.min(line.len()))].find("-----")?;
    let name = line[..close].trim();
    if !(name.ends_with("PRIVATE KEY") || name.ends_with("PRIVATE KEY BLOCK")) {
        return None;
    }
    let body_at = at + "-----BEGIN".len() + close + "-----".len();
    Some(read(text, at, body_at, Body::default()))
}

/// Reads PuTTY's block, whose `Private-Lines:` ends at `at`.
pub(super) fn putty(text: &str, at: usize) -> Option<(usize, Key)> {
    let line = text[at..].split('\n').next()?;
    let count = line.trim();
    let numbered =
        !count.is_empty() && count.len() <= 3 && count.bytes().all(|c| c.is_ascii_digit());
    let body_at = at + line.len();
    numbered.then(|| (body_at, read(text, body_at, body_at, Body::default())))
}

/// Reads a key that begins at `at` without a line that announces it.
pub(super) fn body(text: &str, at: usize) -> Option<Key> {
    let before = text[..at].bytes().next_back();
    // In quoted text, `\n` before a key is a line's end, not a letter.
    let escaped = matches!(&text.as_bytes()[..at], [.., b'\\', b'n' | b'r' | b't']);
    if before.is_some_and(|c| (c.is_ascii_alphanumeric() && !escaped) || c == b'/') {
        return None;
    }
    let rest = &text.as_bytes()[at..];
    let len = rest
        .iter()
        .take(HEAD)
        .take_while(|c| is_base64(**c))
        .count();
    if len < MIN_WIDTH {
        return None;
    }
    let head = LENIENT
        .decode(text[at..at + len - len % 4].trim_end_matches('='))
        .ok()?;
    let chars = if let Some(label) = head.strip_prefix(b"-----BEGIN ") {
        let label = String::from_utf8_lossy(label);
        let name = label.split("---").next().unwrap_or_default();
        if !name.contains("PRIVATE KEY") {
            return None;
        }
        None
    } else if head.starts_with(b"openssh-key-v1\0") {
        None
    } else {
        Some(der_key_bytes(&head)?.div_ceil(3) * 4)
    };
    let mut key = read(
        text,
        at,
        at,
        Body {
            chars,
            announced: false,
            ..Body::default()
        },
    );
    key.end = key.end.filter(|end| end - at >= MIN_BODY);
    Some(key)
}

/// Tells whether a key may begin in a text, or go on in it: cheap, and never wrong about what is none.
pub(super) fn may_hold(text: &str) -> bool {
    let long = long_run(text.as_bytes(), 0, MIN_WIDTH, is_base64).is_some();
    long || text.contains("-----BEGIN") || text.contains("Private-Lines:")
}

/// Gives those parts of what was found as a key that are the key itself: no first or last line, no header, no sign.
pub(super) fn bodies(text: &str) -> Vec<&str> {
    let mut bodies = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (len, separator) = line(rest);
        let (line, after) = (&rest[..len], &rest[len + separator..]);
        rest = after;
        if is_header(line.trim()) {
            continue;
        }
        // Labels stand between dashes: every second part.
        let words = line
            .split("-----")
            .step_by(2)
            .flat_map(str::split_whitespace);
        bodies.extend(
            words
                .map(|word| word.trim_matches(AROUND).trim_start_matches(SIGNS))
                .filter(|word| {
                    word.bytes().any(|c| c.is_ascii_alphanumeric()) && !is_line_number(word)
                }),
        );
    }
    bodies
}

fn is_line_number(word: &str) -> bool {
    word.len() <= 7
        && word
            .trim_end_matches([':', '|'])
            .bytes()
            .all(|c| c.is_ascii_digit())
}

/// How far a key was read.
struct Body {
    /// How many characters the key has, where its first bytes say so.
    chars: Option<usize>,
    /// Whether a line announced it: then headers and empty lines may stand in it.
    announced: bool,
    /// How many characters each line but the last has; none before the first.
    width: Option<usize>,
    taken: usize,
    /// The byte after the last whole line.
    end: usize,
    /// The byte after a last, shorter line; it counts once what follows shows that it is the last.
    tail: Option<usize>,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            chars: None,
            announced: true,
            width: None,
            taken: 0,
            end: 0,
            tail: None,
        }
    }
}

impl Body {
    /// Takes a line that begins at `at`; tells whether all of it belongs to a key.
    fn take(&mut self, line: &str, at: usize) -> bool {
        if is_header(line.trim()) {
            return self.announced && self.width.is_none();
        }
        let mut any = false;
        for word in line.split_whitespace() {
            let word_at = at + (word.as_ptr() as usize - line.as_ptr() as usize);
            let plain = word.trim_matches(AROUND);
            // A sign of quoted text or of a comment; the number of a line.
            let sign = plain.bytes().all(|c| b"+/#*->|".contains(&c));
            let number = !any && is_line_number(plain);
            if sign || (number && line.trim().len() > word.len()) {
                continue;
            }
            let start = word.len() - word.trim_start_matches(AROUND).len();
            let plain = &word[start..];
            let signed = plain.trim_start_matches(SIGNS);
            let start = start + plain.len() - signed.len();
            let len = base64_len(signed);
            if !self.add(&signed[..len], word_at + start + len) {
                return false;
            }
            any = true;
            if !signed[len..].trim_matches(AROUND).is_empty() {
                return false;
            }
        }
        // Without a first line nothing says that a key goes on behind an empty one.
        any || (self.announced && self.chars.is_none())
    }

    /// Takes a word that ends at `end`, if it can be the next one of a key.
    fn add(&mut self, word: &str, end: usize) -> bool {
        let len = word.len() - word.matches('\\').count();
        if self.tail.is_some() || self.chars.is_some_and(|chars| self.taken >= chars) {
            // `=njUN`: a checksum.
            let checksum = len == 5 && word.starts_with('=');
            if checksum && self.tail.is_some() {
                self.tail = Some(end);
            }
            return checksum;
        }
        let width = match self.width {
            None if len < MIN_WIDTH => return false,
            None => *self.width.insert(len),
            Some(width) => width,
        };
        if len > width {
            return false;
        }
        self.taken += len;
        let whole = self
            .chars
            .is_some_and(|chars| self.taken.abs_diff(chars) <= 2);
        if len == width || whole {
            self.end = end;
        } else {
            self.tail = Some(end);
        }
        true
    }

    /// Gives the byte after the key's last, if there is a key.
    fn close(&self, tail: bool) -> Option<usize> {
        self.width?;
        Some(self.tail.filter(|_| tail).unwrap_or(self.end))
    }
}

/// Reads a key from `start`, whose body begins at `from`.
fn read(text: &str, start: usize, mut from: usize, mut body: Body) -> Key {
    let reach = text.floor_char_boundary((start + MAX_BYTES).min(text.len()));
    loop {
        let rest = &text[from..reach];
        let (len, separator) = line(rest);
        let line = &rest[..len];
        if rest.is_empty() && !body.announced {
            // No line yet, which is not an empty line: the next piece of a stream may go on with the key.
            return Key {
                end: body.close(false),
                open: reach == text.len(),
            };
        }
        if let Some(dashes) = line.find("-----") {
            let ends = body.announced
                && body.take(&line[..dashes], from)
                && line[dashes..].starts_with("-----END");
            let end = ends.then(|| body.close(true)).flatten().map(|_| {
                let label = &line[dashes + "-----END".len()..];
                let close = label.find("-----").filter(|len| *len <= 64);
                from + dashes + "-----END".len() + close.map_or(0, |len| len + "-----".len())
            });
            return Key {
                end: end.or_else(|| body.close(false)),
                open: false,
            };
        }
        if !body.take(line, from) {
            return Key {
                end: body.close(false),
                open: false,
            };
        }
        if separator == 0 {
            return Key {
                end: body.close(true),
                open: reach == text.len(),
            };
        }
        from += len + separator;
    }
}

/// Measures a line, and what ends it: also `\n` as programs write it, however often it was quoted.
fn line(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(len) = bytes[at..].iter().position(|c| matches!(c, b'\n' | b'\\')) {
        at += len;
        if bytes[at] == b'\n' {
            return (at, 1);
        }
        let slashes = bytes[at..].iter().take_while(|c| **c == b'\\').count();
        if matches!(bytes.get(at + slashes), Some(b'n' | b'r')) {
            return (at, slashes + 1);
        }
        at += slashes;
    }
    (text.len(), 0)
}

/// Tells whether a line says something about a key that follows.
fn is_header(line: &str) -> bool {
    const NAMES: [&str; 7] = [
        "Proc-Type:",
        "DEK-Info:",
        "Version:",
        "Comment:",
        "Charset:",
        "Hash:",
        "MessageID:",
    ];
    line.len() <= MAX_HEADER && NAMES.iter().any(|name| line.starts_with(name))
}

/// Measures the base64 at the beginning, also where it is quoted: `\/`.
fn base64_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let inside = |at: &usize| {
        is_base64(bytes[*at]) || (bytes[*at] == b'\\' && bytes.get(at + 1) == Some(&b'/'))
    };
    (0..bytes.len()).take_while(inside).count()
}

pub(super) const fn is_base64(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=')
}

/// Gives how many bytes a private key in DER has, if it is one; a public key or a certificate begins otherwise.
fn der_key_bytes(der: &[u8]) -> Option<usize> {
    let [0x30, len, rest @ ..] = der else {
        return None;
    };
    let (head, len, inner) = match (len, rest) {
        (0..=0x7f, inner) => (2, usize::from(*len), inner),
        (0x81, [len, inner @ ..]) => (3, usize::from(*len), inner),
        (0x82, [high, low, inner @ ..]) => {
            (4, usize::from(u16::from_be_bytes([*high, *low])), inner)
        }
        _ => return None,
    };
    let is_key = match inner {
        // A version, then a number (RSA, DSA), the kind of the key (PKCS 8), the key (SEC 1), or a store of keys (PKCS 12).
        [2, 1, 0 | 1, 2, long, ..] | [2, 1, 1, 4, long, ..] => *long > 0x10,
        [2, 1, 0 | 1 | 3, 0x30, ..] => true,
        // How it was encrypted with a password.
        [
            0x30,
            _,
            6,
            _,
            0x2a,
            0x86,
            0x48,
            0x86,
            0xf7,
            0x0d,
            1,
            5 | 12,
            ..,
        ] => true,
        _ => false,
    };
    is_key.then_some(head + len)
}
