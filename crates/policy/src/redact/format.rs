//! Secrets that can be told by their own shape.
//!
//! The prefixes are those that providers publish and that secret scanners agree on.

use super::found::{Found, begins, entropy, is_word};

/// The most characters looked at to judge a token; a longer one is taken out whole.
const MAX_JUDGED: usize = 2048;
/// The most bytes between a key block's first line and the key: headers, blank lines.
const MAX_KEY_HEAD: usize = 1024;
/// The most characters of a token's head, which only names its algorithm and key.
const MAX_JWT_HEAD: usize = 512;
/// The most bytes of a private key block.
const MAX_KEY_BLOCK: usize = 16 * 1024;
/// The most bytes of what stands before the host in a URL.
const MAX_USERINFO: usize = 512;
/// Below this many bits a character a token is a filler such as `xxxx…`.
const MIN_ENTROPY: f64 = 2.5;

/// Names of the shapes that are no [`Format`].
pub(super) const SHAPES: [&str; 3] = ["private-key", "jwt", "connection-string"];

/// Which characters a token has after its prefix.
#[derive(Debug, Clone, Copy)]
enum Chars {
    Hex,
    UpperBase32,
    Alnum,
    Word,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Those and `.`.
    Dotted,
}

impl Chars {
    const fn has(self, c: u8) -> bool {
        match self {
            Chars::Hex => c.is_ascii_hexdigit(),
            Chars::UpperBase32 => c.is_ascii_uppercase() || matches!(c, b'2'..=b'7'),
            Chars::Alnum => c.is_ascii_alphanumeric(),
            Chars::Word => c.is_ascii_alphanumeric() || c == b'_',
            Chars::Url => c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'),
            Chars::Dotted => c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'),
        }
    }
}

/// A token with a prefix of its own.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) rule: &'static str,
    pub(super) prefixes: &'static [&'static str],
    chars: Chars,
    /// The fewest and the most characters after the prefix.
    len: (usize, usize),
}

const ANY: usize = usize::MAX;

const fn format(
    rule: &'static str,
    prefixes: &'static [&'static str],
    chars: Chars,
    min: usize,
    max: usize,
) -> Format {
    Format {
        rule,
        prefixes,
        chars,
        len: (min, max),
    }
}

