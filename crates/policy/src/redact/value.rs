//! What a value itself says about whether it is a secret.

use super::assignment::NameKind;
use super::found::{entropy, is_sequence};

/// The most bytes of a value.
pub(super) const MAX_VALUE: usize = 512;

/// Tells whether a value that a name announced is a secret.
pub(super) fn is_secret(kind: NameKind, value: &str, quoted: bool) -> bool {
    if value.len() < 8 || value.len() > MAX_VALUE || !value.is_ascii() || !is_opaque(value) {
        return false;
    }
    let has = |test: fn(&u8) -> bool| value.bytes().any(|c| test(&c));
    let lower = has(u8::is_ascii_lowercase);
    let upper = has(u8::is_ascii_uppercase);
    let digit = has(u8::is_ascii_digit);
    let symbol =
        has(|c| c.is_ascii_punctuation() && !matches!(c, b'_' | b'-' | b'.' | b'/' | b':'));
    let bits = entropy(value);
    let hex = value.bytes().all(|c| c.is_ascii_hexdigit());
    let random = value.len() >= 16
        && digit
        && (lower || upper)
        && value
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"_-+/=.~:!@#$%^*".contains(&c))
        && if hex {
            value.len() >= 32 && bits >= 3.0
        } else {
            bits >= 3.3
        };
    let classes = [lower, upper, digit, symbol]
        .into_iter()
        .filter(|class| *class)
        .count();
    match kind {
        NameKind::Password => {
            let chosen = classes >= 3 && bits >= 2.7 && value.len() <= 128;
            // Unquoted, punctuation is more often code than part of a password.
            let plain = quoted || !value.contains(['.', '*', '+', '^', '=', '?', ':']);
            let jumbled = (10..=128).contains(&value.len()) && bits >= 2.9 && is_jumbled(value);
            (chosen && plain) || random || jumbled
        }
        NameKind::Token => random,
        NameKind::Key => {
            random && !hex && lower && upper && (32..=128).contains(&value.len()) && bits >= 4.2
        }
    }
}

/// Tells whether a value could be a secret at all: no filler, path, digest, id, pattern or name.
fn is_opaque(value: &str) -> bool {
    const PLACES: [&str; 12] = [
        "/", "./", "../", "~/", "$", "%", "^", "#", "@", "!", "&", "*",
    ];
    const KINDS: [&str; 18] = [
        "sha1", "sha256", "sha384", "sha512", "md5", "h1:", "ssh-", "data:", "urn:", "0x", "AAAA",
        "MFkw", "MCow", "MII", "ENC[", "ENC(", "vault:", "AQICAH",
    ];
    // What kubeseal seals begins with a length.
    const SEALED: [&str; 4] = ["AgA", "AgB", "AgC", "AgD"];
    const PATTERNS: [&str; 8] = ["\\d", "\\w", "\\u{", "[a-z", "[A-Z", "[^", ".*", ".+"];
    let starts = |all: &[&str]| all.iter().any(|start| value.starts_with(start));
    let has = |all: &[&str]| all.iter().any(|part| value.contains(part));
    let is_known = value.contains(char::is_whitespace)
        || has(&[super::MARKER_START, "://"])
        || (value.len() < 40 && starts(&PLACES))
        || starts(&KINDS)
        || (value.len() >= 300 && starts(&SEALED))
        || has(&PATTERNS);
    !is_known && !is_placeholder(value) && !is_uuid(value) && !is_name(value)
}

/// Tells whether a value stands for a secret without being one.
pub(super) fn is_placeholder(value: &str) -> bool {
    const PARTS: &[&str] = &[
        "example",
        "changeme",
        "change-me",
        "change_me",
        "placeholder",
        "your-",
        "your_",
        "dummy",
        "sample",
        "redacted",
        "xxxx",
        "****",
        "....",
        "${",
        "$(",
        "{{",
        "%s",
        "insert",
        "replace",
        "todo",
        "foobar",
        "12345678",
        "abcdefgh",
        "password",
        "passwd",
        "p@ss",
        "passw0rd",
        "pa$$",
        "%20",
        "secret",
        "hunter2",
        "letmein",
        "qwerty",
        "test",
        "fake",
        "mock",
        "deadbeef",
        "process.env",
        "os.environ",
    ];
    let lower = value.to_ascii_lowercase();
    let mut seen: Vec<u8> = value.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() <= 3
        || PARTS.iter().any(|part| lower.contains(part))
        || is_sequence(&lower)
        || value.starts_with(['$', '<', '{', '%', '*'])
}

pub(super) fn is_uuid(value: &str) -> bool {
    let lens: Vec<usize> = value.split('-').map(str::len).collect();
    lens == [8, 4, 4, 4, 12] && value.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-')
}

/// Tells whether a value reads like a name: words, each with a few digits at its end at most.
pub(super) fn is_name(value: &str) -> bool {
    let words = || value.split(['_', '-', '.', '/', ':', '@', '=', '+']);
    // `D3DKMT_PRESENT_TOKEN_0`: constants carry digits anywhere.
    let constant = value.contains('_')
        && !value.bytes().any(|c| c.is_ascii_lowercase())
        && words().all(|word| word.bytes().filter(u8::is_ascii_digit).count() <= 2);
    constant
        || words().all(|word| {
            let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = word.len() - letters.len();
            let upper = letters.bytes().filter(u8::is_ascii_uppercase).count();
            let cased = upper == letters.len() || 4 * upper <= letters.len() + 3;
            let version = letters.is_empty() && digits <= 4;
            version || (digits <= 2 && cased && letters.bytes().all(|c| c.is_ascii_alphabetic()))
        })
}

/// Tells whether letters and digits take turns as no name has them: `kd82mqp1vx`.
pub(super) fn is_jumbled(value: &str) -> bool {
    let pairs = value.bytes().zip(value.bytes().skip(1));
    let turns = pairs.filter(|(a, b)| a.is_ascii_digit() != b.is_ascii_digit());
    value.bytes().all(|c| c.is_ascii_alphanumeric()) && turns.count() >= 4
}

/// Tells whether a value reads like a type: `X25519PrivateKey`, `ed25519.PublicKey`.
///
/// Random text changes between letters and digits, or from small to capital, at almost every
/// second character; a name does so at every fifth at most.
pub(super) fn is_type_name(value: &str) -> bool {
    value.split(['.', '_']).all(|word| {
        let pairs = word.bytes().zip(word.bytes().skip(1));
        let turns = pairs.filter(|(a, b)| {
            a.is_ascii_digit() != b.is_ascii_digit()
                || (a.is_ascii_lowercase() && b.is_ascii_uppercase())
        });
        word.bytes().all(|c| c.is_ascii_alphanumeric()) && 5 * turns.count() <= word.len()
    })
}
