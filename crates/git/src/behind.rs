//! Work trees that could not follow a landing, because somebody edited them in that very moment, or because git failed.
//!
//! The branch has moved by then, and their files and index are still those of the commit before. If `HEAD` went on naming the
//! branch, git would show the inverse of the landing as staged, and the person's next commit would undo it. So `HEAD` is made
//! to name the commit that the files are from (git calls that detached): what git shows then is what the person did, and
//! nothing they commit touches the branch. `git switch --merge <branch>` takes their edits along to where the branch is.
//!
//! A note beside the index says which landing it was, for as long as `HEAD` is detached.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point, reached};
use hyperion_host::{fsync_dir, read_bounded, write_atomic};

use crate::call::one_line;
use crate::error::GitError;
use crate::landing::Landing;
use crate::oid::{Oid, RefName};
use crate::store::RepoStore;
use crate::work_tree::{WorkTree, remove_if_there};

/// A work tree that stayed where it was when a landing moved its branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Which work tree.
    pub work_tree: PathBuf,
    /// The queue entry that landed, by the id it has in the names of refs.
    pub entry: String,
    /// The branch it had checked out.
    pub branch: RefName,
    /// The commit its files are from, which `HEAD` names now.
    pub at: Oid,
    /// What kept git from moving it; none when somebody edited it.
    pub cause: Option<String>,
}

impl Behind {
    /// Says what to do: what is to be mended, if anything is, and the [command](Self::remedy).
    #[must_use]
    pub fn advice(&self) -> String {
        let first = match &self.cause {
            Some(_) => "mend that, then bring it along",
            None => "bring it along",
        };
        format!("{first}: {}", self.remedy())
    }

    /// Gives the command that brings it along, with what the person did to it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let place = quoted(&self.work_tree);
        let branch = self.branch.short();
        format!("git -C {place} switch --merge {branch}")
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            work_tree,
            entry: _,
            branch: _,
            at,
            cause,
        } = self;
        let place = work_tree.display();
        match cause {
            None => write!(
                f,
                "{place} was edited in the moment of the landing and stayed at {at:.10}"
            ),
            Some(cause) => write!(
                f,
                "{place} could not follow the landing and stayed at {at:.10} ({cause})"
            ),
        }
    }
}

/// Writes a path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Tells, without asking git, whether a repository may have a work tree that stayed behind.
#[must_use]
pub fn may_be_behind(repository: &Path) -> bool {
    let inside = repository.join(".git");
    match fs::symlink_metadata(&inside) {
        // Somewhere else: git knows where.
        Ok(metadata) if !metadata.is_dir() => true,
        Ok(_) => has_note(&inside),
        Err(_) => has_note(repository),
    }
}

/// Whether a work tree of this git folder has a note.
fn has_note(git_dir: &Path) -> bool {
    let linked = fs::read_dir(git_dir.join("worktrees"));
    let linked = linked.into_iter().flatten().flatten();
    std::iter::once(git_dir.to_path_buf())
        .chain(linked.map(|one| one.path()))
        .any(|git_dir| git_dir.join(NOTE).exists())
}

/// The note's name, beside the index.
const NOTE: &str = "hyperion-behind";

/// How much of what git said a note keeps.
const CAUSE_MAX_CHARS: usize = 500;

/// A note is shorter.
const NOTE_MAX_BYTES: u64 = 4096;

impl WorkTree {
    fn behind_note(&self) -> PathBuf {
        self.git_dir.join(NOTE)
    }

