//! Clones: folders in which agents work, on branches of their own.
//!
//! ```text
//! <git>/    Hyperion's own git folder of the clone, in the home: HEAD, branches, index; no hooks, no settings of anybody's
//!   switch  a change of branches that was begun: from where, to which branch, to where
//! <work>/   the files; an agent may do to them what it likes
//!   .git/   made once, for tools that ask git: the commit it began with, detached; it is never read here
//! ```
//!
//! Git runs here with `<git>` and its index alone. What an agent writes into `<work>` is data: a `.git` in it is not looked at,
//! attributes name filters and drivers that no setting defines, submodules and repositories within are not entered.
//! What is added and committed is written to Hyperion's own object folder, as every change is.
//!
//! Every act can be cut off: a lock that a killed git left is taken away when the clone is opened again, and a change of
//! branches is finished, or given up where somebody edited what it was about.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyperion_fault::{Point, reached};
use hyperion_host::{Exit, Input, create_private_dir, fsync_dir, write_atomic};

use crate::call::{Call, LONG, one_line};
use crate::error::GitError;
use crate::lane::{give_own_repository, identity, make_repository, point_at_store, remove_any};
use crate::oid::{Oid, RefName};
use crate::path::TreePath;
use crate::store::{RepoStore, remove_ref_locks};
use crate::user_repo::oid_of;

/// The most branches of a clone.
pub const CLONE_BRANCHES_MAX: usize = 100;

/// A clone that is open; one process opens it, once.
#[derive(Debug)]
pub struct AgentClone {
    store: Arc<RepoStore>,
    git: PathBuf,
    work: PathBuf,
    /// One at a time: they share an index.
    turn: Mutex<()>,
}

/// A clone could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloneError {
    /// The folder is not the one that was made.
    #[error("use the clone at {}: the folder is gone, or something else is in its place", work.display())]
    WorkGone {
        /// Where it was.
        work: PathBuf,
    },
    /// Files that are not committed are in the way.
    #[error("change to {branch}: {what}")]
    InTheWay {
        /// To which branch.
        branch: RefName,
        /// What git said.
        what: String,
    },
    /// Git itself failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// How a file of a clone stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// Where it is.
    pub path: TreePath,
    /// What a commit would do to it, in git's letter.
    pub staged: Option<char>,
    /// What was done to it since it was added, in git's letter; `?` of a file that git does not know.
    pub unstaged: Option<char>,
}

impl AgentClone {
    /// Makes a clone with a branch checked out; neither folder may be there.
    pub fn make(
        store: Arc<RepoStore>,
        git: &Path,
        work: &Path,
        branch: &RefName,
        tip: &Oid,
    ) -> Result<Self, CloneError> {
        for folder in [git, work] {
            if let Some(above) = folder.parent() {
                create_private_dir(above).map_err(GitError::io(above))?;
            }
            DirBuilder::new()
                .mode(0o700)
                .create(folder)
                .map_err(GitError::io(folder))?;
        }
        make_repository(&store, git)?;
        point_at_store(&store, git)?;
        let note = git.join("hyperion-work");
        let made = identity(work).unwrap_or_default();
        fs::write(&note, made).map_err(GitError::io(&note))?;
        let clone = Self {
            store,
            git: git.to_owned(),
            work: work.to_owned(),
            turn: Mutex::new(()),
        };
        clone.move_ref(branch, tip, None)?;
        clone.set_head(branch)?;
        clone
            .call("read-tree")
            .args(["--reset", "-u", tip.as_str()])
            .wall(LONG)
            .output()?;
        give_own_repository(&clone.store, git, work, tip)?;
        clone.store.sync()?;
        fsync_dir(git).map_err(GitError::io(git))?;
        Ok(clone)
    }

    /// Opens a clone that was made before, and brings it in order.
    pub fn open(store: Arc<RepoStore>, git: &Path, work: &Path) -> Result<Self, CloneError> {
        let clone = Self {
            store,
            git: git.to_owned(),
            work: work.to_owned(),
            turn: Mutex::new(()),
        };
        clone.check()?;
        point_at_store(&clone.store, git)?;
        // Nobody else opens it, and every git that was started for it has ended.
        for lock in ["index.lock", "HEAD.lock", "packed-refs.lock"] {
            let _ = fs::remove_file(git.join(lock));
        }
        remove_ref_locks(&git.join("refs/heads"));
        clone.finish_switch()?;
        Ok(clone)
    }

