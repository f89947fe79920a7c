use std::time::{Duration, Instant};

use hyperion_host::{CoProcess, CoProcessError, Launch};

fn start(script: &str) -> CoProcess {
    let launch = Launch::new("/bin/sh", "/")
        .args(["-c", script])
        .env("PATH", "/usr/bin:/bin");
    CoProcess::start(&launch, 1 << 20).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[test]
fn questions_are_answered_one_after_another() {
    let mut cat = start("exec cat");
    for question in ["one", "two", "three"] {
        cat.write_all(format!("{question}\n").as_bytes(), soon())
            .unwrap();
        assert_eq!(
            cat.read_until(b'\n', 100, soon()).unwrap(),
            question.as_bytes()
        );
    }
    let large = vec![b'x'; 900_000];
    cat.write_all(&large, soon()).unwrap();
    assert_eq!(cat.read_exact(large.len(), soon()).unwrap(), large);
}

#[test]
fn its_end_is_told_with_its_last_words() {
    let mut short = start("echo partial; echo broken >&2; exit 1");
    assert_eq!(short.read_until(b'\n', 100, soon()).unwrap(), b"partial");
    let Err(CoProcessError::Ended { stderr }) = short.read_until(b'\n', 100, soon()) else {
        panic!("not ended")
    };
    assert_eq!(stderr, "broken");
}

#[test]
fn silence_and_endless_answers_have_limits() {
    let mut silent = start("sleep 100");
    let deadline = Instant::now() + Duration::from_millis(50);
    assert!(matches!(
        silent.read_until(b'\n', 100, deadline),
        Err(CoProcessError::TimedOut)
    ));
    let mut endless = start("yes | tr -d '\\n'");
    assert!(matches!(
        endless.read_until(b'\n', 100_000, soon()),
        Err(CoProcessError::TooLong { max: 100_000 })
    ));
}
