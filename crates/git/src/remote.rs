//! Remotes of the person's repository: asked, fetched from and pushed to with the person's own settings and credentials.
//!
//! Nothing is ever forced: a push that is not a plain step forward is refused by git, and that is told as
//! [`Pushed::Behind`]. Nobody is asked for a password here: what needs one fails, with git's own words.

use std::time::Duration;

use hyperion_host::CancelFlag;

use crate::call::{Call, LONG, failure};
use crate::error::GitError;
use crate::oid::{Oid, RefName};
use crate::user_repo::{UserRepo, oid_of};

/// Time for a question to a remote.
const ASK: Duration = Duration::from_secs(60);

/// How much of what a remote says is told.
const WORDS_MAX_CHARS: usize = 400;

/// What pushing a commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The remote's branch is at the commit.
    Yes,
    /// The remote's branch has commits that this one does not build on; nothing was changed.
    Behind,
    /// The remote does not take it; nothing was changed.
    Refused {
        /// In the remote's own words.
        words: String,
    },
}

impl UserRepo {
    /// The names of its remotes.
    pub fn remotes(&self) -> Result<Vec<String>, GitError> {
        self.require_present()?;
        let answer = self.call("remote").output()?;
        Ok(String::from_utf8_lossy(&answer)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// Asks a remote where its branch is, and fetches it where that commit is not here yet; none where it has no such branch.
    pub fn fetch_branch(
        &self,
        remote: &str,
        branch: &RefName,
        cancel: &CancelFlag,
    ) -> Result<Option<Oid>, GitError> {
        let answer = self
            .remote_call("ls-remote")
            .args(["--quiet", "--end-of-options", remote, branch.as_str()])
            .wall(ASK)
            .cancel(cancel)
            .output()?;
        let answer = String::from_utf8_lossy(&answer);
        // A pattern fits the ends of names as well.
        let there = answer
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, name)| *name == branch.as_str());
        let Some((oid, _)) = there else {
            return Ok(None);
        };
        let there = oid_of("ls-remote", oid.as_bytes())?;
        let here = self
            .call("cat-file")
            .args(["-e", &format!("{there}^{{commit}}")])
            .outcome()?;
        if here.exit.success() {
            return Ok(Some(there));
        }
        let tracking = tracking(remote, branch);
        self.remote_call("fetch")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                // Only this one ref: what the remote's settings map besides may be branches of the person's own.
                "--refmap=",
            ])
            .args(["--end-of-options", remote])
            .arg(format!("+{branch}:{tracking}"))
            .wall(LONG)
            .cancel(cancel)
            .output()?;
        self.resolve_commit(&tracking)
    }

    /// Pushes exactly this commit to the branch of the same name, never by force.
    pub fn push_commit(
        &self,
        remote: &str,
        branch: &RefName,
        commit: &Oid,
        cancel: &CancelFlag,
    ) -> Result<Pushed, GitError> {
        let outcome = self
            .remote_call("push")
            .setting(format!("remote.{remote}.mirror=false"))
            .args(["--porcelain", "--no-follow-tags", "--no-recurse-submodules"])
            .args(["--end-of-options", remote])
            .arg(format!("{commit}:{branch}"))
            .wall(LONG)
            .cancel(cancel)
            .outcome()?;
        if outcome.exit.success() {
            return Ok(Pushed::Yes);
        }
        match Rejected::read(&outcome.stdout.text(), branch) {
            Some(Rejected::Here) => Ok(Pushed::Behind),
            Some(Rejected::There { why }) => Ok(Pushed::Refused {
                words: said_by_remote(&outcome.stderr.text()).unwrap_or(why),
            }),
            None => Err(failure("push", &outcome)),
        }
    }

    /// A command that talks to a remote as the person would.
    fn remote_call(&self, name: &'static str) -> Call<'_> {
        self.call_in_place(name)
            .networked()
            // A server that goes silent is given up.
            .setting("http.lowSpeedLimit=100")
            .setting("http.lowSpeedTime=60")
            .setting("credential.interactive=false")
    }
}

/// Where a person's `git fetch` notes the remote's branch.
fn tracking(remote: &str, branch: &RefName) -> String {
    format!("refs/remotes/{remote}/{}", branch.short())
}

