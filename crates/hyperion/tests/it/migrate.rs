//! Homes that older versions left: an engine of today goes on with them.

use hyperion_testkit::{Finished, Hyperion};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

#[path = "../../../store/tests/fixtures/load.rs"]
mod load;

/// Runs a script where the home and the repository of version 0 are at the place that its events name: `/srv/hyperion`.
///
/// Gives nothing where nothing can be mounted.
fn in_the_world_of_v0(script: &str, more: &[(&str, &str)]) -> Option<Finished> {
    let home = tempfile::tempdir().unwrap();
    load::unpack_v0(home.path());
    let script = format!(
        r#"
        mount -t tmpfs -o "size=${{SIZE:-64m}}" tmpfs /srv 2>/dev/null || exit 99
        mkdir -p -m 700 /srv/hyperion/user /srv/hyperion/home
        cp -r "$FILES"/. /srv/hyperion/home
        tar -C /srv/hyperion -xzf "$REST"
        chmod 700 /srv/hyperion/home
        export HOME=/srv/hyperion/user HYPERION_HOME=/srv/hyperion/home XDG_RUNTIME_DIR=/srv/hyperion HYPERION_SANDBOX__CHECKS=off
        git config --global user.name Ada && git config --global user.email ada@example.com
        cd /srv/hyperion/repo
        touch "$HOME/fast"
        hyperion() {{ "$PROGRAM" "$@"; }}
        {script}"#
    );
    let rest =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/fixtures/v0/world.tar.gz");
    let mut shell = Hyperion::new("unshare")
        .env("FILES", home.path())
        .env("REST", rest)
        .env("USER", "ada")
        .env("PROGRAM", env!("CARGO_BIN_EXE_hyperion"));
    for (name, value) in more {
        shell = shell.env(*name, *value);
    }
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let apart = if is_root { "-m" } else { "-rm" };
    let ended = shell.run(&[apart, "sh", "-c", &script]);
    if ended.exit() == Some(99) || ended.stderr.starts_with("unshare: ") {
        return None;
    }
    Some(ended)
}

// O6, S8: what version 0 began, today's engine ends: the question that was open is decided and lands, the check that died with
// its engine is run again and lands, what was purged stays purged, and the log holds.
#[test]
fn an_engine_of_today_goes_on_where_version_0_died() {
    let script = r#"
        hyperion queue list; echo "looking: $?" >&2
        "$PROGRAM" up >"$HOME/up" 2>&1 &
        up=$!
        until [ -S "$HYPERION_HOME/socket" ]; do kill -0 $up || exit 98; sleep 0.05; done
        open=$(hyperion approval list --format json | grep -o '"id": "[^"]*"' | head -1 | cut -d'"' -f4)
        hyperion approval approve "$open" --wait >/dev/null 2>&1; echo "approving: $?" >&2
        until ! hyperion queue list --format json | grep -q -e '"queued"' -e '"checking"' -e '"leased"' -e '"merging"'; do sleep 0.1; done
        kill $up; wait $up
        hyperion audit verify --format json
        git log --format=%s -2 >&2
        git fsck --strict 2>&1 | grep -v dangling >&2
        git status --short >&2
        stat -c '%a %n' "$HYPERION_HOME"/*.backup* >&2
    "#;
    let Some(ended) = in_the_world_of_v0(script, &[]) else {
        eprintln!("skipped: nothing can be mounted here");
        return;
    };
    let verified = ended.json();
    assert_eq!(verified["ok"], true, "{verified:#}");
    // The two land in whichever order they are ready.
    let said = ended.stderr.replace(
        "Go slowly\nWait for a person\n",
        "Wait for a person\nGo slowly\n",
    );
    let (before, after) = said.split_once("this Hyperion needs ").unwrap();
    let after = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let said = format!("{before}this Hyperion needs a later one{after}");
    insta::assert_snapshot!(said, @r"
    error: failed to read the database: its schema is version 2, this Hyperion needs a later one
    hint: run `hyperion up` (or any command that changes something) once: it migrates the database, after copying it
    looking: 69
    approving: 0
    Wait for a person
    Go slowly
    600 /srv/hyperion/home/hyperion.db.v2.backup
    ");
}

// O6, S9: without room for the copy nothing is migrated; with room, everything is.
#[test]
fn a_disk_that_is_too_full_for_the_copy_stops_the_migration() {
    let script = r#"
        cat /dev/zero >/srv/full 2>/dev/null; truncate -s -300K /srv/full
        hyperion init; echo "full: $?" >&2
        ls "$HYPERION_HOME" | grep backup
        rm /srv/full
        hyperion init >/dev/null 2>&1; echo "with room: $?" >&2
        hyperion audit verify >/dev/null; echo "and the log: $?" >&2
    "#;
    let Some(ended) = in_the_world_of_v0(script, &[("SIZE", "8m")]) else {
        eprintln!("skipped: nothing can be mounted here");
        return;
    };
    assert_eq!(ended.stdout, "", "half a copy is not left behind");
    insta::assert_snapshot!(ended.stderr, @r"
    error: failed to open the database: the disk is full
    hint: free some space and try again
    full: 69
    with room: 0
    and the log: 0
    ");
}
