//! Walks a parsed command: every simple command in it is judged, wherever it stands.

use rable::ast::{ListItem, ListOperator, Node, NodeKind};

use super::bounds::MAX_NODES;
use super::definition::{calls_itself, is_command};
use super::judge::{Fed, Judge};
use super::word::Word;

/// Variables before a command that change only how things look.
const HARMLESS_VARIABLES: &[&str] = &[
    "CARGO_TERM_COLOR",
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "LINES",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TERM",
    "TZ",
];

impl Judge<'_> {
    /// Judges a command that is text; gives its shape.
    pub(crate) fn script(&mut self, text: &str, fed: Fed) -> Option<String> {
        if let Some(finding) = super::bounds::check(text) {
            self.findings.push(finding);
            return None;
        }
        if self.depth >= 8 {
            self.unclear(
                "shell.too_deep",
                "commands inside of commands are too deep to be understood",
            );
            return None;
        }
        self.depth += 1;
        // Another shell does not know the variables of a loop around it.
        let names = std::mem::take(&mut self.names);
        let shape = match rable::parse(text, false) {
            Ok(nodes) => self.sequence(&nodes, fed),
            Err(_) => {
                self.unclear("shell.syntax", "the command cannot be parsed");
                None
            }
        };
        self.names = names;
        self.depth -= 1;
        shape
    }

    fn sequence(&mut self, nodes: &[Node], fed: Fed) -> Option<String> {
        let mut shapes = Vec::new();
        for node in nodes {
            shapes.push(self.node(node, fed));
        }
        let shapes: Option<Vec<String>> = shapes.into_iter().collect();
        shapes.map(|shapes| shapes.join("; "))
    }

    /// Judges one node and all below it; gives its shape, where it has one.
    fn node(&mut self, node: &Node, fed: Fed) -> Option<String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            if self.nodes == MAX_NODES + 1 {
                self.unclear(
                    "shell.too_long",
                    "the command holds too much to be understood",
                );
            }
            return None;
        }
        match &node.kind {
            NodeKind::Command {
                assignments,
                words,
                redirects,
            } => self.command(assignments, words, redirects, fed),
            NodeKind::Pipeline { commands, .. } => self.pipeline(commands, fed),
            NodeKind::List { items } => self.list(items, fed),
            NodeKind::Negation { pipeline } => {
                self.node(pipeline, fed).map(|shape| format!("! {shape}"))
            }
            NodeKind::Time { pipeline, .. } => self.node(pipeline, fed),
            NodeKind::Subshell { body, redirects } | NodeKind::BraceGroup { body, redirects } => {
                let fed = self.redirects(redirects, fed).0;
                self.node(body, fed);
                None
            }
            NodeKind::If {
                condition,
                then_body,
                else_body,
                redirects,
            } => {
                let fed = self.redirects(redirects, fed).0;
                self.node(condition, fed);
                self.node(then_body, fed);
                if let Some(body) = else_body {
                    self.node(body, fed);
                }
                None
            }
            NodeKind::While {
                condition,
                body,
                redirects,
            } if is_command(condition, "false") => {
                let fed = self.redirects(redirects, fed).0;
                self.repeated(&[condition, body], fed);
                None
            }
            NodeKind::While {
                condition,
                body,
                redirects,
            }
            | NodeKind::Until {
                condition,
                body,
                redirects,
            } => {
                self.unclear(
                    "shell.endless",
                    "when the loop ends is not known before it runs",
                );
                let fed = self.redirects(redirects, fed).0;
                self.repeated(&[condition, body], fed);
                None
            }
            NodeKind::For {
                var,
                words,
                body,
                redirects,
            } => {
                let fed = self.redirects(redirects, fed).0;
                // What the shell and programs look at is spelled in capitals: `for PATH in .`.
                if var
                    .chars()
                    .any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
                {
                    self.variable(var);
                }
                if self.names.iter().any(|(known, _)| known == var) {
                    self.unclear(
                        "shell.variable",
                        format!("two loops use the variable `{var}`"),
                    );
                }
                let words: Vec<Word> = words.iter().flatten().map(|word| self.word(word)).collect();
                let values = super::names::values(&words);
                if values.is_empty() {
                    self.repeated(&[body], fed);
                }
                for value in values {
                    self.names.push((var.clone(), value));
                    self.repeated(&[body], fed);
                    self.names.pop();
                }
                None
            }
            NodeKind::ForArith {
                init,
                cond,
                incr,
                body,
                redirects,
            } => {
                let fed = self.redirects(redirects, fed).0;
                self.unclear("shell.arithmetic", "what a sum does is not looked into");
                for text in [init, cond, incr] {
                    self.embedded(text);
                }
                self.repeated(&[body], fed);
                None
            }
            NodeKind::Select {
                words,
                body,
                redirects,
                ..
            } => {
                self.unclear("shell.waits", "`select` waits for a person");
                let fed = self.redirects(redirects, fed).0;
                for word in words.iter().flatten() {
                    self.word(word);
                }
                self.repeated(&[body], fed);
                None
            }
            NodeKind::Case {
                word,
                patterns,
                redirects,
            } => {
                let fed = self.redirects(redirects, fed).0;
                let word = self.word(word);
                // Which branch runs tells what it holds.
                self.text(&word);
                for pattern in patterns {
                    for word in &pattern.patterns {
                        self.word(word);
                    }
                    if let Some(body) = &pattern.body {
                        self.node(body, fed);
                    }
                }
                None
            }
            NodeKind::Function { name, body } => {
                self.function(name, body);
                None
            }
            NodeKind::Coproc { command, .. } => {
                self.unclear("shell.outlives", "`coproc` goes on beside the command");
                self.node(command, Fed::default());
                None
            }
            NodeKind::ConditionalExpr { body, redirects } => {
                self.redirects(redirects, fed);
                self.condition(body);
                Some("[[ … ]]".to_owned()).filter(|_| redirects.is_empty())
            }
            NodeKind::ArithmeticCommand { raw_content, .. } => {
                self.unclear("shell.arithmetic", "what a sum does is not looked into");
                self.embedded(raw_content);
                None
            }
            NodeKind::Comment { .. } => Some(String::new()),
            NodeKind::Empty => Some(String::new()),
            _ => {
                self.unclear("shell.syntax", "a part of the command is not understood");
                None
            }
        }
    }

    fn pipeline(&mut self, commands: &[Node], fed: Fed) -> Option<String> {
        let mut shapes = Vec::new();
        let mut fed = fed;
        for command in commands {
            let before = self.fetched;
            shapes.push(self.node(command, fed));
            fed.has_input = true;
            fed.input |= self.fetched > before;
            fed.names = self.names_printed(command, fed.names);
        }
        let shapes: Option<Vec<String>> = shapes.into_iter().collect();
        shapes.map(|shapes| shapes.join(" | "))
    }

    fn list(&mut self, items: &[ListItem], fed: Fed) -> Option<String> {
        let mut whole = Some(String::new());
        for (at, item) in items.iter().enumerate() {
            let shape = self.node(&item.command, fed);
            if item.operator == Some(ListOperator::Background) {
                self.unclear(
                    "shell.outlives",
                    "`&` lets it go on when the command has ended",
                );
            }
            whole = whole.zip(shape).map(|(mut whole, shape)| {
                whole.push_str(&shape);
                if at + 1 < items.len() {
                    whole.push_str(match item.operator {
                        Some(ListOperator::And) => " && ",
                        Some(ListOperator::Or) => " || ",
                        Some(ListOperator::Semi) | None => "; ",
                        Some(ListOperator::Background) => " & ",
                    });
                }
                whole
            });
        }
        whole
    }

    /// Judges what may run more than once: a folder that it enters is where it starts the next time.
    fn repeated(&mut self, nodes: &[&Node], fed: Fed) {
        let (dirs, lost) = (self.dirs.len(), self.lost);
        for node in nodes {
            self.node(node, fed);
        }
        if self.dirs.len() > dirs || self.lost != lost {
            self.lost = true;
            for node in nodes {
                self.node(node, fed);
            }
        }
    }

    fn function(&mut self, name: &str, body: &Node) {
        self.unclear(
            "shell.definition",
            format!("the function `{name}` gives a name a new meaning"),
        );
        if calls_itself(body, name, false) {
            self.deny(
                "command.forbidden",
                format!("the function `{name}` starts itself again and again beside itself"),
            );
        }
        self.node(body, Fed::default());
    }

    fn command(
        &mut self,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        fed: Fed,
    ) -> Option<String> {
        let before = self.fetched;
        let mut shape = Vec::new();
        for assignment in assignments {
            shape.push(self.assignment(assignment));
        }
        let read: Vec<Word> = words.iter().map(|word| self.word(word)).collect();
        let (fed, redirections) = self.redirects(redirects, fed);
        let fed = Fed {
            word: fed.word || self.fetched > before,
            ..fed
        };
        if !read.is_empty() {
            shape.push(self.argv(&read, fed));
        }
        shape.extend(redirections);
        // What runs for its output is no part of the shape, so there is none.
        if read.iter().any(|word| word.substitution || word.process) {
            return None;
        }
        let shape: Option<Vec<String>> = shape.into_iter().collect();
        shape.map(|shape| shape.join(" "))
    }

    /// Reads a word, and judges the commands whose output it takes in.
    pub(super) fn word(&mut self, node: &Node) -> Word {
        let word = Word::read(node, self.place, &self.names);
        if word.braces
            && let NodeKind::Word { value, .. } = &node.kind
            && super::bounds::brace_words(value) > super::bounds::MAX_BRACE_WORDS
        {
            self.unclear(
                "shell.endless",
                "the braces become more words than are looked into",
            );
        }
        if let NodeKind::Word { parts, .. } = &node.kind {
            for part in parts {
                if let NodeKind::CommandSubstitution { command, .. }
                | NodeKind::ProcessSubstitution { command, .. } = &part.kind
                {
                    // A folder entered in there is not entered out here, but that is not worth knowing.
                    self.node(command, Fed::default());
                }
                if let NodeKind::ArithmeticExpansion { .. } = &part.kind
                    && word.other
                    && let NodeKind::Word { value, .. } = &node.kind
                {
                    self.embedded(value.trim_start_matches("$((").trim_end_matches("))"));
                }
            }
        }
        for text in word.embedded.clone() {
            self.embedded(&text);
        }
        word
    }

    /// Looks for commands in text that is not understood: what is refused is refused there too.
    pub(super) fn embedded(&mut self, text: &str) {
        if !text.contains("$(")
            && !text.contains('`')
            && !text.contains("<(")
            && !text.contains(">(")
        {
            return;
        }
        self.unclear(
            "shell.expansion",
            "a part of the command becomes known only when it runs",
        );
        if self.depth >= 8 || super::bounds::check(text).is_some() {
            return;
        }
        let quoted = format!(": \"{}\"", text.replace('"', " "));
        let bare = format!(": {text}");
        self.depth += 1;
        let parsed = rable::parse(&bare, false).or_else(|_| rable::parse(&quoted, false));
        if let Ok(nodes) = parsed {
            for node in &nodes {
                self.node(node, Fed::default());
            }
        }
        self.depth -= 1;
    }

    fn assignment(&mut self, node: &Node) -> Option<String> {
        let word = self.word(node);
        let Some((name, _)) = word
            .literal
            .as_deref()
            .and_then(|text| text.split_once('='))
        else {
            self.unclear(
                "shell.variable",
                "what a variable is set to is not known before the command runs",
            );
            self.secret(&word);
            return None;
        };
        self.secret(&word);
        if HARMLESS_VARIABLES.contains(&name) {
            return Some(format!("{name}=<text>"));
        }
        self.variable(name);
        None
    }

    /// Notes a variable that may change what programs do.
    pub(crate) fn variable(&mut self, name: &str) {
        self.unclear(
            "shell.variable",
            format!(
                "the variable `{}` may change what programs do",
                name.trim_end_matches('+')
            ),
        );
    }

    /// Tells whether a variable changes only how things look.
    pub(crate) fn is_harmless_variable(name: &str) -> bool {
        HARMLESS_VARIABLES.contains(&name)
    }

    fn condition(&mut self, node: &Node) {
        self.nodes += 1;
        match &node.kind {
            NodeKind::CondAnd { left, right } | NodeKind::CondOr { left, right } => {
                self.condition(left);
                self.condition(right);
            }
            NodeKind::CondNot { operand } => self.condition(operand),
            NodeKind::CondParen { inner } => self.condition(inner),
            NodeKind::UnaryTest { op, operand } => {
                if matches!(op.as_str(), "-v" | "-R") {
                    self.unclear("shell.arithmetic", "what `-v` looks up may run a command");
                }
                self.condition(operand);
            }
            NodeKind::BinaryTest { left, right, .. } => {
                self.condition(left);
                self.condition(right);
            }
            NodeKind::CondTerm { value, .. } | NodeKind::Word { value, .. } => {
                // In `[[ ]]` a number may be a sum, and a sum may run a command.
                if value.contains(['$', '`']) || value.contains("<(") || value.contains(">(") {
                    self.unclear(
                        "shell.expansion",
                        "what is compared is not known before it runs",
                    );
                    self.embedded(value);
                } else if value.contains('[')
                    && value.contains(']')
                    && value.starts_with(|c: char| c.is_alphabetic())
                {
                    self.unclear("shell.arithmetic", "what is compared may be a sum");
                }
            }
            _ => self.unclear("shell.syntax", "a part of the condition is not understood"),
        }
    }
}
