//! A person edits a checked-out file in the very moment in which a landing moves the branch.

use super::FILES;
use super::held::{Held, change};
use hyperion_fault::Point;
use hyperion_testkit::{TempRepo, task, task_request};

/// What everybody wants to say at the end of a longer file.
fn longer() -> String {
    (1..20).map(|line| format!("line {line}\n")).collect()
}

// M3, M5: the work tree stays with the commit its files are from, so that nothing which is committed there undoes what
// landed; it is said wherever one looks, with the command that brings it along; and everybody else goes on.
#[test]
fn a_work_tree_that_was_edited_in_that_very_moment_stays_and_is_brought_along() {
    let point = Point::CheckoutHeld;
    let longer = longer();
    let files: Vec<_> = FILES
        .iter()
        .copied()
        .chain([("long.txt", longer.as_str())])
        .collect();
    let mut held = Held::at(&[point], TempRepo::with_files(&files));
    let last = longer.replace("line 19\n", "line 19\nthe last\n");
    let request = task_request("Say the last").class("feature").task(
        task("T1", "say the last")
            .modify("long.txt", &longer, &last)
            .create("new.txt", "new\n"),
    );
    let id = held.approve(&request);
    held.meanwhile(point, |repo| {
        repo.write("long.txt", format!("mine\n{longer}"));
    });
    let detail = held.ends(&id, "completed");
    let world = &held.world;
    assert_eq!(world.repo.show("main", "long.txt"), last);
    assert_eq!(world.repo.read("long.txt"), format!("mine\n{longer}"));
    assert_eq!(
        world.repo.status(),
        [" M long.txt"],
        "the edit shows, and no inverse of the landing"
    );

    let entry = &detail["entries"][0];
    let at = &world.repo.tip("main~1")[..10];
    let behind = format!("REPO was edited in the moment of the landing and stayed at {at}");
    let command = "git -C REPO switch --merge main";
    let told = format!("{behind}; bring it along: {command}");
    assert_eq!(held.plain(&entry["reason"]), told);
    let place = world.repo.path().to_str().unwrap();
    for what in [
        ["request", "show", &id],
        ["queue", "show", entry["id"].as_str().unwrap()],
    ] {
        let shown = world.run(&what).code(0).stdout.replace(place, "REPO");
        assert!(shown.contains(&told), "{shown}");
    }
    assert_eq!(held.doctor(), (behind, command.to_owned()));
    let status = world.run(&["status"]).code(0).stdout.replace(place, "REPO");
    assert!(
        status.contains("Did not follow what landed") && status.contains(&format!("- {told}")),
        "{status}"
    );

    // Others land meanwhile, and the person's commit undoes nothing.
    let second = held.approve(&change("second"));
    held.ends(&second, "completed");
    let repo = &held.world.repo;
    assert_eq!(repo.status(), [" M long.txt"]);

    let place = repo.path().to_str().unwrap();
    let command: Vec<_> = command
        .split(' ')
        .skip(1)
        .map(|word| if word == "REPO" { place } else { word })
        .collect();
    repo.git(&command);
    assert_eq!(repo.status(), [" M long.txt"]);
    assert_eq!(
        repo.read("long.txt"),
        format!("mine\n{last}"),
        "both are in it"
    );
    assert_eq!(repo.read("second.txt"), "second\n");
    assert!(held.world.request(&id)["entries"][0]["reason"].is_null());
    held.world.repo.git(&["checkout", "--", "long.txt"]);
    let third = held.approve(&change("third"));
    held.ends(&third, "completed");
    assert_eq!(held.world.repo.read("third.txt"), "third\n");
    held.is_sound();
}