/// Every provider's tokens.
pub(super) const FORMATS: &[Format] = &[
    format(
        "aws-access-key",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        Chars::UpperBase32,
        16,
        16,
    ),
    format(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        Chars::Alnum,
        36,
        ANY,
    ),
    format("github-token", &["github_pat_"], Chars::Word, 50, ANY),
    format(
        "gitlab-token",
        &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-",
            "gloas-",
        ],
        Chars::Dotted,
        20,
        ANY,
    ),
    format(
        "slack-token",
        &[
            "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-", "xapp-",
        ],
        Chars::Url,
        16,
        ANY,
    ),
    format(
        "stripe-key",
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_"],
        Chars::Alnum,
        16,
        ANY,
    ),
    format("stripe-key", &["whsec_"], Chars::Alnum, 24, ANY),
    format("google-key", &["AIza"], Chars::Url, 35, 35),
    format("google-key", &["GOCSPX-"], Chars::Url, 24, ANY),
    format("google-token", &["ya29."], Chars::Dotted, 20, ANY),
    format("anthropic-key", &["sk-ant-"], Chars::Url, 24, ANY),
    format(
        "openai-key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        Chars::Url,
        20,
        ANY,
    ),
    format("openai-key", &["sk-"], Chars::Alnum, 32, ANY),
    format("openrouter-key", &["sk-or-v1-"], Chars::Hex, 32, ANY),
    format("groq-key", &["gsk_"], Chars::Alnum, 40, ANY),
    format("xai-key", &["xai-"], Chars::Alnum, 60, ANY),
    format("huggingface-token", &["hf_"], Chars::Alnum, 30, ANY),
    format("replicate-token", &["r8_"], Chars::Alnum, 37, 37),
    format("perplexity-key", &["pplx-"], Chars::Alnum, 32, ANY),
    format("npm-token", &["npm_"], Chars::Alnum, 36, 36),
    format("pypi-token", &["pypi-AgEI"], Chars::Url, 50, ANY),
    format("crates-io-token", &["cio"], Chars::Alnum, 32, 32),
    format("rubygems-token", &["rubygems_"], Chars::Hex, 48, 48),
    format(
        "docker-token",
        &["dckr_pat_", "dckr_oat_"],
        Chars::Url,
        20,
        ANY,
    ),
    format(
        "digitalocean-token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        Chars::Hex,
        64,
        64,
    ),
    format(
        "shopify-token",
        &["shpat_", "shpss_", "shpca_", "shppa_"],
        Chars::Hex,
        32,
        32,
    ),
    format("sendgrid-key", &["SG."], Chars::Dotted, 60, ANY),
    format("databricks-token", &["dapi"], Chars::Hex, 32, 32),
    format("vault-token", &["hvs.", "hvb."], Chars::Url, 24, ANY),
    format(
        "doppler-token",
        &["dp.pt.", "dp.st.", "dp.ct."],
        Chars::Dotted,
        40,
        ANY,
    ),
    format("linear-key", &["lin_api_"], Chars::Alnum, 32, ANY),
    format("figma-token", &["figd_"], Chars::Url, 32, ANY),
    format("notion-token", &["ntn_"], Chars::Alnum, 40, ANY),
    format("postman-key", &["PMAK-"], Chars::Url, 40, ANY),
    format("newrelic-key", &["NRAK-"], Chars::Alnum, 27, 27),
    format("grafana-token", &["glc_", "glsa_"], Chars::Word, 32, ANY),
    format("sentry-token", &["sntrys_", "sntryu_"], Chars::Url, 40, ANY),
    format("supabase-token", &["sbp_"], Chars::Hex, 40, 40),
    format(
        "planetscale-token",
        &["pscale_tkn_", "pscale_pw_"],
        Chars::Dotted,
        32,
        ANY,
    ),
    format("pulumi-token", &["pul-"], Chars::Hex, 40, 40),
    format("telegram-token", &[":AA"], Chars::Url, 33, 33),
    format("age-key", &["AGE-SECRET-KEY-1"], Chars::Alnum, 58, 58),
    format("atlassian-token", &["ATATT3"], Chars::Url, 60, ANY),
    format(
        "slack-webhook",
        &["hooks.slack.com/services/"],
        Chars::Alnum,
        8,
        ANY,
    ),
];

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
        if self.rule == "slack-webhook" {
            // T…/B…/…: three parts.
            let end = body
                .iter()
                .position(|c| !(c.is_ascii_alphanumeric() || *c == b'/'));
            let end = at + prefix.len() + end.unwrap_or(body.len());
            let path = &text[at + prefix.len()..end];
            let random = path.split('/').count() >= 3 && path.len() >= 40 && is_random(path);
            return random.then_some(found(at + prefix.len(), end)?);
        }
        if self.rule == "telegram-token" {
            return self.telegram(text, at);
        }
        if !begins(text, at) {
            return None;
        }
        let (min, max) = self.len;
        let judged = run(body, self.chars, max.saturating_add(1).min(MAX_JUDGED));
        if judged < min || judged > max || !is_random(&rest[prefix.len()..prefix.len() + judged]) {
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

    /// A bot's token is its number, a colon and what stands after it.
    fn telegram(&self, text: &str, at: usize) -> Option<Found> {
        let digits = text.as_bytes()[..at]
            .iter()
            .rev()
            .take(12)
            .take_while(|c| c.is_ascii_digit());
        let start = at - digits.count();
        let body = &text.as_bytes()[at + 3..];
        let len = run(body, self.chars, self.len.1 + 1);
        let end = at + 3 + len;
        let whole = (8..=10).contains(&(at - start)) && len == self.len.0 && begins(text, start);
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
        && !lower.contains("example")
        && !lower.contains("xxxxx")
        && body.bytes().any(|c| c.is_ascii_alphanumeric())
}

/// Finds a private key block that really holds a key.
pub(super) fn private_key(text: &str, at: usize) -> Option<Found> {
    let rest = &text[at..text.floor_char_boundary((at + MAX_KEY_BLOCK).min(text.len()))];
    let label = rest.get("-----BEGIN".len()..)?;
    let close = label
        .get(..label.floor_char_boundary(64))
        .unwrap_or(label)
        .find("-----")?;
    let name = label[..close].trim();
    if !(name.ends_with("PRIVATE KEY") || name.ends_with("PRIVATE KEY BLOCK")) {
        return None;
    }
    let body_at = "-----BEGIN".len() + close + "-----".len();
    let body = &rest[body_at..];
    // A parser's constant or a test's label is no key: the key itself begins soon.
    if !holds_key(&body[..body.floor_char_boundary(MAX_KEY_HEAD.min(body.len()))]) {
        return None;
    }
    let (inner, len) = match body.find("-----END") {
        Some(end) => {
            let tail = &body[end + "-----END".len()..];
            let tail_len = tail
                .find("-----")
                .filter(|len| *len <= 64)
                .map_or(0, |len| len + 5);
            (&body[..end], end + "-----END".len() + tail_len)
        }
        None => {
            // Cut off: as far as the lines look like a key.
            let lines = body.split_inclusive('\n').enumerate();
            let key = lines.take_while(|(at, line)| *at == 0 || is_key_line(line));
            let len = key.map(|(_, line)| line.len()).sum();
            (&body[..len], len)
        }
    };
    holds_key(inner).then_some(Found::by_shape(SHAPES[0], at, at + body_at + len))
}

fn is_key_line(line: &str) -> bool {
    let line = line.trim().trim_matches(['"', '\'', ',', '+']).trim();
    line.is_empty()
        || line.starts_with("Proc-Type:")
        || line.starts_with("DEK-Info:")
        || (line.len() >= 4 && line.bytes().all(is_base64))
}

/// Tells whether a text has a stretch of base64 as long as half a line of a key.
fn holds_key(text: &str) -> bool {
    let mut len = 0;
    text.bytes().any(|c| {
        len = if is_base64(c) { len + 1 } else { 0 };
        len >= 32
    })
}

const fn is_base64(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=')
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
    Some(Found::by_shape(SHAPES[1], at, at + len))
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
        Some(Found::by_shape(SHAPES[2], start + from, start + from + len))
    };
    match userinfo.split_once(':') {
        Some((user, password)) => {
            let local = host.starts_with("localhost") || host.starts_with("127.0.0.1");
            let word = password.bytes().all(|c| c.is_ascii_alphabetic());
            let filler = password.len() < 3
                || password == user
                || (local && word)
                || super::assignment::is_placeholder(password)
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
