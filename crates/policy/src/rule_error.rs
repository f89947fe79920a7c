//! What can be wrong with rules.

/// Says why rules were refused; each names the setting.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// A glob that does not parse.
    #[error("read `{key}`: the glob {glob:?} does not parse; correct or remove it")]
    BadGlob {
        /// The setting.
        key: String,
        /// The glob as written.
        glob: String,
        /// What the parser says.
        source: globset::Error,
    },
    /// A glob that parses but cannot be meant.
    #[error("read `{key}`: the glob {glob:?} {why}; correct or remove it")]
    BadShape {
        /// The setting.
        key: String,
        /// The glob as written, cut.
        glob: String,
        /// What is wrong with it.
        why: String,
    },
    /// More globs than anybody writes by hand.
    #[error("read `{key}`: it has {len} globs; at most {max} are allowed")]
    TooMany {
        /// The setting.
        key: String,
        /// How many.
        len: usize,
        /// How many are allowed.
        max: usize,
    },
    /// A rule about commands that cannot be meant, or an example that it does not bear out.
    #[error("read `{key}`: rule {number} (`{rule}`) {why}", number = at + 1)]
    BadCommandRule {
        /// The setting.
        key: String,
        /// Which rule, from 0.
        at: usize,
        /// Which of its examples, from 0; none where the rule itself is wrong.
        example: Option<usize>,
        /// What the rule is about.
        rule: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A repository that asks for more freedom than the machine gives.
    #[error(
        "narrow policy by the repository's `{key}`: {why}; a repository may only narrow policy, so set it on the machine or remove it"
    )]
    Loosens {
        /// The setting in `hyperion.toml`.
        key: String,
        /// What it would loosen.
        why: String,
    },
}

impl RuleError {
    /// Names the setting that is wrong.
    pub fn key(&self) -> &str {
        match self {
            RuleError::BadGlob { key, .. }
            | RuleError::BadShape { key, .. }
            | RuleError::TooMany { key, .. }
            | RuleError::BadCommandRule { key, .. }
            | RuleError::Loosens { key, .. } => key,
        }
    }
}
