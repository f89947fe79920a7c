//! `hyperion.toml`: checks, targets, owners, and policy that may only narrow.
//!
//! It is read from the tip of the branch that work lands on, never from a candidate or a work
//! tree: a change cannot choose the checks that judge it.

use std::collections::BTreeMap;

use hyperion_git::{Oid, RepoStore, TreePath};
use hyperion_policy::{OwnedPaths, RepoPolicy, RuleError, Rules};
use serde::{Deserialize, Deserializer};

use super::check::{Check, MAX_TIMEOUT_SEC};
use crate::Error;

/// The file's name, at the top of the repository.
pub(super) const FILE_NAME: &str = "hyperion.toml";
/// The most bytes the file may have.
pub(super) const MAX_BYTES: u64 = 256 * 1024;
/// The most checks a repository may have.
pub(super) const MAX_CHECKS: usize = 50;

/// What a repository says about itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepoFile {
    /// Commands that must pass on every merged result, by name.
    #[serde(default)]
    pub checks: BTreeMap<String, Check>,
    /// Build targets and the globs they depend on; used once checks run in parallel.
    #[serde(default)]
    pub targets: BTreeMap<String, Vec<String>>,
    /// Who owns which paths.
    #[serde(default, deserialize_with = "in_order")]
    pub owners: OwnedPaths,
    /// Rules that are stricter than the machine's.
    #[serde(default)]
    pub policy: RepoPolicy,
}

/// Says why the file cannot be used; nothing lands before it is mended.
#[derive(Debug, thiserror::Error)]
pub enum RepoFileError {
    /// It is not TOML, or has something that does not belong.
    #[error("line {line}: {detail}")]
    Toml {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// It is not text.
    #[error("the file is not UTF-8")]
    NotText,
    /// It is not a file.
    #[error("it is a link or a folder; make it a file")]
    NotAFile,
    /// It has more checks than the limit.
    #[error("[checks] has {0} commands; at most {MAX_CHECKS} are allowed")]
    TooManyChecks(usize),
    /// A check has no command.
    #[error("checks.{0} is empty; give a command")]
    EmptyCheck(String),
    /// A check asks for no time, or too much.
    #[error("checks.{0}.timeout_sec is {1}; give 1 to {MAX_TIMEOUT_SEC} seconds")]
    CheckTimeout(String, u64),
    /// It tries to loosen the machine's rules.
    #[error("[policy] {0}")]
    Policy(#[source] Box<RuleError>),
}

impl RepoFile {
    /// Reads the file at a commit; a repository without one has no checks.
    pub fn at(repo: &RepoStore, commit: &Oid) -> Result<Self, Error> {
        Self::read(repo, Self::blob_at(repo, commit)?.as_ref())
    }

    /// Finds the file's content at a commit.
    pub(super) fn blob_at(repo: &RepoStore, commit: &Oid) -> Result<Option<Oid>, Error> {
        let Some(entry) = repo.lookup(commit, &TreePath::from(FILE_NAME))? else {
            return Ok(None);
        };
        if !matches!(
            entry.mode,
            hyperion_git::Mode::File | hyperion_git::Mode::Executable
        ) {
            return Err(RepoFileError::NotAFile.into());
        }
        Ok(Some(entry.oid))
    }

    /// Reads the file's content.
    pub(super) fn read(repo: &RepoStore, blob: Option<&Oid>) -> Result<Self, Error> {
        let Some(blob) = blob else {
            return Ok(Self::default());
        };
        let bytes = repo.read_blob(blob, MAX_BYTES)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| RepoFileError::NotText)?;
        Ok(Self::parse(text)?)
    }

    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, RepoFileError> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(text.len(), |span| span.start);
            RepoFileError::Toml {
                line: 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count(),
                detail: in_words(error.message()),
            }
        })?;
        if file.checks.len() > MAX_CHECKS {
            return Err(RepoFileError::TooManyChecks(file.checks.len()));
        }
        if let Some((name, _)) = file
            .checks
            .iter()
            .find(|(_, check)| check.run.trim().is_empty())
        {
            return Err(RepoFileError::EmptyCheck(name.clone()));
        }
        for (name, check) in &file.checks {
            if let Some(seconds) = check.timeout_sec
                && !(1..=MAX_TIMEOUT_SEC).contains(&seconds)
            {
                return Err(RepoFileError::CheckTimeout(name.clone(), seconds));
            }
        }
        Ok(file)
    }

    /// Narrows the machine's rules by the repository's.
    pub fn rules(&self, machine: &Rules) -> Result<Rules, RepoFileError> {
        let narrowed = machine
            .narrowed(&self.policy)
            .and_then(|rules| rules.with_owners(self.owners.clone()))
            .map_err(|error| RepoFileError::Policy(Box::new(error)))?;
        Ok(narrowed)
    }
}

