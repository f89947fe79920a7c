//! A disk that is full.

use super::*;

// O4: with no room left nothing is half-written, and everything goes on once there is some.
#[test]
fn a_disk_that_is_full() {
    let world = World::unknown(repo());
    let file = request().write_to(world.hyperion.user_home());
    // In a mount of its own, which goes with the last process in it.
    let script = r#"
        mount -t tmpfs -o size=16m tmpfs "$SMALL" 2>/dev/null || exit 99
        say() { echo "== $1: exit $2" >&2; }
        try() { name=$1; shift; "$PROGRAM" "$@" >/dev/null 2>"$SAID"; code=$?; say "$name" $code; cat "$SAID" >&2; echo >&2; }
        { "$PROGRAM" init && "$PROGRAM" down; } >/dev/null 2>&1 || exit 98
        cat /dev/zero >"$SMALL/full" 2>/dev/null
        try "becoming the engine" request "$REQUEST"
        try "looking" request list
        rm "$SMALL/full"
        "$PROGRAM" up >/dev/null 2>&1 &
        up=$!
        until [ -S "$HYPERION_HOME/socket" ]; do sleep 0.05; done
        cat /dev/zero >"$SMALL/full" 2>/dev/null
        try "an engine that is up" request "$REQUEST"
        rm "$SMALL/full"
        "$PROGRAM" request list --format json
        try "once there is room" request "$REQUEST" --format json
        try "and the log" audit verify
        # Little room, so that the disk is full at one step or another.
        for kib in 4 8 12 16 24 32 40 60 80 120; do
            cat /dev/zero >"$SMALL/full" 2>/dev/null; truncate -s "-${kib}K" "$SMALL/full"
            "$PROGRAM" request "$REQUEST" >/dev/null 2>&1
            rm "$SMALL/full"
        done
        until "$PROGRAM" request list --format json | grep -e '"status"' -e '"reason": "' | sort -u >"$SAID"; ! grep -q -e pending -e planned -e running "$SAID"; do
            sleep 0.1
        done
        cat "$SAID" >&2
        try "and the log, after all of that" audit verify
        kill "$up"
        wait "$up"
    "#;
    let small = world.hyperion.user_home().join("small");
    fs::create_dir(&small).unwrap();
    let shell = Hyperion::new("unshare")
        .inside(world.repo.path())
        .env("SMALL", &small)
        .env("HYPERION_HOME", small.join("home"))
        .env("SAID", world.hyperion.user_home().join("said"))
        .env("REQUEST", &file)
        .env("PROGRAM", env!("CARGO_BIN_EXE_hyperion"));
    let apart = if is_root() { "-m" } else { "-rm" };
    let ended = shell.run(&[apart, "sh", "-c", script]);
    if ended.exit() == Some(99) || ended.stderr.starts_with("unshare: ") {
        eprintln!(
            "skipped: a small disk cannot be mounted here: {}",
            ended.stderr
        );
        return;
    }
    let said = ended.stderr.replace(small.to_str().unwrap(), "SMALL");
    let said = said.replace(world.hyperion.user_home().to_str().unwrap(), "~");
    assert_eq!(ended.json()["items"], json!([]), "nothing was half-queued");
    insta::assert_snapshot!(said, @r#"
    == becoming the engine: exit 69
    error: failed to write to SMALL/home: No space left on device (os error 28)
    hint: make it writable, free some space, or set HYPERION_HOME to another folder

    == looking: exit 69
    error: failed to open the database: the disk is full
    hint: free some space and try again

    == an engine that is up: exit 69
    error: ~/request.json: failed to run git update-ref: the disk is full
    hint: free some space and try again; nothing was half-written

    == once there is room: exit 0

    == and the log: exit 0

          "status": "awaiting_approval",
    == and the log, after all of that: exit 0
    "#);
}
