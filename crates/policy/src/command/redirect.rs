//! Redirections: what a command reads, and what it writes.

use hyperion_model::Level;
use rable::ast::{Node, NodeKind};

use super::judge::{Fed, Judge, Touch};
use super::shape::kept;
use super::standard_input::is_standard_input;
use super::word::Word;

impl Judge<'_> {
    /// Judges redirections; gives what they feed the command, and their shapes.
    pub(super) fn redirects(&mut self, redirects: &[Node], fed: Fed) -> (Fed, Vec<Option<String>>) {
        let mut fed = fed;
        let mut shapes = Vec::new();
        for redirect in redirects {
            shapes.push(self.redirect(redirect, &mut fed));
        }
        (fed, shapes)
    }

    fn redirect(&mut self, node: &Node, fed: &mut Fed) -> Option<String> {
        match &node.kind {
            NodeKind::HereDoc {
                content, quoted, ..
            } => {
                fed.has_input = true;
                fed.names = None;
                let puts_in = !quoted && content.contains(['$', '`', '\\']);
                if puts_in {
                    if content.contains(['$', '`']) {
                        self.unclear(
                            "shell.expansion",
                            "the text below the command takes in what is not known before it runs",
                        );
                    }
                    let before = self.fetched;
                    self.embedded(content);
                    fed.input |= self.fetched > before;
                }
                Some("<<<text>".to_owned())
            }
            NodeKind::Redirect {
                op,
                target,
                fd,
                varfd,
            } => {
                if varfd.is_some() {
                    self.unclear("shell.redirection", "the redirection sets a variable");
                }
                let before = self.fetched;
                let word = self.word(target);
                // Whatever the parser made of it, bash would not take this for a file or a text.
                if !word.quoted
                    && (word.pattern.is_empty()
                        || word.pattern.starts_with(['<', '>', '&', '|', ';']))
                {
                    self.unclear("shell.syntax", "the command cannot be parsed");
                }
                let fetched = self.fetched > before;
                let fd = if *fd < 0 {
                    String::new()
                } else {
                    fd.to_string()
                };
                // What is read from elsewhere is not what the pipe brings.
                if op.contains('<') {
                    fed.names = None;
                }
                match op.as_str() {
                    "<<<" => {
                        fed.has_input = true;
                        fed.input |= fetched;
                        self.text(&word);
                        (!word.substitution).then(|| "<<<text>".to_owned())
                    }
                    "<" => {
                        let is_same = word.literal.as_deref().is_some_and(is_standard_input);
                        fed.has_input |= !is_same;
                        fed.input |= fetched;
                        let path = self.path(&word, Touch::Read);
                        (!word.process).then(|| format!("{fd}<{path}"))
                    }
                    ">&" | "<&" if word.literal.as_deref().is_some_and(is_descriptor) => {
                        Some(format!("{fd}{op}{}", word.literal.unwrap_or_default()))
                    }
                    ">" | ">>" | ">|" | "<>" | "&>" | "&>>" | ">&" => {
                        let shape = self.written_file(&word);
                        Some(format!("{fd}{op}{shape}"))
                    }
                    _ => {
                        self.unclear("shell.redirection", "a redirection is not understood");
                        None
                    }
                }
            }
            _ => {
                self.unclear("shell.redirection", "a redirection is not understood");
                None
            }
        }
    }

    fn written_file(&mut self, word: &Word) -> String {
        if let Some(path @ ("/dev/null" | "/dev/stdout" | "/dev/stderr")) = word.literal.as_deref()
        {
            return kept(path);
        }
        self.ask(
            Level::TeamLead,
            "shell.redirection",
            format!("writes {}", super::judge::spelled(word)),
        );
        self.path(word, Touch::Write)
    }
}

/// Tells whether what follows `>&` is a number, or `-`.
fn is_descriptor(text: &str) -> bool {
    let number = text.strip_suffix('-').unwrap_or(text);
    !text.is_empty() && number.len() <= 3 && number.chars().all(|c| c.is_ascii_digit())
}
