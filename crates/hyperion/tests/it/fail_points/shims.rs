//! Shims that die: what they leave says how far they came, and nothing of the run stays.

use crate::world::SOON;
use hyperion_fault::Point;
use hyperion_sandbox::{Level, Limits, Network, Sandbox};
use hyperion_shim::{Body, End, Found, HeartbeatFrom, Spec, Stdin, VERSION, look, spool};
use hyperion_testkit::Hyperion;

pub(super) const POINTS: &[Point] = &[Point::ShimRecorded, Point::ShimStarted, Point::ShimEnding];

fn spec(run: &str) -> Spec {
    Spec {
        version: VERSION,
        run: run.to_owned(),
        lineage: None,
        token: None,
        argv: ["/bin/sh", "-c", "sleep 0.1; exit 3"]
            .map(str::to_owned)
            .to_vec(),
        cwd: "/".into(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        umask: None,
        stdin: Stdin::Null,
        terminal: None,
        sandbox: Sandbox {
            level: Level::Off,
            network: Network::On,
            ..Sandbox::default()
        },
        limits: Limits::default(),
        background: false,
        heartbeat: HeartbeatFrom::Nobody,
        grace_ms: 1000,
        channels: Vec::new(),
        channel_socket: None,
    }
}

// M1, S2
#[test]
fn a_shim_that_dies_leaves_what_it_knew() {
    for point in POINTS {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run");
        let spec = spec(point.name());
        hyperion_shim::write_spec(&folder, &spec).unwrap();
        let hyperion = Hyperion::new(env!("CARGO_BIN_EXE_hyperion"));
        let shim = hyperion.env("HYPERION_FAIL_POINT", point.name());
        let ended = shim.start(&["shim", folder.to_str().unwrap()]).wait(SOON);
        assert_eq!(ended.exit(), None, "{} was not reached", point.name());
        let frames = spool::read(&folder, 0, usize::MAX).unwrap();
        let is_started = matches!(
            frames.first().map(|frame| &frame.body),
            Some(Body::Started(_))
        );
        assert_eq!(is_started, *point != Point::ShimRecorded);
        match look(&folder).unwrap() {
            Found::Ended(ended) if *point == Point::ShimEnding => {
                assert_eq!(ended.end, End::Exited { code: 3 });
            }
            Found::Dead if *point != Point::ShimEnding => {}
            other => panic!("{}: {other:?}", point.name()),
        }
        assert!(hyperion_shim::end_what_is_left(&folder, &spec).unwrap());
    }
}
