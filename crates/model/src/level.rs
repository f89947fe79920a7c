//! Approval levels and the decision that policy hands out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who has to agree; the order is the order of strictness, so the highest that applies wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nobody: policy itself lets it pass.
    Auto,
    /// A team lead or an admin.
    TeamLead,
    /// An admin.
    Admin,
    /// An admin, by hand, each time: never by a rule or a grant.
    ManualOnly,
}

impl Level {
    /// Lists every level, mildest first.
    pub const ALL: [Level; 4] = [
        Level::Auto,
        Level::TeamLead,
        Level::Admin,
        Level::ManualOnly,
    ];

    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Auto => "auto",
            Level::TeamLead => "team-lead",
            Level::Admin => "admin",
            Level::ManualOnly => "manual-only",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What policy says of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "level")]
pub enum Decision {
    /// It may go ahead.
    Allow,
    /// Somebody of this level has to agree first.
    Ask(Level),
    /// It is refused, whoever agrees.
    Deny,
}
