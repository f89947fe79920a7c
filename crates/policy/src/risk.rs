//! What may go wrong with a change, by kind and severity.

use hyperion_model::{Level, RepoPath};
use serde::{Deserialize, Serialize};

/// How bad it would be; the order is the order of harm.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a word.
    #[default]
    Low,
    /// Worth a look.
    Medium,
    /// Worth somebody's time.
    High,
    /// Worth stopping everything else.
    Critical,
}

impl Severity {
    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// What kind of thing may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// Others who call this code may stop working.
    BreakingChange,
    /// The change touches what keeps others out.
    Security,
    /// The change may lose what is stored.
    DataLoss,
    /// The change shapes what is stored.
    Schema,
    /// The change touches what guards the repository itself.
    ProtectedPath,
    /// The change brings in another repository.
    Submodule,
    /// The change makes tests prove less.
    WeakenedTests,
    /// The change brings in foreign code, or another version of it.
    Dependency,
    /// The change adds to what others may call.
    Api,
    /// The change may be slow.
    Performance,
    /// The change makes a file that can be run.
    Executable,
    /// The change makes a link.
    Symlink,
    /// The change cannot be read by a person.
    Binary,
    /// The change is hard to read as a whole.
    Large,
}

impl RiskKind {
    /// Lists every kind, gravest first.
    pub const ALL: [RiskKind; 14] = [
        RiskKind::BreakingChange,
        RiskKind::Security,
        RiskKind::DataLoss,
        RiskKind::Schema,
        RiskKind::ProtectedPath,
        RiskKind::Submodule,
        RiskKind::WeakenedTests,
        RiskKind::Dependency,
        RiskKind::Api,
        RiskKind::Performance,
        RiskKind::Executable,
        RiskKind::Symlink,
        RiskKind::Binary,
        RiskKind::Large,
    ];

    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            RiskKind::BreakingChange => "breaking_change",
            RiskKind::Security => "security",
            RiskKind::DataLoss => "data_loss",
            RiskKind::Schema => "schema",
            RiskKind::ProtectedPath => "protected_path",
            RiskKind::Submodule => "submodule",
            RiskKind::WeakenedTests => "weakened_tests",
            RiskKind::Dependency => "dependency",
            RiskKind::Api => "api",
            RiskKind::Performance => "performance",
            RiskKind::Executable => "executable",
            RiskKind::Symlink => "symlink",
            RiskKind::Binary => "binary",
            RiskKind::Large => "large",
        }
    }

    /// Gives who has to agree, whatever the severity (S4).
    pub const fn level(self) -> Level {
        match self {
            RiskKind::BreakingChange
            | RiskKind::Security
            | RiskKind::DataLoss
            | RiskKind::Schema
            | RiskKind::ProtectedPath
            | RiskKind::Submodule => Level::Admin,
            RiskKind::WeakenedTests
            | RiskKind::Dependency
            | RiskKind::Api
            | RiskKind::Performance
            | RiskKind::Executable
            | RiskKind::Symlink
            | RiskKind::Binary => Level::TeamLead,
            // Size alone has its own rule: it counts against auto-approval by lines.
            RiskKind::Large => Level::Auto,
        }
    }
}

/// One thing that may go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// What kind.
    pub kind: RiskKind,
    /// How bad.
    pub severity: Severity,
    /// What it is, in words that follow "the change".
    pub description: String,
    /// Where.
    pub affected_files: Vec<RepoPath>,
}

/// Collects risks; the same words about several files become one risk.
#[derive(Debug, Default)]
pub(crate) struct Risks(Vec<Risk>);

impl Risks {
    /// Notes a risk of one file.
    pub(crate) fn add(
        &mut self,
        kind: RiskKind,
        severity: Severity,
        description: impl Into<String>,
        path: &RepoPath,
    ) {
        let description = description.into();
        let same = |risk: &&mut Risk| {
            risk.kind == kind && risk.severity == severity && risk.description == description
        };
        match self.0.iter_mut().find(same) {
            Some(risk) => {
                if risk.affected_files.last() != Some(path) {
                    risk.affected_files.push(path.clone());
                }
            }
            None => self.0.push(Risk {
                kind,
                severity,
                description,
                affected_files: vec![path.clone()],
            }),
        }
    }

    /// Notes a risk of several files.
    pub(crate) fn add_all(
        &mut self,
        kind: RiskKind,
        severity: Severity,
        description: String,
        affected_files: Vec<RepoPath>,
    ) {
        self.0.push(Risk {
            kind,
            severity,
            description,
            affected_files,
        });
    }

    /// Gives them, gravest first.
    pub(crate) fn into_sorted(mut self) -> Vec<Risk> {
        self.0.sort_by(|a, b| {
            let rank = |risk: &Risk| {
                (
                    std::cmp::Reverse((risk.kind.level(), risk.severity)),
                    risk.kind,
                )
            };
            rank(a).cmp(&rank(b))
        });
        self.0
    }
}
