//! The git program of this machine, looked at once.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hyperion_host::{Input, SpawnError};

use crate::call::{Call, one_line};
use crate::error::GitError;

/// The oldest git that works: the first whose `merge-tree` merges without a work tree.
pub const OLDEST_VERSION: Version = Version {
    major: 2,
    minor: 38,
};

/// What git is found by, and where it may put things.
#[derive(Debug, Clone)]
pub struct GitOptions {
    /// The program; `None` looks for `git` in the search path.
    pub program: Option<PathBuf>,
    /// A private folder for throw-away files; it serves git as an empty home.
    pub scratch: PathBuf,
    /// The `PATH` that git sees.
    pub search_path: OsString,
    /// The home of the person, whose own settings count in their checkout and nowhere else.
    pub user_home: Option<PathBuf>,
    /// What else of the person's environment counts where git talks to a remote: agents, proxies, places of settings.
    pub person: Vec<(OsString, OsString)>,
}

/// A git program that was tried out; cheap to clone.
#[derive(Clone)]
pub struct Git {
    inner: Arc<Inner>,
}

struct Inner {
    options: GitOptions,
    program: PathBuf,
    known: OnceLock<Known>,
}

/// What trying git out came to.
#[derive(Debug, Clone, Copy)]
struct Known {
    version: Version,
    features: Features,
}

/// A version of git; the rest of the number says nothing that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

/// What this git can do, found by trying it and not by its version: distributions backport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// `merge-tree --stdin` takes trees and a given base (2.45). Without it, throw-away commits stand in for them.
    pub merges_trees: bool,
    /// `--attr-source` reads attributes from a tree (2.41). Without it, they are laid out in a private folder.
    pub attribute_source: bool,
}

/// Git cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// There is none.
    #[error("find git: {} does not exist", program.display())]
    NotFound {
        /// What was looked for.
        program: PathBuf,
    },
    /// It is older than 2.38.
    #[error("use git {found}: it is older than {OLDEST_VERSION}")]
    TooOld {
        /// Its version.
        found: Version,
    },
    /// It does not behave like git.
    #[error("try git out")]
    Broken(#[source] GitError),
}

impl ProbeError {
    /// Says what to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NotFound { .. } => {
                format!("install git {OLDEST_VERSION} or newer, for example: apt install git")
            }
            Self::TooOld { .. } => {
                format!("install git {OLDEST_VERSION} or newer (2.45 and newer merge faster)")
            }
            Self::Broken(_) => {
                "check that the home is writable and its disk not full, and run `git --version` by hand"
                    .to_owned()
            }
        }
    }
}

impl Git {
    /// Finds git and tries it out with a real merge.
    pub fn probe(options: &GitOptions) -> Result<Self, ProbeError> {
        let program = program_of(options);
        hyperion_host::create_private_dir(&options.scratch).map_err(|source| {
            ProbeError::Broken(GitError::Io {
                path: options.scratch.clone(),
                source,
            })
        })?;
        let unknown = Version { major: 0, minor: 0 };
        let mut git = Self::assembled(options, program.clone(), unknown, Features::default());
        let answer = Call::new(&git, "version", &options.scratch)
            .output()
            .map_err(|error| match error {
                GitError::Spawn(SpawnError::NotFound { program }) => {
                    ProbeError::NotFound { program }
                }
                other => ProbeError::Broken(other),
            })?;
        let version = Version::read(&one_line(&answer))
            .ok_or_else(|| ProbeError::Broken(GitError::unexpected("version", &answer)))?;
        if version < OLDEST_VERSION {
            return Err(ProbeError::TooOld { found: version });
        }
        git = Self::assembled(options, program.clone(), version, Features::default());
        let features = git.try_out().map_err(ProbeError::Broken)?;
        Ok(Self::assembled(options, program, version, features))
    }

