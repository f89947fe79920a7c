//! Names of files that a command takes from a pattern, a loop or another command: which of them may be read unasked.
//!
//! A name that ends like a source and stands in no hidden folder is meant to be read. Whatever else a pattern may
//! bring up asks, because a file that holds secrets may be among it.

use globset::{Glob, GlobMatcher};
use rable::{Node, NodeKind};

use super::judge::{Judge, program_name};
use super::programs::found_by_find;
use super::search_glob_is_plain;
use super::touch::Touch;
use super::word::{UNKNOWN, Word};
use crate::defaults;
use crate::path::absolute;
use crate::path::secret;

/// The most values of a loop that are looked at one by one.
const MAX_VALUES: usize = 24;

/// What is known of the names that a command prints, one a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// All end like sources, so what is in the files may be read.
    pub(crate) sources: bool,
    /// A zero byte parts them, so that no letter of a name can do so.
    pub(crate) zero: bool,
    /// All begin with the folder they were looked for in, so that none can be an option.
    pub(crate) below: bool,
}

impl Names {
    /// Gives the word that stands for each of the names.
    pub(crate) fn word(self, apart: bool) -> Word {
        Word {
            pattern: if self.below { "./*" } else { "*" }.to_owned(),
            globs: true,
            found: self.sources && apart,
            ..Word::default()
        }
    }
}

/// Gives the values that a loop's variable takes, each to be looked at by itself; none where nothing is known.
pub(super) fn values(words: &[Word]) -> Vec<Word> {
    let opaque = |word: &Word| Word {
        pattern: UNKNOWN.to_string(),
        plain: word.plain || word.braces,
        substitution: word.substitution || word.globs,
        ..Word::default()
    };
    let is_safe = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./:=@+,%".contains(c))
    };
    let printable = |word: &Word| word.is_printable() && !word.pattern.contains(['$', '`']);
    if !words.iter().all(printable) {
        return Vec::new();
    }
    let each = |word: &Word| match &word.literal {
        Some(text) if is_safe(text) => word.clone(),
        None if word.globs && !word.braces && !word.substitution => word.clone(),
        _ => opaque(word),
    };
    if words.len() > MAX_VALUES {
        return vec![opaque(&Word {
            substitution: true,
            ..Word::default()
        })];
    }
    words.iter().map(each).collect()
}