/// Who rejected a push: git here, because it is no step forward, or the remote.
#[derive(Debug, PartialEq, Eq)]
enum Rejected {
    Here,
    There { why: String },
}

impl Rejected {
    /// Reads `! <from>:<to> TAB [remote rejected] (reason)` out of what `push --porcelain` prints.
    fn read(porcelain: &str, branch: &RefName) -> Option<Self> {
        let line = porcelain.lines().find_map(|line| {
            let (refs, summary) = line.strip_prefix("!\t")?.split_once('\t')?;
            refs.ends_with(&format!(":{branch}")).then_some(summary)
        })?;
        if line.starts_with("[rejected]") {
            return Some(Self::Here);
        }
        let why = line.split_once('(').map_or(line, |(_, why)| why);
        let why = why.strip_suffix(')').unwrap_or(why);
        Some(Self::There {
            why: why.to_owned(),
        })
    }
}

/// Gives what the remote's own programs said, on one line.
fn said_by_remote(stderr: &str) -> Option<String> {
    let lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let words = lines.collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then(|| words.chars().take(WORDS_MAX_CHARS).collect())
}

impl GitError {
    /// Says in one line why a remote could not be talked to: the first line of git's complaint that says something.
    #[must_use]
    pub fn words(&self) -> String {
        let Self::Failed { stderr, .. } = self else {
            return self.to_string();
        };
        let lines = || {
            stderr
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
        };
        let is_aside = |line: &&str| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("warning:") && !line.starts_with("hint:")
        };
        let line = lines().find(is_aside).or_else(|| lines().next());
        let line = line.unwrap_or("git failed without a word");
        let line = ["fatal: ", "error: ", "ERROR: ", "remote: "]
            .iter()
            .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
        without_password(line)
            .chars()
            .take(WORDS_MAX_CHARS)
            .collect()
    }
}

/// Takes names and passwords out of addresses: `https://ada:secret@host` becomes `https://host`.
fn without_password(line: &str) -> String {
    let mut parts = line.split("://");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| c == '/' || c.is_whitespace() || c == '\'' || c == '"')
            .unwrap_or(part.len());
        let (host, rest) = part.split_at(end);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        text.push_str("://");
        text.push_str(host);
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> String {
        GitError::Failed {
            command: "push".to_owned(),
            stderr: stderr.to_owned(),
        }
        .words()
    }

    #[test]
    fn who_rejected_a_push_is_read_from_its_porcelain() {
        let main = RefName::branch("main").unwrap();
        let read = |line: &str| {
            let text = format!("To ../hub.git\n{line}\nDone\n");
            Rejected::read(&text, &main)
        };
        let here = "!\tabc:refs/heads/main\t[rejected] (fetch first)";
        assert_eq!(read(here), Some(Rejected::Here));
        let there = "!\tabc:refs/heads/main\t[remote rejected] (pre-receive hook declined)";
        let why = "pre-receive hook declined".to_owned();
        assert_eq!(read(there), Some(Rejected::There { why }));
        assert_eq!(read("!\tabc:refs/heads/maintain\t[rejected] (stale)"), None);
        assert_eq!(read(" \tabc:refs/heads/main\t1..2"), None);
        assert_eq!(
            said_by_remote("remote: error: GH006: Protected branch\nremote:  \nremote: Changes must be made through a pull request.        \nerror: failed").unwrap(),
            "error: GH006: Protected branch Changes must be made through a pull request."
        );
    }

    #[test]
    fn why_a_remote_could_not_be_talked_to_is_one_line_without_passwords() {
        assert_eq!(
            failed(
                "Warning: Permanently added 'hub' to the list of known hosts.\ngit@hub: Permission denied (publickey).\nfatal: Could not read from remote repository."
            ),
            "git@hub: Permission denied (publickey)."
        );
        assert_eq!(
            failed(
                "fatal: unable to access 'https://ada:s3cret@hub/r.git/': Could not resolve host: hub"
            ),
            "unable to access 'https://hub/r.git/': Could not resolve host: hub"
        );
        assert_eq!(failed(""), "git failed without a word");
        assert_eq!(
            without_password("see https://hub/a@b and ssh://git@hub"),
            "see https://hub/a@b and ssh://hub"
        );
    }
}
