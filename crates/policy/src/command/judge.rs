//! Judges one simple command: its name, its words, its redirections, by the tables and the path rules.

use hyperion_model::Level;

use super::call::{Call, Kind};
use super::names::Names;
use super::programs::{self, Does, Family, Known, Operands, Program};
use super::shape::kept;
use super::standard_input::is_standard_input;
pub(crate) use super::touch::Touch;
use super::word::{UNKNOWN, Word};
use crate::judgement::{Finding, Weight};
use crate::path::shown;
use crate::place::{Place, joined};
use crate::rules::Rules;

/// The most times that a command may contain another as text.
const MAX_DEPTH: usize = 8;

/// Letters that look like the dash of an option.
const DASHES: [char; 8] = [
    '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}', '\u{fe63}', '\u{ff0d}',
];

/// Folders that programs of the system lie in.
const SYSTEM_PROGRAMS: &[&str] = &["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"];

/// What came into a command that nobody can have seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fed {
    /// Its input was fetched, or decoded.
    pub(crate) input: bool,
    /// A word of it was.
    pub(crate) word: bool,
    /// Its input is something else than a terminal: a pipe, a file, a text.
    pub(crate) has_input: bool,
    /// Its input is names of files below the root, one a line.
    pub(crate) names: Option<Names>,
}

