//! Rules of the settings about commands: what they begin with, what that means, and examples that prove it.

use serde::{Deserialize, Serialize};

use super::judge_command;
use crate::place::Place;
use crate::rule_error::RuleError;
use crate::rules::Rules;

/// The most rules about commands.
pub const MAX_RULES: usize = 200;
/// The most words that a rule may begin with.
pub const MAX_PREFIX: usize = 16;
/// The most examples of one rule.
pub const MAX_EXAMPLES: usize = 50;

/// What a rule says of the commands it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleVerdict {
    /// They run without asking, as far as the program itself is concerned.
    Allow,
    /// They ask.
    Ask,
    /// They are refused.
    Deny,
}

impl RuleVerdict {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            RuleVerdict::Allow => "allow",
            RuleVerdict::Ask => "ask",
            RuleVerdict::Deny => "deny",
        }
    }
}

/// A rule about commands (`[[policy.commands]]`).
///
/// An `allow` lifts what a program's table asks for; it never lifts what is refused, what an admin is asked, what is
/// not understood, or what is said of paths, redirections and variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRule {
    /// The words that a command begins with, the program's plain name first.
    pub prefix: Vec<String>,
    /// What that means.
    pub verdict: RuleVerdict,
    /// Why; people read it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Commands with the verdict that all rules together must give: `allow cargo test retry`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl CommandRule {
    /// Says what it does and why, in words that follow the rule.
    pub(crate) fn says(&self) -> String {
        let does = match self.verdict {
            RuleVerdict::Allow => "lets it run",
            RuleVerdict::Ask => "asks",
            RuleVerdict::Deny => "refuses it",
        };
        if self.reason.is_empty() {
            does.to_owned()
        } else {
            format!("{does}: {}", self.reason)
        }
    }
}

/// Where rules about commands stand in the settings.
const KEY: &str = "policy.commands";
/// The most letters of a rule's reason.
const MAX_REASON: usize = 200;

/// Checks rules from `from` on, and that all rules together bear their examples out.
pub(crate) fn check(rules: &Rules, from: usize) -> Result<(), RuleError> {
    let list = rules.commands();
    if list.len() > MAX_RULES {
        return Err(RuleError::TooMany {
            key: KEY.to_owned(),
            len: list.len(),
            max: MAX_RULES,
        });
    }
    // Examples are judged in a repository of their own, so that they mean the same everywhere.
    let Ok(place) = Place::at("/repo", Some("/home/you")) else {
        return Ok(());
    };
    for (at, rule) in list.iter().skip(from).enumerate() {
        let bad = |example: Option<usize>, why: String| RuleError::BadCommandRule {
            key: KEY.to_owned(),
            at,
            example,
            rule: rule.prefix.join(" ").chars().take(80).collect(),
            why,
        };
        if let Some(why) = shape_of(rule) {
            return Err(bad(None, why.to_owned()));
        }
        let begins = rule.prefix.join(" ");
        for (number, example) in rule.examples.iter().enumerate() {
            let wanted = example.split_once(' ').filter(|(verdict, command)| {
                matches!(*verdict, "allow" | "ask" | "deny") && !command.trim().is_empty()
            });
            let Some((verdict, command)) = wanted else {
                let why = format!(
                    "has the example {example:?}, which is no verdict and command: write `ask {begins}`"
                );
                return Err(bad(Some(number), why));
            };
            let judged = judge_command(command, rules, &place);
            if judged.verdict() != verdict {
                let because = judged
                    .reasons
                    .first()
                    .map(|reason| format!(" ({})", reason.detail))
                    .unwrap_or_default();
                let why = format!(
                    "says `{verdict}` of `{command}`, but the verdict is `{}`{because}; correct the example or the rule",
                    judged.verdict()
                );
                return Err(bad(Some(number), why));
            }
        }
        let shown = rule.examples.iter().any(|example| {
            let command = example.split_once(' ').map_or("", |(_, command)| command);
            command.trim_start().starts_with(&begins)
        });
        if !shown {
            let why = format!(
                "has no example that begins with it; add `{} {begins}`",
                rule.verdict.name()
            );
            return Err(bad(None, why));
        }
    }
    Ok(())
}

/// Says what is wrong with a rule by itself, if anything.
fn shape_of(rule: &CommandRule) -> Option<&'static str> {
    let odd =
        |word: &String| word.is_empty() || word.len() > 256 || word.chars().any(char::is_control);
    if rule.prefix.is_empty() || rule.prefix.len() > MAX_PREFIX || rule.prefix.iter().any(odd) {
        return Some("needs a `prefix` of 1 to 16 plain words, for instance [\"cargo\", \"test\"]");
    }
    if rule
        .prefix
        .first()
        .is_some_and(|program| program.contains(['/', ' ']))
    {
        return Some(
            "begins with a path or several words; give the program's plain name, then each word by itself",
        );
    }
    if rule.reason.chars().count() > MAX_REASON || rule.reason.chars().any(char::is_control) {
        return Some("has a `reason` that is not one line of at most 200 letters");
    }
    if rule.examples.len() > MAX_EXAMPLES {
        return Some("has more than 50 examples");
    }
    None
}
