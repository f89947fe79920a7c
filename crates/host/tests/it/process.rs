use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use hyperion_host::{
    Killed, ProcessMark, await_marked, boot_id, is_alive, kill_group, kill_marked,
};

#[allow(
    clippy::disallowed_methods,
    reason = "what is looked for was not started by us"
)]
/// Runs a shell in a group of its own, and lets somebody hear which process it is.
fn run(args: &[&str], mark: &str, on_started: impl FnOnce(&ProcessMark)) -> ExitStatus {
    let mut child = Command::new("/bin/sh")
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env(MARK, mark)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    on_started(&ProcessMark::of(child.id()).unwrap().unwrap());
    child.wait().unwrap()
}

const MARK: &str = "HYPERION_TEST_MARK";

#[test]
fn this_process_is_alive_and_another_start_of_its_number_is_not() {
    let mark = ProcessMark::of(std::process::id()).unwrap().unwrap();
    assert!(is_alive(&mark));
    assert_eq!(mark.to_string().parse::<ProcessMark>().unwrap(), mark);
    assert_eq!(mark.boot_id, boot_id().unwrap());
    let earlier = ProcessMark {
        start_ticks: mark.start_ticks - 1,
        ..mark.clone()
    };
    let other_boot = ProcessMark {
        boot_id: "another".to_owned(),
        ..mark
    };
    for stranger in [earlier, other_boot] {
        assert!(!is_alive(&stranger));
        assert_eq!(kill_group(&stranger).unwrap(), Killed::Gone);
    }
    assert_eq!(ProcessMark::of(u32::MAX).unwrap(), None);
    assert!("12:x:boot".parse::<ProcessMark>().is_err());
    assert!("12:13".parse::<ProcessMark>().is_err());
}

#[test]
fn a_group_is_killed_by_the_mark_of_its_leader() {
    let mut seen = None;
    let ended = run(&["-c", "sleep 100; true"], "", |mark| {
        assert_eq!(kill_group(mark).unwrap(), Killed::Signalled);
        seen = Some(mark.clone());
    });
    assert_eq!(ended.signal(), Some(9));
    assert_eq!(kill_group(&seen.unwrap()).unwrap(), Killed::Gone);
}

// M1, S8: a process that is given another program shows no environment for a moment.
#[test]
fn a_process_is_found_by_its_mark_while_it_changes_its_program() {
    let mark = format!("{}-{}", std::process::id(), "changing");
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("changes");
    std::fs::write(&script, "exec /bin/sh \"$0\"\n").unwrap();
    let marks = [mark.clone()];
    let ended = run(&[script.to_str().unwrap()], &mark, |_| {
        for look in 0..300 {
            let gone = await_marked(MARK, &marks, Duration::ZERO).unwrap();
            assert!(!gone, "it was not seen by look {look}");
        }
        assert!(kill_marked(MARK, &marks).unwrap());
    });
    assert_eq!(ended.signal(), Some(9));
}

// M1, S8: what nobody knows the pid of is found by its environment, also when it left its group.
#[test]
fn processes_are_ended_by_a_mark_in_their_environment() {
    let mark = format!("{}-{}", std::process::id(), "of this test");
    let marks = [mark.clone()];
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join("left");
    let left_file = left.display();
    let script = format!(
        "setsid sh -c 'echo $$ > {left_file}; sleep 100; true' & until test -s {left_file}; do sleep 0.01; done"
    );
    run(&["-c", &script], &mark, |_| {});
    assert!(
        !await_marked(MARK, &marks, Duration::ZERO).unwrap(),
        "one is left"
    );
    assert!(kill_marked(MARK, &["another".to_owned()]).unwrap());
    assert!(
        !await_marked(MARK, &marks, Duration::ZERO).unwrap(),
        "others are not touched"
    );
    assert!(kill_marked(MARK, &marks).unwrap());
    assert!(await_marked(MARK, &marks, Duration::ZERO).unwrap());
    let pid = std::fs::read_to_string(left).unwrap();
    let command = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    assert!(command.is_empty(), "it is gone, or a corpse");
}
