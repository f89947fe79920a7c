//! Makes trees as git's own commands do: merges in a work tree, patches by the index.

#[path = "../../../harness.rs"]
mod harness;
#[path = "../../../history.rs"]
mod history;

use std::path::{Path, PathBuf};
use std::time::Instant;

use harness::{Asked, Figure};

/// Sizes of repositories.
const SIZES: [(&str, usize); 2] = [("5k", 5_000), ("50k", 50_000)];
/// How many trees are made.
const CHANGES: usize = 30;

fn main() {
    let asked = Asked::read();
    for (name, files) in SIZES {
        let (candidate, patch) = (
            format!("candidate tree, {name} files"),
            format!("patch to tree, {name} files"),
        );
        if !asked.wants(&candidate) && !asked.wants(&patch) {
            continue;
        }
        let folder = asked.fresh("tree");
        let repo = history::repository(&folder, files);
        let mails = history::mails(&repo, &folder.join("mails"), files, CHANGES);
        figure(&mails, |mail| {
            history::run(history::git(&repo).args(["read-tree", "main"]));
            let began = Instant::now();
            history::run(history::git(&repo).args(["apply", "--cached"]).arg(mail));
            history::run(history::git(&repo).arg("write-tree"));
            began.elapsed()
        })
        .print("git", &patch);
        history::run(history::git(&repo).args(["reset", "--quiet", "--hard", "main"]));
        let branches: Vec<PathBuf> = mails
            .iter()
            .enumerate()
            .map(|(change, mail)| {
                let branch = format!("change-{change}");
                history::run(
                    history::git(&repo).args(["checkout", "--quiet", "-b", &branch, "main"]),
                );
                history::run(history::git(&repo).args(["am", "--quiet"]).arg(mail));
                branch.into()
            })
            .collect();
        history::run(history::git(&repo).args(["checkout", "--quiet", "main"]));
        figure(&branches, |branch| {
            let began = Instant::now();
            history::run(
                history::git(&repo)
                    .args(["merge", "--quiet", "--no-ff", "-m", "Merge"])
                    .arg(branch),
            );
            began.elapsed()
        })
        .print("git", &candidate);
    }
}

fn figure(of: &[PathBuf], mut measure: impl FnMut(&Path) -> std::time::Duration) -> Figure {
    let mut calls: Vec<_> = of.iter().map(|one| measure(one)).collect();
    let total: std::time::Duration = calls.iter().sum();
    calls.sort();
    Figure {
        value: total.as_secs_f64() * 1e3 / of.len() as f64,
        unit: "ms",
        calls,
        cpu: None,
        kib: None,
    }
}
