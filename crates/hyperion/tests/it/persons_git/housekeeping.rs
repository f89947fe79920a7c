//! A person's git packs, prunes and tidies between two steps.

use super::FILES;
use super::held::{Held, change};
use hyperion_fault::Point;
use hyperion_testkit::TempRepo;

/// Everything of git that moves objects and refs to other files, or takes them away.
fn tidy_up(repo: &TempRepo) {
    repo.git(&["repack", "-a", "-d", "--quiet"]);
    repo.git(&["pack-refs", "--all", "--prune"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "--prune=now", "--quiet"]);
}

/// All steps at which something is in the repository, or is needed of it.
const STEPS: &[Point] = &[
    Point::ChangeMade,
    Point::ChangeKept,
    Point::ChangeJudged,
    Point::EntryMerged,
    Point::LandingDispatched,
    Point::LandingPacked,
    Point::LandingIndexed,
    Point::LandingDurable,
    Point::LandingRefMade,
    Point::LandingRefDurable,
    Point::CheckoutLocked,
    Point::CheckoutHeld,
    Point::BranchSwapped,
    Point::BranchDurable,
    Point::CheckoutFilesMoved,
    Point::CheckoutIndexReplaced,
    Point::LandingMoved,
    Point::LandingRecorded,
];

// C4, M5: whatever is packed, pruned or forgotten between two steps of a landing, it lands whole.
#[test]
fn housekeeping_between_any_two_steps_takes_nothing_away() {
    let mut held = Held::at(STEPS, TempRepo::with_files(FILES));
    let id = held.world.file(&change("first"));
    held.said.filed.push(id.clone());
    let merged = STEPS.iter().position(|step| *step == Point::EntryMerged);
    let (before, after) = STEPS.split_at(merged.unwrap());
    for point in before {
        held.meanwhile(*point, tidy_up);
    }
    held.say_yes(&id);
    for point in after {
        held.meanwhile(*point, tidy_up);
    }
    held.ends(&id, "completed");
    assert_eq!(held.world.repo.read("first.txt"), "first\n");
    held.is_sound();
}
