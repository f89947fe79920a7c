//! Passwords in the files and commands that have a place for them: `.netrc`, `.pgpass`, `.htpasswd`, `mysql -p`.

use super::found::Found;
use super::value::{is_name, is_placeholder, is_uuid};

/// The rule for them.
pub(super) const RULE: &str = "password";

/// What announces a line of a file with passwords.
pub(super) const FILE_WORDS: [&str; 15] = [
    ":5432:", ":5433:", ":6432:", ":6543:", ":*:", ":$apr1$", ":$2y$", ":$2b$", ":$2a$", ":$1$",
    ":$5$", ":$6$", ":$y$", ":{sha}", ":{ssha}",
];

/// The most bytes of a command or a line that are looked at.
const MAX_LINE: usize = 512;

/// How a password follows an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Only in the same word: `-pPASSWORD`.
    Attached,
    /// In the same word or the next one.
    Next,
    /// Behind a user's name and this sign.
    Pair(char),
    /// In the next word, behind `pass:`.
    Kept,
    /// Behind the option and one more word.
    Second,
    /// Behind the option and two more words.
    Third,
}

/// A program that is given a password.
pub(super) struct Program {
    pub(super) word: &'static str,
    options: &'static [(&'static str, Form)],
}

const fn program(word: &'static str, options: &'static [(&'static str, Form)]) -> Program {
    Program { word, options }
}

const LOGIN: &[(&str, Form)] = &[("-p", Form::Next)];
const LDAP: &[(&str, Form)] = &[("-w", Form::Next)];
const MYSQL: &[(&str, Form)] = &[("-p", Form::Attached)];
const OPENSSL: &[(&str, Form)] = &[
    ("-passin", Form::Kept),
    ("-passout", Form::Kept),
    ("-pass", Form::Kept),
    ("-k", Form::Next),
];

pub(super) const PROGRAMS: &[Program] = &[
    program("mysql", MYSQL),
    program("mariadb", MYSQL),
    program("sshpass", LOGIN),
    program(
        "curl",
        &[
            ("-u", Form::Pair(':')),
            ("--user", Form::Pair(':')),
            ("-U", Form::Pair(':')),
            ("--proxy-user", Form::Pair(':')),
        ],
    ),
    program("redis-cli", &[("-a", Form::Next), ("--pass", Form::Next)]),
    program("docker login", LOGIN),
    program("podman login", LOGIN),
    program("nerdctl login", LOGIN),
    program("skopeo login", LOGIN),
    program("registry login", LOGIN),
    program("oc login", LOGIN),
    program("az login", LOGIN),
    program("mongo", LOGIN),
    program("sqlcmd", &[("-P", Form::Next)]),
    program("ldapsearch", LDAP),
    program("ldapmodify", LDAP),
    program("ldapadd", LDAP),
    program("ldapwhoami", LDAP),
    program("7z", MYSQL),
    program("unzip", &[("-P", Form::Next)]),
    program(
        "rabbitmqctl",
        &[
            ("add_user", Form::Second),
            ("change_password", Form::Second),
        ],
    ),
    program("smbclient", &[("-U", Form::Pair('%'))]),
    program("openssl", OPENSSL),
    program(
        "htpasswd",
        &[
            ("-b", Form::Third),
            ("-bc", Form::Third),
            ("-cb", Form::Third),
            ("-nb", Form::Next),
        ],
    ),
];

/// Finds the password that a command gives to the program whose name ends at `end`.
pub(super) fn command(program: &Program, text: &str, at: usize, end: usize) -> Option<Found> {
    let before = text[..at].bytes().next_back();
    if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')) {
        return None;
    }
    // In a program's text each word may be quoted by itself.
    let quoted = text[end..].starts_with(['"', '\'']);
    let words = words(text, end + usize::from(quoted));
    // The rest of its name, `dump` of `mysqldump`, touches it.
    let mut rest = words.as_slice();
    while let [(start, word), after @ ..] = rest {
        let (start, word) = unquoted(*start, word);
        if matches!(word, "|" | ";" | "&&" | "||") {
            return None;
        }
        rest = after;
        let option = program.options.iter().find_map(|(option, form)| {
            let inside = word.strip_prefix(option)?;
            // `--user=…`; `-i` in `-ip` is another option.
            let long = option.starts_with("--") || option.len() > 2;
            match inside.strip_prefix('=').filter(|_| long) {
                Some(value) => Some((*form, value)),
                None => (inside.is_empty() || !long).then_some((*form, inside)),
            }
        });
        let Some((form, inside)) = option else {
            continue;
        };
        let inside_at = start + word.len() - inside.len();
        let next = match form {
            Form::Second => after.get(1),
            Form::Third => after.get(2),
            Form::Attached => None,
            Form::Next | Form::Pair(_) | Form::Kept => after.first(),
        };
        let (value_at, value) = if inside.is_empty() {
            *next?
        } else {
            (inside_at, inside)
        };
        let (value_at, value) = unquoted(value_at, value);
        let given = match form {
            // `-port3306` is an option of its own.
            Form::Attached => Some(value).filter(|value| {
                let word = value.trim_end_matches(|c: char| c.is_ascii_digit());
                !is_name(value) && !word.bytes().all(|c| c.is_ascii_lowercase())
            }),
            Form::Next | Form::Second | Form::Third => Some(value),
            Form::Pair(sign) => value.split_once(sign).map(|(_, password)| password),
            Form::Kept => value.strip_prefix("pass:"),
        };
        if let Some(given) = given.filter(|given| is_given(given)) {
            let start = value_at + value.len() - given.len();
            return Some(Found::by_name(RULE, start, start + given.len()));
        }
    }
    None
}

/// Gives the words of the line from `from` on, with where they begin; what is quoted is one word.
fn words(text: &str, from: usize) -> Vec<(usize, &str)> {
    let reach = text.floor_char_boundary((from + MAX_LINE).min(text.len()));
    let line = text[from..reach].split('\n').next().unwrap_or_default();
    let (mut words, mut start, mut quote) = (Vec::new(), None, None);
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c.is_whitespace() => {
                if let Some(start) = start.take() {
                    words.push((from + start, &line[start..at]));
                }
                continue;
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(_) | None => {}
        }
        start.get_or_insert(at);
    }
    words.extend(start.map(|start| (from + start, &line[start..])));
    words
}

