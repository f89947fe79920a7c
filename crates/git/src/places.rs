//! Where a repository's files are, and where its locks come and go: what somebody who waits for a change looks at.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hyperion_host::read_bounded;

use crate::common_dir::Around;

/// The most linked work trees that are looked at.
const LINKED_MAX: usize = 100;
/// The most bytes of a file that names a work tree.
const MAX_BYTES: u64 = 64 * 1024;

/// The folders of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Its work trees: the main one and those that are linked.
    pub trees: Vec<PathBuf>,
    /// Git's own folders, in which index, refs and their locks are.
    pub git: Vec<PathBuf>,
}

impl Around {
    /// Finds the repository's folders, without a process; a work tree that is not there is left out.
    #[must_use]
    pub fn places(&self) -> Places {
        let git = &self.common_dir;
        let main = git.parent().filter(|_| git.ends_with(".git"));
        let mut places = Places {
            trees: main.map(Path::to_path_buf).into_iter().collect(),
            git: vec![git.clone(), git.join("refs/heads")],
        };
        let linked = fs::read_dir(git.join("worktrees")).into_iter().flatten();
        for entry in linked.flatten().take(LINKED_MAX) {
            let named = read_bounded(&entry.path().join("gitdir"), MAX_BYTES);
            let tree = named.ok().and_then(|bytes| {
                let dot_git = Path::new(OsStr::from_bytes(bytes.trim_ascii_end()));
                dot_git.parent()?.canonicalize().ok()
            });
            if let Some(tree) = tree {
                places.trees.push(tree);
                places.git.push(entry.path());
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common_dir::around;

    #[test]
    fn all_work_trees_are_found_from_any_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |path: &str| root.join(path);
        for path in [
            "r/.git/objects",
            "r/.git/worktrees/w",
            "r/.git/worktrees/gone",
            "w",
        ] {
            fs::create_dir_all(at(path)).unwrap();
        }
        let dot_git = |path: &str| format!("{}\n", at(path).display());
        for (path, text) in [
            (
                "w/.git",
                format!("gitdir: {}", dot_git("r/.git/worktrees/w")),
            ),
            ("r/.git/worktrees/w/commondir", "../..\n".to_owned()),
            ("r/.git/worktrees/w/gitdir", dot_git("w/.git")),
            ("r/.git/worktrees/gone/gitdir", dot_git("gone/.git")),
        ] {
            fs::write(at(path), text).unwrap();
        }
        let expected = Places {
            trees: vec![at("r"), at("w")],
            git: ["", "/refs/heads", "/worktrees/w"]
                .map(|path| at(&format!("r/.git{path}")))
                .to_vec(),
        };
        for from in ["r", "w"] {
            assert_eq!(around(&at(from)).unwrap().places(), expected, "{from}");
        }
    }
}
