//! Which files of a person's folder are kept from what runs in it: those that no change may touch, and that git does not track.
//!
//! What git tracks is left as it is: git would show an empty file in its place as an edit. `git show` prints it anyhow.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_policy::Rules;

use crate::{Cx, Error};

/// How many names are looked at; what comes later is not found.
const NAMES_MAX: usize = 50_000;
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

/// Finds those files below a folder.
pub(super) fn denied_files(cx: &Cx, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut names = 0;
    look(cx.rules()?, folder, "", &mut found, &mut names);
    if names >= NAMES_MAX {
        tracing::warn!(folder = %folder.display(), "it has so many files that those which are denied may be seen from within");
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let tracked = hyperion_git::tracked_in(&cx.git, folder, &found).unwrap_or_default();
    found.retain(|path| !tracked.contains(path));
    Ok(found.iter().map(|path| folder.join(path)).collect())
}

/// Looks at a folder, `at` relative to the first; a denied folder counts as a whole.
fn look(rules: &Rules, top: &Path, at: &str, found: &mut Vec<String>, names: &mut usize) {
    let depth = at.split('/').count();
    for entry in fs::read_dir(top.join(at)).into_iter().flatten().flatten() {
        *names += 1;
        if *names >= NAMES_MAX {
            return;
        }
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && MADE_BY_TOOLS.contains(&name.as_str()) {
            continue;
        }
        let path = match at {
            "" => name,
            at => format!("{at}/{name}"),
        };
        if rules.denies(&path) {
            found.push(path);
        } else if is_folder && depth < DEPTH_MAX {
            look(rules, top, &path, found, names);
        }
    }
}
