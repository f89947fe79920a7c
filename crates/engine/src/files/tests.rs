use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyperion_model::run::{self, Work};
use hyperion_model::{Command, LineageId, NewBlob, RunId, ShortText};
use hyperion_store::FileFilter;
use hyperion_testkit::{task, task_request};

use super::*;
use crate::testing::{World, admin, name};

/// What was noted: path, kind, run, and how it was found.
type Noted = BTreeSet<(String, String, Option<RunId>, String)>;

struct Scene {
    world: World,
    files: Files,
}

impl Scene {
    fn new(watch_files: bool) -> Self {
        let mut world = World::new(&[("a.txt", "one\n")]);
        Arc::get_mut(&mut world.cx).unwrap().settings.watch_files = watch_files;
        let mut scene = Self {
            world,
            files: Files::new(name("files")),
        };
        scene.look();
        scene
    }

    /// One turn of the reconciler, and everything told that happened before.
    fn look(&mut self) {
        self.files.reconcile(&self.world.cx).unwrap();
        if let Some(watch) = &self.files.watch {
            watch.flush();
        }
    }

    fn noted(&self) -> Noted {
        let found = self
            .world
            .cx
            .store
            .file_modifications(&FileFilter::default());
        let found = found.unwrap().into_iter().map(|(_, found)| found);
        found
            .map(|found| (found.path, found.kind, found.run, found.found_by))
            .collect()
    }

    /// A command of somebody's that is at work in the repository.
    fn start(&self) -> RunId {
        let cx = &self.world.cx;
        let id = cx.id(RunId::new);
        let spec = NewBlob::new(b"{}");
        let commands = [
            run::Command::Start {
                id,
                lineage: cx.id(LineageId::new),
                incarnation: 1,
                request: None,
                work: Work::Command {
                    name: ShortText::cut("make"),
                    asked_by: admin(),
                    launch: None,
                },
                spec: spec.digest,
            },
            run::Command::Begin { process: None },
        ];
        let commands = commands.map(|command| Command::Run(id, command));
        cx.execute(cx.stamp(&name("test")), commands.to_vec(), vec![spec])
            .unwrap();
        let path = news::spec_of(cx, id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let spec = serde_json::json!({"cwd": self.world.repo.path()});
        fs::write(path, spec.to_string()).unwrap();
        id
    }

    fn end(&self, run: RunId) {
        let cx = &self.world.cx;
        let finish = Command::Run(run, run::Command::Finish(run::Ending::default()));
        cx.execute(cx.stamp(&name("test")), vec![finish], vec![])
            .unwrap();
    }

    /// Writes a file so late that its time says that it was after something else was written.
    fn write_after(&self, earlier: &Path, path: &str) {
        let path = self.world.repo.path().join(path);
        let at = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        loop {
            fs::write(&path, "new\n").unwrap();
            if at(&path) > at(earlier) {
                return;
            }
        }
    }
}

fn one(path: &str, kind: &str, run: Option<RunId>, found_by: &str) -> Noted {
    Noted::from([(path.to_owned(), kind.to_owned(), run, found_by.to_owned())])
}

// M9: what changes is noted as it happens, told to whoever follows, and named with its run where that is certain.
#[test]
fn a_change_is_noted_with_the_only_run_at_work_there() {
    let mut scene = Scene::new(true);
    let mut notices = scene.world.cx.files.subscribe();
    scene.world.repo.write("by-hand.txt", "one\n");
    scene.look();
    let mut expected = one("by-hand.txt", "created", None, "watch");
    assert_eq!(scene.noted(), expected);
    assert_eq!(notices.try_recv().unwrap().path, "by-hand.txt");

    let first = scene.start();
    scene.world.repo.write("a.txt", "two\n");
    scene.look();
    expected.extend(one("a.txt", "modified", Some(first), "watch"));
    assert_eq!(scene.noted(), expected);

    // Now there are two, and nobody knows which of them it was.
    scene.start();
    fs::remove_file(scene.world.repo.path().join("by-hand.txt")).unwrap();
    scene.look();
    expected.extend(one("by-hand.txt", "removed", None, "watch"));
    assert_eq!(scene.noted(), expected);
}

// M9: what nobody heard is found once the run has ended, also by an engine that came later; what was heard is not noted again.
#[test]
fn what_a_run_left_is_found_when_it_has_ended() {
    let mut scene = Scene::new(false);
    let run = scene.start();
    let spec = news::spec_of(&scene.world.cx, run);
    scene.write_after(&spec, "made.txt");
    fs::remove_file(scene.world.repo.path().join("a.txt")).unwrap();
    assert_eq!(scene.noted(), Noted::new(), "nobody watches");
    scene.world.restart();
    Arc::get_mut(&mut scene.world.cx)
        .unwrap()
        .settings
        .watch_files = false;
    scene.files = Files::new(name("files"));
    scene.end(run);
    scene.look();
    scene.files.comparing.take().unwrap().join().unwrap();
    let mut expected = one("made.txt", "created", Some(run), "comparison");
    expected.extend(one("a.txt", "removed", Some(run), "comparison"));
    assert_eq!(scene.noted(), expected);
    // The same end again, as after a crash before the cursor was noted.
    scene.files = Files::new(name("files"));
    scene
        .world
        .cx
        .store
        .set_cursor("files.compared", 1)
        .unwrap();
    scene.look();
    scene.files.comparing.take().unwrap().join().unwrap();
    assert_eq!(scene.noted(), expected, "nothing twice");
}

// M9: an entry that waits for a person's files is looked at again as soon as one of them changes, and nobody is woken for nothing.
#[test]
fn a_change_wakes_what_waits_for_it() {
    let mut scene = Scene::new(true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let woke = |scene: &Scene| {
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = scene.world.cx.files.changed() => true,
                () = std::future::ready(()) => false,
            }
        })
    };
    scene.world.repo.git(&["switch", "--quiet", "main"]);
    scene.world.repo.write("a.txt", "being edited\n");
    scene.look();
    assert!(!woke(&scene), "nothing waits");

    let change = task("T1", "edit a").replace("a.txt", "two\n");
    scene
        .world
        .file(&task_request("Edit a").class("feature").task(change));
    scene.world.settle();
    scene.world.approve_all();
    scene.world.settle();
    let entry = scene.world.entries().remove(0);
    assert_eq!(entry.status.name(), "blocked");
    let _ = woke(&scene);
    // To look whether it can go on leaves traces in git's folder, and is no reason to look again.
    for _ in 0..3 {
        scene.world.settle();
        scene.look();
        assert!(!woke(&scene));
    }
    scene.world.repo.git(&["checkout", "--quiet", "a.txt"]);
    scene.look();
    assert!(woke(&scene));
    scene.world.settle();
    assert_eq!(scene.world.entry(entry.id).status.name(), "landed");
    // What was in the way is gone: the next change is nobody's business.
    scene.look();
    let _ = woke(&scene);
    scene.world.repo.write("a.txt", "mine\n");
    scene.look();
    assert!(!woke(&scene));
}