    /// Leaves the work tree where its files are from: `HEAD` names that commit. The lock must be ours; it stays.
    pub(crate) fn stay_behind(
        &self,
        store: &RepoStore,
        landing: &Landing,
        cause: Option<String>,
    ) -> Result<Behind, GitError> {
        let Landing {
            entry,
            branch,
            expected,
            candidate: _,
        } = landing;
        let note = self.behind_note();
        let mut text = format!("entry {entry}\nbranch {branch}\nat {expected}\n");
        let cause = cause.map(|cause| cause.chars().take(CAUSE_MAX_CHARS).collect::<String>());
        if let Some(cause) = &cause {
            text.push_str(&format!("cause {cause}\n"));
        }
        write_atomic(&note, text.as_bytes(), 0o600).map_err(GitError::io(&note))?;
        reached(Point::CheckoutLeftNoted);
        self.call(store, "update-ref", &self.git_dir.join("index"))
            .setting("core.fsync=reference")
            .args(["-m", &format!("hyperion: stayed while {entry} landed")])
            .args(["--no-deref", "HEAD", expected.as_str()])
            .output()?;
        fsync_dir(&self.git_dir).map_err(GitError::io(&self.git_dir))?;
        reached(Point::CheckoutLeftBehind);
        Ok(Behind {
            work_tree: self.path.clone(),
            entry: entry.clone(),
            branch: branch.clone(),
            at: expected.clone(),
            cause,
        })
    }

    /// Takes the note away, if there is one: the branch is checked out here.
    pub(crate) fn forget_behind(&self) -> Result<(), GitError> {
        remove_if_there(&self.behind_note())
    }

    /// What the note says, while it is so.
    fn behind(&self) -> Result<Option<Behind>, GitError> {
        let note = self.behind_note();
        let Ok(bytes) = read_bounded(&note, NOTE_MAX_BYTES) else {
            return Ok(None);
        };
        // The lock is ours while it is decided.
        if self.note().is_some() {
            return Ok(None);
        }
        if self.branch.is_some() {
            // The person went on.
            remove_if_there(&note)?;
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines = text.lines();
        let mut value = |key: &str| lines.next()?.strip_prefix(key).map(str::to_owned);
        let told = (|| {
            Some(Behind {
                work_tree: self.path.clone(),
                entry: value("entry ")?,
                branch: RefName::new(value("branch ")?).ok()?,
                at: Oid::parse(&value("at ")?).ok()?,
                cause: value("cause "),
            })
        })();
        Ok(told)
    }

    /// Whether `HEAD` names the branch that it named when this work tree was listed.
    pub(crate) fn is_still_on_its_branch(&self) -> bool {
        let head = fs::read_to_string(self.git_dir.join("HEAD")).unwrap_or_default();
        let named = head.trim().strip_prefix("ref: ");
        self.branch
            .as_ref()
            .is_some_and(|branch| named == Some(branch.as_str()))
    }

    /// Where `HEAD` is; none while it names a branch without commits.
    pub(crate) fn head(&self, store: &RepoStore) -> Result<Option<Oid>, GitError> {
        let answer = self
            .call(store, "rev-parse", &self.git_dir.join("index"))
            .args(["-q", "--verify", "HEAD^{commit}"])
            .outcome()?;
        let line = one_line(&answer.stdout.bytes);
        Ok(answer
            .exit
            .success()
            .then(|| Oid::parse(&line).ok())
            .flatten())
    }
}

impl RepoStore {
    /// The work trees that stayed behind a landing, and were not brought along since.
    pub fn behind(&self) -> Result<Vec<Behind>, GitError> {
        // Asking git for all work trees takes longer than looking that there is nothing to ask.
        if !has_note(self.user.git_dir()) {
            return Ok(Vec::new());
        }
        let mut behind = Vec::new();
        for work_tree in self.work_trees()? {
            behind.extend(work_tree.behind()?);
        }
        Ok(behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted_wherever_the_work_tree_is() {
        let command = |place: &str| {
            let behind = Behind {
                work_tree: PathBuf::from(place),
                entry: String::new(),
                branch: RefName::branch("main").unwrap(),
                at: Oid::parse(&"a".repeat(40)).unwrap(),
                cause: None,
            };
            behind.remedy()
        };
        assert_eq!(command("/a/b"), "git -C /a/b switch --merge main");
        assert_eq!(
            command("/a b/it's"),
            r"git -C '/a b/it'\''s' switch --merge main"
        );
    }
}
