//! What is known now: which folders are watched, who is at work in them, and who wants to hear of changes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyperion_host::read_bounded;
use hyperion_model::entry::{Entry, Status};
use hyperion_model::repo::{Cause, Repo};
use hyperion_model::run::Run;
use hyperion_model::{RepoId, RunId};
use hyperion_store::{FileModification, Filter};
use hyperion_watch::{Change, Heard, Kind, Unwatched};
use serde::Deserialize;
use tokio::sync::{Notify, broadcast};

use super::places::{Of, Places};
use crate::{Cx, Error};

/// How many notices wait for a reader that is slow; older ones are not told.
const NOTICES_MAX: usize = 1024;
/// How long after its end a run may still be meant by what is heard.
const A_MOMENT: Duration = Duration::from_secs(2);
/// How many of the latest runs are looked at for those that have just ended.
const LATEST: u32 = 50;
/// The longest spec of a run.
const SPEC_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// The most runs whose folders are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// What is read of a run's spec, of whatever version.
#[derive(Deserialize)]
struct Spec {
    cwd: PathBuf,
}

/// How watching is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// It is switched off, or nobody is at work.
    #[default]
    Off,
    /// It could not be begun.
    Failed(String),
    /// Each folder, with how many are watched beneath it, or why none is.
    Watching(BTreeMap<PathBuf, Result<usize, Unwatched>>),
}

/// What is known of changes to files; nothing of it has to survive.
#[derive(Debug)]
pub struct FileNews {
    changed: Notify,
    notices: broadcast::Sender<FileModification>,
    places: Mutex<Places>,
    state: Mutex<State>,
    folders: Mutex<HashMap<RunId, Option<PathBuf>>>,
}

impl Default for FileNews {
    fn default() -> Self {
        Self {
            changed: Notify::new(),
            notices: broadcast::channel(NOTICES_MAX).0,
            places: Mutex::default(),
            state: Mutex::default(),
            folders: Mutex::default(),
        }
    }
}

impl FileNews {
    /// Hears of every file that changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<FileModification> {
        self.notices.subscribe()
    }

    /// Tells how watching is.
    pub fn state(&self) -> State {
        lock(&self.state).clone()
    }

    /// Waits until a file changed that something may wait for.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn set_state(&self, state: State) {
        *lock(&self.state) = state;
    }

    /// Takes what there is to watch now; tells whether that is something else than before.
    pub(super) fn set_places(&self, places: Places) -> bool {
        let mut known = lock(&self.places);
        let changed = *known != places;
        *known = places;
        changed
    }

    pub(super) fn places(&self) -> Places {
        lock(&self.places).clone()
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes what was heard, tells whoever follows, and has the driver look where something waits for such a change.
pub(super) fn hear(cx: &Cx, heard: &Heard) {
    let noted = records(cx, heard).and_then(|records| note(cx, records));
    if let Err(error) = noted {
        tracing::warn!(%error, "could not note which files changed");
    }
    // Whoever looks whether it can go on leaves traces, which are no reason to look again.
    let by_others = |change: &Change| !hyperion_git::is_own_file(&change.path);
    let is_news = heard.missed || heard.changes.iter().any(by_others);
    if is_news && is_waited_for(cx).unwrap_or(true) {
        cx.files.changed.notify_one();
    }
}

/// Notes records, and tells whoever follows.
pub(super) fn note(cx: &Cx, records: Vec<FileModification>) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    cx.store.log_files(records.clone())?;
    for record in records {
        // An error means that nobody follows.
        let _ = cx.files.notices.send(record);
    }
    Ok(())
}

fn records(cx: &Cx, heard: &Heard) -> Result<Vec<FileModification>, Error> {
    let places = cx.files.places();
    let at_work = folders_at_work(cx)?;
    let mut records: Vec<_> = heard
        .changes
        .iter()
        .filter_map(|change| match places.of(&change.root)? {
            Of::Files(repo) => Some(record(
                cx,
                change,
                repo,
                run_of(&at_work, &change.root),
                WATCH,
            )),
            Of::Git => None,
        })
        .collect();
    if heard.missed {
        for root in places.roots().into_keys() {
            if let Some(Of::Files(repo)) = places.of(&root) {
                records.push(missed(cx, &root, repo, None, WATCH));
            }
        }
    }
    Ok(records)
}

