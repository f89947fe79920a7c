//! Backups are taken while work goes on, shipped all the time, and tried out by restoring them.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hyperion_testkit::{
    Chaos, Finished, Hyperion, RequestFile, TempRepo, eventually, task, task_request,
};
use serde_json::Value;

use crate::world::{SOON, World, items, text};

fn makes(name: &str) -> RequestFile {
    task_request(&format!("Make {name}")).class("feature").task(
        task("T1", &format!("make {name}"))
            .create(&format!("made/{name}.txt"), &format!("{name}\n")),
    )
}

/// A file with so much in it that it is a blob with a file of its own.
fn makes_large(name: &str) -> RequestFile {
    let content: String = (0..6000).map(|line| format!("{name} {line}\n")).collect();
    task_request(&format!("Make {name}"))
        .class("feature")
        .task(task("T1", &format!("make {name}")).create(&format!("made/{name}.txt"), &content))
}

/// The key is never in a backup, so whoever restores names it.
fn key_of(world: &World) -> String {
    path(&world.hyperion.home().join("key"))
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Runs a command on another home, with the same repository.
fn in_home(world: &World, home: &Path) -> Hyperion {
    Hyperion::new(env!("CARGO_BIN_EXE_hyperion"))
        .inside(world.repo.path())
        .env("USER", "ada")
        .env("HYPERION_HOME", home.to_str().unwrap())
}

fn restore(world: &World, from: &Path, home: &Path, more: &[&str]) -> Finished {
    let (from, home, key) = (path(from), path(home), key_of(world));
    let fixed = [
        "restore", &from, "--home", &home, "--key", &key, "--format", "json",
    ];
    let arguments: Vec<&str> = fixed.iter().chain(more).copied().collect();
    world.run(&arguments)
}

fn verify(hyperion: &Hyperion) -> Value {
    let verified = hyperion
        .run(&["audit", "verify", "--format", "json"])
        .code(0)
        .json();
    assert_eq!(verified["ok"], true, "{verified:#}");
    verified
}

// O9: what was acknowledged before a backup began is in it; restored, open work goes on where it stood, and
// what landed meanwhile does not land again.
#[test]
fn a_backup_taken_while_an_engine_is_up_is_restored_and_goes_on() {
    let world = World::up(&[("hyperion.toml", "[checks]\ntest = \"true\"\n")]);
    let folder = world.hyperion.user_home().join("backups");
    world.carry_out(&makes("landed"), 0);
    let open = world.ask(&makes_large("open"));
    let later = world.ask(&makes("later"));

    let taken = world.json(&["backup", &path(&folder)]);
    assert_eq!(taken["verified"], true, "{taken:#}");
    assert_eq!(taken["remarks"], serde_json::json!([]), "{taken:#}");
    // This one lands after the backup: the restored home knows nothing of that.
    world.approve(&later, 0);
    let subjects = world.repo.subjects("main");

    let home = world.hyperion.user_home().join("restored");
    let restored = restore(&world, &folder, &home, &[]).code(0).json();
    assert_eq!(restored["seq"], taken["head_seq"]);
    let there = in_home(&world, &home);
    assert_eq!(verify(&there)["head"], "sealed");
    let waiting = there
        .run(&["approval", "list", "--format", "json"])
        .code(0)
        .json();
    let mut waiting: Vec<_> = items(&waiting)
        .iter()
        .map(|item| text(&item["id"]))
        .collect();
    waiting.sort();
    let mut asked = vec![open.approval.clone(), later.approval.clone()];
    asked.sort();
    assert_eq!(waiting, asked, "what was open is open");

    // Landed in the world, open in the facts: it is found there, named, and not made twice.
    let found = there
        .run(&["approval", "approve", &later.approval, "--wait"])
        .code(3);
    let landed = &world.repo.tip("main")[..10];
    assert!(found.stdout.contains(landed), "{}", found.stdout);
    assert_eq!(world.repo.subjects("main"), subjects);
    there
        .run(&["approval", "approve", &open.approval, "--wait"])
        .code(0);
    assert_eq!(world.repo.subjects("main").len(), subjects.len() + 1);
    assert!(world.repo.path().join("made/open.txt").exists());
    verify(&there);
}

// O9: while requests are filed, approved and landed, backups are taken; each holds what was acknowledged before it
// began, and a home made of it comes to rest with nothing landed twice.
#[test]
fn backups_taken_under_load_hold_all_that_was_acknowledged_before() {
    let mut world = World::up(&[("hyperion.toml", "[checks]\ntest = \"true\"\n")]);
    let folder = world.hyperion.user_home().join("backups");
    let acknowledged = Mutex::new(Vec::new());
    let stop = AtomicBool::new(false);
    let mut taken = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let asked = world.ask(&makes_large(&format!("n{number}")));
                acknowledged.lock().unwrap().push(asked.request.clone());
                if number % 3 != 2 {
                    world.run(&["approval", "approve", &asked.approval]).code(0);
                }
            }
        });
        for _ in 0..3 {
            let wanted = taken.len() + 2;
            assert!(eventually(SOON, || acknowledged.lock().unwrap().len() >= wanted));
            let before = acknowledged.lock().unwrap().clone();
            taken.push((world.json(&["backup", &path(&folder)]), before));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(
        taken[2].0["linked"].as_u64().unwrap() > 0,
        "{:#}",
        taken[2].0
    );
    world.run(&["drain"]).code(0);
    world.stop_engine();

    for (number, (backup, before)) in taken.iter().enumerate() {
        assert_eq!(backup["verified"], true);
        assert_eq!(backup["remarks"], serde_json::json!([]), "{backup:#}");
        let from = text(&backup["path"]);
        let home = world.hyperion.user_home().join(format!("restored{number}"));
        let restored = restore(&world, Path::new(&from), &home, &[]).code(0).json();
        assert_eq!(restored["seq"], backup["head_seq"]);
        let there = in_home(&world, &home);
        for request in before {
            there.run(&["request", "show", request]).code(0);
        }
        verify(&there);
    }
    let there = in_home(&world, &world.hyperion.user_home().join("restored1"));
    there.run(&["drain"]).code(0);
    let mut subjects = world.repo.subjects("main");
    let all = subjects.len();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), all, "nothing landed twice: {subjects:?}");
    verify(&there);
}

