//! A disk that is full.

use std::fs;
use std::time::Duration;

use hyperion_host::{Exit, Launch, Limits, run};
use hyperion_shim::{Body, End, Found, look, spool};

use crate::kit::{program, script};

/// In a mount of its own, which goes with the last process in it.
const SCRIPT: &str = r#"
    mount -t tmpfs -o size=1m tmpfs "$SMALL" 2>/dev/null || exit 99
    until_there() { until [ -e "$1" ]; do sleep 0.02; done; }
    cp -r "$RUNS"/. "$SMALL"
    "$SHIM" shim "$SMALL/long" & "$SHIM" shim "$SMALL/silent" &
    until_there "$SMALL/long-runs"; until_there "$SMALL/silent-runs"
    cat /dev/zero >"$SMALL/full" 2>/dev/null
    touch "$GO"
    until_there "$SMALL/silent/ended.json"
    cp -r "$SMALL/silent" "$OUT"
    sleep 0.7
    [ -e "$SMALL/long/ended.json" ] && echo "it did not wait"
    rm "$SMALL/full"
    until_there "$SMALL/long/ended.json"
    cp -r "$SMALL/long" "$OUT"
"#;

#[test]
fn a_full_disk_holds_a_program_back_and_every_run_has_its_end() {
    let work = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let path = work.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (small, runs, out) = (folder("small"), folder("runs"), folder("out"));
    let go = work.path().join("go");
    let prepare = |name: &str, then: &str| {
        let (small, go) = (small.display(), go.display());
        let spec = script(&format!(
            "touch {small}/{name}-runs; until [ -e {go} ]; do sleep 0.02; done; {then}"
        ));
        hyperion_shim::write_spec(&runs.join(name), &spec).unwrap();
    };
    prepare("long", "head -c 500000 /dev/zero; exit 3");
    prepare("silent", "exit 4");
    let mut launch = Launch::new("unshare", "/").args(["-Urm", "sh", "-c", SCRIPT]);
    for (name, value) in [
        ("SMALL", &small),
        ("RUNS", &runs),
        ("OUT", &out),
        ("GO", &go),
        ("SHIM", &program()),
    ] {
        launch = launch.env(name, value);
    }
    let limits = Limits {
        wall: Duration::from_secs(60),
        output_max: 4096,
    };
    let ended = run(&launch.env("PATH", "/usr/bin:/bin"), &limits).unwrap();
    if ended.exit == Exit::Code(99) || ended.stderr.text().starts_with("unshare: ") {
        // There is no small disk without a user namespace.
        return;
    }
    assert_eq!(ended.stdout.text(), "ready\nready\n");
    for (name, code, bytes) in [("long", 3, 500_000), ("silent", 4, 0)] {
        let Found::Ended(ended) = look(&out.join(name)).unwrap() else {
            panic!("{name} has no end")
        };
        assert_eq!(ended.end, End::Exited { code });
        assert_eq!((ended.output_bytes, ended.dropped_bytes), (bytes, 0));
        let frames = spool::read(&out.join(name), 0, usize::MAX).unwrap();
        let kept: usize = frames
            .iter()
            .map(|frame| match &frame.body {
                Body::Output(_, bytes) => bytes.len(),
                _ => 0,
            })
            .sum();
        assert_eq!(kept as u64, bytes);
    }
}
