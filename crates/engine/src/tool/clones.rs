//! Agents' clones: made, opened once, and let go of when they hold nothing.
//!
//! ```text
//! <home>/clones/<id>/clone.json   which repository and branch; written last, so that it names whole clones only
//!                    git/         branches and index ([`AgentClone`])
//!                    bases        the commits that its branches start from
//!                    used         touched when it is used
//! <cache>/clones/<id>/work/       the files
//! ```
//!
//! A clone that nobody used for a day and that holds nothing which was not handed in is removed when the next one is made.
//! One that holds work stays until somebody hands it in or deletes its folder with files; `status` and the doctor name it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hyperion_api::Problem;
use hyperion_backup::InClones;
use hyperion_fault::{Point, reached};
use hyperion_git::{AgentClone, CloneError, Oid, RefName};
use hyperion_host::{create_private_dir, fsync_dir, read_bounded, write_atomic};
use hyperion_model::repo::Repo;
use hyperion_model::request::Request;
use hyperion_model::{Name, RepoId, RequestId, Time, Uuid};
use serde::{Deserialize, Serialize};

use super::session::Folder;
use crate::repo::Opened;
use crate::{Cx, Error, intake};

/// The most clones of a home.
pub(super) const CLONES_MAX: usize = 64;
/// How long a clone that holds nothing stays after it was used last.
const IDLE: Duration = Duration::from_secs(86_400);
/// How long it stays when room is needed.
const IDLE_WHEN_FULL: Duration = Duration::from_secs(600);
/// How often it is noted that a clone is used.
const USED_EVERY: Duration = Duration::from_secs(60);
/// The longest note.
const NOTE_MAX_BYTES: u64 = 64 * 1024;
/// How many commits of a branch are looked through for what was handed in.
pub(super) const LOOK_BACK: usize = 200;

/// What is known of a clone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) repo: RepoId,
    /// The branch that work lands on.
    pub(super) branch: Name,
    pub(super) made_at: Time,
}

/// A clone that is open.
pub(super) struct OpenClone {
    pub(super) id: Uuid,
    pub(super) note: Note,
    pub(super) git: AgentClone,
    pub(super) folder: Folder,
    /// Where its files are, as text.
    pub(super) work: String,
    home: PathBuf,
    noted: Mutex<Option<Time>>,
}

/// The clones that are open; each is opened once.
#[derive(Default)]
pub(super) struct Clones {
    open: Mutex<HashMap<Uuid, Arc<OpenClone>>>,
    /// Held while one is made, so that what is half made is never taken for left behind.
    making: Mutex<()>,
}

/// What a clone holds that nobody else has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    /// How many files are not as committed.
    pub(super) files: usize,
    /// Branches whose last commit was not handed in.
    pub(super) branches: Vec<String>,
}

