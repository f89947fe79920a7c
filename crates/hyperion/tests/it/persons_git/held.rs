//! An engine that waits at a step while a person does something to the repository.

use crate::invariants::Acknowledged;
use crate::world::{SOON, World, text};
use hyperion_fault::Point;
use hyperion_testkit::{RequestFile, TempRepo, eventually, task, task_request};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A world whose engine waits at each of some points, once.
pub(super) struct Held {
    pub(super) world: World,
    pub(super) said: Acknowledged,
    began_at: String,
    file: PathBuf,
}

impl Held {
    /// Has an engine up that waits at these points.
    #[track_caller]
    pub(super) fn at(points: &[Point], repo: TempRepo) -> Self {
        let mut world = World::of(repo);
        let file = world.hyperion.user_home().join("waits");
        let names: Vec<_> = points.iter().map(|point| point.name()).collect();
        let order = format!("{}={}", names.join(","), file.display());
        let plain = world.hyperion.clone();
        if !points.is_empty() {
            world.hyperion = plain.clone().env("HYPERION_FAIL_POINT_WAIT", order);
        }
        world.start_engine();
        world.hyperion = plain;
        Self {
            began_at: world.repo.tip("main"),
            said: Acknowledged::default(),
            world,
            file,
        }
    }

    /// Lets a person do something while the engine waits at a point.
    #[track_caller]
    pub(super) fn meanwhile(&self, point: Point, act: impl FnOnce(&TempRepo)) {
        let waits = eventually(SOON, || {
            fs::read_to_string(&self.file).is_ok_and(|name| name == point.name())
        });
        let at = fs::read_to_string(&self.file);
        assert!(waits, "{} was not reached; it is at {at:?}", point.name());
        act(&self.world.repo);
        fs::remove_file(&self.file).unwrap();
    }

    /// Files a request and says yes to it; the engine may wait from then on.
    #[track_caller]
    pub(super) fn approve(&mut self, request: &RequestFile) -> String {
        let id = self.world.file(request);
        self.said.filed.push(id.clone());
        self.say_yes(&id);
        id
    }

    #[track_caller]
    pub(super) fn say_yes(&mut self, id: &str) {
        let asked = self
            .world
            .request_when(id, |detail| detail["status"] == "awaiting_approval");
        let approval = text(&asked["waiting_approvals"][0]);
        self.world.run(&["approval", "approve", &approval]).code(0);
        self.said.decided.push((approval, true));
    }

    /// Waits for a request to end like this; gives all about it.
    #[track_caller]
    pub(super) fn ends(&mut self, id: &str, how: &str) -> Value {
        let detail = self
            .world
            .request_when(id, |detail| !detail["finished_at"].is_null());
        assert_eq!(detail["status"], how, "{detail:#}");
        self.said.ended.push((id.to_owned(), how.to_owned()));
        detail
    }

    /// Waits for the one entry of a request to be in this state; gives it.
    #[track_caller]
    pub(super) fn entry_when(&self, id: &str, status: &str) -> Value {
        let detail = self
            .world
            .request_when(id, |detail| detail["entries"][0]["status"] == status);
        detail["entries"][0].clone()
    }

    /// Takes this commit for the beginning: a person put the branch there, over whatever it was.
    pub(super) fn begins_at(&mut self, commit: &str) {
        commit.clone_into(&mut self.began_at);
    }

    /// Stops the engine and looks at everything.
    #[track_caller]
    pub(super) fn is_sound(&mut self) {
        self.world.stop_engine();
        self.world.assert_invariants(&self.began_at, &self.said);
    }

    /// What the doctor finds of the repository, and what to do about it.
    #[track_caller]
    pub(super) fn doctor(&self) -> (String, String) {
        // It fails where it finds that something is wrong.
        let report = self.world.run(&["doctor", "--format", "json"]).json();
        let findings = report["findings"].as_array().unwrap();
        let mut named = findings.iter();
        let found = named
            .find(|finding| finding["name"] == "repo repo")
            .unwrap();
        let fix = found["fix"].as_str().map(|_| self.plain(&found["fix"]));
        (self.plain(&found["detail"]), fix.unwrap_or_default())
    }

    /// What was said, with the repository's place taken out.
    pub(super) fn plain(&self, said: &Value) -> String {
        text(said).replace(self.world.repo.path().to_str().unwrap(), "REPO")
    }
}

/// Makes one file, and another beside it in a file that is there.
pub(super) fn change(name: &str) -> RequestFile {
    task_request(&format!("Make {name}")).class("feature").task(
        task("T1", &format!("make {name}"))
            .create(&format!("{name}.txt"), &format!("{name}\n"))
            .change(
                json!({"operation": "modify", "path": "a.txt", "content": format!("{name}\n")}),
            ),
    )
}
