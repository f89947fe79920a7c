//! The power goes, and only what was synced is left.

use super::recorded::Recorded;
use hyperion_testkit::{Chaos, RequestFile, task, task_request};

const CHECKED: (&str, &str) = ("hyperion.toml", "[checks]\nfew = \"test -f a.txt\"\n");

/// Makes a file of this many lines.
pub(super) fn makes(name: &str, lines: u64) -> RequestFile {
    let content: String = (0..lines)
        .map(|line| format!("line {line} of {name}, which nobody may lose\n"))
        .collect();
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("made/{name}.txt"), &content))
}

// M5, O4: a home whose making was acknowledged is there, its key too, and what was filed first.
#[test]
fn a_fresh_home_survives_the_loss_of_power() {
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut recorded = Recorded::new(&[("a.txt", "a\n")], false);
        recorded.init();
        recorded.file(&makes("first", 3));
        let ended = recorded.end();
        let cuts = ended.cuts(&mut dice, 4, 3);
        ended.survive(&cuts);
        chaos.count("cuts", cuts.len() as u64);
    }
}

// C4, M1, M5, S8: what landed in a bare repository stays there, whatever is merged and checked when the power goes.
#[test]
fn what_landed_in_a_bare_repository_survives_the_loss_of_power() {
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut recorded = Recorded::new(&[("a.txt", "a\n")], true);
        recorded.begin();
        let first = recorded.land(&makes("first", 1 + dice.below(5)));
        // Too large for the database: its text is a file.
        recorded.land(&makes("large", 1000 + dice.below(2000)));
        recorded.take_back(&first);
        recorded.world.stop_engine();
        recorded.mark();
        let ended = recorded.end();
        let cuts = ended.cuts(&mut dice, 5, 4);
        ended.survive(&cuts);
        chaos.count("cuts", cuts.len() as u64);
    }
}

// C4, M1, M3, M5, S8: and in a branch that is checked out, whose work tree follows.
#[test]
fn what_landed_in_a_checked_out_branch_survives_the_loss_of_power() {
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let mut recorded = Recorded::new(&[("a.txt", "a\n"), CHECKED], false);
        recorded.begin();
        recorded.land(&makes("first", 1 + dice.below(5)));
        // Several at once, one of them against another.
        let together: Vec<_> = ["left", "right", "left"]
            .iter()
            .enumerate()
            .map(|(number, name)| recorded.file(&makes(name, 2 + number as u64)))
            .collect();
        for id in &together {
            recorded.approve(id);
        }
        recorded.see(&together[0], "completed");
        recorded.see(&together[1], "completed");
        recorded.see(&together[2], "failed");
        recorded.take_back(&together[1]);
        recorded.world.stop_engine();
        recorded.mark();
        let ended = recorded.end();
        let cuts = ended.cuts(&mut dice, 5, 4);
        ended.survive(&cuts);
        chaos.count("cuts", cuts.len() as u64);
    }
}

// M5, S8: the tests above would see a sync that is left out, whichever of these it is.
#[test]
fn a_sync_that_is_left_out_is_seen() {
    let mut recorded = Recorded::new(&[("a.txt", "a\n")], true);
    recorded.begin();
    // Too large for the database: its text is a file.
    recorded.land(&makes("large", 1500));
    recorded.world.stop_engine();
    let top = recorded.world.hyperion.top().canonicalize().unwrap();
    let top = top.display().to_string();
    let ended = recorded.end();
    let left_out = [
        ("the database's log", "hyperion.db-wal".to_owned()),
        ("a large blob", "hyperion/blobs/".to_owned()),
        ("the pack of a landing", "bare.git/objects/pack".to_owned()),
        ("the branch that moved", "bare.git/refs/heads".to_owned()),
        ("the base of a request", "refs/hyperion/base".to_owned()),
        ("the folder around the home", top),
    ];
    for (what, part) in left_out {
        let lost = ended.lost_without_syncs_of(&part);
        assert!(lost.is_some(), "nobody misses the sync of {what}");
    }
}
