//! How git is called: always with the same surroundings, whatever the machine's settings say.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use hyperion_host::{
    CancelFlag, CoProcess, Exit, Input, Launch, Limits, Outcome, ProcessMark, run_to_file,
    run_until,
};

use crate::error::{GitError, says_disk_full};
use crate::git::Git;

/// Time for a command that reads or writes little.
const QUICK: Duration = Duration::from_secs(60);

/// Time for a command that may touch every file or object.
pub(crate) const LONG: Duration = Duration::from_secs(15 * 60);

/// The longest answer taken from one command.
pub(crate) const ANSWER_MAX_BYTES: usize = 256 * 1024 * 1024;

/// What a co-process may say ahead of being read.
const HELPER_BUFFER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// How much of git's complaint goes into an error.
const COMPLAINT_MAX_CHARS: usize = 2_000;

/// Settings that would change a result, or run somebody's program, are pinned on the command line, where they win.
const PINNED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "core.abbrev=no",
    "core.useReplaceRefs=false",
    "core.splitIndex=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "merge.conflictStyle=merge",
    "merge.renames=true",
    "merge.directoryRenames=conflict",
    "merge.renormalize=false",
    "merge.renameLimit=7000",
    "diff.renames=true",
    "diff.renameLimit=7000",
    "diff.algorithm=myers",
    "diff.suppressBlankEmpty=false",
    "diff.noprefix=false",
    "advice.statusHints=false",
    // A repository of another user was named by the person who runs Hyperion; hooks and monitors of it are off.
    "safe.directory=*",
];

/// No command but those to a remote goes out.
const OFFLINE: &str = "protocol.allow=never";

/// By which variable git's processes are known after their engine died.
pub(crate) const ENGINE_MARK: &str = "HYPERION_ENGINE";

/// The value of [`ENGINE_MARK`] that this process gives; the names of its scratch folders begin with it.
pub(crate) fn own_mark() -> String {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| match ProcessMark::of(std::process::id()) {
        Ok(Some(ProcessMark {
            pid, start_ticks, ..
        })) => format!("{pid}-{start_ticks}"),
        Ok(None) | Err(_) => String::new(),
    })
    .clone()
}

/// One git command before it runs.
#[derive(Debug)]
#[must_use]
pub(crate) struct Call<'a> {
    git: &'a Git,
    cwd: PathBuf,
    settings: Vec<String>,
    name: &'static str,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    input: Input,
    wall: Duration,
    personal: bool,
    networked: bool,
    cancel: Option<CancelFlag>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(git: &'a Git, name: &'static str, cwd: impl Into<PathBuf>) -> Self {
        Self {
            git,
            cwd: cwd.into(),
            settings: Vec::new(),
            name,
            args: Vec::new(),
            env: Vec::new(),
            input: Input::Null,
            wall: QUICK,
            personal: false,
            networked: false,
            cancel: None,
        }
    }

    /// Names the repository, so that none is searched for.
    pub(crate) fn git_dir(self, path: &Path) -> Self {
        self.env("GIT_DIR", path)
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets a setting for this call, on top of the pinned ones.
    pub(crate) fn setting(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    pub(crate) fn wall(mut self, wall: Duration) -> Self {
        self.wall = wall;
        self
    }

    /// Lets the user's own settings count: for their checkout, where their filters and line endings decide what a
    /// clean file is.
    pub(crate) fn personal(mut self) -> Self {
        self.personal = true;
        self
    }

    /// Lets it talk to a remote as the person would: with their settings, their agent and their credentials.
    pub(crate) fn networked(mut self) -> Self {
        self.personal = true;
        self.networked = true;
        self
    }

    /// Ends it early once the flag is raised.
    pub(crate) fn cancel(mut self, flag: &CancelFlag) -> Self {
        self.cancel = Some(flag.clone());
        self
    }

    /// Runs it and answers with its output; anything but exit code zero is an error.
    pub(crate) fn output(self) -> Result<Vec<u8>, GitError> {
        let name = self.name;
        let outcome = self.outcome()?;
        if outcome.exit.success() {
            Ok(outcome.stdout.bytes)
        } else {
            Err(failure(name, &outcome))
        }
    }

    /// Runs it and answers whether it exited with zero or with one; anything else is an error.
    pub(crate) fn answer(self) -> Result<bool, GitError> {
        let name = self.name;
        let outcome = self.outcome()?;
        match outcome.exit {
            Exit::Code(0) => Ok(true),
            Exit::Code(1) => Ok(false),
            Exit::Code(_) | Exit::Signal(_) | Exit::TimedOut | Exit::Cancelled => {
                Err(failure(name, &outcome))
            }
        }
    }

    /// Runs it to its end, whatever the exit code.
    pub(crate) fn outcome(self) -> Result<Outcome, GitError> {
        let limits = Limits {
            wall: self.wall,
            output_max: ANSWER_MAX_BYTES,
        };
        let name = self.name;
        let cancel = self.cancel.clone();
        let outcome = run_until(&self.launch(), &limits, cancel.as_ref())?;
        if outcome.stdout.truncated {
            return Err(GitError::TooLarge {
                what: format!("the answer of git {name}"),
                max_bytes: ANSWER_MAX_BYTES as u64,
            });
        }
        in_time(name, limits.wall, outcome)
    }

    /// Runs it with its output going to a file.
    pub(crate) fn into_file(self, path: &Path) -> Result<(), GitError> {
        let limits = Limits {
            wall: self.wall,
            output_max: ANSWER_MAX_BYTES,
        };
        let name = self.name;
        let outcome = in_time(
            name,
            limits.wall,
            run_to_file(&self.launch(), &limits, path)?,
        )?;
        if outcome.exit.success() {
            Ok(())
        } else {
            Err(failure(name, &outcome))
        }
    }

    /// Starts it as a co-process.
    pub(crate) fn start(self) -> Result<CoProcess, GitError> {
        Ok(CoProcess::start(&self.launch(), HELPER_BUFFER_MAX_BYTES)?)
    }

    fn launch(self) -> Launch {
        let Self {
            git,
            cwd,
            settings,
            name,
            args,
            env,
            input,
            wall: _,
            personal,
            networked,
            cancel: _,
        } = self;
        let mut launch = Launch::new(git.program(), cwd)
            .env("LC_ALL", "C")
            .env(ENGINE_MARK, own_mark())
            .env("TZ", "UTC")
            .env("PATH", git.search_path())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_FLUSH", "1")
            .env("GIT_EDITOR", "false")
            .env("GIT_PAGER", "cat")
            // For reflogs; commits name their people themselves.
            .env("GIT_COMMITTER_NAME", "Hyperion")
            .env("GIT_COMMITTER_EMAIL", "hyperion@localhost");
        launch = match git.user_home().filter(|_| personal) {
            Some(home) => launch.env("HOME", home),
            None => launch
                .env("HOME", git.scratch())
                .env("XDG_CONFIG_HOME", git.scratch())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CONFIG_SYSTEM", "/dev/null")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_ATTR_NOSYSTEM", "1"),
        };
        if networked {
            for (variable, value) in git.person() {
                launch = launch.env(variable, value);
            }
            // Whatever would ask a person for a password gets none.
            launch = launch
                .env("GIT_ASKPASS", "")
                .env("SSH_ASKPASS", "false")
                .env("SSH_ASKPASS_REQUIRE", "force");
        } else {
            launch = launch.args(["-c", OFFLINE]);
        }
        for (variable, value) in env {
            launch = launch.env(variable, value);
        }
        for setting in PINNED {
            launch = launch.arg("-c").arg(*setting);
        }
        if !personal {
            launch = launch.args([
                "-c",
                "core.attributesFile=/dev/null",
                "-c",
                "core.excludesFile=/dev/null",
            ]);
        }
        for setting in settings {
            // Options of git itself (`--attr-source`) take the same place as settings.
            launch = if setting.starts_with("--") {
                launch.arg(setting)
            } else {
                launch.arg("-c").arg(setting)
            };
        }
        launch.arg(name).args(args).input(input)
    }
}