    /// The objects it shares.
    #[must_use]
    pub fn store(&self) -> &Arc<RepoStore> {
        &self.store
    }

    /// The folder with the files.
    #[must_use]
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Waits for one's turn: who looks and then acts holds it all the while.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether the folder is still the one that was made.
    pub fn check(&self) -> Result<(), CloneError> {
        let noted = fs::read_to_string(self.git.join("hyperion-work")).ok();
        if noted.is_some() && noted == identity(&self.work) {
            return Ok(());
        }
        Err(CloneError::WorkGone {
            work: self.work.clone(),
        })
    }

    /// The branch that is checked out, and where it stands.
    pub fn head(&self) -> Result<(RefName, Oid), GitError> {
        let answer = self
            .call("rev-parse")
            .args(["HEAD", "--symbolic-full-name", "HEAD"])
            .output()?;
        let lines = one_line(&answer);
        let parsed = lines
            .split_once('\n')
            .and_then(|(tip, branch)| Some((RefName::new(branch).ok()?, Oid::parse(tip).ok()?)));
        parsed.ok_or_else(|| GitError::unexpected("rev-parse", &answer))
    }

    /// Where one of its branches stands; none when there is no such branch.
    pub fn tip(&self, branch: &RefName) -> Result<Option<Oid>, GitError> {
        let found = self
            .call("rev-parse")
            .args(["-q", "--verify", "--end-of-options"])
            .arg(format!("{branch}^{{commit}}"))
            .outcome()?;
        if !found.exit.success() {
            return Ok(None);
        }
        let line = one_line(&found.stdout.bytes);
        // Git 2.39 echoes the option marker in front of the answer.
        let oid = line.lines().last().unwrap_or_default();
        oid_of("rev-parse", oid.as_bytes()).map(Some)
    }

    /// Its branches, in order.
    pub fn branches(&self) -> Result<Vec<(RefName, Oid)>, GitError> {
        Self::branches_of(&self.store, &self.git)
    }

    /// The branches of a clone, in order, without opening it: somebody else may be at it.
    pub fn branches_of(store: &RepoStore, git: &Path) -> Result<Vec<(RefName, Oid)>, GitError> {
        let listed = store
            .git
            .call("for-each-ref", git)
            .git_dir(git)
            .args(["--format=%(objectname) %(refname)", "refs/heads/"])
            .output()?;
        one_line(&listed)
            .lines()
            .map(|line| {
                let (oid, name) = line.split_once(' ')?;
                Some((RefName::new(name).ok()?, Oid::parse(oid).ok()?))
            })
            .map(|parsed| parsed.ok_or_else(|| GitError::unexpected("for-each-ref", &listed)))
            .collect()
    }

    /// How the files stand that are not as committed, in order; ignored ones are left out.
    pub fn states(&self) -> Result<Vec<FileState>, CloneError> {
        self.check()?;
        let answer = self
            .call("status")
            .args([
                "--porcelain=v1",
                "-z",
                "--untracked-files=all",
                "--ignore-submodules=all",
                "--no-renames",
            ])
            // The index is the clone's own, and calls come one at a time: what was found out about its files may be kept.
            .env("GIT_OPTIONAL_LOCKS", "1")
            .wall(LONG)
            .output()?;
        let mut states = Vec::new();
        for line in answer.split(|byte| *byte == 0).filter(|l| !l.is_empty()) {
            let (Some([staged, unstaged, b' ']), Some(path)) =
                (line.first_chunk::<3>(), line.get(3..))
            else {
                return Err(GitError::unexpected("status", line).into());
            };
            let letter = |byte: u8| (byte != b' ').then_some(char::from(byte));
            let is_new = *staged == b'?';
            states.push(FileState {
                path: TreePath::from(path),
                staged: letter(*staged).filter(|_| !is_new),
                unstaged: letter(*unstaged),
            });
        }
        states.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(states)
    }