impl Judge<'_> {
    /// Tells whether all that a pattern brings up is meant to be read.
    pub(super) fn brings_sources(&self, word: &Word) -> bool {
        let only_globs = word.globs
            && !word.braces
            && !word.substitution
            && word.is_printable()
            && !word.pattern.contains(UNKNOWN);
        only_globs && self.names_sources(&word.pattern)
    }

    /// Tells whether a pattern of names ends like sources do, in folders that are not hidden, and away from what is denied.
    pub(super) fn names_sources(&self, pattern: &str) -> bool {
        let (dirs, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
        let open = |part: &str| part.starts_with(['.', '[', '{', '?', '-']) && part != ".";
        if dirs.split('/').any(open) || open(name) || name.is_empty() {
            return false;
        }
        let wild = name.contains(['*', '?', '[', '{', '\\']);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if wild && !search_glob_is_plain(&format!("*.{extension}")) {
            return false;
        }
        if wild && self.may_be_denied(name, extension) {
            return false;
        }
        let sample = if wild {
            format!("x.{extension}")
        } else {
            name.to_owned()
        };
        let open_dirs = |names: &[&str]| {
            names
                .iter()
                .any(|name| self.is_secret(&format!("{}/{sample}", dirs.replace('*', name))))
        };
        // A folder that a pattern stands for may be one that the settings deny by its name; what is shipped names files.
        let folders: Vec<&str> = match dirs.contains(['*', '?', '[']) {
            true => self
                .denied()
                .filter(|glob| is_folder_name(glob) && !defaults::DENY.contains(glob))
                .collect(),
            false => Vec::new(),
        };
        !open_dirs(&["x"]) && !open_dirs(&folders)
    }

    /// Tells whether a pattern with this ending may bring up a file that is denied by its name.
    ///
    /// What is denied with any ending (`credentials.*`) is code where the ending is one of code.
    fn may_be_denied(&self, pattern: &str, extension: &str) -> bool {
        const DATA: &[&str] = &["toml", "txt", "sql"];
        let pattern = Glob::new(pattern).ok().map(|glob| glob.compile_matcher());
        let mut names = self
            .denied()
            .flat_map(|glob| alternatives(&glob.rsplit('/').next().unwrap_or(glob).to_lowercase()));
        names.any(|last| {
            let name = match last.strip_suffix(".*") {
                Some(stem) if DATA.contains(&extension) => {
                    format!("{}.{extension}", stem.replace('*', "x"))
                }
                Some(_) => return false,
                None => last,
            };
            let ends = name.ends_with(&format!(".{extension}")) && !name.starts_with('.');
            let covers = |covers: &GlobMatcher| covers.is_match(&name) || name.contains('*');
            ends && pattern.as_ref().is_none_or(covers)
        })
    }

    fn denied(&self) -> impl Iterator<Item = &str> {
        let globs = self.rules.source().paths.deny.iter();
        globs
            .map(String::as_str)
            .filter(|glob| !glob.starts_with('!'))
    }

    /// Tells whether a path is one that holds secrets.
    pub(super) fn is_secret(&self, path: &str) -> bool {
        self.dirs.iter().any(|dir| {
            absolute(path, dir, self.place)
                .is_ok_and(|path| secret(&path, self.rules, self.place).is_some())
        })
    }

    /// Tells what is known of the names that a command of a pipeline prints; `given` are those that it is given.
    pub(super) fn names_printed(&self, node: &Node, given: Option<Names>) -> Option<Names> {
        let NodeKind::Command {
            words, redirects, ..
        } = &node.kind
        else {
            return None;
        };
        let is_of_errors = |redirect: &Node| matches!(&redirect.kind, NodeKind::Redirect { fd: 2, op, .. } if op == ">");
        if !redirects.iter().all(is_of_errors) {
            return None;
        }
        let words: Vec<Word> = words
            .iter()
            .map(|word| Word::read(word, self.place, &self.names))
            .collect();
        let (first, arguments) = words.split_first()?;
        match program_name(first.literal.as_deref()?)? {
            "find" => found_by_find(self, arguments),
            "git" => self.listed_by_git(arguments),
            "rg" => self.listed_by_rg(arguments),
            // These leave lines out, and change none.
            filter => given
                .filter(|_| leaves_lines_whole(filter, arguments))
                .map(|given| Names {
                    zero: false,
                    ..given
                }),
        }
    }

    /// `git ls-files`: names of what is tracked, which git quotes where they have odd letters.
    fn listed_by_git(&self, arguments: &[Word]) -> Option<Names> {
        let words = literals(arguments)?;
        let (first, rest) = words.split_first()?;
        let mut names = Names::default();
        let mut patterns = Vec::new();
        for word in rest {
            match *word {
                "-z" => names.zero = true,
                "-c" | "--cached" | "-m" | "--modified" | "--" => {}
                word if word.starts_with(['-', ':']) => return None,
                pattern => patterns.push(pattern),
            }
        }
        names.sources = !patterns.is_empty()
            && patterns
                .iter()
                .all(|pattern| pattern.contains('*') && self.names_sources(pattern));
        (*first == "ls-files").then_some(names)
    }

    /// `rg --files`: names of what is neither hidden nor ignored.
    fn listed_by_rg(&self, arguments: &[Word]) -> Option<Names> {
        let words = literals(arguments)?;
        let mut names = Names::default();
        let mut lists = false;
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match *word {
                "--files" => lists = true,
                "-0" | "--null" => names.zero = true,
                "-g" | "--glob" => {
                    let glob = rest.next()?;
                    names.sources |= !glob.starts_with('!') && self.names_sources(glob);
                    if !glob.starts_with('!') && !self.names_sources(glob) {
                        return None;
                    }
                }
                word if word.starts_with('-') => return None,
                _ => {}
            }
        }
        lists.then_some(names)
    }

    /// Notes words that may turn out to be options: names of files, and what other commands print, begin as they like.
    pub(super) fn beginnings(&mut self, operands: &[Word], options: &str) {
        for word in operands {
            let open = word.globs || word.braces || word.substitution || word.other;
            let starts_open = word.pattern.starts_with(['*', '?', '[', '{', UNKNOWN]);
            if !open || !starts_open || word.process {
                continue;
            }
            let narrow = word.found || self.brings_sources(word);
            let only_names = word.globs && !word.braces && !word.pattern.contains(UNKNOWN);
            let does_more = options
                .split_whitespace()
                .filter_map(|option| option.strip_prefix('!'))
                .any(|option| {
                    let (name, kinds) = option.split_once('=').unwrap_or((option, ""));
                    match only_names {
                        // Such a name ends like a source: it can end in the value of an option, and in nothing else.
                        true if narrow => name.ends_with('?') || kinds.contains(['k', 'w']),
                        // What is read without being printed tells nothing.
                        true => kinds != "r",
                        false => true,
                    }
                });
            if does_more {
                let detail = format!(
                    "{} may become an option; write `./` before it, or `--`",
                    super::judge::spelled(word)
                );
                self.unclear("shell.expansion", detail);
            }
        }
    }

    /// Judges a command that is run on names that were found; tells whether it only looks at what may be looked at.
    pub(super) fn looks_at(&mut self, command: &[Word], starts: &[Word]) -> bool {
        let before = self.findings.len();
        self.argv(
            command,
            super::judge::Fed {
                has_input: true,
                ..Default::default()
            },
        );
        for start in starts {
            self.path(start, Touch::Read);
        }
        let looks = self.findings.len() == before;
        self.findings.truncate(before);
        looks
    }
}

