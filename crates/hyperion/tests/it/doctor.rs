//! What the doctor looks at, and what it says to do.

use crate::world::World;
use serde_json::Value;

/// Gives the health and the fix of what was looked at.
fn finding<'a>(report: &'a Value, name: &str) -> (&'a str, &'a str) {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} was not looked at: {report}"));
    (
        found["health"].as_str().unwrap(),
        found["fix"].as_str().unwrap_or_default(),
    )
}

// O2: store, key, git, disk, clock, repositories and queue are looked at, each with a fix where it is not well.
#[test]
fn every_part_is_looked_at_and_what_is_wrong_has_a_fix() {
    let world = World::new(&[
        ("a.txt", "one\n"),
        ("hyperion.toml", "[checks]\ntest = \"true\"\n"),
    ]);
    let name = world
        .run(&["repo", "list", "--format", "json"])
        .code(0)
        .json();
    let repo = format!("repo {}", name["items"][0]["name"].as_str().unwrap());

    let well = world.run(&["doctor", "--format", "json"]).code(0).json();
    for part in ["store", "git", "disk", "clock", "queue", &repo] {
        assert_ne!(finding(&well, part).0, "error", "{part}");
    }
    assert_eq!(finding(&well, "store"), ("ok", ""));
    assert_eq!(finding(&well, &repo), ("ok", ""));

    world.repo.write("a.txt", "dirty\n");
    let dirty = world.run(&["doctor", "--format", "json"]).code(0).json();
    let (health, fix) = finding(&dirty, &repo);
    assert_eq!(health, "warning");
    assert!(fix.contains("commit or stash"), "{fix}");

    world
        .repo
        .commit("Break the settings", &[("hyperion.toml", "[chekcs]\n")]);
    let broken = world.run(&["doctor", "--format", "json"]).code(1).json();
    let (health, fix) = finding(&broken, &repo);
    assert_eq!(health, "error");
    assert!(fix.contains("correct hyperion.toml"), "{fix}");
}

// O2: wrong settings stop neither the doctor, which names each, nor status, nor what puts them right.
#[test]
fn wrong_settings_are_found_and_put_right() {
    let world = World::new(&[("a.txt", "one\n")]);
    let config = world.hyperion.home().join("config.toml");
    std::fs::write(&config, "[merge]\nworkers = 0\nworker = 2\n").unwrap();

    let told = world.run(&["doctor"]).code(1).stdout;
    let said = told.lines().filter(|line| line.contains("settings"));
    assert_eq!(said.count(), 2, "{told}");
    assert!(
        told.contains("config.toml:2: `merge.workers` expects"),
        "{told}"
    );
    assert!(told.contains("\n2 problems, "), "{told}");
    let status = world.run(&["status"]).code(0);
    assert!(
        status.stderr.contains("2 settings are wrong"),
        "{}",
        status.stderr
    );
    world.run(&["config", "list"]).code(0);
    world.run(&["config", "check"]).code(2);

    let set = world.run(&["config", "set", "merge.workers", "2"]).code(0);
    assert!(set.stderr.contains("a setting is wrong"), "{}", set.stderr);
    world.run(&["config", "unset", "merge.worker"]).code(0);
    world.run(&["config", "check"]).code(0);
    let left = std::fs::read_to_string(&config).unwrap();
    assert_eq!(left, "[merge]\nworkers = 2\n");
    world.run(&["doctor"]).code(0);
}
