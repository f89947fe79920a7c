//! What a person does beside asking and approving: taking back, calling off, trying again.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use crate::world::{CHECKS_SEE_HOME, text};
use hyperion_fault::Point;
use hyperion_testkit::{RequestFile, task, task_request};
use serde_json::{Value, json};

pub(super) const POINTS: &[At] = &[
    At(Point::RollbackFiled, 1),
    At(Point::RequestFiled, 1),
    At(Point::PlanMade, 1),
    At(Point::ChangeProposed, 2),
    At(Point::ChangeAssessed, 2),
    At(Point::ApprovalCarriedOut, 2),
    At(Point::LandingDispatched, 2),
    At(Point::BranchSwapped, 2),
    At(Point::LandingRecorded, 2),
    At(Point::RequestFinished, 2),
    At(Point::RequestCalledOff, 1),
    At(Point::EntryRetried, 1),
    At(Point::EntryCancelled, 1),
];

fn replaces(key: &str, round: usize, content: &str) -> RequestFile {
    task_request(&format!("Say {key} {round}"))
        .class("bugfix")
        .idempotency_key(&format!("{key} {round}"))
        .requires_approval(true)
        .task(task("T1", &format!("say {key}")).change(
            json!({"operation": "modify", "path": format!("{round}.txt"), "content": content}),
        ))
}

// M1, M5, C4, S8, X7: what landed is taken back once, what was called off does not land, what was tried again does.
#[test]
fn a_kill_while_somebody_takes_back_or_calls_off_or_tries_again_loses_nothing() {
    let files: Vec<_> = (0..POINTS.len())
        .map(|round| (format!("{round}.txt"), "old\n".to_owned()))
        .collect();
    let gate = "[checks]\ngate = '! grep -q broken *.txt || test -f \"$HOME/mended\"'\n";
    let mut files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    files.push(("hyperion.toml", gate));
    let mut scene = Scene::new(&files, CHECKS_SEE_HOME);
    for (round, at) in POINTS.iter().enumerate() {
        let act = |scene: &mut Scene| match at.0 {
            Point::RequestCalledOff => call_off(scene, round),
            Point::EntryRetried => try_again(scene, round),
            Point::EntryCancelled => call_entry_off(scene, round),
            _ => take_back(scene, round),
        };
        scene.kill_at(*at, act);
        scene.finish(*at, act);
        let expected = if at.0 == Point::EntryRetried {
            "broken\n"
        } else {
            "old\n"
        };
        assert_eq!(
            scene.world.repo.read(format!("{round}.txt")),
            expected,
            "{}",
            at.0.name()
        );
    }
}

fn take_back(scene: &mut Scene, round: usize) -> Result<(), NoAnswer> {
    let original = scene.file(&replaces("new", round, "new\n"))?;
    loop {
        let how = scene.see_through(&original)?;
        if how == "rolled_back" {
            return Ok(());
        }
        assert_eq!(how, "completed");
        let path = format!("/api/requests/{original}/rollback");
        let by = match scene.api.post(&path, &json!({}))? {
            Ok(filed) => {
                let by = text(&filed["id"]);
                scene.said.taken_back.push((original.clone(), by.clone()));
                by
            }
            // It is under way already: whoever died had filed it.
            Err(problem) => {
                assert_eq!(problem.code, "rollback.impossible", "{problem:?}");
                let open = scene.api.get("/api/requests")?.unwrap();
                let under_way = open["items"].as_array().unwrap().iter().find(|request| {
                    request["rolls_back"] == *original && request["finished_at"].is_null()
                });
                match under_way {
                    Some(request) => text(&request["id"]),
                    None => continue,
                }
            }
        };
        // Asking for it is deciding it: nobody is asked.
        while scene.request(&by)?["finished_at"].is_null() {
            scene.come_to_rest()?;
            let detail = scene.request(&by)?;
            assert_eq!(detail["waiting_approvals"], json!([]), "{detail:#}");
        }
    }
}

fn call_off(scene: &mut Scene, round: usize) -> Result<(), NoAnswer> {
    let id = scene.file(&replaces("never", round, "never\n"))?;
    scene.come_to_rest()?;
    let path = format!("/api/requests/{id}/cancel");
    if scene.api.post(&path, &json!({}))?.is_ok() {
        scene.said.called_off.push(id.clone());
    }
    assert_eq!(scene.request(&id)?["status"], "cancelled");
    Ok(())
}

/// Files what its check refuses, and gives the entry once it is in quarantine.
fn quarantined(scene: &mut Scene, round: usize) -> Result<Value, NoAnswer> {
    let id = scene.file(&replaces("broken", round, "broken\n"))?;
    scene.see_through(&id)?;
    Ok(scene.request(&id)?["entries"][0].clone())
}

fn try_again(scene: &mut Scene, round: usize) -> Result<(), NoAnswer> {
    let entry = quarantined(scene, round)?;
    std::fs::write(scene.world.hyperion.user_home().join("mended"), "").unwrap();
    if entry["status"] != "landed" {
        let path = format!("/api/queue/{}/retry", text(&entry["id"]));
        // One that was taken up before somebody died is on its way.
        let _ = scene.api.post(&path, &json!({}))?;
        scene.come_to_rest()?;
        let entry = quarantined(scene, round)?;
        assert_eq!(entry["status"], "landed", "{entry:#}");
    }
    Ok(())
}

fn call_entry_off(scene: &mut Scene, round: usize) -> Result<(), NoAnswer> {
    // The one before was mended; this one is not to be.
    let _ = std::fs::remove_file(scene.world.hyperion.user_home().join("mended"));
    let entry = quarantined(scene, round)?;
    let id = text(&entry["id"]);
    if entry["status"] != "cancelled" {
        let path = format!("/api/queue/{id}/cancel");
        if scene.api.post(&path, &json!({}))?.is_ok() {
            scene.said.entries_called_off.push(id.clone());
        }
    }
    let entry = quarantined(scene, round)?;
    assert_eq!(entry["status"], "cancelled", "{entry:#}");
    Ok(())
}