pub(super) const WATCH: &str = "watch";

pub(super) fn record(
    cx: &Cx,
    change: &Change,
    repo: RepoId,
    run: Option<RunId>,
    found_by: &str,
) -> FileModification {
    let path = change.path.strip_prefix(&change.root);
    let path = path.unwrap_or(&change.path).to_string_lossy();
    let kind = match change.kind {
        Kind::Created => "created",
        Kind::Modified => "modified",
        Kind::Removed => "removed",
    };
    FileModification {
        time: cx.now(),
        repo,
        run,
        root: change.root.to_string_lossy().into_owned(),
        path: path.into_owned(),
        kind: kind.to_owned(),
        found_by: found_by.to_owned(),
    }
}

/// Says that more files changed than were noted.
pub(super) fn missed(
    cx: &Cx,
    root: &Path,
    repo: RepoId,
    run: Option<RunId>,
    found_by: &str,
) -> FileModification {
    FileModification {
        time: cx.now(),
        repo,
        run,
        root: root.to_string_lossy().into_owned(),
        path: String::new(),
        kind: "missed".to_owned(),
        found_by: found_by.to_owned(),
    }
}

/// Gives the folders that runs are at work in, or were until a moment ago: what they did last is told after their end.
fn folders_at_work(cx: &Cx) -> Result<Vec<(RunId, PathBuf)>, Error> {
    let mut runs = cx.store.open_rows::<Run>(&Filter::open().limit(1000))?.rows;
    let latest = Filter::default().newest().limit(LATEST);
    let a_moment_ago = cx.now() - A_MOMENT;
    let latest = cx.store.list::<Run>(&latest)?.rows.into_iter();
    runs.extend(latest.filter(|run| run.ended_at.is_some_and(|ended| ended >= a_moment_ago)));
    let folders = runs
        .iter()
        .filter_map(|run| Some((run.id, folder_of(cx, run.id)?)));
    Ok(folders.collect())
}

/// Gives the folder that a run's process was started in; none for work inside the engine.
pub(super) fn folder_of(cx: &Cx, run: RunId) -> Option<PathBuf> {
    let mut folders = lock(&cx.files.folders);
    if let Some(folder) = folders.get(&run) {
        return folder.clone();
    }
    let path = spec_of(cx, run);
    let bytes = match read_bounded(&path, SPEC_MAX_BYTES) {
        Ok(bytes) => bytes,
        // It may come yet.
        Err(_) => return None,
    };
    let spec = serde_json::from_slice::<Spec>(&bytes).ok();
    let folder = spec.map(|spec| spec.cwd.canonicalize().unwrap_or(spec.cwd));
    if folders.len() >= REMEMBERED_MAX {
        folders.clear();
    }
    folders.insert(run, folder.clone());
    folder
}

/// Where a run's spec is: written once, before anything of it starts.
pub(super) fn spec_of(cx: &Cx, run: RunId) -> PathBuf {
    crate::run::folder_of(cx, run).join("spec.json")
}

/// Names the run at work beneath a root, if there is exactly one.
fn run_of(at_work: &[(RunId, PathBuf)], root: &Path) -> Option<RunId> {
    let mut there = at_work
        .iter()
        .filter(|(_, folder)| folder.starts_with(root));
    let (run, _) = there.next()?;
    there.next().is_none().then_some(*run)
}

/// Tells whether anything waits for a person to change something at a repository.
fn is_waited_for(cx: &Cx) -> Result<bool, Error> {
    let blocked = Filter::open().status(Status::Blocked.name()).limit(1);
    if !cx.store.open_rows::<Entry>(&blocked)?.rows.is_empty() {
        return Ok(true);
    }
    let repos = cx
        .store
        .open_rows::<Repo>(&Filter::open().limit(1000))?
        .rows;
    let mut branches = repos.iter().flat_map(|repo| repo.branches.values());
    Ok(branches.any(|tracked| {
        let cause = tracked.trouble.as_ref().map(|trouble| trouble.cause);
        matches!(cause, Some(Cause::InTheWay | Cause::Conflict))
    }))
}
