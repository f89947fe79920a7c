//! Judges a change: what may go wrong with it, who has to agree, what refuses it.
//!
//! The highest level that applies wins; a blocker refuses whoever agrees.
//!
//! | what the change does | outcome |
//! | --- | --- |
//! | touches a path of the deny list, or outside the allow list | refused |
//! | touches a path outside what its task owns | refused |
//! | adds a secret | refused (a secret that stood in the same file before: admin) |
//! | makes a link out of the repository, or to a denied path | refused |
//! | is larger than the limits | refused |
//! | changes what guards the repository (`hyperion.toml`, CI, hooks, …) | admin |
//! | removes or changes what others may call | admin |
//! | touches security: by path, or by what its lines say | admin |
//! | changes the shape of stored data, or deletes stored data | admin |
//! | adds characters that cannot be seen, or a name of look-alike letters | admin |
//! | adds, moves or removes a submodule | admin |
//! | deletes, skips or weakens tests | team lead, never auto |
//! | changes dependencies | team lead, never auto |
//! | adds to what others may call | team lead, never auto |
//! | makes a file that can be run, a link, or binary content | team lead, never auto |
//! | may be slow | team lead, never auto |
//! | is a feature, or answers a debug or diagnose request | team lead, never auto |
//! | came from outside | at least team lead |
//! | takes a landing back | team lead; its risks are listed but do not raise it, because the level stored with the landing does (X9): use [`Assessment::at_least`]; only what guards the repository asks an admin all the same |
//! | is a bugfix, refactoring or text, with none of the above, and small (under `max_lines`), or only tests, or only formatting | auto where switched on, else team lead |

use hyperion_model::facts::Class;
use hyperion_model::{ChangeFacts, Decision, Level, RepoPath};
use serde::{Deserialize, Serialize};

use crate::blocker::{self, Blocker};
use crate::limits::{LARGE_FILES, LARGE_LINES, LINE_CHARS};
use crate::redact::Redactor;
use crate::risk::{Risk, RiskKind, Risks, Severity};
use crate::rules::Rules;
use crate::{exports, formatting, invisible, signals, weakened};

/// What policy says of a change, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Whether it may land, and who has to agree.
    pub decision: Decision,
    /// The level that its risks call for, also where it is refused.
    pub level: Level,
    /// What may go wrong, gravest first.
    pub risks: Vec<Risk>,
    /// What refuses it.
    pub blockers: Vec<Blocker>,
    /// Why it is decided so, one sentence each.
    pub reasons: Vec<String>,
    /// The gravest severity of its risks.
    pub severity: Severity,
    /// Lines added and removed.
    pub changed_lines: u64,
}

impl Assessment {
    /// Tells whether it may land, perhaps after somebody agreed.
    pub const fn allowed(&self) -> bool {
        !matches!(self.decision, Decision::Deny)
    }

    /// Tells whether somebody has to agree first.
    pub const fn requires_approval(&self) -> bool {
        matches!(self.decision, Decision::Ask(_))
    }

    /// Refuses it for these reasons as well; none changes nothing.
    #[must_use]
    pub fn refused_for(mut self, blockers: Vec<Blocker>) -> Self {
        if blockers.is_empty() {
            return self;
        }
        let reasons = blockers
            .iter()
            .map(|blocker| format!("refused: {}", blocker.detail));
        self.reasons.splice(0..0, reasons);
        for blocker in blockers {
            if self.blockers.len() < blocker::MAX_BLOCKERS && !self.blockers.contains(&blocker) {
                self.blockers.push(blocker);
            }
        }
        self.decision = Decision::Deny;
        self
    }

    /// Raises the level where it is lower, for instance to the one a landing was stored with.
    #[must_use]
    pub fn at_least(mut self, level: Level, reason: &str) -> Self {
        if level > self.level {
            self.level = level;
            self.reasons.insert(0, format!("{reason}: {}", asks(level)));
            self.decision = match self.decision {
                Decision::Deny => Decision::Deny,
                Decision::Allow | Decision::Ask(_) => Decision::Ask(level),
            };
        }
        self
    }
}

/// Judges a change by rules; `redactor` brings the secrets that must not be added.
pub fn assess(facts: &ChangeFacts, rules: &Rules, redactor: &Redactor) -> Assessment {
    let mut risks = Risks::default();
    let blockers = blocker::read(facts, rules, redactor, &mut risks);
    for item in &facts.items {
        invisible::read(item, &mut risks);
        for path in item.from_path.iter().chain([&item.path]) {
            place(path, rules, &mut risks);
        }
        if item.binary {
            risks.add(
                RiskKind::Binary,
                Severity::Medium,
                "has content that cannot be read",
                &item.path,
            );
        }
    }
    signals::read(&facts.items, rules, &mut risks);
    exports::read(&facts.items, rules, &mut risks);
    weakened::read(&facts.items, rules, &mut risks);
    let changed_lines = facts
        .items
        .iter()
        .map(|item| item.added.len() as u64 + item.removed.len() as u64)
        .fold(0, u64::saturating_add);
    if changed_lines >= LARGE_LINES || facts.items.len() >= LARGE_FILES {
        let says = format!(
            "is large: {changed_lines} lines in {} files",
            facts.items.len()
        );
        risks.add_all(RiskKind::Large, Severity::Low, says, Vec::new());
    }
    let risks = risks.into_sorted();

    let (base, why) = baseline(facts, rules, &risks);
    let mut level = base;
    let mut reasons = Vec::new();
    for risk in &risks {
        // A change to what guards the repository always asks, whether it tightens or loosens.
        let raised = if facts.is_rollback && risk.kind != RiskKind::ProtectedPath {
            Level::Auto
        } else {
            risk.kind.level()
        };
        if raised > Level::Auto && raised >= base {
            let says = format!("{}{}: {}", risk.description, places(risk), asks(raised));
            reasons.push(says);
        }
        level = level.max(raised);
    }
    match why {
        // When something refuses the change, leave out the reasons for which it would have passed.
        Some(_) if base == Level::Auto && !blockers.is_empty() => {}
        // What weighs most is read first.
        Some(why) if level > base => reasons.push(why),
        Some(why) => reasons.insert(0, why),
        None => {}
    }
    let decision = match level {
        _ if !blockers.is_empty() => Decision::Deny,
        Level::Auto => Decision::Allow,
        Level::TeamLead | Level::Admin | Level::ManualOnly => Decision::Ask(level),
    };
    reasons.splice(
        0..0,
        blockers
            .iter()
            .map(|blocker| format!("refused: {}", blocker.detail)),
    );
    Assessment {
        decision,
        level,
        severity: risks
            .iter()
            .map(|risk| risk.severity)
            .max()
            .unwrap_or_default(),
        risks,
        blockers,
        reasons,
        changed_lines,
    }
}

