//! `hyperion demo`, without a terminal: every scenario ends as it says it should.

use hyperion_testkit::{Hyperion, TempRepo};
use std::fs;
use std::time::Duration;

/// It takes seven seconds on an idle machine, and all tests may run beside it.
const DEMO_LIMIT: Duration = Duration::from_secs(180);

fn hyperion() -> Hyperion {
    Hyperion::new(env!("CARGO_BIN_EXE_hyperion")).env("USER", "ada")
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
    let hyperion = hyperion().inside(repo.path()).limit(DEMO_LIMIT);
    // Git need not know the person.
    fs::remove_file(hyperion.user_home().join(".gitconfig")).unwrap();
    let folder = hyperion.user_home().join("demo");
    let seen = hyperion
        .run(&["demo", "--dir", folder.to_str().unwrap()])
        .code(0);
    assert!(
        seen.stderr.contains("All 14 requests ended as they should"),
        "{}",
        seen.stderr
    );
    assert!(
        seen.stdout.contains("✓ The audit log holds"),
        "{}",
        seen.stdout
    );
    assert!(!seen.stdout.contains('\u{1b}') && !seen.stderr.contains('\u{1b}'));
    // Neither the repository nor the person's own home is touched: that one does not even come to be.
    assert!(!hyperion.home().exists());
    assert_eq!(repo.tip("main"), tip);
    assert!(repo.status().is_empty());

    let copy = folder.join("repo");
    assert!(copy.join("src/celsius.txt").exists());
    assert!(copy.join("hyperion-demo/docs/notes.txt").exists());
    assert!(!copy.join("hyperion-demo/report.sh").exists());
    let checks = fs::read_to_string(copy.join("hyperion.toml")).unwrap();
    assert!(checks.contains("scripts = "), "the checks are still there");
    assert_eq!(hyperion_testkit::git(&copy, &["status", "--porcelain"]), "");
    assert_eq!(hyperion_testkit::git(&copy, &["remote"]), "");

    // What it says to go on with works.
    let entry = seen
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("hyperion queue show "))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap();
    let shown = hyperion
        .env("HYPERION_HOME", folder.join("home"))
        .run(&["queue", "show", entry])
        .code(0);
    assert!(
        shown.stdout.contains("delay_max_sec=60"),
        "{}",
        shown.stdout
    );
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