    /// Names a git that is tried out when it is first needed: for a command that may do without.
    ///
    /// Where that fails, it counts as one that can do the least; using it then says what is wrong.
    #[must_use]
    pub fn later(options: &GitOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                options: options.clone(),
                program: program_of(options),
                known: OnceLock::new(),
            }),
        }
    }

    /// Says what is wrong with a git that was only named so far; nothing when it works.
    pub fn check(&self) -> Result<(), ProbeError> {
        if self.inner.known.get().is_none() {
            let tried = Self::probe(&self.inner.options)?;
            // Somebody else may have tried it meanwhile, with the same outcome.
            let _ = self.inner.known.set(tried.known());
        }
        Ok(())
    }

    fn known(&self) -> Known {
        *self.inner.known.get_or_init(|| {
            let least = Known {
                version: Version { major: 0, minor: 0 },
                features: Features::default(),
            };
            Self::probe(&self.inner.options).map_or(least, |git| git.known())
        })
    }

    /// The version it says it is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.known().version
    }

    /// What it was found to be able to do.
    #[must_use]
    pub fn features(&self) -> Features {
        self.known().features
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.inner.program
    }

    pub(crate) fn search_path(&self) -> &OsStr {
        &self.inner.options.search_path
    }

    pub(crate) fn scratch(&self) -> &Path {
        &self.inner.options.scratch
    }

    pub(crate) fn user_home(&self) -> Option<&Path> {
        self.inner.options.user_home.as_deref()
    }

    pub(crate) fn person(&self) -> &[(OsString, OsString)] {
        &self.inner.options.person
    }

    pub(crate) fn call(&self, name: &'static str, cwd: &Path) -> Call<'_> {
        Call::new(self, name, cwd)
    }

    fn assembled(
        options: &GitOptions,
        program: PathBuf,
        version: Version,
        features: Features,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                options: options.clone(),
                program,
                known: OnceLock::from(Known { version, features }),
            }),
        }
    }

    /// Merges two one-file trees in a fresh repository.
    fn try_out(&self) -> Result<Features, GitError> {
        // The process id keeps two engines that start at once apart.
        let folder = self.scratch().join(format!("probe-{}", std::process::id()));
        let cleared = |path: &Path| hyperion_host::remove_tree(path).map_err(GitError::io(path));
        cleared(&folder)?;
        fs::create_dir(&folder).map_err(GitError::io(&folder))?;
        let features = self.try_out_in(&folder);
        cleared(&folder)?;
        features
    }

    fn try_out_in(&self, folder: &Path) -> Result<Features, GitError> {
        let git_dir = folder.join("git");
        self.call("init", folder)
            .args(["-q", "--bare", "--template="])
            .arg(&git_dir)
            .output()?;
        let call = |name| self.call(name, folder).git_dir(&git_dir);
        let text = Input::Bytes(b"probe\n".to_vec());
        let blob = one_line(
            &call("hash-object")
                .args(["-w", "--stdin"])
                .input(text)
                .output()?,
        );
        let tree = |entries: String| -> Result<String, GitError> {
            Ok(one_line(
                &call("mktree")
                    .input(Input::Bytes(entries.into_bytes()))
                    .output()?,
            ))
        };
        let base = tree(String::new())?;
        let ours = tree(format!("100644 blob {blob}\ta\n"))?;
        let theirs = tree(format!("100644 blob {blob}\tb\n"))?;
        let both = tree(format!("100644 blob {blob}\ta\n100644 blob {blob}\tb\n"))?;
        let request = Input::Bytes(format!("{base} -- {ours} {theirs}\n").into_bytes());
        let merged = call("merge-tree")
            .args(["--stdin", "-z", "--messages"])
            .input(request)
            .outcome()?;
        let merges_trees = merged.exit.success()
            && merged
                .stdout
                .bytes
                .starts_with(format!("1\0{both}\0").as_bytes());
        let attributes = call("rev-parse")
            .setting(format!("--attr-source={base}"))
            .arg("--git-dir")
            .outcome()?;
        Ok(Features {
            merges_trees,
            attribute_source: attributes.exit.success(),
        })
    }
}

/// Names the program by its whole path: a bare name is looked for anew at every start, in a copy of this whole process,
/// where a path can be started without one.
fn program_of(options: &GitOptions) -> PathBuf {
    let bare = || options.program.clone().unwrap_or_else(|| "git".into());
    if bare().components().count() > 1 {
        return bare();
    }
    std::env::split_paths(&options.search_path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(bare()))
        .find(|path| is_program(path))
        .unwrap_or_else(bare)
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

impl fmt::Debug for Git {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            options: _,
            program,
            known,
        } = &*self.inner;
        f.debug_struct("Git")
            .field("program", program)
            .field("known", known)
            .finish()
    }
}

impl Version {
    /// Reads `git version 2.39.5 (Apple Git-154)`.
    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '-']);
        Some(Self {
            major: numbers.next()?.parse().ok()?,
            minor: numbers.next()?.parse().ok()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_vendors_write_them() {
        for (text, major, minor) in [
            ("git version 2.39.5", 2, 39),
            ("git version 2.50.1 (Apple Git-155)", 2, 50),
            ("git version 2.47.0.rc1.windows.1", 2, 47),
            ("git version 3.0-rc0", 3, 0),
        ] {
            assert_eq!(
                Version::read(text),
                Some(Version { major, minor }),
                "{text}"
            );
        }
        assert_eq!(Version::read("hub version 2.1"), None);
        assert!(
            Version {
                major: 2,
                minor: 37
            } < OLDEST_VERSION
        );
    }
}
