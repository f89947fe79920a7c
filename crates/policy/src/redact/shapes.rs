//! Secrets that are told by what stands within them or around them, not by how they begin.

use super::found::{Found, begins, entropy, is_word};
use super::value::{is_placeholder, is_uuid};

/// A shape: the word within it, its rule, and how it is read around that word.
pub(super) struct Shape {
    pub(super) word: &'static str,
    pub(super) rule: &'static str,
    read: fn(&str, usize, usize) -> Option<(usize, usize)>,
}

const fn shape(
    word: &'static str,
    rule: &'static str,
    read: fn(&str, usize, usize) -> Option<(usize, usize)>,
) -> Shape {
    Shape { word, rule, read }
}

/// The rule for tokens of Discord's bots.
pub(super) const DISCORD: &str = "discord-token";
/// The rule for members of JSON web keys.
const JWK: &str = "jwk";

pub(super) const SHAPES: &[Shape] = &[
    shape("-us", "mailchimp-key", mailchimp),
    shape(".atlasv1.", "terraform-token", terraform),
    shape("_mmk", "maxmind-key", maxmind),
    shape("?sig=", "azure-signature", signature),
    shape("&sig=", "azure-signature", signature),
    shape(" sig=", "azure-signature", signature),
    shape(":apa91b", "firebase-key", firebase),
    shape("key-", "mailgun-key", mailgun),
    shape("access_token$production$", "braintree-token", braintree),
    shape("contribsys__com=", "sidekiq-secret", sidekiq),
    shape("sk-lf-", "langfuse-key", guid),
    shape("pat-na1-", "hubspot-token", guid),
    shape("pat-eu1-", "hubspot-token", guid),
    shape("access-production-", "plaid-token", guid),
    shape("access-development-", "plaid-token", guid),
    shape("access-sandbox-", "plaid-token", guid),
    shape("amzn.mws.", "aws-mws-token", guid),
    shape("xaat-", "axiom-token", guid),
    shape("xapt-", "axiom-token", guid),
    shape("\"d\"", JWK, member),
    shape("\"p\"", JWK, member),
    shape("\"q\"", JWK, member),
    shape("\"dp\"", JWK, member),
    shape("\"dq\"", JWK, member),
    shape("\"qi\"", JWK, member),
    shape("\"k\"", JWK, member),
];

impl Shape {
    /// Finds the secret around the word that stands from `at` to `end`.
    pub(super) fn find(&self, text: &str, at: usize, end: usize) -> Option<Found> {
        let (start, end) = (self.read)(text, at, end)?;
        let body = &text[start..end];
        let sample = is_placeholder(body) || entropy(body) < 2.5;
        (!sample).then_some(Found::by_shape(self.rule, start, end))
    }
}

fn hex(c: u8) -> bool {
    c.is_ascii_digit() || matches!(c, b'a'..=b'f')
}

fn url(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_')
}

/// Counts characters of a kind before a place.
fn before(text: &str, at: usize, most: usize, is: fn(u8) -> bool) -> usize {
    text.as_bytes()[..at]
        .iter()
        .rev()
        .take(most)
        .take_while(|c| is(**c))
        .count()
}

/// Counts characters of a kind from a place on.
fn after(text: &str, at: usize, most: usize, is: fn(u8) -> bool) -> usize {
    text.as_bytes()[at..]
        .iter()
        .take(most)
        .take_while(|c| is(**c))
        .count()
}

/// Gives a stretch that is a word by itself.
fn whole(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    (begins(text, start) && !text[end..].starts_with(is_word)).then_some((start, end))
}

/// `0123…-us12`
fn mailchimp(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let digits = after(text, end, 3, |c| c.is_ascii_digit());
    let named = before(text, at, 33, hex) == 32 && (1..=2).contains(&digits);
    let end = end + digits;
    // A host's name goes on.
    let host = text[end..].starts_with(['.', '-']);
    if named && !host {
        whole(text, at - 32, end)
    } else {
        None
    }
}

/// `14 characters.atlasv1.60 characters`
fn terraform(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let body = after(text, end, 81, url);
    let named =
        before(text, at, 15, |c| c.is_ascii_alphanumeric()) == 14 && (60..=80).contains(&body);
    if named {
        whole(text, at - 14, end + body)
    } else {
        None
    }
}

/// `6 characters_29 characters_mmk`
fn maxmind(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let is = |c: u8| c.is_ascii_alphanumeric();
    let start = at
        .checked_sub(36)
        .filter(|start| text.is_char_boundary(*start))?;
    let named = before(text, at, 30, is) == 29
        && text.as_bytes()[at - 30] == b'_'
        && before(text, at - 30, 7, is) == 6;
    if named { whole(text, start, end) } else { None }
}

