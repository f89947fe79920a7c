//! What has to be true of a home and its repository after whatever happened to them.
//!
//! Everything is looked at from outside, with the engine down: the repository by git, the record by a store that only
//! reads, the rest by the program's own `audit`. What is wrong is collected and told together, because the second thing
//! that is wrong often explains the first.

mod said;

pub(crate) use self::said::Acknowledged;

use self::said::what_was_said_stands;
use crate::world::{World, text};
use hyperion_model::entry::{self, Entry};
use hyperion_model::{Fact, Time};
use hyperion_store::{
    Filter, KeySource, MAX_EVENTS_PAGE, MAX_PAGE, Mode, NoRedaction, Store, StoreConfig,
};
use hyperion_testkit::eventually;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long what a dead engine had started may take to end by itself.
const LAST_PROCESSES: Duration = Duration::from_secs(20);

/// The branch that everything lands on.
const BRANCH: &str = "main";

impl World {
    /// Requires every invariant of a home at rest, whose engine is down.
    ///
    /// `began_at` is where `main` was before the engine saw it.
    #[track_caller]
    pub(crate) fn assert_invariants(&self, began_at: &str, said: &Acknowledged) {
        let violations = self.violations(began_at, said);
        assert!(
            violations.is_empty(),
            "{} violated:\n{}",
            violations.len(),
            violations.join("\n")
        );
    }

    /// Collects what is wrong with a home at rest, whose engine is down.
    pub(crate) fn violations(&self, began_at: &str, said: &Acknowledged) -> Vec<String> {
        let mut found = vec![];
        let left = || [self.hyperion.processes(), self.hyperion.run_processes()].concat();
        if !eventually(LAST_PROCESSES, || left().is_empty()) {
            found.push(format!("processes are left: {:?}", left()));
        }
        let store = self.store();
        found.extend(record_is_whole(&store));
        found.extend(self.audit_holds());
        found.extend(fences_only_grow(&store));
        found.extend(what_was_said_stands(&store, said));
        found.extend(self.landings_are_recorded(&store, began_at));
        found.extend(self.branch_only_moved_forward(began_at));
        found.extend(self.repositories_are_whole());
        found.extend(self.nothing_is_left_over());
        found
    }

    /// Opens the record to look at it; the engine may be up.
    pub(crate) fn store(&self) -> Store {
        let home = self.hyperion.home();
        let config = StoreConfig {
            database: home.join("hyperion.db"),
            blobs: home.join("blobs"),
            key: KeySource::File {
                path: home.join("key"),
            },
            mode: Mode::ReadOnly,
            redact: Arc::new(NoRedaction),
            now: Time::UNIX_EPOCH,
        };
        Store::open(&config).unwrap()
    }

    fn audit_holds(&self) -> Vec<String> {
        let mut found = vec![];
        let verified = self.run(&["audit", "verify", "--format", "json"]).json();
        if verified["ok"] != true || verified["head"] != "sealed" {
            found.push(format!("the audit log does not hold: {verified:#}"));
        }
        let replayed = self.run(&["audit", "replay", "--format", "json"]).json();
        if replayed["same_as_database"] != true {
            found.push(format!("a replay differs from the database: {replayed:#}"));
        }
        found
    }

    /// Every commit since the beginning is the user's own or what an entry's verdict is about, and the other way round.
    fn landings_are_recorded(&self, store: &Store, began_at: &str) -> Vec<String> {
        let mut found = vec![];
        let entries: BTreeMap<String, Entry> = all::<Entry>(store)
            .into_iter()
            .map(|entry| (entry.id.to_string(), entry))
            .collect();
        let mut landed_sets: BTreeMap<String, String> = BTreeMap::new();
        let mut landed_entries: BTreeMap<String, String> = BTreeMap::new();
        for commit in self.commits_since(began_at) {
            let [entry] = commit.entries.as_slice() else {
                if !commit.entries.is_empty() || !commit.change_sets.is_empty() {
                    found.push(format!("{} has the trailers of no one entry", commit.id));
                }
                continue;
            };
            if let Some(other) = landed_entries.insert(entry.clone(), commit.id.clone()) {
                found.push(format!(
                    "entry {entry} landed twice: {other} and {}",
                    commit.id
                ));
            }
            for set in &commit.change_sets {
                if let Some(other) = landed_sets.insert(set.clone(), commit.id.clone()) {
                    found.push(format!(
                        "change {set} landed twice: {other} and {}",
                        commit.id
                    ));
                }
            }
            let Some(entry) = entries.get(entry) else {
                found.push(format!(
                    "{} is of entry {entry}, which nobody knows",
                    commit.id
                ));
                continue;
            };
            found.extend(covers(entry, &commit));
        }
        for entry in entries.values() {
            match (entry.status, landed_entries.get(&entry.id.to_string())) {
                (entry::Status::Landed, None) => found.push(format!(
                    "entry {} is recorded as landed and is not on {BRANCH}",
                    entry.id
                )),
                (entry::Status::Landed, Some(_)) | (_, None) => {}
                (status, Some(commit)) => found.push(format!(
                    "entry {} is on {BRANCH} as {commit} and recorded as {status}",
                    entry.id
                )),
            }
        }
        found
    }

