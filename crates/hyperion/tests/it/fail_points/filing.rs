//! A request is filed, planned, carried out, judged, approved, queued, landed without checks, and summed up.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use hyperion_fault::Point;
use hyperion_testkit::{task, task_request};

pub(super) const POINTS: &[At] = &[
    At(Point::BasePinned, 1),
    At(Point::RequestPinned, 1),
    At(Point::StoreBlobFileMade, 1),
    At(Point::StoreBlobFileWritten, 2),
    At(Point::StoreBlobFileDurable, 3),
    At(Point::StoreGroupBegun, 2),
    At(Point::StoreJobDone, 3),
    At(Point::StoreGroupWritten, 4),
    At(Point::StoreGroupCommitted, 5),
    At(Point::StoreGroupPublished, 6),
    At(Point::RequestFiled, 1),
    At(Point::PlanMade, 1),
    At(Point::RunStarted, 1),
    At(Point::ObjectDrafted, 2),
    At(Point::ChangeMade, 1),
    At(Point::ChangeDurable, 1),
    At(Point::ChangeProposed, 1),
    At(Point::ChangeKept, 1),
    At(Point::ChangeJudged, 1),
    At(Point::ChangeAssessed, 1),
    At(Point::ApprovalDecided, 1),
    At(Point::ApprovalCarriedOut, 1),
    At(Point::EntryAdmitted, 1),
    At(Point::EntryLeaseTaken, 1),
    At(Point::PlanSettled, 1),
    At(Point::RequestFinished, 1),
];

// M1, M5, C4, S8: whatever was acknowledged stands, and what was not can simply be asked again.
#[test]
fn a_kill_while_a_request_is_filed_or_carried_out_loses_nothing() {
    // Larger than what is kept in rows, so that its content is in files.
    let large: String = (0..4000).map(|line| format!("line {line}\n")).collect();
    let content = |round: usize| match POINTS[round].0 {
        Point::StoreBlobFileMade | Point::StoreBlobFileWritten | Point::StoreBlobFileDurable => {
            format!("{round}\n{large}")
        }
        _ => format!("{round}\n"),
    };
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    scene.kill_at_each(POINTS, |scene: &mut Scene, round| -> Result<(), NoAnswer> {
        let request = task_request(&format!("Make {round}"))
            .class("feature")
            .idempotency_key(&format!("round {round}"))
            .requires_approval(true)
            .task(
                task("T1", &format!("make {round}"))
                    .create(&format!("made/{round}.txt"), &content(round)),
            );
        let id = scene.file(&request)?;
        let how = scene.see_through(&id)?;
        assert_eq!(how, "completed");
        Ok(())
    });
    assert_eq!(scene.world.repo.files("main").len(), 1 + POINTS.len());
}
