//! One word of a command, as the shell would read it: what of it is known before it runs.

use rable::{Node, NodeKind};

use crate::place::Place;

/// Stands in a pattern for what is not known before the command runs.
pub(crate) const UNKNOWN: char = '\u{1}';

/// Variables that hold no secret and that the shell sets itself.
const PLAIN_VARIABLES: &[&str] = &[
    "?",
    "#",
    "$",
    "HOME",
    "PWD",
    "OLDPWD",
    "USER",
    "LOGNAME",
    "HOSTNAME",
    "SHELL",
    "LANG",
    "TERM",
    "UID",
    "EUID",
    "PPID",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "SHLVL",
    "COLUMNS",
    "LINES",
    "OSTYPE",
    "HOSTTYPE",
    "MACHTYPE",
    "PATH",
    "TZ",
    "EDITOR",
    "BASH_VERSION",
    "CI",
];

/// A word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// What it becomes, where nothing in it is expanded.
    pub(crate) literal: Option<String>,
    /// What it may become: the known letters, home and folder put in, [`UNKNOWN`] for the rest; patterns as written.
    pub(crate) pattern: String,
    /// Whether names of files are put in: `*`, `?`, `[…]`.
    pub(crate) globs: bool,
    /// Whether it becomes several words: `{a,b}`.
    pub(crate) braces: bool,
    /// Whether its value is put in where it holds secrets, or may: a variable that is not known to be plain.
    pub(crate) variable: bool,
    /// Whether the output of another command is put in.
    pub(crate) substitution: bool,
    /// Whether something else is put in that is not looked into.
    pub(crate) other: bool,
    /// Whether something plain is put in: `$?`, `$HOME`, a number.
    pub(crate) plain: bool,
    /// Whether any part of it was quoted.
    pub(crate) quoted: bool,
    /// Whether it is the name of another command's output: `<(…)`, and nothing else.
    pub(crate) process: bool,
    /// Whether it stands for names of sources that were found below the root, which may be read.
    pub(crate) found: bool,
    /// Text in it that hides further commands and has to be searched for them.
    pub(crate) embedded: Vec<String>,
}

impl Word {
    /// Makes a word that is known.
    pub(crate) fn known(text: &str) -> Self {
        Self {
            literal: Some(text.to_owned()),
            pattern: text.to_owned(),
            ..Self::default()
        }
    }

    /// Tells whether all that is put in does no harm where text is only printed.
    pub(crate) const fn is_printable(&self) -> bool {
        !self.variable && !self.other
    }

    /// Reads a word that the parser found.
    ///
    /// `names` are variables whose value is known: those of the loops around it.
    pub(crate) fn read(node: &Node, place: &Place, names: &[(String, Self)]) -> Self {
        let NodeKind::Word { value, parts, .. } = &node.kind else {
            return Self {
                other: true,
                ..Self::default()
            };
        };
        let mut reader = Reader {
            word: Self::default(),
            place,
            names,
            text: String::new(),
            is_literal: true,
            in_double: false,
            at_start: true,
        };
        if parts.is_empty() && !value.is_empty() {
            reader.letters(value);
        }
        if value == "[" {
            // The command, not the start of a pattern.
            return Self::known("[");
        }
        for part in parts {
            reader.part(part);
        }
        reader.word.process = matches!(parts.as_slice(), [part]
            if matches!(&part.kind, NodeKind::ProcessSubstitution { direction, .. } if direction == "<"));
        if reader.in_double {
            reader.unclear();
        }
        let mut word = reader.word;
        if reader.is_literal {
            word.literal = Some(reader.text);
        }
        word
    }
}

struct Reader<'p> {
    word: Word,
    place: &'p Place,
    names: &'p [(String, Word)],
    text: String,
    is_literal: bool,
    in_double: bool,
    at_start: bool,
}

