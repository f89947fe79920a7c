//! The repository people work in, as it was found.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hyperion_host::Input;

use crate::call::{Call, LONG, one_line};
use crate::error::GitError;
use crate::git::Git;
use crate::oid::{Oid, RefName};

/// How a repository names its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 40 digits.
    Sha1,
    /// 64 digits.
    Sha256,
}

/// What `HEAD` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch with commits.
    Branch(RefName),
    /// A commit that no branch was chosen for.
    Detached(Oid),
    /// A branch without commits.
    Unborn(RefName),
}

/// A repository of the user: bare, or with work trees.
#[derive(Debug, Clone)]
pub struct UserRepo {
    git: Git,
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
    main_work_tree: Option<PathBuf>,
    format: ObjectFormat,
}

/// A folder could not be used as a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// There is no such folder.
    #[error("open {}: no such folder", path.display())]
    NoSuchFolder {
        /// What was named.
        path: PathBuf,
    },
    /// Neither it nor a folder above it is a git repository.
    #[error("open {}: not inside a git repository", path.display())]
    NotARepository {
        /// What was named.
        path: PathBuf,
    },
    /// Nothing was ever committed.
    #[error("use branch {branch} of {}: it has no commits", path.display())]
    NoCommits {
        /// The repository.
        path: PathBuf,
        /// The branch `HEAD` names.
        branch: RefName,
    },
    /// No branch is checked out, so it is not clear where to land.
    #[error("choose a branch of {}: HEAD is detached at {commit:.12}", path.display())]
    Detached {
        /// The repository.
        path: PathBuf,
        /// Where `HEAD` is.
        commit: Oid,
    },
    /// A branch was named that is not there.
    #[error("use branch {branch} of {}: there is no such branch", path.display())]
    NoSuchBranch {
        /// The repository.
        path: PathBuf,
        /// The branch.
        branch: RefName,
    },
    /// Git itself failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl DiscoverError {
    /// Says what to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NoSuchFolder { .. } => "check the path".to_owned(),
            Self::NotARepository { path } => format!(
                "run `git init {}`, or name a folder of a repository",
                path.display()
            ),
            Self::NoCommits { .. } => {
                "make a first commit, for example: git commit --allow-empty -m start".to_owned()
            }
            Self::Detached { .. } => {
                "name the branch to land on, or check one out: git switch main".to_owned()
            }
            Self::NoSuchBranch { branch, .. } => {
                format!("create it (git branch {}), or name another", branch.short())
            }
            Self::Git(error) => error
                .remedy()
                .unwrap_or_else(|| "run `git status` there and see".to_owned()),
        }
    }
}

impl UserRepo {
    /// Finds the repository that holds a folder.
    pub fn discover(git: &Git, path: &Path) -> Result<Self, DiscoverError> {
        let path = match path.canonicalize() {
            Ok(path) if path.is_dir() => path,
            Ok(_) | Err(_) => {
                return Err(DiscoverError::NoSuchFolder {
                    path: path.to_path_buf(),
                });
            }
        };
        let ask = |question: &[&str]| git.call("rev-parse", &path).args(question).output();
        let asked = git
            .call("rev-parse", &path)
            .args(["--path-format=absolute", "--git-common-dir"])
            .outcome()?;
        if !asked.exit.success() {
            let stderr = asked.stderr.text();
            if stderr.contains("not a git repository") {
                return Err(DiscoverError::NotARepository { path });
            }
            return Err(crate::call::failure("rev-parse", &asked).into());
        }
        let git_dir = path_of(&asked.stdout.bytes);
        let work_tree = match one_line(&ask(&["--is-inside-work-tree"])?).as_str() {
            "true" => Some(path_of(&ask(&["--show-toplevel"])?)),
            _ => None,
        };
        let format = match one_line(&ask(&["--show-object-format"])?).as_str() {
            "sha256" => ObjectFormat::Sha256,
            _ => ObjectFormat::Sha1,
        };
        let mut repo = Self {
            git: git.clone(),
            git_dir,
            work_tree,
            main_work_tree: None,
            format,
        };
        repo.main_work_tree = repo.find_main_work_tree()?;
        Ok(repo)
    }

    /// The folder all work trees share: refs, objects, settings.
    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The work tree that the folder it was found by belongs to; `None` for a bare repository.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// How it names its objects.
    #[must_use]
    pub fn object_format(&self) -> ObjectFormat {
        self.format
    }

