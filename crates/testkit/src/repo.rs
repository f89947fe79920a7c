use crate::chaos::keep_if_failed;
use crate::clock::BEGINNING_SEC;
use crate::git::{finish, git, git_command, try_git};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// A real git repository in a temporary folder, which goes when its last clone or worktree goes.
///
/// Ids are the same on every run: author, dates and configuration are fixed, and each commit is a
/// minute after the one before. The repository knows a user, as a person's would.
pub struct TempRepo {
    folder: Option<Arc<TempDir>>,
    path: PathBuf,
    commits: Arc<AtomicI64>,
}

impl Drop for TempRepo {
    fn drop(&mut self) {
        // The last one decides.
        if let Some(folder) = self.folder.as_mut().and_then(Arc::get_mut) {
            keep_if_failed(folder);
        }
    }
}

impl TempRepo {
    /// Makes a repository with branch `main` checked out and no commit yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        // Canonical, because git prints canonical paths and tests compare them.
        let top = folder.path().canonicalize().expect("resolve the folder");
        Self::begin(top.join("repo"), Some(Arc::new(folder)))
    }

    /// Makes an empty repository in a folder that somebody else keeps and removes.
    pub fn inside(folder: impl AsRef<Path>) -> Self {
        let top = folder.as_ref().canonicalize().expect("resolve the folder");
        Self::begin(top.join("repo"), None)
    }

    /// Takes a repository that is there; it stays when the value goes.
    pub fn existing(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            folder: None,
            commits: Arc::default(),
        }
    }

    fn begin(path: PathBuf, folder: Option<Arc<TempDir>>) -> Self {
        let repo = Self {
            path,
            folder,
            commits: Arc::default(),
        };
        fs::create_dir(&repo.path).expect("make the repository's folder");
        repo.git(&["init", "--quiet"]);
        repo.introduce_user();
        repo
    }

    /// Makes a repository whose first commit has these files.
    pub fn with_files(files: &[(&str, &str)]) -> Self {
        let repo = Self::new();
        repo.commit("Begin", files);
        repo
    }

    /// Where the work tree is, or the bare repository itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git here; see [`git`](crate::git()).
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.path, arguments)
    }

    /// Runs git here; the error is what it said.
    pub fn try_git(&self, arguments: &[&str]) -> Result<String, String> {
        try_git(&self.path, arguments)
    }

    /// Writes these files and commits everything that changed; gives the commit's id.
    #[track_caller]
    pub fn commit(&self, subject: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(path, text);
        }
        self.commit_all(subject)
    }

    /// Commits the work tree as it is; gives the commit's id.
    #[track_caller]
    pub fn commit_all(&self, subject: &str) -> String {
        self.git(&["add", "--all"]);
        let minute = self.commits.fetch_add(1, Ordering::Relaxed);
        let date = format!("{} +0000", BEGINNING_SEC + 60 * minute);
        let mut command = git_command(&self.path);
        command
            .args(["commit", "--quiet", "--allow-empty", "--message", subject])
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        finish(&mut command).unwrap_or_else(|error| panic!("{error}"));
        self.tip("HEAD")
    }

    /// Writes a file and its folders, without committing: this also makes the work tree dirty.
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let file = self.path.join(path);
        let parent = file.parent().expect("a file has a folder");
        fs::create_dir_all(parent).expect("make the file's folder");
        fs::write(&file, text).unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
    }

    /// Reads a file of the work tree.
    #[track_caller]
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let file = self.path.join(path);
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("read {}: {error}", file.display()))
    }

    /// Removes a file from the work tree.
    #[track_caller]
    pub fn remove(&self, path: impl AsRef<Path>) {
        let file = self.path.join(path);
        fs::remove_file(&file).unwrap_or_else(|error| panic!("remove {}: {error}", file.display()));
    }

    /// Writes an executable file.
    pub fn write_executable(&self, path: &str, text: &str) {
        self.write(path, text);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path.join(path), executable).expect("set the executable bit");
    }

    /// Makes a symbolic link; where it leads need not exist.
    pub fn symlink(&self, path: &str, leads_to: &str) {
        symlink(leads_to, self.path.join(path)).expect("make a symbolic link");
    }

    /// Writes a file whose name need not be UTF-8: `b"caf\xe9.txt"`.
    pub fn write_bytes_path(&self, path: &[u8], text: &str) {
        self.write(OsStr::from_bytes(path), text);
    }

    /// Writes the pointer that Git LFS keeps in place of a large file, and its attribute.
    pub fn write_lfs_pointer(&self, path: &str, size_bytes: u64) {
        // Any digest will do: nothing here fetches the content.
        let digest = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        self.write(
            path,
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size_bytes}\n"),
        );
        self.write(
            ".gitattributes",
            format!("{path} filter=lfs diff=lfs merge=lfs -text\n"),
        );
    }

    /// Adds another repository as a submodule, without committing.
    #[track_caller]
    pub fn add_submodule(&self, path: &str, other: &TempRepo) {
        let other = other.path.to_str().expect("temporary paths are text");
        self.git(&["submodule", "--quiet", "add", other, path]);
    }

    /// Makes a branch at `at` and leaves what is checked out alone.
    #[track_caller]
    pub fn branch(&self, name: &str, at: &str) {
        self.git(&["branch", name, at]);
    }

    /// Checks out a branch, or a commit as a detached HEAD.
    #[track_caller]
    pub fn checkout(&self, what: &str) {
        self.git(&["checkout", "--quiet", what]);
    }

    /// Clones into a bare repository beside this one.
    pub fn bare_clone(&self) -> Self {
        let clone = self.neighbour("bare.git");
        let path = clone.path.to_str().expect("temporary paths are text");
        self.git(&["clone", "--quiet", "--bare", ".", path]);
        clone.introduce_user();
        clone
    }

    /// Makes a linked worktree beside this repository, on a branch that exists.
    pub fn linked_worktree(&self, branch: &str) -> Self {
        let worktree = self.neighbour("worktree");
        let path = worktree.path.to_str().expect("temporary paths are text");
        self.git(&["worktree", "add", "--quiet", path, branch]);
        worktree
    }

    /// The id of the commit a branch or other revision means.
    #[track_caller]
    pub fn tip(&self, revision: &str) -> String {
        let commit = format!("{revision}^{{commit}}");
        self.git(&["rev-parse", "--verify", "--quiet", &commit])
    }

    /// The text of a file in a commit.
    #[track_caller]
    pub fn show(&self, revision: &str, path: &str) -> String {
        let mut command = git_command(&self.path);
        let output = command
            .args(["cat-file", "blob", &format!("{revision}:{path}")])
            .output()
            .expect("start git");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "show {revision}:{path}: {said}");
        String::from_utf8(output.stdout).expect("a file of a test is text")
    }

    /// The paths of a commit, sorted.
    #[track_caller]
    pub fn files(&self, revision: &str) -> Vec<String> {
        let listed = self.git(&["ls-tree", "-r", "--name-only", revision]);
        listed.lines().map(str::to_owned).collect()
    }

    /// The subjects of a branch's commits, newest first.
    #[track_caller]
    pub fn subjects(&self, revision: &str) -> Vec<String> {
        let listed = self.git(&["log", "--format=%s", revision]);
        listed.lines().map(str::to_owned).collect()
    }

    /// What `git status` would say, a line a path; empty when the work tree is clean.
    #[track_caller]
    pub fn status(&self) -> Vec<String> {
        let listed = self.git(&["status", "--porcelain"]);
        listed.lines().map(str::to_owned).collect()
    }

    fn neighbour(&self, name: &str) -> Self {
        let top = self.path.parent().expect("a repository has a folder");
        let path = (1..)
            .map(|number| top.join(format!("{number}-{name}")))
            .find(|path| !path.exists())
            .expect("numbers do not end");
        Self {
            folder: self.folder.clone(),
            path,
            commits: Arc::clone(&self.commits),
        }
    }

    /// The program under test does not have our fixed environment and has to find a user.
    fn introduce_user(&self) {
        self.git(&["config", "user.name", "Ada"]);
        self.git(&["config", "user.email", "ada@example.com"]);
    }
}

