//! A home whose files are deleted, replaced or moved away while an engine is up.

use crate::world::{SOON, World};
use hyperion_testkit::{Hyperion, TempRepo, task, task_request};
use std::fs;
use std::path::Path;

fn world() -> World {
    World::up(&[("a.txt", "one\n")])
}

/// Files a change, which is answered by whatever engine there is; gives its exit status.
fn file(world: &World) -> Option<i32> {
    let change = task_request("Say two")
        .class("bugfix")
        .task(task("T1", "two").replace("a.txt", "two\n"));
    world.file_with(&change, &[]).exit()
}

fn remove_database(home: &Path) {
    for name in ["hyperion.db", "hyperion.db-wal", "hyperion.db-shm"] {
        fs::remove_file(home.join(name)).unwrap();
    }
}

/// Does something to a home under a running engine.
type Fault<'f> = &'f dyn Fn(&Path);

// T1, O9: what goes to a file that nobody finds any more is not acknowledged, and the engine ends and says why.
#[test]
fn an_engine_whose_files_vanish_promises_nothing_and_ends() {
    let replace = |home: &Path, name: &str| {
        let path = home.join(name);
        let copy = home.join("copy");
        fs::copy(&path, &copy).unwrap();
        fs::rename(&copy, &path).unwrap();
    };
    let faults: [(&str, Fault<'_>); 4] = [
        ("hyperion.db", &remove_database),
        ("hyperion.db", &|home| replace(home, "hyperion.db")),
        ("hyperion.db-wal", &|home| {
            fs::remove_file(home.join("hyperion.db-wal")).unwrap();
        }),
        ("lock", &|home| fs::remove_file(home.join("lock")).unwrap()),
    ];
    for (gone, fault) in faults {
        let mut world = world();
        let home = world.hyperion.home();
        fault(&home);
        // At once, not when it is looked for: nobody is told that something is kept which is not.
        let socket = home.join("socket");
        let answered = crate::seats::ask(&socket, "POST /api/repos", "{\"path\":\"/\"}");
        assert!(answered.contains("home.displaced"), "{gone}: {answered}");
        let ended = world.engine_ends().code(69);
        let said = format!("{gone} was deleted or replaced while it was in use");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
}

// T1: a home that was moved away and made anew is served by an engine of its own, also where the socket is elsewhere.
#[test]
fn a_home_that_was_made_anew_is_not_served_by_the_old_engine() {
    for long in ["", &"a-name-that-is-too-long-for-a-socket/".repeat(3)] {
        let hyperion = Hyperion::new(env!("CARGO_BIN_EXE_hyperion"));
        let home = hyperion.top().join(long).join("home");
        let hyperion = hyperion.env("HYPERION_HOME", &home);
        let mut world = World::on(hyperion, TempRepo::with_files(&[("a.txt", "one\n")]));
        world.start_engine();
        world.run(&["init"]).code(0);
        let moved = world.hyperion.top().join("moved");
        fs::rename(&home, &moved).unwrap();
        fs::create_dir(&home).unwrap();

        world.run(&["init"]).code(0);
        assert_eq!(file(&world), Some(0));
        let ended = world.engine_ends().code(69);
        assert!(ended.stderr.contains("was deleted or replaced"));
        assert_eq!(world.list(&["request", "list"]).len(), 1);
        fs::rename(&home, home.with_extension("new")).unwrap();
        fs::rename(&moved, &home).unwrap();
        assert_eq!(
            world.list(&["request", "list"]).len(),
            0,
            "the old home got nothing"
        );
    }
}

// The socket alone is made again: the home is still there, and so is its engine.
#[test]
fn an_engine_makes_its_socket_again_when_another_took_its_place() {
    let world = world();
    let socket = world.hyperion.home().join("socket");
    fs::remove_file(&socket).unwrap();
    // Nobody accepts there: whoever bound it has gone.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let began = std::time::Instant::now();
    while !crate::seats::ask(&socket, "GET /healthz", "").contains("\"engine\":true") {
        assert!(began.elapsed() < SOON, "it is not there again");
        std::thread::yield_now();
    }
    assert_eq!(file(&world), Some(0));
}
