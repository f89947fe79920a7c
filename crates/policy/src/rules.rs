//! The rules of one home and one repository, compiled.

use hyperion_model::Digest;
use serde::{Deserialize, Serialize};

use crate::command::{CommandRule, RuleVerdict};
use crate::defaults;
use crate::owned_paths::OwnedPaths;
use crate::path_set::{Anchor, Case, PathSet};
use crate::rule_error::RuleError;

/// Rises whenever the meaning of a rule changes, so that the digest of a policy changes too.
pub const POLICY_VERSION: u32 = 3;

/// Says which paths may change (`[policy.paths]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PathRules {
    /// Only these may change; empty: all.
    pub allow: Vec<String>,
    /// These may never change, whoever agrees; `!` takes paths out again.
    pub deny: Vec<String>,
}

/// Says what may land without a person (`[policy.auto_approve]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoApprove {
    /// Whether anything may.
    pub enabled: bool,
    /// A change is small when it changes fewer lines than this.
    pub max_lines: u32,
}

/// Bounds the size of one change (`[policy.limits]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most kilobytes that one item may write.
    pub max_item_kb: u64,
    /// The most kilobytes that a whole change may write.
    pub max_change_kb: u64,
    /// The most paths that a change may touch.
    pub max_files: usize,
}

/// Rules as they are written, before they are compiled (the machine's `[policy]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSource {
    /// Which paths may change.
    pub paths: PathRules,
    /// What may land without a person.
    pub auto_approve: AutoApprove,
    /// How large a change may be.
    pub limits: Limits,
    /// What guards the repository: asks an admin.
    pub protected: Vec<String>,
    /// What shapes stored data: asks an admin.
    pub schema: Vec<String>,
    /// What describes the interface that others call.
    pub public_api: Vec<String>,
    /// What names foreign code.
    pub dependencies: Vec<String>,
    /// What is said of commands beyond what the tables say.
    pub commands: Vec<CommandRule>,
    /// What is about security: asks an admin.
    pub security: Vec<String>,
    /// What counts as a test.
    pub tests: Vec<String>,
    /// Where secrets are samples: a found one asks an admin instead of being refused.
    pub secret_samples: Vec<String>,
    /// Who owns which paths.
    pub owners: OwnedPaths,
}

/// What a repository adds (`[policy]` in its `hyperion.toml`): it may only narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepoPolicy {
    /// Narrower paths.
    pub paths: RepoPaths,
    /// Stricter auto-approval.
    pub auto_approve: RepoAutoApprove,
    /// More that guards the repository.
    pub protected: Vec<String>,
    /// More that shapes stored data.
    pub schema: Vec<String>,
    /// More that others call.
    pub public_api: Vec<String>,
    /// More that names foreign code.
    pub dependencies: Vec<String>,
    /// More that is about security.
    pub security: Vec<String>,
    /// Commands that ask here, or are refused.
    pub commands: Vec<CommandRule>,
}

/// Narrower paths (`[policy.paths]` in `hyperion.toml`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepoPaths {
    /// Only these may change, on top of what the machine says.
    pub allow: Vec<String>,
    /// These may not change either.
    pub deny: Vec<String>,
}

/// Stricter auto-approval (`[policy.auto_approve]` in `hyperion.toml`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepoAutoApprove {
    /// `false` switches it off.
    pub enabled: Option<bool>,
    /// A lower limit.
    pub max_lines: Option<u32>,
}

/// Compiled rules: what [`crate::assess()`] judges by.
#[derive(Debug, Clone)]
pub struct Rules {
    source: RuleSource,
    /// The allow lists of the machine and of the repository: a path has to be in each.
    allow_sources: Vec<Vec<String>>,
    allow: Vec<PathSet>,
    pub(crate) deny: PathSet,
    pub(crate) protected: PathSet,
    pub(crate) schema: PathSet,
    pub(crate) public_api: PathSet,
    pub(crate) dependencies: PathSet,
    pub(crate) security: PathSet,
    pub(crate) tests: PathSet,
    pub(crate) test_settings: PathSet,
    pub(crate) recorded: PathSet,
    pub(crate) secret_samples: PathSet,
    owners: Vec<(PathSet, Vec<String>)>,
}

impl Rules {
    /// Compiles rules; a bad glob is named with its setting.
    pub fn compile(source: RuleSource) -> Result<Self, RuleError> {
        let allow = vec![source.paths.allow.clone()];
        let rules = Self::build(source, allow)?;
        crate::command::check_rules(&rules, 0)?;
        Ok(rules)
    }