/// Collects what speaks against a command while it is walked.
pub(crate) struct Judge<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) place: &'a Place,
    pub(crate) findings: Vec<Finding>,
    /// The folders that the command may stand in by now.
    pub(crate) dirs: Vec<String>,
    /// Whether it may stand in any other.
    pub(crate) lost: bool,
    /// The variables of the loops around it that have a known value.
    pub(crate) names: Vec<(String, Word)>,
    /// How many programs so far brought in what nobody can have seen.
    pub(crate) fetched: usize,
    /// How many commands and words were looked at.
    pub(crate) nodes: usize,
    pub(crate) depth: usize,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(rules: &'a Rules, place: &'a Place) -> Self {
        Self {
            rules,
            place,
            findings: Vec::new(),
            dirs: vec![place.dir().to_owned()],
            lost: false,
            names: Vec::new(),
            fetched: 0,
            nodes: 0,
            depth: 0,
        }
    }

    pub(crate) fn ask(&mut self, level: Level, code: &'static str, detail: impl Into<String>) {
        self.note(Weight::Ask(level), code, detail.into());
    }

    fn note(&mut self, weight: Weight, code: &'static str, detail: String) {
        self.findings.push(Finding {
            depth: self.depth,
            ..Finding::new(weight, code, detail)
        });
    }

    pub(crate) fn unclear(&mut self, code: &'static str, detail: impl Into<String>) {
        self.note(Weight::Unclear(Level::TeamLead), code, detail.into());
    }

    pub(crate) fn deny(&mut self, code: &'static str, detail: impl Into<String>) {
        self.note(Weight::Deny, code, detail.into());
    }

    /// Judges a command that is given as words; gives its shape.
    pub(crate) fn argv(&mut self, words: &[Word], fed: Fed) -> Option<String> {
        let (first, arguments) = words.split_first()?;
        let Some(text) = &first.literal else {
            self.unclear(
                "shell.command",
                "which program runs is not known before it runs",
            );
            self.secrets(arguments);
            return None;
        };
        if words.iter().any(|word| word.pattern.starts_with(DASHES)) {
            self.unclear(
                "text.odd",
                "a word begins with what looks like a dash and is none",
            );
        }
        if self.depth >= MAX_DEPTH {
            self.unclear(
                "shell.too_deep",
                "commands inside of commands are too deep to be understood",
            );
            return None;
        }
        self.depth += 1;
        let start = self.findings.len();
        let name = program_name(text);
        let shape = match name {
            Some(name) => self.named(name, arguments, fed),
            None => self.unknown_program(text, arguments, fed),
        };
        let shape = self.by_rules(name.unwrap_or(text), words, start, shape);
        self.depth -= 1;
        shape
    }

    fn named(&mut self, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
        let literals: Option<Vec<&str>> = arguments
            .iter()
            .map(|word| word.literal.as_deref())
            .collect();
        if literals.is_some_and(|literals| programs::is_about_itself(name, &literals)) {
            return Some(exact(name, arguments));
        }
        match programs::find(name) {
            Some(Known::Program(program)) => self.program(name, program, arguments, fed),
            Some(Known::Family(family)) => self.family(name, family, arguments, fed),
            Some(Known::Wrapper(run)) => run(self, name, arguments, fed),
            None => self.unknown_program(name, arguments, fed),
        }
    }

    fn unknown_program(&mut self, name: &str, arguments: &[Word], fed: Fed) -> Option<String> {
        let detail = format!("what {} does is not known", shown(name));
        self.ask(Level::TeamLead, "command.unknown", detail);
        self.secrets(arguments);
        for word in arguments.iter().filter(|word| word.literal.is_none()) {
            let detail = format!("what {} becomes is not known before it runs", spelled(word));
            self.unclear("shell.expansion", detail);
        }
        // It may run what it is given.
        self.exactly(name, arguments).filter(|_| !fed.has_input)
    }

    /// Judges a program by its table.
    pub(crate) fn program(
        &mut self,
        name: &str,
        program: &Program,
        arguments: &[Word],
        fed: Fed,
    ) -> Option<String> {
        let call = Call::read(arguments, program.options, false);
        self.does(name, program.does);
        let before = self.findings.len();
        self.waits(name, program, &call, fed);
        let mut shape = vec![name.to_owned()];
        let mut options = self.options(name, &call, program.does);
        options.sort();
        options.dedup();
        shape.extend(options);
        if !call.ended {
            self.beginnings(&call.operands, program.options);
        }
        let operands = self.operands(&call, program.operands);
        shape.extend(operands);
        if matches!(program.operands, Operands::Kept | Operands::Nothing) {
            self.secrets(&call.operands);
        }
        if let Some(check) = program.check {
            check(self, &call);
        }
        let unclear = |finding: &Finding| matches!(finding.weight, Weight::Unclear(_));
        // Where its words name code, what it is given on standard input may be code as well.
        let fed_code = fed.has_input && program.operands == Operands::Kept;
        if fed_code || self.findings[before..].iter().any(unclear) {
            return None;
        }
        // What a check found depends on the words themselves, and so does an option that nobody knows.
        if program.check.is_some() || !call.unknown.is_empty() {
            return self.exactly(name, arguments);
        }
        Some(shape.join(" "))
    }

    fn family(
        &mut self,
        name: &str,
        family: &Family,
        arguments: &[Word],
        fed: Fed,
    ) -> Option<String> {
        let call = Call::read(arguments, family.options, true);
        self.options(name, &call, Does::Reads);
        if let Some(check) = family.check {
            check(self, &call);
        }
        let Some((first, rest)) = call.operands.split_first() else {
            self.does(name, family.otherwise);
            return self.exactly(name, arguments);
        };
        let Some(command) = &first.literal else {
            self.unclear(
                "shell.command",
                format!("what `{name}` is told to do is not known before it runs"),
            );
            self.secrets(rest);
            return None;
        };
        let known = family
            .commands
            .iter()
            .find(|known| known.names.contains(&command.as_str()));
        let whole = format!("{name} {command}");
        let shape = match known {
            Some(program) => self.program(&whole, program, rest, fed),
            None => {
                self.does(&whole, family.otherwise);
                self.secrets(rest);
                self.exactly(&whole, rest).filter(|_| !fed.has_input)
            }
        };
        // Options before the subcommand are rare, and change much: they are kept as they are.
        match call.given.is_empty() {
            true => shape,
            false => shape.and(self.exactly(name, arguments)),
        }
    }

    /// Notes what a program does.
    pub(crate) fn does(&mut self, name: &str, does: Does) {
        let (level, code, what) = match does {
            Does::Reads => return,
            Does::Never(what) => return self.deny("command.forbidden", format!("`{name}` {what}")),
            Does::Changes(what) => (Level::TeamLead, "command.changes", what),
            Does::Runs(what) => (Level::TeamLead, "command.runs", what),
            Does::Talks(what) => (Level::TeamLead, "command.network", what),
            Does::Rules(what) => (Level::Admin, "command.rights", what),
        };
        self.ask(level, code, format!("`{name}` {what}"));
    }

    fn options(&mut self, name: &str, call: &Call, does: Does) -> Vec<String> {
        let mut shape = Vec::new();
        for option in &call.unknown {
            let detail = format!("the option {} of `{name}` is not known", shown(option));
            if does == Does::Reads {
                self.unclear("command.option", detail);
            }
            self.secret(&Word::known(option));
        }
        for given in &call.given {
            if given.asks {
                let detail = format!("`{name} {}` does more than look", given.name);
                self.ask(Level::TeamLead, "command.option", detail);
            }
            let mut text = given.name.clone();
            for (kind, word) in &given.values {
                let is_program = given.asks && *kind == Kind::Read;
                if is_program && word.literal.as_deref().is_some_and(is_standard_input) {
                    let detail = format!(
                        "what `{name} {}` goes by comes from standard input",
                        given.name
                    );
                    self.unclear("command.input", detail);
                }
                text.push(' ');
                text.push_str(&self.value(&given.name, *kind, word));
            }
            shape.push(text);
        }
        shape
    }

    fn value(&mut self, option: &str, kind: Kind, word: &Word) -> String {
        match kind {
            Kind::Text => self.text(word),
            Kind::Width => {
                self.width(option, &word.pattern);
                self.text(word)
            }
            Kind::Name => self.path(word, Touch::Name),
            Kind::Read => self.path(word, Touch::Read),
            Kind::Write => {
                self.ask(
                    Level::TeamLead,
                    "command.changes",
                    format!("`{option}` writes a file"),
                );
                self.path(word, Touch::Write)
            }
            Kind::Names => {
                let narrow = word
                    .literal
                    .as_deref()
                    .is_some_and(super::search_glob_is_plain);
                if !narrow {
                    let detail = format!(
                        "the pattern {} may bring up hidden files",
                        shown(&word.pattern)
                    );
                    self.ask(Level::TeamLead, "search.hidden", detail);
                }
                self.text(word);
                kept(&word.pattern)
            }
            Kind::Kept => {
                // Another program's doing, so no rule about this one lifts it.
                self.ask(
                    Level::TeamLead,
                    "option.runs",
                    format!("`{option}` runs a program"),
                );
                self.secret(word);
                self.text(word);
                kept(&word.pattern)
            }
        }
    }

    fn operands(&mut self, call: &Call, operands: Operands) -> Vec<String> {
        let words = &call.operands;
        let last = words.len().saturating_sub(1);
        let touch = |at: usize| match operands {
            Operands::Nothing | Operands::Text | Operands::Kept => None,
            Operands::Names => Some(Touch::Name),
            Operands::Read => Some(Touch::Read),
            Operands::Sizes => Some(Touch::Size),
            Operands::InOut => Some(if at == 0 { Touch::Read } else { Touch::Write }),
            Operands::Write => Some(Touch::Write),
            Operands::Remove => Some(Touch::Remove),
            Operands::Copy => Some(if at == last && at > 0 {
                Touch::Write
            } else {
                Touch::Read
            }),
            Operands::Move => Some(if at == last && at > 0 {
                Touch::Write
            } else {
                Touch::Remove
            }),
            Operands::Pattern(given_by) if call.has(given_by) => Some(Touch::Read),
            Operands::Pattern(_) => (at > 0).then_some(Touch::Read),
            Operands::PatternNames => (at > 0).then_some(Touch::Name),
        };
        let mut shape: Vec<String> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let writes = matches!(operands, Operands::InOut | Operands::Copy | Operands::Move);
            if writes && word.literal.is_none() && !word.process {
                let detail = format!(
                    "which of {} is written is not known before it runs",
                    spelled(word)
                );
                self.unclear("shell.expansion", detail);
            }
            let text = match touch(at) {
                Some(touch) => {
                    if operands == Operands::InOut && at > 0 {
                        self.ask(
                            Level::TeamLead,
                            "command.changes",
                            "the second path is written",
                        );
                    }
                    self.path(word, touch)
                }
                None if operands == Operands::Nothing => {
                    self.ask(
                        Level::TeamLead,
                        "command.changes",
                        "what is set here is changed",
                    );
                    kept(&word.pattern)
                }
                None => {
                    let text = self.text(word);
                    if operands == Operands::Kept {
                        kept(&word.pattern)
                    } else {
                        text
                    }
                }
            };
            if shape.last() != Some(&text) {
                shape.push(text);
            }
        }
        shape
    }

    /// Judges a word of which only the letters count.
    pub(crate) fn text(&mut self, word: &Word) -> String {
        if !word.is_printable() || word.globs && word.substitution {
            self.unclear(
                "shell.expansion",
                format!("what {} becomes is not known before it runs", spelled(word)),
            );
        }
        "<text>".to_owned()
    }

    /// Gives a shape that covers these very words alone; none where one of them is not known.
    pub(crate) fn exactly(&self, name: &str, arguments: &[Word]) -> Option<String> {
        arguments
            .iter()
            .all(|word| word.literal.is_some())
            .then(|| exact(name, arguments))
    }
}

pub(super) fn exact(name: &str, arguments: &[Word]) -> String {
    let words = arguments
        .iter()
        .map(|word| kept(word.literal.as_deref().unwrap_or_default()));
    std::iter::once(kept(name))
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Gives the plain name of a program of the system; none for a path elsewhere.
pub(super) fn program_name(text: &str) -> Option<&str> {
    if !text.contains('/') {
        return Some(text);
    }
    if !text.starts_with('/') {
        return None;
    }
    let (_, name) = text.rsplit_once('/')?;
    let whole = joined("/", text);
    let dir = whole.strip_suffix(name)?.trim_end_matches('/');
    SYSTEM_PROGRAMS.contains(&dir).then_some(name)
}

/// Writes a word so that it can stand in a sentence.
pub(crate) fn spelled(word: &Word) -> String {
    shown(&word.pattern.replace(UNKNOWN, "…"))
}