/// Notes what follows from where a path lies.
fn place(path: &RepoPath, rules: &Rules, risks: &mut Risks) {
    let text = path.as_str();
    if rules.protected.covers(text) {
        let says = "changes what guards the repository";
        risks.add(RiskKind::ProtectedPath, Severity::High, says, path);
    }
    if rules.schema.covers(text) {
        risks.add(
            RiskKind::Schema,
            Severity::High,
            "changes the shape of stored data",
            path,
        );
    }
    if rules.security.covers(text) && !rules.tests.covers(text) {
        risks.add(
            RiskKind::Security,
            Severity::High,
            "touches code that is about security",
            path,
        );
    }
    if rules.dependencies.covers(text) {
        risks.add(
            RiskKind::Dependency,
            Severity::Medium,
            "changes dependencies",
            path,
        );
    }
}

/// Gives the level that the change calls for by itself, and why. When only a risk keeps it
/// from passing there is no reason here, because the risk is one.
fn baseline(facts: &ChangeFacts, rules: &Rules, risks: &[Risk]) -> (Level, Option<String>) {
    let asked = |why: String| {
        let asks = asks(Level::TeamLead);
        (Level::TeamLead, Some(format!("{why}: {asks}")))
    };
    if facts.is_rollback {
        return asked("takes a landing back".to_owned());
    }
    if facts.from_outside {
        return asked("came from outside".to_owned());
    }
    match facts.class {
        Class::Feature => asked("is a feature".to_owned()),
        Class::Debug | Class::Diagnose => asked(format!(
            "answers a {} request, which only proposes",
            facts.class.name()
        )),
        Class::Bugfix | Class::Refactor | Class::Docs => {
            if !rules.source().auto_approve.enabled {
                let why = "auto-approval is switched off (`policy.auto_approve.enabled`)";
                return asked(why.to_owned());
            }
            if risks.iter().any(|risk| risk.kind.level() > Level::Auto) {
                return (Level::TeamLead, None);
            }
            match auto_ground(facts, rules) {
                Ok(ground) => (Level::Auto, Some(format!("{ground}: policy lets it pass"))),
                Err(obstacle) => asked(obstacle),
            }
        }
    }
}

/// Says why a change without risks may pass without a person, or why not (X3).
fn auto_ground(facts: &ChangeFacts, rules: &Rules) -> Result<String, String> {
    let max_lines = rules.source().auto_approve.max_lines;
    if facts.items.is_empty() {
        return Err("changes nothing".to_owned());
    }
    let only_tests = facts.items.iter().all(|item| {
        let was = item.from_path.as_ref().unwrap_or(&item.path);
        rules.tests.covers(item.path.as_str()) && rules.tests.covers(was.as_str())
    });
    if only_tests {
        return Ok("changes only tests, and weakens none".to_owned());
    }
    if facts.items.iter().all(formatting::is_formatting) {
        return Ok("changes only formatting".to_owned());
    }
    let lines = weighed_lines(facts);
    if lines < u64::from(max_lines) {
        Ok(format!("is small ({lines} lines, under {max_lines})"))
    } else {
        Err(format!(
            "is not small ({lines} lines, the limit is under {max_lines})"
        ))
    }
}

/// Counts changed lines, a long one as several.
fn weighed_lines(facts: &ChangeFacts) -> u64 {
    let lines = facts
        .items
        .iter()
        .flat_map(|item| item.added.iter().chain(&item.removed));
    lines
        .map(|line| 1 + (line.len() / LINE_CHARS) as u64)
        .fold(0, u64::saturating_add)
}

pub(crate) fn asks(level: Level) -> &'static str {
    match level {
        Level::Auto => "nobody is asked",
        Level::TeamLead => "asks a team lead",
        Level::Admin => "asks an admin",
        Level::ManualOnly => "asks an admin, by hand",
    }
}

fn places(risk: &Risk) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = risk
        .affected_files
        .iter()
        .take(SHOWN)
        .map(RepoPath::as_str)
        .collect();
    match (
        shown.is_empty(),
        risk.affected_files.len().saturating_sub(SHOWN),
    ) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({})", shown.join(", ")),
        (false, more) => format!(" ({} and {more} more)", shown.join(", ")),
    }
}
