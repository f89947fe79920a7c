//! A home whose engine dies on demand, and what a person does about it.

use crate::api::{Api, NoAnswer};
use crate::invariants::Acknowledged;
use crate::world::{SOON, World, text};
use hyperion_fault::Point;
use hyperion_testkit::{RequestFile, TempRepo, eventually};
use serde_json::{Value, json};
use std::time::Instant;

/// A point, and at which of its hits the program dies there.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub(super) Point, pub(super) u64);

/// A home that is used while its engine dies.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) api: Api,
    pub(super) said: Acknowledged,
    began_at: String,
    hours_ahead: u64,
}

impl Scene {
    /// Knows a repository with these files; its engine is down.
    #[track_caller]
    pub(super) fn new(files: &[(&str, &str)], settings: &[(&str, &str)]) -> Self {
        let mut world = World::up_with(TempRepo::with_files(files), settings);
        world.stop_engine();
        Self::of(world)
    }

    /// Takes a world whose engine is down.
    pub(super) fn of(world: World) -> Self {
        Self {
            api: Api::new(&world.hyperion),
            said: Acknowledged::default(),
            began_at: world.repo.tip("main"),
            hours_ahead: 0,
            world,
        }
    }

    /// Lets the next engine live so much later.
    pub(super) fn hours_pass(&mut self, hours: u64) {
        self.hours_ahead += hours;
        let seconds = (self.hours_ahead * 3600).to_string();
        let hyperion = self.world.hyperion.clone();
        self.world.hyperion = hyperion.env("HYPERION_CLOCK_AHEAD_SEC", seconds);
    }

    /// Does something with an engine that dies at a point, for each of them, and again with one that does not.
    ///
    /// `act` is told which round it is, can be begun anew at any moment, and ends when all is done.
    #[track_caller]
    pub(super) fn kill_at_each(
        &mut self,
        points: &[At],
        act: impl Fn(&mut Self, usize) -> Result<(), NoAnswer>,
    ) {
        for (round, at) in points.iter().enumerate() {
            self.kill_at(*at, |scene| act(scene, round));
            self.finish(*at, |scene| act(scene, round));
        }
    }

    /// Does something with an engine that has to die at this point.
    #[track_caller]
    pub(super) fn kill_at(&mut self, at: At, act: impl FnOnce(&mut Self) -> Result<(), NoAnswer>) {
        let At(point, hit) = at;
        let order = format!("{}:{hit}", point.name());
        let up = self
            .world
            .start_engine_with(&[("HYPERION_FAIL_POINT", &order)]);
        let listens = eventually(SOON, || !up.is_running() || self.api.answers());
        assert!(listens, "{order}: the engine neither died nor came up");
        let mut outcome = Err(NoAnswer);
        if up.is_running() {
            outcome = act(self);
            if outcome.is_ok() {
                // It may be one of the last things an engine does.
                up.interrupt();
            }
        }
        let ended = up.wait(SOON);
        assert!(
            ended.exit().is_none(),
            "{order} was not reached: {outcome:?}, and the engine ended with {:?}\n{}",
            ended.exit(),
            ended.stderr
        );
    }

    /// Does the same with an engine that lives, and looks at everything afterwards.
    #[track_caller]
    pub(super) fn finish(&mut self, at: At, act: impl FnOnce(&mut Self) -> Result<(), NoAnswer>) {
        let name = at.0.name();
        self.world.start_engine();
        if act(self).is_err() {
            panic!("after {name}: the engine that was to live died");
        }
        self.rest(name);
    }

    /// Lets the engine come to rest, stops it, and looks at everything.
    #[track_caller]
    pub(super) fn rest(&mut self, name: &str) {
        let idle = self.api.rest();
        assert!(
            matches!(&idle, Ok(idle) if idle["idle"] == true),
            "after {name}: {idle:?}"
        );
        self.world.stop_engine();
        let violations = self.world.violations(&self.began_at, &self.said);
        assert!(
            violations.is_empty(),
            "after a kill at {name}:\n{}",
            violations.join("\n")
        );
    }

    /// Files a request, or finds it: its idempotency key tells.
    pub(super) fn file(&mut self, request: &RequestFile) -> Result<String, NoAnswer> {
        let dir = self.world.repo.path().display().to_string();
        let filed = self
            .api
            .post(&format!("/api/requests?dir={dir}"), &request.json())?;
        let id = text(&filed.unwrap()["items"][0]["id"]);
        self.said.filed.push(id.clone());
        Ok(id)
    }

    /// Says yes to what a request asks until it has ended; tells how.
    pub(super) fn see_through(&mut self, id: &str) -> Result<String, NoAnswer> {
        let deadline = Instant::now() + SOON;
        loop {
            let detail = self.request(id)?;
            let status = text(&detail["status"]);
            if !detail["finished_at"].is_null() {
                self.said.ended.push((id.to_owned(), status.clone()));
                return Ok(status);
            }
            assert!(Instant::now() < deadline, "it never ended: {detail:#}");
            let waiting = detail["waiting_approvals"].as_array().unwrap();
            for approval in waiting {
                self.approve(&text(approval))?;
            }
            if waiting.is_empty() {
                self.come_to_rest()?;
            }
        }
    }

    /// All about a request.
    pub(super) fn request(&self, id: &str) -> Result<Value, NoAnswer> {
        Ok(self.api.get(&format!("/api/requests/{id}"))?.unwrap())
    }

    /// Says yes to a question.
    fn approve(&mut self, approval: &str) -> Result<(), NoAnswer> {
        let path = format!("/api/approvals/{approval}/approve");
        if self.api.post(&path, &json!({}))?.is_ok() {
            self.said.decided.push((approval.to_owned(), true));
        }
        Ok(())
    }

    /// Waits until the engine has nothing to do.
    pub(super) fn come_to_rest(&self) -> Result<(), NoAnswer> {
        self.api.get("/api/idle?timeout_ms=10000")?.unwrap();
        Ok(())
    }
}