    fn commits_since(&self, began_at: &str) -> Vec<Commit> {
        let range = format!("{began_at}..{BRANCH}");
        let values = |name: &str| format!("%(trailers:key={name},valueonly,separator=%x2C)");
        let format = format!(
            "--format=%H%x00%T%x00{}%x00{}",
            values("Hyperion-Entry"),
            values("Hyperion-Change-Set")
        );
        let log = self.repo.git(&["log", &format, &range]);
        log.lines()
            .map(|line| {
                let mut fields = line.split('\0');
                let mut field = || fields.next().unwrap_or_default().to_owned();
                let listed = |text: String| {
                    let parts = text.split(',').filter(|part| !part.is_empty());
                    parts.map(str::to_owned).collect()
                };
                Commit {
                    id: field(),
                    tree: field(),
                    entries: listed(field()),
                    change_sets: listed(field()),
                }
            })
            .collect()
    }

    fn branch_only_moved_forward(&self, began_at: &str) -> Vec<String> {
        let history = self.repo.git(&["rev-list", "--first-parent", BRANCH]);
        let place: BTreeMap<&str, usize> = history
            .lines()
            .enumerate()
            .map(|(age, commit)| (commit, age))
            .collect();
        let mut found = vec![];
        if !place.contains_key(began_at) {
            found.push(format!("{BRANCH} does not lead to {began_at} any more"));
        }
        // Newest first, as the history is.
        let mut youngest = 0;
        for commit in self.moves() {
            match place.get(commit.as_str()) {
                Some(&age) if age >= youngest => youngest = age,
                Some(_) => found.push(format!("{BRANCH} moved back from {commit}")),
                None => found.push(format!(
                    "{BRANCH} was at {commit}, and is not on it any more"
                )),
            }
        }
        found
    }

    /// Lists where the branch has been, newest first.
    ///
    /// Git notes a move before it makes it, and does not sync what it notes: a line may be torn, missing, or tell of a move
    /// that never was. The branch was where the next line begins, or where it is now.
    fn moves(&self) -> Vec<String> {
        let log = format!("logs/refs/heads/{BRANCH}");
        let log = self.repo.git(&["rev-parse", "--git-path", &log]);
        let log = fs::read_to_string(self.repo.path().join(log.trim())).unwrap_or_default();
        let mut next = self.repo.tip(BRANCH);
        let mut moves = vec![];
        for line in log.lines().rev() {
            let mut words = line.split(' ');
            let (Some(from), Some(to)) = (words.next(), words.next()) else {
                continue;
            };
            if to == next {
                moves.push(to.to_owned());
            }
            next = from.to_owned();
        }
        moves
    }

    fn repositories_are_whole(&self) -> Vec<String> {
        let mut found = vec![];
        if let Err(error) = self.repo.try_git(&["fsck", "--strict", "--no-dangling"]) {
            found.push(format!("the repository is damaged: {error}"));
        }
        for own in folders_in(&self.hyperion.home().join("repos")) {
            let folder = own.join("git");
            let git_dir = format!("--git-dir={}", folder.display());
            let checked = hyperion_testkit::try_git(
                &folder,
                &[&git_dir, "fsck", "--strict", "--no-dangling"],
            );
            if let Err(error) = checked {
                found.push(format!(
                    "the own folder {} is damaged: {error}",
                    own.display()
                ));
            }
        }
        found
    }

    fn nothing_is_left_over(&self) -> Vec<String> {
        let mut found = vec![];
        let refs = self.repo.git(&["for-each-ref", "--format=%(refname)"]);
        found.extend(
            refs.lines()
                .filter(|name| name.starts_with("refs/hyperion/"))
                .map(|name| format!("the ref {name} is left")),
        );
        let git_dir = self.repo.git(&["rev-parse", "--absolute-git-dir"]);
        let ours = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // Ours say whose they are; what a loss of power left of one is not told from a person's own.
            let is_note = |note: Vec<u8>| {
                let id = note.trim_ascii().strip_prefix(b"hyperion ");
                id.is_some_and(|id| id.len() >= 40 && id.iter().all(u8::is_ascii_hexdigit))
            };
            let kept = name.ends_with(".keep") && fs::read(path).is_ok_and(is_note);
            name.ends_with(".lock") || kept || name.starts_with("hyperion-")
        };
        let mut places = vec![PathBuf::from(git_dir.trim())];
        places.extend(folders_in(&self.hyperion.home().join("repos")));
        for place in places {
            found.extend(
                files_below(&place)
                    .into_iter()
                    .filter(|path| ours(path))
                    .map(|path| format!("the file {} is left", path.display())),
            );
        }
        let bare = self.repo.git(&["rev-parse", "--is-bare-repository"]);
        if bare.trim() == "false" {
            let status = self.repo.status();
            if !status.is_empty() {
                found.push(format!("the work tree is not what HEAD is: {status:?}"));
            }
        }
        found
    }
}

