//! What lies at the top of a root: names, and the few files that tool chains are known by.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_api::Problem;
use hyperion_host::{BeneathError, Kind};

use crate::filesystem::from_beneath;
use crate::{Access, Place};

/// The most names at the top of a root that are looked at.
const NAMES_MAX: usize = 10_000;
/// The most bytes of a file that a tool chain is known by.
const TEXT_MAX_BYTES: u64 = 1024 * 1024;

/// Files that are read, where they are there and may be.
const TEXTS: &[&str] = &[
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "GNUmakefile",
    "makefile",
    "Makefile",
];

/// Programs that a project may have of its own.
const OWN: &[&str] = &[
    ".venv/bin/pytest",
    ".venv/bin/ruff",
    ".venv/bin/mypy",
    "venv/bin/pytest",
    "venv/bin/ruff",
    "venv/bin/mypy",
];

/// What lies at the top of a root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    names: BTreeSet<String>,
    own: BTreeSet<&'static str>,
    texts: BTreeMap<String, String>,
}

impl Seen {
    /// Looks at the top of a root.
    pub fn look(place: &Place<'_>) -> Result<Self, Problem> {
        let (listed, _) = place.root.list("", NAMES_MAX).map_err(from_beneath)?;
        let mut seen = Self::default();
        for entry in listed {
            if !entry.nameable {
                continue;
            }
            let name = entry.name;
            if TEXTS.contains(&name.as_str())
                && entry.kind == Kind::File
                && place.overseer.judge(&name, Access::Read).is_ok()
                // An unreadable file counts as absent: the tool itself will report it.
                && let Ok(found) = place.root.read(&name, TEXT_MAX_BYTES)
            {
                let text = String::from_utf8_lossy(&found.bytes).into_owned();
                seen.texts.insert(name.clone(), text);
            }
            seen.names.insert(name);
        }
        for own in OWN {
            match place.root.kind(own) {
                // Links are common there, and running the project's code follows them anyway.
                Ok(_) | Err(BeneathError::Link { .. }) => {
                    seen.own.insert(own);
                }
                Err(_) => {}
            }
        }
        Ok(seen)
    }

    /// Tells whether something of that name is at the top.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Gives those of some names that are at the top.
    pub(super) fn which(&self, names: &[&str]) -> Vec<String> {
        let there = names.iter().filter(|name| self.has(name));
        there.map(|name| (*name).to_owned()).collect()
    }

    /// Tells whether the project has a program of its own.
    pub(super) fn has_own(&self, path: &str) -> bool {
        self.own.contains(path)
    }

    /// Gives the text of a file at the top; empty when it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// Makes what a root with these files would be seen as.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut seen = Self::default();
        for (path, text) in files {
            if let Some(own) = OWN.iter().find(|own| *own == path) {
                seen.own.insert(own);
            }
            let top = path.split('/').next().unwrap_or_default();
            seen.names.insert(top.to_owned());
            if TEXTS.contains(path) {
                seen.texts.insert((*path).to_owned(), (*text).to_owned());
            }
        }
        seen
    }
}

/// Tells whether a text names something, as a word of its own; `pytest-cov` names `pytest`.
pub(super) fn mentions(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(|c| is_part(c) || c == '-') && !after.is_some_and(is_part)
    })
}