    /// Whether its history ends early; it may have been deepened since the last look.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.git_dir.join("shallow").exists()
    }

    /// What `HEAD` is: of the work tree it was found by, else of the repository.
    pub fn head(&self) -> Result<Head, GitError> {
        let place = self.work_tree.as_deref();
        let call = |name| match place {
            Some(work_tree) => self.git.call(name, work_tree),
            None => self.git.call(name, &self.git_dir).git_dir(&self.git_dir),
        };
        self.require_present()?;
        let symbolic = call("symbolic-ref").args(["-q", "HEAD"]).outcome()?;
        let commit = call("rev-parse")
            .args(["-q", "--verify", "HEAD^{commit}"])
            .outcome()?;
        let name = one_line(&symbolic.stdout.bytes);
        if symbolic.exit.success() {
            let branch = RefName::new(name.clone())
                .map_err(|_| GitError::unexpected("symbolic-ref", name.as_bytes()))?;
            return Ok(if commit.exit.success() {
                Head::Branch(branch)
            } else {
                Head::Unborn(branch)
            });
        }
        if !commit.exit.success() {
            return Err(crate::call::failure("rev-parse", &commit));
        }
        Ok(Head::Detached(oid_of("rev-parse", &commit.stdout.bytes)?))
    }

    /// The branch `HEAD` is on, which must have commits.
    pub fn default_branch(&self) -> Result<RefName, DiscoverError> {
        let path = self
            .work_tree
            .clone()
            .unwrap_or_else(|| self.git_dir.clone());
        match self.head()? {
            Head::Branch(branch) => Ok(branch),
            Head::Unborn(branch) => Err(DiscoverError::NoCommits { path, branch }),
            Head::Detached(commit) => Err(DiscoverError::Detached { path, commit }),
        }
    }

    /// The names of its branches, those last worked on first.
    pub fn branches(&self, max: usize) -> Result<Vec<String>, GitError> {
        self.require_present()?;
        let answer = self
            .call("for-each-ref")
            .args(["--sort=-committerdate", "--format=%(refname:lstrip=2)"])
            .arg(format!("--count={max}"))
            .arg("refs/heads")
            .output()?;
        Ok(String::from_utf8_lossy(&answer)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    /// The commit a branch is at, which must exist.
    pub fn tip_of(&self, branch: &RefName) -> Result<Oid, DiscoverError> {
        self.tip(branch)?
            .ok_or_else(|| DiscoverError::NoSuchBranch {
                path: self
                    .work_tree
                    .clone()
                    .unwrap_or_else(|| self.git_dir.clone()),
                branch: branch.clone(),
            })
    }

    /// The commit a ref is at; `None` when there is no such ref.
    pub fn tip(&self, name: &RefName) -> Result<Option<Oid>, GitError> {
        self.resolve(&format!("{name}^{{commit}}"))
    }

    /// The commit a revision names (`main~3`, an abbreviated id); `None` when it names none.
    pub fn resolve_commit(&self, revision: &str) -> Result<Option<Oid>, GitError> {
        self.resolve(&format!("{revision}^{{commit}}"))
    }

    /// The commit a revision names in the work tree that the repository was found by, which has a `HEAD` of its own.
    pub fn resolve_commit_here(&self, revision: &str) -> Result<Option<Oid>, GitError> {
        let revision = format!("{revision}^{{commit}}");
        match &self.work_tree {
            Some(work_tree) => self.resolved(self.git.call("rev-parse", work_tree), &revision),
            None => self.resolve(&revision),
        }
    }

    /// Those of some commits that are not a commit's ancestors, nor that very commit; with those that are not there.
    pub fn not_part_of(&self, tip: &Oid, commits: &[Oid]) -> Result<Vec<Oid>, GitError> {
        self.require_present()?;
        let mut asked: String = commits.iter().map(|commit| format!("{commit}\n")).collect();
        let there = self
            .call("cat-file")
            .arg("--batch-check")
            .input(Input::Bytes(asked.clone().into_bytes()))
            .wall(LONG)
            .output()?;
        asked.push_str(&format!("^{tip}\n"));
        let beside = self
            .call("rev-list")
            .args(["--ignore-missing", "--stdin"])
            .input(Input::Bytes(asked.into_bytes()))
            .wall(LONG)
            .output()?;
        let beside = String::from_utf8_lossy(&beside);
        let beside: HashSet<&str> = beside.lines().collect();
        let there = String::from_utf8_lossy(&there);
        let missing: HashSet<&str> = there
            .lines()
            .filter_map(|line| line.strip_suffix(" missing"))
            .collect();
        let off =
            |commit: &&Oid| beside.contains(commit.as_str()) || missing.contains(commit.as_str());
        Ok(commits.iter().filter(off).cloned().collect())
    }

    /// The path it is known by, whichever of its folders it was found by: the work tree beside the shared folder, or else
    /// that folder.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.main_work_tree.as_deref().unwrap_or(&self.git_dir)
    }

    /// What a branch is called where it is not just another name (a symbolic ref) of one.
    pub(crate) fn true_name(&self, branch: &RefName) -> Result<RefName, GitError> {
        let target = self
            .call("symbolic-ref")
            .args(["-q", branch.as_str()])
            .outcome()?;
        if !target.exit.success() {
            return Ok(branch.clone());
        }
        let name = one_line(&target.stdout.bytes);
        RefName::new(name.clone())
            .map_err(|_| GitError::unexpected("symbolic-ref", name.as_bytes()))
    }

    /// A command in the repository itself, without any work tree.
    pub(crate) fn call(&self, name: &'static str) -> Call<'_> {
        self.git.call(name, &self.git_dir).git_dir(&self.git_dir)
    }

    /// A command in the place it is known by: from there a person's git reads relative addresses of remotes.
    pub(crate) fn call_in_place(&self, name: &'static str) -> Call<'_> {
        self.git.call(name, self.place()).git_dir(&self.git_dir)
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.git_dir.join("objects")
    }

    /// The work tree beside the shared folder, if there is one.
    pub(crate) fn main_work_tree(&self) -> Option<&Path> {
        self.main_work_tree.as_deref()
    }

    pub(crate) fn require_present(&self) -> Result<(), GitError> {
        if self.git_dir.join("HEAD").is_file() && self.objects().is_dir() {
            Ok(())
        } else {
            Err(GitError::RepositoryGone {
                path: self.git_dir.clone(),
            })
        }
    }

    fn resolve(&self, revision: &str) -> Result<Option<Oid>, GitError> {
        self.resolved(self.call("rev-parse"), revision)
    }

    fn resolved(&self, rev_parse: Call<'_>, revision: &str) -> Result<Option<Oid>, GitError> {
        self.require_present()?;
        let outcome = rev_parse
            .args(["-q", "--verify", "--end-of-options", revision])
            .outcome()?;
        if outcome.exit.success() {
            let line = one_line(&outcome.stdout.bytes);
            // Git 2.39 echoes the option marker in front of the answer.
            let oid = line.lines().last().unwrap_or_default();
            return oid_of("rev-parse", oid.as_bytes()).map(Some);
        }
        Ok(None)
    }

    /// `git worktree list` guesses this one from the name of the git folder, which is wrong for submodules and
    /// separate git folders; the setting knows.
    fn find_main_work_tree(&self) -> Result<Option<PathBuf>, GitError> {
        let setting = self
            .call("config")
            .args(["--get", "core.worktree"])
            .outcome()?;
        if setting.exit.success() {
            let configured = self.git_dir.join(path_of(&setting.stdout.bytes));
            return Ok(configured.canonicalize().ok());
        }
        let bare = self
            .call("rev-parse")
            .arg("--is-bare-repository")
            .output()?;
        if one_line(&bare) == "true" {
            return Ok(None);
        }
        if self.git_dir.file_name() == Some(OsStr::new(".git")) {
            return Ok(self.git_dir.parent().map(Path::to_path_buf));
        }
        // A separate git folder without the setting: only the work tree that pointed here is known.
        Ok(self.work_tree.clone().filter(|work_tree| {
            fs::read(work_tree.join(".git")).is_ok_and(|link| {
                link.starts_with(b"gitdir: ")
                    && !link.windows(11).any(|part| part == b"/worktrees/")
            })
        }))
    }
}

/// Reads a path that git answered, which need not be UTF-8.
pub(crate) fn path_of(answer: &[u8]) -> PathBuf {
    let line = answer.strip_suffix(b"\n").unwrap_or(answer);
    PathBuf::from(OsStr::from_bytes(line))
}

pub(crate) fn oid_of(command: &str, answer: &[u8]) -> Result<Oid, GitError> {
    Oid::parse(&one_line(answer)).map_err(|_| GitError::unexpected(command, answer))
}