    /// What a commit would change, or what was changed since it was added: a unified diff of these paths, with so many lines
    /// around each change.
    pub fn diff(
        &self,
        staged: bool,
        lines_around: u32,
        paths: &[TreePath],
    ) -> Result<Vec<u8>, CloneError> {
        self.check()?;
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.call("diff").args([
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--no-renames",
            "--ignore-submodules=all",
            "--src-prefix=a/",
            "--dst-prefix=b/",
        ]);
        let call = if staged { call.arg("--cached") } else { call };
        let call = call.arg(format!("--unified={lines_around}"));
        let paths = paths.iter().map(|path| path.to_os_path().as_os_str());
        Ok(call.arg("--").args(paths).wall(LONG).output()?)
    }

    /// The files that adding these files and folders would add: changed, gone or new, and not ignored.
    ///
    /// Another repository within is named with a slash at its end.
    pub fn addable(&self, paths: &[TreePath]) -> Result<BTreeSet<TreePath>, CloneError> {
        self.check()?;
        let call = self.call("ls-files").args([
            "-z",
            "--others",
            "--modified",
            "--deleted",
            "--exclude-standard",
            "--",
        ]);
        let paths = paths.iter().map(|path| path.to_os_path().as_os_str());
        let answer = call.args(paths).wall(LONG).output()?;
        let listed = answer.split(|byte| *byte == 0);
        Ok(listed
            .filter(|path| !path.is_empty())
            .map(TreePath::from)
            .collect())
    }

    /// Takes the content of these files, or that they are gone, into the index.
    pub fn add(&self, paths: &[TreePath]) -> Result<(), CloneError> {
        self.check()?;
        self.take_in(paths).map_err(CloneError::from)
    }

    /// Writes what the index has as a tree.
    pub fn index_tree(&self) -> Result<Oid, GitError> {
        let tree = self
            .writing("write-tree")
            .arg("--missing-ok")
            .wall(LONG)
            .output()?;
        oid_of("write-tree", &tree)
    }

    /// Moves a branch from where it stands, or makes it where none was; durably, as are the objects it leads to.
    pub fn move_branch(
        &self,
        branch: &RefName,
        to: &Oid,
        from: Option<&Oid>,
    ) -> Result<(), GitError> {
        self.store.sync()?;
        reached(Point::CloneCommitDurable);
        self.move_ref(branch, to, from)?;
        reached(Point::CloneBranchMoved);
        Ok(())
    }

    /// Takes a branch back that leads nowhere else than it was just made to.
    pub fn drop_branch(&self, branch: &RefName, at: &Oid) -> Result<(), GitError> {
        self.call("update-ref")
            .args(["-d", branch.as_str(), at.as_str()])
            .output()
            .map(drop)
    }

    /// Checks a branch out; what is not committed stays, or is in the way and nothing changes.
    pub fn switch_to(&self, branch: &RefName) -> Result<(), CloneError> {
        self.check()?;
        let (_, from) = self.head()?;
        let to = self.tip(branch)?;
        let to = to.ok_or_else(|| GitError::unexpected("rev-parse", branch.as_str().as_bytes()))?;
        if from != to {
            let note = self.switch_note();
            let text = format!("{from}\n{branch}\n{to}\n");
            write_atomic(&note, text.as_bytes(), 0o600).map_err(GitError::io(&note))?;
            reached(Point::CloneSwitchNoted);
            if let Err(error) = self.move_files(branch, &from, &to) {
                let _ = fs::remove_file(&note);
                return Err(error);
            }
            reached(Point::CloneFilesMoved);
        }
        self.set_head(branch)?;
        let _ = fs::remove_file(self.switch_note());
        Ok(())
    }

    /// Gives a file back as it was committed last; a file that never was is only taken out of the index.
    ///
    /// Tells whether it was committed. A folder in its place is left alone.
    pub fn reset_file(&self, path: &TreePath) -> Result<bool, CloneError> {
        self.check()?;
        let (_, head) = self.head()?;
        let committed = self.store.lookup(&head, path)?;
        let committed = committed.filter(|entry| entry.mode.file_mode().is_some());
        let Some(entry) = committed else {
            self.writing("update-index")
                .args(["--force-remove", "-z", "--stdin"])
                .input(Input::Bytes(list(std::slice::from_ref(path))))
                .output()?;
            return Ok(false);
        };
        let mut line = format!("{} {}\t", entry.mode.octal(), entry.oid).into_bytes();
        line.extend(path.as_bytes());
        line.push(0);
        self.writing("update-index")
            .args(["-z", "--index-info"])
            .input(Input::Bytes(line))
            .output()?;
        self.call("checkout-index")
            .args(["-f", "-q", "-z", "--stdin"])
            .input(Input::Bytes(list(std::slice::from_ref(path))))
            .output()?;
        // So that the next look need not read the file again.
        self.call("update-index")
            .args(["-q", "--refresh"])
            .wall(LONG)
            .outcome()?;
        Ok(true)
    }