fn unquoted(at: usize, word: &str) -> (usize, &str) {
    let inside = word.trim_start_matches(['"', '\'']);
    // What closes a list in a program's text or a sentence is not the password's.
    let plain = inside.trim_end_matches(['"', '\'', '`', ',', ';', ')', ']']);
    (at + word.len() - inside.len(), plain)
}

/// Finds the password in a line of `.netrc`, whose word `password` ends at `end`.
pub(super) fn netrc(text: &str, at: usize, end: usize) -> Option<Found> {
    let head = &text[line_start(text, at)?..at];
    // `echo "machine …"`
    let head = head.rsplit(['"', '\'']).next().unwrap_or(head);
    let mut names = head.split_whitespace();
    let mut has_login = false;
    while let Some(name) = names.next() {
        match name {
            "default" => {}
            "machine" => {
                names.next()?;
            }
            "login" => {
                has_login = true;
                names.next()?;
            }
            _ => return None,
        }
    }
    let reach = text.floor_char_boundary((end + MAX_LINE).min(text.len()));
    let rest = text[end..reach].split('\n').next().unwrap_or_default();
    let value = rest.trim_start_matches([' ', '\t']);
    let start = end + rest.len() - value.len();
    let len = value.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    let (value, after) = value.split_at(len.unwrap_or(value.len()));
    let next = after.split_whitespace().next();
    let ends = after.starts_with(['"', '\''])
        || matches!(next, None | Some("account" | "macdef" | "machine"));
    (has_login && ends && start > end && is_given(value))
        .then(|| Found::by_name(RULE, start, start + value.len()))
}

/// Finds what is kept in a line of `.pgpass`, `.htpasswd` or `/etc/shadow`.
pub(super) fn file(text: &str, at: usize) -> Option<Found> {
    let line_at = line_start(text, at)?;
    let reach = text.floor_char_boundary((at + MAX_LINE).min(text.len()));
    let rest = text[at..reach].split('\n').next().unwrap_or_default();
    let line = text[line_at..at + rest.len()].trim_end_matches('\r');
    if line.len() > MAX_LINE || line.contains([' ', '\t', '"', '\'', '`', '(']) {
        return None;
    }
    let found =
        |from: usize, len: usize| Found::by_name(RULE, line_at + from, line_at + from + len);
    if rest.starts_with(":$") || rest.starts_with(":{") {
        let (user, kept) = line.split_once(':')?;
        let hash = kept.split(':').next().unwrap_or_default();
        let named = !user.is_empty()
            && user
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"_-.@".contains(&c));
        let hashed = hash.len() >= 28
            && hash
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"$./{}=+,-".contains(&c));
        return (named && hashed && line_at + user.len() == at)
            .then(|| found(user.len() + 1, hash.len()));
    }
    let fields: Vec<&str> = line.split(':').collect();
    let [host, port, _, user, password] = fields.as_slice() else {
        return None;
    };
    let numbered = *port == "*" || port.bytes().all(|c| c.is_ascii_digit());
    let named = !host.is_empty() && !user.is_empty() && password != user;
    (numbered && named && is_given(password))
        .then(|| found(line.len() - password.len(), password.len()))
}

/// Finds where the line begins; none where that is too far away.
fn line_start(text: &str, at: usize) -> Option<usize> {
    let from = text.ceil_char_boundary(at.saturating_sub(MAX_LINE));
    let end = text[from..at].rfind('\n');
    end.map(|end| from + end + 1)
        .or_else(|| (from == 0).then_some(0))
}

/// Tells whether what stands in a password's place is one: no reference, no sample, no word.
fn is_given(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.bytes().any(|c| test(&c));
    let mixed = has(u8::is_ascii_digit) || has(|c| b"!#^&*+=~?".contains(c));
    (6..=128).contains(&value.len())
        && value.bytes().all(|c| c.is_ascii_graphic())
        && has(u8::is_ascii_alphabetic)
        && mixed
        && !value.starts_with(['-', '/', '.', '@', '`'])
        && !value.contains(['$', '`', '"', '\'', '<'])
        && !value.contains("://")
        && !value.contains(super::MARKER_START)
        && !is_placeholder(value)
        && !is_uuid(value)
}
