//! The repository that the demo works on: a copy of a real one, with a small project of its own.
//!
//! This file plays the person at their shell, who clones and commits: the one place outside of
//! `hyperion-git` that calls git, because the engine itself never makes or prepares a repository.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use hyperion_git::{DiscoverError, Git, GitOptions, Head, UserRepo};
use hyperion_host::{Launch, Limits, run};

use super::place::Place;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view;

/// The folder of the demo's own project in the copy.
pub(super) const PROJECT: &str = "hyperion-demo";
/// The project's files as the demo commits them: path, whether it can be run, text.
const FILES: &[(&str, bool, &str)] = &[
    ("README.md", false, include_str!("project/README.md")),
    ("limits.conf", false, include_str!("project/limits.conf")),
    ("notes.txt", false, include_str!("project/notes.txt")),
    ("retry.sh", false, include_str!("project/retry.sh")),
    (
        "tests/limits.conf",
        false,
        include_str!("project/test-limits.conf"),
    ),
    ("tests/run.sh", true, include_str!("project/tests.sh")),
];
/// The copy's `hyperion.toml`; one that the repository had would bring checks that take long.
const CHECKS: &str = include_str!("project/checks.toml");
/// How much of a history is copied.
const COMMITS_MAX: u32 = 300;
/// How long git may take for one command.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most bytes of an answer of git.
const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// What stands in for the person's git settings.
const SETTINGS: &str = "[user]\n\tname = Hyperion demo\n\temail = demo@localhost\n\
     [core]\n\thooksPath = /dev/null\n[gc]\n\tauto = 0\n[safe]\n\tdirectory = *\n\
     [init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n";

/// The copy, ready to work on.
pub(super) struct CopiedRepo {
    shell: Shell,
    /// Its work tree.
    pub(super) path: PathBuf,
    /// What it was made of, in words.
    pub(super) origin: String,
    /// The branch that work lands on.
    pub(super) branch: String,
    /// The commit that everything starts from.
    pub(super) start: String,
}

/// Copies the repository named, else the one around the current folder, else makes one.
pub(super) fn make(
    shell: Shell,
    named: Option<&Path>,
    around: &Path,
) -> anyhow::Result<CopiedRepo> {
    let from = named.unwrap_or(around);
    let origin = match source(&shell.git, from) {
        Ok(source) => match clone(&shell, &source) {
            Ok(origin) => origin,
            Err(error) if named.is_some() => return Err(error),
            Err(error) => {
                hyperion_host::remove_tree(&shell.copy).context("clear the copy away")?;
                let why = Failure::of(&error);
                let why = format!("{} cannot be copied ({why})", source.display());
                sample(&shell)?;
                format!("a small repository made for this, as {why}")
            }
        },
        Err(error) if named.is_some() => {
            return Err(Failure::usage(format!("failed to {error}"))
                .hint(error.remedy())
                .into());
        }
        Err(_) => {
            sample(&shell)?;
            "a small repository made for this".to_owned()
        }
    };
    let branch = shell.branch()?;
    project(&shell)?;
    Ok(CopiedRepo {
        origin,
        branch,
        start: shell.say(&["rev-parse", "HEAD"])?,
        path: shell.copy.clone(),
        shell,
    })
}

impl CopiedRepo {
    /// Reads a file of the work tree, which follows what lands.
    pub(super) fn read(&self, path: &str) -> anyhow::Result<String> {
        let path = self.path.join(path);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// Says whether the work tree has a file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.path.join(path).exists()
    }

    /// Gives the commits since the start, newest first, and a few before it.
    pub(super) fn log(&self, before: usize) -> anyhow::Result<String> {
        let shell = &self.shell;
        let since = shell.say(&["rev-list", "--count", &format!("{}..HEAD", self.start)])?;
        let since: usize = since.parse().unwrap_or(0);
        let number = format!("--max-count={}", since + before);
        shell.say(&["log", "--oneline", "--no-decorate", &number])
    }
}

/// Git as a person has it who has just installed it.
pub(super) struct Shell {
    git: Git,
    program: PathBuf,
    copy: PathBuf,
    env: Vec<(OsString, OsString)>,
}