    /// Removes both folders; the files go first.
    pub fn remove(git: &Path, work: &Path) -> Result<(), GitError> {
        remove_any(work)?;
        remove_any(git)
    }

    fn finish_switch(&self) -> Result<(), CloneError> {
        let note = self.switch_note();
        let Ok(text) = fs::read_to_string(&note) else {
            return Ok(());
        };
        let mut lines = text.lines();
        let mut oid = || Oid::parse(lines.next()?).ok();
        let from = oid();
        let branch = lines.next().and_then(|name| RefName::new(name).ok());
        let to = lines.next().and_then(|line| Oid::parse(line).ok());
        if let (Some(from), Some(branch), Some(to)) = (from, branch, to) {
            // What was moved already has to be known to the index, or it would look like an edit.
            let changes = self.store.diff_trees(&from, &to, crate::Renames::Off)?;
            let moved: Vec<_> = changes
                .into_iter()
                .filter(|change| {
                    let there = self.work.join(change.path.to_os_path());
                    fs::symlink_metadata(there).is_ok_and(|found| !found.is_dir())
                        || change.new_oid.is_none()
                })
                .map(|change| change.path)
                .collect();
            self.take_in(&moved)?;
            match self.move_files(&branch, &from, &to) {
                Ok(()) => self.set_head(&branch)?,
                // Somebody edited them meanwhile: they show as edits of the branch that it was.
                Err(CloneError::InTheWay { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let _ = fs::remove_file(&note);
        Ok(())
    }

    fn switch_note(&self) -> PathBuf {
        self.git.join("switch")
    }

    fn move_files(&self, branch: &RefName, from: &Oid, to: &Oid) -> Result<(), CloneError> {
        let moved = self
            .call("read-tree")
            .args(["-m", "-u"])
            .args([from.as_str(), to.as_str()])
            .wall(LONG)
            .outcome()?;
        match moved.exit {
            Exit::Code(0) => Ok(()),
            Exit::Code(_) => Err(CloneError::InTheWay {
                branch: branch.clone(),
                what: moved.stderr.text().trim().chars().take(1000).collect(),
            }),
            _ => Err(crate::call::failure("read-tree", &moved).into()),
        }
    }

    fn take_in(&self, paths: &[TreePath]) -> Result<(), GitError> {
        self.writing("update-index")
            .args(["--add", "--remove", "-z", "--stdin"])
            .input(Input::Bytes(list(paths)))
            .wall(LONG)
            .output()
            .map(drop)
    }

    fn set_head(&self, branch: &RefName) -> Result<(), GitError> {
        let text = format!("ref: {branch}\n");
        let head = self.git.join("HEAD");
        write_atomic(&head, text.as_bytes(), 0o600).map_err(GitError::io(&head))
    }

    fn move_ref(&self, branch: &RefName, to: &Oid, from: Option<&Oid>) -> Result<(), GitError> {
        // The null id asks that there is no such ref.
        let none = "0".repeat(to.as_str().len());
        let from = from.map_or(none.as_str(), Oid::as_str);
        self.call("update-ref")
            .setting("core.fsync=reference")
            .args([branch.as_str(), to.as_str(), from])
            .output()?;
        let folder = self.git.join("refs/heads");
        for folder in [folder.join("agent"), folder] {
            if folder.is_dir() {
                fsync_dir(&folder).map_err(GitError::io(&folder))?;
            }
        }
        Ok(())
    }

    fn call(&self, name: &'static str) -> Call<'_> {
        self.store
            .git
            .call(name, &self.work)
            .git_dir(&self.git)
            .env("GIT_WORK_TREE", &self.work)
    }

    /// A command whose objects go to the store, and are written there also where the user's repository has them.
    fn writing(&self, name: &'static str) -> Call<'_> {
        self.call(name)
            .env("GIT_OBJECT_DIRECTORY", self.store.written())
    }
}

fn list(paths: &[TreePath]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for path in paths {
        bytes.extend(path.as_bytes());
        bytes.push(0);
    }
    bytes
}
