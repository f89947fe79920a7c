//! The folder that makes a repository one, however it is named: its work trees, linked work trees and `.git` all lead to it.
//!
//! It is read from the files that say so, without a process: many repositories are compared with one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The most bytes of a file that names a folder.
const MAX_BYTES: u64 = 64 * 1024;

/// A repository as it is seen from a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// The innermost work tree that the folder is, or is part of; the git folder itself where the folder is inside of that.
    pub top: PathBuf,
    /// The folder that all work trees share.
    pub common_dir: PathBuf,
}

/// Finds the repository that a folder is, or is part of; none where it is in none.
#[must_use]
pub fn around(folder: &Path) -> Option<Around> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().find_map(|top| {
        let git_dir = git_dir_of(top)?;
        Some(Around {
            top: top.to_path_buf(),
            common_dir: shared_by(&git_dir)?,
        })
    })
}

/// The most linked work trees of a repository that are looked at.
const LINKED_MAX: usize = 1000;
/// The most folders that are looked at for the git folders of submodules, and how deep.
const MODULES_MAX: usize = 200;
/// See [`MODULES_MAX`].
const MODULES_DEPTH_MAX: usize = 6;

/// The most folders of objects that a repository borrows from, directly or not.
const BORROWED_MAX: usize = 32;

/// Lists the folders of other repositories' objects that one reads: its alternates, and theirs.
#[must_use]
pub fn borrowed_objects(common_dir: &Path) -> Vec<PathBuf> {
    let mut known = vec![common_dir.join("objects")];
    let mut at = 0;
    while let Some(objects) = known.get(at).cloned() {
        at += 1;
        let named = objects.join("info/alternates");
        let content = match fs::metadata(&named) {
            Ok(metadata) if metadata.len() <= MAX_BYTES => fs::read(&named).unwrap_or_default(),
            Ok(_) | Err(_) => continue,
        };
        let lines = content.split(|byte| *byte == b'\n');
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")) {
            let path = objects.join(OsStr::from_bytes(&unquoted(line)));
            if let Ok(path) = path.canonicalize()
                && !known.contains(&path)
                && is_of_objects(&path)
                && known.len() <= BORROWED_MAX
            {
                known.push(path);
            }
        }
    }
    known.split_off(1)
}

/// Whether a folder holds objects of git: somebody may have named another one to have it read.
fn is_of_objects(folder: &Path) -> bool {
    folder.join("pack").is_dir() || folder.join("info").is_dir()
}

/// Finds the git folder that a linked work tree shares with others, if that folder knows the work tree as well: what stands in the work
/// tree alone may have been put there.
#[must_use]
pub fn shared_and_linked(top: &Path) -> Option<PathBuf> {
    let around = around(top).filter(|around| !around.common_dir.starts_with(&around.top))?;
    let own = around.top.join(".git");
    let linked = fs::read_dir(around.common_dir.join("worktrees")).ok()?;
    let knows = |entry: fs::DirEntry| {
        named_in(&entry.path().join("gitdir"), b"").is_some_and(|path| path == own)
    };
    let is_known = linked.take(LINKED_MAX).flatten().any(knows);
    is_known.then_some(around.common_dir)
}

/// Lists what makes git run programs in a git folder, and in those of its submodules: whoever may write it has the person's next command
/// of git run theirs. What git would look for there is made, so that nobody else makes it.
#[must_use]
pub fn run_by_git(git_dir: &Path) -> Vec<PathBuf> {
    let mut left = vec![(git_dir.to_path_buf(), 0)];
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while let Some((folder, depth)) = left.pop() {
        looked_at += 1;
        let is_git_dir = depth == 0 || folder.join("HEAD").is_file();
        if is_git_dir {
            make_what_git_looks_for(&folder);
            let names = ["hooks", "config", "config.worktree"].iter();
            let paths = names.map(|name| folder.join(name));
            // A link may lead anywhere, and somebody else may have put it there.
            found.extend(paths.filter(|path| path.exists() && !path.is_symlink()));
        }
        let below = match is_git_dir {
            true => folder.join("modules"),
            false => folder,
        };
        if depth < MODULES_DEPTH_MAX && looked_at < MODULES_MAX && !below.is_symlink() {
            let entries = fs::read_dir(below).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            left.extend(folders.map(|entry| (entry.path(), depth + 1)));
        }
    }
    found
}

