//! Finds secrets in text and takes them out.
//!
//! Pure, and linear in the text: a first pass looks only for keywords, and whatever costs more
//! happens around a keyword that was found, within named bounds. It runs at every commit of the
//! store, so clean text is not copied.
//!
//! | rule | finds |
//! | --- | --- |
//! | `known` | any secret that Hyperion itself holds, wherever it stands, also as JSON, XML, addresses and base64 write it |
//! | one a provider, see the tables in `tokens.rs` and `shapes.rs` | tokens with a prefix of their own, or told by what stands within them |
//! | `private-key` | a block of a private key, one without its first line, and one in base64 |
//! | `connection-string` | the password in `scheme://user:password@host` |
//! | `authorization` | the credentials of an `Authorization` header |
//! | `password`, `token`, `high-entropy` | a value given to a name that says what it is, when it looks random; `password` also in commands and files that have a place for one |
//!
//! What stands in base64 is read too, under the rule that finds something in it.
//!
//! Every rule but `private-key` stays within a line, and that one takes only lines that are a key's, so that a stream can be redacted line by line,
//! holding back an open key block: [`Redactor::stream`].

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use hyperion_model::Digest;
use serde_json::Value;

mod assignment;
mod diff;
mod encoded;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;

mod format;
mod found;
mod key;
mod known;
mod listed;
mod shapes;
mod stream;
mod tokens;
mod value;
mod words;

use assignment::NameKind;
use found::Found;
use words::{Hit, Words};

pub use diff::{MaskedDiff, hunk_lines};
pub use encoded::{binary_text, disguised};
pub use known::MIN_KNOWN_BYTES;
pub use stream::{MAX_HELD_BYTES, RedactStream};

/// The rule that finds secrets which Hyperion itself holds.
pub const KNOWN: &str = "known";
/// The most passes over one text; what one pass takes out can uncover the next secret.
const MAX_PASSES: usize = 8;

/// How deep base64 is read that stands in base64.
const MAX_NESTED: usize = 2;

const MARKER_START: &str = "[redacted:";

/// What a keyword announces.
#[derive(Debug, Clone, Copy)]
enum Trigger {
    Format(usize),
    Shape(usize),
    Command(usize),
    PasswordFile,
    PrivateKey,
    PuttyKey,
    /// A key without a line that announces it; it begins so many characters before.
    KeyBody(usize),
    Jwt,
    Connection,
    Authorization,
    Assignment,
}

struct Builtin {
    words: Words,
    triggers: Vec<Trigger>,
}

static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| {
    let mut words: Vec<String> = Vec::new();
    let mut triggers = Vec::new();
    let mut add = |word: &str, trigger| {
        words.push(word.to_ascii_lowercase());
        triggers.push(trigger);
    };
    for (at, format) in tokens::FORMATS.iter().enumerate() {
        for prefix in format.prefixes {
            add(prefix, Trigger::Format(at));
        }
    }
    add("-----begin", Trigger::PrivateKey);
    add("private-lines:", Trigger::PuttyKey);
    for (start, before) in key::BODY_STARTS {
        add(start, Trigger::KeyBody(before));
    }
    add("eyj", Trigger::Jwt);
    add("://", Trigger::Connection);
    for word in assignment::SCHEMES {
        add(word, Trigger::Authorization);
    }
    for (at, shape) in shapes::SHAPES.iter().enumerate() {
        add(shape.word, Trigger::Shape(at));
    }
    for (at, program) in listed::PROGRAMS.iter().enumerate() {
        add(program.word, Trigger::Command(at));
    }
    for word in listed::FILE_WORDS {
        add(word, Trigger::PasswordFile);
    }
    for word in assignment::NAME_WORDS {
        add(word, Trigger::Assignment);
    }
    Builtin {
        words: Words::new(words, true),
        triggers,
    }
});

/// One secret in a text; says where it is and never what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFinding {
    /// The rule that found it.
    pub rule: &'static str,
    /// The line it starts on, counted from 1.
    pub line: u32,
    /// The column it starts at, in characters, counted from 1.
    pub column: u32,
    /// Four digits that are the same for the same secret: enough to tell two of a file apart, and too few to find out,
    /// by guessing, what it is.
    pub fingerprint: String,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// Takes secrets out of text.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Option<Arc<Words>>,
    /// Those of them that go over a line's end.
    several_lines: Arc<[String]>,
}

impl Redactor {
    /// Makes a redactor that also knows secrets that Hyperion holds.
    ///
    /// A known secret is found as it is, and as JSON, XML, addresses and base64 write it; of one with several lines also
    /// each line. One shorter than [`MIN_KNOWN_BYTES`] is passed over.
    pub fn new(known: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let all = known::forms(known);
        let several_lines = all.iter().filter(|form| form.contains('\n')).cloned();
        let several_lines = several_lines.collect();
        let known = (!all.is_empty()).then(|| Arc::new(Words::new(all, false)));
        Self {
            known,
            several_lines,
        }
    }

