//! The engine under a service manager: a real notify socket, and nobody behind it but the test.

use crate::world::{SOON, World};
use hyperion_testkit::{Hyperion, TempRepo};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

fn next(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = manager.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// A program whose service manager is the test; the watchdog wants to hear of it every second.
fn managed(hyperion: Hyperion, socket: &Path) -> Hyperion {
    hyperion
        .env("NOTIFY_SOCKET", socket)
        .env("WATCHDOG_USEC", "1000000")
}

// O3, Q5: ready when calls are answered, alive again and again, and stopping before it stops.
#[test]
fn a_service_manager_hears_that_the_engine_is_ready_alive_and_stopping() {
    let mut world = World::unknown(TempRepo::with_files(&[("a.txt", "one\n")]));
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    // Nothing of an engine in the background is the service manager's business.
    managed(world.hyperion.clone(), &socket)
        .inside(world.repo.path())
        .run(&["init"])
        .code(0);
    world.down();
    world.hyperion = managed(world.hyperion, &socket);
    world.start_engine();
    assert_eq!(next(&manager), "READY=1\n");
    world.run(&["status"]).code(0);
    assert_eq!(next(&manager), "WATCHDOG=1\n");
    assert_eq!(next(&manager), "WATCHDOG=1\n");
    world.stop_engine();
    let last = std::iter::repeat_with(|| next(&manager)).find(|told| told != "WATCHDOG=1\n");
    assert_eq!(last.as_deref(), Some("STOPPING=1\n"));
}

// Q5: the unit says what the program relies on, in words that systemd knows.
#[test]
fn the_unit_lets_what_the_engine_started_outlive_it() {
    let unit = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../packaging/hyperion.service"
    );
    let unit = std::fs::read_to_string(unit).unwrap();
    for line in [
        "Type=notify",
        "ExecStart=%h/.local/bin/hyperion up",
        "KillMode=process",
        "OOMPolicy=continue",
        "WatchdogSec=2min",
        "Restart=on-failure",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line} is missing");
    }
}
