//! The real git, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A repository that is empty except for what a test puts in.
pub(crate) struct Repo {
    folder: TempDir,
}

impl Repo {
    pub(crate) fn new() -> Self {
        let repo = Self::folder();
        repo.run(&["init", "-q"]);
        repo
    }

    /// Makes a mere folder, which is all that git needs to compare, apply and merge files.
    pub(crate) fn folder() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).expect("a file")
    }

    /// Runs git and gives what it says, whether it fails or not.
    #[allow(
        clippy::disallowed_methods,
        reason = "tests hold this crate against the real git"
    )]
    pub(crate) fn try_run(&self, args: &[&str]) -> Output {
        Command::new("git")
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", std::env::temp_dir())
            .env("LC_ALL", "C")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@t",
                "-c",
                "core.autocrlf=false",
            ])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("git starts")
    }

    /// Runs git, which must succeed, and gives its output.
    pub(crate) fn run(&self, args: &[&str]) -> Vec<u8> {
        let output = self.try_run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {errors}");
        output.stdout
    }

    /// Compares two contents with git; empty if they are equal.
    pub(crate) fn diff(&self, old: &[u8], new: &[u8]) -> Vec<u8> {
        self.write("a/file", old);
        self.write("b/file", new);
        let output = self.try_run(&[
            "diff",
            "--no-index",
            "--binary",
            "--no-prefix",
            "a/file",
            "b/file",
        ]);
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Applies a patch with git to the file it names; `None` if git refuses.
    pub(crate) fn apply(&self, base: &[u8], patch: &[u8]) -> Option<Vec<u8>> {
        self.write("file", base);
        self.write("the.patch", patch);
        let output = self.try_run(&["apply", "--whitespace=nowarn", "the.patch"]);
        output.status.success().then(|| self.read("file"))
    }
}
