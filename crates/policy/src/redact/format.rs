//! Secrets that can be told by their own shape.
//!
//! The prefixes are those that providers publish and that secret scanners agree on.

use super::found::{Found, begins, entropy, is_word};

/// The most characters looked at to judge a token; a longer one is taken out whole.
const MAX_JUDGED: usize = 2048;
/// The most characters of a name of code.
const MAX_NAME: usize = 80;
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
    /// Letters, digits, `+`, `/`, `=`, `-` and `_`.
    Base64,
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
            Chars::Base64 => is_base64(c) || matches!(c, b'_' | b'-'),
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
    format("azure-secret", &["Q~"], Chars::Dotted, 31, 34),
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
    // The rest is rarer; the order does not matter.
    format("1password-token", &["ops_eyJ"], Chars::Base64, 100, ANY),
    format("adobe-secret", &["p8e-"], Chars::Alnum, 32, 32),
    format("alibaba-key", &["LTAI"], Chars::Alnum, 20, 20),
    format("artifactory-key", &["AKCp"], Chars::Alnum, 69, 69),
    format("artifactory-key", &["cmVmd"], Chars::Alnum, 59, 59),
    format(
        "atlassian-token",
        &["ATCTT3", "ATBB"],
        Chars::Base64,
        32,
        ANY,
    ),
    format("clojars-token", &["CLOJARS_"], Chars::Alnum, 60, 60),
    format("contentful-token", &["CFPAT-"], Chars::Url, 40, 50),
    format("dropbox-token", &["sl.u.", "sl.B"], Chars::Url, 100, ANY),
    format(
        "duffel-token",
        &["duffel_test_", "duffel_live_"],
        Chars::Base64,
        43,
        43,
    ),
    format(
        "dynatrace-token",
        &["dt0c01.", "dt0s16."],
        Chars::Dotted,
        80,
        ANY,
    ),
    format("easypost-token", &["EZAK", "EZTK"], Chars::Alnum, 54, 54),
    format(
        "facebook-token",
        &["EAACEdEose0cBA", "EAAM", "EAAC"],
        Chars::Alnum,
        80,
        ANY,
    ),
    format(
        "flutterwave-key",
        &["FLWSECK_TEST-", "FLWSECK-"],
        Chars::Alnum,
        12,
        ANY,
    ),
    format(
        "fly-token",
        &["fo1_", "fm1_", "fm1r_", "fm1a_", "fm2_"],
        Chars::Base64,
        43,
        ANY,
    ),
    format("frameio-token", &["fio-u-"], Chars::Url, 64, 64),
    format(
        "gitlab-token",
        &["glimt-", "glffct-", "glwt-", "GR1348941"],
        Chars::Dotted,
        20,
        ANY,
    ),
    format("grafana-key", &["eyJrIjoi"], Chars::Base64, 70, ANY),
    format("heroku-key", &["HRKU-AA"], Chars::Url, 50, ANY),
    format("infracost-key", &["ico-"], Chars::Alnum, 32, 32),
    format(
        "langchain-key",
        &["lsv2_pt_", "lsv2_sk_"],
        Chars::Word,
        32,
        ANY,
    ),
    format("mapbox-token", &["sk.eyJ"], Chars::Dotted, 60, ANY),
    format("netlify-token", &["nfp_", "nfc_"], Chars::Alnum, 36, ANY),
    format("neon-key", &["napi_"], Chars::Alnum, 40, ANY),
    format("nuget-key", &["oy2"], Chars::Alnum, 43, 43),
    format(
        "onfido-token",
        &["api_live.", "api_sandbox."],
        Chars::Dotted,
        30,
        ANY,
    ),
    format("openshift-token", &["sha256~"], Chars::Url, 43, 43),
    format("pinecone-key", &["pcsk_"], Chars::Word, 60, ANY),
    format("prefect-key", &["pnu_"], Chars::Alnum, 36, 36),
    format("readme-key", &["rdme_"], Chars::Alnum, 70, 70),
    format("resend-key", &["re_"], Chars::Word, 32, 40),
    format("scalingo-token", &["tk-us-"], Chars::Url, 48, 48),
    format("sendinblue-token", &["xkeysib-"], Chars::Url, 81, 81),
    format(
        "settlemint-token",
        &["sm_aat_", "sm_pat_", "sm_sat_"],
        Chars::Alnum,
        16,
        16,
    ),
    format(
        "shippo-token",
        &["shippo_live_", "shippo_test_"],
        Chars::Hex,
        40,
        40,
    ),
    format(
        "sonar-token",
        &["squ_", "sqp_", "sqa_"],
        Chars::Alnum,
        40,
        40,
    ),
    format("sourcegraph-token", &["sgp_"], Chars::Word, 40, 60),
    format(
        "square-token",
        &["sq0atp-", "sq0csp-", "EAAA"],
        Chars::Url,
        22,
        80,
    ),
    format("supabase-token", &["sb_secret_"], Chars::Url, 28, ANY),
    format(
        "tailscale-key",
        &["tskey-auth-", "tskey-api-", "tskey-client-"],
        Chars::Url,
        20,
        ANY,
    ),
    format("typeform-token", &["tfp_"], Chars::Dotted, 40, ANY),
    format(
        "vercel-token",
        &["vcp_", "vck_", "vercel_blob_rw_"],
        Chars::Word,
        24,
        ANY,
    ),
    format("yandex-token", &["AQVN", "YCAJE"], Chars::Url, 30, ANY),
    format(
        "discord-webhook",
        &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        Chars::Url,
        8,
        ANY,
    ),
    format(
        "teams-webhook",
        &["webhook.office.com/webhookb2/"],
        Chars::Url,
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
        // `re_some_function_of_ours`: what may hold separators may be a name.
        let spaced = matches!(self.chars, Chars::Word | Chars::Url | Chars::Dotted);
        if spaced
            && judged <= MAX_NAME
            && super::assignment::is_name(&rest[prefix.len()..prefix.len() + judged])
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
///
/// It is the only rule that reads past a line's end: see [`ends_in_key`].
pub(super) fn private_key(text: &str, at: usize) -> Option<Found> {
    let rest = &text[at..text.floor_char_boundary((at + MAX_KEY_BLOCK).min(text.len()))];
    let label = rest.strip_prefix("-----BEGIN")?;
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

/// Tells whether a text ends within a key block, or within what may become one.
pub(super) fn ends_in_key(text: &str) -> bool {
    let mut blocks = text.match_indices("-----BEGIN");
    blocks.any(|(at, _)| key_is_open(text, at))
}

/// Tells whether text that comes later could make a key of what begins at `at`, or lengthen it.
fn key_is_open(text: &str, at: usize) -> bool {
    // What is looked at, and a last line's dashes.
    if text.len() - at > MAX_KEY_BLOCK + 128 {
        return false;
    }
    let Some(label) = text.get(at + "-----BEGIN".len()..) else {
        return true;
    };
    let close = label[..label.floor_char_boundary(64.min(label.len()))].find("-----");
    let Some(close) = close else {
        return label.len() < 64;
    };
    let name = label[..close].trim();
    if !(name.ends_with("PRIVATE KEY") || name.ends_with("PRIVATE KEY BLOCK")) {
        return false;
    }
    let body = &label[close + "-----".len()..];
    let head = &body[..body.floor_char_boundary(MAX_KEY_HEAD.min(body.len()))];
    if body.len() > MAX_KEY_HEAD && !holds_key(head) {
        return false;
    }
    match body.find("-----END") {
        Some(end) => {
            let tail = &body[end + "-----END".len()..];
            tail.len() < 128 && tail.find("-----").is_none()
        }
        None => true,
    }
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
