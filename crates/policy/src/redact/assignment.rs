//! Secrets that are told by the name they are given to.

use super::found::{Found, entropy, is_word};
use super::value::{MAX_VALUE, is_jumbled, is_placeholder, is_secret, is_type_name, is_uuid};
use super::{encoded, listed};

/// The rule for credentials in a header.
pub(super) const AUTHORIZATION: &str = "authorization";

/// What stands before credentials in a header.
pub(super) const SCHEMES: [&str; 8] = [
    "authorization",
    "bearer ",
    "basic ",
    "token ",
    "apikey ",
    "ssws ",
    "splunk ",
    "geniekey ",
];

/// Words in a name that say a secret follows.
pub(super) const NAME_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "auth",
    "key",
];

/// The most bytes of a name.
const MAX_NAME: usize = 64;
/// The most bytes between a name's separator and its quoted value: `: &str = Some(b`.
const MAX_LEAD: usize = 40;

/// What a name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    /// Something a person chose.
    Password,
    /// Something a machine chose.
    Token,
    /// A key of some kind; only what looks very random is taken for a secret.
    Key,
}

impl NameKind {
    pub(super) const ALL: [NameKind; 3] = [NameKind::Password, NameKind::Token, NameKind::Key];

    /// Names the rule.
    pub(super) const fn rule(self) -> &'static str {
        match self {
            NameKind::Password => "password",
            NameKind::Token => "token",
            NameKind::Key => "high-entropy",
        }
    }
}

/// Finds the value given to the name around a word.
pub(super) fn find(text: &str, at: usize, end: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    // `pass` ends its word; longer words are looked for by themselves.
    if end - at == "pass".len()
        && text[at..end].eq_ignore_ascii_case("pass")
        && bytes.get(end).is_some_and(u8::is_ascii_alphabetic)
    {
        return None;
    }
    let in_name = |c: &&u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    let before = bytes[..at]
        .iter()
        .rev()
        .take(MAX_NAME)
        .take_while(in_name)
        .count();
    let after = bytes[end..]
        .iter()
        .take(MAX_NAME)
        .take_while(in_name)
        .count();
    let (name_start, name_end) = (at - before, end + after);
    let name = &text[name_start..name_end];
    if name == "password"
        && let Some(found) = listed::netrc(text, name_start, name_end)
    {
        return Some(found);
    }
    let is_auth = name.trim_start_matches('_') == "auth";
    let kind = name_kind(name)?;
    let setting = bracketed(text, name_start, name_end);
    let value = setting.or_else(|| value(text, name.starts_with("--"), name_end))?;
    let given = &text[value.start..value.end];
    let in_list = text[..name_start].ends_with(';') || text[value.end..].starts_with(';');
    if is_folder(name) && !value.quoted && !in_list {
        return None;
    }
    if is_auth {
        // `user:password`, as registries write it.
        let pair =
            encoded::decoded(given).filter(|pair| pair.contains(':') && !is_placeholder(pair));
        return pair.map(|_| Found::by_name(AUTHORIZATION, value.start, value.end));
    }
    let is_set = value.quoted || is_jumbled(given);
    if kind == NameKind::Password && is_pass(name) && !is_set && !is_set_pass(name) {
        return None;
    }
    // Unquoted, `HMAC_KEY=…` is a setting, `nid_key = …` is code.
    let setting = value.quoted || !name.bytes().any(|c| c.is_ascii_lowercase());
    let found = is_secret(kind, given, value.quoted)
        && ((value.quoted && !value.argument) || !is_type_name(given))
        && (setting || kind != NameKind::Key);
    let found = found || (kind != NameKind::Password && is_named_form(name, given));
    found.then_some(Found::by_name(kind.rule(), value.start, value.end))
}

/// Tells whether a name is the one that shells give to the current folder.
fn is_folder(name: &str) -> bool {
    name.eq_ignore_ascii_case("pwd") || name.eq_ignore_ascii_case("oldpwd")
}

/// Whose passwords have names that end in `pass`.
const WHOSE: &[&str] = &[
    "db", "database", "sql", "mysql", "pg", "postgres", "mongo", "redis", "user", "root", "admin",
    "sudo", "login", "smtp", "mail", "email", "imap", "ftp", "sftp", "ssh", "http", "proxy",
    "ldap", "amqp", "mq", "rabbitmq", "auth", "api", "app", "my", "key", "cert", "keystore",
    "wifi", "vnc", "registry", "docker", "git", "default",
];

/// Tells whether a name ends in the word `pass`: `DB_PASS`, `dbPass`, not `bypass`.
fn is_pass(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let Some((head, word)) = name
        .len()
        .checked_sub(4)
        .and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let begins = !head.ends_with(is_word)
        || head.ends_with('_')
        || word.starts_with('P') && head.ends_with(|c: char| c.is_ascii_lowercase());
    let whose = head.rsplit(['_', '-']).next().unwrap_or(head);
    (begins || WHOSE.contains(&whose)) && word.eq_ignore_ascii_case("pass")
}

