//! A person moves, renames, removes and rewrites what a landing is about.

use super::FILES;
use super::held::{Held, change};
use crate::world::text;
use hyperion_fault::Point;
use hyperion_testkit::TempRepo;

/// Another history with the same files, which has nothing in common with the first.
fn other_history(repo: &TempRepo, subject: &str) -> String {
    repo.git(&["commit-tree", "-m", subject, "main^{tree}"])
}

// C4, M4, M5: a branch that is forced to another history while a landing is under way, again and again, is left where it is
// put, and the change is merged with that history.
#[test]
fn a_branch_forced_to_another_history_is_merged_with_anew() {
    let points = [
        Point::EntryMerged,
        Point::LandingDispatched,
        Point::LandingDurable,
        Point::LandingRefDurable,
    ];
    let mut held = Held::at(&points, TempRepo::with_files(FILES));
    let id = held.approve(&change("first"));
    for (at, point) in points.into_iter().enumerate() {
        let subject = format!("Begin anew {at}");
        let other = other_history(&held.world.repo, &subject);
        held.meanwhile(point, |repo| {
            repo.git(&["reset", "--hard", "--quiet", &other]);
            // Where it was before is a person's own business.
            repo.git(&["reflog", "expire", "--expire=now", "--all"]);
        });
        held.begins_at(&other);
    }
    let detail = held.ends(&id, "completed");
    assert_eq!(
        held.world.repo.subjects("main"),
        ["make first", "Begin anew 3"]
    );
    assert!(
        detail["entries"][0]["refreshes"].as_u64() >= Some(3),
        "{detail:#}"
    );
    held.is_sound();
}

// C4, M5: a history that the change does not fit puts it aside, with what to do.
#[test]
fn a_branch_forced_to_where_the_change_does_not_fit_puts_it_aside() {
    let point = Point::LandingRefDurable;
    let mut held = Held::at(&[point], TempRepo::with_files(FILES));
    let id = held.approve(&change("first"));
    held.meanwhile(point, |repo| {
        repo.commit("Elsewhere", &[("a.txt", "other\n")]);
        let other = other_history(repo, "Begin anew");
        repo.git(&["reset", "--hard", "--quiet", &other]);
        repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    });
    let other = held.world.repo.tip("main");
    held.begins_at(&other);
    let detail = held.ends(&id, "failed");
    assert_eq!(detail["entries"][0]["status"], "quarantined", "{detail:#}");
    assert_eq!(detail["summary"]["not_landed"][0]["why"], "conflict");
    assert_eq!(held.world.repo.tip("main"), other);
    held.is_sound();
}

// C4, M4, M5: also where the work tree is held already, and only the branch can be moved: nobody is left locked out.
#[test]
fn a_branch_forced_away_under_a_held_work_tree_leaves_no_lock() {
    for point in [Point::CheckoutHeld, Point::BranchDurable] {
        let mut held = Held::at(&[point], TempRepo::with_files(FILES));
        let id = held.approve(&change("first"));
        let other = other_history(&held.world.repo, "Begin anew");
        held.meanwhile(point, |repo| {
            repo.git(&["update-ref", "refs/heads/main", &other]);
            repo.git(&["reflog", "expire", "--expire=now", "--all"]);
        });
        // What had moved by then landed, and was put away by the person.
        held.world
            .request_when(&id, |detail| detail["status"] == "completed");
        assert!(!held.world.repo.path().join(".git/index.lock").exists());
        assert_eq!(held.world.repo.status(), [""; 0], "the files fit `HEAD`");
        let second = held.approve(&change("second"));
        held.world
            .request_when(&second, |detail| detail["status"] == "completed");
        assert_eq!(held.world.repo.subjects("main")[0], "make second");
        assert_eq!(held.world.repo.read("second.txt"), "second\n");
    }
}

// C4, M5: a branch that is renamed away is waited for, at whatever step, and the change lands when it is back.
#[test]
fn a_branch_that_is_gone_is_waited_for() {
    let points = [
        Point::EntryLeased,
        Point::EntryMerged,
        Point::LandingRefDurable,
    ];
    let mut held = Held::at(&points, TempRepo::with_files(FILES));
    let id = held.approve(&change("first"));
    for point in points {
        held.meanwhile(point, |repo| {
            repo.git(&["branch", "-m", "main", "trunk"]);
        });
        let entry = held.entry_when(&id, "blocked");
        assert_eq!(
            entry["reason"], "branch main is gone; create it again, or cancel this entry",
            "at {point:?}"
        );
        let (said, _) = held.doctor();
        assert_eq!(
            said,
            "failed to find branch main of REPO; create it again, or file for another branch"
        );
        held.world.repo.git(&["branch", "-m", "trunk", "main"]);
    }
    let detail = held.ends(&id, "completed");
    assert_eq!(detail["entries"][0]["attempts"], 0, "it is nobody's fault");
    held.is_sound();
}

// M5: what a change was made on is amended away, forgotten and pruned, before anybody could keep a copy.
#[test]
fn a_base_that_is_pruned_away_ends_the_change_with_what_to_do() {
    for point in [Point::PlanMade, Point::ChangeProposed, Point::EntryLeased] {
        let mut held = Held::at(&[point], TempRepo::with_files(FILES));
        let file = change("first").write_to(held.world.hyperion.user_home());
        let filing = held
            .world
            .hyperion
            .start(&["request", file.to_str().unwrap()]);
        let the_request = |held: &Held| text(&held.world.list(&["request", "list"])[0]["id"]);
        if point == Point::EntryLeased {
            filing.wait(crate::world::SOON).code(0);
            let id = the_request(&held);
            held.say_yes(&id);
        }
        held.meanwhile(point, |repo| {
            repo.write("a.txt", "other\n");
            repo.write("b.txt", "other\n");
            repo.git(&["commit", "--quiet", "--all", "--amend", "-m", "Amended"]);
            repo.git(&["reflog", "expire", "--expire=now", "--all"]);
            repo.git(&["gc", "--prune=now", "--quiet"]);
        });
        let begins_at = held.world.repo.tip("main");
        held.begins_at(&begins_at);
        let id = the_request(&held);
        held.said.filed.push(id.clone());
        let detail = held.ends(&id, "failed");
        let lost = "the repository does not have commit 00c5ca8983, which it was made on: history was rewritten and cleaned up \
                    before it landed; file it again on the branch as it is now";
        let why = &detail["summary"]["not_landed"][0];
        assert_eq!(why["detail"], lost, "at {point:?}: {detail:#}");
        assert_eq!(
            why["next"],
            "file it again (`hyperion request FILE`, or `--branch NAME`)"
        );

        // And that is all there is to do.
        let again = held.approve(&change("first"));
        held.ends(&again, "completed");
        held.is_sound();
    }
}
