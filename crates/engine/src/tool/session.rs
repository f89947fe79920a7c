//! A session: one caller, bound to one place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyperion_api::Problem;
use hyperion_api::tool::{Effect, OpenSession};
use hyperion_host::Root;
use hyperion_model::repo::Repo;
use hyperion_model::{Actor, RepoId, Time, Uuid};
use hyperion_policy::{Access, Place, Rules, judge_path};

use super::clones::{self, Clones, OpenClone};
use super::limiter::{Limiter, Turn};
use crate::{Cx, Error, repo};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// How many files are remembered as shown with masks; with more, every file is taken for one.
const MASKED_MAX: usize = 10_000;

/// Of how many files it is remembered what the caller saw.
const SEEN_MAX: usize = 10_000;

/// What a caller saw of a file.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) sha256: String,
    /// Whether it was shown all of it, and not only some lines.
    pub(super) whole: bool,
}

/// One caller, bound to one place.
pub(super) struct Session {
    pub(super) id: Uuid,
    /// Whose HOME its programs get: another one than its id, which is its token.
    pub(super) home: Uuid,
    pub(super) actor: Actor,
    /// What it is bound to, as records name it.
    pub(super) root: String,
    /// Keys the names of contents that hold secrets; nobody outside of the engine knows it.
    pub(super) seal: [u8; 32],
    bound: Bound,
    calls: Mutex<Calls>,
    masked: Mutex<BTreeSet<String>>,
    /// What its caller last saw of each file.
    seen: Mutex<BTreeMap<String, Seen>>,
}

/// What a session is bound to.
enum Bound {
    Folder(Box<Folder>),
    Repo(RepoId),
    Clone(Arc<OpenClone>),
}

/// A folder with files.
pub(super) struct Folder {
    pub(super) root: Root,
    /// The folder, for the path rules.
    pub(super) place: Place,
    /// The repository that it is, or is part of: it may narrow the rules.
    repo: Option<Repo>,
    narrowed: Mutex<Option<(Time, Arc<Rules>)>>,
}

/// For how long the tip of a branch is taken for the newest when a path is judged.
const TIP_AGE: Duration = Duration::from_secs(2);

impl Folder {
    fn open(cx: &Cx, path: &Path, name: &str) -> Result<Self, Error> {
        if let Some(repo) = clones::repo_of_work(cx, path)? {
            return Self::of_clone(path, name, repo);
        }
        let repo = repo::around(cx, path)?;
        // A glob with a folder in it is meant from the repository's own folder on.
        let outer = repo.as_ref().map_or(name, |repo| repo.path.as_str());
        let place = Place::new([outer.to_owned()], name, None);
        Ok(Self {
            place: place.map_err(|error| unusable(error.to_string()))?,
            root: Root::open(path).map_err(|error| unusable(format!("open {error}")))?,
            repo,
            narrowed: Mutex::default(),
        })
    }

    /// The files of a clone: the repository's rules hold there as well.
    pub(super) fn of_clone(path: &Path, name: &str, repo: Repo) -> Result<Self, Error> {
        let place = Place::at(name, None);
        Ok(Self {
            place: place.map_err(|error| unusable(error.to_string()))?,
            root: Root::open(path).map_err(|error| unusable(format!("open {error}")))?,
            repo: Some(repo),
            narrowed: Mutex::default(),
        })
    }

    /// Gives the rules for its paths: the machine's, narrowed by what the tip of the repository's branch says.
    ///
    /// A file there that cannot be read keeps everybody from changing anything; looking goes by the machine's rules.
    pub(super) fn rules(&self, cx: &Cx, access: Access) -> Result<Arc<Rules>, Error> {
        let now = cx.now();
        let mut narrowed = self.narrowed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, rules)) = narrowed.as_ref()
            && Duration::try_from(now.duration_since(*read)).is_ok_and(|age| age < TIP_AGE)
        {
            return Ok(Arc::clone(rules));
        }
        let rules = match self.repo.as_ref().map(|repo| repo::rules_at_tip(cx, repo)) {
            None | Some(Ok(None)) => Arc::new(cx.rules()?.clone()),
            Some(Ok(Some(rules))) => Arc::new(rules),
            Some(Err(_)) if access == Access::Read => return Ok(Arc::new(cx.rules()?.clone())),
            Some(Err(error)) => return Err(error),
        };
        *narrowed = Some((now, Arc::clone(&rules)));
        Ok(rules)
    }
}