    /// Puts `[redacted:<rule>]` in the place of every secret; clean text is not copied.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = Cow::Borrowed(text);
        for _ in 0..MAX_PASSES {
            let found = self.find(&out);
            if found.is_empty() {
                break;
            }
            let mut next = String::with_capacity(out.len());
            let mut at = 0;
            for Found {
                rule, start, end, ..
            } in found
            {
                next.push_str(&out[at..start]);
                next.push_str(MARKER_START);
                next.push_str(rule);
                next.push(']');
                at = end;
            }
            next.push_str(&out[at..]);
            out = Cow::Owned(next);
        }
        out
    }

    /// Redacts every text of a JSON value, reading a member's name as what its text is given to.
    ///
    /// Tells whether something was taken out.
    pub fn redact_json(&self, value: &mut Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::String(text) => self.redact_string(text),
            Value::Array(items) => {
                let mut any = false;
                for item in items {
                    any |= self.redact_json(item);
                }
                any
            }
            Value::Object(map) => {
                let mut any = false;
                for (name, item) in map.iter_mut() {
                    any |= match item {
                        Value::String(text) => self.redact_member(name, text),
                        Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::Array(_)
                        | Value::Object(_) => self.redact_json(item),
                    };
                }
                // A map may be keyed by what should not be seen.
                let bad: Vec<String> = map
                    .keys()
                    .filter(|name| !self.find(name).is_empty())
                    .cloned()
                    .collect();
                for name in bad {
                    if let Some(item) = map.remove(&name) {
                        map.insert(self.redact(&name).into_owned(), item);
                        any = true;
                    }
                }
                any
            }
        }
    }

    /// Begins to redact a text that comes in pieces, however it is cut.
    pub fn stream(&self) -> RedactStream {
        RedactStream::new(self.clone())
    }

    /// Finds secrets without taking them out, and without saying what they are.
    pub fn scan(&self, text: &str) -> Vec<SecretFinding> {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (mut line, mut line_start, mut at) = (1u32, 0, 0);
        self.find(text)
            .into_iter()
            .map(
                |Found {
                     rule, start, end, ..
                 }| {
                    for (place, _) in text[at..start].match_indices('\n') {
                        line = line.saturating_add(1);
                        line_start = at + place + 1;
                    }
                    at = start;
                    SecretFinding {
                        rule,
                        line,
                        column: count(text[line_start..start].chars().count()).saturating_add(1),
                        fingerprint: fingerprint(&text[start..end]),
                        start,
                        end,
                    }
                },
            )
            .collect()
    }

    fn redact_string(&self, text: &mut String) -> bool {
        match self.redact(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(clean) => {
                *text = clean;
                true
            }
        }
    }

    fn redact_member(&self, name: &str, text: &mut String) -> bool {
        let kind = assignment::name_kind(name);
        match kind.filter(|kind| value::is_secret(*kind, text, true)) {
            Some(kind) => {
                *text = format!("{MARKER_START}{}]", kind.rule());
                true
            }
            None => self.redact_string(text),
        }
    }

    /// Tells whether a text ends within a private key, or within what may become one.
    fn ends_in_key(&self, text: &str) -> bool {
        let builtin = &*BUILTIN;
        key::may_hold(text)
            && builtin
                .words
                .hits(text)
                .into_iter()
                .any(|Hit { word, start, end }| {
                    let trigger = builtin.triggers.get(word);
                    trigger
                        .and_then(|trigger| key_at(*trigger, text, start, end))
                        .is_some_and(|(_, key)| key.open)
                })
    }

    /// Tells whether a text, which ends where a line does, ends within a known secret of several lines.
    fn ends_in_known(&self, text: &str) -> bool {
        self.several_lines.iter().any(|known| {
            let ends = known.match_indices('\n').map(|(at, _)| at + 1);
            ends.filter(|end| *end < known.len())
                .any(|end| text.ends_with(&known[..end]))
        })
    }

    /// Finds secrets: in order, not overlapping, never inside a marker.
    fn find(&self, text: &str) -> Vec<Found> {
        self.find_within(text, MAX_NESTED)
    }

    /// Finds secrets, also in base64 that stands in base64, so many times.
    fn find_within(&self, text: &str, nested: usize) -> Vec<Found> {
        let builtin = &*BUILTIN;
        let hits = builtin.words.hits(text);
        let known = self
            .known
            .as_ref()
            .map(|known| known.hits(text))
            .unwrap_or_default();
        // Markers of an earlier pass, and known secrets, cut the text: what stands between two
        // cuts is read alone, so that a second pass sees exactly what the first one saw.
        let markers = markers(text);
        let known: Vec<Found> = found::merged(
            known
                .into_iter()
                .map(|hit| Found::by_shape(KNOWN, hit.start, hit.end))
                .filter(|found| !inside_any(&markers, found))
                .collect(),
        );
        let mut cuts = [markers, known.clone()].concat();
        cuts.sort_unstable_by_key(|cut| cut.start);
        let mut all = known;
        let mut low = 0;
        let ends = [(text.len(), text.len())];
        for (high, next) in cuts.iter().map(|cut| (cut.start, cut.end)).chain(ends) {
            let part = text.get(low..high).unwrap_or_default();
            let judge = |plain: &str| {
                let found = nested
                    .checked_sub(1)
                    .map(|nested| self.find_within(plain, nested))?;
                found.first().map(|found| found.rule)
            };
            let encoded = encoded::find(part, judge).into_iter();
            all.extend(
                encoded
                    .chain(shapes::discord(part))
                    .map(|found| found.moved(low)),
            );
            low = next;
        }
        let mut cuts = cuts.into_iter().peekable();
        low = 0;
        let mut last = Found::by_shape(KNOWN, 0, 0);
        for hit in hits {
            while let Some(cut) = cuts.next_if(|cut| cut.end <= hit.start) {
                low = cut.end;
            }
            let high = cuts.peek().map_or(text.len(), |cut| cut.start);
            // Inside a cut or across its edge; or inside a token that was found by its own shape,
            // which is read once, however many words it holds.
            let inside = last.start <= hit.start && hit.end <= last.end;
            if hit.start < low || hit.end > high || (inside && !last.by_name) {
                continue;
            }
            let part = &text[low..high];
            let (at, end) = (hit.start - low, hit.end - low);
            let found = match builtin.triggers.get(hit.word) {
                Some(Trigger::Format(index)) => tokens::FORMATS[*index].find(part, at),
                Some(trigger @ (Trigger::PrivateKey | Trigger::PuttyKey | Trigger::KeyBody(_))) => {
                    key_at(*trigger, part, at, end).and_then(|(at, key)| key.found(at))
                }
                Some(Trigger::Shape(index)) => shapes::SHAPES[*index].find(part, at, end),
                Some(Trigger::Command(index)) => {
                    listed::command(&listed::PROGRAMS[*index], part, at, end)
                }
                Some(Trigger::PasswordFile) => listed::file(part, at),
                Some(Trigger::Jwt) => format::jwt(part, at),
                Some(Trigger::Connection) => format::connection(part, at),
                Some(Trigger::Authorization) => assignment::authorization(part, at, end),
                Some(Trigger::Assignment) => assignment::find(part, at, end),
                None => None,
            };
            if let Some(found) = found {
                last = found.moved(low);
                all.push(last.clone());
            }
        }
        found::merged(all)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the secrets themselves.
        let known = self.known.as_ref().map_or(0, |known| known.len());
        f.debug_struct("Redactor").field("known", &known).finish()
    }
}

