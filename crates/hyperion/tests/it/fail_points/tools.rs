//! Tools that change files: an agent writes, edits and deletes while the engine dies.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use crate::world::text;
use hyperion_fault::Point;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// An agent changes a file.
pub(super) const CHANGED: &[At] = &[
    At(Point::ToolNoted, 1),
    At(Point::FileDrafted, 1),
    At(Point::FileExchanged, 1),
    At(Point::FilePlaced, 2),
    At(Point::FileAside, 1),
    At(Point::ToolMade, 1),
    At(Point::ToolMade, 3),
];

/// An engine makes up for one that died.
pub(super) const MADE_UP_FOR: At = At(Point::LeftoverRemoved, 1);

/// A folder that is no repository, for the work tree of one is looked at for other things.
struct Agent {
    folder: PathBuf,
    token: String,
}

impl Agent {
    fn open(scene: &Scene) -> Result<Self, NoAnswer> {
        let folder = scene.world.hyperion.user_home().join("notes");
        fs::create_dir_all(&folder).unwrap();
        let root = folder.to_str().unwrap();
        let opened = scene
            .api
            .post("/api/tools/sessions", &json!({"root": root}))?;
        Ok(Self {
            folder,
            token: text(&opened.unwrap()["token"]),
        })
    }

    /// Calls a tool; gives its result, or the code it was refused with.
    fn call(&self, scene: &Scene, tool: &str, given: &Value) -> Result<Value, NoAnswer> {
        let path = format!("/api/tools/filesystem/{tool}");
        let answer = scene.api.post_as(&self.token, &path, given)?.unwrap();
        let structured = &answer["structured"];
        Ok(if answer["is_error"] == true {
            structured["code"].clone()
        } else {
            structured.clone()
        })
    }

    /// Writes a file, edits it, and deletes another, however far it came before.
    fn work(&self, scene: &Scene, round: usize) -> Result<(), NoAnswer> {
        let (kept, gone) = (format!("kept {round}"), format!("gone {round}"));
        for name in [&kept, &gone] {
            let read = self.call(scene, "readFile", &json!({"path": name}))?;
            if read == "file.missing" {
                let new = json!({"path": name, "content": "first\n"});
                self.call(scene, "writeFile", &new)?;
            }
        }
        let read = self.call(scene, "readFile", &json!({"path": kept}))?;
        if read["content"] == "first\n" {
            let edit = json!({
                "path": kept, "sha256": read["sha256"], "oldText": "first", "newText": "second"
            });
            self.call(scene, "editFile", &edit)?;
        }
        self.call(scene, "deleteFile", &json!({"path": gone}))?;
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap();
        let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

/// What the log says of changes: none may be left open, and none may be unknown, for nobody else was at these files.
fn outcomes(scene: &Scene) -> Vec<String> {
    let log = scene.api.get("/api/tools/records?limit=200");
    let log = log.unwrap().unwrap();
    let outcomes = log["items"].as_array().unwrap().iter();
    outcomes.map(|record| text(&record["outcome"])).collect()
}

// T1, X7, S8: wherever the engine dies, a file holds what it held or what it was to hold, nothing is left beside it, and
// the record says which.
#[test]
fn a_kill_while_a_tool_changes_a_file_leaves_the_old_one_or_the_new_one_and_says_which() {
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    for (round, at) in CHANGED.iter().enumerate() {
        let act = |scene: &mut Scene| Agent::open(scene)?.work(scene, round);
        scene.kill_at(*at, act);
        let name = at.0.name();
        let kept = scene
            .world
            .hyperion
            .user_home()
            .join("notes")
            .join(format!("kept {round}"));
        let content = fs::read_to_string(&kept).unwrap_or_default();
        assert!(
            ["", "first\n", "second\n"].contains(&content.as_str()),
            "{name}: {content:?}"
        );
        scene.finish(*at, |scene| {
            let agent = Agent::open(scene)?;
            let left: Vec<_> = agent.names();
            assert!(
                !left.iter().any(|name| name.starts_with(".hyperion")),
                "{name}: {left:?}"
            );
            let told = outcomes(scene);
            assert!(
                told.iter()
                    .all(|outcome| outcome == "done" || outcome == "undone"),
                "{name}: {told:?}"
            );
            agent.work(scene, round)
        });
        assert_eq!(fs::read_to_string(&kept).unwrap(), "second\n", "{name}");
        assert!(
            !kept.with_file_name(format!("gone {round}")).exists(),
            "{name}"
        );
    }
}

// C4, S8: also the engine that clears up may die while it does.
#[test]
fn a_kill_while_a_dead_tool_call_is_cleared_up_is_made_up_for() {
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    let act = |scene: &mut Scene| Agent::open(scene)?.work(scene, 0);
    scene.kill_at(At(Point::FileExchanged, 1), act);
    scene.kill_at(MADE_UP_FOR, act);
    scene.finish(MADE_UP_FOR, |scene| {
        let agent = Agent::open(scene)?;
        let told = outcomes(scene);
        assert_eq!(told.first().map(String::as_str), Some("done"), "{told:?}");
        assert!(
            agent
                .names()
                .iter()
                .all(|name| !name.starts_with(".hyperion"))
        );
        agent.work(scene, 0)
    });
}