pub(crate) fn failure(name: &str, outcome: &Outcome) -> GitError {
    let stderr = outcome.stderr.text();
    let stderr = stderr.trim();
    if let Some(lock) = lock_named_in(stderr) {
        return GitError::Locked { lock };
    }
    if says_disk_full(stderr) {
        return GitError::DiskFull {
            command: name.to_owned(),
        };
    }
    let mut complaint: String = stderr.chars().take(COMPLAINT_MAX_CHARS).collect();
    if complaint.is_empty() {
        complaint = format!("it ended with {:?}", outcome.exit);
    }
    GitError::Failed {
        command: name.to_owned(),
        stderr: complaint,
    }
}

/// Git names the lock file it could not create; there is no other sign of it.
fn lock_named_in(stderr: &str) -> Option<PathBuf> {
    let rest = stderr.split_once("Unable to create '")?.1;
    let (path, after) = rest.split_once(".lock'")?;
    after
        .trim_start_matches(':')
        .trim_start()
        .starts_with("File exists")
        .then(|| PathBuf::from(format!("{path}.lock")))
}

fn in_time(name: &str, limit: Duration, outcome: Outcome) -> Result<Outcome, GitError> {
    if outcome.exit == Exit::TimedOut {
        return Err(GitError::TimedOut {
            command: name.to_owned(),
            limit,
        });
    }
    Ok(outcome)
}

/// Takes the line end off an answer of one line.
pub(crate) fn one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches(['\n', '\r'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_in_gits_complaint_is_found() {
        let said = "fatal: update_ref failed for ref 'refs/heads/main': cannot lock ref 'refs/heads/main': \
                    Unable to create '/r/.git/refs/heads/main.lock': File exists.\n\nAnother git process seems";
        assert_eq!(
            lock_named_in(said),
            Some(PathBuf::from("/r/.git/refs/heads/main.lock"))
        );
        assert_eq!(
            lock_named_in("Unable to create '/r/x.lock': Permission denied"),
            None
        );
        assert_eq!(lock_named_in("fatal: bad object"), None);
    }
    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let outcome = |stderr: &str| Outcome {
            exit: Exit::Code(128),
            stdout: hyperion_host::Captured::default(),
            stderr: hyperion_host::Captured {
                bytes: stderr.as_bytes().to_vec(),
                truncated: false,
            },
            duration: Duration::ZERO,
        };
        let full = failure(
            "index-pack",
            &outcome("fatal: write error: No space left on device"),
        );
        assert!(matches!(full, GitError::DiskFull { .. }), "{full}");
        let other = failure("index-pack", &outcome("fatal: bad object"));
        assert_eq!(other.to_string(), "run git index-pack: fatal: bad object");
        assert_eq!(
            failure("gc", &outcome("")).to_string(),
            "run git gc: it ended with Code(128)"
        );
    }
}