/// Gives the names that the braces of a glob stand for: `a.{b,c}`.
fn alternatives(glob: &str) -> Vec<String> {
    let parts = glob.split_once('{').and_then(|(before, rest)| {
        let (inner, after) = rest.split_once('}')?;
        Some((before, inner, after))
    });
    let Some((before, inner, after)) = parts else {
        return vec![glob.to_owned()];
    };
    let each = inner.split(',');
    each.flat_map(|one| alternatives(&format!("{before}{one}{after}")))
        .collect()
}

/// Tells whether a glob is the plain name of something that may be a folder.
fn is_folder_name(glob: &str) -> bool {
    glob.starts_with(|c: char| c.is_ascii_alphabetic())
        && glob
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// Gives the letters of words, where all are known.
fn literals(words: &[Word]) -> Option<Vec<&str>> {
    words.iter().map(|word| word.literal.as_deref()).collect()
}

/// Tells whether a filter prints some of the lines that it was given, and nothing else.
fn leaves_lines_whole(program: &str, arguments: &[Word]) -> bool {
    let Some(words) = literals(arguments) else {
        return false;
    };
    let is_number = |word: &str| {
        !word.is_empty()
            && word
                .trim_start_matches('+')
                .chars()
                .all(|c| c.is_ascii_digit())
    };
    match program {
        "head" | "tail" => words.iter().all(|word| {
            *word == "-n" || is_number(word.trim_start_matches("-n").trim_start_matches('-'))
        }),
        "grep" => {
            let (options, patterns): (Vec<&str>, Vec<&str>) =
                words.iter().partition(|word| word.starts_with('-'));
            patterns.len() == 1
                && options.iter().all(|option| {
                    option
                        .trim_start_matches('-')
                        .chars()
                        .all(|c| "viEF".contains(c))
                })
        }
        "sort" | "uniq" => words
            .iter()
            .all(|word| matches!(*word, "-u" | "-r" | "-n" | "-f")),
        _ => false,
    }
}
