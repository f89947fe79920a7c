//! Lands changes one by one with `git am`, in a work tree.

#[path = "../../../harness.rs"]
mod harness;
#[path = "../../../history.rs"]
mod history;

use std::time::Instant;

use harness::{Asked, Figure};

/// Sizes of repositories, and how many changes are landed there: each takes the same time.
const SIZES: [(&str, usize, usize); 2] = [("5k", 5_000, 500), ("50k", 50_000, 100)];

fn main() {
    let asked = Asked::read();
    for (name, files, changes) in SIZES {
        let case = format!("landing, {name} files");
        if asked.wants(&case) {
            let changes = if asked.is_short() {
                changes / 10
            } else {
                changes
            };
            let folder = asked.fresh("am");
            let repo = history::repository(&folder, files);
            let mails = history::mails(&repo, &folder.join("mails"), files, changes);
            let mut calls = Vec::new();
            let started = Instant::now();
            for mail in &mails {
                let began = Instant::now();
                history::run(history::git(&repo).args(["am", "--quiet"]).arg(mail));
                calls.push(began.elapsed());
            }
            let took = started.elapsed();
            calls.sort();
            let value = took.as_secs_f64() * 1e3 / mails.len() as f64;
            Figure {
                value,
                unit: "ms",
                calls,
                cpu: None,
                kib: None,
            }
            .print("landing", &case);
        }
    }
}