/// Tells whether a name that ends in `pass` is one of those that passwords have: `DB_PASS`, not `first_pass`.
fn is_set_pass(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let head = name[..name.len() - 4].trim_end_matches(['_', '-']);
    let joined = head.len() + 4 < name.len();
    let setting = joined && !name.bytes().any(|c| c.is_ascii_lowercase());
    let word = head.rsplit(['_', '-']).next().unwrap_or(head);
    setting || WHOSE.iter().any(|whose| word.eq_ignore_ascii_case(whose))
}

/// Tells whether a value is what services of that name give out, though it has the form of something else.
fn is_named_form(name: &str, value: &str) -> bool {
    const GIVE_IDS: &[&str] = &[
        "snyk",
        "heroku",
        "codecov",
        "hubspot",
        "postmark",
        "circle",
        "pagerduty",
        "zendesk",
        "scaleway",
        "scw",
    ];
    let name = name.to_ascii_lowercase();
    let id = is_uuid(value) && GIVE_IDS.iter().any(|service| name.contains(service));
    let number = value.strip_prefix("0x").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|c| c.is_ascii_hexdigit()) && name.contains("private")
    });
    (id || number) && !is_placeholder(value) && entropy(value) >= 3.0
}

/// Finds a value with brackets, which only a shell's setting can have without quotes: `PASSWORD=a[b`.
fn bracketed(text: &str, name_at: usize, at: usize) -> Option<ValueAt> {
    const BEFORE: &[&str] = &["", "export", "ENV", "ARG", "env", "set", "-e", "--env", "-"];
    let name = &text[name_at..at];
    if !text[at..].starts_with('=') || name.bytes().any(|c| c.is_ascii_lowercase()) {
        return None;
    }
    let head = &text[text.floor_char_boundary(name_at.saturating_sub(32))..name_at];
    let head = head.rsplit('\n').next().unwrap_or(head).trim();
    let start = at + 1;
    let reach = text.floor_char_boundary((start + MAX_VALUE).min(text.len()));
    let word = text[start..reach].split(char::is_whitespace).next()?;
    let word = word.trim_end_matches([';', ',']);
    let open = word.find(['(', '[', '{'])?;
    // A call or an index: a name, and brackets to the end.
    let name = word[..open]
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"_.:".contains(&c));
    let code =
        (name && word.ends_with([')', ']', '}'])) || word.contains(['"', '\'', '`', '$', '<']);
    (BEFORE.contains(&head) && !code).then_some(ValueAt {
        start,
        end: start + word.len(),
        quoted: true,
        argument: false,
    })
}

/// Finds what follows `Authorization:`, with or without a word that says how: `Bearer`, `Basic`, `token`.
pub(super) fn authorization(text: &str, at: usize, end: usize) -> Option<Found> {
    let word = &text[at..end];
    if word.eq_ignore_ascii_case("authorization") {
        let after = text[end..].trim_start_matches(['"', '\'']);
        let after = after.strip_prefix([':', '='])?;
        let start = text.len() - after.trim_start_matches([' ', '\t', '"', '\'']).len();
        let (value, end) = credentials(text, start);
        let alone = !text[end..].starts_with(' ');
        return (alone && value.len() >= 20 && is_secret(NameKind::Token, value, true))
            .then(|| Found::by_name(AUTHORIZATION, start, end));
    }
    let head = &text[text.floor_char_boundary(at.saturating_sub(40))..at];
    // A rule stays within a line: a stream is cut where lines end.
    let head = head.rsplit('\n').next().unwrap_or(head);
    let in_header = || head.to_ascii_lowercase().contains("authorization");
    let bearer = word.eq_ignore_ascii_case("bearer ");
    if !bearer && !in_header() {
        return None;
    }
    let (value, value_end) = credentials(text, end);
    let secret = if word.eq_ignore_ascii_case("basic ") {
        value.len() >= 12 && !is_placeholder(value) && entropy(value) >= 3.0 && !value.contains('.')
    } else {
        is_secret(NameKind::Token, value, true)
    };
    secret.then_some(Found::by_name(AUTHORIZATION, end, value_end))
}

/// Gives what of the credentials at a place is judged, and where they end.
fn credentials(text: &str, at: usize) -> (&str, usize) {
    let run = text.as_bytes()[at..].iter().take_while(|c| {
        c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    });
    let len = run.count();
    (&text[at..at + len.min(MAX_VALUE)], at + len)
}