/// Reads the private key that a word announces, and gives where it begins.
fn key_at(trigger: Trigger, text: &str, at: usize, end: usize) -> Option<(usize, key::Key)> {
    match trigger {
        Trigger::PrivateKey => Some((at, key::block(text, at)?)),
        Trigger::PuttyKey => key::putty(text, end),
        Trigger::KeyBody(before) => {
            let start = at
                .checked_sub(before)
                .filter(|at| text.is_char_boundary(*at))?;
            Some((start, key::body(text, start)?))
        }
        Trigger::Format(_)
        | Trigger::Shape(_)
        | Trigger::Command(_)
        | Trigger::PasswordFile
        | Trigger::Jwt
        | Trigger::Connection
        | Trigger::Authorization
        | Trigger::Assignment => None,
    }
}

/// Tells whether one of some sorted, disjoint stretches shares a byte with another.
fn inside_any(sorted: &[Found], found: &Found) -> bool {
    let next = sorted.partition_point(|other| other.end <= found.start);
    sorted.get(next).is_some_and(|other| other.overlaps(found))
}

/// Finds markers of rules that exist; anything else in such brackets is text.
fn markers(text: &str) -> Vec<Found> {
    text.match_indices(MARKER_START)
        .filter_map(|(start, _)| {
            let rest = &text[start + MARKER_START.len()..];
            let rule = rule_names().find(|rule| {
                rest.strip_prefix(rule)
                    .is_some_and(|rest| rest.starts_with(']'))
            })?;
            Some(Found::by_shape(
                rule,
                start,
                start + MARKER_START.len() + rule.len() + 1,
            ))
        })
        .collect()
}

/// Lists every rule's name.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    let formats = tokens::FORMATS.iter().map(|format| format.rule);
    formats
        .chain(format::SHAPES)
        .chain(shapes::SHAPES.iter().map(|shape| shape.rule))
        .chain(NameKind::ALL.map(NameKind::rule))
        .chain([KNOWN, key::RULE, shapes::DISCORD, assignment::AUTHORIZATION])
}

fn fingerprint(secret: &str) -> String {
    let digest = Digest::of(format!("hyperion secret: {secret}").as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    hex.chars().take(4).collect()
}
