//! Secrets that can be told by their own shape; [`super::tokens`] lists those with a prefix.

use super::found::{Found, begins, entropy, is_sequence, is_word};
use super::tokens::ANY;

/// The most characters looked at to judge a token; a longer one is taken out whole.
const MAX_JUDGED: usize = 2048;
/// The most characters of a name of code.
const MAX_NAME: usize = 80;
/// The most characters of a token's head, which only names its algorithm and key.
const MAX_JWT_HEAD: usize = 512;
/// The most bytes of what stands before the host in a URL.
const MAX_USERINFO: usize = 512;
/// Below this many bits a character a token is a filler such as `xxxx…`.
const MIN_ENTROPY: f64 = 2.5;

/// Names of the shapes that are no [`Format`].
pub(super) const SHAPES: [&str; 2] = ["jwt", "connection-string"];

/// Which characters a token has after its prefix.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chars {
    Hex,
    UpperBase32,
    Upper,
    Alnum,
    Word,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Those and `.`.
    Dotted,
    /// Letters, digits, `+`, `/`, `=`, `-` and `_`.
    Base64,
}

impl Chars {
    const fn has(self, c: u8) -> bool {
        match self {
            Chars::Hex => c.is_ascii_hexdigit(),
            Chars::UpperBase32 => c.is_ascii_uppercase() || matches!(c, b'2'..=b'7'),
            Chars::Upper => c.is_ascii_uppercase() || c.is_ascii_digit(),
            Chars::Alnum => c.is_ascii_alphanumeric(),
            Chars::Word => c.is_ascii_alphanumeric() || c == b'_',
            Chars::Url => c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'),
            Chars::Dotted => c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'),
            Chars::Base64 => super::key::is_base64(c) || matches!(c, b'_' | b'-'),
        }
    }
}

/// A token with a prefix of its own.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) rule: &'static str,
    pub(super) prefixes: &'static [&'static str],
    pub(super) chars: Chars,
    /// The fewest and the most characters after the prefix.
    pub(super) len: (usize, usize),
}

impl Format {
    /// Finds the token whose prefix stands at `at`, in any case.
    pub(super) fn find(&self, text: &str, at: usize) -> Option<Found> {
        let rest = &text[at..];
        let prefix = self
            .prefixes
            .iter()
            .find(|prefix| rest.starts_with(**prefix))?;
        let body = &rest.as_bytes()[prefix.len()..];
        let found = |start, end| Some(Found::by_shape(self.rule, start, end));
        if self.rule.ends_with("-webhook") {
            // T…/B…/…: parts, of which the last is the secret; whoever has the address may write.
            let end = body
                .iter()
                .position(|c| !(Chars::Url.has(*c) || matches!(c, b'/' | b'@')));
            let end = at + prefix.len() + end.unwrap_or(body.len());
            let path = &text[at + prefix.len()..end];
            let random = path.split('/').count() >= 2 && path.len() >= 40 && is_random(path);
            return random.then_some(found(at + prefix.len(), end)?);
        }
        if self.rule == "telegram-token" {
            return self.telegram(text, at);
        }
        if self.rule == "azure-secret" {
            return self.azure(text, at);
        }
        if !begins(text, at) {
            return None;
        }
        let (min, max) = self.len;
        let judged = run(body, self.chars, max.saturating_add(1).min(MAX_JUDGED));
        if judged < min || judged > max || !is_random(&rest[prefix.len()..prefix.len() + judged]) {
            return None;
        }
        // `re_some_function_of_ours`: what may hold words may be a name.
        let spelled = !matches!(self.chars, Chars::Hex | Chars::UpperBase32);
        if spelled
            && judged <= MAX_NAME
            && super::value::is_name(&rest[prefix.len()..prefix.len() + judged])
        {
            return None;
        }
        let len = if max == ANY {
            run(body, self.chars, ANY)
        } else {
            judged
        };
        let end = at + prefix.len() + len;
        (!text[end..].starts_with(is_word)).then_some(found(at, end)?)
    }

