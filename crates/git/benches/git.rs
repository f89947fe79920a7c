//! How long it takes to make trees: from a patch's edits, and by merging a change with a candidate; and a warm lane.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that fails has nothing to say"
)]

#[path = "../../../bench/harness.rs"]
mod harness;
#[path = "../../../bench/history.rs"]
mod history;

use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Asked, Figure};
use hyperion_git::{
    Content, FileMode, Git, GitOptions, Lane, MergeSides, Merged, NewCommit, Oid, RefName,
    RepoStore, Signature, TreeEdit, TreePath, UserRepo,
};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sizes of repositories.
const SIZES: [(&str, usize); 2] = [("5k", 5_000), ("50k", 50_000)];
/// How many trees are made.
const CHANGES: usize = 300;
/// How often a lane is brought to another candidate.
const LANES: usize = 20;

fn main() {
    let asked = Asked::read();
    for (name, files) in SIZES {
        let case = |what: &str| format!("{what}, {name} files");
        let folder = asked.fresh("git");
        let store = open(&folder, files);
        let tip = store
            .tip(&RefName::branch("main").unwrap())
            .unwrap()
            .unwrap();
        let mut trees = Vec::new();
        let patches = figure(CHANGES, |change| {
            let edit = edit(change, files);
            let began = Instant::now();
            let draft = store.draft_tree(&tip, vec![edit]).unwrap();
            store.keep(&draft).unwrap();
            trees.push(draft.tree().clone());
            began.elapsed()
        });
        patches.print("git", &case("patch to tree"));
        let mut candidates = vec![tip.clone()];
        let merges = figure(CHANGES, |change| {
            let began = Instant::now();
            candidates.push(candidate(
                &store,
                &tip,
                candidates.last().unwrap(),
                &trees[change],
            ));
            began.elapsed()
        });
        merges.print("git", &case("candidate tree"));
        let lanes = folder.join("lanes");
        drop(Lane::prepare(&lanes, 1, &store, &tip).unwrap());
        let ready = figure(LANES, |at| {
            let began = Instant::now();
            drop(Lane::prepare(&lanes, 1, &store, &candidates[at + 1]).unwrap());
            began.elapsed()
        });
        ready.print("git", &case("lane ready, warm"));
    }
}

fn candidate(store: &RepoStore, base: &Oid, onto: &Oid, theirs: &Oid) -> Oid {
    let sides = MergeSides {
        base,
        ours: onto,
        theirs,
        attributes: onto,
    };
    let Merged::Clean { tree } = store.merge(&sides).unwrap() else {
        unreachable!("each change is about another file");
    };
    let who = Signature {
        name: "Bench".to_owned(),
        email: "bench@localhost".to_owned(),
        seconds: 1_700_000_002,
        offset_minutes: 0,
    };
    store
        .commit(&NewCommit {
            tree,
            parents: vec![onto.clone()],
            author: who.clone(),
            committer: who,
            message: "A change".to_owned(),
        })
        .unwrap()
}

fn edit(change: usize, files: usize) -> TreeEdit {
    let number = history::changed(change, files);
    TreeEdit::Put {
        path: TreePath::from(history::path(number)),
        mode: FileMode::File,
        content: Content::Bytes(history::content(number, Some(change)).into_bytes()),
    }
}

fn figure(calls: usize, mut measure: impl FnMut(usize) -> Duration) -> Figure {
    let cpu = harness::processor_time();
    let mut calls: Vec<_> = (0..calls).map(&mut measure).collect();
    let cpu = harness::processor_time() - cpu;
    let total: Duration = calls.iter().sum();
    calls.sort();
    let count = u32::try_from(calls.len()).unwrap();
    Figure {
        value: total.as_secs_f64() * 1e3 / f64::from(count),
        unit: "ms",
        calls,
        cpu: Some(cpu / count),
        kib: None,
    }
}

fn open(folder: &Path, files: usize) -> RepoStore {
    let repo = history::repository(folder, files);
    let git = Git::probe(&GitOptions {
        program: None,
        scratch: folder.join("scratch"),
        search_path: "/usr/local/bin:/usr/bin:/bin".into(),
        user_home: None,
        person: Vec::new(),
    })
    .unwrap();
    let user = UserRepo::discover(&git, &repo).unwrap();
    RepoStore::open(&git, &folder.join("own"), &user, "bench").unwrap()
}
