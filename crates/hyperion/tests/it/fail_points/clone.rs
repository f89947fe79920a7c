//! An agent works in a clone: it makes a branch, commits, and hands it in.

use super::scene::{At, Scene};
use crate::api::NoAnswer;
use crate::world::text;
use hyperion_fault::Point;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::path::Path;

pub(super) const POINTS: &[At] = &[
    At(Point::CloneLaidOut, 1),
    At(Point::CloneSwitchNoted, 1),
    At(Point::CloneFilesMoved, 1),
    // The first of these make the branch, the second are the commit's.
    At(Point::CloneCommitDurable, 1),
    At(Point::CloneCommitDurable, 2),
    At(Point::CloneBranchMoved, 1),
    At(Point::CloneBranchMoved, 2),
    At(Point::ToolHandingIn, 1),
    At(Point::ToolHandedIn, 1),
];

/// One session of an agent with its clone.
struct Agent<'a> {
    scene: &'a Scene,
    token: String,
}

impl Agent<'_> {
    fn call(&self, tool: &str, parameters: &Value) -> Result<Value, NoAnswer> {
        let path = format!("/api/tools/git/{tool}");
        let called = self.scene.api.post_as(&self.token, &path, parameters)?;
        let called = called.unwrap_or_else(|problem| panic!("{tool}: {problem:?}"));
        assert_eq!(called["is_error"], false, "{tool}: {called}");
        Ok(called["structured"].clone())
    }
}

// T2, S8: an agent that is cut off anywhere goes on in its clone, and what it hands in lands once.
#[test]
fn a_kill_while_an_agent_works_in_its_clone_loses_nothing() {
    let mut scene = Scene::new(&[("a.txt", "a\n")], &[]);
    let known: RefCell<Option<String>> = RefCell::default();
    scene.kill_at_each(POINTS, |scene: &mut Scene, round| -> Result<(), NoAnswer> {
        let request = work(scene, &known, round)?;
        scene.said.filed.push(request.clone());
        let how = scene.see_through(&request)?;
        assert_eq!(how, "completed");
        Ok(())
    });
    let repo = &scene.world.repo;
    assert_eq!(repo.files("main").len(), 1 + POINTS.len());
    // One landing for each, and nothing else came into the person's repository.
    let commits = repo.git(&["rev-list", "--all", "--count"]);
    assert_eq!(commits.trim(), (1 + POINTS.len()).to_string());
    let clones = scene.world.hyperion.home().join("clones");
    assert_eq!(
        fs::read_dir(clones).unwrap().count(),
        1,
        "the one that was left half made is swept"
    );
}

/// Does what is missing of a round; gives the request.
fn work(scene: &Scene, known: &RefCell<Option<String>>, round: usize) -> Result<String, NoAnswer> {
    let wanted = match &*known.borrow() {
        Some(clone) => json!({"clone": clone}),
        None => json!({"clone_of": scene.world.repo.path()}),
    };
    let opened = scene.api.post("/api/tools/sessions", &wanted)?.unwrap();
    *known.borrow_mut() = Some(text(&opened["clone"]));
    let work = text(&opened["root"]);
    let agent = Agent {
        scene,
        token: text(&opened["token"]),
    };
    let branch = format!("agent/{round}-make");
    let status = agent.call("status", &json!({}))?;
    let names: Vec<_> = status["branches"].as_array().unwrap().iter().collect();
    if !names.iter().any(|known| known["name"] == *branch) {
        agent.call("createBranch", &json!({"name": branch}))?;
    } else if status["branch"] != *branch {
        agent.call("checkout", &json!({"branch": branch}))?;
    }
    let file = format!("made-{round}.txt");
    fs::write(Path::new(&work).join(&file), format!("{round}\n")).unwrap();
    let status = agent.call("status", &json!({}))?;
    let files = status["files"].as_array().unwrap();
    if !files.is_empty() {
        // Nothing of another round is lying about.
        assert!(files.iter().all(|known| known["path"] == *file), "{status}");
        if files.iter().any(|known| !known["unstaged"].is_null()) {
            agent.call("add", &json!({"files": [file]}))?;
        }
        agent.call("commit", &json!({"message": format!("Make {round}")}))?;
    }
    let pushed = agent.call("push", &json!({}))?;
    Ok(text(&pushed["request"]))
}