    /// Adds what a repository says; refuses whatever would loosen.
    ///
    /// When it refuses, go on with the rules as they were: those are never looser.
    pub fn narrowed(&self, repo: &RepoPolicy) -> Result<Self, RuleError> {
        // Taken apart without `..`: a new field has to be considered here.
        let RepoPolicy {
            paths,
            auto_approve,
            protected,
            schema,
            public_api,
            dependencies,
            security,
            commands,
        } = repo;
        let RepoPaths { allow, deny } = paths;
        let RepoAutoApprove { enabled, max_lines } = auto_approve;
        let mut source = self.source.clone();
        for (key, more, list) in [
            ("policy.paths.deny", deny, &mut source.paths.deny),
            ("policy.protected", protected, &mut source.protected),
            ("policy.schema", schema, &mut source.schema),
            ("policy.public_api", public_api, &mut source.public_api),
            (
                "policy.dependencies",
                dependencies,
                &mut source.dependencies,
            ),
            ("policy.security", security, &mut source.security),
        ] {
            if let Some(glob) = more.iter().find(|glob| glob.starts_with('!')) {
                let why = format!("{glob:?} takes paths out of the machine's list");
                return Err(RuleError::Loosens {
                    key: key.to_owned(),
                    why,
                });
            }
            list.extend(more.iter().cloned());
        }
        if let Some(rule) = commands
            .iter()
            .find(|rule| rule.verdict == RuleVerdict::Allow)
        {
            return Err(RuleError::Loosens {
                key: "policy.commands".to_owned(),
                why: format!(
                    "it would let `{}` run without asking",
                    rule.prefix.join(" ")
                ),
            });
        }
        // At the end, so that the repository's rules also apply to what a rule of the machine allows.
        source.commands.extend(commands.iter().cloned());
        let auto = &mut source.auto_approve;
        match enabled {
            Some(true) if !auto.enabled => {
                return Err(RuleError::Loosens {
                    key: "policy.auto_approve.enabled".to_owned(),
                    why: "it would switch auto-approval on".to_owned(),
                });
            }
            Some(enabled) => auto.enabled = *enabled,
            None => {}
        }
        match max_lines {
            Some(lines) if *lines > auto.max_lines => {
                return Err(RuleError::Loosens {
                    key: "policy.auto_approve.max_lines".to_owned(),
                    why: format!("{lines} is more than the machine's {}", auto.max_lines),
                });
            }
            Some(lines) => auto.max_lines = *lines,
            None => {}
        }
        let mut allow_sources = self.allow_sources.clone();
        if !allow.is_empty() {
            allow_sources.push(allow.clone());
        }
        let rules = Self::build(source, allow_sources)?;
        // The machine's examples were tried without the repository's rules; with them they may fail.
        crate::command::check_rules(&rules, self.source.commands.len())?;
        Ok(rules)
    }

    /// Replaces who owns which paths (`[owners]` in `hyperion.toml`).
    pub fn with_owners(&self, owners: OwnedPaths) -> Result<Self, RuleError> {
        let source = RuleSource {
            owners,
            ..self.source.clone()
        };
        Self::build(source, self.allow_sources.clone())
    }

    /// Gives the rules as written, with what a repository added.
    pub const fn source(&self) -> &RuleSource {
        &self.source
    }

    /// Names this policy: equal digests judge equally.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&serde_json::json!({
            "version": POLICY_VERSION,
            "rules": self.source,
            "allow": self.allow_sources,
        }))
    }

    /// Gives the names of those who own a path: of several globs that cover it the last one counts.
    pub fn owners_of(&self, path: &str) -> &[String] {
        let last = self.owners.iter().rev().find(|(set, _)| set.covers(path));
        last.map_or(&[], |(_, names)| names)
    }

    /// Lists what the settings say of commands.
    pub fn commands(&self) -> &[CommandRule] {
        &self.source.commands
    }

    /// Tells whether no change may touch a path, whoever agrees.
    pub fn denies(&self, path: &str) -> bool {
        self.deny.covers(path)
    }

    /// Tells whether the allow lists let a path change.
    pub(crate) fn allows(&self, path: &str) -> bool {
        self.allow
            .iter()
            .all(|set| set.is_empty() || set.covers(path))
    }

    fn build(source: RuleSource, allow_sources: Vec<Vec<String>>) -> Result<Self, RuleError> {
        let folded =
            |key, globs: &[String]| PathSet::compile(key, globs, Anchor::Anywhere, Case::Folded);
        let exact =
            |key, globs: &[String]| PathSet::compile(key, globs, Anchor::Anywhere, Case::Exact);
        let top = |key, globs: &[String]| PathSet::compile(key, globs, Anchor::Top, Case::Exact);
        let allow = allow_sources
            .iter()
            .map(|globs| top("policy.paths.allow", globs))
            .collect::<Result<_, _>>()?;
        let owners = source
            .owners
            .iter()
            .map(|(glob, names)| Ok((exact("owners", std::slice::from_ref(glob))?, names.clone())))
            .collect::<Result<_, RuleError>>()?;
        Ok(Self {
            allow,
            deny: folded("policy.paths.deny", &source.paths.deny)?,
            protected: folded("policy.protected", &source.protected)?,
            schema: folded("policy.schema", &source.schema)?,
            public_api: folded("policy.public_api", &source.public_api)?,
            dependencies: folded("policy.dependencies", &source.dependencies)?,
            security: folded("policy.security", &source.security)?,
            tests: exact("policy.tests", &source.tests)?,
            test_settings: folded("policy.test_settings", &owned(defaults::TEST_SETTINGS))?,
            recorded: folded("policy.recorded", &owned(defaults::RECORDED))?,
            secret_samples: top("policy.secret_samples", &source.secret_samples)?,
            owners,
            allow_sources,
            source,
        })
    }
}

impl Default for PathRules {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: owned(defaults::DENY),
        }
    }
}

impl Default for AutoApprove {
    fn default() -> Self {
        Self {
            enabled: false,
            max_lines: 20,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_item_kb: crate::limits::MAX_ITEM_BYTES / 1024,
            max_change_kb: crate::limits::MAX_CHANGE_BYTES / 1024,
            max_files: crate::limits::MAX_CHANGE_FILES,
        }
    }
}

impl Default for RuleSource {
    fn default() -> Self {
        Self {
            paths: PathRules::default(),
            auto_approve: AutoApprove::default(),
            limits: Limits::default(),
            protected: owned(defaults::PROTECTED),
            schema: owned(defaults::SCHEMA),
            public_api: owned(defaults::PUBLIC_API),
            dependencies: owned(defaults::DEPENDENCIES),
            commands: Vec::new(),
            security: owned(defaults::SECURITY),
            tests: owned(defaults::TESTS),
            secret_samples: Vec::new(),
            owners: OwnedPaths::default(),
        }
    }
}

fn owned(globs: &[&str]) -> Vec<String> {
    globs.iter().map(|glob| (*glob).to_owned()).collect()
}
