//! `hyperion demo`, without a terminal: every scenario ends as it says it should.

use hyperion_testkit::{Hyperion, TempRepo};
use std::fs;

fn hyperion() -> Hyperion {
    Hyperion::new(env!("CARGO_BIN_EXE_hyperion")).env("USER", "ada")
}

/// Runs the demo into `demo/` of the person's home and gives what it wrote.
#[track_caller]
fn demo(hyperion: &Hyperion, more: &[&str]) -> String {
    let folder = hyperion.user_home().join("demo");
    let arguments = ["demo", "--dir", folder.to_str().unwrap()];
    let arguments: Vec<_> = arguments.iter().chain(more).copied().collect();
    let seen = hyperion.run(&arguments).code(0);
    assert!(
        seen.stderr.contains("All 14 requests ended as they should"),
        "{}",
        seen.stderr
    );
    assert!(!seen.stdout.contains('\u{1b}'), "{}", seen.stdout);
    assert!(
        seen.stdout.contains("✓ The audit log holds"),
        "{}",
        seen.stdout
    );
    // Its home is its own: the person's does not even come to be.
    assert!(!hyperion.home().exists());
    seen.stdout
}

// X7, M4, M6, X9: what may land does, what may not does not, and one is taken back.
#[test]
fn it_copies_the_repository_around_it_and_leaves_that_alone() {
    let repo = TempRepo::with_files(&[
        ("src/celsius.txt", "c = (f - 32) * 5 / 9\n"),
        // Checks of the copied repository do not take part: they may take long.
        ("hyperion.toml", "[checks]\nnever = \"false\"\n"),
        (".gitignore", "hyperion-demo\n*.sh\n"),
    ]);
    let tip = repo.tip("main");
    let hyperion = hyperion().inside(repo.path());
    let said = demo(&hyperion, &[]);
    assert_eq!(repo.tip("main"), tip);
    assert!(repo.status().is_empty());

    let copy = hyperion.user_home().join("demo/repo");
    assert!(copy.join("src/celsius.txt").exists());
    assert!(copy.join("hyperion-demo/docs/notes.txt").exists());
    assert!(!copy.join("hyperion-demo/report.sh").exists());
    let checks = fs::read_to_string(copy.join("hyperion.toml")).unwrap();
    assert!(checks.contains("scripts = "), "the checks are still there");
    assert_eq!(hyperion_testkit::git(&copy, &["status", "--porcelain"]), "");
    assert_eq!(hyperion_testkit::git(&copy, &["remote"]), "");

    // What it says to go on with works.
    let entry = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("hyperion queue show "))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap();
    let home = hyperion.user_home().join("demo/home");
    let shown = hyperion
        .env("HYPERION_HOME", &home)
        .run(&["queue", "show", entry])
        .code(0);
    assert!(
        shown.stdout.contains("delay_max_sec=60"),
        "{}",
        shown.stdout
    );
}

#[test]
fn without_a_repository_it_makes_one() {
    let hyperion = hyperion();
    fs::remove_file(hyperion.user_home().join(".gitconfig")).unwrap();
    let said = demo(&hyperion, &[]);
    assert!(said.contains("Say where the sensors are"), "{said}");
}

#[test]
fn a_shallow_clone_with_a_detached_head_will_do() {
    let origin = TempRepo::with_files(&[("a.txt", "one\n")]);
    origin.commit("Change", &[("a.txt", "two\n")]);
    let hyperion = hyperion();
    let clone = hyperion.user_home().join("clone");
    let clone = clone.to_str().unwrap();
    let url = format!("file://{}", origin.path().display());
    origin.git(&["clone", "--quiet", "--depth", "1", &url, clone]);
    hyperion_testkit::git(clone, &["checkout", "--quiet", "--detach"]);
    let said = demo(&hyperion, &["--repo", clone]);
    assert!(said.contains("main of the copy"), "{said}");
}

#[test]
fn a_repository_that_cannot_be_copied_leaves_nothing_behind() {
    let hyperion = hyperion();
    let folder = hyperion.user_home().join("demo");
    let folder = folder.to_str().unwrap();
    let refused = hyperion
        .run(&["demo", "--repo", "nowhere", "--dir", folder])
        .code(2);
    assert!(
        refused.stderr.contains("no such folder"),
        "{}",
        refused.stderr
    );
    assert!(!fs::exists(folder).unwrap());
}
