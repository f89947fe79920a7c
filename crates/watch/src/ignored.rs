//! What `.gitignore` leaves out, folder by folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules of folders, read once.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    rules: HashMap<PathBuf, Gitignore>,
}

/// The most folders whose rules are remembered.
const REMEMBERED_MAX: usize = 20_000;

impl Ignored {
    /// Tells whether the rules between a root and a path leave it out; the folders above it are in.
    pub(crate) fn leaves_out(&mut self, root: &Path, path: &Path, is_folder: bool) -> bool {
        let above = path.ancestors().skip(1);
        for folder in above.take_while(|folder| folder.starts_with(root)) {
            let found = self.of(root, folder).matched(path, is_folder);
            if !found.is_none() {
                return found.is_ignore();
            }
        }
        false
    }

    /// Forgets what was read: some of it has changed.
    pub(crate) fn forget(&mut self) {
        self.rules.clear();
    }

    fn of(&mut self, root: &Path, folder: &Path) -> &Gitignore {
        if self.rules.len() >= REMEMBERED_MAX {
            self.forget();
        }
        self.rules.entry(folder.to_path_buf()).or_insert_with(|| {
            let file = folder.join(".gitignore");
            let exclude = folder.join(".git/info/exclude");
            let mut builder = GitignoreBuilder::new(folder);
            // Rules that cannot be read leave nothing out.
            for file in [exclude, file] {
                if (folder == root || file.ends_with(".gitignore")) && file.exists() {
                    let _ = builder.add(file);
                }
            }
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_rules_of_inner_folders_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir_all(root.join(".git/info")).unwrap();
        fs::write(root.join(".gitignore"), "*.log\n/target/\n").unwrap();
        fs::write(root.join(".git/info/exclude"), "mine\n").unwrap();
        fs::write(root.join("sub/.gitignore"), "!kept.log\n").unwrap();
        let mut ignored = Ignored::default();
        let mut out = |path: &str, is_folder| ignored.leaves_out(root, &root.join(path), is_folder);
        assert!(out("a.log", false) && out("target", true) && out("sub/b.log", false));
        assert!(out("mine", false));
        assert!(!out("a.txt", false) && !out("sub/kept.log", false) && !out("sub/target", true));
    }
}