/// Reads a table in the order in which it is written, which TOML itself says nothing about.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OwnedPaths, D::Error> {
    let mut table = BTreeMap::<toml::Spanned<String>, Vec<String>>::deserialize(deserializer)?
        .into_iter()
        .collect::<Vec<_>>();
    table.sort_by_key(|(glob, _)| glob.span().start);
    let paths = table
        .into_iter()
        .map(|(glob, names)| (glob.into_inner(), names));
    Ok(paths.collect::<Vec<_>>().into())
}

/// Says what is wrong in one line of words of TOML, where the library's are those of Rust.
fn in_words(message: &str) -> String {
    let message = message.replace('\n', ", ");
    match message.split_once("expected struct ") {
        Some((wrong, _)) => format!("{wrong}expected a table"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use hyperion_sandbox::{Level, Network};

    use super::*;

    #[test]
    fn it_says_which_line_does_not_belong() {
        let file = RepoFile::parse("[checks]\ntest = \"cargo test\"\n").unwrap();
        assert_eq!(file.checks["test"], Check::plain("cargo test"));
        let error = RepoFile::parse("[checks]\ntest = \"x\"\n[chekcs]\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line 3") && error.contains("chekcs"),
            "{error}"
        );
        let error = RepoFile::parse("[checks]\ntest = \" \"\n")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "checks.test is empty; give a command");
    }

    #[test]
    fn a_check_may_be_a_table() {
        let text = "[checks]\nlint = \"ruff .\"\ntest = { run = \"cargo test\", network = \"off\", sandbox = \"full\", timeout_sec = 60 }\n\n[checks.slow]\nrun = \"make\"\n";
        let file = RepoFile::parse(text).unwrap();
        assert_eq!(file.checks["slow"], Check::plain("make"));
        let asks = Check {
            sandbox: Some(Level::Full),
            network: Some(Network::Off),
            timeout_sec: Some(60),
            ..Check::plain("cargo test")
        };
        assert_eq!(file.checks["test"], asks);
        let wrong = [
            "{ network = \"on\" }",
            "{ run = \"x\", net = \"on\" }",
            "{ run = \"x\", network = \"gateway\" }",
            "{ run = \"x\", sandbox = \"none\" }",
            "{ run = \"x\", timeout_sec = 0 }",
            "{ run = \" \" }",
            "7",
        ];
        let words = wrong.map(|check| {
            let text = format!("[checks]\nlint = \"ruff\"\ntest = {check}\n");
            RepoFile::parse(&text).unwrap_err().to_string()
        });
        insta::assert_snapshot!(words.join("\n"), @"
        line 3: missing field `run`
        line 3: unknown field `net`, expected one of `run`, `sandbox`, `network`, `timeout_sec`
        line 3: unknown variant `gateway`, expected one of `off`, `listed`, `on`
        line 3: unknown variant `none`, expected one of `off`, `partial`, `full`
        checks.test.timeout_sec is 0; give 1 to 86400 seconds
        checks.test is empty; give a command
        line 3: invalid type: integer `7`, expected a command, or a table with `run`
        ");
    }
}