    /// A client's secret has its mark in the fifth place: `abc8Q~…`.
    fn azure(&self, text: &str, at: usize) -> Option<Found> {
        let start = at.checked_sub(4)?;
        let head = text.as_bytes().get(start..at)?;
        let body = &text.as_bytes()[at + 2..];
        let len = body
            .iter()
            .take(self.len.1 + 1)
            .take_while(|c| self.chars.has(**c) || **c == b'~')
            .count();
        let whole = (self.len.0..=self.len.1).contains(&len)
            && head[..3].iter().all(|c| self.chars.has(*c) || *c == b'~')
            && head[3].is_ascii_digit()
            && begins(text, start);
        let end = at + 2 + len;
        (whole && is_random(&text[at + 2..end])).then_some(Found::by_shape(self.rule, start, end))
    }

    /// A bot's token is its number, a colon and what stands after it.
    fn telegram(&self, text: &str, at: usize) -> Option<Found> {
        let digits = text.as_bytes()[..at]
            .iter()
            .rev()
            .take(12)
            .take_while(|c| c.is_ascii_digit());
        let start = at - digits.count();
        // An address has it behind `bot`.
        let named = text[..start].ends_with("/bot") || begins(text, start);
        let body = &text.as_bytes()[at + 3..];
        let len = run(body, self.chars, self.len.1 + 1);
        let end = at + 3 + len;
        let whole = (8..=10).contains(&(at - start)) && len == self.len.0 && named;
        (whole && is_random(&text[at + 3..end])).then_some(Found::by_shape(self.rule, start, end))
    }
}

/// Counts how many characters of a kind stand at the beginning, up to a limit.
fn run(text: &[u8], chars: Chars, limit: usize) -> usize {
    text.iter()
        .take(limit)
        .take_while(|c| chars.has(**c))
        .count()
}

/// Tells a token from a filler or a documented example.
fn is_random(body: &str) -> bool {
    let lower = body.to_ascii_lowercase();
    entropy(body) >= MIN_ENTROPY
        && ![
            "example",
            "xxxxx",
            "your-",
            "your_",
            "placeholder",
            "changeme",
            "redacted",
            "dummy",
        ]
        .iter()
        .any(|part| lower.contains(part))
        && !is_sequence(&lower)
        && body.bytes().any(|c| c.is_ascii_alphanumeric())
}

/// Finds a signed JSON web token.
pub(super) fn jwt(text: &str, at: usize) -> Option<Found> {
    if !text[at..].starts_with("eyJ") || !begins(text, at) {
        return None;
    }
    let rest = &text.as_bytes()[at..];
    // Judged part by part: hostile text has many beginnings and no end.
    let head = run(rest, Chars::Url, MAX_JWT_HEAD + 1);
    if !(16..=MAX_JWT_HEAD).contains(&head) || rest.get(head) != Some(&b'.') {
        return None;
    }
    let judged = text[at..at + run(rest, Chars::Dotted, 2 * MAX_JUDGED)].trim_end_matches('.');
    let parts: Vec<&str> = judged.split('.').take(6).collect();
    let whole = matches!(parts.len(), 3 | 5) && parts[1].len() >= 8;
    let signed = parts
        .last()
        .is_some_and(|part| part.len() >= 20 && is_random(part));
    // One whose claims are so large that the signature is out of reach is told by its head.
    let long = judged.len() + 1 >= 2 * MAX_JUDGED && parts.len() == 2;
    if !((whole && signed) || long) {
        return None;
    }
    let len = text[at..at + run(rest, Chars::Dotted, ANY)]
        .trim_end_matches('.')
        .len();
    Some(Found::by_shape(SHAPES[0], at, at + len))
}

