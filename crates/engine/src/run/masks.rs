//! What of a person's folder is kept from what runs in it: files that no change may touch and that git does not track; and where other
//! repositories are in it, whose hooks and configuration stay as they are.
//!
//! What git tracks is left as it is: git would show an empty file in its place as an edit. `git show` prints it anyhow.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_policy::Rules;

use crate::{Cx, Error};

/// How many names are looked at; what comes later is not found.
const NAMES_MAX: usize = 50_000;
/// The most other repositories that are looked after.
const REPOSITORIES_MAX: usize = 50;
/// How deep.
const DEPTH_MAX: usize = 16;
/// Folders that are made by tools, with the code of others in them.
const MADE_BY_TOOLS: &[&str] = &[
    ".git",
    "node_modules",
    "target",
    ".venv",
    "venv",
    "__pycache__",
    ".tox",
    ".gradle",
];

/// What is found below a folder.
#[derive(Default)]
pub(super) struct Looked {
    /// Files and folders that are to be seen empty.
    pub(super) denied: Vec<PathBuf>,
    /// The `.git` of every other repository, a folder or a file.
    pub(super) repositories: Vec<PathBuf>,
    names: usize,
}

/// Looks for both below a folder.
pub(super) fn look_below(cx: &Cx, folder: &Path) -> Result<Looked, Error> {
    let mut found = Looked::default();
    let mut denied = Vec::new();
    look(cx.rules()?, folder, "", &mut denied, &mut found);
    if found.names >= NAMES_MAX {
        tracing::warn!(folder = %folder.display(), "it has so many files that those which are denied may be seen from within");
    }
    if !denied.is_empty() {
        let tracked = hyperion_git::tracked_in(&cx.git, folder, &denied).unwrap_or_default();
        denied.retain(|path| !tracked.contains(path));
        found.denied = denied.iter().map(|path| folder.join(path)).collect();
    }
    Ok(found)
}

/// Looks at a folder, `at` relative to the first; a denied folder counts as a whole.
fn look(rules: &Rules, top: &Path, at: &str, denied: &mut Vec<String>, found: &mut Looked) {
    let depth = at.split('/').count();
    for entry in fs::read_dir(top.join(at)).into_iter().flatten().flatten() {
        found.names += 1;
        if found.names >= NAMES_MAX {
            return;
        }
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name == ".git" && !at.is_empty() && found.repositories.len() < REPOSITORIES_MAX {
            found.repositories.push(entry.path());
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && MADE_BY_TOOLS.contains(&name.as_str()) {
            continue;
        }
        let path = match at {
            "" => name,
            at => format!("{at}/{name}"),
        };
        if rules.denies(&path) {
            denied.push(path);
        } else if is_folder && depth < DEPTH_MAX {
            look(rules, top, &path, denied, found);
        }
    }
}