/// `…&sig=…`: who has the address may do what it says.
fn signature(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let len = after(text, end, 160, |c| {
        c.is_ascii_alphanumeric() || b"%+/=".contains(&c)
    });
    let from = text.floor_char_boundary(at.saturating_sub(400));
    let to = text.floor_char_boundary((end + len + 200).min(text.len()));
    let head = text[from..at].rsplit('\n').next().unwrap_or_default();
    let tail = text[end..to].split('\n').next().unwrap_or_default();
    let around = ["se=", "sv=", "sr="].iter().any(|part| {
        let begins = |text: &str| {
            text.match_indices(part)
                .any(|(at, _)| !text[..at].ends_with(is_word))
        };
        begins(head) || begins(tail)
    });
    (around && len >= 40).then_some((end, end + len))
}

/// `AAAA…:APA91b…`
fn firebase(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let start = at
        .checked_sub(11)
        .filter(|start| text.is_char_boundary(*start))?;
    let body = after(text, end, 200, url);
    let named = text[start..].starts_with("AAAA") && before(text, at, 11, url) == 11 && body >= 120;
    if named {
        whole(text, start, end + body)
    } else {
        None
    }
}

/// `key-` and 32 digits, where that is not the end of a longer name.
fn mailgun(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let inside = text[..at].ends_with(['-', '/', '.', ':']);
    let named = text[at..end].starts_with('k') && after(text, end, 33, hex) == 32 && !inside;
    if named {
        whole(text, at, end + 32)
    } else {
        None
    }
}

/// A prefix and an id.
fn guid(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let id = text.get(end..end + 36).filter(|id| is_uuid(id))?;
    whole(text, at, end + id.len())
}

fn braintree(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let id = after(text, end, 17, |c| c.is_ascii_alphanumeric());
    let body = end + id + 1;
    let named = id == 16
        && text.as_bytes().get(end + id) == Some(&b'$')
        && after(text, body, 33, hex) == 32;
    if named {
        whole(text, at, body + 32)
    } else {
        None
    }
}

/// `BUNDLE_…CONTRIBSYS__COM=01234567:01234567`
fn sidekiq(text: &str, _: usize, end: usize) -> Option<(usize, usize)> {
    let start = end + usize::from(text[end..].starts_with(['"', '\'']));
    let named = after(text, start, 9, hex) == 8
        && text.as_bytes().get(start + 8) == Some(&b':')
        && after(text, start + 9, 9, hex) == 8;
    named.then_some((start, start + 17))
}

/// A private member of a JSON web key; its public ones have other names.
fn member(text: &str, at: usize, end: usize) -> Option<(usize, usize)> {
    let rest = text[end..text.len()]
        .trim_start_matches([' ', '\t'])
        .strip_prefix(':')?;
    let value = rest.trim_start_matches([' ', '\t']).strip_prefix('"')?;
    let start = text.len() - value.len();
    let len = after(text, start, 2048, url);
    let body = &text[start..start + len];
    // An elliptic curve's is the shortest; other names than `d` are also used for anything else.
    let min = match &text[at..end] {
        "\"d\"" | "\"k\"" => 43,
        _ => 80,
    };
    let mixed = [
        u8::is_ascii_digit,
        u8::is_ascii_lowercase,
        u8::is_ascii_uppercase,
    ]
    .iter()
    .all(|is| body.bytes().any(|c| is(&c)));
    (len >= min && mixed && entropy(body) >= 4.2 && text[start + len..].starts_with('"'))
        .then_some((start, start + len))
}

/// Finds a bot's token of Discord, which begins with its number in base64.
pub(super) fn discord(text: &str) -> Vec<Found> {
    // The dot before the last part is followed by most of the token: rare enough to be looked for.
    let mut all = Vec::new();
    for (at, _) in text.match_indices('.') {
        let id = before(text, at, 29, |c| c.is_ascii_alphanumeric());
        if !(24..=28).contains(&id) || !matches!(text.as_bytes()[at - id], b'M' | b'N' | b'O') {
            continue;
        }
        let time = after(text, at + 1, 8, url);
        let last = at + 1 + time;
        if !(6..=7).contains(&time) || text.as_bytes().get(last) != Some(&b'.') {
            continue;
        }
        let len = after(text, last + 1, 64, url);
        let (start, end) = (at - id, last + 1 + len);
        if len >= 27 && begins(text, start) && !is_placeholder(&text[start..end]) {
            all.push(Found::by_shape(DISCORD, start, end));
        }
    }
    all
}