// O9, M1: an engine that ships is killed at any moment of a burst, again and again. What the store says was shipped is
// in the folder; what is in the folder is a beginning of the home's own history, and restores to a sound home.
#[test]
fn chaos_what_a_killed_engine_had_shipped_is_restored() {
    let mut chaos = Chaos::from_env(1);
    while let Some(mut dice) = chaos.another_round() {
        let folder = tempfile::tempdir().unwrap();
        let ship_to = path(&folder.path().join("shipped"));
        let repo = TempRepo::with_files(&[("hyperion.toml", "[checks]\ntest = \"true\"\n")]);
        let settings = [
            ("backup.ship_to", ship_to.as_str()),
            ("backup.ship_every_sec", "1"),
        ];
        let mut world = World::up_with(repo, &settings);
        for kill in 0..4 {
            for number in 0..=dice.below(3) {
                let asked = world.ask(&makes_large(&format!("k{kill}n{number}")));
                if dice.chance(70) {
                    world.run(&["approval", "approve", &asked.approval]).code(0);
                }
            }
            if dice.chance(50) {
                // Some are killed at work, others when all is shipped.
                let last = world.store().last_seq().unwrap();
                assert!(eventually(SOON, || shipped_seq(&world) >= last));
            }
            world.kill_engine();
            let store = world.store();
            let promised = shipped_seq(&world);
            let home = world.hyperion.user_home().join(format!("restored{kill}"));
            let restored = restore(&world, Path::new(&ship_to), &home, &[])
                .code(0)
                .json();
            let seq = restored["seq"].as_u64().unwrap();
            assert!(
                seq >= promised,
                "{seq} of {promised}; {}",
                chaos.how_to_repeat()
            );
            // Where it was killed before it had shipped anything but an empty home, there is nothing to compare.
            if let Some(ours) = store.event_text(seq).unwrap() {
                let hash = hyperion_model::Digest::of(ours.as_bytes()).to_string();
                assert_eq!(restored["hash"], hash, "{}", chaos.how_to_repeat());
            } else {
                assert_eq!(seq, 0, "{}", chaos.how_to_repeat());
            }
            chaos.count("events restored", seq);
            chaos.count("events lost", store.last_seq().unwrap() - seq);
            chaos.count("kills", 1);
            drop(store);
            world.start_engine();
        }
        world.stop_engine();
        world.run(&["drain"]).code(0);
        // An engine that leaves ships what is left.
        let last = world.store().last_seq().unwrap();
        let home = world.hyperion.user_home().join("restored");
        let restored = restore(&world, Path::new(&ship_to), &home, &[])
            .code(0)
            .json();
        assert_eq!(restored["seq"], last);
        let there = in_home(&world, &home);
        verify(&there);
        let before = world.repo.subjects("main");
        there.run(&["drain"]).code(0);
        assert_eq!(world.repo.subjects("main"), before, "nothing lands twice");
    }
}