/// Makes an empty folder for hooks, as git does itself, and an empty configuration of the work tree where git would read one. What cannot
/// be made here cannot be made by what runs as the same user, either.
fn make_what_git_looks_for(git_dir: &Path) {
    let _ = fs::create_dir(git_dir.join("hooks"));
    let config = fs::read_to_string(git_dir.join("config")).unwrap_or_default();
    if config.to_ascii_lowercase().contains("worktreeconfig") {
        let _ = fs::File::create_new(git_dir.join("config.worktree"));
    }
}

/// Reads a line that may be quoted.
fn unquoted(line: &[u8]) -> Vec<u8> {
    let inner = line
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""));
    let Some(inner) = inner else {
        return line.to_vec();
    };
    let mut bytes = inner.iter().copied();
    let mut plain = Vec::with_capacity(inner.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next().map(|escaped| match escaped {
                b'n' => b'\n',
                other => other,
            })),
            other => plain.push(other),
        }
    }
    plain
}

/// The git folder of a work tree, or the folder itself where it is one.
fn git_dir_of(top: &Path) -> Option<PathBuf> {
    let dot_git = top.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    if dot_git.is_file() {
        return Some(top.join(named_in(&dot_git, b"gitdir: ")?));
    }
    let is_one = top.join("HEAD").is_file()
        && (top.join("objects").is_dir() || top.join("commondir").is_file());
    is_one.then(|| top.to_path_buf())
}

/// The folder that a git folder shares with those of other work trees.
fn shared_by(git_dir: &Path) -> Option<PathBuf> {
    let pointer = git_dir.join("commondir");
    let shared = if pointer.is_file() {
        git_dir.join(named_in(&pointer, b"")?)
    } else {
        git_dir.to_path_buf()
    };
    shared.canonicalize().ok()
}

fn named_in(file: &Path, mark: &[u8]) -> Option<PathBuf> {
    if fs::metadata(file).ok()?.len() > MAX_BYTES {
        return None;
    }
    let content = fs::read(file).ok()?;
    let path = content.strip_prefix(mark)?.trim_ascii_end();
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_objects_are_found_through_all_who_lend() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for path in [
            "a/objects/info",
            "b/objects/info",
            "c \" d/pack",
            "e/pack",
            "keys",
        ] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        let quoted = crate::store::quoted(&root.join("c \" d"));
        let quoted = String::from_utf8(quoted).unwrap();
        let alternates = format!(
            "# theirs\n../../b/objects\n\"{}/e\"\n{}/gone\n../../keys\n",
            root.display(),
            root.display()
        );
        fs::write(root.join("a/objects/info/alternates"), alternates).unwrap();
        // They also borrow from each other.
        let back = format!("../../a/objects\n{quoted}\n");
        fs::write(root.join("b/objects/info/alternates"), back).unwrap();
        let expected = ["b/objects", "e", "c \" d"].map(|path| root.join(path));
        let mut found = borrowed_objects(&root.join("a"));
        found.retain(|path| *path != root.join("a/objects"));
        assert_eq!(found, expected);
        assert_eq!(borrowed_objects(&root.join("e")), Vec::<PathBuf>::new());
    }

    #[test]
    fn folders_lead_to_the_one_they_share() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |path: &str| root.join(path);
        for path in [
            "r/.git/objects",
            "r/.git/worktrees/w",
            "r/src",
            "w/src",
            "bare/objects",
            "none",
        ] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for (path, text) in [
            ("r/.git/HEAD", "ref: refs/heads/main\n"),
            ("r/.git/worktrees/w/HEAD", "ref: refs/heads/w\n"),
            ("r/.git/worktrees/w/commondir", "../..\n"),
            ("w/.git", "gitdir: ../r/.git/worktrees/w\n"),
            ("bare/HEAD", "ref: refs/heads/main\n"),
        ] {
            fs::write(at(path), text).unwrap();
        }
        for (named, top, common_dir) in [
            ("r", "r", "r/.git"),
            ("r/src", "r", "r/.git"),
            ("r/.git", "r/.git", "r/.git"),
            ("w", "w", "r/.git"),
            ("w/src", "w", "r/.git"),
            ("r/.git/worktrees/w", "r/.git/worktrees/w", "r/.git"),
            ("bare", "bare", "bare"),
        ] {
            let found = around(&at(named)).unwrap();
            // Inside a git folder, the innermost that is one counts.
            assert_eq!(
                (found.top, found.common_dir),
                (at(top), at(common_dir)),
                "{named}"
            );
        }
        assert_eq!(
            around(&at("none")).map(|found| found.top),
            around(&root).map(|found| found.top)
        );
    }
}