impl Shell {
    /// Finds git, and writes the settings that stand in for the person's.
    pub(super) fn new(place: &Place, cx: &Cx) -> anyhow::Result<Self> {
        let path = cx.variables().get("PATH").unwrap_or_default();
        let program = cx.variables().get("HYPERION_GIT").map(PathBuf::from);
        let git = Git::probe(&GitOptions {
            program: program.clone(),
            scratch: place.folder().join("cache/git"),
            search_path: path.to_os_string(),
            user_home: None,
            person: Vec::new(),
        })?;
        let settings = place.folder().join("gitconfig");
        place.write(&settings, SETTINGS)?;
        let env: [(&str, &OsStr); 6] = [
            ("PATH", path),
            ("HOME", place.folder().as_os_str()),
            ("LC_ALL", OsStr::new("C")),
            ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
            ("GIT_CONFIG_GLOBAL", settings.as_os_str()),
            ("GIT_TERMINAL_PROMPT", OsStr::new("0")),
        ];
        Ok(Self {
            git,
            program: program.unwrap_or_else(|| "git".into()),
            copy: place.copy(),
            env: env
                .map(|(name, value)| (name.into(), value.into()))
                .to_vec(),
        })
    }

    /// Runs git in the copy and gives what it says.
    fn say(&self, args: &[&str]) -> anyhow::Result<String> {
        self.say_in(&self.copy, args.iter().copied())
    }

