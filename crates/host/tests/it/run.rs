use std::time::{Duration, Instant};

use hyperion_host::{Exit, Input, Launch, Limits, SpawnError, run, run_to_file};

const LIMITS: Limits = Limits {
    wall: Duration::from_secs(20),
    output_max: 1 << 20,
};

fn shell(script: &str) -> Launch {
    Launch::new("/bin/sh", "/")
        .args(["-c", script])
        .env("PATH", "/usr/bin:/bin")
}

#[test]
fn outputs_and_exit_code_are_kept_apart() {
    let outcome = run(&shell("echo out; echo err >&2; exit 3"), &LIMITS).unwrap();
    assert_eq!(outcome.exit, Exit::Code(3));
    assert_eq!(outcome.stdout.bytes, b"out\n");
    assert_eq!(outcome.stderr.text(), "err\n");
    assert!(!outcome.stdout.truncated);
}

#[test]
fn the_environment_is_exactly_what_was_given() {
    let outcome = run(&Launch::new("/usr/bin/env", "/").env("ONE", "1"), &LIMITS).unwrap();
    assert_eq!(outcome.stdout.text(), "ONE=1\n");
}

#[test]
fn large_input_and_output_flow_at_the_same_time() {
    let bytes = vec![b'x'; 3 << 20];
    let limits = Limits {
        output_max: 4 << 20,
        ..LIMITS
    };
    let outcome = run(&shell("cat").input(Input::Bytes(bytes.clone())), &limits).unwrap();
    assert_eq!(outcome.stdout.bytes, bytes);
    // A reader that goes away early is its own business.
    let outcome = run(&shell("exit 0").input(Input::Bytes(bytes)), &limits).unwrap();
    assert!(outcome.exit.success());
}

#[test]
fn output_beyond_the_limit_is_dropped_and_said_so() {
    let limits = Limits {
        output_max: 10,
        ..LIMITS
    };
    let outcome = run(
        &shell("printf 1234567890; printf abc >&2; head -c 1000000 /dev/zero"),
        &limits,
    )
    .unwrap();
    assert_eq!(outcome.stdout.bytes, b"1234567890");
    assert!(outcome.stdout.truncated);
    assert!(!outcome.stderr.truncated);
    assert!(outcome.exit.success());
}

#[test]
fn a_run_out_of_time_is_ended_with_everything_it_started() {
    let started = Instant::now();
    let limits = Limits {
        wall: Duration::from_millis(200),
        ..LIMITS
    };
    // The background process ignores TERM and holds the pipe open.
    let outcome = run(
        &shell("trap '' TERM; (trap '' TERM; sleep 100) & sleep 100"),
        &limits,
    )
    .unwrap();
    assert_eq!(outcome.exit, Exit::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_background_process_does_not_hold_the_run_open() {
    let started = Instant::now();
    let outcome = run(&shell("sleep 100 & echo $!"), &LIMITS).unwrap();
    assert!(outcome.exit.success());
    assert!(started.elapsed() < Duration::from_secs(10));
    let pid = outcome.stdout.text().trim().to_owned();
    // Killed, but the kernel may take a moment to bury it.
    let gone = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z") || stat.contains(") X"),
        Err(_) => true,
    };
    while !gone() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the background process outlived the run"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_is_told_from_a_code() {
    assert_eq!(
        run(&shell("kill -9 $$"), &LIMITS).unwrap().exit,
        Exit::Signal(9)
    );
}

#[test]
fn a_missing_program_has_its_own_error() {
    let missing = run(&Launch::new("/nonexistent/tool", "/"), &LIMITS).unwrap_err();
    assert!(matches!(missing, SpawnError::NotFound { .. }), "{missing}");
    let folder = run(&Launch::new("/bin/sh", "/nonexistent"), &LIMITS).unwrap_err();
    assert!(matches!(folder, SpawnError::Start { .. }), "{folder}");
}

#[test]
fn files_carry_input_and_output() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    std::fs::write(&from, b"through a file").unwrap();
    let outcome = run_to_file(&shell("cat").input(Input::File(from)), &LIMITS, &to).unwrap();
    assert!(outcome.exit.success());
    assert_eq!(std::fs::read(&to).unwrap(), b"through a file");
}
