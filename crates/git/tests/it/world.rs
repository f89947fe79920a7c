//! A repository of a user, Hyperion's folder beside it, and every git of this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperion_git::{
    Content, EditError, FileMode, Git, GitOptions, Landing, NewCommit, Oid, RefName, RepoStore,
    Signature, TreeEdit, UserRepo,
};
use hyperion_host::{Launch, Limits, Outcome};

/// Every different git there is, so that old and new ones are both tried where both exist.
pub(crate) fn gits() -> Vec<PathBuf> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for program in [
        "/usr/bin/git",
        "/usr/local/bin/git",
        "/opt/homebrew/bin/git",
        "git",
    ] {
        let launch = Launch::new(program, "/").arg("version").env("PATH", path());
        let limits = Limits {
            wall: Duration::from_secs(20),
            output_max: 1000,
        };
        let Ok(outcome) = hyperion_host::run(&launch, &limits) else {
            continue;
        };
        let version = outcome.stdout.text();
        if outcome.exit.success() && !found.iter().any(|(known, _)| *known == version) {
            found.push((version, PathBuf::from(program)));
        }
    }
    assert!(!found.is_empty(), "no git on this machine");
    found.into_iter().map(|(_, program)| program).collect()
}

/// Runs a test once for each git.
pub(crate) fn with_each_git(test: impl Fn(&World)) {
    for program in gits() {
        eprintln!("with {}", program.display());
        test(&World::new(&program));
    }
}

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) git: Git,
    program: PathBuf,
}

impl World {
    pub(crate) fn new(program: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::probe(&GitOptions {
            program: Some(program.to_path_buf()),
            scratch: dir.path().join("scratch"),
            search_path: path(),
            user_home: Some(dir.path().join("person")),
            person: Vec::new(),
        })
        .unwrap();
        std::fs::create_dir(dir.path().join("person")).unwrap();
        let world = Self {
            dir,
            git,
            program: program.to_path_buf(),
        };
        world.run(world.root(), &["init", "-q", "-b", "main", "user"]);
        world
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn user(&self) -> PathBuf {
        self.root().join("user")
    }

    pub(crate) fn repo(&self) -> UserRepo {
        UserRepo::discover(&self.git, &self.user()).unwrap()
    }

    pub(crate) fn store(&self) -> RepoStore {
        self.store_of(&self.repo())
    }

    pub(crate) fn store_of(&self, repo: &UserRepo) -> RepoStore {
        RepoStore::open(&self.git, &self.root().join("own"), repo, "this boot").unwrap()
    }

    /// Runs git as the person would, in any folder; the exit code is the caller's business.
    pub(crate) fn try_run(&self, cwd: impl AsRef<Path>, args: &[&str]) -> Outcome {
        self.try_run_with(cwd, args, &[])
    }

    pub(crate) fn try_run_with(
        &self,
        cwd: impl AsRef<Path>,
        args: &[&str],
        input: &[u8],
    ) -> Outcome {
        let mut launch = Launch::new(&self.program, cwd.as_ref())
            .args(args.iter().map(OsString::from))
            .input(hyperion_host::Input::Bytes(input.to_vec()));
        for (name, value) in [
            ("HOME", self.root().join("person").into_os_string()),
            ("PATH", path()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "Ada".into()),
            ("GIT_AUTHOR_EMAIL", "ada@example.org".into()),
            ("GIT_COMMITTER_NAME", "Ada".into()),
            ("GIT_COMMITTER_EMAIL", "ada@example.org".into()),
            ("GIT_AUTHOR_DATE", "1700000000 +0000".into()),
            ("GIT_COMMITTER_DATE", "1700000000 +0000".into()),
            ("LC_ALL", "C".into()),
        ] {
            launch = launch.env(name, value);
        }
        let limits = Limits {
            wall: Duration::from_secs(60),
            output_max: 1 << 24,
        };
        hyperion_host::run(&launch, &limits).unwrap()
    }

    /// Runs git as the person would; answers its output without the last line end.
    pub(crate) fn run(&self, cwd: impl AsRef<Path>, args: &[&str]) -> String {
        let outcome = self.try_run(cwd, args);
        assert!(
            outcome.exit.success(),
            "git {args:?}: {}{}",
            outcome.stdout.text(),
            outcome.stderr.text()
        );
        outcome.stdout.text().trim_end().to_owned()
    }

    /// In the user's repository.
    pub(crate) fn user_git(&self, args: &[&str]) -> String {
        self.run(self.user(), args)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.user().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.user().join(path)).unwrap()
    }

    /// Commits everything in the user's work tree.
    pub(crate) fn commit_all(&self, message: &str) -> Oid {
        self.user_git(&["add", "-A"]);
        self.user_git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub(crate) fn head(&self) -> Oid {
        Oid::parse(&self.user_git(&["rev-parse", "HEAD"])).unwrap()
    }

    pub(crate) fn main(&self) -> RefName {
        RefName::branch("main").unwrap()
    }
}

pub(crate) fn put(path: &str, content: impl AsRef<[u8]>) -> TreeEdit {
    TreeEdit::Put {
        path: path.into(),
        mode: FileMode::File,
        content: Content::Bytes(content.as_ref().to_vec()),
    }
}

pub(crate) fn remove(path: &str) -> TreeEdit {
    TreeEdit::Remove { path: path.into() }
}

pub(crate) fn rename(from: &str, to: &str) -> TreeEdit {
    TreeEdit::Rename {
        from: from.into(),
        to: to.into(),
    }
}

pub(crate) fn signature() -> Signature {
    Signature {
        name: "Hyperion".into(),
        email: "h@example.org".into(),
        seconds: 1_700_000_100,
        offset_minutes: 60,
    }
}

/// A commit with the edits on a parent.
pub(crate) fn candidate(store: &RepoStore, parent: &Oid, edits: &[TreeEdit]) -> Oid {
    commit(store, built(store, parent, edits).unwrap(), parent)
}

/// The tree that edits make of another, written.
pub(crate) fn built(store: &RepoStore, base: &Oid, edits: &[TreeEdit]) -> Result<Oid, EditError> {
    let draft = store.draft_tree(base, edits.to_vec())?;
    store.keep(&draft)?;
    Ok(draft.tree().clone())
}

pub(crate) fn commit(store: &RepoStore, tree: Oid, parent: &Oid) -> Oid {
    store
        .commit(&NewCommit {
            tree,
            parents: vec![parent.clone()],
            author: signature(),
            committer: signature(),
            message: "Change something".into(),
        })
        .unwrap()
}

pub(crate) fn landing(world: &World, expected: &Oid, candidate: &Oid) -> Landing {
    Landing {
        entry: "e1".into(),
        branch: world.main(),
        expected: expected.clone(),
        candidate: candidate.clone(),
    }
}

/// Everything before the branch moves.
pub(crate) fn publish(store: &RepoStore, landing: &Landing) {
    store.publish_objects(landing).unwrap();
    store.create_landing_ref(landing).unwrap();
}

fn path() -> OsString {
    "/usr/local/bin:/usr/bin:/bin".into()
}
