//! What the rules of the settings change about a command: which they cover, and what an `allow` lifts.

use hyperion_model::Level;

use super::call::Call;
use super::judge::Judge;
use super::programs::{self, Known, Operands};
use super::rule::{CommandRule, RuleVerdict};
use super::word::Word;
use crate::defaults;
use crate::judgement::{Finding, Weight};
use crate::path::{absolute, shown};
use crate::path_set::matches_any;

impl Judge<'_> {
    /// Lets the rules have their say on what was found since `start` about the command that these words are.
    pub(super) fn by_rules(
        &mut self,
        name: &str,
        words: &[Word],
        start: usize,
        shape: Option<String>,
    ) -> Option<String> {
        let mut shape = shape;
        let rules = self.rules;
        for rule in rules.commands() {
            if !covers(rule, name, words) {
                continue;
            }
            let detail = format!("the rule `{}` {}", rule.prefix.join(" "), rule.says());
            match rule.verdict {
                RuleVerdict::Allow => self.lift(words, start),
                RuleVerdict::Ask => self.ask(Level::TeamLead, "rule.asks", detail),
                RuleVerdict::Deny => self.deny("rule.denies", detail),
            }
            // A rule looks at words that a shape generalises.
            shape = shape.and(self.exactly(name, words.get(1..).unwrap_or_default()));
        }
        shape
    }

    /// Takes away what this command's own table asks for; what stands inside of it keeps its reasons.
    fn lift(&mut self, words: &[Word], start: usize) {
        let depth = self.depth;
        let lifted = |finding: &Finding| {
            finding.weight == Weight::Ask(Level::TeamLead)
                && finding.depth == depth
                && finding.reason.code.starts_with("command.")
                && finding.reason.code != "command.secrets"
        };
        let before = self.findings.len();
        let mut at = 0;
        self.findings.retain(|finding| {
            at += 1;
            at <= start || !lifted(finding)
        });
        if self.findings.len() < before {
            self.outside(words.get(1..).unwrap_or_default());
        }
    }

    /// Notes words that are a path outside of the roots, for programs whose words nobody else looks at.
    fn outside(&mut self, words: &[Word]) {
        for word in words {
            let text = word.pattern.as_str();
            let behind = text.split_once('=').map(|(_, value)| value);
            for candidate in [Some(text), behind].into_iter().flatten() {
                let is_path = candidate.starts_with(['/', '~'])
                    || candidate.split('/').any(|part| part == "..");
                let is_outside = |dir: &String| {
                    absolute(candidate, dir, self.place).is_ok_and(|path| {
                        self.place.root_of(&path).is_none()
                            && !matches_any(defaults::READABLE, &path)
                    })
                };
                if is_path && self.dirs.iter().any(is_outside) {
                    let detail = format!("{} is outside of the roots", shown(candidate));
                    self.ask(Level::TeamLead, "path.outside", detail);
                }
            }
        }
    }
}

/// Tells whether a rule is about a command, also where options stand before the subcommand.
///
/// What narrows is about every spelling, and about words that an unknown program may run. An `allow` is about a command
/// only where those options are known to change nothing about what runs.
fn covers(rule: &CommandRule, name: &str, words: &[Word]) -> bool {
    let narrows = rule.verdict != RuleVerdict::Allow;
    if covers_itself(rule, name, words.get(1..).unwrap_or_default()) {
        return true;
    }
    let may_run_its_words = || match programs::find(plain(name)) {
        None => true,
        Some(Known::Program(program)) => program.operands == Operands::Kept,
        Some(Known::Family(_) | Known::Wrapper(_)) => false,
    };
    let covers_rest = |at: usize| {
        let name = words[at].literal.as_deref();
        name.is_some_and(|name| covers_itself(rule, name, &words[at + 1..]))
    };
    narrows && may_run_its_words() && (1..words.len()).any(covers_rest)
}

fn plain(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn covers_itself(rule: &CommandRule, name: &str, rest: &[Word]) -> bool {
    let Some((program, wanted)) = rule.prefix.split_first() else {
        return false;
    };
    let narrows = rule.verdict != RuleVerdict::Allow;
    if program != name && !(narrows && program == plain(name)) {
        return false;
    }
    if begins(rest, wanted) {
        return true;
    }
    let Some(Known::Family(family)) = programs::find(plain(name)) else {
        return narrows && begins_behind_options(rest, wanted);
    };
    let call = Call::read(rest, family.options, true);
    match narrows {
        true => {
            begins_behind_options(&call.operands, wanted)
                || !call.unknown.is_empty() && begins_behind_options(rest, wanted)
        }
        false => {
            begins(&call.operands, wanted)
                && call.unknown.is_empty()
                && call.given.iter().all(|given| !given.asks)
        }
    }
}

fn begins(words: &[Word], wanted: &[String]) -> bool {
    wanted.len() <= words.len()
        && wanted
            .iter()
            .zip(words)
            .all(|(wanted, word)| word.literal.as_deref() == Some(wanted))
}

/// Tells whether words begin in this way once options, and what may be the value of one, are left out.
fn begins_behind_options(words: &[Word], wanted: &[String]) -> bool {
    let is_option = |word: &Word| word.pattern.starts_with(['-', '+']);
    let mut rest = words;
    loop {
        if begins(rest, wanted) {
            return true;
        }
        rest = match rest {
            [option, after @ ..] if is_option(option) => match after {
                [value, behind @ ..] if !is_option(value) && !begins(after, wanted) => behind,
                _ => after,
            },
            _ => return false,
        };
    }
}
