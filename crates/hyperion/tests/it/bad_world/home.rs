//! Homes that cannot be used, and settings that are wrong.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

// S4, O4: homes that are none.
#[test]
fn a_home_that_cannot_be_used() {
    let world = World::unknown(repo());
    let mut seen = Seen::of(&world);
    let with_home = |home: &str| world.hyperion.clone().env("HYPERION_HOME", home);
    let repo = world.repo.path();
    let inside = repo.join("home");
    let file = repo.join("a.txt");
    for (name, home) in [
        ("inside a repository", inside.to_str().unwrap()),
        ("inside a repository, relative", "home"),
        ("a file", file.to_str().unwrap()),
        ("below a file", file.join("home").to_str().unwrap()),
        ("where nothing can be made", "/proc/hyperion"),
    ] {
        seen.row(name, &with_home(home).run(&["init"]));
    }
    seen.row(
        "nowhere",
        &world
            .hyperion
            .clone()
            .env("HOME", "")
            .env("HYPERION_HOME", "")
            .run(&["init"]),
    );
    seen.row("none yet", &world.run(&["request", "list"]));
    assert_eq!(world.repo.status(), [""; 0], "nothing was left there");
    assert!(!world.hyperion.home().exists());

    let home = world.hyperion.home();
    fs::create_dir(&home).unwrap();
    fs::write(home.join("hyperion.db"), "a letter, not a database\n").unwrap();
    seen.row("somebody else's database", &world.run(&["init"]));
    assert_eq!(
        fs::read_to_string(home.join("hyperion.db")).unwrap(),
        "a letter, not a database\n"
    );
    insta::assert_snapshot!(seen.rows, @r"
    ## inside a repository: exit 69
    error: failed to use REPO/home as a home: it is inside the git repository REPO
    hint: set HYPERION_HOME (and XDG_CACHE_HOME, for the cache) to a folder outside of any repository

    ## inside a repository, relative: exit 69
    error: failed to use REPO/home as a home: it is inside the git repository REPO
    hint: set HYPERION_HOME (and XDG_CACHE_HOME, for the cache) to a folder outside of any repository

    ## a file: exit 69
    error: failed to use REPO/a.txt as a home: it is not a folder
    hint: set HYPERION_HOME to a folder, or move that file away

    ## below a file: exit 69
    error: failed to write to REPO/a.txt/home: Not a directory (os error 20)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder

    ## where nothing can be made: exit 69
    error: failed to write to /proc/hyperion: No such file or directory (os error 2)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder

    ## nowhere: exit 2
    error: failed to find a home: none of HYPERION_HOME, XDG_DATA_HOME and HOME is set (set HYPERION_HOME to a folder)

    ## none yet: exit 69
    error: there is no home at HOME yet
    hint: run `hyperion init` in a repository, or set HYPERION_HOME to where it is

    ## somebody else's database: exit 69
    error: failed to open the database: file is not a database
    hint: `hyperion doctor` says what is damaged, and where; restore the latest backup; nothing was changed
    ");
}

// S4: settings are named with their line, all at once, and nothing is done.
#[test]
fn settings_that_are_wrong() {
    let world = World::unknown(repo());
    let mut seen = Seen::of(&world);
    let config = world.hyperion.home().join("config.toml");
    fs::create_dir(world.hyperion.home()).unwrap();
    for (name, settings) in [
        ("an unknown key", "[merge]\nworkers = 2\nworkerz = 3\n"),
        ("an unknown table", "[murge]\nworkers = 2\n"),
        (
            "two wrong values",
            "[merge]\nworkers = \"many\"\nlease_sec = -1\n",
        ),
        ("no TOML", "[merge\n"),
    ] {
        fs::write(&config, settings).unwrap();
        seen.row(name, &world.run(&["init"]));
    }
    let down = world.run(&["down"]).code(0).stderr;
    assert!(down.contains("warning: a setting is wrong"), "{down}");
    assert!(down.ends_with("No engine is up.\n"), "{down}");
    fs::write(&config, b"[merge]\n# caf\xe9\n").unwrap();
    seen.row("not UTF-8", &world.run(&["init"]));
    fs::remove_file(&config).unwrap();
    let variable = world
        .hyperion
        .clone()
        .env("HYPERION_MERGE__WORKERS", "many");
    seen.row("a variable", &variable.run(&["init"]));
    insta::assert_snapshot!(seen.rows, @r#"
    ## an unknown key: exit 2
    error: a setting is wrong
      HOME/config.toml:3: there is no setting `merge.workerz`; did you mean `merge.workers`?
    hint: nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set

    ## an unknown table: exit 2
    error: a setting is wrong
      HOME/config.toml:1: there is no setting `murge`; `hyperion config list` shows all
    hint: nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set

    ## two wrong values: exit 2
    error: 2 settings are wrong
      HOME/config.toml:2: `merge.workers` expects workers from 1 to 64, not the text "many"
      HOME/config.toml:3: `merge.lease_sec` expects seconds from 5 to 3600, not -1
    hint: nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set

    ## no TOML: exit 2
    error: a setting is wrong
      HOME/config.toml:1: is not TOML: unclosed table, expected `]`
    hint: nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set

    ## not UTF-8: exit 2
    error: a setting is wrong
      HOME/config.toml: is not UTF-8
    hint: nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set

    ## a variable: exit 2
    error: a setting is wrong
      HYPERION_MERGE__WORKERS: expects workers from 1 to 64, not `many`
    hint: nothing was done; correct the file, or use `hyperion config set KEY VALUE` or `hyperion config unset KEY`; `hyperion config list` shows what can be set
    "#);
    assert!(!world.hyperion.home().join("hyperion.db").exists());
}

// O4: an older Hyperion does not touch what a newer one wrote.
#[test]
fn a_home_from_a_newer_version() {
    let world = World::of(repo());
    let database = world.hyperion.home().join("hyperion.db");
    let mut bytes = fs::read(&database).unwrap();
    // SQLite keeps the version of the schema in the file's header, where no SQL is needed to change it.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    let mut seen = Seen::of(&world);
    seen.row("looking", &world.run(&["request", "list"]))
        .row("changing", &file(&world, &request()));
    insta::assert_snapshot!(seen.rows, @r"
    ## looking: exit 69
    error: failed to open the database: its schema is version 99, this Hyperion knows up to 7
    hint: use the newer Hyperion again; a migration cannot be undone, but a copy from before it lies beside the database

    ## changing: exit 69
    error: failed to open the database: its schema is version 99, this Hyperion knows up to 7
    hint: use the newer Hyperion again; a migration cannot be undone, but a copy from before it lies beside the database
    ");
    assert!(fs::read(&database).unwrap() == bytes, "nothing was changed");
}

/// Prepares a command of somebody who may not write where we may; none where nobody can be that.
fn somebody_else(world: &World) -> Option<impl Fn(&Path, &[&str]) -> Finished> {
    let user = world.hyperion.user_home();
    let program = user.join("hyperion");
    // Where the build is, others may not look.
    fs::copy(env!("CARGO_BIN_EXE_hyperion"), &program).unwrap();
    for folder in [user.parent().unwrap(), &user] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let try_it = Launch::new("setpriv", "/").args(nobody).arg("true");
    let limits = Limits {
        wall: Duration::from_secs(10),
        output_max: 4096,
    };
    if !hyperion_host::run(&try_it.env("PATH", "/usr/bin:/bin"), &limits)
        .is_ok_and(|out| out.exit.success())
    {
        return None;
    }
    let other = Hyperion::new("setpriv").inside(world.repo.path());
    Some(move |home: &Path, command: &[&str]| {
        let words: Vec<_> = nobody
            .iter()
            .copied()
            .chain([program.to_str().unwrap()])
            .chain(command.iter().copied())
            .collect();
        other.clone().env("HYPERION_HOME", home).run(&words)
    })
}

// S4: a home that may not be written.
#[test]
fn a_home_that_cannot_be_written() {
    let world = World::unknown(repo());
    let read_only = world.hyperion.user_home().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o555)).unwrap();
    let home = read_only.join("home");
    let ended = if is_root() {
        let Some(other) = somebody_else(&world) else {
            eprintln!(
                "skipped: nothing is unwritable to root, and setpriv makes nobody else of it here"
            );
            return;
        };
        other(&home, &["init"])
    } else {
        world
            .hyperion
            .clone()
            .env("HYPERION_HOME", &home)
            .run(&["init"])
    };
    let mut seen = Seen::default().at(&read_only, "READ-ONLY");
    seen.row("init", &ended);
    insta::assert_snapshot!(seen.rows, @r"
    ## init: exit 69
    error: failed to write to READ-ONLY/home: Permission denied (os error 13)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder
    ");
}

// S4: a home of somebody else.
#[test]
fn a_home_of_somebody_else() {
    let world = World::of(repo());
    let Some(other) = somebody_else(&world) else {
        eprintln!("skipped: setpriv makes nobody else of us here, which only root can ask for");
        return;
    };
    let home = world.hyperion.home();
    let mut seen = Seen::of(&world);
    seen.row("to change", &other(&home, &["init"]));
    seen.row("to look", &other(&home, &["request", "list"]));
    let owner = format!("user {},", fs::metadata(&home).unwrap().uid());
    insta::assert_snapshot!(seen.rows.replace(&owner, "user OWNER,"), @r"
    ## to change: exit 69
    error: failed to use HOME: it belongs to user OWNER, not to user 65534
    hint: run as that user, or set HYPERION_HOME to a folder of your own

    ## to look: exit 69
    error: failed to use HOME: it belongs to user OWNER, not to user 65534
    hint: run as that user, or set HYPERION_HOME to a folder of your own
    ");
}

// W1: whoever stands in a folder that was deleted meanwhile is told so.
#[test]
fn a_folder_that_was_deleted() {
    let world = World::unknown(repo());
    let gone = world.hyperion.user_home().join("gone");
    fs::create_dir(&gone).unwrap();
    let told = Hyperion::new("sh").inside(&gone).run(&[
        "-c",
        "rmdir ../gone && exec \"$0\" status",
        env!("CARGO_BIN_EXE_hyperion"),
    ]);
    insta::assert_snapshot!(told.code(2).stderr, @r"
    error: the current folder cannot be found: No such file or directory (os error 2)
    hint: it was deleted or may not be read; go to another one, for instance with `cd ~`
    ");
}
