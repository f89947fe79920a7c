//! What policy says of a command or a path, and why.

use hyperion_model::{Decision, Level};
use serde::Serialize;

use crate::command::Shape;

/// The most reasons that one judgement lists.
pub const MAX_REASONS: usize = 20;

/// Why something asks or is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What kind of reason: a stable word with a dot.
    pub code: &'static str,
    /// What it is and what can be done, in one sentence.
    pub detail: String,
}

/// What policy says of a command or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it may go ahead, and who has to agree.
    pub decision: Decision,
    /// The reasons, the weightiest first; empty if nothing speaks against it.
    pub reasons: Vec<Reason>,
    /// What a person can grant for a run instead of agreeing each time; none where nobody may.
    pub shape: Option<Shape>,
}

impl Judgement {
    /// Tells whether it goes ahead without anybody being asked.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.decision, Decision::Allow)
    }

    /// Tells whether nobody can agree to it.
    pub const fn is_denied(&self) -> bool {
        matches!(self.decision, Decision::Deny)
    }

    /// Gives the wire name of the verdict.
    pub const fn verdict(&self) -> &'static str {
        match self.decision {
            Decision::Allow => "allow",
            Decision::Ask(_) => "ask",
            Decision::Deny => "deny",
        }
    }

    /// Gives who has to agree; none where nobody can.
    pub const fn level(&self) -> Option<Level> {
        match self.decision {
            Decision::Allow => Some(Level::Auto),
            Decision::Ask(level) => Some(level),
            Decision::Deny => None,
        }
    }
}

/// One thing that speaks against a command or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    /// How deeply the command is nested inside other commands: a rule is about one command only.
    pub(crate) depth: usize,
    pub(crate) reason: Reason,
}

/// How much a finding weighs; the order is the order of what it takes to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// What it does is known, and somebody of this level may agree, once or for a run.
    Ask(Level),
    /// What it does is not known before it runs, so each time a person agrees to this very command, never to a shape or by a rule.
    Unclear(Level),
    /// Nobody may agree.
    Deny,
}

impl Finding {
    pub(crate) fn new(weight: Weight, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            weight,
            depth: 0,
            reason: Reason { code, detail },
        }
    }
}

/// Makes a judgement of findings; `shape` is dropped where nobody may grant one.
pub(crate) fn conclude(mut findings: Vec<Finding>, shape: Option<Shape>) -> Judgement {
    let decision = findings.iter().fold(Decision::Allow, |so_far, finding| {
        let next = match finding.weight {
            Weight::Ask(level) | Weight::Unclear(level) => Decision::Ask(level),
            Weight::Deny => Decision::Deny,
        };
        if rank(next) > rank(so_far) {
            next
        } else {
            so_far
        }
    });
    let grantable = findings
        .iter()
        .all(|finding| matches!(finding.weight, Weight::Ask(level) if level < Level::ManualOnly));
    findings.sort_by_key(|finding| {
        std::cmp::Reverse(match finding.weight {
            Weight::Ask(level) | Weight::Unclear(level) => rank(Decision::Ask(level)),
            Weight::Deny => rank(Decision::Deny),
        })
    });
    let mut reasons: Vec<Reason> = Vec::new();
    for finding in findings {
        if reasons.len() < MAX_REASONS && !reasons.contains(&finding.reason) {
            reasons.push(finding.reason);
        }
    }
    Judgement {
        decision,
        reasons,
        shape: shape.filter(|_| grantable),
    }
}

const fn rank(decision: Decision) -> u8 {
    match decision {
        Decision::Allow | Decision::Ask(Level::Auto) => 0,
        Decision::Ask(Level::TeamLead) => 1,
        Decision::Ask(Level::Admin) => 2,
        Decision::Ask(Level::ManualOnly) => 3,
        Decision::Deny => 4,
    }
}
