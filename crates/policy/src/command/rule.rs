//! Rules of the settings about commands: what they begin with, what that means, and examples that prove it.

use serde::{Deserialize, Serialize};

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