struct Calls {
    used: Time,
    looks: Limiter,
    changes: Limiter,
}

impl Session {
    pub(super) fn open(
        cx: &Cx,
        clones: &Clones,
        actor: &Actor,
        wanted: &OpenSession,
    ) -> Result<Self, Error> {
        let (root, bound) = match wanted {
            OpenSession::Root(root) => {
                let folder = real_folder(cx, root)?;
                let root = text(&folder)?;
                let bound = Bound::Folder(Box::new(Folder::open(cx, &folder, &root)?));
                (root, bound)
            }
            OpenSession::Repo(repo) => {
                let repo = repo::find(cx, repo, None)?;
                (repo.path.clone(), Bound::Repo(repo.id))
            }
            OpenSession::CloneOf(repo) => {
                let clone = clones.make(cx, &repo::find(cx, repo, None)?)?;
                (clone.work.clone(), Bound::Clone(clone))
            }
            OpenSession::Clone(id) => {
                let id = id.parse::<Uuid>().map_err(|_| {
                    Problem::new("input.invalid", format!("{id:?} is no id of a clone"))
                        .hint("give it as `status` tells it")
                })?;
                let clone = clones.get(cx, id)?;
                clone.git.check().map_err(clones::unusable)?;
                clone.used(cx);
                (clone.work.clone(), Bound::Clone(clone))
            }
        };
        let mut seal = [0; 32];
        getrandom::fill(&mut seal).map_err(|_| {
            unusable("the machine gave no random bytes; check /dev/urandom".to_owned())
        })?;
        Ok(Self {
            id: cx.ids.next(),
            home: cx.ids.next(),
            seal,
            actor: actor.clone(),
            root,
            bound,
            calls: Mutex::new(Calls {
                used: cx.now(),
                looks: Limiter::new(cx.settings.tools.looks_per_minute, MINUTE),
                changes: Limiter::new(cx.settings.tools.changes_per_minute, MINUTE),
            }),
            masked: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// The folder with files that it is bound to.
    pub(super) fn folder(&self) -> Result<&Folder, Error> {
        match &self.bound {
            Bound::Folder(folder) => Ok(folder),
            Bound::Clone(clone) => Ok(&clone.folder),
            Bound::Repo(_) => Err(wrong("a folder", "open it with `root`, or with `clone`")),
        }
    }

    /// Whether its files are a person's, and not those of an agent's clone.
    pub(super) const fn is_persons(&self) -> bool {
        matches!(self.bound, Bound::Folder(_))
    }

    /// The clone that it is bound to.
    pub(super) fn clone_of(&self) -> Result<&Arc<OpenClone>, Error> {
        match &self.bound {
            Bound::Clone(clone) => Ok(clone),
            Bound::Folder(_) | Bound::Repo(_) => {
                Err(wrong("a clone", "open it with `clone_of`, or with `clone`"))
            }
        }
    }

    /// The repository that it is bound to, or whose clone.
    pub(super) fn repo(&self) -> Result<RepoId, Error> {
        match &self.bound {
            Bound::Repo(repo) => Ok(*repo),
            Bound::Clone(clone) => Ok(clone.note.repo),
            Bound::Folder(_) => Err(wrong("a repository", "open it with `repo`")),
        }
    }

    /// Tells when it was used last.
    pub(super) fn used(&self) -> Time {
        self.calls().used
    }

    /// Gives a call its turn.
    pub(super) fn turn(&self, now: Time, effect: Effect) -> Turn {
        let mut calls = self.calls();
        calls.used = now;
        match effect {
            Effect::Reads => calls.looks.turn(now),
            Effect::Writes | Effect::Removes | Effect::Runs => calls.changes.turn(now),
        }
    }

    /// Remembers that a file was shown with masks.
    pub(super) fn showed_masked(&self, path: &str) {
        let mut masked = self.masked.lock().unwrap_or_else(PoisonError::into_inner);
        if masked.len() < MASKED_MAX {
            masked.insert(path.to_owned());
        }
    }

    /// Notes the content that the caller saw of a file, or left there; of too many files, the first ones are forgotten.
    pub(super) fn saw(&self, path: &str, sha256: &str, whole: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX && !seen.contains_key(path) {
            seen.pop_first();
        }
        let before = seen.get(path);
        let whole = whole || before.is_some_and(|seen| seen.whole && seen.sha256 == sha256);
        let sha256 = sha256.to_owned();
        seen.insert(path.to_owned(), Seen { sha256, whole });
    }

    /// Forgets a file that is gone.
    pub(super) fn forget(&self, path: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(path);
    }

    /// Gives what the caller last saw of a file.
    pub(super) fn last_seen(&self, path: &str) -> Option<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(path).cloned()
    }

    /// Tells whether a file was shown with masks.
    pub(super) fn has_shown_masked(&self, path: &str) -> bool {
        let masked = self.masked.lock().unwrap_or_else(PoisonError::into_inner);
        masked.len() >= MASKED_MAX || masked.contains(path)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wrong(wanted: &str, hint: &str) -> Error {
    let detail = format!("the session is not bound to {wanted}, which this server works with");
    Problem::new("input.invalid", detail).hint(hint).into()
}

fn unusable(detail: String) -> Error {
    Problem::new("input.invalid", detail).into()
}

fn text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Problem::new("input.invalid", "the root's path is not UTF-8").into())
}

/// Finds the folder behind the links in a path, and refuses those that no session is bound to.
fn real_folder(cx: &Cx, root: &str) -> Result<PathBuf, Error> {
    let refused = |code: &str, detail: String, hint: &str| {
        Err(Error::from(Problem::new(code, detail).hint(hint)))
    };
    let path = Path::new(root);
    if !path.is_absolute() {
        let detail = format!("the root {root:?} is not an absolute path");
        return refused("input.invalid", detail, "give the folder from `/` on");
    }
    let folder = match path.canonicalize() {
        Ok(folder) if folder.is_dir() => folder,
        Ok(_) => {
            let detail = format!("the root {root} is not a folder");
            return refused("input.invalid", detail, "name a folder");
        }
        Err(error) => {
            let detail = format!("the root {root} cannot be used: {error}");
            return refused("input.invalid", detail, "name a folder that is there");
        }
    };
    if clones::repo_of_work(cx, &folder)?.is_some() {
        return Ok(folder);
    }
    // Whoever reads the home reads its key, and whoever writes it decides what is approved.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for ours in [real(cx.home.path()), real(cx.home.cache())] {
        if folder.starts_with(&ours) || ours.starts_with(&folder) {
            let detail = format!(
                "the root {root} contains, or is in, Hyperion's own {}",
                ours.display()
            );
            return refused(
                "path.denied",
                detail,
                "name the folder of the project alone",
            );
        }
    }
    let whole = Place::at("/", None).map_err(|error| Error::Missing(error.to_string()))?;
    let shown = folder.display().to_string();
    let judged = judge_path(&shown, Access::Read, cx.rules()?, &whole);
    if judged.judgement.is_denied() {
        let why = judged.judgement.reasons.first();
        let why = why.map(|reason| reason.detail.clone()).unwrap_or_default();
        return refused("path.denied", why, "name another folder");
    }
    Ok(folder)
}