/// A commit of the branch, with what it says of itself.
struct Commit {
    id: String,
    tree: String,
    entries: Vec<String>,
    change_sets: Vec<String>,
}

/// Whether the record of an entry is about this very commit.
fn covers(entry: &Entry, commit: &Commit) -> Vec<String> {
    let mut found = vec![];
    let is = |what: Option<&str>| what == Some(commit.id.as_str());
    if !is(entry.commit.as_ref().map(hyperion_model::GitId::as_str)) {
        found.push(format!(
            "entry {} does not say that it landed as {}",
            entry.id, commit.id
        ));
    }
    match &entry.verdict {
        Some(verdict) if verdict.tree.as_str() == commit.tree => {}
        Some(verdict) => found.push(format!(
            "the verdict on entry {} is about tree {}, and {} has {}",
            entry.id, verdict.tree, commit.id, commit.tree
        )),
        None => found.push(format!("entry {} landed without a verdict", entry.id)),
    }
    let sets: BTreeSet<_> = entry
        .admission
        .change_sets
        .iter()
        .map(ToString::to_string)
        .collect();
    if sets != commit.change_sets.iter().cloned().collect() {
        found.push(format!(
            "{} has other change sets than entry {}",
            commit.id, entry.id
        ));
    }
    found
}

fn record_is_whole(store: &Store) -> Vec<String> {
    let structure = store.check_structure().unwrap();
    structure
        .problems
        .iter()
        .map(|problem| format!("the database is damaged: {problem}"))
        .collect()
}

/// No two leases were ever given out under one fence, and those that stand have one each.
fn fences_only_grow(store: &Store) -> Vec<String> {
    let mut found = vec![];
    let mut last = 0;
    let mut after = 0;
    loop {
        let page = store.events_after(after, MAX_EVENTS_PAGE).unwrap();
        for stored in &page.events {
            if let Fact::Entry(entry::Event::Leased { fence }) = &stored.event.fact {
                if *fence <= last {
                    found.push(format!(
                        "event {} leases under fence {fence}, after {last}",
                        stored.seq
                    ));
                }
                last = last.max(*fence);
            }
        }
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let mut fences = BTreeSet::new();
    for lease in store.leases().unwrap() {
        if !fences.insert(lease.fence) {
            found.push(format!("two leases stand under fence {}", lease.fence));
        }
    }
    found
}

fn all<M: hyperion_store::Stored>(store: &Store) -> Vec<M> {
    let mut rows = vec![];
    let mut filter = Filter::default().archived().limit(MAX_PAGE);
    loop {
        let page = store.list::<M>(&filter).unwrap();
        rows.extend(page.rows);
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return rows,
        }
    }
}

pub(crate) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return vec![];
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

// M1, C4, O6: a home that nothing happened to has nothing wrong with it, and the checks above see what is wrong.
#[test]
fn what_is_wrong_with_a_home_is_found() {
    use hyperion_testkit::{task, task_request};

    let mut world = World::up(&[("a.txt", "a\n")]);
    let began_at = world.repo.tip(BRANCH);
    let request = task_request("Make b")
        .class("feature")
        .task(task("T1", "make b").create("b.txt", "b\n"));
    let detail = world.carry_out(&request, 0);
    world.stop_engine();
    let mut said = Acknowledged {
        filed: vec![text(&detail["id"])],
        decided: vec![(text(&detail["approvals"][0]["id"]), true)],
        ended: vec![(text(&detail["id"]), "completed".to_owned())],
        ..Acknowledged::default()
    };
    world.assert_invariants(&began_at, &said);

    // Each of these is something else, and each is found.
    let id = said.filed[0].clone();
    said.called_off.push(id.clone());
    said.taken_back.push((id.clone(), id));
    said.decided[0].1 = false;
    let landed = world.repo.tip(BRANCH);
    world
        .repo
        .git(&["commit", "--amend", "--quiet", "-m", "Somebody else's"]);
    world
        .repo
        .git(&["update-ref", "refs/hyperion/landing/left", "HEAD"]);
    world.repo.write("a.txt", "dirty\n");
    fs::write(world.repo.path().join(".git/index.lock"), "").unwrap();
    let violations = world.violations(&began_at, &said);
    let is_found = |what: &str| violations.iter().any(|found| found.contains(what));
    for what in [
        "was called off, and is Some(Completed)",
        "was to take",
        "was rejected, and is",
        "is recorded as landed and is not on main",
        &format!("main was at {landed}, and is not on it any more"),
        "the ref refs/hyperion/landing/left is left",
        "index.lock is left",
        "the work tree is not what HEAD is",
    ] {
        assert!(
            is_found(what),
            "{what} is not in\n{}",
            violations.join("\n")
        );
    }
}
