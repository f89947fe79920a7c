//! Nothing of a run outlives it.

use std::fs;

use hyperion_host::{Killed, ProcessMark, is_alive, kill_group};
use hyperion_shim::{Body, Control, End, Found, Stream, end_what_is_left, look};

use crate::kit::{Run, lives, script, wait_until};

/// Starts three that stay: in the background, in a session of its own, and one whose parents are gone.
const BROOD: &str = "trap '' TERM; sleep 1000 & echo $!; setsid sleep 1000 & echo $!; \
    (setsid sh -c 'trap \"\" TERM HUP; echo $$; exec sleep 1000' &) ; ";

/// The numbers of the processes that a script has printed.
fn brood(run: &Run) -> Vec<String> {
    wait_until(|| run.text(Stream::Out).lines().count() >= 3);
    run.text(Stream::Out).lines().map(str::to_owned).collect()
}

fn all_gone(pids: &[String]) {
    wait_until(|| pids.iter().all(|pid| !lives(pid)));
}

#[test]
fn what_a_program_leaves_behind_ends_with_it_and_its_last_output_is_kept() {
    let run = Run::start(&script(&format!("{BROOD} sleep 0.3; echo last; exit 7")));
    let pids = brood(&run);
    assert_eq!(run.ended().end, End::Exited { code: 7 });
    assert!(pids.iter().all(|pid| !lives(pid)));
    assert!(run.text(Stream::Out).ends_with("last\n"));
}

#[test]
fn a_stop_ends_those_that_do_not_listen() {
    let run = Run::start(&script(&format!("{BROOD} while :; do sleep 0.1; done")));
    let pids = brood(&run);
    let mut attached = run.attach();
    attached.send(Control::Stop { grace_ms: 100 }).unwrap();
    assert_eq!(run.ended().end, End::Stopped);
    assert!(pids.iter().all(|pid| !lives(pid)));
}

#[test]
fn what_outlives_a_killed_shim_is_found_by_its_mark() {
    let spec = script(&format!("{BROOD} while :; do sleep 0.1; done"));
    let run = Run::start(&spec);
    let pids = brood(&run);
    let Found::Live { mark, .. } = look(run.path()).unwrap() else {
        panic!("it lives")
    };
    let program = run.frames().into_iter().find_map(|frame| match frame.body {
        Body::Started(mark) => mark.parse::<ProcessMark>().ok(),
        _ => None,
    });
    assert_eq!(kill_group(&mark).unwrap(), Killed::Signalled);
    wait_until(|| look(run.path()).unwrap() == Found::Dead);
    let program = program.unwrap();
    wait_until(|| !is_alive(&program));
    assert!(end_what_is_left(run.path(), &spec).unwrap());
    all_gone(&pids);
}

#[test]
fn the_dead_whose_parents_are_gone_do_not_pile_up() {
    let run = Run::start(&script(
        "for i in 1 2 3; do (sh -c 'echo $$' &); done; sleep 1000",
    ));
    let pids = brood(&run);
    wait_until(|| {
        pids.iter()
            .all(|pid| !fs::exists(format!("/proc/{pid}")).unwrap())
    });
    run.attach().send(Control::Stop { grace_ms: 0 }).unwrap();
    run.ended();
}

#[test]
fn a_number_that_was_given_away_is_not_the_shim() {
    let run = Run::prepare(&script("true"));
    assert_eq!(look(run.path()).unwrap(), Found::NotStarted);
    let own = ProcessMark::of(std::process::id()).unwrap().unwrap();
    let record = |mark: &ProcessMark| {
        let json = format!("{{\"version\":1,\"mark\":\"{mark}\"}}");
        fs::write(run.path().join("shim.json"), json).unwrap();
        look(run.path()).unwrap()
    };
    assert!(matches!(record(&own), Found::Live { version: 1, .. }));
    let other_start = ProcessMark {
        start_ticks: own.start_ticks + 1,
        ..own.clone()
    };
    assert_eq!(record(&other_start), Found::Dead);
    let other_boot = ProcessMark {
        boot_id: "another".to_owned(),
        ..own
    };
    assert_eq!(record(&other_boot), Found::Dead);
    fs::write(run.path().join("shim.json"), "{").unwrap();
    assert!(
        look(run.path())
            .unwrap_err()
            .to_string()
            .contains("shim.json")
    );
}
