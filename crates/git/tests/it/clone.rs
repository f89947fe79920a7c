use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperion_git::{AgentClone, CloneError, Oid, RefName, RepoStore, TreePath};

use crate::world::{World, candidate, put, remove, with_each_git};

struct Scene {
    store: Arc<RepoStore>,
    git: PathBuf,
    work: PathBuf,
    first: Oid,
    second: Oid,
}

fn branch(name: &str) -> RefName {
    RefName::branch(name).unwrap()
}

/// A clone with `main` checked out, and a branch that changes, removes and adds a file.
fn scene(world: &World, name: &str) -> (Scene, AgentClone) {
    let store = Arc::new(world.store());
    let first = world.head();
    let second = candidate(
        &store,
        &first,
        &[put("a", "two\n"), remove("dir/b"), put("new/c", "c\n")],
    );
    let (git, work) = (
        world.root().join(name).join("git"),
        world.root().join(name).join("work"),
    );
    let clone = AgentClone::make(Arc::clone(&store), &git, &work, &branch("main"), &first).unwrap();
    clone
        .move_branch(&branch("agent/1-x"), &second, None)
        .unwrap();
    let scene = Scene {
        store,
        git,
        work,
        first,
        second,
    };
    (scene, clone)
}

fn read(folder: &Path, path: &str) -> Option<String> {
    fs::read_to_string(folder.join(path)).ok()
}

// T2: a change of branches that was cut off anywhere is finished when the clone is opened again.
#[test]
fn a_change_of_branches_that_was_cut_off_is_finished() {
    with_each_git(|world| {
        world.write("a", "one\n");
        world.write("dir/b", "one\n");
        world.commit_all("one");
        // In the order in which git acts: a file is taken away before it is written anew.
        let steps: [(&str, Option<&str>); 4] = [
            ("dir/b", None),
            ("a", None),
            ("a", Some("two\n")),
            ("new/c", Some("c\n")),
        ];
        for done in 0..=steps.len() {
            let (scene, clone) = scene(world, &format!("clone-{done}"));
            drop(clone);
            let note = format!("{}\nrefs/heads/agent/1-x\n{}\n", scene.first, scene.second);
            fs::write(scene.git.join("switch"), note).unwrap();
            fs::write(scene.git.join("index.lock"), "").unwrap();
            for (path, content) in steps.iter().take(done) {
                let file = scene.work.join(path);
                match content {
                    None => fs::remove_file(file).unwrap(),
                    Some(content) => {
                        fs::create_dir_all(file.parent().unwrap()).unwrap();
                        fs::write(file, content).unwrap();
                    }
                }
            }
            let clone =
                AgentClone::open(Arc::clone(&scene.store), &scene.git, &scene.work).unwrap();
            assert_eq!(
                clone.head().unwrap(),
                (branch("agent/1-x"), scene.second.clone()),
                "{done}"
            );
            assert_eq!(clone.states().unwrap(), [], "{done}");
            assert_eq!(read(&scene.work, "a").as_deref(), Some("two\n"), "{done}");
            assert_eq!(read(&scene.work, "dir/b"), None, "{done}");
            assert!(!scene.git.join("switch").exists());
        }
    });
}

// T2: what somebody wrote meanwhile is not overwritten: then it is the branch that it was.
#[test]
fn a_change_of_branches_that_met_an_edit_is_given_up() {
    with_each_git(|world| {
        world.write("a", "one\n");
        world.write("dir/b", "one\n");
        world.commit_all("one");
        let (scene, clone) = scene(world, "clone");
        drop(clone);
        let note = format!("{}\nrefs/heads/agent/1-x\n{}\n", scene.first, scene.second);
        fs::write(scene.git.join("switch"), note).unwrap();
        fs::write(scene.work.join("a"), "mine\n").unwrap();
        let clone = AgentClone::open(Arc::clone(&scene.store), &scene.git, &scene.work).unwrap();
        assert_eq!(clone.head().unwrap().0, branch("main"));
        assert_eq!(read(&scene.work, "a").as_deref(), Some("mine\n"));
        let states = clone.states().unwrap();
        assert_eq!(states.len(), 1, "{states:?}");
        assert_eq!(states[0].path, TreePath::from("a"));
        let refused = clone.switch_to(&branch("agent/1-x"));
        assert!(matches!(refused, Err(CloneError::InTheWay { .. })));
        assert!(clone.reset_file(&TreePath::from("a")).unwrap());
        clone.switch_to(&branch("agent/1-x")).unwrap();
        assert_eq!(read(&scene.work, "new/c").as_deref(), Some("c\n"));
    });
}
