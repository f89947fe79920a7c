//! Judges shell commands (X2): what only looks runs, what changes something asks, what nobody may do is refused.
//!
//! A command is parsed as bash reads it, by a parser that is tested against bash itself (`rable`). What is not
//! understood asks; it is never allowed. Every simple command in it, wherever it stands, is judged by the tables in
//! `programs`, its paths and redirections by the path rules, and the worst of it all is the verdict.
//!
//! Nothing is followed and nothing is run: a script, an alias or a setting of the machine that changes what a program
//! does is not seen here. That is what the sandbox is for.

mod bounds;
mod call;
mod definition;
mod dialect;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod judge;
mod names;
mod programs;
mod redirect;
mod rule;
mod rule_cover;
mod shape;
mod standard_input;
mod touch;
mod walk;
mod word;

pub use bounds::{MAX_COMMAND_BYTES, MAX_NODES, MAX_OPENINGS, MAX_SEPARATORS};
pub(crate) use rule::check as check_rules;
pub use rule::{CommandRule, MAX_EXAMPLES, MAX_PREFIX, MAX_RULES, RuleVerdict};
pub use shape::Shape;

use crate::judgement::{Judgement, conclude};
use crate::place::Place;
use crate::rules::Rules;
use judge::{Fed, Judge};

/// Judges a shell command by rules, at a place.
pub fn judge_command(text: &str, rules: &Rules, place: &Place) -> Judgement {
    let mut judge = Judge::new(rules, place);
    if text.trim().is_empty() {
        judge.unclear("shell.empty", "there is no command");
    }
    let shape = judge.script(text, Fed::default());
    let shape = shape.filter(|shape| !shape.is_empty()).map(Shape::new);
    conclude(judge.findings, shape)
}

/// Judges a program and its arguments, which no shell reads.
pub fn judge_argv(argv: &[String], rules: &Rules, place: &Place) -> Judgement {
    let mut judge = Judge::new(rules, place);
    let mut words: Vec<word::Word> = Vec::new();
    for argument in argv {
        // The same letters are refused as in a command, and the same bounds hold.
        if let Some(finding) = bounds::letters(argument) {
            judge.findings.push(finding);
        }
        words.push(word::Word::known(argument));
    }
    if argv.is_empty() {
        judge.unclear("shell.empty", "there is no command");
    }
    let shape = judge.argv(&words, Fed::default()).map(Shape::new);
    conclude(judge.findings, shape)
}

/// Tells whether a pattern can only bring up files that are meant to be read: `*.rs`, `!target`.
pub(crate) fn search_glob_is_plain(glob: &str) -> bool {
    const SOURCES: &[&str] = &[
        "rs", "py", "js", "jsx", "ts", "tsx", "mjs", "cjs", "go", "java", "kt", "kts", "scala",
        "c", "h", "cc", "cpp", "hpp", "cs", "fs", "rb", "php", "swift", "m", "lua", "pl", "ex",
        "exs", "erl", "hs", "ml", "clj", "dart", "zig", "vue", "svelte", "html", "css", "scss",
        "md", "rst", "adoc", "txt", "sql", "proto", "graphql", "sh", "bash", "tex", "toml", "lock",
        "snap",
    ];
    if glob.starts_with('!') {
        return true;
    }
    let (dirs, name) = glob.rsplit_once('/').unwrap_or(("", glob));
    let hidden = dirs
        .split('/')
        .any(|part| part.starts_with('.') || part.contains(['[', '{', '?']));
    let source = name
        .strip_prefix("*.")
        .is_some_and(|extension| SOURCES.contains(&extension));
    source && !hidden
}