/// The last event that the store says was shipped.
fn shipped_seq(world: &World) -> u64 {
    let state = world.store().meta("backup.ship").unwrap();
    let state = state.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    state.map_or(0, |state| state["seq"].as_u64().unwrap())
}

// O9: no room where the backup goes: it says so, leaves nothing that looks like one, and the home goes on.
#[test]
fn a_backup_without_room_is_none() {
    let world = World::new(&[("a.txt", "one\n")]);
    world.ask(&makes_large("first"));
    let small = world.hyperion.user_home().join("small");
    fs::create_dir(&small).unwrap();
    let script = r#"
        mount -t tmpfs -o size=128k tmpfs "$SMALL" 2>/dev/null || exit 99
        "$PROGRAM" backup "$SMALL/backups"; code=$?
        ls -A "$SMALL/backups" | grep -c . >&2
        exit $code
    "#;
    let shell = Hyperion::new("unshare")
        .inside(world.repo.path())
        .env("SMALL", &small)
        .env("HYPERION_HOME", world.hyperion.home())
        .env("PROGRAM", env!("CARGO_BIN_EXE_hyperion"));
    let ended = shell.run(&["-rm", "sh", "-c", script]);
    if ended.exit() == Some(99) || ended.stderr.starts_with("unshare: ") {
        eprintln!(
            "skipped: no small disk can be mounted here: {}",
            ended.stderr
        );
        return;
    }
    let ended = ended.code(69);
    assert!(
        ended.stderr.contains("No space left") || ended.stderr.contains("no storage space"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("hint: free some space"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.ends_with("\n0\n"),
        "nothing is left: {}",
        ended.stderr
    );
    world.assert_sound();
}

// O9, W1: what people read.
#[test]
fn backups_are_listed_and_a_restore_says_what_it_did() {
    let world = World::new(&[("a.txt", "one\n")]);
    world.ask(&makes("first"));
    let folder = world.hyperion.user_home().join("backups");
    world.run(&["backup", &path(&folder)]).code(0);
    let listed = world.list(&["backup", "list", &path(&folder)]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["usable"], true);
    assert_eq!(listed[0]["last_seq"], listed[0]["head_seq"]);
    // A home in use gives way only when told.
    let folder = path(&folder);
    let refused = world.run(&["restore", &folder]).code(1);
    assert!(
        refused.stderr.contains("is a home with data"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("hint: restore into another one"),
        "{}",
        refused.stderr
    );
    let done = world.run(&["restore", &folder, "--replace"]).code(0);
    for part in ["and verified", "kept aside", "next: hyperion doctor"] {
        assert!(done.stdout.contains(part), "{}", done.stdout);
    }
    let report = world.run(&["doctor", "--format", "json"]).code(0).json();
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["name"] == "restored"),
        "{report:#}"
    );
    world.assert_sound();
    let early = world
        .run(&["restore", &folder, "--replace", "--to-seq", "1"])
        .code(1);
    assert!(
        early.stderr.contains("does not reach back that far"),
        "{}",
        early.stderr
    );
}
