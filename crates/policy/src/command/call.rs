//! A program's arguments, taken apart by what the tables say of its options.

use super::word::{UNKNOWN, Word};

/// What becomes of the value of an option, or of an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `t`: text or a number, of no consequence for what is touched.
    Text,
    /// `d`: text that may hold a width, up to which the output is filled.
    Width,
    /// `n`: a path of which only the name or the size is looked at.
    Name,
    /// `r`: a path whose content is read.
    Read,
    /// `w`: a path that is written.
    Write,
    /// `g`: a pattern of names that a search is narrowed to.
    Names,
    /// `k`: names code that is run.
    Kept,
}

impl Kind {
    const fn of(letter: char) -> Self {
        match letter {
            'd' => Kind::Width,
            'n' => Kind::Name,
            'r' => Kind::Read,
            'w' => Kind::Write,
            'g' => Kind::Names,
            'k' => Kind::Kept,
            _ => Kind::Text,
        }
    }
}

/// One entry of a table of options, as written there: `-n`, `--lines=t`, `--color?`, `!-i?`.
///
/// `=` says that values follow, one letter each ([`Kind`]); `?` that a value may be attached; `!` that the option
/// makes the program do more than its table says. `-#` stands for `-20`, and `-*` says that what is not in the table is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    name: &'t str,
    pub(super) asks: bool,
    may_attach: bool,
    kinds: &'t str,
}

impl<'t> Entry<'t> {
    fn read(token: &'t str) -> Self {
        let (token, asks) = match token.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (token, false),
        };
        let (token, may_attach) = match token.strip_suffix('?') {
            Some(rest) => (rest, true),
            None => (token, false),
        };
        let (name, kinds) = token.split_once('=').unwrap_or((token, ""));
        Self {
            name,
            asks,
            may_attach,
            kinds,
        }
    }
}

/// Tells whether a word with a pattern in it is an option whatever files there are: the pattern is in its value.
fn stays_an_option(word: &Word) -> bool {
    let only_globs = word.globs && !word.braces && !word.pattern.contains(UNKNOWN);
    let name = word.pattern.split_once('=').map_or("", |(name, _)| name);
    only_globs && name.len() > 2 && name.starts_with("--") && !name.contains(['*', '?', '['])
}

fn entry<'t>(table: &'t str, name: &str) -> Option<Entry<'t>> {
    table
        .split_whitespace()
        .map(Entry::read)
        .find(|entry| entry.name == name)
}

/// An option that was given.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// Its name, with its dashes.
    pub(crate) name: String,
    /// Its values, with what becomes of them.
    pub(crate) values: Vec<(Kind, Word)>,
    /// Whether the table says that it makes the program do more.
    pub(crate) asks: bool,
}

/// Arguments, taken apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// The options, in their order.
    pub(crate) given: Vec<Given>,
    /// What is not an option.
    pub(crate) operands: Vec<Word>,
    /// Options that the table does not know, or that lack their value.
    pub(crate) unknown: Vec<String>,
    /// Whether `--` stood among them.
    pub(crate) ended: bool,
}

impl Call {
    /// Takes arguments apart by a table; `until_operand` stops at the first operand, which keeps the rest.
    pub(crate) fn read(words: &[Word], table: &str, until_operand: bool) -> Self {
        let mut call = Self::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let text = match &word.literal {
                Some(text) => text.as_str(),
                // Whatever names it matches, it stays this option: `--include=*.rs`.
                None if stays_an_option(word) && !call.ended => {
                    call.with_pattern(word, table);
                    continue;
                }
                // Whether this becomes an option is not known.
                None if word.pattern.starts_with('-') => {
                    call.unknown.push(word.pattern.clone());
                    call.operands.push(word.clone());
                    continue;
                }
                None => "",
            };
            let is_option = text.len() > 1 && text.starts_with('-') && !call.ended;
            if !is_option {
                call.operands.push(word.clone());
                if until_operand {
                    call.operands.extend(rest.by_ref().cloned());
                }
                continue;
            }
            if text == "--" {
                call.ended = true;
                continue;
            }
            call.option(text, table, &mut rest);
        }
        call
    }

    fn with_pattern(&mut self, word: &Word, table: &str) {
        let (name, value) = word.pattern.split_once('=').unwrap_or((&word.pattern, ""));
        let known = entry(table, name).filter(|entry| entry.may_attach || entry.kinds.len() == 1);
        let Some(entry) = known else {
            return self.unknown.push(word.pattern.clone());
        };
        let value = Word {
            pattern: value.to_owned(),
            ..word.clone()
        };
        self.given.push(Given {
            name: name.to_owned(),
            values: vec![(
                entry.kinds.chars().next().map_or(Kind::Text, Kind::of),
                value,
            )],
            asks: entry.asks,
        });
    }

    fn option<'w>(&mut self, text: &str, table: &str, rest: &mut impl Iterator<Item = &'w Word>) {
        // A word of its own comes first: `find -name`, `java -version`.
        if let Some(entry) = entry(table, text) {
            return self.take(text, entry, None, rest);
        }
        if let Some((name, value)) = text.split_once('=')
            && let Some(entry) = entry(table, name)
            && (entry.may_attach || entry.kinds.len() == 1)
            && name.len() > 2
        {
            return self.take(name, entry, Some(value), rest);
        }
        if entry(table, "-*").is_some() {
            return self.operands.push(Word::known(text));
        }
        let number = &text[1..];
        if !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
            && entry(table, "-#").is_some()
        {
            let values = vec![(Kind::Text, Word::known(number))];
            self.given.push(Given {
                name: "-#".to_owned(),
                values,
                asks: false,
            });
            return;
        }
        if text.starts_with("--") {
            self.unknown.push(text.to_owned());
            return;
        }
        for (at, letter) in text.char_indices().skip(1) {
            let name = format!("-{letter}");
            let after = &text[at + letter.len_utf8()..];
            match entry(table, &name) {
                None => {
                    self.unknown.push(text.to_owned());
                    return;
                }
                Some(entry) if entry.may_attach || !entry.kinds.is_empty() => {
                    let attached = (!after.is_empty()).then_some(after);
                    return self.take(&name, entry, attached, rest);
                }
                Some(entry) => self.take(&name, entry, None, rest),
            }
        }
    }

    fn take<'w>(
        &mut self,
        name: &str,
        entry: Entry<'_>,
        attached: Option<&str>,
        rest: &mut impl Iterator<Item = &'w Word>,
    ) {
        let mut values = Vec::new();
        let mut kinds = entry.kinds.chars().map(Kind::of);
        if let Some(attached) = attached {
            let kind = kinds.next().unwrap_or(Kind::Text);
            values.push((kind, Word::known(attached)));
        }
        for kind in kinds {
            match rest.next() {
                Some(word) => values.push((kind, word.clone())),
                None => self.unknown.push(name.to_owned()),
            }
        }
        self.given.push(Given {
            name: name.to_owned(),
            values,
            asks: entry.asks,
        });
    }

    /// Tells whether one of these options was given.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        self.given
            .iter()
            .any(|given| names.contains(&given.name.as_str()))
    }

    /// Gives the first value of each of these options.
    pub(crate) fn values<'c>(&'c self, names: &'c [&str]) -> impl Iterator<Item = &'c Word> {
        self.given
            .iter()
            .filter(|given| names.contains(&given.name.as_str()))
            .flat_map(|given| given.values.iter().map(|(_, word)| word))
    }
}
