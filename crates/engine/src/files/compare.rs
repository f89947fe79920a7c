//! What a run left behind that nobody heard of, found by the times of files once it has ended.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hyperion_model::{RepoId, RunId, Subject};
use hyperion_store::{EventFilter, FileFilter, MAX_PAGE};
use hyperion_watch::{Change, Kind, changed_since, may_be_gone_since};

use super::{Files, news};
use crate::{Cx, Error};

/// Under which name the store keeps up to which event runs were compared.
const CURSOR: &str = "files.compared";
/// The events with which a run ends.
const ENDS: [&str; 4] = ["run.finished", "run.failed", "run.killed", "run.lost"];
/// How many ends are looked at in one go.
const ENDS_MAX: u32 = 100;
/// The most files and folders that are looked at after one run.
const FILES_MAX: usize = 200_000;
/// The most files that are noted of one run.
const NOTED_MAX: usize = 2_000;

const COMPARISON: &str = "comparison";

/// A run that has ended, and what to compare.
struct Ended {
    run: RunId,
    repo: RepoId,
    root: PathBuf,
    since: SystemTime,
}

impl Files {
    /// Compares what runs left that have ended since the last look, on a thread of its own.
    pub(super) fn compare(&mut self, cx: &Arc<Cx>) -> Result<(), Error> {
        if let Some(thread) = self.comparing.take_if(|thread| thread.is_finished()) {
            // A panic in there was printed.
            let _ = thread.join();
        }
        let last = cx.store.last_seq()?;
        let seen = match self.seen {
            Some(seen) => seen,
            None => match cx.store.cursor(CURSOR)? {
                // A home from before this was looked for: its runs are long over.
                0 => {
                    cx.store.set_cursor(CURSOR, last)?;
                    last
                }
                cursor => cursor,
            },
        };
        self.seen = Some(seen);
        if seen >= last || self.comparing.is_some() {
            return Ok(());
        }
        let page = cx.store.events(&EventFilter {
            kinds: ENDS.map(str::to_owned).to_vec(),
            after: Some(seen),
            limit: ENDS_MAX,
            ..EventFilter::default()
        })?;
        let seen = page.next.unwrap_or(last);
        self.seen = Some(seen);
        let ended: Vec<_> = page
            .events
            .iter()
            .filter_map(|event| match event.event.subject {
                Subject::Run(run) => ended(cx, run),
                _ => None,
            })
            .collect();
        if ended.is_empty() {
            return Ok(());
        }
        if let Some(watch) = &self.watch {
            // What was heard is noted first, with the run that has just ended.
            watch.flush();
        }
        let (cx, part) = (Arc::clone(cx), self.name.clone());
        let work = move || {
            for ended in &ended {
                if let Err(error) = compare_one(&cx, ended) {
                    tracing::warn!(run = %ended.run, %error, "could not note which files a run changed");
                }
            }
            // Noted last: what was not compared before a crash is compared after it.
            if let Err(error) = cx.store.set_cursor(CURSOR, seen) {
                tracing::warn!(%part, %error, "could not note how far runs were compared");
            }
        };
        let thread = std::thread::Builder::new()
            .name("files-compare".to_owned())
            .spawn(work)
            .map_err(|source| Error::Io {
                what: "the thread that compares files".to_owned(),
                source,
            })?;
        self.comparing = Some(thread);
        Ok(())
    }
}

/// Finds out where a run was at work; none where that was beneath no repository and no clone.
fn ended(cx: &Cx, run: RunId) -> Option<Ended> {
    let folder = news::folder_of(cx, run)?;
    let places = cx.files.places();
    let (root, repo) = places.around(&folder)?;
    // The clock of files: the spec was written right before the run began.
    let since = std::fs::metadata(news::spec_of(cx, run))
        .ok()?
        .modified()
        .ok()?;
    Some(Ended {
        run,
        repo,
        root: root.to_path_buf(),
        since,
    })
}

fn compare_one(cx: &Cx, ended: &Ended) -> Result<(), Error> {
    let Ended {
        run,
        repo,
        root,
        since,
    } = ended;
    let found = changed_since(root, *since, FILES_MAX);
    let known = known(cx, ended)?;
    let gone = gone(cx, root, *since);
    let unknown = found.changes.iter().chain(&gone).filter(|change| {
        let path = change.path.strip_prefix(root).unwrap_or(&change.path);
        !known.contains(path)
    });
    let mut records: Vec<_> = unknown
        .take(NOTED_MAX + 1)
        .map(|change| news::record(cx, change, *repo, Some(*run), COMPARISON))
        .collect();
    if found.missed || records.len() > NOTED_MAX {
        records.truncate(NOTED_MAX);
        records.push(news::missed(cx, root, *repo, Some(*run), COMPARISON));
    }
    news::note(cx, records)
}

/// Finds files that git tracks, that are not there, and that may have been there when a run began.
fn gone(cx: &Cx, root: &Path, since: SystemTime) -> Vec<Change> {
    let missing = hyperion_git::missing_in(&cx.git, root).unwrap_or_else(|error| {
        tracing::debug!(root = %root.display(), %error, "could not look which files are gone");
        Vec::new()
    });
    let paths = missing.into_iter().map(|path| root.join(path));
    paths
        .filter(|path| may_be_gone_since(path, since))
        .map(|path| Change {
            root: root.to_path_buf(),
            path,
            kind: Kind::Removed,
        })
        .collect()
}

/// Lists the paths beneath a root that are noted since a run began, whoever changed them.
fn known(cx: &Cx, ended: &Ended) -> Result<HashSet<PathBuf>, Error> {
    let root = ended.root.to_string_lossy();
    let mut known = HashSet::new();
    let mut filter = FileFilter {
        repo: Some(ended.repo),
        since: hyperion_model::Time::try_from(ended.since).ok(),
        limit: MAX_PAGE,
        ..FileFilter::default()
    };
    loop {
        let page = cx.store.file_modifications(&filter)?;
        let there = page.iter().filter(|(_, record)| record.root == root);
        known.extend(there.map(|(_, record)| Path::new(&record.path).to_path_buf()));
        filter.before = page.last().map(|(id, _)| *id);
        if page.len() < MAX_PAGE as usize {
            return Ok(known);
        }
    }
}
