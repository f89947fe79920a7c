//! `cargo xtask sabotage`: breaks the product in one place after the other, and shows which tests notice.
//!
//! A crash suite that never fails proves nothing. Each sabotage leaves out one thing that a crash needs (a sync, an
//! intent, a check of a fence) in a copy of what is committed, builds it, and runs the tests that have to fail then. The
//! working tree is never touched.

use crate::process::{program, run as run_program};
use crate::test::{FAIL_POINTS, target_folder};
use crate::tools;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// One thing left out.
struct Sabotage {
    name: &'static str,
    /// What breaks, for people.
    about: &'static str,
    file: &'static str,
    /// Stands in the file exactly once.
    sound: &'static str,
    broken: &'static str,
    /// Which tests have to notice, as the test runner takes it.
    tests: &'static str,
}

const SABOTAGES: &[Sabotage] = &[
    Sabotage {
        name: "commits-unsynced",
        about: "the database is not synced before somebody is answered",
        file: "crates/store/src/connection.rs",
        sound: "PRAGMA synchronous = FULL;",
        broken: "PRAGMA synchronous = OFF;",
        tests: "package(hyperion) & test(/^power::loss::/)",
    },
    Sabotage {
        name: "content-unsynced",
        about: "large content is not synced before the fact that names it",
        file: "crates/store/src/blob.rs",
        sound: "    out.sync_all()?;\n    fs::File::open(&shelf)?.sync_all()?;\n",
        broken: "    fs::File::open(&shelf)?.sync_all()?;\n",
        tests: "package(hyperion) & test(/^power::loss::/)",
    },
    Sabotage {
        name: "pack-unsynced",
        about: "the folder of a landing's pack is not synced before a ref names what is in it",
        file: "crates/git/src/landing.rs",
        sound: "            fsync_dir(&folder).map_err(GitError::io(&folder))?;\n        }\n        reached(Point::LandingDurable);",
        broken: "            drop(folder);\n        }\n        reached(Point::LandingDurable);",
        tests: "package(hyperion) & test(/^power::loss::/)",
    },
    Sabotage {
        name: "branch-unsynced",
        about: "a landing is recorded before the branch's move is durable",
        file: "crates/git/src/landing.rs",
        sound: "            fsync_dir(folder).map_err(GitError::io(folder))?;\n        }\n        Ok(())\n",
        broken: "            let _ = folder;\n        }\n        Ok(())\n",
        tests: "package(hyperion) & test(/^power::loss::/)",
    },
    Sabotage {
        name: "lock-without-intent",
        about: "the lock on a work tree that is about to follow does not say whose it is, and why",
        file: "crates/git/src/hold.rs",
        sound: "            file.write_all(note.text().as_bytes())?;\n",
        broken: "            file.write_all(&note.text().as_bytes()[..0])?;\n",
        tests: "package(hyperion) & test(/^fail_points::landing::a_kill_while_a_work_tree_follows/)",
    },
    Sabotage {
        name: "check-without-mark",
        about: "a check's process is not marked, so that it is not found again before it is recorded",
        file: "crates/engine/src/run/check.rs",
        sound: "            .env(RUN_MARK, self.run.id.to_string())\n",
        broken: "",
        tests: "package(hyperion) & test(/^fail_points::landing::a_kill_between_a_check/)",
    },
    Sabotage {
        name: "fence-unchecked",
        about: "whoever overslept a lease may still write",
        file: "crates/store/src/lease.rs",
        sound: "    if stands {\n",
        broken: "    if stands || true {\n",
        tests: "package(hyperion-store) & test(/lease|model/)",
    },
    Sabotage {
        name: "runs-of-before-a-retry",
        about: "what checks found before a person took an entry up again still counts",
        file: "crates/engine/src/queue/checks.rs",
        sound: "retried.unwrap_or(0)",
        broken: "retried.map_or(0, |_| 0)",
        tests: "package(hyperion-engine) & test(/^simulate::/)",
    },
    Sabotage {
        name: "look-too-old",
        about: "what was decided about something that changed meanwhile is done all the same",
        file: "crates/model/src/machine.rs",
        sound: "    if now == looked_at {\n        Ok(Vec::new())\n",
        broken: "    if now == looked_at || true {\n        Ok(Vec::new())\n",
        tests: "package(hyperion-engine) & test(/^simulate::/)",
    },
];

/// The test runner's exit status when tests failed, as opposed to a build that did.
const EXIT_TESTS_FAILED: i32 = 100;

/// Carries out the named sabotages, or all of them; fails when one goes unnoticed.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<(), String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| SABOTAGES.iter().all(|sabotage| sabotage.name != **name))
    {
        let known: Vec<_> = SABOTAGES.iter().map(|sabotage| sabotage.name).collect();
        return Err(format!(
            "unknown sabotage `{unknown}`; there are {}",
            known.join(", ")
        ));
    }
    let target = target_folder(root)?;
    let nextest = tools::ensure(root, &target)?.nextest?;
    let copy = target.join("sabotage");
    copy_head(root, &copy)?;
    let mut unnoticed = vec![];
    for sabotage in SABOTAGES {
        if !names.is_empty() && !names.contains(&sabotage.name) {
            continue;
        }
        println!("\n== {}: {}", sabotage.name, sabotage.about);
        let started = Instant::now();
        let noticed = carry_out(&copy, &target, &nextest, sabotage)?;
        println!(
            "== {}: {} ({} s)",
            sabotage.name,
            if noticed { "noticed" } else { "NOT NOTICED" },
            started.elapsed().as_secs()
        );
        if !noticed {
            unnoticed.push(sabotage.name);
        }
    }
    if unnoticed.is_empty() {
        return Ok(());
    }
    Err(format!("no test noticed: {}", unnoticed.join(", ")))
}

/// Copies what is committed; the copy shares nothing with the working tree but the objects.
fn copy_head(root: &Path, copy: &Path) -> Result<(), String> {
    if copy.exists() {
        fs::remove_dir_all(copy).map_err(|error| format!("remove {}: {error}", copy.display()))?;
    }
    run_program(
        program("git", root)
            .args(["clone", "--quiet", "--shared", "."])
            .arg(copy),
    )
}

fn carry_out(
    copy: &Path,
    target: &Path,
    nextest: &Path,
    sabotage: &Sabotage,
) -> Result<bool, String> {
    let file = copy.join(sabotage.file);
    let source = read(&file)?;
    if source.matches(sabotage.sound).count() != 1 {
        return Err(format!(
            "{} does not have this exactly once, so the sabotage has to be written anew:\n{}",
            sabotage.file, sabotage.sound
        ));
    }
    write(&file, &source.replace(sabotage.sound, sabotage.broken))?;
    let status = program(nextest, copy)
        .args([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ])
        .args(FAIL_POINTS)
        .args(["-E", sabotage.tests])
        .env("CARGO_TARGET_DIR", target)
        .status()
        .map_err(|error| format!("start the test runner: {error}"));
    write(&file, &source)?;
    match status?.code() {
        Some(0) => Ok(false),
        Some(EXIT_TESTS_FAILED) => Ok(true),
        _ => Err(format!(
            "{}: the tests could not be built or run",
            sabotage.name
        )),
    }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("read {}: {error}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("write {}: {error}", file.display()))
}
