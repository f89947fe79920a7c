//! Homes that are damaged: what is said, by whom, and that everything else goes on.

mod ward;

use self::ward::{Ward, change, files, flip};
use crate::world::{World, text};
use hyperion_testkit::{task, task_request};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A home with something landed, something that waits, content in rows and in a file; no engine is up.
fn home(dies: bool) -> World {
    let mut world = World::up(&[
        ("a.txt", "one\n"),
        ("hyperion.toml", "[checks]\nlib = \"echo checked\"\n"),
    ]);
    // Not to be made shorter: so it lies in a file.
    let many: String = (0..8000_u32)
        .map(|n| format!("{:08x}\n", n.wrapping_mul(2_654_435_761)))
        .collect();
    world.carry_out(
        &task_request("Keep many numbers").task(task("T1", "keep many").create("many.txt", &many)),
        0,
    );
    if !dies {
        world.stop_engine();
        world.start_engine();
    }
    world.ask(&task_request("Wait").task(task("T1", "wait").create("wait.txt", "wait\n")));
    if dies {
        world.kill_engine();
    } else {
        world.stop_engine();
    }
    world
}

// S9, O2: decision 1.10. Structure stops all work and says so; a row that is damaged is set aside, and can be mended.
#[test]
fn damage_in_the_database() {
    let mut ward = Ward::of(home(false));
    let row = ward.case("a row says something else", |home| {
        change(&home.join("hyperion.db"), "\"attempts\":", "\"attemptz\":");
    });
    let mended = row.run(&["doctor", "--fix"]);
    let home = ward.world.hyperion.user_home().join("h1");
    ward.ended("doctor --fix", &mended, &home);
    ward.say(mended.stderr.lines().last().unwrap_or_default(), &home);
    ward.ended("audit verify", &row.run(&["audit", "verify"]), &home);
    ward.seen.push('\n');
    ward.case("an event says something else", |home| {
        change(
            &home.join("hyperion.db"),
            "\"kind\":\"plan.created\"",
            "\"kind\":\"plan.creates\"",
        );
    });
    ward.case("the header is changed", |home| {
        flip(&home.join("hyperion.db"), 0);
    });
    ward.case("a page is overwritten", |home| {
        let file = home.join("hyperion.db");
        let mut bytes = fs::read(&file).unwrap();
        // The root of the events.
        bytes[2 * 4096..3 * 4096].fill(0xa5);
        fs::write(&file, bytes).unwrap();
    });
    ward.case("it is empty", |home| {
        fs::write(home.join("hyperion.db"), "").unwrap();
    });
    ward.case("it is a folder", |home| {
        fs::remove_file(home.join("hyperion.db")).unwrap();
        fs::create_dir(home.join("hyperion.db")).unwrap();
    });
    ward.case("it is gone", |home| {
        fs::remove_file(home.join("hyperion.db")).unwrap();
    });
    insta::assert_snapshot!(ward.seen, @r"
    ## a row says something else
    doctor: exit 1
      error rows: 1 × row that differs from what its events say: queue entry #: its row cannot be read: missing field `attempts` at line 1 column N
        fix: `hyperion doctor --fix` rebuilds them from their events; everything else goes on
    audit verify: exit 1
      ✗ The audit log does not hold: see `states`
      - queue entry #: its row cannot be read: missing field `attempts` at line 1 column N
    request list: exit 0
    request --wait: exit 75
    approval approve --wait: exit 0
    approval approve --wait: exit 0

    doctor --fix: exit 0
    Rebuilt: queue entry #
    audit verify: exit 0

    ## an event says something else
    doctor: exit 1
      error log: event 3: the event's text cannot be read
        fix: work goes on from the end of the log, but what happened before it can no longer be shown: keep a copy of the home, then restore the latest backup
      error rows: 2 × row that differs from what its events say: plan #: the event 3 cannot be read; plan #: the event N cannot be read
        fix: rows are rebuilt from their events only, and those are damaged: see `log`
    audit verify: exit 1
      ✗ The audit log does not hold: see `chain`, `states`
      chain        N events; broken at event 3: the event's text cannot be read
      - plan #: the event 3 cannot be read
      - plan #: the event N cannot be read
    request list: exit 0
    request --wait: exit 75

    ## the header is changed
    doctor: exit 1
      error store: failed to open the database: file is not a database
        fix: no work is done while it is damaged: keep a copy of the home, then restore the latest backup
    audit verify: exit 69
      error: failed to open the database: file is not a database
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    request list: exit 69
      error: failed to open the database: file is not a database
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    request --wait: exit 69
      error: failed to open the database: file is not a database
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed

    ## a page is overwritten
    doctor: exit 1
      error store: failed to open the database: Tree 3 page 3: btreeInitPage() returns error code N (bytes N to N of the file)
        fix: no work is done while it is damaged: keep a copy of the home, then restore the latest backup
    audit verify: exit 69
      error: failed to open the database: Tree 3 page 3: btreeInitPage() returns error code N (bytes N to N of the file)
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    request list: exit 69
      error: failed to open the database: Tree 3 page 3: btreeInitPage() returns error code N (bytes N to N of the file)
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    request --wait: exit 69
      error: failed to open the database: Tree 3 page 3: btreeInitPage() returns error code N (bytes N to N of the file)
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed

    ## it is empty
    doctor: exit 1
      error store: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
        fix: restore the database from the latest backup; to start with an empty home instead, move this one away
    audit verify: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    request list: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    request --wait: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away

    ## it is a folder
    doctor: exit 1
      error store: failed to open the database HOME/hyperion.db: it is not a database of Hyperion's
        fix: point HYPERION_HOME at another folder; this file is left as it is
    audit verify: exit 69
      error: failed to open the database HOME/hyperion.db: it is not a database of Hyperion's
      hint: point HYPERION_HOME at another folder; this file is left as it is
    request list: exit 69
      error: failed to open the database HOME/hyperion.db: it is not a database of Hyperion's
      hint: point HYPERION_HOME at another folder; this file is left as it is
    request --wait: exit 69
      error: failed to open the database HOME/hyperion.db: it is not a database of Hyperion's
      hint: point HYPERION_HOME at another folder; this file is left as it is

    ## it is gone
    doctor: exit 1
      error store: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
        fix: restore the database from the latest backup; to start with an empty home instead, move this one away
    audit verify: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    request list: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    request --wait: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    ");
}

// S9, O2: what a crash tears is left out, what damage tears is told.
#[test]
fn damage_in_the_log_of_the_database() {
    let mut ward = Ward::of(home(true));
    let log = |home: &Path| home.join("hyperion.db-wal");
    let bytes = fs::metadata(log(&ward.world.hyperion.home()))
        .unwrap()
        .len();
    ward.case("a bit in the middle", |home| {
        flip(&log(home), usize::try_from(bytes / 2).unwrap());
    });
    ward.case("a bit in its header", |home| flip(&log(home), 17));
    ward.case("torn in the last frame", |home| {
        let file = fs::OpenOptions::new().write(true).open(log(home)).unwrap();
        file.set_len(bytes - 100).unwrap();
    });
    ward.case("what readers share is garbage", |home| {
        fs::write(home.join("hyperion.db-shm"), [0xa5; 32768]).unwrap();
    });
    ward.case("it is gone", |home| fs::remove_file(log(home)).unwrap());
    insta::assert_snapshot!(ward.seen, @r"
    ## a bit in the middle
    doctor: exit 1
      error log file: its log HOME/hyperion.db-wal is damaged at bytes N to N: N changes that were committed behind it cannot be read
        fix: keep a copy of the home, then restore the latest backup; or cut the log file off before the damaged bytes (`truncate -s FIRST_BYTE FILE`), which loses what was committed after them
    audit verify: exit 0
      warning: the database is shown as it was before its last changes: its log HOME/hyperion.db-wal is damaged at bytes N to N: N changes that were committed behind it cannot be read; `hyperion doctor` says what to do
    request list: exit 0
      warning: the database is shown as it was before its last changes: its log HOME/hyperion.db-wal is damaged at bytes N to N: N changes that were committed behind it cannot be read; `hyperion doctor` says what to do
    request --wait: exit 69
      error: failed to open the database: its log HOME/hyperion.db-wal is damaged at bytes N to N: N changes that were committed behind it cannot be read
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed

    ## a bit in its header
    doctor: exit 1
      error store: failed to open the database: the header of its log HOME/hyperion.db-wal is damaged (bytes 0 to N): what is only in the log cannot be read
        fix: no work is done while it is damaged: keep a copy of the home, then restore the latest backup
    audit verify: exit 69
      error: failed to open the database: the header of its log HOME/hyperion.db-wal is damaged (bytes 0 to N): what is only in the log cannot be read
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    request list: exit 69
      error: failed to open the database: the header of its log HOME/hyperion.db-wal is damaged (bytes 0 to N): what is only in the log cannot be read
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    request --wait: exit 69
      error: failed to open the database: the header of its log HOME/hyperion.db-wal is damaged (bytes 0 to N): what is only in the log cannot be read
      hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed

    ## torn in the last frame
    doctor: exit 0
    audit verify: exit 0
    request list: exit 0
    request --wait: exit 75

    ## what readers share is garbage
    doctor: exit 0
    audit verify: exit 0
    request list: exit 0
    request --wait: exit 75

    ## it is gone
    doctor: exit 1
      error store: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
        fix: restore the database from the latest backup; to start with an empty home instead, move this one away
    audit verify: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    request list: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    request --wait: exit 69
      error: failed to open the database HOME/hyperion.db: it is empty, but content of an earlier one is there
      hint: restore the database from the latest backup; to start with an empty home instead, move this one away
    ");
}

// S9, X7: decision 1.4. A log that was cut behind a commit holds by itself; the landings behind the cut tell, and none of them
// happens again.
#[test]
fn a_log_whose_end_is_lost_is_told_by_what_landed() {
    let mut world = World::up(&[("a.txt", "one\n")]);
    let asked =
        world.ask(&task_request("Make b").task(task("T1", "make b").create("b.txt", "b\n")));
    let files = ["hyperion.db", "hyperion.db-wal"].map(|name| world.hyperion.home().join(name));
    let then = files.clone().map(|file| fs::read(file).unwrap());
    let landed = world.approve(&asked, 0);
    let tip = world.repo.tip("main");
    world.kill_engine();
    for (file, bytes) in files.iter().zip(then) {
        fs::write(file, bytes).unwrap();
    }
    // It dies with the machine.
    let _ = fs::remove_file(world.hyperion.home().join("hyperion.db-shm"));

    let verified = world
        .run(&["audit", "verify", "--format", "json"])
        .code(0)
        .json();
    let lost = format!(
        "commit {} on main of repo is of request {}, and the log does not have its queue entry {}",
        &tip[..10],
        asked.request,
        text(&landed["entries"][0]["id"])
    );
    let told =
        format!("what happened behind the end of the log, which is older than the branch: {lost}");
    let not_shown = verified["not_shown"].as_array().unwrap();
    assert!(not_shown.iter().any(|one| *one == told), "{verified:#}");
    let report = world.run(&["doctor", "--format", "json"]).json();
    let findings = report["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|one| one["name"] == "landings")
        .unwrap();
    assert_eq!(
        text(&found["detail"]),
        format!("1 × landing that the log does not have: {lost}")
    );

    // Whoever goes on all the same lands nothing twice.
    world.start_engine();
    world.run(&["approval", "approve", &asked.approval, "--wait"]);
    let again = world.request_when(&asked.request, |detail| !detail["finished_at"].is_null());
    let reason = text(&again["entries"][0]["reason"]);
    let why = format!("merging it with main changes nothing since {}", &tip[..10]);
    assert!(reason.contains(&why), "{reason}");
    assert_eq!(world.repo.tip("main"), tip);
    world.stop_engine();
}

// S9, O2: decisions 1.8 and 1.10. What cannot be read is set aside and told at every command; everything else goes on.
#[test]
fn damage_of_the_key() {
    let mut ward = Ward::of(home(false));
    ward.case("the key is lost", |home| {
        fs::remove_file(home.join("key")).unwrap();
    });
    ward.case("the key is another", |home| {
        fs::write(
            home.join("key"),
            format!("hyperion-key-v1 {}\n", "0f".repeat(32)),
        )
        .unwrap();
    });
    ward.case("the key is too short", |home| {
        fs::write(home.join("key"), "hyperion-key-v1 0f0f\n").unwrap();
    });
    ward.case("others may read the key", |home| {
        fs::set_permissions(home.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    });
    insta::assert_snapshot!(ward.seen, @r"
    ## the key is lost
    doctor: exit 1
      error key: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked
        fix: if you have a copy of the key, add the line of # to the end of the key file; everything else goes on
    audit verify: exit 0
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found
      head         key_missing: #
      - that nobody who can write the database has rewritten the history: the key # that seals it is not here
      - that the content the rows refer to is whole: no key is here
    request list: exit 0
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found
    request --wait: exit 75
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found
    approval approve --wait: exit 0
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found
    approval approve --wait: exit 0
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found

    ## the key is another
    doctor: exit 1
      error key: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked
        fix: if you have a copy of the key, add the line of # to the end of the key file; everything else goes on
    audit verify: exit 0
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found
      head         key_missing: #
      - that nobody who can write the database has rewritten the history: the key # that seals it is not here
      - that the content encrypted with the key # is there and whole: it is not here
    request list: exit 0
      warning: the key # is not here: content it encrypted cannot be read, and the seal of the events up to N cannot be checked; add the key as a second line of the key file when it is found
    request --wait: exit 69
      error: failed to open the database: it is sealed with the key #, the key file holds #
      hint: point HYPERION_KEY_FILE at the key #; if that key is lost for good, move the key file away: Hyperion then makes a new one, goes on, and says what can no longer be read

    ## the key is too short
    doctor: exit 1
      error store: failed to read the store's key: read the key file HOME/key: line 1 is not a key
        fix: restore the key file from where you keep it; a key is `hyperion-key-v1` and N hexadecimal digits
    audit verify: exit 69
      error: failed to read the store's key: read the key file HOME/key: line 1 is not a key
      hint: restore the key file from where you keep it; a key is `hyperion-key-v1` and N hexadecimal digits
    request list: exit 69
      error: failed to read the store's key: read the key file HOME/key: line 1 is not a key
      hint: restore the key file from where you keep it; a key is `hyperion-key-v1` and N hexadecimal digits
    request --wait: exit 69
      error: failed to read the store's key: read the key file HOME/key: line 1 is not a key
      hint: restore the key file from where you keep it; a key is `hyperion-key-v1` and N hexadecimal digits

    ## others may read the key
    doctor: exit 0
      warning key: others may read HOME/key
        fix: chmod 600 HOME/key
    audit verify: exit 0
      warning: others may read the key file HOME/key: chmod 600 it
    request list: exit 0
      warning: others may read the key file HOME/key: chmod 600 it
    request --wait: exit 75
      warning: others may read the key file HOME/key: chmod 600 it
    ");
}

// S9, O2: decision 1.10.
#[test]
fn damage_of_content_and_output() {
    let mut ward = Ward::of(home(false));
    let id = text(&ward.world.list(&["repo", "list"])[0]["id"]);
    ward.case("content is changed", |home| {
        flip(&files(&home.join("blobs"))[0], 1000);
    });
    ward.case("content is gone", |home| {
        fs::remove_file(&files(&home.join("blobs"))[0]).unwrap();
    });
    ward.case("the output of a run is gone", |home| {
        fs::remove_dir_all(home.join("runs")).unwrap();
        fs::create_dir(home.join("runs")).unwrap();
    });
    ward.case("our own objects are gone", |home| {
        fs::remove_dir_all(home.join("repos").join(format!("{id}.git"))).unwrap();
    });
    insta::assert_snapshot!(ward.seen, @r"
    ## content is changed
    doctor: exit 1
      error content: 1 × content that cannot be read: sha256:#: its file N/#.# was changed on the disk
        fix: put the file or the database back from a backup; what needs it waits or fails, everything else goes on
    audit verify: exit 1
      ✗ The audit log does not hold: see `damaged`
      damaged      sha256:#: its file N/#.# was changed on the disk
    request list: exit 0
    request --wait: exit 75
    approval approve --wait: exit 0
    approval approve --wait: exit 0

    ## content is gone
    doctor: exit 1
      error content: 1 × content that cannot be read: sha256:#: its file N/#.# is gone
        fix: put the file or the database back from a backup; what needs it waits or fails, everything else goes on
    audit verify: exit 1
      ✗ The audit log does not hold: see `damaged`
      damaged      sha256:#: its file N/#.# is gone
    request list: exit 0
    request --wait: exit 75

    ## the output of a run is gone
    doctor: exit 0
    audit verify: exit 0
    request list: exit 0
    request --wait: exit 75

    ## our own objects are gone
    doctor: exit 0
    audit verify: exit 0
    request list: exit 0
    request --wait: exit 75
    approval approve --wait: exit 0
    approval approve --wait: exit 1
      not landed   ✗ T1 (failed): failed to find object #: the repository does not have it
    ");
}

// S9: nobody can reach an engine whose socket is gone, nor take its place: so it makes a new one.
#[test]
fn a_socket_that_vanished_is_made_anew() {
    let world = World::up(&[("a.txt", "one\n")]);
    let socket = world.hyperion.home().join("socket");
    fs::remove_file(&socket).unwrap();
    // Whoever changes something waits for whoever has the lock.
    let filed =
        world.file(&task_request("Say two").task(task("T1", "say two").create("b.txt", "two\n")));
    assert!(!filed.is_empty());
    assert!(socket.exists());
    world.assert_sound();
}
