//! git: what a look at a repository prints beyond what was committed: files that it does not keep, addresses with passwords.
//!
//! What the history and the index hold of tracked files may be read; a name that the settings deny is refused wherever
//! it is spelled out.

use hyperion_model::Level;

use crate::command::call::Call;
use crate::command::judge::{Judge, spelled};
use crate::command::word::Word;
use crate::place::joined;

/// Operands may name a file in a commit (`HEAD:path`), or many by a pattern with magic (`:(top)path`, `:!path`).
pub(super) fn objects(judge: &mut Judge<'_>, call: &Call) {
    for word in &call.operands {
        judge.secret(word);
        match &word.literal {
            Some(text) => magic(judge, text),
            None if judge.brings_sources(word) => {}
            None => judge.unclear(
                "shell.expansion",
                "what git is to look at is not known before it runs",
            ),
        }
    }
}

/// Judges the path behind the magic of a pattern.
fn magic(judge: &mut Judge<'_>, text: &str) {
    let Some(rest) = text.strip_prefix(':') else {
        return;
    };
    let (path, takes_out) = match rest.strip_prefix('(') {
        Some(rest) => match rest.split_once(')') {
            Some((words, path)) if !words.contains(['\\', ':']) => {
                (path, words.split(',').any(|word| word == "exclude"))
            }
            _ => {
                return judge.unclear(
                    "git.pathspec",
                    "the pattern is not understood; write the path",
                );
            }
        },
        None => {
            let path = rest.trim_start_matches(['/', '!', '^', ':']);
            (path, rest[..rest.len() - path.len()].contains(['!', '^']))
        }
    };
    if !takes_out {
        for word in [Word::known(path), Word::known(path.trim_end_matches('*'))] {
            judge.secret(&word);
        }
    }
}

/// `git diff`: of two files of which one lies elsewhere it compares what is there, whether git keeps it or not.
pub(super) fn compared(judge: &mut Judge<'_>, call: &Call) {
    objects(judge, call);
    let outside = |word: &Word| {
        let text = match &word.literal {
            Some(text) => text.as_str(),
            None if judge.brings_sources(word) => word.pattern.as_str(),
            None => return true,
        };
        let is_path = text.starts_with(['/', '~']) || text.split('/').any(|part| part == "..");
        let lies_outside = |dir: &String| judge.place.root_of(&joined(dir, text)).is_none();
        text == "-" || is_path && judge.dirs.iter().any(lies_outside)
    };
    if let Some(word) = call.operands.iter().find(|word| outside(word)) {
        let detail = format!(
            "with {} git compares files that it does not keep as well; use `diff`",
            spelled(word)
        );
        judge.ask(Level::TeamLead, "git.untracked", detail);
    }
}

/// `git remote` lists names; addresses may hold a password or a token.
pub(super) fn remote(judge: &mut Judge<'_>, call: &Call) {
    if !call.operands.is_empty() {
        judge.ask(
            Level::TeamLead,
            "command.changes",
            "changes or asks another repository",
        );
    } else if call.has(&["-v", "--verbose"]) {
        judge.ask(
            Level::TeamLead,
            "command.secrets",
            "prints addresses, which may hold a password; `git remote` prints the names",
        );
    }
}

/// `git add -N`: from then on `git diff` shows what was not kept before.
pub(super) fn added(judge: &mut Judge<'_>, call: &Call) {
    for word in &call.operands {
        if let Some(text) = &word.literal {
            magic(judge, text);
        }
    }
    if call.has(&["-N", "--intent-to-add"]) {
        judge.ask(
            Level::TeamLead,
            "git.untracked",
            "lets `git diff` show files that git did not keep before",
        );
    }
}
