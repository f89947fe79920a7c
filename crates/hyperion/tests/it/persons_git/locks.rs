//! Locks of a person's git: waited for, told, never taken away.

use super::FILES;
use super::held::{Held, change};
use crate::world::SOON;
use hyperion_testkit::{TempRepo, eventually};
use std::fs;
use std::time::Duration;

/// Longer than it takes to look twice whether something is still in the way.
const TWO_LOOKS: Duration = Duration::from_secs(5);

// C4, M5: whichever of git's locks is there, it is told whose it is and what to do, it is never removed, and once it is
// gone everything goes on by itself.
#[test]
fn each_lock_of_git_is_waited_for_and_left_alone() {
    let mut held = Held::at(&[], TempRepo::with_files(FILES));
    let locks = ["index.lock", "refs/heads/main.lock", "HEAD.lock"];
    for (round, lock) in locks.into_iter().enumerate() {
        let path = held.world.repo.path().join(".git").join(lock);
        let id = held.world.file(&change(&format!("number-{round}")));
        held.said.filed.push(id.clone());
        fs::write(&path, "a person's\n").unwrap();
        held.say_yes(&id);
        let entry = held.entry_when(&id, "blocked");
        let reason = held.plain(&entry["reason"]);
        let what_to_do = format!("if none is running, remove REPO/.git/{lock}");
        assert!(
            reason.contains("wait for") && reason.ends_with(&what_to_do),
            "{reason}"
        );
        let (detail, fix) = held.doctor();
        let told =
            format!("another program holds git's lock REPO/.git/{lock}; what needs it waits");
        assert_eq!(detail, told);
        assert!(fix.ends_with(&what_to_do), "{fix}");
        if lock == "HEAD.lock" {
            // It stays blocked, instead of going round in circles.
            let events = || held.world.list(&["events", "--limit", "500"]).len();
            let before = events();
            assert!(!eventually(TWO_LOOKS, || events() > before));
        }
        assert_eq!(fs::read(&path).unwrap(), b"a person's\n");
        fs::remove_file(&path).unwrap();
        held.ends(&id, "completed");
    }
    held.is_sound();
}

// C4, M5: whoever removes the lock that was named is told of the next one, and not of the first for ever.
#[test]
fn a_lock_behind_another_one_is_told_of_when_the_first_is_gone() {
    let mut held = Held::at(&[], TempRepo::with_files(FILES));
    let [first, second] = ["refs/heads/main.lock", "HEAD.lock"]
        .map(|lock| held.world.repo.path().join(".git").join(lock));
    let id = held.world.file(&change("first"));
    held.said.filed.push(id.clone());
    fs::write(&first, "a person's\n").unwrap();
    held.say_yes(&id);
    let entry = held.entry_when(&id, "blocked");
    assert!(held.plain(&entry["reason"]).ends_with("main.lock"));
    fs::write(&second, "a person's\n").unwrap();
    fs::remove_file(&first).unwrap();
    let told = || {
        let entry = held.entry_when(&id, "blocked");
        held.plain(&entry["reason"]).ends_with("HEAD.lock")
    };
    assert!(eventually(SOON, told));
    let events = || held.world.list(&["events", "--limit", "500"]).len();
    let before = events();
    assert!(!eventually(TWO_LOOKS, || events() > before));
    fs::remove_file(&second).unwrap();
    held.ends(&id, "completed");
    held.is_sound();
}

// C4, M5: the lock of packed refs keeps nothing from landing; what has to be deleted under it is deleted when it is gone.
#[test]
fn what_the_lock_of_packed_refs_protects_is_cleared_away_later() {
    let mut held = Held::at(&[], TempRepo::with_files(FILES));
    held.world.repo.git(&["pack-refs", "--all"]);
    let path = held.world.repo.path().join(".git/packed-refs.lock");
    fs::write(&path, "a person's\n").unwrap();
    let id = held.approve(&change("first"));
    held.ends(&id, "completed");
    let left = || {
        let refs = ["for-each-ref", "--format=%(refname)", "refs/hyperion/"];
        held.world.repo.git(&refs)
    };
    assert!(left().starts_with("refs/hyperion/landing/"), "{}", left());
    let (detail, _) = held.doctor();
    assert!(
        detail.contains("lock REPO/.git/packed-refs.lock; what needs it waits"),
        "{detail}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"a person's\n");
    fs::remove_file(&path).unwrap();
    assert!(eventually(SOON, || left().is_empty()), "{}", left());
    held.is_sound();
}