/// Says what a name announces; none where it names something about a secret, or none at all.
pub(super) fn name_kind(name: &str) -> Option<NameKind> {
    if name.len() > 2 * MAX_NAME {
        return None;
    }
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    const NOT: &[&str] = &[
        "public",
        "pubkey",
        "csrf",
        "xsrf",
        "pagetoken",
        "nextpage",
        "continuation",
        "cancel",
        "idempotency",
        "cachekey",
        "primarykey",
        "foreignkey",
        "sortkey",
        "partitionkey",
        "sitekey",
        "fingerprint",
        "checksum",
        "digest",
        "hash",
        "example",
        "sample",
        "dummy",
        "fake",
        "mock",
        "placeholder",
        "author",
        "authority",
        "maxtoken",
        "numtoken",
        "keyword",
        "keyboard",
        "objectkey",
        "s3key",
        "encrypted",
        "ciphertext",
        "sealed",
    ];
    // What may follow the word and still leave the value a secret.
    const TAILS: &[&str] = &[
        "",
        "s",
        "value",
        "prod",
        "production",
        "dev",
        "staging",
        "live",
        "test",
        "base",
        "base64",
        "b64",
        "hex",
        "plain",
        "raw",
        "default",
        "string",
        "str",
        "new",
        "old",
        "current",
        "env",
    ];
    if NOT.iter().any(|word| plain.contains(word)) {
        return None;
    }
    let last = NAME_WORDS
        .iter()
        .filter_map(|word| Some(plain.rfind(word)? + word.len()))
        .max()?;
    let tail = plain[last..].trim_end_matches(|c: char| c.is_ascii_digit());
    if !TAILS.contains(&tail) {
        return None;
    }
    let has = |words: &[&str]| words.iter().any(|word| plain.contains(word));
    if has(&["password", "passwd", "passphrase", "passwort", "pwd"]) || is_pass(name) {
        Some(NameKind::Password)
    } else if has(&[
        "secret",
        "token",
        "credential",
        "apikey",
        "accesskey",
        "appkey",
        "privatekey",
        "authkey",
        "signingkey",
        "encryptionkey",
        "masterkey",
        "accountkey",
        "sharedkey",
    ]) {
        Some(NameKind::Token)
    } else {
        Some(NameKind::Key)
    }
}

struct ValueAt {
    start: usize,
    end: usize,
    quoted: bool,
    /// Whether it only stands beside the name, as a call's arguments do.
    argument: bool,
}

/// Finds where the value of a name that ends at `at` stands.
fn value(text: &str, is_flag: bool, at: usize) -> Option<ValueAt> {
    // Cut first: a line may be as long as the text, and hold as many names.
    let reach = text.floor_char_boundary((at + MAX_LEAD + MAX_VALUE).min(text.len()));
    let line_end = text[at..reach].find('\n').map_or(reach, |len| at + len);
    let rest = &text[at..line_end];
    // What closes the name: `"name"`, `["name"]`, `\"name\"`.
    let after_name = rest.trim_start_matches(['"', '\'', '`', ']', '\\']);
    let open = after_name.trim_start_matches([' ', '\t']);
    let (after, argument) = match open.chars().next()? {
        ':' | '=' => (open.trim_start_matches([':', '=', '>', '?']), false),
        '>' => (&open[1..], false),
        // `("password", "…")`: without quotes the next one is just the next argument.
        ',' | '(' => (&open[1..], true),
        // `<password value="…">`, `<add key="password" value="…">`
        'v' if open.starts_with("value=\"") => (&open["value=".len()..], false),
        _ if is_flag && open.len() < after_name.len() => (open, false),
        _ => return None,
    };
    let start = line_end - after.trim_start_matches([' ', '\t']).len();
    let lead = &text[start..line_end];
    // A quote soon enough, after nothing but a type, a prefix or a wrapping call.
    let quote_at = lead
        .char_indices()
        .take(MAX_LEAD)
        .find(|(_, c)| matches!(c, '"' | '\'' | '`'));
    if let Some((open, quote)) = quote_at {
        let between = &lead[..open];
        let wraps = between.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(
                    c,
                    '_' | ':' | '&' | '(' | '.' | '=' | ' ' | '\\' | '?' | '<' | '>'
                )
        });
        // `a=b "c"`: the quote belongs to something else.
        let own = between.is_empty()
            || between.ends_with(['(', '=', ' ', '\\', '&'])
            || (between.len() <= 2 && between.chars().all(|c| c.is_ascii_alphabetic()));
        let bare_word = between
            .trim_end()
            .ends_with(|c: char| c.is_ascii_alphanumeric())
            && between.ends_with(' ');
        if wraps && own && !bare_word {
            let start = start + open + quote.len_utf8();
            let inside = &text[start..line_end];
            let escaped = between.ends_with('\\');
            let end = if escaped {
                inside.find('\\')?
            } else {
                inside.find(quote)?
            };
            return Some(ValueAt {
                start,
                end: start + end,
                quoted: true,
                argument,
            });
        }
    }
    if argument {
        return None;
    }
    let len = lead
        .find(|c: char| {
            c.is_whitespace()
                || matches!(
                    c,
                    '"' | '\''
                        | '`'
                        | ','
                        | ';'
                        | '&'
                        | '<'
                        | '>'
                        | '('
                        | ')'
                        | '{'
                        | '}'
                        | '['
                        | ']'
                        | '|'
                        | '\\'
                )
        })
        .unwrap_or(lead.len());
    // A call or an index is code, and what `=` follows is a type.
    let rest = lead[len..].trim_start_matches([' ', '\t']);
    let code = lead[len..].starts_with(['(', '[', '{']) || rest.starts_with('=');
    (!code && len > 0).then_some(ValueAt {
        start,
        end: start + len,
        quoted: false,
        argument,
    })
}
