//! A repository's name, place and remote, from the command line.

use crate::world::{World, text};
use hyperion_testkit::{RequestFile, TempRepo, task, task_request};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

fn makes(path: &str) -> RequestFile {
    task_request(&format!("Make {path}")).task(task("T1", "make it").create(path, "new\n"))
}

// A repository is renamed, moved and forgotten by what it is; a name is one repository's for good.
#[test]
fn a_repository_is_renamed_moved_and_forgotten() {
    let world = World::new(&[("a.txt", "a\n")]);
    let refused = world.run(&["init", "--name", "web"]).code(2);
    let hint = "hyperion repo rename repo web";
    assert!(
        refused.stderr.contains("known already, as repo"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    world.run(&["repo", "rename", "repo", "web"]).code(0);
    world.carry_out(&makes("one.txt"), 0);

    let moved = world.repo.path().with_file_name("moved");
    fs::rename(world.repo.path(), &moved).unwrap();
    let stranger = TempRepo::with_files(&[("b.txt", "b\n")]);
    let elsewhere = World::on(world.hyperion.clone(), stranger);
    let at = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let other = at(elsewhere.repo.path());
    let refused = elsewhere.run(&["repo", "move", "web", &other]).code(2);
    assert!(
        refused.stderr.contains("is another repository"),
        "{}",
        refused.stderr
    );
    elsewhere.run(&["repo", "move", "web", &at(&moved)]).code(0);
    let world = World::on(world.hyperion.clone(), TempRepo::existing(&moved));
    let asked = world.ask(&makes("two.txt"));
    let events = |repo: &str| world.list(&["events", "--repo", repo, "--limit", "1000"]);
    let kinds = |events: &[Value]| -> BTreeSet<String> {
        let kinds = events.iter().map(|event| text(&event["kind"]));
        kinds.collect()
    };
    let of_web = kinds(&events("web"));
    for kind in ["repo.registered", "request.submitted", "merge.landed"] {
        assert!(of_web.contains(kind), "{kind}: {of_web:?}");
    }

    let refused = world.run(&["repo", "forget", "web"]).code(1);
    assert!(refused.stderr.contains("1 requests"), "{}", refused.stderr);
    world.approve(&asked, 0);
    assert_eq!(world.repo.show("main", "two.txt"), "new\n");
    world.run(&["repo", "forget", "web"]).code(0);
    assert!(world.list(&["repo", "list"]).is_empty());
    let refused = elsewhere.run(&["init", "--name", "web"]).code(2);
    assert!(
        refused.stderr.contains("that was forgotten"),
        "{}",
        refused.stderr
    );
    world.run(&["init"]).code(0);
    assert_eq!(world.json(&["repo", "show", "."])["name"], "web");
}

// What is not pushed is told where a person looks, with what to do; the landings stand.
#[test]
fn what_is_not_pushed_is_told() {
    let world = World::new(&[("a.txt", "a\n")]);
    let refused = world.run(&["repo", "set", "repo", "--push", "on"]).code(2);
    assert!(
        refused.stderr.contains("remote add origin"),
        "{}",
        refused.stderr
    );
    let hub = world.repo.bare_clone();
    let at = hub.path().to_str().unwrap().to_owned();
    world.repo.git(&["remote", "add", "origin", &at]);
    let on = world.run(&["repo", "set", "repo", "--push", "on"]).code(0);
    assert!(
        on.stderr.contains("hyperion repo push repo"),
        "{}",
        on.stderr
    );
    world.carry_out(&makes("one.txt"), 0);
    world.run(&["repo", "push", "repo"]).code(0);
    assert_eq!(hub.tip("main"), world.repo.tip("main"));

    let away = hub.path().with_extension("away");
    fs::rename(hub.path(), &away).unwrap();
    world.carry_out(&makes("two.txt"), 0);
    let failed = world.run(&["repo", "push", "repo"]).code(1);
    let told = "main: 1 landing not pushed: ";
    assert!(failed.stdout.contains(told), "{}", failed.stdout);
    let status = world.run(&["status"]).code(0).stdout;
    assert!(status.contains("Is not pushed"), "{status}");
    assert!(status.contains("hyperion repo push repo"), "{status}");
    let listed = world.run(&["queue", "list"]).code(0);
    assert!(listed.stderr.contains(told), "{}", listed.stderr);
    let doctor = world.run(&["doctor"]).stdout;
    let row = doctor.lines().find(|line| line.contains("remote repo"));
    assert!(
        row.is_some_and(|row| row.starts_with("! warning")),
        "{doctor}"
    );
    fs::rename(&away, hub.path()).unwrap();
    world.run(&["repo", "push", "repo"]).code(0);
    assert_eq!(hub.tip("main"), world.repo.tip("main"));
    world.repo.git(&["fetch", "--quiet", "origin"]);
    let doctor = world.run(&["doctor"]).stdout;
    let ahead = "origin, what lands is pushed; main is 0 ahead and 0 behind";
    assert!(doctor.contains(ahead), "{doctor}");

    fs::rename(hub.path(), &away).unwrap();
    world.carry_out(&makes("three.txt"), 0);
    world.run(&["repo", "push", "repo"]).code(1);
    let forgotten = world.run(&["repo", "forget", "repo"]).code(0);
    let told = "1 landing on main of it is not pushed, and will not be by itself: git -C ";
    assert!(forgotten.stdout.contains(told), "{}", forgotten.stdout);
}