    fn say_in(
        &self,
        folder: &Path,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> anyhow::Result<String> {
        let mut launch = Launch::new(&self.program, folder).args(args);
        launch.env.clone_from(&self.env);
        let limits = Limits {
            wall: PATIENCE,
            output_max: ANSWER_MAX_BYTES,
        };
        let outcome = run(&launch, &limits)?;
        if outcome.exit.success() {
            return Ok(outcome.stdout.text().trim_end().to_owned());
        }
        let said = outcome.stderr.text();
        let said = said.lines().find(|line| line.starts_with("fatal: "));
        let verb = launch.args.first().map(|verb| verb.to_string_lossy());
        let what = format!(
            "git {} failed: {}",
            verb.unwrap_or_default(),
            said.unwrap_or("it does not say why")
                .trim_start_matches("fatal: ")
        );
        Err(Failure::new(Exit::Failed, what).into())
    }

    /// Gives the branch; a copy of a detached HEAD gets one.
    fn branch(&self) -> anyhow::Result<String> {
        let repo = UserRepo::discover(&self.git, &self.copy)?;
        if let Head::Branch(branch) = repo.head()? {
            return Ok(branch.short().to_owned());
        }
        self.say(&["checkout", "--quiet", "-B", "main"])?;
        Ok("main".to_owned())
    }
}

/// Finds the repository around a folder, if it has something to copy.
fn source(git: &Git, folder: &Path) -> Result<PathBuf, DiscoverError> {
    let repo = UserRepo::discover(git, folder)?;
    let path = repo.work_tree().unwrap_or_else(|| repo.git_dir());
    match repo.head()? {
        Head::Branch(_) | Head::Detached(_) => Ok(path.to_path_buf()),
        Head::Unborn(branch) => Err(DiscoverError::NoCommits {
            path: path.to_path_buf(),
            branch,
        }),
    }
}

/// Clones as from another machine: no object is shared with the original, and a shallow one will do.
fn clone(shell: &Shell, source: &Path) -> anyhow::Result<String> {
    let depth = format!("--depth={COMMITS_MAX}");
    let options = [
        "clone",
        "--quiet",
        "--no-local",
        &depth,
        "--single-branch",
        "--no-tags",
        "--template=",
        "--",
    ];
    let args = options.into_iter().map(OsStr::new);
    let args = args.chain([source.as_os_str(), shell.copy.as_os_str()]);
    let folder = shell.copy.parent().unwrap_or(&shell.copy);
    shell.say_in(folder, args)?;
    // Nothing can be pushed back by mistake.
    shell.say(&["remote", "remove", "origin"])?;
    let commits = shell.say(&["rev-list", "--count", "--first-parent", "HEAD"])?;
    let commits = view::count(commits.parse().unwrap_or(0), "commit");
    Ok(format!("{} ({commits})", source.display()))
}

/// Makes a small repository with a little history.
fn sample(shell: &Shell) -> anyhow::Result<()> {
    fs::create_dir_all(&shell.copy).with_context(|| format!("make {}", shell.copy.display()))?;
    shell.say(&["init", "--quiet", "--template=", "--initial-branch=main"])?;
    let commits = [
        ("README.md", "# Weather\n\nReads a thermometer.\n", "Begin"),
        (
            "src/celsius.sh",
            "#!/bin/sh\necho $((($1 - 32) * 5 / 9))\n",
            "Turn Fahrenheit into Celsius",
        ),
        (
            "docs/sensors.md",
            "# Sensors\n\nOne on the roof, one in the cellar.\n",
            "Say where the sensors are",
        ),
    ];
    for (path, text, subject) in commits {
        write(&shell.copy.join(path), false, text)?;
        shell.say(&["add", "--", path])?;
        shell.say(&["commit", "--quiet", "--message", subject])?;
    }
    Ok(())
}

/// Commits the demo's project and its checks, in place of anything that has their names.
fn project(shell: &Shell) -> anyhow::Result<()> {
    let paths = [PROJECT, "hyperion.toml"];
    // Taken out first, so that a link of that name cannot lead the writing out of the copy.
    shell.say(&[
        "rm",
        "-r",
        "--quiet",
        "--force",
        "--ignore-unmatch",
        "--",
        paths[0],
        paths[1],
    ])?;
    for (path, executable, text) in FILES {
        write(&shell.copy.join(PROJECT).join(path), *executable, text)?;
    }
    write(&shell.copy.join("hyperion.toml"), false, CHECKS)?;
    shell.say(&["add", "--force", "--", paths[0], paths[1]])?;
    let subject = "Add the project and the checks of Hyperion's demo";
    shell.say(&["commit", "--quiet", "--allow-empty", "--message", subject])?;
    Ok(())
}

fn write(path: &Path, executable: bool, text: &str) -> anyhow::Result<()> {
    let writing = || format!("write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(writing)?;
    }
    fs::write(path, text).with_context(writing)?;
    if executable {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).with_context(writing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;
    use crate::settings::Variables;
    use hyperion_testkit::{TempRepo, git};
    use jiff::tz::TimeZone;
    use std::sync::Arc;
    use tempfile::TempDir;

    /// Copies into a folder of its own, as somebody whom git does not know.
    fn copied(named: Option<&Path>, around: &Path) -> (TempDir, anyhow::Result<CopiedRepo>) {
        let folder = tempfile::tempdir().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let cx = Cx::new(
            Arc::new(Output::of_streams(std::io::sink(), std::io::sink())),
            Variables::new([("PATH".into(), path)]),
            around.to_path_buf(),
            Some(TimeZone::UTC),
        );
        let place = Place::make(Some(&folder.path().join("demo")), &cx).unwrap();
        let copy = Shell::new(&place, &cx).and_then(|shell| make(shell, named, around));
        (folder, copy)
    }

    #[test]
    fn without_a_repository_one_is_made() {
        let empty = tempfile::tempdir().unwrap();
        let (_folder, copy) = copied(None, empty.path());
        let copy = copy.unwrap();
        assert_eq!(copy.branch, "main");
        assert_eq!(copy.log(9).unwrap().lines().count(), 4);
        assert!(copy.has("src/celsius.sh") && copy.has("hyperion-demo/retry.sh"));
        assert_eq!(git(&copy.path, &["status", "--porcelain"]), "");
    }

    #[test]
    fn a_shallow_clone_with_a_detached_head_will_do() {
        let origin = TempRepo::with_files(&[("a.txt", "one\n")]);
        origin.commit("Change", &[("a.txt", "two\n")]);
        let clone = tempfile::tempdir().unwrap();
        let path = clone.path().to_str().unwrap();
        let url = format!("file://{}", origin.path().display());
        origin.git(&["clone", "--quiet", "--depth", "1", &url, path]);
        git(path, &["checkout", "--quiet", "--detach"]);
        let (_folder, copy) = copied(Some(clone.path()), Path::new("/"));
        let copy = copy.unwrap();
        assert_eq!(copy.branch, "main");
        assert_eq!(copy.read("a.txt").unwrap(), "two\n");
        assert!(copy.origin.ends_with("(1 commit)"), "{}", copy.origin);
        assert_eq!(git(&copy.path, &["remote"]), "");
    }

    #[test]
    fn nothing_leads_out_of_the_copy() {
        let outside = tempfile::tempdir().unwrap();
        let repo = TempRepo::with_files(&[("a.txt", "one\n")]);
        repo.symlink("hyperion-demo", outside.path().to_str().unwrap());
        let target = outside.path().join("mine.toml");
        fs::write(&target, "mine").unwrap();
        repo.symlink("hyperion.toml", target.to_str().unwrap());
        repo.commit_all("Lead astray");
        let (_folder, copy) = copied(None, repo.path());
        assert!(copy.unwrap().has("hyperion-demo/tests/run.sh"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_named_has_to_be_a_repository() {
        let empty = tempfile::tempdir().unwrap();
        let (_folder, copy) = copied(Some(empty.path()), Path::new("/"));
        let refused = copy.err().unwrap().to_string();
        assert!(refused.contains("not inside a git repository"), "{refused}");
    }
}