impl Reader<'_> {
    fn part(&mut self, part: &Node) {
        match &part.kind {
            NodeKind::WordLiteral { value } => self.letters(value),
            NodeKind::AnsiCQuote { decoded, .. } if !self.in_double => {
                self.word.quoted = true;
                self.push_str(decoded);
            }
            NodeKind::LocaleString { inner, .. } if !self.in_double => {
                self.word.quoted = true;
                if inner.contains(['$', '`', '\\']) {
                    self.word.embedded.push(inner.clone());
                    self.unclear();
                } else {
                    self.push_str(inner);
                }
            }
            NodeKind::ParamExpansion {
                param,
                op: None,
                arg: None,
            } => self.variable(param),
            NodeKind::CommandSubstitution { .. } => {
                self.word.substitution = true;
                self.put_in();
            }
            NodeKind::ProcessSubstitution { .. } => {
                self.word.other = true;
                self.put_in();
            }
            NodeKind::ArithmeticExpansion {
                expression: Some(expression),
            } if is_plain_sum(expression) => {
                self.word.plain = true;
                self.put_in();
            }
            NodeKind::BraceExpansion { content } if !self.in_double => {
                self.word.braces = true;
                self.word.pattern.push_str(content);
                self.is_literal = false;
                if content.contains(|c: char| c.is_whitespace() || "$`(;&|<>".contains(c)) {
                    self.word.embedded.push(content.clone());
                    self.word.other = true;
                }
            }
            NodeKind::ParamExpansion { arg, .. } | NodeKind::ParamIndirect { arg, .. } => {
                self.word.embedded.extend(arg.clone());
                self.unclear();
            }
            _ => self.unclear(),
        }
        self.at_start = false;
    }

    fn variable(&mut self, name: &str) {
        let known = self.names.iter().rev().find(|(known, _)| known == name);
        if let Some((_, value)) = known {
            return self.known_value(value);
        }
        let value = match name {
            "HOME" => self.place.home().map(str::to_owned),
            // The folder may have changed since, so it only serves to see what is refused.
            "PWD" => Some(self.place.dir().to_owned()),
            _ => None,
        };
        if PLAIN_VARIABLES.contains(&name) {
            self.word.plain = true;
        } else {
            self.word.variable = true;
        }
        match value {
            Some(value) => {
                self.word.pattern.push_str(&value);
                self.is_literal = false;
            }
            None => self.put_in(),
        }
    }

    /// Puts in the value of a loop's variable.
    fn known_value(&mut self, value: &Word) {
        match &value.literal {
            Some(text) => self.push_str(text),
            // Out of quotes a name with a space in it would be two.
            None if value.globs && self.in_double => {
                self.word.globs = true;
                self.word.pattern.push_str(&value.pattern);
                self.is_literal = false;
            }
            None => {
                self.word.plain |= value.plain;
                self.word.substitution |= value.substitution || value.globs;
                self.put_in();
            }
        }
    }

    /// Reads letters as they stand in the command, with their quotes.
    fn letters(&mut self, raw: &str) {
        let mut letters = raw.chars().peekable();
        while let Some(c) = letters.next() {
            match c {
                '"' => {
                    self.in_double = !self.in_double;
                    self.word.quoted = true;
                }
                '\'' if !self.in_double => {
                    self.word.quoted = true;
                    let mut closed = false;
                    for inner in letters.by_ref() {
                        if inner == '\'' {
                            closed = true;
                            break;
                        }
                        self.push(inner);
                    }
                    if !closed {
                        self.unclear();
                    }
                }
                '\\' => self.escaped(&mut letters),
                // The parser took apart what it knows; what is left of these it did not.
                '`' => self.hidden(raw),
                '$' => {
                    let next = letters.peek().copied();
                    let means_something = next.is_some_and(|next| {
                        next.is_alphanumeric()
                            || "_{([@*#?-$!".contains(next)
                            || (!self.in_double && "'\"".contains(next))
                    });
                    if means_something {
                        self.hidden(raw);
                    } else {
                        self.push('$');
                    }
                }
                '<' | '>' if !self.in_double && letters.peek() == Some(&'(') => self.hidden(raw),
                '*' | '?' | '[' if !self.in_double => {
                    self.word.globs = true;
                    self.word.pattern.push(c);
                    self.is_literal = false;
                }
                '{' if !self.in_double && may_expand(letters.clone()) => {
                    self.word.braces = true;
                    self.word.pattern.push(c);
                    self.is_literal = false;
                }
                '~' if self.at_start && !self.in_double => self.tilde(&mut letters),
                // Bash parts words here, whatever the parser took for a bracket or a brace.
                c if !self.in_double && (c.is_whitespace() || ";&|<>()".contains(c)) => {
                    self.hidden(raw);
                    self.push(c);
                }
                c => self.push(c),
            }
            self.at_start = false;
        }
    }

    fn escaped(&mut self, letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        self.word.quoted = true;
        match letters.next() {
            None => self.unclear(),
            Some('\n') => {}
            Some(c) if self.in_double && !"$`\"\\".contains(c) => {
                self.push('\\');
                self.push(c);
            }
            Some(c) => self.push(c),
        }
    }

    fn tilde(&mut self, letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        match (letters.peek(), self.place.home()) {
            (None | Some('/'), Some(home)) => {
                let home = home.to_owned();
                self.push_str(&home);
            }
            // Somebody else's home, or a folder of the stack: only its end is known.
            _ => self.put_in_other(),
        }
    }

    fn hidden(&mut self, raw: &str) {
        self.word.embedded.push(raw.to_owned());
        self.unclear();
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.word.pattern.push(c);
    }

    fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.pattern.push_str(text);
    }

    /// Notes that something is put in that is not known.
    fn put_in(&mut self) {
        self.word.pattern.push(UNKNOWN);
        self.is_literal = false;
    }

    fn put_in_other(&mut self) {
        self.word.other = true;
        self.put_in();
    }

    fn unclear(&mut self) {
        self.put_in_other();
    }
}

/// Tells whether what follows an unquoted `{` may be a brace expansion.
fn may_expand(rest: std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let rest: String = rest.collect();
    let Some(end) = rest.find('}') else {
        return false;
    };
    rest[..end].contains(',') || rest[..end].contains("..") || rest[end + 1..].contains(',')
}

/// Tells whether a sum is of numbers alone: a name in it can hold anything, even a command.
fn is_plain_sum(node: &Node) -> bool {
    match &node.kind {
        NodeKind::ArithNumber { value } => value.chars().all(|c| c.is_ascii_alphanumeric()),
        NodeKind::ArithBinaryOp { left, right, .. } => is_plain_sum(left) && is_plain_sum(right),
        NodeKind::ArithUnaryOp { operand, .. } => is_plain_sum(operand),
        _ => false,
    }
}