impl Default for TempRepo {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for TempRepo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TempRepo").field(&self.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_steps_give_the_same_commits() {
        let ids = || {
            let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
            (
                repo.tip("main"),
                repo.commit("Change", &[("a.txt", "two\n")]),
            )
        };
        assert_eq!(ids(), ids());
        assert_ne!(ids().0, ids().1);
    }

    #[test]
    fn every_kind_of_entry_is_committed_as_what_it_is() {
        let dependency = TempRepo::with_files(&[("lib.txt", "lib\n")]);
        let repo = TempRepo::new();
        repo.write_executable("run.sh", "#!/bin/sh\n");
        repo.symlink("link", "nowhere");
        repo.write_lfs_pointer("model.bin", 1 << 30);
        repo.write_bytes_path(b"caf\xe9.txt", "coffee\n");
        repo.add_submodule("libs/dependency", &dependency);
        repo.commit_all("Everything");
        let listed = repo.git(&["ls-tree", "-r", "-z", "HEAD"]);
        for entry in ["100755 blob", "120000 blob", "160000 commit"] {
            assert!(listed.contains(entry), "{entry} in {listed}");
        }
        let raw = repo.git(&["-c", "core.quotePath=true", "ls-files"]);
        assert!(raw.contains("\"caf\\351.txt\""), "{raw}");
        assert!(
            repo.show("HEAD", "model.bin")
                .contains("\nsize 1073741824\n")
        );
        assert!(repo.status().is_empty());
    }

    #[test]
    fn clones_and_worktrees_share_the_folder() {
        let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
        repo.branch("side", "main");
        let worktree = repo.linked_worktree("side");
        worktree.commit("Change", &[("a.txt", "two\n")]);
        assert_eq!(repo.show("side", "a.txt"), "two\n");
        assert_eq!(repo.show("main", "a.txt"), "one\n");
        assert_eq!(repo.subjects("side"), ["Change", "Begin"]);
        let bare = repo.bare_clone();
        drop(repo);
        assert_eq!(bare.git(&["rev-parse", "--is-bare-repository"]), "true");
        assert_eq!(bare.files("side"), ["a.txt"]);
    }

    #[test]
    fn a_written_file_makes_the_tree_dirty() {
        let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
        repo.write("a.txt", "mine\n");
        repo.write("new.txt", "new\n");
        assert_eq!(repo.status(), [" M a.txt", "?? new.txt"]);
        repo.remove("new.txt");
        repo.checkout("HEAD~0");
        assert_eq!(repo.read("a.txt"), "mine\n");
        assert!(repo.try_git(&["checkout", "nowhere"]).is_err());
    }
}