impl Clones {
    /// Makes a clone of a repository, with the branch that work lands on checked out.
    pub(super) fn make(&self, cx: &Cx, repo: &Repo) -> Result<Arc<OpenClone>, Error> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep(cx, IDLE)?;
        if ids(cx)?.len() >= CLONES_MAX {
            self.sweep(cx, IDLE_WHEN_FULL)?;
        }
        if ids(cx)?.len() >= CLONES_MAX {
            let detail =
                format!("there are {CLONES_MAX} clones already, and each is in use or holds work");
            return Err(Problem::new("clone.limit", detail)
                .hint(format!(
                    "go on in one of them (`--clone ID`), or delete the folders of those that nobody needs, below {}",
                    works(cx).display()
                ))
                .into());
        }
        let opened = cx.repos.open(cx, repo.id)?;
        let tip = opened.tip(&repo.branch)?;
        let id = cx.ids.next();
        let (home, work) = (at(cx, id), work_of(cx, id));
        for folder in [&home, work.parent().unwrap_or(&work)] {
            create_private_dir(folder).map_err(io(folder))?;
        }
        let git = AgentClone::make(
            Arc::clone(&opened.git),
            &home.join("git"),
            &work,
            &opened.branch(&repo.branch)?,
            &tip,
        );
        let git = git.map_err(unusable)?;
        pin(&home, &opened, &tip)?;
        reached(Point::CloneLaidOut);
        let note = Note {
            repo: repo.id,
            branch: repo.branch.clone(),
            made_at: cx.now(),
        };
        let text = serde_json::to_vec(&note).map_err(Error::Encode)?;
        write_atomic(&home.join("clone.json"), &text, 0o600).map_err(io(&home))?;
        fsync_dir(&all(cx)).map_err(io(&home))?;
        let clone = self.keep(cx, id, note, opened.repo, git)?;
        clone.used(cx);
        Ok(clone)
    }

    /// Gives a clone that was made before.
    pub(super) fn get(&self, cx: &Cx, id: Uuid) -> Result<Arc<OpenClone>, Error> {
        if let Some(known) = self.lock().get(&id) {
            return Ok(Arc::clone(known));
        }
        // While one is made nobody may open it, and nobody opens one twice.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.opened(cx, id)
    }

    fn opened(&self, cx: &Cx, id: Uuid) -> Result<Arc<OpenClone>, Error> {
        if let Some(known) = self.lock().get(&id) {
            return Ok(Arc::clone(known));
        }
        let Some(note) = note(cx, id) else {
            return Err(
                Problem::new("clone.gone", format!("there is no clone {id}"))
                    .hint("start the server without `--clone`: it makes a new one")
                    .into(),
            );
        };
        let opened = cx.repos.open(cx, note.repo)?;
        let git = AgentClone::open(opened.git, &at(cx, id).join("git"), &work_of(cx, id));
        self.keep(cx, id, note, opened.repo, git.map_err(unusable)?)
    }

    fn keep(
        &self,
        cx: &Cx,
        id: Uuid,
        note: Note,
        repo: Repo,
        git: AgentClone,
    ) -> Result<Arc<OpenClone>, Error> {
        let work = git.work().canonicalize().map_err(io(git.work()))?;
        let text = work.to_str().map(str::to_owned);
        let text = text.ok_or_else(|| {
            Problem::new("input.invalid", "the path of Hyperion's cache is not UTF-8")
        })?;
        let clone = Arc::new(OpenClone {
            id,
            note,
            git,
            folder: Folder::of_clone(&work, &text, repo)?,
            work: text,
            home: at(cx, id),
            noted: Mutex::new(None),
        });
        self.lock().insert(id, Arc::clone(&clone));
        Ok(clone)
    }

    /// Lists the clones of a repository, the newest first.
    pub(super) fn of(&self, cx: &Cx, repo: RepoId) -> Result<Vec<Arc<OpenClone>>, Error> {
        let mut found = Vec::new();
        for id in ids(cx)? {
            if note(cx, id).is_some_and(|note| note.repo == repo) {
                // One that cannot be opened must not hide the others.
                found.extend(self.get(cx, id).ok());
            }
        }
        found.sort_by_key(|clone| std::cmp::Reverse(clone.note.made_at));
        Ok(found)
    }

    /// Removes what was left half made, and clones that hold nothing and that nobody used for so long.
    fn sweep(&self, cx: &Cx, idle: Duration) -> Result<(), Error> {
        for id in ids(cx)? {
            if !self.may_go(cx, id, idle) {
                continue;
            }
            self.lock().remove(&id);
            // A folder that cannot be removed must not keep others from getting theirs.
            if let Err(error) = AgentClone::remove(&at(cx, id), &works(cx).join(id.to_string())) {
                tracing::warn!(clone = %id, %error, "could not remove a clone that held nothing");
            }
        }
        Ok(())
    }

    fn may_go(&self, cx: &Cx, id: Uuid, idle: Duration) -> bool {
        if note(cx, id).is_none() || !work_of(cx, id).exists() {
            // Left half made; or somebody deleted its files, which is how one is let go of.
            return true;
        }
        let is_idle = used_at(cx, id).is_some_and(|used| {
            let age = SystemTime::from(cx.now()).duration_since(used);
            age.is_ok_and(|age| age > idle)
        });
        // What cannot be told is kept.
        is_idle
            && self
                .opened(cx, id)
                .and_then(|clone| clone.holds(cx))
                .is_ok_and(|holds| holds == Holds::default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<OpenClone>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenClone {
    /// Opens the repository that it is a clone of.
    pub(super) fn repository(&self, cx: &Cx) -> Result<Opened, Error> {
        cx.repos.open(cx, self.note.repo)
    }

    /// Notes that it is used.
    pub(super) fn used(&self, cx: &Cx) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = cx.now();
        if noted.is_some_and(|noted| now.duration_since(noted).unsigned_abs() < USED_EVERY) {
            return;
        }
        *noted = Some(now);
        let path = self.home.join("used");
        // Lost in a crash, it is a little older than it is.
        let touched = fs::File::create(&path).and_then(|file| file.set_modified(now.into()));
        if let Err(error) = touched {
            tracing::warn!(%error, "could not note that a clone is used");
        }
    }

    /// Notes a commit that a branch starts from, so that it is kept when the target's history is rewritten.
    pub(super) fn pin(&self, opened: &Opened, base: &Oid) -> Result<(), Error> {
        pin(&self.home, opened, base)
    }

    /// Says what it holds that nobody else has.
    pub(super) fn holds(&self, cx: &Cx) -> Result<Holds, Error> {
        let _turn = self.git.turn();
        let opened = self.repository(cx)?;
        let target = opened.tip(&self.note.branch)?;
        let files = self.git.states().map_err(unusable)?.len();
        let mut branches = Vec::new();
        for (name, tip) in self.git.branches()? {
            if is_agents(name.short())
                && !opened.git.is_ancestor(&tip, &target)?
                && self.request_of(cx, &tip)?.is_none()
            {
                branches.push(name.short().to_owned());
            }
        }
        Ok(Holds { files, branches })
    }

    /// Gives the key under which a commit of it is handed in.
    pub(super) fn key_of(&self, commit: &Oid) -> String {
        key_of(self.id, commit)
    }

    /// Finds the request that a commit was handed in as.
    pub(super) fn request_of(&self, cx: &Cx, commit: &Oid) -> Result<Option<Request>, Error> {
        handed_in(cx, self.id, &self.note, commit)
    }
}

fn key_of(clone: Uuid, commit: &Oid) -> String {
    format!("clone/{clone}/{commit}")
}

/// Finds the request that a commit of a clone was handed in as.
fn handed_in(cx: &Cx, clone: Uuid, note: &Note, commit: &Oid) -> Result<Option<Request>, Error> {
    let id: RequestId = intake::keyed_id(note.repo.uuid(), &key_of(clone, commit), false);
    Ok(cx.store.get::<Request>(id)?)
}

/// Counts what is in clones alone, without opening them: an engine may be at them.
pub(crate) fn in_clones(cx: &Cx) -> InClones {
    let mut found = InClones::default();
    for id in ids(cx).unwrap_or_default() {
        let Some(note) = note(cx, id) else { continue };
        match commits_of(cx, id, &note) {
            Ok(branches) => {
                for (branch, commits) in branches {
                    found.commits += commits;
                    found.branches.push(format!("{branch} of {id}"));
                }
            }
            Err(error) => {
                tracing::warn!(clone = %id, %error, "a clone could not be looked at");
                found.unread.push(id.to_string());
            }
        }
    }
    found
}

/// Counts the commits of an agent's branches since they were handed in last, or left the target branch.
fn commits_of(cx: &Cx, id: Uuid, note: &Note) -> Result<Vec<(String, u64)>, Error> {
    let opened = cx.repos.open(cx, note.repo)?;
    let target = opened.tip(&note.branch)?;
    let mut found = Vec::new();
    for (branch, tip) in AgentClone::branches_of(&opened.git, &at(cx, id).join("git"))? {
        let beyond = opened.git.commits_beyond(&tip, &target)?;
        if !is_agents(branch.short()) || beyond == 0 {
            continue;
        }
        let mut commits = 0;
        for commit in opened.git.log(&tip, beyond.min(LOOK_BACK))? {
            if handed_in(cx, id, note, &commit.oid)?.is_some() {
                break;
            }
            commits += 1;
        }
        if commits > 0 {
            found.push((branch.short().to_owned(), commits));
        }
    }
    Ok(found)
}

/// Tells whether a branch is one that an agent may change.
pub(super) fn is_agents(branch: &str) -> bool {
    branch.starts_with("agent/")
}

/// Names a branch of the clone.
pub(super) fn branch_name(branch: &str) -> Result<RefName, Problem> {
    RefName::branch(branch).map_err(|error| {
        Problem::new("git.name", error.to_string()).hint("name a branch as `status` lists it")
    })
}

/// Gives the repository of the clone whose files a folder holds: such a folder may be the root of a session.
pub(super) fn repo_of_work(cx: &Cx, folder: &Path) -> Result<Option<Repo>, Error> {
    let is_work = |id: &Uuid| {
        let work = work_of(cx, *id);
        fs::symlink_metadata(&work).is_ok_and(|found| found.is_dir())
            && work.canonicalize().is_ok_and(|work| work == folder)
    };
    match ids(cx)?
        .into_iter()
        .find(is_work)
        .and_then(|id| note(cx, id))
    {
        Some(note) => Ok(cx.store.get::<Repo>(note.repo)?),
        None => Ok(None),
    }
}

/// Lists clones that hold work and that nobody used for a while, for the doctor: id, folder, when they were used last.
pub(crate) fn left(cx: &Cx, idle: Duration) -> Vec<(String, PathBuf)> {
    let ids = ids(cx).unwrap_or_default();
    let old = ids.into_iter().filter(|id| {
        let age =
            used_at(cx, *id).and_then(|used| SystemTime::from(cx.now()).duration_since(used).ok());
        age.is_some_and(|age| age > idle)
    });
    old.map(|id| (id.to_string(), work_of(cx, id))).collect()
}

/// Lists the commits that branches of clones of a repository start from.
pub(crate) fn bases(cx: &Cx, repo: RepoId) -> Result<Vec<String>, Error> {
    let mut bases = Vec::new();
    for id in ids(cx)? {
        if note(cx, id).is_some_and(|note| note.repo == repo) {
            bases.extend(noted_bases(&at(cx, id)));
        }
    }
    Ok(bases)
}

fn noted_bases(home: &Path) -> Vec<String> {
    let text = read_bounded(&home.join("bases"), NOTE_MAX_BYTES).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().map(str::to_owned).collect()
}

fn pin(home: &Path, opened: &Opened, base: &Oid) -> Result<(), Error> {
    let mut bases = noted_bases(home);
    if !bases.iter().any(|known| known == base.as_str()) {
        bases.push(base.to_string());
        let path = home.join("bases");
        write_atomic(&path, bases.join("\n").as_bytes(), 0o600).map_err(io(&path))?;
    }
    opened.git.pin_base(base).map_err(Error::from)
}

fn all(cx: &Cx) -> PathBuf {
    cx.home.path().join("clones")
}

fn at(cx: &Cx, id: Uuid) -> PathBuf {
    all(cx).join(id.to_string())
}

fn works(cx: &Cx) -> PathBuf {
    cx.home.cache().join("clones")
}

fn work_of(cx: &Cx, id: Uuid) -> PathBuf {
    works(cx).join(id.to_string()).join("work")
}

/// Gives the folder with the files of each clone, and whose clone it is.
pub(crate) fn places(cx: &Cx) -> Vec<(PathBuf, RepoId)> {
    let ids = ids(cx).unwrap_or_default().into_iter();
    let of = |id| Some((work_of(cx, id), note(cx, id)?.repo));
    ids.filter_map(of)
        .filter(|(work, _)| work.is_dir())
        .collect()
}

/// When a clone was used last.
pub(super) fn used_at(cx: &Cx, id: Uuid) -> Option<SystemTime> {
    let home = at(cx, id);
    let used = fs::metadata(home.join("used")).or_else(|_| fs::metadata(home.join("clone.json")));
    used.ok()?.modified().ok()
}

fn note(cx: &Cx, id: Uuid) -> Option<Note> {
    let bytes = read_bounded(&at(cx, id).join("clone.json"), NOTE_MAX_BYTES).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn ids(cx: &Cx) -> Result<Vec<Uuid>, Error> {
    let folder = all(cx);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(&folder)(error)),
    };
    let mut ids: Vec<Uuid> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    ids.sort_unstable();
    Ok(ids)
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let what = path.display().to_string();
    move |source| Error::Io { what, source }
}

/// Says what is wrong with a clone, to its agent.
pub(super) fn unusable(error: CloneError) -> Error {
    match error {
        CloneError::Git(error) => error.into(),
        gone @ CloneError::WorkGone { .. } => {
            Problem::new("clone.gone", format!("failed to {gone}"))
                .hint("start the server again without `--clone`: it makes a new clone")
                .into()
        }
        CloneError::InTheWay { branch, what } => {
            let detail = format!("{} cannot be checked out: {what}", branch.short());
            Problem::new("git.in_the_way", detail)
                .hint("commit the files that are in the way, or give them back with resetFile")
                .into()
        }
        error => Problem::new("internal", error.to_string()).into(),
    }
}