/// Finds the password in a URL.
pub(super) fn connection(text: &str, at: usize) -> Option<Found> {
    let scheme = text.as_bytes()[..at].last()?;
    if !scheme.is_ascii_alphanumeric() {
        return None;
    }
    let rest = &text[at + 3..text.floor_char_boundary((at + 3 + MAX_USERINFO).min(text.len()))];
    let end = rest.find(|c: char| {
        c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`' | '<' | '>' | '\\')
    });
    let authority = &rest[..end.unwrap_or(rest.len())];
    let (userinfo, host) = authority.rsplit_once('@')?;
    let start = at + 3;
    let found = |from: usize, len: usize| {
        Some(Found::by_shape(SHAPES[1], start + from, start + from + len))
    };
    match userinfo.split_once(':') {
        Some((user, password)) => {
            let local = host.starts_with("localhost") || host.starts_with("127.0.0.1");
            let word = password.bytes().all(|c| c.is_ascii_alphabetic());
            let filler = password.len() < 3
                || password == user
                || (local && word)
                || super::value::is_placeholder(password)
                || matches!(
                    password,
                    "pass" | "pw" | "guest" | "root" | "admin" | "postgres" | "pwd"
                );
            if filler {
                None
            } else {
                found(user.len() + 1, password.len())
            }
        }
        // `https://TOKEN@host`.
        None => {
            let token = userinfo.len() >= 20
                && userinfo.bytes().any(|c| c.is_ascii_digit())
                && userinfo
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
                && entropy(userinfo) >= 3.5;
            if token {
                found(0, userinfo.len())
            } else {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::FORMATS;
    use super::*;

    /// Characters that a token may have, put together so that they look random and are not.
    fn body(chars: Chars, len: usize, seed: u64) -> String {
        let all: Vec<char> = (b'0'..=b'z')
            .filter(|c| c.is_ascii_alphanumeric() && chars.has(*c))
            .map(char::from)
            .collect();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                all[usize::try_from(state >> 33).unwrap() % all.len()]
            })
            .collect()
    }

    // C8: every provider's token is found under its rule, and nothing that is shorter.
    #[test]
    fn every_token_is_found_by_its_prefix() {
        let redactor = super::super::Redactor::default();
        for format in FORMATS {
            for prefix in format.prefixes {
                let (before, token) = match format.rule {
                    "telegram-token" => (
                        "",
                        format!("5762391044{prefix}{}", body(format.chars, 33, 5)),
                    ),
                    "azure-secret" => ("", format!("aB38{prefix}{}", body(format.chars, 33, 5))),
                    rule if rule.ends_with("-webhook") => (
                        "https://",
                        format!("{prefix}T0AB12CD3/B0AB12CD3/{}", body(format.chars, 40, 5)),
                    ),
                    _ => (
                        "",
                        format!("{prefix}{}", body(format.chars, format.len.0, 5)),
                    ),
                };
                let text = format!("see {before}{token} there");
                let found = redactor.scan(&text);
                let rules: Vec<&str> = found.iter().map(|found| found.rule).collect();
                // A name in the prefix may find it too, or another provider's that begins the same.
                assert_eq!(rules.len(), 1, "{}: {text}", format.rule);
                let clean = redactor.redact(&text);
                assert!(
                    !clean.contains(&body(format.chars, 24.min(format.len.0), 5)),
                    "{clean}"
                );
                let short = format!("see {prefix}{} there", body(format.chars, 7, 5));
                assert_eq!(redactor.scan(&short), [], "{short}");
            }
        }
    }

    #[test]
    fn there_are_as_many_rules_as_are_said() {
        let mut rules: Vec<&str> = FORMATS.iter().map(|format| format.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let prefixes: usize = FORMATS.iter().map(|format| format.prefixes.len()).sum();
        assert!(
            rules.len() >= 80 && prefixes >= 150,
            "{} rules, {prefixes} prefixes",
            rules.len()
        );
    }
}
